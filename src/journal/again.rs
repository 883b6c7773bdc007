//! A shard that is begun a second time: what runs jobs does that by itself, where a shard has died.

use super::reading::{Ending, Kept};
use super::record::Record;
use super::store::Store;

impl Store {
    /// The run that this one would do once more: of the same shard of a rollout that has a name, by the same command with the
    /// same playbooks. None for a check, and for one that goes on with another.
    #[must_use]
    pub fn begun_before(&self, record: &Record, secrets: Option<&str>) -> Option<Kept> {
        let asked = &record.asked;
        let is_named = |name: &str| asked.options[name].is_string();
        if asked.check || asked.resumes.is_some() || !is_named("shard") || !is_named("rollout") {
            return None;
        }
        let playbooks = |of: &Record| {
            of.asked.playbooks.iter().map(|playbook| playbook.digest.clone()).collect::<Vec<_>>()
        };
        let is_it = |kept: &Kept, other: &Record| {
            !other.asked.check
                && other.asked.resumes.is_none()
                && other.asked.options == asked.options
                && other.directory == record.directory
                && playbooks(other) == playbooks(record)
                && kept.secrets(other).is_ok_and(|other| other.as_deref() == secrets)
        };
        self.runs().into_iter().find(|kept| kept.record().is_ok_and(|other| is_it(kept, &other)))
    }

    /// What became of a run, in words, and whether something of it is left to go on with.
    #[must_use]
    pub fn became(&self, kept: &Kept) -> (&'static str, bool) {
        let Ok(left) = self.left(&kept.name) else { return ("is kept", false) };
        let last = left.family.last().unwrap_or(kept);
        match last.ending() {
            Ending::GoesOn => ("still goes on", false),
            Ending::Unfinished => ("was cut off", true),
            Ending::Finished(_) if left.hosts.is_empty() => ("has done all of it", false),
            Ending::Finished(_) => ("has ended, and not well on all hosts", true),
        }
    }
}
