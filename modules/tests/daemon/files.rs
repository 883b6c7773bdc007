//! Real daemon.json files: an entry comes and goes, or the file is refused.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test reads files and says what it skips"
)]

use std::path::PathBuf;
use std::{env, fs};

use serde_json::{Value, json};

use super::fake_host::{CONFIG, FakeHost};

const ENTRY: &str = "registry.example:5000";

fn texts(test: &str) -> Vec<(String, Vec<u8>)> {
    let Some(corpus) = env::var_os("DTRCTL_CORPUS").map(PathBuf::from).filter(|folder| folder.is_dir())
    else {
        eprintln!("skipped {test}: no corpus (set DTRCTL_CORPUS)");
        return Vec::new();
    };
    let folder = corpus.join("daemon_json");
    let index: Vec<Value> =
        serde_json::from_slice(&fs::read(folder.join("index.json")).expect("an index")).expect("JSON");
    let name = |entry: &Value| entry["file"].as_str().expect("a name").to_owned();
    index.iter().map(name).map(|name| (name.clone(), fs::read(folder.join(name)).expect("a file"))).collect()
}

fn host(text: &[u8], engine: &'static str) -> FakeHost {
    let mut host = FakeHost::new(std::str::from_utf8(text).ok());
    host.files.insert(CONFIG.to_owned(), (text.to_vec(), 0o644));
    host.engine = engine;
    host.flags.clear();
    host
}

#[test]
fn an_entry_is_added_or_the_file_refused() {
    for engine in ["20.10.24+dfsg1", "28.5.2"] {
        let (mut done, mut refused) = (0, 0);
        for (name, text) in texts("an_entry_is_added_or_the_file_refused") {
            let mut host = host(&text, engine);
            let merge = json!({"merge": {"insecure-registries": [ENTRY]}});
            if let Err(error) = host.plan("daemon_json", &merge) {
                assert!(error.help.is_some(), "{name}: {error}");
                refused += 1;
                continue;
            }
            // Twice, for the law: nothing is left to do.
            host.apply("daemon_json", &merge);
            if host.owed.is_empty() {
                assert!(
                    host.heeds.as_ref().is_some_and(|heeds| heeds.contains_key("insecure-registries")),
                    "{name}"
                );
            } else {
                host.apply("restart_docker", &json!({"restart": "never"}));
            }
            done += 1;
        }
        eprintln!("{engine}: {done} edited, {refused} refused");
    }
}

#[test]
fn an_entry_comes_and_goes_and_the_file_is_as_before() {
    let mut count = 0;
    for (name, text) in texts("an_entry_comes_and_goes_and_the_file_is_as_before") {
        let mut host = host(&text, "20.10.24+dfsg1");
        let merge = json!({"merge": {"insecure-registries": [ENTRY]}});
        let Ok(plan) = host.plan("daemon_json", &merge) else { continue };
        if plan.changes.is_empty() {
            continue;
        }
        host.apply("daemon_json", &merge);
        host.apply("restart_docker", &json!({"restart": "never"}));
        host.apply("daemon_json", &json!({"remove": {"insecure-registries": [ENTRY]}}));
        host.apply("restart_docker", &json!({"restart": "never"}));
        assert_eq!(host.owed, [], "{name}");
        let heeds = host.heeds.as_ref().expect("a daemon");
        assert!(!heeds["insecure-registries"].to_string().contains(ENTRY), "{name}");
        let old = modules::daemon_config::edit::read(&text).expect("JSON");
        let had_empty =
            old.get("insecure-registries").is_some_and(|list| list == &json!([]) || list.is_null());
        if !had_empty && old != json!({}) {
            assert_eq!(host.text().map(str::as_bytes), Some(&text[..]), "{name}");
        }
        count += 1;
    }
    eprintln!("{count} files are as before");
}
