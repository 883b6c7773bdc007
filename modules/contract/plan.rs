//! A plan: what a module wants changed, and what it has to say.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::change::Change;

/// What a module answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Plan {
    /// The changes, in order. None: the host is as desired.
    pub changes: Vec<Change>,
    /// Things the reader should know, in one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What stays owed to the daemon, and what would permit paying it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owed: Option<String>,
    /// Whether `owed`, also where it is none, is the whole account: what earlier tasks have said is then out of date.
    #[serde(skip)]
    pub owed_is_whole: bool,
    /// What `register` keeps, beside `changed`, `failed` and `msg`.
    #[serde(skip)]
    pub result: Map<String, Value>,
    /// Variables that later tasks of this host see, as Ansible's `set_fact` sets them.
    #[serde(skip)]
    pub facts: Map<String, Value>,
    /// Set where the task does not apply to this host: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// One line for the reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// How much it matters.
    pub level: Level,
    /// The line.
    pub text: String,
}

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Said beside the task.
    Info,
    /// Said beside the task, in a colour.
    Warning,
}

impl Plan {
    /// A plan of these changes.
    #[must_use]
    pub fn new(changes: Vec<Change>) -> Self {
        Self { changes, ..Self::default() }
    }

    /// A plan that leaves the host alone because the task does not apply to it.
    #[must_use]
    pub fn skip(reason: impl Into<String>) -> Self {
        Self { skipped: Some(reason.into()), ..Self::default() }
    }

    /// Adds a line.
    pub fn info(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Info, text: text.into() });
    }

    /// Adds a warning.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.notes.push(Note { level: Level::Warning, text: text.into() });
    }

    /// Sets a field of the registered result.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.result.insert(name.to_owned(), value.into());
    }
}

/// Why there is no plan. Nothing has been touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PlanError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Fields of the registered result.
    pub result: Box<Map<String, Value>>,
    /// Whether what the run has changed on the host is to be put back.
    pub blame: Blame,
}

/// Whether a failure shows that the host is not well with what a run has changed on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Blame {
    /// It says nothing of the host.
    #[default]
    None,
    /// It does, unless the host still owes something to its daemon, which then cannot know what was changed.
    UnlessOwed,
    /// It does: what was changed is put back.
    Sure,
}

impl PlanError {
    /// A refusal.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, result: Box::default(), blame: Blame::None }
    }

    /// The same refusal, of which what the run has changed on the host is the cause.
    #[must_use]
    pub const fn blames_run(mut self) -> Self {
        self.blame = Blame::Sure;
        self
    }

    /// The same refusal with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
