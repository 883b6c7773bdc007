//! A plan file's text: pretty-printed JSON in a stable order, for people and for `jq`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::event::{Outcome, PlannedChange, Position, Reason, State, TaskHead};

/// The version of the format.
pub const VERSION: u32 = 1;

/// A plan file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// The version of the format.
    pub dtrctl_plan: u32,
    /// The run that made it.
    pub run: String,
    /// Who ran it: `user@machine`.
    pub who: String,
    /// When it was begun.
    pub when: String,
    /// The version of dtrctl.
    pub dtrctl: String,
    /// The name of the key of its keyed digests; none where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it was made of.
    pub made: Made,
    /// Every selected host, by name.
    pub hosts: BTreeMap<String, HostPlan>,
}

/// What a plan was made of: what it takes to plan the same again. Paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// The working directory.
    pub directory: String,
    /// The `ansible.cfg` that was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// The playbooks.
    pub playbooks: Vec<Named>,
    /// The inventories.
    pub inventories: Vec<String>,
    /// `-e`: as it was given, or `@` and a path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_vars: Vec<String>,
    /// `-l`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// `-t`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `--skip-tags`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip_tags: Vec<String>,
    /// `-u`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `-b`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub r#become: bool,
    /// `--force-handlers`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force_handlers: bool,
}

/// A file with the digest of what it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Where.
    pub path: String,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// What is planned for a host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPlan {
    /// How the host stood at the end.
    pub state: State,
    /// Why, for a state that is not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How many tasks found it as desired.
    pub ok: u32,
    /// How many tasks were not for it.
    pub skipped: u32,
    /// What stays owed to its daemon.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<String>,
    /// The tasks that change something, whose end is not known or is none that is good; in order.
    pub tasks: Vec<TaskPlan>,
    /// The tasks that found the host as desired. Kept of a plan that was just made, not of one that was read.
    #[serde(skip)]
    pub done: BTreeSet<TaskKey>,
}

/// What is planned of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskPlan {
    /// The number of its play, from 1.
    pub play: u32,
    /// Its place in the play.
    pub place: Position,
    /// Its name.
    pub name: String,
    /// Its module.
    pub module: String,
    /// The item of a loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// Whether it is a handler.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub handler: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, where it is not known or no good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its changes, in order; none are known of some whose outcome is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<SavedChange>,
}

/// By what a task is found again: its place alone would not survive a task that is put before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskKey {
    play: u32,
    name: String,
    module: String,
    item: Option<String>,
    handler: bool,
}

/// A change as it was shown, with what it starts from, what it leads to, and its seal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SavedChange(pub Map<String, Value>);

impl TaskKey {
    /// Of a task of the play with this number.
    #[must_use]
    pub fn of(play: u32, task: &TaskHead) -> Self {
        Self {
            play,
            name: task.name.clone(),
            module: task.module.clone(),
            item: task.item.clone(),
            handler: task.handler,
        }
    }

    /// Whether this is the whole loop of which another is an item.
    fn is_loop_of(&self, other: &Self) -> bool {
        self.item.is_none() && *self == Self { item: None, ..other.clone() }
    }
}

impl TaskPlan {
    /// By what it is found again.
    #[must_use]
    pub fn key(&self) -> TaskKey {
        TaskKey {
            play: self.play,
            name: self.name.clone(),
            module: self.module.clone(),
            item: self.item.clone(),
            handler: self.handler,
        }
    }

    /// Its name for a reader.
    #[must_use]
    pub fn shown(&self) -> String {
        match &self.item {
            Some(item) => format!("`{}` [{item}]", self.name),
            None => format!("`{}`", self.name),
        }
    }

    /// Whether it has it that nobody knows what a task does: that task itself, the loop of which it is an item, or the include
    /// that brings it.
    #[must_use]
    pub fn leaves_open(&self, key: &TaskKey, place: &Position) -> bool {
        let brings =
            || self.play == key.play && self.module.starts_with("include_") && place.is_below(&self.place);
        let of = self.key();
        let open = self.outcome == Outcome::Unknown && self.changes.is_empty();
        open && (of == *key || of.is_loop_of(key) || brings())
    }
}

impl SavedChange {
    /// Of a change that was shown and sealed.
    #[must_use]
    pub fn new(planned: &PlannedChange) -> Self {
        let mut data = match serde_json::to_value(planned) {
            Ok(Value::Object(data)) => data,
            _ => Map::new(),
        };
        data.values_mut().for_each(as_reference);
        if let Some(sealed) = &planned.sealed {
            for (name, end) in [("from", &sealed.from), ("to", &sealed.to)] {
                if let Some(end) = end {
                    data.insert(name.to_owned(), end.clone().into());
                }
            }
            data.insert("seal".to_owned(), sealed.seal.clone().into());
        }
        Self(data)
    }

    /// A text of it; empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// A content of which only the size is shown, and no digest, is a secret.
fn as_reference(value: &mut Value) {
    match value {
        Value::Object(map) if map.len() == 1 && map.get("bytes").is_some_and(Value::is_u64) => {
            map.shift_insert(0, "secret".to_owned(), true.into());
        }
        Value::Object(map) => map.values_mut().for_each(as_reference),
        Value::Array(items) => items.iter_mut().for_each(as_reference),
        _ => {}
    }
}

/// Why a text is no plan that can be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlan {
    /// It is JSON, but of something else.
    Other,
    /// It is one, but wrong: the end of a sentence that begins with its name.
    Wrong(String),
}

impl PlanFile {
    /// Reads a plan.
    ///
    /// # Errors
    /// [`NoPlan`]
    pub fn read(text: &str) -> Result<Self, NoPlan> {
        let wrong = |error: &serde_json::Error| {
            NoPlan::Wrong(format!(
                "is no JSON that is whole: {error}; a plan that was cut short is made again"
            ))
        };
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(&error))?;
        match value.get("dtrctl_plan").map(Value::as_u64) {
            None => return Err(NoPlan::Other),
            Some(Some(version)) if version == u64::from(VERSION) => {}
            Some(_) => {
                let version = &value["dtrctl_plan"];
                return Err(NoPlan::Wrong(format!(
                    "is a plan of version {version}, and this dtrctl knows {VERSION}: apply it with the one that made it"
                )));
            }
        }
        // Once more from the text, as only that knows lines.
        let mut reader = serde_json::Deserializer::from_str(text);
        let plan: Self = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            NoPlan::Wrong(format!("is no plan, at `{}`: {}", error.path(), error.inner()))
        })?;
        plan.check().map_err(NoPlan::Wrong)?;
        Ok(plan)
    }

    /// Every change has what it is compared by.
    fn check(&self) -> Result<(), String> {
        for (host, plan) in &self.hosts {
            for (task, number) in plan.tasks.iter().zip(0_usize..) {
                let lacks = |change: &SavedChange| {
                    ["summary", "change", "seal"].into_iter().find(|name| change.text(name).is_empty())
                };
                let found = task.changes.iter().zip(0_usize..).find_map(|(one, at)| Some((lacks(one)?, at)));
                if let Some((name, at)) = found {
                    return Err(format!(
                        "is no plan, at `hosts.{host}.tasks[{number}].changes[{at}]`: `{name}` is missing, or no text"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The plan's text.
    #[must_use]
    pub fn text(&self) -> String {
        // It is structs of text, numbers and lists, which JSON can always say.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Writes the plan, whole or not at all, for its owner alone.
    ///
    /// # Errors
    /// The sentence that says why not.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let said = |error: std::io::Error| format!("`{}` cannot be written: {error}", path.display());
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(directory.unwrap_or(Path::new("."))).map_err(said)?;
        file.write_all(self.text().as_bytes()).map_err(said)?;
        file.as_file().sync_all().map_err(said)?;
        file.persist(path).map_err(|error| said(error.error))?;
        Ok(())
    }
}
