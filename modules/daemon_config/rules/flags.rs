//! The flags of a running dockerd, from its command line.

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

fn long_name(letter: char) -> String {
    let key = KEYS.iter().find(|key| key.short == letter).map(|key| key.flag);
    match (key, letter) {
        (Some(name), _) => name.to_owned(),
        (None, 'v') => "version".to_owned(),
        (None, 'h') => "help".to_owned(),
        (None, 'r') => "restart".to_owned(),
        (None, other) => other.to_string(),
    }
}

fn takes_value(name: &str) -> Option<bool> {
    let key = KEYS.iter().find(|key| key.flag == name).map(|key| key.kind);
    let kind = key.or_else(|| FLAGS_ONLY.iter().find(|flag| flag.0 == name).map(|flag| flag.1))?;
    Some(kind != Kind::Bool)
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
