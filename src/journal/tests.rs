use std::fs::OpenOptions;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::event::Event;

fn record() -> Record {
    Record {
        version: VERSION,
        run: "20261124T101500Z-a1b2c3".to_owned(),
        who: "alice@ops".to_owned(),
        machine: "ops".to_owned(),
        directory: "/".to_owned(),
        dtrctl: "0.1.0".to_owned(),
        started: "2026-11-24T10:15:00Z".to_owned(),
        ended: None,
        exit: None,
        asked: Asked {
            command: "apply".to_owned(),
            argv: Vec::new(),
            check: false,
            becomes: false,
            playbooks: Vec::new(),
            inventory: Vec::new(),
            plays: Vec::new(),
            resumes: None,
            options: Value::Null,
            sealed: None,
        },
    }
}

#[test]
fn a_full_disk_is_said_once() {
    let full = OpenOptions::new().write(true).open("/dev/full").expect("a device that is full");
    let mut recorder = Recorder::new(full, PathBuf::from("/journal/run"), record());
    let said = recorder.on(&Event::BatchFinished).expect_err("nothing can be written");
    assert!(said.starts_with("warning: the journal `/journal/run` cannot be written any more: "), "{said}");
    assert!(said.ends_with("; the run goes on without it"), "{said}");
    assert_eq!(recorder.on(&Event::BatchFinished), Ok(()));
}

#[test]
fn a_run_that_is_written_goes_on_until_its_recorder_has_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::new(folder.path().join("runs"));
    let begun = store.begin(record(), Some("token=canary")).expect("a journal");
    let kept = store.find("last").expect("a run");
    assert!(matches!(kept.ending(), Ending::GoesOn));
    let record = kept.record().expect("a record");
    let sealed = record.asked.sealed.clone().expect("something sealed");
    assert!(!sealed.contains("canary"));
    assert_eq!(kept.secrets(&record).expect("the key fits"), Some("token=canary".to_owned()));
    drop(begun);
    assert!(matches!(kept.ending(), Ending::Unfinished));
    std::fs::write(folder.path().join("runs/key"), [7; 32]).expect("another key");
    let refused = kept.secrets(&record).expect_err("another key").render(false, 100);
    assert!(refused.contains("run the playbook again with its `-e`"), "{refused}");
}
