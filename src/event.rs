//! What happened, as data. The only thing a report may read.

mod connections;
mod cost;
pub mod diff;
mod masked;
pub mod overview;
mod planned;
mod summary;
#[cfg(test)]
mod tests;
pub mod visible;

use modules::Note;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

pub use connections::Connections;
pub use cost::{Cost, micros};
pub use planned::{PlannedChange, Sealed};
pub use summary::Summary;

/// The version of this format.
pub const VERSION: u32 = 1;

/// The note of a task that has run in check mode.
pub const RAN: &str = "ran: `check_mode` is false";

/// The note of a task that has not run though the run applies.
pub const ONLY_PLANNED: &str = "only planned: `check_mode` is true";

/// The kind of a [`Reason`] for a host that was put back as it was.
pub const ROLLED_BACK: &str = "rolled_back";

/// The kind of a [`Reason`] for a host of which nobody knows yet whether it was put back.
pub const UNCONFIRMED: &str = "unconfirmed";

/// One event. `--format jsonl` prints each as a line, and reads back as the same event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first event.
    RunStarted {
        /// Version of this format.
        version: u32,
        /// The run's id.
        run: String,
        /// The playbooks' paths.
        playbooks: Vec<String>,
        /// Whether nothing is applied.
        check: bool,
        /// Version of dtrctl.
        dtrctl: String,
    },
    /// A play begins.
    PlayStarted {
        /// Its name.
        play: String,
        /// Its hosts, in order.
        hosts: Vec<String>,
    },
    /// A batch of a play's hosts begins (`serial`).
    BatchStarted {
        /// Its hosts, in order.
        hosts: Vec<String>,
        /// The tasks that may follow, in order; handlers come last.
        tasks: Vec<TaskHead>,
    },
    /// A host begins its batch: nothing was asked of it in this batch before.
    HostStarted {
        /// Which host.
        host: String,
    },
    /// A task's changes are known; nothing of it has been applied yet.
    Planned {
        /// Which host.
        host: String,
        /// Which task.
        task: TaskHead,
        /// The changes, each with its diff.
        changes: Vec<PlannedChange>,
    },
    /// A host is done with a task.
    TaskFinished {
        /// Which host.
        host: String,
        /// Which task.
        task: TaskHead,
        /// How it ended.
        outcome: Outcome,
        /// What `register` keeps.
        result: Map<String, Value>,
        /// What was said beside it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<Note>,
        /// What stays owed to the daemon.
        #[serde(skip_serializing_if = "Option::is_none")]
        owed: Option<String>,
        /// Why it failed, was skipped or is unknown.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
    },
    /// A task is done again, as its `until` does not hold yet.
    Retried {
        /// Which host.
        host: String,
        /// Which task.
        task: TaskHead,
        /// How many times it was done.
        attempts: u32,
        /// How many times it is done at most.
        most: u32,
        /// What it said, where it said something.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A host can no longer be reached, or never was; it leaves the play.
    HostUnreachable {
        /// Which host.
        host: String,
        /// Why, and what to do.
        reason: Reason,
    },
    /// A host that answers cannot go on, for a reason that is no task's own; it leaves the play.
    HostFailed {
        /// Which host.
        host: String,
        /// Why, and what to do.
        reason: Reason,
    },
    /// Something that belongs to no host, such as a warning about the inventory.
    Said {
        /// The line.
        text: String,
        /// Whether it is a warning.
        warning: bool,
    },
    /// A gate has closed: no host begins any more, and those under way end the step in hand.
    GateClosed {
        /// Which gate: `max_fail`, `max_unreachable`, `canary`, `confirm` or `window`.
        gate: String,
        /// Why.
        message: String,
        /// The hosts that have closed it.
        hosts: Vec<String>,
        /// How to go on.
        help: String,
    },
    /// What a task has cost on a host, where that is wanted.
    Timed {
        /// Which host.
        host: String,
        /// Which task; none for what ends a play there.
        #[serde(skip_serializing_if = "Option::is_none")]
        task: Option<TaskHead>,
        /// What it has cost.
        #[serde(flatten)]
        cost: Cost,
    },
    /// A host has gone through its batch, or left it: nothing more of it comes in this batch.
    HostFinished {
        /// Which host.
        host: String,
    },
    /// All hosts of the batch have.
    BatchFinished,
    /// The last event.
    RunFinished {
        /// Every selected host, by name.
        hosts: BTreeMap<String, Recap>,
        /// How many of them stand how.
        summary: Summary,
        /// The process's exit status.
        exit: u8,
        /// Connections that stay open for the next run, or had to be closed; none where there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connections: Option<Connections>,
    },
}

impl Event {
    /// That a host goes no further, in a state that says how.
    #[must_use]
    pub fn lost(host: &str, state: State, reason: Reason) -> Self {
        let host = host.to_owned();
        match state {
            State::Unreachable => Self::HostUnreachable { host, reason },
            _ => Self::HostFailed { host, reason },
        }
    }
}

/// Which task of a play.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskHead {
    /// Its place among all that the play does: places are in the order of what they name.
    pub place: Position,
    /// Its name, or its module's where it has none.
    pub name: String,
    /// Its module.
    pub module: String,
    /// For an item of a loop: the item, shortened. Each has its own events, and the loop has no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Whether it is a handler.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handler: bool,
}

/// A place in a play: the number of a task in its list, after the place of what has brought the list, such as an
/// `include_tasks`. Places compare as the tasks are ordered.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(std::sync::Arc<[u32]>);

impl Position {
    /// The place of what has this number below it.
    #[must_use]
    pub fn inside(&self, number: u32) -> Self {
        Self(self.0.iter().copied().chain([number]).collect())
    }

    /// How many lists it is in.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Its own number in the innermost list.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.0.last().copied()
    }

    /// The place of what this is in.
    #[must_use]
    pub fn outer(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].into())
    }

    /// Whether this is the place of something that `outer` has brought.
    #[must_use]
    pub fn is_below(&self, outer: &Self) -> bool {
        self.0.len() > outer.0.len() && self.0.starts_with(&outer.0)
    }
}

impl Serialize for Position {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Vec::deserialize(deserializer)?.into()))
    }
}

/// How a task ended on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As desired already.
    Ok,
    /// Changed, or would be.
    Changed,
    /// Not for this host.
    Skipped,
    /// Failed.
    Failed,
    /// Failed, and `ignore_errors` says to go on.
    Ignored,
    /// Failed, and the block around it has a `rescue`.
    Rescued,
    /// In check mode: depends on apply.
    Unknown,
}

/// Why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reason {
    /// A word for its kind, such as `plan`, `stale`, `host_key`, `authentication`, `timeout`.
    pub kind: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Which text of the user's it is about: `file:line:column` and the lines around, as printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What became of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recap {
    /// Tasks that were as desired.
    pub ok: u32,
    /// Tasks that changed something.
    pub changed: u32,
    /// Tasks that failed.
    pub failed: u32,
    /// Tasks that were skipped.
    pub skipped: u32,
    /// 1 where the host could not be reached.
    pub unreachable: u32,
    /// Failures that a `rescue` caught.
    pub rescued: u32,
    /// Tasks whose result depends on apply.
    pub unknown: u32,
    /// Failures that `ignore_errors` let pass.
    pub ignored: u32,
    /// Its end state.
    pub state: State,
    /// What stays owed to its daemon.
    pub owed: Vec<String>,
    /// Round trips: scripts sent to it.
    pub trips: u32,
    /// Why, for a state that is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// A host's end state, from good to bad.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As desired.
    Ok,
    /// Changed.
    Changed,
    /// All its tasks were skipped.
    Skipped,
    /// Something depends on apply.
    Unknown,
    /// Put back as it was.
    RolledBack,
    /// It has moved on since the plan was made.
    Stale,
    /// It has a connection or platform that dtrctl does not have.
    Unsupported,
    /// Left in the middle, because the run was stopped.
    Aborted,
    /// Never begun.
    #[default]
    NotAttempted,
    /// Could not be reached.
    Unreachable,
    /// A task failed.
    Failed,
}

impl State {
    /// Whether the host goes no further.
    #[must_use]
    pub const fn is_lost(self) -> bool {
        matches!(
            self,
            Self::Failed
                | Self::Unreachable
                | Self::Unsupported
                | Self::Aborted
                | Self::Stale
                | Self::RolledBack
        )
    }
}
