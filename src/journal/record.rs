//! `run.json`: what a run was asked, by whom and from where.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkout::Checkout;

/// The version of `run.json`.
pub const VERSION: u32 = 1;

/// What is kept of a run beside its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format.
    pub version: u32,
    /// The run's id.
    pub run: String,
    /// `user@machine` of whoever ran it.
    pub who: String,
    /// The machine that it ran on.
    pub machine: String,
    /// The directory that it was begun in.
    pub directory: String,
    /// dtrctl's version.
    pub dtrctl: String,
    /// When it began, in UTC.
    pub started: String,
    /// When it ended; none for one that was cut off, or still goes on.
    pub ended: Option<String>,
    /// Its exit status.
    pub exit: Option<u8>,
    /// What was asked.
    #[serde(flatten)]
    pub asked: Asked,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The subcommand.
    pub command: String,
    /// The command line, for people: what may be a secret in it is `(hidden)`.
    pub argv: Vec<String>,
    /// Whether nothing was to be changed.
    pub check: bool,
    /// Whether a task of it became another user.
    pub becomes: bool,
    /// The playbooks, in order.
    pub playbooks: Vec<Playbook>,
    /// Where its hosts came from.
    pub inventory: Vec<String>,
    /// The plays with the hosts that were selected, in order.
    pub plays: Vec<Play>,
    /// The run that it goes on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumes: Option<String>,
    /// The subcommand's options as data, but for what is sealed.
    pub options: Value,
    /// Variables of the command line, sealed by the journal's key: no one who is handed a run's directory reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// A playbook of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Playbook {
    /// Its path, as it was given.
    pub path: String,
    /// A digest of it and of all files that it names beforehand: imported playbooks and tasks, and roles.
    pub digest: String,
    /// The commit that it stands in.
    #[serde(flatten)]
    pub checkout: Checkout,
}

/// A play of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Play {
    /// Its name.
    pub name: String,
    /// Its hosts, in order.
    pub hosts: Vec<String>,
}

impl Record {
    /// Every host that was selected, once, in the order of the plays.
    #[must_use]
    pub fn hosts(&self) -> Vec<&str> {
        let mut seen = std::collections::HashSet::new();
        let all = self.asked.plays.iter().flat_map(|play| &play.hosts).map(String::as_str);
        all.filter(|host| seen.insert(*host)).collect()
    }
}
