//! Runs that go on with one another.

use std::collections::{BTreeSet, HashMap};

use super::reading::{Ending, Kept};
use super::record::Record;
use super::store::Store;
use crate::error::Failure;
use crate::event::{Event, State};

/// A run with what is left of it.
#[derive(Debug)]
pub struct Left {
    /// The run.
    pub kept: Kept,
    /// What it was asked.
    pub record: Record,
    /// The hosts that did not end well, neither in it nor in a run that went on with it.
    pub hosts: BTreeSet<String>,
    /// The run, those that it went on with and those that went on with it: the earliest first.
    pub family: Vec<Kept>,
    /// Whether it still goes on.
    pub goes_on: bool,
}

/// Whether a host that ended so is to be taken up again.
const fn is_left(state: State) -> bool {
    matches!(
        state,
        State::Failed
            | State::Unreachable
            | State::Aborted
            | State::NotAttempted
            | State::RolledBack
            | State::Stale
    )
}

impl Store {
    /// What is left of a run.
    ///
    /// # Errors
    /// It, or a run that it went on with, is not kept any more or cannot be read.
    pub fn left(&self, wanted: &str) -> Result<Left, Failure> {
        let kept = self.find(wanted)?;
        kept.record()?;
        let name = kept.name.clone();
        let found = self.search(|left| left.kept.name == name)?;
        found.ok_or_else(|| Failure::said(format!("run {name} is not kept any more")))
    }

    /// The newest run that changes hosts and of which something is left; none where there is none.
    ///
    /// # Errors
    /// A run that it went on with is not kept any more, or cannot be read.
    pub fn newest_left(&self) -> Result<Option<Left>, Failure> {
        self.search(|left| !left.record.asked.check && !left.hosts.is_empty() && !left.goes_on)
    }

    /// The newest run that is the one.
    fn search(&self, is_it: impl Fn(&Left) -> bool) -> Result<Option<Left>, Failure> {
        let runs: Vec<(Kept, Record)> =
            self.runs().into_iter().filter_map(|run| run.record().ok().map(|record| (run, record))).collect();
        // Of each run, the hosts that a later one that went on with it has brought to a good end.
        let mut mended: HashMap<String, BTreeSet<String>> = HashMap::new();
        for (kept, record) in &runs {
            let (hosts, goes_on) = hosts_left(kept, record);
            let later = mended.remove(&kept.name).unwrap_or_default();
            let left: BTreeSet<String> = hosts.difference(&later).cloned().collect();
            if let Some(earlier) = &record.asked.resumes
                && !record.asked.check
            {
                let well = record.hosts().into_iter().filter(|host| !left.contains(*host));
                mended.entry(earlier.clone()).or_default().extend(well.map(str::to_owned));
            }
            let (kept, record) = (kept.clone(), record.clone());
            let mut left = Left { kept, record, hosts: left, family: Vec::new(), goes_on };
            if is_it(&left) {
                left.family = family(&runs, &left.kept.name)?;
                return Ok(Some(left));
            }
        }
        Ok(None)
    }
}

/// The hosts that did not end well in a run. Of one that was cut off nobody knows how any host ended.
fn hosts_left(kept: &Kept, record: &Record) -> (BTreeSet<String>, bool) {
    let all = || record.hosts().into_iter().map(str::to_owned).collect();
    match kept.ending() {
        Ending::GoesOn => (all(), true),
        Ending::Finished(event) => match *event {
            Event::RunFinished { hosts, .. } => {
                let left = hosts.into_iter().filter(|(_, recap)| is_left(recap.state));
                (left.map(|(host, _)| host).collect(), false)
            }
            _ => (all(), false),
        },
        Ending::Unfinished => (all(), false),
    }
}

/// All runs that are joined to one by going on with each other, the earliest first. Checks have done nothing.
fn family(runs: &[(Kept, Record)], name: &str) -> Result<Vec<Kept>, Failure> {
    let mut names = BTreeSet::from([name.to_owned()]);
    // From the newest to the oldest: those that it went on with.
    for (kept, record) in runs {
        if let Some(earlier) = record.asked.resumes.as_ref().filter(|_| names.contains(&kept.name)) {
            if !runs.iter().any(|(kept, _)| kept.name == *earlier) {
                return Err(Failure::said(format!(
                    "run {} went on with run {earlier}, which is not kept any more",
                    kept.name
                ))
                .help("what that run has done is not known: run the playbook again with `apply`"));
            }
            names.insert(earlier.clone());
        }
    }
    // From the oldest to the newest: those that went on with any of these.
    for (kept, record) in runs.iter().rev() {
        if record.asked.resumes.as_ref().is_some_and(|earlier| names.contains(earlier)) {
            names.insert(kept.name.clone());
        }
    }
    let joined = runs.iter().rev().filter(|(kept, record)| names.contains(&kept.name) && !record.asked.check);
    Ok(joined.map(|(kept, _)| kept.clone()).collect())
}
