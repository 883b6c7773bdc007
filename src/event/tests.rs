use modules::{Change, Content, HostPath, Level, Note, Ownership, Run, WriteFile};
use serde_json::{Map, json};

use super::*;
use crate::vault;

fn head() -> TaskHead {
    let place = Position::default().inside(3).inside(0);
    let (name, module) = ("the settings".to_owned(), "copy".to_owned());
    TaskHead { place, name, module, item: Some("a".to_owned()), handler: true }
}

fn reason() -> Reason {
    Reason { kind: "plan".to_owned(), message: "no".to_owned(), help: Some("yes".to_owned()), place: None }
}

fn write(path: &str, text: &str) -> Change {
    let path = HostPath::new(path).expect("an absolute path");
    let content = Content::new(text.as_bytes().to_vec());
    Change::WriteFile(WriteFile::new(path, None, content, Ownership::mode(0o600)))
}

fn recap() -> Recap {
    let owed = vec!["a restart".to_owned()];
    Recap { changed: 2, owed, state: State::RolledBack, reason: Some(reason()), ..Recap::default() }
}

fn result() -> Map<String, Value> {
    let result =
        json!({"big": u64::MAX, "small": i64::MIN, "float": 0.1, "whole": 1.0, "none": null, "list": [[]]});
    result.as_object().expect("an object").clone()
}

/// One of each kind, each with all that it may hold.
fn events() -> Vec<Event> {
    let (host, task) = ("web1".to_owned(), head());
    let run = Run { argv: vec!["true".to_owned()], ..Run::default() };
    let changes = [write("/etc/a", "b\n"), Change::Run(run)];
    vec![
        Event::RunStarted {
            version: VERSION,
            run: "20261124T101500Z-a1b2c3".to_owned(),
            playbooks: vec!["site.yml".to_owned()],
            check: true,
            dtrctl: "0.1.0".to_owned(),
        },
        Event::PlayStarted { play: "all".to_owned(), hosts: vec![host.clone()] },
        Event::BatchStarted { hosts: vec![host.clone()], tasks: vec![task.clone()] },
        Event::Planned {
            host: host.clone(),
            task: task.clone(),
            changes: changes.iter().map(|change| PlannedChange::new(change, false)).collect(),
        },
        Event::TaskFinished {
            host: host.clone(),
            task: task.clone(),
            outcome: Outcome::Changed,
            result: result(),
            notes: vec![Note { level: Level::Warning, text: "look".to_owned() }],
            owed: Some("a reload".to_owned()),
            reason: Some(reason()),
        },
        Event::Retried { host: host.clone(), task, attempts: 1, most: 3, message: None },
        Event::HostUnreachable { host: host.clone(), reason: reason() },
        Event::HostFailed { host: host.clone(), reason: reason() },
        Event::Said { text: "said".to_owned(), warning: true },
        Event::HostFinished { host: host.clone() },
        Event::BatchFinished,
        Event::HostStarted { host: host.clone() },
        Event::GateClosed {
            gate: "max_fail".to_owned(),
            message: "too many".to_owned(),
            hosts: vec![host.clone()],
            help: "dtrctl resume".to_owned(),
        },
        Event::RunFinished {
            summary: Summary { failed: 1, ..Summary::default() },
            hosts: BTreeMap::from([(host, recap())]),
            exit: 6,
            connections: Some(Connections { open: 128, seconds: 60, closed: 3 }),
        },
    ]
}

#[test]
fn an_event_reads_back_as_it_was_said() {
    for event in events() {
        let line = serde_json::to_string(&event).expect("an event is JSON");
        let read: Event = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&read).expect("an event is JSON"), line);
    }
}

#[test]
fn a_change_stands_between_its_summary_and_its_diff() {
    let planned = PlannedChange::new(&write("/etc/a", "b\n"), false);
    let line = serde_json::to_string(&planned).expect("a change is JSON");
    let expected = concat!(
        r#"{"summary":"create /etc/a","change":"write_file","path":"/etc/a","before":null,"#,
        r#""content":{"text":"b\n","sha256":"0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f"},"#,
        r#""ownership":{"mode":"0600","owner":null,"group":null},"#,
        r#""diff":"new file mode 0600\n--- (absent)\n+++ /etc/a\n@@ -0,0 +1 @@\n+b\n"}"#,
    );
    assert_eq!(line, expected);
}

#[test]
fn what_was_encrypted_is_in_no_change_that_is_data() {
    let secret = "correct-horse-battery-17";
    vault::hide(secret);
    let number = 8_812_734_651_u64;
    vault::hide(&number.to_string());
    let run = Run {
        argv: vec!["login".to_owned(), secret.to_owned()],
        stdin: Some(secret.to_owned()),
        environment: vec![("TOKEN".to_owned(), format!("x{secret}"))],
        ..Run::default()
    };
    for change in [write("/etc/token", secret), write(&format!("/etc/{secret}"), "b"), Change::Run(run)] {
        let planned = PlannedChange::new(&change, false);
        let event = Event::Planned { host: "web1".to_owned(), task: head(), changes: vec![planned] };
        let line = serde_json::to_string(&event.masked()).expect("an event is JSON");
        assert!(line.contains("***") || line.contains("bytes"), "{line}");
        assert!(!line.contains(secret), "{line}");
        assert!(!line.contains(&modules::digest(secret.as_bytes())), "{line}");
    }
    let result = json!({"pin": number}).as_object().expect("an object").clone();
    let (notes, owed, reason) = (Vec::new(), None, None);
    let outcome = Outcome::Ok;
    let event =
        Event::TaskFinished { host: "web1".to_owned(), task: head(), outcome, result, notes, owed, reason };
    let line = serde_json::to_string(&event.masked()).expect("an event is JSON");
    assert!(line.contains(r#""result":{"pin":"***"}"#), "{line}");
}
