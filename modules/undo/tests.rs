use serde_json::json;

use super::plan::plan;
use super::{Found, Place};
use crate::contract::{
    Attributes, Change, DaemonInfo, Entity, EntityKind, Facts, File, FileKind, Host, HostPath, Image, Kept,
    KeptPath, Mode, Need, Owned, Plan, Process, Running, Standing, UndoRecord, digest,
};

const CONFIG: &str = "/etc/docker/daemon.json";

fn path(text: &str) -> HostPath {
    HostPath::new(text).expect("an absolute path")
}

fn owned() -> Owned {
    Owned { mode: Mode::new(0o644), uid: 0, gid: 0 }
}

fn standing(text: &str) -> Standing {
    Standing::File { sha256: digest(text.as_bytes()), owned: owned() }
}

fn attributes() -> Attributes {
    let name = || "root".to_owned();
    Attributes { mode: Mode::new(0o644), uid: 0, gid: 0, owner: name(), group: name(), size: 1, mtime: 0 }
}

/// A file that a run has changed from one text to another.
fn place(at: &str, before: &str, after: &str) -> Place {
    let kept = KeptPath {
        path: path(at),
        before: Kept::File(standing(before), Image::Content(before.as_bytes().to_vec())),
        after: Some(standing(after)),
    };
    let now = Entity {
        kind: EntityKind::File,
        mode: Mode::new(0o644),
        link: None,
        source: None,
        uid: Some(0),
        gid: Some(0),
        owner: Some("root".to_owned()),
        group: Some("root".to_owned()),
        size: Some(1),
        numbers: None,
        rights: None,
        checksum: Some(digest(after.as_bytes())),
    };
    let kind = FileKind::File(attributes(), Some(after.as_bytes().to_vec()));
    let file = File { path: path(at), kind, link: None, target: None };
    Place { kept, now: Some(now), file: Some(file), dir: None }
}

fn found(places: Vec<Place>, runs: bool) -> Found {
    let running = Running {
        pid: 612,
        start: "boot:100".to_owned(),
        started: 1_780_000_000,
        cmdline: vec!["/usr/sbin/dockerd".to_owned()],
        program: path("/usr/sbin/dockerd"),
        environ: Vec::new(),
    };
    Found {
        record: UndoRecord { known: true, ..UndoRecord::default() },
        places,
        process: Process { installed: true, running: runs.then_some(running), units: Vec::new() },
        info: Some(DaemonInfo { version: "28.0.0".to_owned(), fresh: true, json: json!({}) }),
        owed: Vec::new(),
        store: None,
    }
}

fn planned(places: Vec<Place>, runs: bool) -> Plan {
    let facts = Facts { id: "debian".to_owned(), user: "root".to_owned(), ..Facts::default() };
    plan(&found(places, runs), &Host::new("web1", facts))
}

fn needs(before: &str, after: &str, runs: bool) -> Option<Need> {
    let plan = planned(vec![place(CONFIG, before, after)], runs);
    assert!(matches!(plan.changes.last(), Some(Change::WriteFile(write)) if write.path.as_str() == CONFIG));
    plan.changes.iter().find_map(|change| match change {
        Change::Owe(owed) => Some(owed.need),
        _ => None,
    })
}

#[test]
fn what_the_daemon_has_to_heed_is_owed_before_its_file_is_written() {
    assert_eq!(needs(r#"{"debug": false}"#, r#"{"debug": true}"#, true), Some(Need::Reload));
    assert_eq!(needs(r#"{"data-root": "/a"}"#, "{}", true), Some(Need::Restart));
    assert_eq!(needs("{}", "{ }", true), None, "the daemon does the same with both");
    assert_eq!(needs("not JSON", "{}", true), Some(Need::Restart));
    assert_eq!(needs("{}", r#"{"debug": true}"#, false), None, "nobody runs that would have to heed it");
    let plan = planned(vec![place(CONFIG, "{}", r#"{"debug": true}"#)], true);
    assert!(matches!(plan.changes[0], Change::Owe(_)));
}

#[test]
fn what_was_changed_last_goes_back_first_and_a_key_is_not_shown() {
    let key = "-----BEGIN PRIVATE KEY-----\nMHcCAQ==\n-----END PRIVATE KEY-----\n";
    let plan = planned(vec![place("/etc/a", "1", "2"), place("/etc/key.pem", key, "x")], true);
    let written: Vec<&str> =
        plan.changes.iter().filter_map(|change| change.path()).map(HostPath::as_str).collect();
    assert_eq!(written, ["/etc/key.pem", "/etc/a"]);
    let Change::WriteFile(write) = &plan.changes[0] else { panic!("{:?}", plan.changes) };
    assert!(
        write.content.is_secret() && write.before.as_ref().is_some_and(|before| before.content.is_secret())
    );
    assert_eq!(plan.result["restored"], json!(["/etc/key.pem", "/etc/a"]));
}
