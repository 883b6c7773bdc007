//! The options of log drivers: dockerd does not start with one that its driver does not know.

use serde_json::{Map, Value};

use super::super::version::Version;

/// What dockerd refuses in `log-opts`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum BadLogOption {
    #[error("the log driver `{driver}` knows no such option, and dockerd does not start with it; remove it")]
    Unknown { driver: String },
    #[error("`{0}` is no mode of logging; write `blocking` or `non-blocking`")]
    Mode(String),
    #[error("dockerd takes this option only with `mode` `non-blocking`; set that too, or remove this")]
    Blocking,
}

const COMMON: &[&str] = &["labels", "labels-regex", "env", "env-regex", "tag"];
const FILES: &[&str] = &["max-size", "max-file", "compress"];

/// The options that every driver takes.
fn is_general(option: &str) -> bool {
    matches!(option, "mode" | "max-buffer-size") || option.starts_with("cache-")
}

/// Whether a driver takes an option. Drivers that are not listed here may be plugins, and judge for themselves.
fn takes(driver: &str, option: &str, engine: Option<Version>) -> bool {
    match driver {
        "json-file" => FILES.contains(&option) || COMMON.contains(&option),
        "journald" => COMMON.contains(&option),
        // It has learnt the common ones in a release that is not known exactly.
        "local" => {
            let learnt = engine.is_none_or(|engine| engine >= Version::new(23, 0, 0));
            FILES.contains(&option) || (learnt && COMMON.contains(&option))
        }
        "syslog" => COMMON.contains(&option) || option.starts_with("syslog-"),
        "gelf" => COMMON.contains(&option) || option.starts_with("gelf-"),
        "fluentd" => COMMON.contains(&option) || option.starts_with("fluentd-"),
        _ => true,
    }
}

/// The options that dockerd refuses, and why.
pub fn log_options(config: &Map<String, Value>, engine: Option<Version>) -> Vec<(String, BadLogOption)> {
    let driver = config.get("log-driver").and_then(Value::as_str).filter(|driver| !driver.is_empty());
    let driver = driver.unwrap_or("json-file");
    let Some(options) = config.get("log-opts").and_then(Value::as_object) else { return Vec::new() };
    if driver == "none" {
        return Vec::new();
    }
    let mode = options.get("mode").and_then(Value::as_str).unwrap_or_default();
    let bad = |option: &str| match option {
        "mode" if !["", "blocking", "non-blocking"].contains(&mode) => {
            Some(BadLogOption::Mode(mode.to_owned()))
        }
        "max-buffer-size" if mode != "non-blocking" => Some(BadLogOption::Blocking),
        other if is_general(other) || takes(driver, other, engine) => None,
        _ => Some(BadLogOption::Unknown { driver: driver.to_owned() }),
    };
    options.keys().filter_map(|option| Some((option.clone(), bad(option)?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: Option<Version> = Some(Version::new(20, 10, 24));

    fn bad(driver: &str, options: &Value, engine: Option<Version>) -> Vec<String> {
        let config = json!({"log-driver": driver, "log-opts": options});
        let found = log_options(config.as_object().expect("a mapping"), engine);
        found.into_iter().map(|(option, _)| option).collect()
    }

    /// As dockerd 20.10.24 has answered for each.
    #[test]
    fn drivers_know_their_options() {
        let files = json!({"max-size": "1m", "max-file": "3", "compress": "true"});
        let common = json!({"labels": "a", "labels-regex": "a", "env": "a", "env-regex": "a", "tag": "x"});
        let names = |options: &Value| options.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>());
        for (driver, takes_files, takes_common) in [
            ("json-file", true, true),
            ("", true, true),
            ("local", true, false),
            ("journald", false, true),
            ("syslog", false, true),
        ] {
            let expected = |takes: bool, options: &Value| {
                if takes { Vec::new() } else { names(options).unwrap_or_default() }
            };
            assert_eq!(bad(driver, &files, OLD), expected(takes_files, &files), "{driver}");
            assert_eq!(bad(driver, &common, OLD), expected(takes_common, &common), "{driver}");
            assert_eq!(bad(driver, &json!({"cache-disabled": "true", "mode": "blocking"}), OLD), [""; 0]);
            assert_eq!(bad(driver, &json!({"bogus": "1"}), OLD), ["bogus"]);
        }
        assert_eq!(bad("local", &common, None), [""; 0]);
        for driver in ["none", "some/plugin:latest", "awslogs"] {
            assert_eq!(bad(driver, &files, OLD), [""; 0]);
        }
    }

    #[test]
    fn modes() {
        assert_eq!(bad("json-file", &json!({"mode": "x"}), OLD), ["mode"]);
        assert_eq!(bad("json-file", &json!({"max-buffer-size": "1m"}), OLD), ["max-buffer-size"]);
        let both = json!({"max-buffer-size": "1m", "mode": "non-blocking"});
        assert_eq!(bad("json-file", &both, OLD), [""; 0]);
    }
}
