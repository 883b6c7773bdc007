//! What a change of daemon.json needs before the daemon heeds it.

use serde_json::{Map, Value, json};

use super::super::version::Version;
use super::keys::{self, Key};
use super::kind::Kind;

/// The least that makes the daemon heed a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The daemon does the same before and after.
    Nothing,
    /// A reload (SIGHUP) makes it take these keys.
    Reload {
        /// The keys that change.
        keys: Vec<String>,
    },
    /// A restart is needed for these keys; a reload does not do.
    Restart {
        /// The keys that need it, and why.
        keys: Vec<Cause>,
        /// The keys that change with it, though a reload would do for them.
        reload: Vec<String>,
    },
}

/// A key that needs a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The key.
    pub key: String,
    /// Why a reload does not do.
    pub why: Why,
}

/// Why a reload does not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// This release reads the key at its start only.
    #[error("the engine reads this key only when it starts")]
    NotReloadable,
    /// On a reload the daemon keeps what an absent key said before.
    #[error("a key that is gone from the file keeps its old value on a reload; `{explicit}` takes a reload")]
    Removed {
        /// The value that, written out, says what the absent key says.
        explicit: Value,
    },
    /// The same, and no written value says what the absent key says.
    #[error("a key that is gone from the file keeps its old value on a reload")]
    RemovedForGood,
}

/// What a change from one value of the file to another needs, if the daemon heeds the first one now.
#[must_use]
pub fn effect(old: &Value, new: &Value, engine: Option<Version>) -> Effect {
    let empty = Map::new();
    let old = old.as_object().unwrap_or(&empty);
    let new = new.as_object().unwrap_or(&empty);
    let mut reload = Vec::new();
    let mut restart = Vec::new();
    for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        let value = |config: &Map<String, Value>| config.get(key).filter(|value| !value.is_null()).cloned();
        match need(key, value(old).as_ref(), value(new).as_ref(), engine) {
            None => {}
            Some(Ok(())) => reload.push(key.clone()),
            Some(Err(why)) => restart.push(Cause { key: key.clone(), why }),
        }
    }
    match (reload.is_empty(), restart.is_empty()) {
        (true, true) => Effect::Nothing,
        (false, true) => Effect::Reload { keys: reload },
        (_, false) => Effect::Restart { keys: restart, reload },
    }
}

/// Nothing, a reload, or a restart.
fn need(
    name: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    engine: Option<Version>,
) -> Option<Result<(), Why>> {
    let key = keys::find(name)?;
    if old == new || key.ignored_by(engine) {
        return None;
    }
    let default = default(key);
    if default.is_some() && old.or(default.as_ref()) == new.or(default.as_ref()) {
        return None;
    }
    if !key.reloadable(engine) {
        return Some(Err(Why::NotReloadable));
    }
    match (new, default) {
        (Some(_), _) => Some(Ok(())),
        (None, Some(explicit)) => Some(Err(Why::Removed { explicit })),
        (None, None) => Some(Err(Why::RemovedForGood)),
    }
}

/// The value that says what the absent key says, where there is one in all releases.
fn default(key: &Key) -> Option<Value> {
    match (key.name, key.kind) {
        ("max-concurrent-downloads", _) => Some(json!(3)),
        ("max-concurrent-uploads" | "max-download-attempts", _) => Some(json!(5)),
        ("shutdown-timeout", _) => Some(json!(15)),
        ("network-diagnostic-port", _) => Some(json!(0)),
        ("default-runtime", _) => Some(json!("runc")),
        ("default-shm-size", _) => Some(json!("64M")),
        // On when the key is absent; or it depends on the release.
        ("icc" | "ip-forward" | "ip-masq" | "iptables" | "ip6tables" | "userland-proxy", _) => None,
        (_, Kind::Bool) => Some(json!(false)),
        (_, Kind::Texts | Kind::Addresses) => Some(json!([])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: Option<Version> = Some(Version::new(20, 10, 24));

    fn reload(keys: &[&str]) -> Effect {
        Effect::Reload { keys: keys.iter().map(|&key| key.to_owned()).collect() }
    }

    fn restart(key: &str, why: Why) -> Effect {
        Effect::Restart { keys: vec![Cause { key: key.to_owned(), why }], reload: Vec::new() }
    }

    #[test]
    fn nothing() {
        for (old, new) in [
            (json!({}), json!({})),
            (json!({"debug": false}), json!({})),
            (json!({}), json!({"insecure-registries": []})),
            (json!({"insecure-registries": []}), json!({})),
            (json!({"dns": null}), json!({})),
            (json!({}), json!({"insecure-registry": ["a"], "nested": {"debug": true}})),
            (json!({"a": 1, "debug": true}), json!({"debug": true, "a": 1})),
            (json!(null), json!({"max-concurrent-downloads": 3})),
        ] {
            assert_eq!(effect(&old, &new, ENGINE), Effect::Nothing, "{old} {new}");
        }
    }

    #[test]
    fn a_reload_does_for_written_values() {
        let old = json!({"insecure-registries": ["a"]});
        assert_eq!(
            effect(&old, &json!({"insecure-registries": []}), ENGINE),
            reload(&["insecure-registries"])
        );
        let new = json!({"insecure-registries": ["a", "b"], "live-restore": true});
        assert_eq!(effect(&old, &new, ENGINE), reload(&["insecure-registries", "live-restore"]));
    }

    #[test]
    fn a_removed_key_keeps_its_old_value_on_a_reload() {
        let old = json!({"insecure-registries": ["a"]});
        let why = Why::Removed { explicit: json!([]) };
        assert_eq!(effect(&old, &json!({}), ENGINE), restart("insecure-registries", why));
        let null = json!({"insecure-registries": null});
        assert!(matches!(effect(&old, &null, ENGINE), Effect::Restart { .. }));
        let old = json!({"features": {"buildkit": true}});
        assert_eq!(effect(&old, &json!({}), ENGINE), restart("features", Why::RemovedForGood));
    }

    #[test]
    fn the_rest_needs_a_restart() {
        let new = json!({"log-driver": "journald", "debug": true});
        let expected = Effect::Restart {
            keys: vec![Cause { key: "log-driver".to_owned(), why: Why::NotReloadable }],
            reload: vec!["debug".to_owned()],
        };
        assert_eq!(effect(&json!({}), &new, ENGINE), expected);
    }

    #[test]
    fn what_is_reloadable_depends_on_the_release() {
        let new = json!({"registry-mirrors": ["https://m"]});
        assert_eq!(effect(&json!({}), &new, ENGINE), reload(&["registry-mirrors"]));
        let old = Some(Version::new(17, 3, 0));
        assert_eq!(effect(&json!({}), &new, old), restart("registry-mirrors", Why::NotReloadable));
    }
}
