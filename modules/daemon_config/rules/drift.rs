//! What would bring the running daemon to what its file says.

use serde_json::Value;

use super::super::version::Version;
use super::keys;
use super::running::{Mismatch, running_matches};

/// A key where file and running daemon disagree, and whether a reload brings them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Where they disagree.
    pub mismatch: Mismatch,
    /// Whether a reload does. It does not for a key that is gone from the file: the daemon keeps its old value.
    pub reload: bool,
}

/// The keys where the file and the answer of `GET /info` disagree. What flags set has to be in `config` too.
#[must_use]
pub fn drift(config: &Value, info: &Value, engine: Option<Version>) -> Vec<Drift> {
    let judged = |mismatch: Mismatch| {
        let written = config.get(mismatch.key).is_some_and(|value| !value.is_null());
        let reload = written && keys::find(mismatch.key).is_some_and(|key| key.reloadable(engine));
        Drift { mismatch, reload }
    };
    running_matches(config, info).into_iter().map(judged).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reload_does_for_what_is_written_and_not_for_what_is_gone() {
        let info = json!({"Debug": true, "Labels": ["a=b"]});
        let found = |config: Value| -> Vec<_> {
            drift(&config, &info, None).into_iter().map(|d| (d.mismatch.key, d.reload)).collect()
        };
        assert_eq!(found(json!({"debug": true, "labels": ["a=b"]})), []);
        assert_eq!(found(json!({"debug": false, "labels": []})), [("labels", true), ("debug", true)]);
        assert_eq!(found(json!({"labels": null})), [("labels", false), ("debug", false)]);
    }
}
