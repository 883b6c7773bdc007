//! Reports of runs made by hand: a report needs events, not a run.

mod formats;
mod human;
mod order;
mod recap;
mod story;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use modules::{Attributes, Before, Change, Content, HostPath, Level, Mode, Note, Ownership, WriteFile};
use serde_json::Map;

use super::{DiffMode, Human, Look, Progress, Report};
use crate::event::{
    Connections, Event, Outcome, PlannedChange, Position, Reason, Recap, State, Summary, TaskHead,
};

/// A writer whose text can be read.
#[derive(Debug, Clone, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("reports are UTF-8")
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a report of these events prints on standard output and error.
pub fn printed(look: Look, events: &[Event]) -> (String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    let mut human = Human::new(Box::new(out.clone()), Box::new(err.clone()), look, Progress::none());
    for event in events {
        human.on(event);
    }
    human.finish().expect("a buffer takes all");
    (out.text(), err.text())
}

pub fn look(width: usize, diff: DiffMode) -> Look {
    Look { colour: false, width: Some(width), diff, results: false }
}

pub fn names(hosts: &str) -> Vec<String> {
    hosts.split_whitespace().map(str::to_owned).collect()
}

pub fn run(check: bool) -> Event {
    let playbooks = vec!["playbooks/trust-registry.yml".to_owned()];
    Event::RunStarted {
        version: 1,
        run: "20261124-a1b2".to_owned(),
        playbooks,
        check,
        dtrctl: "0.1.0".to_owned(),
    }
}

pub fn play(hosts: &str) -> [Event; 2] {
    let hosts = names(hosts);
    let play = "trust the registry".to_owned();
    [Event::PlayStarted { play, hosts: hosts.clone() }, Event::BatchStarted { hosts, tasks: vec![] }]
}

pub fn task(index: usize, name: &str) -> TaskHead {
    let place = Position::default().inside(u32::try_from(index).expect("few tasks"));
    TaskHead { place, name: name.to_owned(), module: "copy".to_owned(), item: None, handler: false }
}

pub fn item(index: usize, name: &str, item: &str) -> TaskHead {
    TaskHead { item: Some(item.to_owned()), ..task(index, name) }
}

/// A handler that runs after this task.
pub fn handler(after: usize, name: &str) -> TaskHead {
    let place = task(after, name).place.inside(u32::MAX).inside(0);
    TaskHead { handler: true, place, ..task(after, name) }
}

/// A task's end. Notes, owed and reason are set by struct update of the parts.
#[derive(Debug, Clone, Default)]
pub struct End {
    pub notes: Vec<Note>,
    pub owed: Option<String>,
    pub reason: Option<Reason>,
}

pub fn end_with(host: &str, task: TaskHead, outcome: Outcome, end: End) -> Event {
    let End { notes, owed, reason } = end;
    Event::TaskFinished { host: host.to_owned(), task, outcome, result: Map::new(), notes, owed, reason }
}

pub fn end(host: &str, task: TaskHead, outcome: Outcome) -> Event {
    end_with(host, task, outcome, End::default())
}

pub fn planned(host: &str, task: TaskHead, changes: &[Change]) -> Event {
    let changes = changes.iter().map(|change| PlannedChange::new(change, false)).collect();
    Event::Planned { host: host.to_owned(), task, changes }
}

pub fn gone(host: &str) -> Event {
    Event::HostFinished { host: host.to_owned() }
}

pub fn note(level: Level, text: &str) -> Note {
    Note { level, text: text.to_owned() }
}

pub fn reason(kind: &str, message: &str, help: Option<&str>) -> Reason {
    Reason { kind: kind.to_owned(), message: message.to_owned(), help: help.map(str::to_owned), place: None }
}

pub fn attributes(mode: u16) -> Attributes {
    let owner = "root".to_owned();
    Attributes {
        mode: Mode::new(mode),
        uid: 0,
        gid: 0,
        owner: owner.clone(),
        group: owner,
        size: 0,
        mtime: 0,
    }
}

/// The change of a file from one text to another.
pub fn write(path: &str, old: Option<&str>, new: &str) -> Change {
    let content = |text: &str| Content::new(text.as_bytes().to_vec());
    Change::WriteFile(WriteFile::new(
        HostPath::new(path).expect("an absolute path"),
        old.map(|old| Before { content: content(old), attributes: attributes(0o644) }),
        content(new),
        Ownership::default(),
    ))
}

pub fn state(state: State, trips: u32) -> Recap {
    Recap { state, trips, ..Recap::default() }
}

pub fn finished(exit: u8, hosts: impl IntoIterator<Item = (String, Recap)>) -> Event {
    let hosts = hosts.into_iter().collect::<BTreeMap<_, _>>();
    Event::RunFinished { summary: Summary::of(&hosts, true), hosts, exit, connections: None }
}
