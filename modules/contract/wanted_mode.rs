//! Permission bits as a playbook asks for them: octal, symbolic, or those of the source.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::text::Mode;

/// The umask that symbolic modes without `u`, `g`, `o` or `a` heed: files are made 0644 and directories 0755 whatever the
/// login's is.
const UMASK: u16 = 0o022;

/// What `mode` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedMode {
    /// These bits.
    Bits(Mode),
    /// Changes to the bits that are there, as `chmod` takes them: `u=rw,g+r,o-rwx`.
    Symbolic(Symbolic),
    /// Those of the file that is copied.
    Preserve,
}

/// Clauses such as `u=rw` and `go-w`, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbolic(String);

impl WantedMode {
    /// The bits that it comes to for a file that has `now`; none for [`Preserve`](Self::Preserve).
    #[must_use]
    pub fn over(&self, now: Mode, directory: bool) -> Option<Mode> {
        match self {
            Self::Bits(mode) => Some(*mode),
            Self::Symbolic(symbolic) => Some(symbolic.over(now, directory)),
            Self::Preserve => None,
        }
    }
}

impl Symbolic {
    /// The bits that it makes of `now`, as Ansible counts them.
    #[must_use]
    pub fn over(&self, now: Mode, directory: bool) -> Mode {
        let mut bits = now.bits();
        for clause in self.0.split(',') {
            let (users, operations) = parts(clause);
            for (operator, letters) in operations {
                for user in if users.is_empty() || users == "a" { "ugo" } else { users }.chars() {
                    let given = letters.chars().fold(0, |sum, letter| {
                        sum | bits_of(user, letter, bits, directory, users.is_empty())
                    });
                    bits = match operator {
                        '=' => (bits & !all_of(user)) | given,
                        '+' => bits | given,
                        _ => bits & !given,
                    };
                }
            }
        }
        Mode::new(bits)
    }
}

/// Whom a clause is about, and its operators with their letters.
fn parts(clause: &str) -> (&str, Vec<(char, &str)>) {
    const OPERATORS: [char; 3] = ['+', '-', '='];
    let start = clause.find(OPERATORS).unwrap_or(clause.len());
    let mut rest = &clause[start..];
    let mut operations = Vec::new();
    while let Some(operator) = rest.chars().next() {
        let end = rest[1..].find(OPERATORS).map_or(rest.len(), |end| end + 1);
        operations.push((operator, &rest[1..end]));
        rest = &rest[end..];
    }
    (&clause[..start], operations)
}

/// What `=` clears first.
const fn all_of(user: char) -> u16 {
    match user {
        'u' => 0o4700,
        'g' => 0o2070,
        _ => 0o1007,
    }
}

fn bits_of(user: char, letter: char, now: u16, directory: bool, masked: bool) -> u16 {
    let shift = match user {
        'u' => 6,
        'g' => 3,
        _ => 0,
    };
    let plain = |bit: u16| (bit << shift) & if masked { !UMASK } else { u16::MAX };
    match (letter, user) {
        ('r', _) => plain(4),
        ('w', _) => plain(2),
        ('x', _) => plain(1),
        ('X', _) if directory || now & 0o111 != 0 => 1 << shift,
        ('s', 'u') => 0o4000,
        ('s', 'g') => 0o2000,
        ('t', 'o') => 0o1000,
        ('u', _) => ((now >> 6) & 7) << shift,
        ('g', _) => ((now >> 3) & 7) << shift,
        ('o', _) => (now & 7) << shift,
        _ => 0,
    }
}

impl FromStr for WantedMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "preserve" {
            return Ok(Self::Preserve);
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return text.strip_prefix("0o").unwrap_or(text).parse().map(Self::Bits);
        }
        let fine = |clause: &str| {
            let (users, operations) = parts(clause);
            (users == "a" || users.chars().all(|c| "ugo".contains(c)))
                && !operations.is_empty()
                && operations.iter().all(|(_, letters)| letters.chars().all(|c| "rwxXstugo".contains(c)))
        };
        if text.split(',').all(fine) {
            return Ok(Self::Symbolic(Symbolic(text.to_owned())));
        }
        Err(format!(
            "`{text}` is no mode; write octal digits in quotes, such as \"0644\", or symbols, such as u=rw,g=r,o="
        ))
    }
}

impl fmt::Display for Symbolic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WantedMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text.parse().map_err(de::Error::custom),
            other => Mode::deserialize(other).map(Self::Bits).map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for WantedMode {
    fn schema_name() -> Cow<'static, str> {
        "WantedMode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "permission bits in octal, such as \"0644\", or in symbols, such as u=rw,g=r",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ansible's answers, by its own function, for files and directories that have 0644, 04755 and 0.
    #[test]
    fn symbols_come_to_what_ansible_makes_of_them() {
        let recorded: Vec<(String, u16, bool, u16)> =
            serde_json::from_str(include_str!("../tests/fixtures/symbolic_modes.json")).unwrap();
        for (text, now, directory, answer) in recorded {
            let mode: WantedMode = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            let bits = mode.over(Mode::new(now), directory).unwrap().bits();
            assert_eq!(format!("{bits:o}"), format!("{answer:o}"), "{text} over {now:o}, {directory}");
        }
    }

    #[test]
    fn what_is_no_mode_is_refused() {
        for text in ["", "u", "u=q", "z=r", "u=r,", "rw", "0999", "77777", "u=r g=r", "-"] {
            let read = text.parse::<WantedMode>();
            assert!(read.is_err() || text == "-", "{text}: {read:?}");
        }
        assert_eq!("0o644".parse(), Ok(WantedMode::Bits(Mode::new(0o644))));
        assert_eq!("644".parse(), Ok(WantedMode::Bits(Mode::new(0o644))));
    }
}
