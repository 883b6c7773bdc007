//! The daemon's flags: those that a task asks for, and those that words give.

use std::fmt;
use std::ops::Range;

use crate::contract::PlanError;
use crate::daemon_config::rules::keys::known_flag;
use crate::daemon_config::rules::{
    Problem, Severity, as_config, flags as flags_of, is_repeated, judge, long_name, registry, takes_value,
};

/// A flag by its long name, with its value; `true` or `false` for one that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    pub name: String,
    pub value: String,
}

impl Flag {
    /// `--insecure-registry VALUE`.
    pub fn insecure(value: &str) -> Self {
        Self { name: "insecure-registry".to_owned(), value: value.to_owned() }
    }

    /// `--registry-mirror VALUE`.
    pub fn mirror(value: &str) -> Self {
        Self { name: "registry-mirror".to_owned(), value: value.to_owned() }
    }

    /// Reads a flag that shall not be given, of whatever name.
    ///
    /// # Errors
    /// Where it is none in its long form, or one of the start script's own.
    pub fn unwanted(text: &str) -> Result<Self, PlanError> {
        let flag = match given(&[text.to_owned()]).pop() {
            Some(given) if text.starts_with("--") && text.len() > 2 => given.flag,
            _ => return Self::read(text),
        };
        flag.check_owner()?;
        Ok(flag)
    }

    /// Reads `--name` or `--name=value`.
    ///
    /// # Errors
    /// Where it is not of this form, or no flag of dockerd's.
    pub fn read(text: &str) -> Result<Self, PlanError> {
        let Some(long) = text.strip_prefix("--").filter(|long| !long.is_empty()) else {
            return Err(PlanError::new(format!("`{text}` is no flag in its long form"))
                .help("write `--name` or `--name=value`"));
        };
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let Some(has_value) = takes_value(name) else {
            let error = PlanError::new(format!("dockerd has no flag `--{name}`"));
            let near = known_flag(name).map(|near| format!("did you mean `--{near}`?"));
            return Err(error.help(near.unwrap_or_else(|| "write `--name` or `--name=value`".to_owned())));
        };
        let value = match value {
            Some(value) => value.to_owned(),
            None if has_value => {
                return Err(PlanError::new(format!("`--{name}` needs a value"))
                    .help(format!("write `--{name}=VALUE`, as one item")));
            }
            None => "true".to_owned(),
        };
        Ok(Self { name: name.to_owned(), value: if has_value { value } else { truth(&value) } })
    }

    /// Whether it counts each time it is given.
    pub fn is_repeated(&self) -> bool {
        is_repeated(&self.name)
    }

    /// Its words on a command line. A value with a bracket stays with its name: by itself it would be a pattern that a
    /// file's name may match.
    pub fn words(&self) -> Vec<String> {
        let apart = ["insecure-registry", "registry-mirror"].contains(&self.name.as_str());
        if apart && !self.value.contains('[') {
            return vec![format!("--{}", self.name), self.value.clone()];
        }
        if self.value == "true" && takes_value(&self.name) == Some(false) {
            return vec![format!("--{}", self.name)];
        }
        vec![format!("--{}={}", self.name, self.value)]
    }

    /// # Errors
    /// Where the flag would not arrive as it is written, or is not for this file.
    pub fn check(&self) -> Result<(), PlanError> {
        self.check_owner()?;
        if let Some(bad) = self.words().join("").chars().find(|c| !arrives(*c)) {
            let shown = bad.escape_debug();
            return Err(PlanError::new(format!(
                "`{shown}` in `{self}` would not reach dockerd: the start script splits `EXTRA_ARGS` at white space, and takes `*`, `?` and `\\` for a pattern"
            ))
            .help("give a value without it; daemon.json can hold it: `daemon_json`"));
        }
        Ok(())
    }

    fn check_owner(&self) -> Result<(), PlanError> {
        if let Some((_, variable)) = OWNED.iter().find(|(name, _)| *name == self.name) {
            return Err(PlanError::new(format!(
                "Boot2Docker's own start script gives dockerd `--{}`",
                self.name
            ))
            .help(format!("{variable} in the profile sets it; leave the flag out")));
        }
        Ok(())
    }
}

/// Flags that the start script gives by itself, and what in the profile decides them.
const OWNED: &[(&str, &str)] = &[
    ("host", "`DOCKER_HOST`"),
    ("tls", "`DOCKER_TLS`"),
    ("tlsverify", "`DOCKER_TLS`"),
    ("tlscacert", "`CACERT`"),
    ("tlscert", "`SERVERCERT`"),
    ("tlskey", "`SERVERKEY`"),
    ("storage-driver", "`DOCKER_STORAGE`"),
    ("data-root", "`DOCKER_DIR`"),
    ("graph", "`DOCKER_DIR`"),
    ("pidfile", "nothing"),
    ("config-file", "nothing"),
];

/// Whether the start script gives a flag by itself.
pub fn is_the_scripts(name: &str) -> bool {
    OWNED.iter().any(|(owned, _)| *owned == name)
}

/// Whether a character of a flag reaches dockerd through an unquoted variable, in every shell.
const fn arrives(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '*' | '?' | '\\')
}

fn truth(value: &str) -> String {
    let yes = ["1", "t", "T", "true", "TRUE", "True"].contains(&value);
    let no = ["0", "f", "F", "false", "FALSE", "False"].contains(&value);
    if yes {
        "true".to_owned()
    } else if no {
        "false".to_owned()
    } else {
        value.to_owned()
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

/// A flag that words give, and which of them.
#[derive(Debug, Clone)]
pub struct Given {
    pub flag: Flag,
    pub words: Range<usize>,
}

/// The flags that words give, as dockerd's flag library reads them. Several letters in one word are left out.
pub fn given(words: &[String]) -> Vec<Given> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.as_str() != "--") {
        let start = at;
        at += 1;
        let (name, value) = if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
            (name.to_owned(), value)
        } else if let Some(mut letters) = word.strip_prefix('-').map(str::chars) {
            let Some(letter) = letters.next() else { continue };
            let rest = letters.as_str();
            (long_name(letter), Some(rest.trim_start_matches('=').to_owned()).filter(|v| !v.is_empty()))
        } else {
            continue;
        };
        let next = words.get(at);
        let value = value.or_else(|| {
            match takes_value(&name) {
                Some(true) => next.cloned(),
                Some(false) => None,
                None => next.filter(|next| !next.starts_with('-')).cloned(),
            }
            .inspect(|_| at += 1)
        });
        let value = value.map_or_else(
            || "true".to_owned(),
            |value| {
                if takes_value(&name) == Some(false) { truth(&value) } else { value }
            },
        );
        found.push(Given { flag: Flag { name, value }, words: start..at.min(words.len()) });
    }
    found
}

/// Whether a flag counts, of all that are given.
pub fn in_force(flag: &Flag, given: &[Given]) -> bool {
    let mut same = given.iter().filter(|given| given.flag.name == flag.name);
    if flag.is_repeated() {
        return same.any(|given| given.flag == *flag);
    }
    same.next_back().is_some_and(|last| last.flag == *flag)
}

/// # Errors
/// Where dockerd would not start with one of the flags, or with all of them together.
pub fn check(flags: &[Flag]) -> Result<(), PlanError> {
    for (index, flag) in flags.iter().enumerate() {
        flag.check()?;
        let other = |other: &&Flag| other.name == flag.name && other.value != flag.value;
        if let Some(other) = flags[..index].iter().find(other).filter(|_| !flag.is_repeated()) {
            return Err(PlanError::new(format!("`{other}` and `{flag}` exclude each other")).help("keep one"));
        }
    }
    let mut words = vec!["dockerd".to_owned()];
    words.extend(flags.iter().flat_map(Flag::words));
    let problems = judge(&as_config(&flags_of(&words)).into(), None);
    let errors: Vec<String> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(Problem::to_string)
        .collect();
    if !errors.is_empty() {
        return Err(PlanError::new(format!("dockerd would not start: {}", errors.join("; ")))
            .help("correct the task's arguments"));
    }
    for flag in flags.iter().filter(|flag| flag.name == "insecure-registry") {
        if let Ok((_, true)) = registry::insecure(&flag.value) {
            return Err(PlanError::new(format!("`{}` has a scheme, which a registry has not", flag.value))
                .help("write `host` or `host:port`"));
        }
    }
    Ok(())
}

/// A label that is given already with another value, which dockerd does not start with.
pub fn label_twice<'g>(flag: &Flag, given: &'g [Given]) -> Option<&'g Flag> {
    let key = |flag: &Flag| flag.value.split('=').next().map(str::to_owned);
    let other = |other: &&Flag| other.name == "label" && key(other) == key(flag) && other.value != flag.value;
    given.iter().map(|given| &given.flag).find(other).filter(|_| flag.name == "label")
}
