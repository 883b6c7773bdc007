//! The flags of a running dockerd, from its command line.

use serde_json::{Map, Value};

use super::keys::{FLAGS_ONLY, KEYS};
use super::kind::Kind;

/// A flag as given, each time it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The long name: `insecure-registry`.
    pub name: String,
    /// Its values, in order; `true` for a boolean without one.
    pub values: Vec<String>,
}

/// Reads the words of a command line, the program's name first, as dockerd's flag library does. A flag that is
/// in no table is taken to have a value in the next word, unless that begins with `-`.
#[must_use]
pub fn flags(cmdline: &[String]) -> Vec<Flag> {
    let mut found = Vec::new();
    let mut words = cmdline.iter().skip(1).map(String::as_str).peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let value = value.or_else(|| match takes_value(name) {
                Some(false) => None,
                Some(true) => words.next(),
                None => words.next_if(|next| !next.starts_with('-')),
            });
            add(&mut found, name, value);
        } else if let Some(letters) = word.strip_prefix('-') {
            short(&mut found, letters, &mut words);
        }
    }
    found
}

/// One word of letters: `-D`, `-Dl debug`, `-Hfd://`, `-H=fd://`.
fn short<'a>(found: &mut Vec<Flag>, letters: &'a str, words: &mut impl Iterator<Item = &'a str>) {
    let mut rest = letters;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        let name = long_name(letter);
        if let Some(value) = rest.strip_prefix('=') {
            return add(found, &name, Some(value));
        }
        if takes_value(&name) == Some(true) {
            let value = if rest.is_empty() { words.next() } else { Some(rest) };
            return add(found, &name, value);
        }
        add(found, &name, None);
    }
}

fn add(found: &mut Vec<Flag>, name: &str, value: Option<&str>) {
    let value = value.unwrap_or("true").to_owned();
    match found.iter_mut().find(|flag| flag.name == name) {
        Some(flag) => flag.values.push(value),
        None => found.push(Flag { name: name.to_owned(), values: vec![value] }),
    }
}

/// The long name of a flag of one letter: `debug` for `D`.
#[must_use]
pub fn long_name(letter: char) -> String {
    let key = KEYS.iter().find(|key| key.short == letter).map(|key| key.flag);
    match (key, letter) {
        (Some(name), _) => name.to_owned(),
        (None, 'v') => "version".to_owned(),
        (None, 'h') => "help".to_owned(),
        (None, 'r') => "restart".to_owned(),
        (None, other) => other.to_string(),
    }
}

/// Whether a flag, by its long name, has a value of its own; none for one that is in no table.
#[must_use]
pub fn takes_value(name: &str) -> Option<bool> {
    Some(kind(name)? != Kind::Bool)
}

/// Whether a flag counts each time it is given, rather than the last time alone.
#[must_use]
pub fn is_repeated(name: &str) -> bool {
    use Kind::{Addresses, BoolMap, Runtimes, TextMap, Texts, Ulimits};
    kind(name).is_none_or(|kind| matches!(kind, Addresses | BoolMap | Runtimes | TextMap | Texts | Ulimits))
}

fn kind(name: &str) -> Option<Kind> {
    let key = KEYS.iter().find(|key| key.flag == name).map(|key| key.kind);
    key.or_else(|| FLAGS_ONLY.iter().find(|flag| flag.0 == name).map(|flag| flag.1))
}

/// Flags as the keys of daemon.json that say the same, as far as they have one that is no mapping.
#[must_use]
pub fn as_config(flags: &[Flag]) -> Map<String, Value> {
    let mut config = Map::new();
    for flag in flags {
        let Some(key) = KEYS.iter().find(|key| key.flag == flag.name) else { continue };
        let last = flag.values.last().map_or("", String::as_str);
        let value = match key.kind {
            Kind::Texts | Kind::Addresses => flag.values.clone().into(),
            Kind::Bool => last.parse().map_or_else(|_| last.into(), Value::Bool),
            Kind::Int => last.parse::<i64>().map_or_else(|_| last.into(), Value::from),
            Kind::Text | Kind::Address | Kind::Size => last.into(),
            _ => continue,
        };
        config.insert(key.name.to_owned(), value);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(String, Vec<String>)> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        flags(&words).into_iter().map(|flag| (flag.name, flag.values)).collect()
    }

    #[test]
    fn every_way_to_write_a_flag() {
        let flag = |name: &str, values: &[&str]| {
            (name.to_owned(), values.iter().map(|&value| value.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(
            read("/usr/bin/dockerd -H fd:// --containerd=/run/c.sock"),
            [flag("host", &["fd://"]), flag("containerd", &["/run/c.sock"])]
        );
        assert_eq!(
            read("dockerd -D --insecure-registry a --insecure-registry=b --tls=false x"),
            [flag("debug", &["true"]), flag("insecure-registry", &["a", "b"]), flag("tls", &["false"])]
        );
        assert_eq!(
            read("dockerd -Dl info -Hfd:// -H=unix:///x -g /g -s btrfs -G grp -p /p"),
            [
                flag("debug", &["true"]),
                flag("log-level", &["info"]),
                flag("host", &["fd://", "unix:///x"]),
                flag("graph", &["/g"]),
                flag("storage-driver", &["btrfs"]),
                flag("group", &["grp"]),
                flag("pidfile", &["/p"]),
            ]
        );
        assert_eq!(
            read("dockerd --some-new 5 --other --live-restore -- --debug"),
            [flag("some-new", &["5"]), flag("other", &["true"]), flag("live-restore", &["true"])]
        );
        assert_eq!(read("docker daemon --label a=b"), [flag("label", &["a=b"])]);
    }
}
