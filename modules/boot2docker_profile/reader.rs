//! What a profile does to `EXTRA_ARGS`, told from its text: it is never run.

use std::collections::BTreeMap;
use std::ops::Range;

use super::words::{Byte, Command, List, Operator, Part, Refusal, Word, is_name, lists};

/// The variable that holds the daemon's flags.
pub const NAME: &[u8] = b"EXTRA_ARGS";

/// What is known of a profile once a shell has read it.
#[derive(Debug, Default)]
pub struct Reading {
    /// The value of `EXTRA_ARGS`: empty where nothing assigns it.
    value: Vec<Byte>,
    /// The assignments to it, in order: each is a whole command.
    pub assignments: Vec<Range<usize>>,
    /// Places that look at it, other than its own assignments.
    pub uses: Vec<usize>,
    /// Every other variable that is assigned, with its value as far as that is known.
    pub others: BTreeMap<Vec<u8>, Option<Vec<Byte>>>,
}

/// A word of `EXTRA_ARGS`, as the shell splits it for the daemon's command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    pub bytes: Vec<Byte>,
    /// The white space before it in the value.
    pub before: Option<Byte>,
    /// The white space after it.
    pub after: Option<Byte>,
}

impl Argument {
    pub fn text(&self) -> Vec<u8> {
        self.bytes.iter().map(|byte| byte.value).collect()
    }
}

impl Reading {
    /// Reads a profile.
    ///
    /// # Errors
    /// The place of what is not followed.
    pub fn of(text: &[u8]) -> Result<Self, Refusal> {
        let mut reading = Self::default();
        for list in lists(text)? {
            reading.list(&list)?;
        }
        Ok(reading)
    }

    /// The words of `EXTRA_ARGS`.
    pub fn arguments(&self) -> Vec<Argument> {
        let blank = |byte: &Byte| matches!(byte.value, b' ' | b'\t' | b'\n');
        let mut found = Vec::new();
        let mut start = 0;
        while let Some(from) = self.value[start..].iter().position(|byte| !blank(byte)) {
            let from = start + from;
            let end = self.value[from..].iter().position(blank).map_or(self.value.len(), |n| from + n);
            found.push(Argument {
                bytes: self.value[from..end].to_vec(),
                before: from.checked_sub(1).map(|i| self.value[i]),
                after: self.value.get(end).copied(),
            });
            start = end;
        }
        found
    }

    /// Whether every other variable has the same value in both.
    pub fn agrees(&self, other: &Self) -> bool {
        let bytes = |value: &Option<Vec<Byte>>| {
            value.as_ref().map(|value| value.iter().map(|byte| byte.value).collect::<Vec<_>>())
        };
        let all = |reading: &Self| -> Vec<_> {
            reading.others.iter().map(|(name, value)| (name.clone(), bytes(value))).collect()
        };
        all(self) == all(other)
    }

    fn list(&mut self, list: &List) -> Result<(), Refusal> {
        for (index, command) in list.commands.iter().enumerate() {
            let piped = command.after == Some(Operator::Pipe)
                || list.commands.get(index + 1).is_some_and(|next| next.after == Some(Operator::Pipe));
            let sure = index == 0 && !piped && !list.background;
            self.command(command, sure)?;
        }
        Ok(())
    }

    fn command(&mut self, command: &Command, sure: bool) -> Result<(), Refusal> {
        let assigned: Vec<Assigned<'_>> = command.words.iter().map_while(plain_assignment).collect();
        let Some(name) = command.words.get(assigned.len()) else {
            return self.assignments(command, &assigned, sure);
        };
        if let Some(word) = assigned.iter().find(|word| word.name == NAME || is_special(&word.name)) {
            let what = format!("`{}` is set for one command alone", String::from_utf8_lossy(&word.name));
            return Err(Refusal::new(word.at, what, "put quotes round the value if it has spaces"));
        }
        // Before some commands an assignment stays, before others it does not.
        for word in &assigned {
            self.others.insert(word.name.clone(), None);
        }
        command.words.iter().for_each(|word| self.note_uses(&word.parts));
        let arguments = &command.words[assigned.len() + 1..];
        match command_name(name)?.as_slice() {
            b":" | b"export" | b"unset" if command.redirected.is_some() => Err(redirected(command)),
            b"export" => self.export(arguments, sure),
            b"unset" => self.unset(arguments, sure),
            b"printf" if arguments.first().is_some_and(begins_with_dash) => {
                Err(Refusal::new(name.start, "`printf` with an option may assign", "leave the option out"))
            }
            _ => Ok(()),
        }
    }

    /// A command of assignments alone.
    fn assignments(
        &mut self,
        command: &Command,
        assigned: &[Assigned<'_>],
        sure: bool,
    ) -> Result<(), Refusal> {
        if command.redirected.is_some() {
            return Err(redirected(command));
        }
        let refers =
            |word: &Assigned<'_>| word.parts.iter().any(|part| !matches!(part, Part::Literal { .. }));
        let several = assigned.len() > 1 && assigned.iter().any(refers);
        for word in assigned {
            if several && (word.name == NAME || looks_at(word.parts, NAME)) {
                let what = "several assignments in one line, whose order differs between shells";
                return Err(Refusal::new(word.at, what, "write each on a line of its own"));
            }
            self.assign(word, sure, several)?;
        }
        Ok(())
    }

    fn assign(&mut self, word: &Assigned<'_>, sure: bool, vague: bool) -> Result<(), Refusal> {
        if is_special(&word.name) {
            let what = format!(
                "`{}` is set, which changes how the shell reads the rest",
                String::from_utf8_lossy(&word.name)
            );
            return Err(Refusal::new(word.at, what, "remove the assignment"));
        }
        let value = self.value_of(word.parts);
        if word.name != NAME {
            self.note_uses(word.parts);
            let known = value.ok().filter(|_| sure && !vague && !is_computed(&word.name));
            self.others.insert(word.name.clone(), known);
            return Ok(());
        }
        if !sure {
            let what = "`EXTRA_ARGS` is set under a condition, or in a subshell";
            return Err(Refusal::new(word.at, what, "set it on a line of its own"));
        }
        self.value = value?;
        self.assignments.push(word.at..word.end);
        Ok(())
    }

    /// The value that parts make, as in an assignment, where nothing is split.
    fn value_of(&self, parts: &[Part]) -> Result<Vec<Byte>, Refusal> {
        let mut value = Vec::new();
        let mut begins = true;
        for part in parts {
            match part {
                Part::Literal { byte, quoted: false } if byte.value == b'~' && begins => {
                    let help = "put it into quotes, or write the directory out";
                    return Err(Refusal::new(byte.start, "a `~`, which is a user's directory", help));
                }
                Part::Literal { byte, .. } => value.push(*byte),
                Part::Variable { name, .. } if name == NAME => value.extend(&self.value),
                Part::Variable { name, at, .. } => match self.others.get(name) {
                    Some(Some(known)) => value.extend(known),
                    _ => return Err(unknown(name, *at)),
                },
                Part::Unknown { name, at, .. } => return Err(unknown(name, *at)),
            }
            begins = matches!(part, Part::Literal { byte, quoted: false } if byte.value == b':');
        }
        Ok(value)
    }

    fn note_uses(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                Part::Variable { name, at, .. } | Part::Unknown { name, at, .. } if name == NAME => {
                    self.uses.push(*at);
                }
                _ => {}
            }
        }
    }

    fn export(&mut self, words: &[Word], sure: bool) -> Result<(), Refusal> {
        // All are expanded before the first is set.
        let before = Self { value: self.value.clone(), others: self.others.clone(), ..Self::default() };
        for word in words {
            let Some(assigned) = exported(word) else {
                exported_name(word)?;
                continue;
            };
            for part in assigned.parts {
                before.check_splitting(part, assigned.name == NAME)?;
            }
            if words.len() > 1 && assigned.name == NAME {
                let what = "`EXTRA_ARGS` is exported together with others";
                return Err(Refusal::new(word.start, what, "write it on a line of its own"));
            }
            self.assign(&assigned, sure, words.len() > 1 || has_pattern(assigned.parts))?;
        }
        Ok(())
    }

    /// Some shells split what an unquoted expansion leaves in the arguments of `export`, others do not.
    fn check_splitting(&self, part: &Part, strict: bool) -> Result<(), Refusal> {
        let help = "put double quotes round the value";
        let (name, at) = match part {
            Part::Literal { byte, quoted: false } if strict && is_pattern(byte.value) => {
                return Err(Refusal::new(byte.start, "a pattern outside quotes", help));
            }
            Part::Variable { name, at, quoted: false } => (name, *at),
            Part::Unknown { at, quoted: false, .. } => {
                return Err(Refusal::new(*at, "`export` of an expansion outside quotes", help));
            }
            _ => return Ok(()),
        };
        let known =
            if name == NAME { Some(&self.value) } else { self.others.get(name).and_then(Option::as_ref) };
        let plain = |byte: &Byte| !byte.value.is_ascii_whitespace() && !is_pattern(byte.value);
        if known.is_some_and(|value| value.iter().all(plain)) {
            return Ok(());
        }
        Err(Refusal::new(at, "`export` of an expansion outside quotes", help))
    }

    fn unset(&mut self, words: &[Word], sure: bool) -> Result<(), Refusal> {
        for word in words {
            let name = literal(word).filter(|name| is_name(name) && name != NAME && !is_special(name));
            let Some(name) = name else {
                let what = "`unset` of `EXTRA_ARGS`, or of something that is not followed";
                return Err(Refusal::new(word.start, what, "remove it"));
            };
            let known = (sure && !is_computed(&name)).then(Vec::new);
            self.others.insert(name, known);
        }
        Ok(())
    }
}

/// `NAME=VALUE`.
struct Assigned<'w> {
    name: Vec<u8>,
    parts: &'w [Part],
    at: usize,
    end: usize,
}

fn assigned(word: &Word, quotes: bool) -> Option<Assigned<'_>> {
    let mut name = Vec::new();
    for (index, part) in word.parts.iter().enumerate() {
        let Part::Literal { byte, quoted } = part else { return None };
        if *quoted && !quotes {
            return None;
        }
        if byte.value == b'=' {
            let parts = &word.parts[index + 1..];
            return is_name(&name).then_some(Assigned { name, parts, at: word.start, end: word.end });
        }
        name.push(byte.value);
    }
    None
}

fn plain_assignment(word: &Word) -> Option<Assigned<'_>> {
    assigned(word, false)
}

/// In an argument of `export` the name may stand within quotes, too.
fn exported(word: &Word) -> Option<Assigned<'_>> {
    assigned(word, true)
}

/// `export NAME`, which leaves the value as it is.
fn exported_name(word: &Word) -> Result<(), Refusal> {
    if literal(word).is_some_and(|name| is_name(&name) && !is_special(&name)) {
        return Ok(());
    }
    let what = "`export` of something that is no plain name, at which some shells stop";
    Err(Refusal::new(word.start, what, "write `export NAME=\"value\"`"))
}

fn literal(word: &Word) -> Option<Vec<u8>> {
    let byte = |part: &Part| match part {
        Part::Literal { byte, .. } => Some(byte.value),
        _ => None,
    };
    word.parts.iter().map(byte).collect()
}

fn begins_with_dash(word: &Word) -> bool {
    literal(word).is_none_or(|text| text.starts_with(b"-"))
}

/// The name of a command that cannot touch the shell's variables, or is handled by itself.
fn command_name(word: &Word) -> Result<Vec<u8>, Refusal> {
    let refuse = |what: String| {
        Err(Refusal::new(
            word.start,
            what,
            "move it elsewhere, such as to bootsync.sh, and leave assignments here",
        ))
    };
    let Some(name) = literal(word) else {
        return refuse("a command whose name is known only when it runs".to_owned());
    };
    let shown = String::from_utf8_lossy(&name).into_owned();
    if is_append(&name) {
        let name = shown.split('+').next().unwrap_or_default();
        let what = format!("`{name}+=`, which not every shell has");
        return Err(Refusal::new(word.start, what, format!("write `{name}=\"${name} …\"`")));
    }
    if has_pattern(&word.parts) || name.starts_with(NAME) {
        return refuse(format!("`{}` is not followed", shown.escape_debug()));
    }
    if UNFOLLOWED.contains(&shown.as_str()) {
        return refuse(format!("`{shown}` may change `EXTRA_ARGS`, or what of the file is read"));
    }
    Ok(name)
}

/// Words with which a shell does more than run a program: control flow, and builtins that read text, assign, or end
/// the shell. Everything else runs beside it.
const UNFOLLOWED: &[&str] = &[
    "!",
    ".",
    "[[",
    "alias",
    "bg",
    "bind",
    "break",
    "builtin",
    "case",
    "cd",
    "chdir",
    "command",
    "continue",
    "coproc",
    "declare",
    "disown",
    "do",
    "done",
    "elif",
    "else",
    "enable",
    "esac",
    "eval",
    "exec",
    "exit",
    "fc",
    "fg",
    "fi",
    "for",
    "function",
    "getopts",
    "hash",
    "if",
    "in",
    "jobs",
    "kill",
    "let",
    "local",
    "logout",
    "mapfile",
    "popd",
    "pushd",
    "read",
    "readarray",
    "readonly",
    "return",
    "select",
    "set",
    "shift",
    "shopt",
    "source",
    "suspend",
    "then",
    "time",
    "times",
    "trap",
    "typeset",
    "unalias",
    "until",
    "wait",
    "while",
    "{",
    "}",
];

/// `NAME+=`, which some shells take for an assignment.
fn is_append(name: &[u8]) -> bool {
    name.iter()
        .position(|&byte| byte == b'+')
        .is_some_and(|at| is_name(&name[..at]) && name.get(at + 1) == Some(&b'='))
}

/// Variables by which the shell itself goes.
fn is_special(name: &[u8]) -> bool {
    matches!(name, b"IFS" | b"OPTIND")
}

/// Variables that `BusyBox` computes at each use, whatever was assigned.
fn is_computed(name: &[u8]) -> bool {
    matches!(name, b"RANDOM" | b"EPOCHSECONDS" | b"EPOCHREALTIME" | b"LINENO")
}

const fn is_pattern(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[')
}

fn has_pattern(parts: &[Part]) -> bool {
    parts.iter().any(|part| matches!(part, Part::Literal { byte, quoted: false } if is_pattern(byte.value)))
        // `[` alone is a command.
        && parts.len() > 1
}

fn looks_at(parts: &[Part], wanted: &[u8]) -> bool {
    parts.iter().any(|part| match part {
        Part::Variable { name, .. } | Part::Unknown { name, .. } => name == wanted,
        Part::Literal { .. } => false,
    })
}

fn unknown(name: &[u8], at: usize) -> Refusal {
    let what = if name.is_empty() {
        "`EXTRA_ARGS` holds what is known only when the shell runs".to_owned()
    } else if is_computed(name) {
        format!("`EXTRA_ARGS` holds `${}`, which the shell itself computes", String::from_utf8_lossy(name))
    } else {
        format!("`EXTRA_ARGS` holds `${}`, which this file does not set", String::from_utf8_lossy(name))
    };
    Refusal::new(at, what, "write its value there")
}

fn redirected(command: &Command) -> Refusal {
    let what = "a redirection at which the shell stops where it fails";
    Refusal::new(command.redirected.unwrap_or_default(), what, "move it elsewhere, such as to bootsync.sh")
}
