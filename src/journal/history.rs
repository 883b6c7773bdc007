//! What earlier runs have done, for the run that goes on with them.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

use crate::event::{
    Event, ONLY_PLANNED, Outcome, PlannedChange, Position, ROLLED_BACK, TaskHead, UNCONFIRMED,
};

/// Changes that are made anew each time they are asked for: asking the host does not tell whether they were made.
const REPEATED: [&str; 7] =
    ["run", "request", "touch", "service", "download", "reload_docker", "restart_docker"];
/// Of these, those that the module itself would plan again whatever the host says.
const UNSEEN: [&str; 3] = ["run", "request", "touch"];

/// Which step of which host.
#[derive(Debug, Clone, Copy)]
pub struct StepName<'a> {
    /// The number of the play, from 0.
    pub play: usize,
    /// The host.
    pub host: &'a str,
    /// The task's head.
    pub head: &'a TaskHead,
    /// The number of the loop's item; 0 where there is no loop.
    pub item: usize,
    /// Whether one host does it for all of its batch.
    pub once: bool,
}

/// How a step ended in an earlier run.
#[derive(Debug, Clone)]
pub struct Finished {
    /// That run.
    pub run: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What `register` kept; none where it was hidden, so that it is not known any more.
    pub result: Option<Map<String, Value>>,
    /// Whether it was a change that a second time would make again.
    pub repeats: bool,
    head: TaskHead,
    changed: Option<(u64, String)>,
}

type Step = (Position, usize);

/// The hosts of a batch, and which of them has done each step last.
#[derive(Debug, Default)]
struct Team {
    play: usize,
    hosts: HashSet<String>,
    did: HashMap<Step, String>,
}

/// What earlier runs have done.
#[derive(Debug, Default)]
pub struct History {
    /// Whether the playbook is as it was: steps are then known by their places alone.
    same: bool,
    steps: HashMap<(usize, String), HashMap<Step, Finished>>,
    /// The steps that were begun and not finished.
    begun: HashMap<(usize, String), HashMap<Position, String>>,
    /// When each handler was done last, by its number in its play.
    handlers: HashMap<(usize, String), HashMap<u32, (String, u64)>>,
    teams: Vec<Team>,
    /// The plays of which a batch has ended well.
    passed: HashSet<usize>,
    /// The hosts that were neither confirmed nor, as far as is known, put back: the run, and its play.
    open: HashMap<String, (String, usize)>,
    /// What was put back: of which run, in which play, on which host.
    forgotten: Mutex<HashSet<(String, usize, String)>>,
    /// Counts what was finished, in order.
    clock: u64,
}

/// What is being read of one run.
struct Reading<'a> {
    run: &'a str,
    play: usize,
    plays: usize,
    /// How many batches of the play have begun.
    batches: usize,
    /// How often a step was finished, by host and place: the items of a loop.
    items: HashMap<(String, Position), usize>,
    planned: HashMap<(String, Position), Vec<String>>,
    /// The hosts that have begun and not ended.
    under_way: HashSet<String>,
}

impl History {
    /// A history in which nothing has happened yet. `same` where the playbook is as it was in all of these runs.
    #[must_use]
    pub fn new(same: bool) -> Self {
        Self { same, ..Self::default() }
    }

    /// Takes the events of a run; of several runs the earliest first.
    pub fn take(&mut self, run: &str, events: &[Event]) {
        let (items, planned) = (HashMap::new(), HashMap::new());
        let under_way = HashSet::new();
        let mut reading = Reading { run, play: 0, plays: 0, batches: 0, items, planned, under_way };
        for event in events {
            self.on(event, &mut reading);
        }
        for host in std::mem::take(&mut reading.under_way) {
            self.open.insert(host, (run.to_owned(), reading.play));
        }
        for ((host, place), _) in reading.planned {
            let begun = self.begun.entry((reading.play, host)).or_default();
            begun.insert(place, run.to_owned());
        }
    }

    fn on(&mut self, event: &Event, reading: &mut Reading<'_>) {
        match event {
            Event::PlayStarted { .. } => {
                reading.play = reading.plays;
                reading.plays += 1;
                reading.batches = 0;
                reading.items.clear();
                reading.planned.clear();
            }
            Event::BatchStarted { hosts, .. } => {
                if reading.batches > 0 {
                    self.passed.insert(reading.play);
                }
                reading.batches += 1;
                let hosts = hosts.iter().cloned().collect();
                self.teams.push(Team { play: reading.play, hosts, did: HashMap::new() });
            }
            Event::GateClosed { gate, .. } if gate == "confirm" => _ = self.passed.insert(reading.play),
            Event::Planned { host, task, changes } => {
                reading.under_way.insert(host.clone());
                let kinds = changes.iter().map(kind).collect();
                reading.planned.insert((host.clone(), task.place.clone()), kinds);
            }
            Event::HostFailed { host, reason } if reason.kind == ROLLED_BACK => {
                self.open.remove(host);
                self.forget(reading.run, reading.play, host);
            }
            Event::HostFailed { host, reason } if reason.kind == UNCONFIRMED => {
                self.open.insert(host.clone(), (reading.run.to_owned(), reading.play));
            }
            // A run that went on with it has had it settled.
            Event::HostStarted { host } => _ = self.open.remove(host),
            Event::HostFinished { host } => _ = reading.under_way.remove(host),
            Event::TaskFinished { host, task, outcome, result, notes, .. } => {
                reading.under_way.insert(host.clone());
                let kinds = reading.planned.remove(&(host.clone(), task.place.clone())).unwrap_or_default();
                let count = reading.items.entry((host.clone(), task.place.clone())).or_default();
                let item = *count;
                *count += usize::from(task.item.is_some());
                // What was only planned was not done.
                if notes.iter().all(|note| note.text != ONLY_PLANNED) {
                    self.finished(reading, host, (task, item), (*outcome, result), &kinds);
                }
            }
            _ => {}
        }
    }

    /// Forgets what a run has done in its play on a host that was put back: files are as they were, and what was made from them
    /// by a command has to be made again.
    fn forget(&self, run: &str, play: usize, host: &str) {
        self.forgotten().insert((run.to_owned(), play, host.to_owned()));
    }

    fn forgotten(&self) -> MutexGuard<'_, HashSet<(String, usize, String)>> {
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run that was cut off on a host, of which nobody knows whether the host was put back.
    #[must_use]
    pub fn left_open(&self, host: &str) -> Option<&str> {
        self.open.get(host).map(|(run, _)| run.as_str())
    }

    /// Takes note that a host was put back which a run has left open.
    pub fn was_put_back(&self, host: &str) {
        if let Some((run, play)) = self.open.get(host) {
            self.forget(run, *play, host);
        }
    }

    fn is_forgotten(&self, run: &str, play: usize, host: &str) -> bool {
        self.forgotten().contains(&(run.to_owned(), play, host.to_owned()))
    }

    fn finished(
        &mut self,
        reading: &Reading<'_>,
        host: &str,
        (head, item): (&TaskHead, usize),
        (outcome, result): (Outcome, &Map<String, Value>),
        kinds: &[String],
    ) {
        self.clock += 1;
        let key = (reading.play, host.to_owned());
        let done = matches!(outcome, Outcome::Ok | Outcome::Changed | Outcome::Ignored);
        if head.handler && (done || outcome == Outcome::Skipped) {
            let number = head.place.last().unwrap_or_default();
            self.handlers
                .entry(key.clone())
                .or_default()
                .insert(number, (reading.run.to_owned(), self.clock));
        }
        if !done {
            return;
        }
        let step = (head.place.clone(), item);
        let team = self.teams.last_mut().filter(|team| team.play == reading.play);
        team.into_iter().for_each(|team| _ = team.did.insert(step.clone(), host.to_owned()));
        let is_any = |of: &[&str]| kinds.iter().any(|kind| of.contains(&kind.as_str()));
        let steps = self.steps.entry(key).or_default();
        let before = steps.remove(&step);
        let changed = (outcome == Outcome::Changed).then(|| (self.clock, reading.run.to_owned()));
        let finished = match before {
            // It was not done again, or asked and found done: who did it is who did it first.
            Some(before) if kinds.is_empty() => Finished { outcome, head: head.clone(), ..before },
            before => Finished {
                run: reading.run.to_owned(),
                outcome,
                result: is_any(&REPEATED).then(|| shown(result)).flatten(),
                repeats: is_any(&UNSEEN),
                head: head.clone(),
                changed: changed.or_else(|| before.and_then(|before| before.changed)),
            },
        };
        steps.insert(step, finished);
    }

    /// How a step ended, where an earlier run has finished it.
    #[must_use]
    pub fn finished_step(&self, step: StepName<'_>) -> Option<&Finished> {
        let key = (step.head.place.clone(), step.item);
        let of = |host: &str| {
            let found = self.steps.get(&(step.play, host.to_owned()))?.get(&key);
            found.filter(|found| !self.is_forgotten(&found.run, step.play, host))
        };
        let by_another = || {
            let teams = self.teams.iter().rev().filter(|team| team.play == step.play);
            let mut did = teams.filter(|team| team.hosts.contains(step.host));
            did.find_map(|team| team.did.get(&key)).and_then(|host| of(host))
        };
        let found = of(step.host).or_else(|| if step.once { by_another() } else { None });
        found.filter(|found| self.is(step.head, &found.head))
    }

    /// The run in which a step changed the host, where it did.
    #[must_use]
    pub fn changed_by(&self, step: StepName<'_>) -> Option<&str> {
        self.finished_step(step)?.changed.as_ref().map(|(_, run)| run.as_str())
    }

    /// Whether a handler, by its number, was done after a step had changed the host.
    #[must_use]
    pub fn was_handled(&self, step: StepName<'_>, handler: u32) -> bool {
        let changed = self.finished_step(step).and_then(|found| found.changed.as_ref());
        let handled = self.handlers.get(&(step.play, step.host.to_owned()));
        match (changed, handled.and_then(|handled| handled.get(&handler))) {
            (Some((changed, _)), Some((run, handled))) => {
                handled > changed && !self.is_forgotten(run, step.play, step.host)
            }
            _ => false,
        }
    }

    /// Whether the canary of a play has ended well in an earlier run: others have begun after it, or waited for a word alone.
    #[must_use]
    pub fn canary_has_passed(&self, play: usize) -> bool {
        self.passed.contains(&play)
    }

    /// The run that was cut off in the middle of a step, where one was: nobody knows how far it came.
    #[must_use]
    pub fn begun_by(&self, step: StepName<'_>) -> Option<&str> {
        self.begun.get(&(step.play, step.host.to_owned()))?.get(&step.head.place).map(String::as_str)
    }

    /// Whether two heads are of one step. A name may hold what only a run knows, so that it tells only where the playbook
    /// has changed.
    fn is(&self, now: &TaskHead, then: &TaskHead) -> bool {
        self.same || (now.module == then.module && now.name == then.name && now.item == then.item)
    }
}

fn kind(change: &PlannedChange) -> String {
    change.change.get("change").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A result as `register` kept it; none where `no_log` or a vault has hidden any of it.
fn shown(result: &Map<String, Value>) -> Option<Map<String, Value>> {
    fn hides(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains("***"),
            Value::Array(items) => items.iter().any(hides),
            Value::Object(entries) => entries.values().any(hides),
            _ => false,
        }
    }
    (!result.is_empty() && !result.values().any(hides)).then(|| result.clone())
}
