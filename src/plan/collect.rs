//! A plan, gathered from the events of a run in check mode: what is saved is what was shown.

use std::collections::{BTreeMap, HashMap};

use super::file::{HostPlan, SavedChange, TaskKey, TaskPlan};
use crate::event::{Event, Outcome, PlannedChange, Reason, Recap, TaskHead};

/// Gathers a plan.
#[derive(Default)]
pub struct Collector {
    play: u32,
    pending: HashMap<String, (TaskHead, Vec<SavedChange>)>,
    /// The hosts' plans, by name.
    pub hosts: BTreeMap<String, HostPlan>,
    /// What became of them.
    pub recaps: BTreeMap<String, Recap>,
}

impl Collector {
    /// Takes an event.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { .. } => self.play += 1,
            Event::Planned { host, task, changes } => self.planned(host, task, changes),
            Event::TaskFinished { host, task, outcome, reason, .. } => {
                self.finished(host, task, *outcome, reason.as_ref());
            }
            Event::RunFinished { hosts, .. } => self.ended(hosts),
            _ => {}
        }
    }

    fn planned(&mut self, host: &str, task: &TaskHead, changes: &[PlannedChange]) {
        let changes = changes.iter().map(SavedChange::new).collect();
        self.pending.insert(host.to_owned(), (task.clone(), changes));
    }

    fn finished(&mut self, host: &str, task: &TaskHead, outcome: Outcome, reason: Option<&Reason>) {
        let planned = self.pending.remove(host).filter(|(planned, _)| planned == task);
        let changes = planned.map(|(_, changes)| changes).unwrap_or_default();
        let plan = self.hosts.entry(host.to_owned()).or_default();
        match outcome {
            Outcome::Ok | Outcome::Skipped | Outcome::Changed if changes.is_empty() => {
                if outcome == Outcome::Skipped {
                    plan.skipped += 1;
                } else {
                    plan.ok += 1;
                    plan.done.insert(TaskKey::of(self.play, task));
                }
                return;
            }
            _ => {}
        }
        plan.tasks.push(TaskPlan {
            play: self.play,
            place: task.place.clone(),
            name: task.name.clone(),
            module: task.module.clone(),
            item: task.item.clone(),
            handler: task.handler,
            outcome,
            reason: reason.map(|reason| reason.message.clone()),
            changes,
        });
    }

    fn ended(&mut self, recaps: &BTreeMap<String, Recap>) {
        for (host, recap) in recaps {
            let plan = self.hosts.entry(host.clone()).or_default();
            plan.state = recap.state;
            plan.reason.clone_from(&recap.reason);
            plan.owed.clone_from(&recap.owed);
        }
        self.recaps.clone_from(recaps);
    }
}
