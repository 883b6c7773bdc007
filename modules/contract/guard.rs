//! The guard of a host: what a script asks of it, and what it answers. What it does stands in `guard.sh`.

use super::change::digest;
use super::decode::act_output;
use super::script::{Frame, guard_library};
use super::text::{Arg, Call};

/// What a host's guard answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardAnswer {
    /// The host is this run's alone, or its changes are confirmed. What there is to say beside that: lines of an earlier run
    /// that was cut off.
    Well(Vec<String>),
    /// The host is this run's, after another run was waited for: what was asked before may not hold any more.
    Waited(Vec<String>),
    /// What this run has changed was put back.
    PutBack(PutBack),
    /// Another run has the host: its id, and who runs it.
    Busy(String),
    /// The guard is not there and cannot be had: why.
    Gone(String),
}

/// How a host was put back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutBack {
    /// Why.
    pub why: String,
    /// What became of the daemon: `as it was`, `up`, or `down` and its last words.
    pub daemon: String,
    /// The paths that could not be put back.
    pub left: Vec<String>,
    /// What is owed to the daemon, as it has not taken everything back.
    pub owed: Option<String>,
}

impl PutBack {
    /// Whether the host is as it was before, with its daemon.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.left.is_empty()
            && self.owed.is_none()
            && !self.daemon.starts_with("down")
            && !self.daemon.contains("without")
    }
}

impl GuardAnswer {
    /// Reads the frame of [`hold`], [`confirm`] or [`put_back`].
    #[must_use]
    pub fn read(frame: &Frame) -> Self {
        let text = act_output(&frame.body);
        let lines = || text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        match frame.status {
            0 => Self::Well(lines()),
            Frame::WAITED => Self::Waited(lines()),
            Frame::REVERTED => put_back_of(&text).map_or_else(|| Self::Gone(text.clone()), Self::PutBack),
            Frame::BUSY => Self::Busy(text.trim().to_owned()),
            _ => Self::Gone(text.trim().to_owned()),
        }
    }
}

fn put_back_of(text: &str) -> Option<PutBack> {
    let mut lines = text.lines();
    if lines.next() != Some("rolled_back") {
        return None;
    }
    let mut put_back = PutBack { why: lines.next().unwrap_or_default().to_owned(), ..PutBack::default() };
    for line in lines {
        if let Some(daemon) = line.strip_prefix("daemon ") {
            daemon.clone_into(&mut put_back.daemon);
        } else if let Some(path) = line.strip_prefix("left ") {
            put_back.left.push(path.to_owned());
        } else if let Some(owed) = line.strip_prefix("owed ") {
            put_back.owed = Some(owed.to_owned());
        }
    }
    Some(put_back)
}

/// The name of what a run keeps on a host: a machine may be in the inventory under several names.
#[must_use]
pub fn record(run: &str, host: &str) -> String {
    format!("{run}-{}", &digest(host.as_bytes())[..6])
}

/// The run that a record is of.
#[must_use]
pub fn run_of(record: &str) -> &str {
    record.rsplit_once('-').map_or(record, |(run, _)| run)
}

/// Takes a host for a run, or says that the run still has it. With `program` its guard is started: before the first change
/// of a play. `wait` bounds, in seconds, how long another run is waited for; after `silence` seconds without a word from
/// this one the host is put back.
#[must_use]
pub fn hold(record: &str, who: &str, wait: u64, silence: u64, program: Option<&str>) -> Call {
    Call::new("guard_hold")
        .word(record)
        .word(who)
        .word(wait.to_string())
        .word(silence.to_string())
        .bytes(program.unwrap_or_default().as_bytes())
}

/// Confirms what a run has changed, once the daemon has lived for so many seconds.
#[must_use]
pub fn confirm(record: &str, seconds: u64) -> Call {
    Call::new("guard_confirm").word(record).word(seconds.to_string())
}

/// Puts back what a run has changed since it was confirmed last.
#[must_use]
pub fn put_back(record: &str, why: &str) -> Call {
    Call::new("guard_put_back").word(record).word(why.lines().next().unwrap_or_default())
}

/// The text of a guard, which runs on the host by itself. `header` is that of scripts; after `silence` seconds without a word
/// from its run it puts the host back; `restart` and `reload` are the
/// daemon's commands: without a `restart` nothing restarts it, without a `reload` it gets a signal.
#[must_use]
pub fn program(header: &[(&'static str, String)], silence: u64, restart: &[&str], reload: &[&str]) -> String {
    let called = restart.iter().chain(reload).copied().chain(["bounded", "hup"]);
    let library = guard_library(header, called);
    let words =
        |command: &[&str]| command.iter().map(|word| format!(" {}", word_of(word))).collect::<String>();
    let restart =
        if restart.is_empty() { "false".to_owned() } else { format!("bounded 120{}", words(restart)) };
    format!(
        "{library}guard_window={silence}\nrestart_daemon() {{ {restart}; }}\nreload_daemon() {{ hup{reload}; }}\nwatch_over \"$1\" \"$2\"\n",
        reload = words(reload),
    )
}

fn word_of(text: &str) -> Arg {
    Arg::Word(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(status: i32, body: &str) -> Frame {
        use base64::Engine as _;
        let body = format!("b:{}", base64::engine::general_purpose::STANDARD.encode(body));
        Frame::new(status, body)
    }

    #[test]
    fn what_was_put_back_is_read_whole() {
        let said = "rolled_back\nthe daemon does not answer\ndaemon up\nleft /etc/a b\n";
        let GuardAnswer::PutBack(put_back) = GuardAnswer::read(&frame(Frame::REVERTED, said)) else {
            panic!("a host that was put back says so")
        };
        assert_eq!(put_back.why, "the daemon does not answer");
        assert_eq!(
            (put_back.daemon.as_str(), put_back.left.as_slice()),
            ("up", ["/etc/a b".to_owned()].as_slice())
        );
        assert!(!put_back.is_whole());
    }

    #[test]
    fn an_outcome_that_is_none_is_no_way_back() {
        for body in ["", "confirmed\n", "cut\n"] {
            assert!(
                matches!(GuardAnswer::read(&frame(Frame::REVERTED, body)), GuardAnswer::Gone(_)),
                "{body:?}"
            );
        }
    }

    #[test]
    fn a_program_restarts_its_own_daemon() {
        let program =
            program(&[("socket", "/run/it's.sock".to_owned())], 30, &["/etc/init.d/docker", "restart"], &[]);
        assert!(program.contains("socket='/run/it'\\''s.sock'\n"), "the daemon is the host's");
        assert!(
            program.contains("{ bounded 120 '/etc/init.d/docker' 'restart'; }"),
            "the command is the table's"
        );
        assert!(program.contains("reload_daemon() { hup; }"), "without a command it is a signal");
        assert!(program.ends_with("watch_over \"$1\" \"$2\"\n"));
    }
}
