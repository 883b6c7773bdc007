//! Events of a batch, put in order: hosts run freely, so what they say of a task comes interleaved with other tasks.

use std::collections::{BTreeMap, HashMap};

use modules::Note;

use crate::event::{Outcome, PlannedChange, Position, Reason, TaskHead};

/// What one host did in one task.
#[derive(Debug, Clone, Default)]
pub struct HostTask {
    /// One part, or one an item of a loop.
    pub parts: Vec<Part>,
}

/// What one host did in one task, or in one item of its loop.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// The task's name on this host.
    pub name: String,
    /// The item.
    pub item: Option<String>,
    /// What was planned.
    pub changes: Vec<PlannedChange>,
    /// How it ended; none while it has not.
    pub outcome: Option<Outcome>,
    /// What was said beside it.
    pub notes: Vec<Note>,
    /// What stays owed.
    pub owed: Option<String>,
    /// Why it failed, was skipped or is unknown.
    pub reason: Option<Reason>,
    /// Its result as a line of JSON, where that is shown.
    pub result: Option<String>,
}

/// A task that every host of its batch has finished, passed or left.
#[derive(Debug, Clone)]
pub struct TaskRun {
    /// Whether it is a handler.
    pub handler: bool,
    /// The hosts that ran it, in the batch's order.
    pub hosts: Vec<(String, HostTask)>,
}

/// A host that left because it cannot be reached.
#[derive(Debug, Clone)]
pub struct Lost {
    /// Which host.
    pub host: String,
    /// Why.
    pub reason: Reason,
    /// The task whose changes were under way.
    pub during: Option<String>,
    /// Whether it answers: it has failed then, and is not unreachable.
    pub answers: bool,
}

/// The hosts of a batch, and how far each is.
#[derive(Debug, Default)]
pub struct Batch {
    hosts: Vec<String>,
    places: HashMap<String, Progress>,
    runs: BTreeMap<Position, Run>,
    lost: Vec<Lost>,
    /// How many hosts are through.
    left: usize,
    /// A host that was behind when last looked at: as long as it is, the others need not be looked at.
    behind: usize,
}

#[derive(Debug, Default)]
struct Run {
    handler: bool,
    hosts: HashMap<String, HostTask>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The place that it has come to: all before it is done.
    at: Option<Position>,
    /// Whether that place is done too.
    done: bool,
    left: bool,
}

impl Progress {
    /// Whether the host may still have something to say of a place.
    fn is_before(&self, place: &Position) -> bool {
        let passed = self.at.as_ref().is_some_and(|at| at > place || (at == place && self.done));
        !self.left && !passed
    }
}

impl Batch {
    /// A batch of these hosts.
    pub fn new(hosts: Vec<String>) -> Self {
        let places = hosts.iter().map(|host| (host.clone(), Progress::default())).collect();
        Self { hosts, places, ..Self::default() }
    }

    /// Its hosts, in order.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// How many hosts are through.
    pub const fn left(&self) -> usize {
        self.left
    }

    /// The task that the slowest are at.
    pub fn current(&self) -> Option<&str> {
        let run = self.runs.first_key_value()?.1;
        run.hosts.values().next()?.parts.first().map(|part| part.name.as_str())
    }

    /// Takes the changes that a host has planned.
    pub fn planned(&mut self, host: &str, task: &TaskHead, changes: &[PlannedChange]) {
        let place = self.place(host, task);
        self.part(host, &place, task).changes = changes.to_vec();
    }

    /// Takes a task's end on a host.
    pub fn finished(&mut self, host: &str, task: &TaskHead, end: Part) {
        let place = self.place(host, task);
        let part = self.part(host, &place, task);
        let changes = std::mem::take(&mut part.changes);
        *part = Part { name: task.name.clone(), item: task.item.clone(), changes, ..end };
        if task.item.is_none() {
            // A loop does not say which item is its last one: the host's next task does.
            self.progress(host).done = true;
        }
    }

    /// Takes a host's end in this batch.
    pub fn leave(&mut self, host: &str) {
        let progress = self.progress(host);
        let first = !std::mem::replace(&mut progress.left, true);
        self.left += usize::from(first);
    }

    /// Takes a host that cannot be reached.
    pub fn lose(&mut self, host: &str, reason: Reason, answers: bool) {
        let tasks = self.runs.values().filter_map(|run| run.hosts.get(host));
        let open = tasks.flat_map(|task| &task.parts).find(|part| part.outcome.is_none());
        let during = open.map(|part| part.name.clone());
        self.lost.push(Lost { host: host.to_owned(), reason, during, answers });
        self.leave(host);
    }

    /// The hosts lost since this was asked last.
    pub fn take_lost(&mut self) -> Vec<Lost> {
        std::mem::take(&mut self.lost)
    }

    /// The next task, in order, that no host is still before.
    pub fn next(&mut self) -> Option<TaskRun> {
        let place = self.runs.first_key_value()?.0.clone();
        if self.is_awaited(&place) {
            return None;
        }
        self.pop()
    }

    /// The next task, whatever hosts are still before it: the batch is over.
    pub fn pop(&mut self) -> Option<TaskRun> {
        let (_, Run { handler, hosts: mut run }) = self.runs.pop_first()?;
        let mut ended = |host: &String| {
            let mut task = run.remove(host)?;
            task.parts.retain(|part| part.outcome.is_some());
            (!task.parts.is_empty()).then(|| (host.clone(), task))
        };
        Some(TaskRun { handler, hosts: self.hosts.iter().filter_map(&mut ended).collect() })
    }

    fn is_awaited(&mut self, place: &Position) -> bool {
        let count = self.hosts.len();
        for step in 0..count {
            let index = (self.behind + step) % count;
            let progress = self.places.get(&self.hosts[index]);
            if progress.is_some_and(|progress| progress.is_before(place)) {
                self.behind = index;
                return true;
            }
        }
        false
    }

    /// Where a host's task stands. All before it is passed: a host does its tasks one after the other.
    fn place(&mut self, host: &str, task: &TaskHead) -> Position {
        let progress = self.progress(host);
        if progress.at.as_ref().is_none_or(|at| *at < task.place) {
            progress.at = Some(task.place.clone());
            progress.done = false;
        }
        task.place.clone()
    }

    fn progress(&mut self, host: &str) -> &mut Progress {
        if !self.places.contains_key(host) {
            self.hosts.push(host.to_owned());
        }
        self.places.entry(host.to_owned()).or_default()
    }

    fn part(&mut self, host: &str, place: &Position, task: &TaskHead) -> &mut Part {
        let run = self.runs.entry(place.clone()).or_default();
        run.handler = task.handler;
        let parts = &mut run.hosts.entry(host.to_owned()).or_default().parts;
        // Changes are planned before their task ends; two items of a loop may look alike.
        if parts.last().is_none_or(|part| part.outcome.is_some() || part.item != task.item) {
            parts.push(Part { name: task.name.clone(), item: task.item.clone(), ..Part::default() });
        }
        let last = parts.len() - 1;
        &mut parts[last]
    }
}
