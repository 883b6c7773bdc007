//! From what was seen to what it means.

use super::answer::{Answer, End, Refusal, split_stderr, sudo_fault};
use super::error::{Cause, Phase};
use super::limits::{Limits, Output};
use super::pump::{Ended, Seen};
use super::render::TRUNCATED;
use super::script::{Identity, Script};

const FULL: &str = "No space left on device";

/// A cause, and what the script had printed by then.
pub(super) type Failure = (Cause, Vec<u8>);

/// Only a frame that has ended is an answer; everything else says how far it can have come.
pub(super) fn judge(
    seen: &Seen,
    mark: &str,
    script: &Script,
    limits: &Limits,
    log: &str,
) -> Result<Output, Failure> {
    let mut answer = Answer::parse(&seen.stdout, mark);
    let (sudo, stderr) = split_stderr(&seen.stderr, mark);
    let section = answer.statuses.len() + 1;
    let late = seen.elapsed >= limits.task;
    let detail = words(&[&stderr, log]);
    let cause = match answer.end {
        Some(End::Whole) => {
            let status = answer.statuses.last().copied().unwrap_or(0);
            return Ok(Output { stdout: answer.stdout, stderr_tail: stderr, status });
        }
        Some(End::Sudo(refusal)) => sudo_cause(refusal, &sudo, script, section),
        Some(End::Become(fault)) => Cause::Become { user: user_of(script, section), section, fault },
        _ if seen.ended == Ended::Flooded => Cause::TooMuchOutput { limit: limits.max_output },
        _ if stderr.contains(FULL) => Cause::DiskFull { local: false, started: answer.started, detail },
        Some(End::Broken(_)) | None if late && answer.started => timeout(Phase::Script, limits),
        Some(End::Broken(status)) => {
            Cause::Ended { section, detail: words(&[&stderr, &format!("status {status}")]) }
        }
        None if seen.ended == Ended::Late => {
            let phase = match (answer.started, seen.fed) {
                (true, _) => Phase::Script,
                (false, true) => Phase::Start,
                (false, false) => Phase::Upload,
            };
            timeout(phase, limits)
        }
        None => unfinished(seen, answer.started, section, &stderr, detail),
    };
    Err((cause, std::mem::take(&mut answer.stdout)))
}

fn unfinished(seen: &Seen, started: bool, section: usize, stderr: &str, detail: String) -> Cause {
    match seen.ended {
        Ended::Status(TRUNCATED) if !started => Cause::Cut { may_have_started: false, detail },
        Ended::Status(status) if !started => {
            Cause::Shell { status, detail: words(&[stderr, &String::from_utf8_lossy(&seen.stdout)]) }
        }
        Ended::Killed if !started => {
            Cause::Shell { status: -1, detail: words(&[stderr, "killed by a signal"]) }
        }
        Ended::Killed | Ended::Status(_) => Cause::Ended { section, detail },
        _ => Cause::Cut { may_have_started: started || seen.fed, detail },
    }
}

fn timeout(phase: Phase, limits: &Limits) -> Cause {
    Cause::Timeout { phase, seconds: limits.task.as_secs() }
}

fn user_of(script: &Script, section: usize) -> String {
    match script.sections.get(section - 1).map(|s| &s.identity) {
        Some(Identity::User(user)) => user.clone(),
        _ => String::new(),
    }
}

fn sudo_cause(refusal: Refusal, words_of_sudo: &str, script: &Script, section: usize) -> Cause {
    let user = user_of(script, section);
    let detail = match refusal {
        Refusal::Missing => "`command -v sudo` finds nothing".to_owned(),
        Refusal::Shell => {
            "the host's sh has no printf of its own: a password would be seen by others".to_owned()
        }
        Refusal::Refused | Refusal::Password => words(&[words_of_sudo]),
    };
    Cause::Sudo { user, section, fault: sudo_fault(refusal, words_of_sudo), detail }
}

/// The last words of the first that said anything, on one line, without what a terminal would obey.
pub(super) fn words(sources: &[&str]) -> String {
    const LENGTH: usize = 300;
    let Some(text) = sources.iter().map(|s| s.trim()).find(|s| !s.is_empty()) else {
        return "no word of why".into();
    };
    let line: Vec<String> = text
        .split(['\n', '\r'])
        .map(|l| l.trim().chars().filter(|c| !c.is_control()).collect::<String>())
        .filter(|l| !l.is_empty())
        .collect();
    let line = line.join("; ");
    let skip = line.chars().count().saturating_sub(LENGTH);
    if skip == 0 { line } else { format!("…{}", line.chars().skip(skip).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cause, Ended, Limits, Output, Phase, Script, Seen, judge, words};
    use crate::transport::error::SudoFault;

    fn seen(stdout: &str, stderr: &str, fed: bool, ended: Ended) -> Seen {
        Seen { stdout: stdout.into(), stderr: stderr.into(), fed, ended, elapsed: Duration::from_secs(1) }
    }

    fn verdict(seen: &Seen) -> Result<Output, Cause> {
        let limits = Limits { task: Duration::from_secs(9), ..Limits::default() };
        judge(seen, "M", &Script::user("root", ""), &limits, "").map_err(|(cause, _)| cause)
    }

    #[test]
    fn only_an_ended_frame_is_an_answer() {
        let output = verdict(&seen("\nM start\nout\nM 3\n\nM end\n", "", true, Ended::Vanished)).unwrap();
        assert_eq!((output.stdout.as_slice(), output.status), (&b"out"[..], 3));
        let cut = verdict(&seen("\nM start\nout\nM 0\n", "", true, Ended::Vanished));
        assert!(matches!(cut, Err(Cause::Cut { may_have_started: true, .. })), "{cut:?}");
        let ended = verdict(&seen("\nM start\nout", "", true, Ended::Status(1)));
        assert!(matches!(ended, Err(Cause::Ended { section: 1, .. })), "{ended:?}");
    }

    #[test]
    fn how_far_a_lost_one_came() {
        for (fed, may) in [(false, false), (true, true)] {
            let cut = verdict(&seen("", "", fed, Ended::Vanished));
            assert!(
                matches!(cut, Err(Cause::Cut { may_have_started, .. }) if may_have_started == may),
                "{cut:?}"
            );
        }
        let cut = verdict(&seen("", "", true, Ended::Status(97)));
        assert!(matches!(cut, Err(Cause::Cut { may_have_started: false, .. })), "{cut:?}");
    }

    #[test]
    fn no_shell_and_no_room() {
        let shell = verdict(&seen("This account is currently not available.\n", "", true, Ended::Status(1)));
        let Err(Cause::Shell { status: 1, detail }) = shell else { panic!("{shell:?}") };
        assert_eq!(detail, "This account is currently not available.");
        let full = verdict(&seen("\nM start\n", "sh: No space left on device", true, Ended::Status(2)));
        assert!(matches!(full, Err(Cause::DiskFull { local: false, started: true, .. })), "{full:?}");
    }

    #[test]
    fn time_is_over() {
        let mut late = seen("\nM start\n", "", true, Ended::Vanished);
        late.elapsed = Duration::from_secs(10);
        assert!(matches!(verdict(&late), Err(Cause::Timeout { phase: Phase::Script, seconds: 9 })));
        let upload = verdict(&seen("", "", false, Ended::Late));
        assert!(matches!(upload, Err(Cause::Timeout { phase: Phase::Upload, .. })), "{upload:?}");
    }

    #[test]
    fn sudo_names_the_user() {
        let refused = seen(
            "\nM start\n\nM sudo refused\n",
            "M\nsudo: a password is required\n",
            true,
            Ended::Status(0),
        );
        let Err(Cause::Sudo { user, section: 1, fault, detail }) = verdict(&refused) else { panic!() };
        assert_eq!((user.as_str(), fault), ("root", SudoFault::NeedsPassword));
        assert_eq!(detail, "sudo: a password is required");
    }

    #[test]
    fn words_are_one_harmless_line() {
        assert_eq!(words(&["", " a\r\nb\u{1b}[31m\n"]), "a; b[31m");
        assert_eq!(words(&[]), "no word of why");
        assert_eq!(words(&[&"x".repeat(400)]).chars().count(), 301);
    }
}
