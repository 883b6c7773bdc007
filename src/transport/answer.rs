//! What came back, told apart: frames, output, and the words of sudo.

use super::error::{BecomeFault, SudoFault};

/// What the frames on standard output say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) started: bool,
    pub(super) stdout: Vec<u8>,
    /// One for each section that ended.
    pub(super) statuses: Vec<i32>,
    pub(super) end: Option<End>,
}

/// How the frame ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// sudo did not run the section after the last status.
    Sudo(Refusal),
    /// There is no sudo to run the section after the last status as somebody else.
    Become(BecomeFault),
    /// The shell of the section after the last status ended with this status.
    Broken(i32),
}

/// What the frame knows of sudo's refusal; the rest stands in sudo's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Missing,
    Refused,
    Password,
    Shell,
}

impl Answer {
    /// Takes the frames out of the bytes that a login sent, whatever its shell printed before them.
    pub(super) fn parse(bytes: &[u8], mark: &str) -> Self {
        let mut answer = Self::default();
        let start = format!("\n{mark} start\n");
        let Some(at) = find(bytes, start.as_bytes()) else { return answer };
        answer.started = true;
        let mut rest = &bytes[at + start.len()..];
        let needle = format!("\n{mark} ");
        while answer.end.is_none() {
            let Some(at) = find(rest, needle.as_bytes()) else { break };
            let after = &rest[at + needle.len()..];
            let Some(length) = after.iter().position(|b| *b == b'\n') else { break };
            answer.stdout.extend_from_slice(&rest[..at]);
            answer.line(&String::from_utf8_lossy(&after[..length]));
            rest = &after[length + 1..];
        }
        if answer.end.is_none() {
            answer.stdout.extend_from_slice(rest);
        }
        answer
    }

    fn line(&mut self, line: &str) {
        match line {
            "end" => self.end = Some(End::Whole),
            "sudo missing" => self.end = Some(End::Sudo(Refusal::Missing)),
            "sudo refused" => self.end = Some(End::Sudo(Refusal::Refused)),
            "sudo password" => self.end = Some(End::Sudo(Refusal::Password)),
            "sudo shell" => self.end = Some(End::Sudo(Refusal::Shell)),
            "become administrator" => self.end = Some(End::Become(BecomeFault::Administrator)),
            "become user" => self.end = Some(End::Become(BecomeFault::User)),
            _ => match line.strip_prefix("broken ") {
                Some(status) => self.end = Some(End::Broken(status.parse().unwrap_or(-1))),
                None => self.statuses.push(line.parse().unwrap_or(-1)),
            },
        }
    }
}

/// Whether the frame has ended, seen from the last bytes alone: asked after each read.
pub(super) fn is_whole(bytes: &[u8], mark: &str) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(mark.len() + 32)..];
    let Some(line) = tail.strip_suffix(b"\n").and_then(|t| t.rsplit(|b| *b == b'\n').next()) else {
        return false;
    };
    let Some(word) = line.strip_prefix(mark.as_bytes()).and_then(|w| w.strip_prefix(b" ")) else {
        return false;
    };
    word == b"end" || [&b"sudo "[..], b"become ", b"broken "].iter().any(|begin| word.starts_with(begin))
}

/// What sudo has said, and standard error without the marks.
pub(super) fn split_stderr(tail: &str, mark: &str) -> (String, String) {
    let sudo = tail.rsplit_once(mark).map_or("", |(_, after)| after).trim().to_owned();
    let clean: String = tail.split_inclusive('\n').filter(|line| line.trim_end() != mark).collect();
    (sudo, clean)
}

/// sudo's words, in the C locale, of Todd Miller's sudo and of sudo-rs.
pub(super) fn sudo_fault(refusal: Refusal, words: &str) -> SudoFault {
    const WORDS: [(&str, SudoFault); 13] = [
        ("must have a tty", SudoFault::NoTty),
        ("unknown user", SudoFault::UnknownUser),
        ("user not found", SudoFault::UnknownUser),
        ("not in the sudoers", SudoFault::NotAllowed),
        ("is not allowed to", SudoFault::NotAllowed),
        ("may not run sudo", SudoFault::NotAllowed),
        ("I'm afraid I can't do that", SudoFault::NotAllowed),
        ("incorrect password", SudoFault::WrongPassword),
        ("incorrect authentication", SudoFault::WrongPassword),
        ("Authentication failed", SudoFault::WrongPassword),
        ("no password was provided", SudoFault::WrongPassword),
        ("password is required", SudoFault::NeedsPassword),
        ("authentication is required", SudoFault::NeedsPassword),
    ];
    match refusal {
        Refusal::Missing => return SudoFault::Missing,
        Refusal::Shell => return SudoFault::Other,
        Refusal::Refused | Refusal::Password => {}
    }
    let known = WORDS.iter().find(|(text, _)| words.contains(text)).map(|(_, fault)| *fault);
    match (known, refusal) {
        (Some(SudoFault::NeedsPassword), Refusal::Password) => SudoFault::WrongPassword,
        (Some(fault), _) => fault,
        (None, _) => SudoFault::Other,
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|b| *b == first) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Answer, End, Refusal, is_whole, split_stderr, sudo_fault};
    use crate::transport::error::{BecomeFault, SudoFault};

    fn parse(text: &str) -> Answer {
        Answer::parse(text.as_bytes(), "MARK")
    }

    #[test]
    fn what_a_login_prints_first_is_discarded() {
        let answer = parse("Welcome!\nMARK end\n\nMARK start\nout\n\nMARK 0\n\nMARK end\nlate");
        assert_eq!(answer.stdout, b"out\n");
        assert_eq!((answer.statuses, answer.end), (vec![0], Some(End::Whole)));
    }

    #[test]
    fn sections_are_joined_byte_for_byte() {
        let answer = parse("\nMARK start\n\n\0a\nMARK 0\nb\n\nMARK 7\n\nMARK end\n");
        assert_eq!(answer.stdout, b"\n\0ab\n");
        assert_eq!(answer.statuses, [0, 7]);
    }

    #[test]
    fn a_cut_anywhere_is_no_end() {
        let whole = "\nMARK start\nout\nMARK 0\n\nMARK end\n";
        for at in 0..whole.len() {
            assert_eq!(parse(&whole[..at]).end, None, "{at}");
            assert!(!is_whole(&whole.as_bytes()[..at], "MARK"), "{at}");
        }
        assert!(is_whole(whole.as_bytes(), "MARK"));
        assert!(is_whole(b"\nMARK sudo refused\n", "MARK") && is_whole(b"x\nMARK broken 137\n", "MARK"));
        assert!(is_whole(b"\nMARK become administrator\n", "MARK"));
        assert!(!is_whole(b"", "MARK") && !is_whole(b"\nMARK 0\n", "MARK"));
    }

    #[test]
    fn sudo_and_broken() {
        assert_eq!(parse("\nMARK start\n\nMARK sudo refused\n").end, Some(End::Sudo(Refusal::Refused)));
        assert_eq!(parse("\nMARK start\n\nMARK broken 137\n").end, Some(End::Broken(137)));
        let administrator = parse("\nMARK start\n\nMARK become administrator\n").end;
        assert_eq!(administrator, Some(End::Become(BecomeFault::Administrator)));
    }

    #[test]
    fn words_of_sudo() {
        let (sudo, clean) = split_stderr("noise\nMARK\nfirst\nMARK\nsudo: a password is required\n", "MARK");
        assert_eq!(sudo, "sudo: a password is required");
        assert_eq!(clean, "noise\nfirst\nsudo: a password is required\n");
        let fault = |words| sudo_fault(Refusal::Refused, words);
        assert_eq!(fault(&sudo), SudoFault::NeedsPassword);
        assert_eq!(fault("sudo: sorry, you must have a tty to run sudo"), SudoFault::NoTty);
        assert_eq!(fault("eve is not in the sudoers file."), SudoFault::NotAllowed);
        assert_eq!(fault("sudo: 1 incorrect password attempt"), SudoFault::WrongPassword);
        assert_eq!(fault("sudo: unknown user nobody1"), SudoFault::UnknownUser);
        assert_eq!(fault("?"), SudoFault::Other);
        assert_eq!(sudo_fault(Refusal::Missing, ""), SudoFault::Missing);
    }
}
