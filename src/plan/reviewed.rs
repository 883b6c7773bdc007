//! What was reviewed, as the engine asks for it just before it makes a task's changes.

use std::collections::BTreeMap;

use super::compare::stale;
use super::file::{HostPlan, TaskKey, TaskPlan};
use crate::event::{PlannedChange, Reason, TaskHead};

/// The reviewed plans of all hosts.
pub struct Reviewed {
    hosts: BTreeMap<String, HostPlan>,
    /// Whether all of them are meant.
    whole: bool,
}

impl Reviewed {
    /// Of these hosts; `whole` where all of them are meant, and not those that a limit selects.
    #[must_use]
    pub const fn new(hosts: BTreeMap<String, HostPlan>, whole: bool) -> Self {
        Self { hosts, whole }
    }

    /// The plan of a host.
    #[must_use]
    pub fn plan_of(&self, host: &str) -> Option<&HostPlan> {
        self.hosts.get(host)
    }

    /// The hosts that have to be there.
    pub fn expected(&self) -> impl Iterator<Item = &String> {
        self.hosts.keys().filter(|_| self.whole)
    }

    /// Whether a task's changes on a host stand in the plan.
    ///
    /// # Errors
    /// Why they may not be made.
    pub fn permits(
        &self,
        host: &str,
        play: u32,
        task: &TaskHead,
        changes: &[PlannedChange],
    ) -> Result<(), Reason> {
        let key = TaskKey::of(play, task);
        let known = self.hosts.get(host).map(|plan| plan.tasks.as_slice()).unwrap_or_default();
        let same = |plan: &&TaskPlan| {
            let seals = changes.iter().map(|change| change.sealed.as_ref().map_or("", |sealed| &sealed.seal));
            plan.key() == key && plan.changes.iter().map(|change| change.text("seal")).eq(seals)
        };
        let permits = known.iter().any(|plan| plan.leaves_open(&key, &task.place) || same(&plan));
        if permits {
            return Ok(());
        }
        let would: Vec<&str> = changes.iter().map(|change| change.summary.as_str()).collect();
        Err(stale(&format!(
            "`{}` would now do what was not reviewed: {}; nothing of it was done",
            task.name,
            would.join("; ")
        )))
    }
}
