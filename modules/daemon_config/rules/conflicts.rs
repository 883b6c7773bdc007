//! What is given both as a flag and in the file: dockerd starts with neither.

use std::fmt;

use serde_json::{Map, Value};

use super::flags::{Flag, flags};
use super::keys::{self, FLAGS_ONLY, KEYS};
use super::kind::Kind;

/// One key that a flag sets too. dockerd minds even when both say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The key in the file.
    pub key: String,
    /// The flag, without its dashes.
    pub flag: String,
    /// Its value, as dockerd prints it.
    pub from_flag: String,
    /// The value in the file, as dockerd prints it.
    pub from_file: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: (from flag: {}, from file: {})", self.key, self.from_flag, self.from_file)
    }
}

/// The sentence with which dockerd refuses these conflicts.
#[must_use]
pub fn sentence(conflicts: &[Conflict]) -> String {
    let each: Vec<String> = conflicts.iter().map(Conflict::to_string).collect();
    let each = each.join(", ");
    format!("the following directives are specified both as a flag and in the configuration file: {each}")
}

/// The keys of a daemon.json that the words of dockerd's command line set too, in dockerd's order. Runtimes of
/// the file and of `--add-runtime` are merged, and do not conflict.
#[must_use]
pub fn conflicts(cmdline: &[String], config: &Value) -> Vec<Conflict> {
    let Value::Object(config) = config else { return Vec::new() };
    let file = directives(config);
    let mut given = flags(cmdline);
    given.sort_by(|a, b| a.name.cmp(&b.name));
    given.iter().filter_map(|flag| conflict(flag, &file)).collect()
}

fn conflict(flag: &Flag, directives: &Map<String, Value>) -> Option<Conflict> {
    let mut names: Vec<&str> = KEYS.iter().filter(|key| key.flag == flag.name).map(|key| key.name).collect();
    // A flag whose key is named otherwise guards the key, and not its own name.
    if names.is_empty() {
        names.push(&flag.name);
    }
    let key = names.into_iter().find(|name| directives.contains_key(*name) && *name != "runtimes")?;
    let mut from_file = go(&directives[key]);
    let mut from_flag = printed(flag);
    if FLAGS_ONLY.iter().any(|flag| flag.0 == key) && key.ends_with("-proxy") {
        from_flag = masked(&from_flag);
        from_file = masked(&from_file);
    }
    Some(Conflict { key: key.to_owned(), flag: flag.name.clone(), from_flag, from_file })
}

/// The keys as dockerd compares them: those of a mapping that it does not know to be one count as its own.
fn directives(config: &Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in config {
        match value {
            Value::Object(inner) if !keys::is_flat(key, None) => out.extend(inner.clone()),
            other => {
                out.insert(key.clone(), other.clone());
            }
        }
    }
    out
}

/// A flag's value, as Go prints it.
fn printed(flag: &Flag) -> String {
    let kind = KEYS.iter().find(|key| key.flag == flag.name).map(|key| key.kind);
    let last = flag.values.last().cloned().unwrap_or_default();
    match kind {
        Some(Kind::Texts | Kind::Addresses | Kind::Ulimits) => format!("[{}]", flag.values.join(" ")),
        Some(Kind::TextMap | Kind::BoolMap) => {
            let pairs = flag.values.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            let mut pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}:{value}")).collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
        _ => last,
    }
}

/// A value of the file, as Go prints it.
fn go(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let mut pairs: Vec<String> =
                members.iter().map(|(key, value)| format!("{key}:{}", go(value))).collect();
            pairs.sort();
            format!("map[{}]", pairs.join(" "))
        }
        other => other.to_string(),
    }
}

/// An address without its user name and password.
fn masked(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://xxxxx:xxxxx@{host}{}", &rest[end..]),
        None => address.to_owned(),
    }
}

/// The file's value with what the flags set added, for a comparison with the running daemon.
#[must_use]
pub fn with_flags(cmdline: &[String], config: &Value) -> Value {
    let mut both = config.as_object().cloned().unwrap_or_default();
    for flag in flags(cmdline) {
        let Some(key) = KEYS.iter().find(|key| key.flag == flag.name) else { continue };
        let last = flag.values.last().map_or("", String::as_str);
        let value = match key.kind {
            Kind::Texts => Value::from(flag.values.clone()),
            // What Go's `strconv.ParseBool` takes for true.
            Kind::Bool => Value::Bool(["1", "t", "T", "true", "TRUE", "True"].contains(&last)),
            _ => continue,
        };
        both.insert(key.name.to_owned(), value);
    }
    Value::Object(both)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(line: &str, config: &Value) -> Vec<String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        conflicts(&words, config).iter().map(Conflict::to_string).collect()
    }

    /// The sentences are those of dockerd 20.10.24.
    #[test]
    fn conflicts_are_told_in_the_words_of_dockerd() {
        let config = json!({
            "nested": {"debug": true}, "insecure-registries": ["a", "b"], "hosts": ["x"], "log-level": "info",
            "log-opts": {"z": "1", "a": "b"}, "runtimes": {"q": {"path": "x"}},
            "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 2, "Soft": 1}}, "mtu": 1500, "icc": true
        });
        for (line, conflict) in [
            ("dockerd --insecure-registry=a", "insecure-registries: (from flag: [a], from file: [a b])"),
            ("dockerd -H fd:// -H unix:///x", "hosts: (from flag: [fd:// unix:///x], from file: [x])"),
            (
                "dockerd --log-opt max-size=1m",
                "log-opts: (from flag: map[max-size:1m], from file: map[a:b z:1])",
            ),
            (
                "dockerd --default-ulimit nofile=1:2",
                "default-ulimits: (from flag: [nofile=1:2], from file: map[nofile:map[Hard:2 Name:nofile Soft:1]])",
            ),
            ("dockerd --mtu 1500", "mtu: (from flag: 1500, from file: 1500)"),
            ("dockerd --icc=false", "icc: (from flag: false, from file: true)"),
            ("dockerd -D", "debug: (from flag: true, from file: true)"),
        ] {
            assert_eq!(found(line, &config), [conflict]);
        }
        assert!(found("dockerd --add-runtime a=b --label x=y", &config).is_empty());
        assert_eq!(found("dockerd -Dl info", &config).len(), 2);
        // The file's own name is no exception; without the flag it does no harm there.
        let config = json!({"config-file": "/x"});
        assert_eq!(
            found("dockerd --config-file /f", &config),
            ["config-file: (from flag: /f, from file: /x)"]
        );
        assert!(found("dockerd", &config).is_empty());
    }

    #[test]
    fn a_password_is_not_repeated() {
        let config = json!({"proxies": {"http-proxy": "http://u:secret@p:1/x"}});
        assert_eq!(
            found("dockerd --http-proxy http://p", &config),
            ["http-proxy: (from flag: http://p, from file: http://xxxxx:xxxxx@p:1/x)"]
        );
    }

    #[test]
    fn dockerd_says_it_in_one_sentence() {
        let words: Vec<String> = ["dockerd", "--insecure-registry", "a"].map(str::to_owned).to_vec();
        let conflicts = conflicts(&words, &json!({"insecure-registries": ["a"]}));
        assert_eq!(
            sentence(&conflicts),
            "the following directives are specified both as a flag and in the configuration file: insecure-registries: (from flag: [a], from file: [a])"
        );
    }
}
