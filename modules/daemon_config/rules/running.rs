//! Whether the running daemon does what its file says, as far as `GET /info` shows it.

use serde_json::{Map, Value};

use super::registry::{self, Insecure};

/// A key where file and running daemon disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The key of the file.
    pub key: &'static str,
    /// What the file asks for and the daemon does not do.
    pub missing: Vec<String>,
    /// What the daemon does and the file does not ask for.
    pub extra: Vec<String>,
}

/// The keys where the file and the answer of `GET /info` disagree; what `/info` does not show is left aside.
/// What flags set has to be in `config` too (see `with_flags`).
#[must_use]
pub fn running_matches(config: &Value, info: &Value) -> Vec<Mismatch> {
    let empty = Map::new();
    let config = config.as_object().unwrap_or(&empty);
    let mut found = Vec::new();
    if let Some(registries) = info.get("RegistryConfig").filter(|value| value.is_object()) {
        let shown = insecure_shown(registries);
        found.extend(compare("insecure-registries", &insecure_wanted(config), &shown));
        let mirrors = strings(registries.get("Mirrors"));
        found.extend(compare("registry-mirrors", &mirrors_wanted(config), &mirrors));
    }
    if info.get("Labels").is_some() {
        found.extend(compare("labels", &strings(config.get("labels")), &strings(info.get("Labels"))));
    }
    for (key, name) in [("live-restore", "LiveRestoreEnabled"), ("debug", "Debug")] {
        if let Some(Value::Bool(running)) = info.get(name) {
            let wanted = config.get(key).and_then(Value::as_bool).unwrap_or(false);
            found.extend(compare(key, &[wanted.to_string()], &[running.to_string()]));
        }
    }
    found
}

fn compare(key: &'static str, wanted: &[String], running: &[String]) -> Option<Mismatch> {
    let mut extra: Vec<String> = running.iter().filter(|item| !wanted.contains(item)).cloned().collect();
    let mut missing: Vec<String> = wanted.iter().filter(|item| !running.contains(item)).cloned().collect();
    for list in [&mut extra, &mut missing] {
        // `/info` lists networks in any order.
        list.sort();
        list.dedup();
    }
    (!missing.is_empty() || !extra.is_empty()).then_some(Mismatch { key, missing, extra })
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Networks that every daemon takes for insecure, in all releases or in some.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];

/// The entry of Docker Hub, which is there always and never insecure.
const HUB: &str = "docker.io";

fn insecure_wanted(config: &Map<String, Value>) -> Vec<String> {
    let items = strings(config.get("insecure-registries"));
    let read = items.iter().map(|item| match registry::insecure(item) {
        Ok((Insecure::Network(name) | Insecure::Index(name), _)) => name,
        // dockerd has refused it, so it is missing.
        Err(_) => item.clone(),
    });
    read.filter(|name| name != HUB && !LOOPBACK.contains(&name.as_str())).collect()
}

fn insecure_shown(registries: &Value) -> Vec<String> {
    let networks = strings(registries.get("InsecureRegistryCIDRs"));
    let networks = networks.into_iter().filter(|network| !LOOPBACK.contains(&network.as_str()));
    let indexes = registries.get("IndexConfigs").and_then(Value::as_object);
    let insecure = indexes.into_iter().flatten().filter(|(name, index)| {
        let secure = index.get("Secure").and_then(Value::as_bool).unwrap_or(true);
        !secure && name.as_str() != HUB
    });
    networks.chain(insecure.map(|(name, _)| name.clone())).collect()
}

fn mirrors_wanted(config: &Map<String, Value>) -> Vec<String> {
    let items = strings(config.get("registry-mirrors"));
    items.into_iter().map(|item| format!("{}/", item.strip_suffix('/').unwrap_or(&item))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn info() -> Value {
        json!({
            "RegistryConfig": {
                "InsecureRegistryCIDRs": ["::1/128", "10.0.0.0/8", "127.0.0.0/8"],
                "IndexConfigs": {
                    "docker.io": {"Name": "docker.io", "Mirrors": ["https://m/"], "Secure": true, "Official": true},
                    "r:5000": {"Name": "r:5000", "Mirrors": [], "Secure": false, "Official": false}
                },
                "Mirrors": ["https://m/"]
            },
            "Labels": ["a=b"],
            "LiveRestoreEnabled": true,
            "Debug": false
        })
    }

    fn config() -> Value {
        json!({
            "insecure-registries": ["r:5000", "10.1.2.3/8", "127.0.0.0/8"],
            "registry-mirrors": ["https://m"],
            "labels": ["a=b"],
            "live-restore": true
        })
    }

    #[test]
    fn a_daemon_that_does_what_the_file_says() {
        assert_eq!(running_matches(&config(), &info()), []);
        let fresh = json!({
            "RegistryConfig": {
                "InsecureRegistryCIDRs": ["127.0.0.0/8"],
                "IndexConfigs": {"docker.io": {"Secure": true}},
                "Mirrors": null
            },
            "Labels": [], "LiveRestoreEnabled": false, "Debug": false
        });
        assert_eq!(running_matches(&json!({}), &fresh), []);
        assert_eq!(running_matches(&json!(null), &json!({})), []);
    }

    #[test]
    fn a_daemon_that_has_not_taken_the_file() {
        let owned = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>();
        let config = json!({"insecure-registries": ["R:5000"], "debug": true});
        assert_eq!(
            running_matches(&config, &info()),
            [
                Mismatch {
                    key: "insecure-registries",
                    missing: owned(&["R:5000"]),
                    extra: owned(&["10.0.0.0/8", "r:5000"])
                },
                Mismatch { key: "registry-mirrors", missing: vec![], extra: owned(&["https://m/"]) },
                Mismatch { key: "labels", missing: vec![], extra: owned(&["a=b"]) },
                Mismatch { key: "live-restore", missing: owned(&["false"]), extra: owned(&["true"]) },
                Mismatch { key: "debug", missing: owned(&["true"]), extra: owned(&["false"]) },
            ]
        );
    }
}
