//! Real daemon.json files, and dockerd itself where it is to be had.
//!
//! `DTRCTL_CORPUS` names the folder of the corpus. `DTRCTL_DOCKERD` may name a dockerd 20.10 binary: run as
//! nobody through `setpriv`, it stops right after it has read its configuration, and so tells its verdict.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "a test reads files and runs dockerd"
)]

#[path = "../../tests/faults/figure.rs"]
mod figure;
#[path = "../../tests/faults/form.rs"]
mod form;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use modules::daemon_config::edit::{Edit, EditError, Fault, Lists, apply, read, remove_key, strict_json};
use modules::daemon_config::rules::{Problem, Severity, Trouble, conflicts, judge, sentence};
use modules::daemon_config::{ChangeError, Version, change};
use serde_json::{Map, Value, json};

use figure::figure;
use form::times;

const ENGINE: Option<Version> = Some(Version::new(20, 10, 24));

fn corpus(test: &str) -> Option<PathBuf> {
    let folder = env::var_os("DTRCTL_CORPUS").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        eprintln!("skipped {test}: no corpus (set DTRCTL_CORPUS)");
    }
    folder
}

fn dockerd(test: &str) -> Option<PathBuf> {
    let binary = env::var_os("DTRCTL_DOCKERD").map(PathBuf::from).filter(|binary| binary.is_file());
    if binary.is_none() {
        eprintln!("skipped {test}: no dockerd (set DTRCTL_DOCKERD)");
    }
    binary
}

struct Case {
    name: String,
    text: Vec<u8>,
    accepted: bool,
}

fn cases(corpus: &Path) -> Vec<Case> {
    let folder = corpus.join("daemon_json");
    let index = fs::read(folder.join("index.json")).expect("an index");
    let index: Vec<Value> = serde_json::from_slice(&index).expect("JSON");
    let case = |entry: &Value| {
        let name = entry["file"].as_str().expect("a name").to_owned();
        let text = fs::read(folder.join(&name)).expect("a file");
        let accepted = entry["dockerd_20_10_24"]["accepted"].as_bool().expect("a verdict");
        Case { name, text, accepted }
    };
    index.iter().map(case).collect()
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no mapping"),
    }
}

fn edits() -> Vec<Edit> {
    let merge = |lists, merge| Edit { merge: map(merge), lists, ..Edit::default() };
    let remove = |remove| Edit { remove: map(remove), ..Edit::default() };
    vec![
        merge(Lists::Union, json!({"insecure-registries": ["registry.example:5000"]})),
        merge(Lists::Exact, json!({"insecure-registries": ["registry.example:5000", "10.0.0.0/8"]})),
        merge(Lists::Union, json!({"registry-mirrors": ["https://mirror.example"], "debug": true})),
        merge(Lists::Union, json!({"log-opts": {"max-size": "10m", "max-file": "3"}, "live-restore": true})),
        merge(Lists::Exact, json!({"labels": [], "dns": ["192.0.2.53"], "mtu": 1400})),
        merge(Lists::Union, json!({"default-address-pools": [{"base": "10.99.0.0/16", "size": 24}]})),
        merge(Lists::Union, json!({"builder": {"gc": {"enabled": true}}, "features": {"buildkit": true}})),
        remove(json!({"insecure-registries": null, "registry-mirrors": null})),
        remove(json!({"debug": null, "log-driver": null, "log-opts": {"max-size": null}})),
    ]
}

/// An edit for each list of the file that removes each of its items in turn, and all of them.
fn removals(value: &Value) -> Vec<Edit> {
    let lists =
        value.as_object().into_iter().flatten().filter_map(|(key, value)| Some((key, value.as_array()?)));
    let edits = lists.flat_map(|(key, items)| {
        let each = items.iter().map(|item| vec![item.clone()]).chain([items.clone()]);
        each.map(|items| Edit { remove: map(json!({key.as_str(): items})), ..Edit::default() })
    });
    let keys = value.as_object().into_iter().flatten();
    edits
        .chain(keys.map(|(key, _)| Edit { remove: map(json!({key.as_str(): null})), ..Edit::default() }))
        .collect()
}

/// Files that dockerd takes and we leave alone, because they do not say what they seem to.
fn left_alone(error: &EditError) -> bool {
    matches!(error, EditError::Text { fault: Fault::DuplicateKey { .. } | Fault::LoneSurrogate, .. })
}

/// Without root, dockerd stops before it reads the values of its registries and the options of its log driver.
fn seen_without_root(problem: &Problem) -> bool {
    problem.severity == Severity::Error
        && !matches!(problem.trouble, Trouble::Insecure(_) | Trouble::Mirror(_) | Trouble::LogOption(_))
}

#[test]
fn the_verdict_on_each_file_is_that_of_dockerd() {
    let Some(corpus) = corpus("the_verdict_on_each_file_is_that_of_dockerd") else { return };
    let (mut same, mut left) = (0, Vec::new());
    for case in cases(&corpus) {
        match read(&case.text) {
            Err(error) if case.accepted => {
                assert!(left_alone(&error), "{}: {error}", case.name);
                left.push(case.name);
            }
            Err(_) => same += 1,
            Ok(value) => {
                let problems = judge(&value, ENGINE);
                let bad = problems.iter().any(seen_without_root);
                assert_eq!(!bad, case.accepted, "{}: {problems:?}", case.name);
                same += 1;
            }
        }
    }
    eprintln!("{same} verdicts as dockerd's, {} taken by dockerd and left alone: {left:?}", left.len());
    let test = "the_verdict_on_each_file_is_that_of_dockerd";
    figure("R8", test, &format!("taken_that_dockerd_refuses=0 of={}", same + left.len()));
    assert!(left.len() <= 2, "only the duplicate key and the lone surrogate are left alone");
}

/// Every file of the corpus, edited in every way.
fn edited(corpus: &Path) -> Vec<(String, Vec<u8>)> {
    let mut outputs: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut refused, mut unchanged) = (0, 0);
    for case in cases(corpus) {
        let own = read(&case.text).map(|value| removals(&value)).unwrap_or_default();
        for (i, edit) in edits().iter().chain(&own).enumerate() {
            match change(Some(&case.text), edit, ENGINE) {
                Err(ChangeError::Refused(problems)) => {
                    // Removing a runtime that is the default makes a good file bad.
                    let seen = problems.iter().any(seen_without_root);
                    assert!(!case.accepted || !seen || i >= edits().len(), "{}: {edit:?}", case.name);
                    refused += 1;
                }
                Err(ChangeError::Edit(error)) => {
                    assert!(!case.accepted || left_alone(&error), "{}: {error}", case.name);
                    refused += 1;
                }
                Ok(edited) => {
                    let repair = !case.accepted && !edit.remove.is_empty();
                    assert!(case.accepted || repair, "{}: {edit:?}", case.name);
                    let again = apply(Some(&edited.text), edit).expect("a second edit");
                    assert!(!again.changed && again.text == edited.text, "{}", case.name);
                    assert_eq!(edited.changed, edited.text != case.text);
                    for key in &edited.emptied_lists {
                        let gone = remove_key(&edited.text, key).expect("a removal");
                        outputs.push((case.name.clone(), gone.text));
                    }
                    if edited.changed {
                        outputs.push((case.name.clone(), edited.text));
                    } else {
                        unchanged += 1;
                    }
                }
            }
        }
    }
    eprintln!("{} edited texts, {unchanged} edits of nothing, {refused} refused", outputs.len());
    outputs
}

#[test]
fn no_file_that_dockerd_refuses_is_edited_and_none_is_edited_into_one() {
    let Some(corpus) = corpus("no_file_that_dockerd_refuses_is_edited_and_none_is_edited_into_one") else {
        return;
    };
    assert!(!edited(&corpus).is_empty());
}

#[test]
#[ignore = "it asks dockerd, which takes minutes: tests/faults/run"]
fn what_is_written_dockerd_takes() {
    let Some(corpus) = corpus("what_is_written_dockerd_takes") else { return };
    let Some(dockerd) = dockerd("what_is_written_dockerd_takes") else { return };
    let all = edited(&corpus);
    let many = times(100, all.len()).min(all.len());
    let outputs: Vec<_> = (0..many).map(|n| &all[n * all.len() / many]).collect();
    let mut refused = 0;
    for (name, text) in &outputs {
        if let Err(message) = verdict(&dockerd, text, &[]) {
            refused += 1;
            eprintln!("{name}: {message}\n{}", String::from_utf8_lossy(text));
        }
    }
    assert_eq!(refused, 0);
    figure("R8", "what_is_written_dockerd_takes", &format!("accepted_then_refused=0 of={many}"));
}

/// What dockerd says to a file; nothing when it takes it.
fn verdict(dockerd: &Path, text: &[u8], flags: &[&str]) -> Result<(), String> {
    let file = env::temp_dir().join(format!(
        "dtrctl-daemon-{}-{:?}.json",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::write(&file, text).expect("a temporary file");
    let run = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(dockerd)
        .arg("--config-file")
        .arg(&file)
        .args(flags)
        .output()
        .expect("setpriv");
    fs::remove_file(&file).expect("a temporary file");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    if said.contains("needs to be started with root") {
        return Ok(());
    }
    assert!(!said.is_empty(), "dockerd said nothing");
    Err(said)
}

#[test]
fn json_test_suite() {
    let Some(corpus) = corpus("json_test_suite") else { return };
    let folder = corpus.join("json_test_suite/test_parsing");
    let mut counts = [0; 3];
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read(&path).expect("a file");
        let result = strict_json(&text);
        match name.split_at(2).0 {
            "y_" => assert!(result.is_ok(), "{name}: {result:?}"),
            "n_" => assert!(result.is_err(), "{name}: {result:?}"),
            _ => {}
        }
        counts["yni".find(&name[..1]).expect("a kind of test")] += 1;
    }
    eprintln!("{counts:?} files that must parse, must not, may");
    assert!(counts[0] > 0 && counts[1] > 0);
    figure("S10", "json_test_suite", &format!("wrong_verdicts=0 of={}", counts.iter().sum::<i32>()));
}

/// Small files about the rules, each asked of dockerd and of us.
#[test]
fn the_rules_are_those_of_dockerd() {
    let Some(dockerd) = dockerd("the_rules_are_those_of_dockerd") else { return };
    let values = [
        "\"a\"",
        "\"\"",
        "\"10.0.0.1\"",
        "\"64M\"",
        "true",
        "1",
        "0",
        "-1",
        "9007199254740993",
        "1.5",
        "1e3",
        "[]",
        "[\"a\"]",
        "[\"10.0.0.1\"]",
        "[\"a=b\"]",
        "[\"a=b\",\"a=c\"]",
        "[1]",
        "[null]",
        "\"io.containerd.x.v1\"",
        "{}",
        "{\"a\":\"b\"}",
        "{\"a\":1}",
        "{\"a\":true}",
        "{\"a\":{}}",
        "{\"a\":{\"path\":\"x\"}}",
        "{\"debug\":1}",
        "[{}]",
        "null",
    ];
    let mut names: Vec<&str> = modules::daemon_config::rules::keys::KEYS.iter().map(|key| key.name).collect();
    names.extend([
        "insecure-registry",
        "label",
        "host",
        "http-proxy",
        "containerd-plugins-namespace",
        "default-init",
        "Debug",
        "containerd-plugin-namespace",
        "resolv-conf",
        "swarm-raft-election-tick",
        "nested",
        "validate",
        "help",
        "D",
    ]);
    let mut asked = 0;
    let mut wrong = Vec::new();
    for name in names {
        for value in values {
            let text = format!("{{\"{name}\": {value}}}");
            let config = serde_json::from_str(&text).expect("JSON");
            let problems = judge(&config, ENGINE);
            let good = !problems.iter().any(seen_without_root);
            let theirs = verdict(&dockerd, text.as_bytes(), &[]);
            asked += 1;
            if good != theirs.is_ok() {
                wrong.push(format!("{text}: {problems:?} {theirs:?}"));
            }
        }
    }
    eprintln!("{asked} small files asked, {} verdicts differ", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn conflicts_are_those_of_dockerd() {
    let Some(dockerd) = dockerd("conflicts_are_those_of_dockerd") else { return };
    let config = json!({
        "nested": {"debug": true}, "insecure-registries": ["a", "b"], "hosts": ["x"], "log-level": "info",
        "log-opts": {"z": "1", "a": "b"}, "runtimes": {"q": {"path": "x"}}, "mtu": 1500, "labels": ["x=y"],
        "default-ulimits": {"nofile": {"Name": "nofile", "Hard": 2, "Soft": 1}}, "icc": true, "dns": ["192.0.2.1"],
        "max-concurrent-downloads": 5, "storage-opts": [], "bip": "", "tls": false, "default-gateway": "192.0.2.1"
    });
    let text = config.to_string();
    for line in [
        "--insecure-registry=a",
        "--insecure-registry a --insecure-registry b",
        "-D",
        "--debug=false",
        "-Dl info",
        "-H fd:// -H unix:///x",
        "-Hfd://",
        "-l=info",
        "--log-opt max-size=1m --log-opt a=b",
        "--add-runtime a=b",
        "--default-ulimit nofile=1:2",
        "--mtu 1500",
        "--label a=b --mtu=9",
        "--icc=false",
        "--dns 192.0.2.9",
        "-s vfs",
        "--max-concurrent-downloads=5 -D --bip 192.0.2.1/24",
        "--storage-opt a=b",
        "--tls",
        "--default-gateway 192.0.2.2",
        "--containerd /x --data-root /y",
        "--experimental --live-restore -p /x -G docker",
    ] {
        let flags: Vec<&str> = line.split(' ').collect();
        let words: Vec<String> = ["dockerd"].iter().chain(&flags).map(|&word| word.to_owned()).collect();
        let found = conflicts(&words, &config);
        match verdict(&dockerd, text.as_bytes(), &flags) {
            Ok(()) => assert!(found.is_empty(), "{line}: {found:?}"),
            Err(said) => {
                assert!(said.contains(&sentence(&found)), "{line}: {} {said}", sentence(&found));
            }
        }
    }
}
