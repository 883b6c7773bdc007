//! What a task does: a module, or something that the engine does itself.

use modules::Entry;

use super::keywords::Keywords;
use crate::yaml::Node;

/// What a task does.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// A module does it.
    Module(&'static Entry),
    /// `set_fact`: variables for later tasks of the host.
    SetFact,
    /// `include_vars`: variables from files.
    IncludeVars,
    /// `include_tasks`: the tasks of a file, read when it is reached.
    IncludeTasks,
    /// `include_role`: a role, read when it is reached.
    IncludeRole,
    /// `meta`: something about the run itself.
    Meta(Meta),
}

/// What `meta` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meta {
    /// `noop`
    Noop,
    /// `flush_handlers`: handlers that were notified run now.
    FlushHandlers,
    /// `end_play`: the play ends for all hosts.
    EndPlay,
    /// `end_batch`: the batch ends for all its hosts.
    EndBatch,
    /// `end_host`: the play ends for this host.
    EndHost,
    /// `end_role`: the role ends for this host.
    EndRole,
    /// `clear_facts`: facts and variables that tasks have set are forgotten.
    ClearFacts,
    /// `reset_connection`: the connection is made anew.
    ResetConnection,
}

/// An action with its arguments.
#[derive(Debug, Clone)]
pub struct Named {
    /// What it does.
    pub action: Action,
    /// The key that named it.
    pub key: Node,
    /// Its arguments; none where it has none.
    pub arguments: Option<Node>,
    /// The template of the text that a user's own module is to make so.
    pub desired: Option<Node>,
    /// `apply` of an include.
    pub apply: Option<Box<Keywords>>,
}

impl Meta {
    /// What `meta` does, by name.
    pub const ALL: [(&'static str, Self); 8] = [
        ("noop", Self::Noop),
        ("flush_handlers", Self::FlushHandlers),
        ("end_play", Self::EndPlay),
        ("end_batch", Self::EndBatch),
        ("end_host", Self::EndHost),
        ("end_role", Self::EndRole),
        ("clear_facts", Self::ClearFacts),
        ("reset_connection", Self::ResetConnection),
    ];
}

impl Action {
    /// The names of what the engine does itself.
    pub const OWN: [&'static str; 5] = ["set_fact", "include_vars", "include_tasks", "include_role", "meta"];

    /// The names of what is put in the place of a task while it is read.
    pub const IMPORTS: [&'static str; 2] = ["import_tasks", "import_role"];

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Module(entry) => entry.name,
            Self::SetFact => "set_fact",
            Self::IncludeVars => "include_vars",
            Self::IncludeTasks => "include_tasks",
            Self::IncludeRole => "include_role",
            Self::Meta(_) => "meta",
        }
    }

    /// Whether it is `set_fact`.
    #[must_use]
    pub const fn sets_facts(&self) -> bool {
        matches!(self, Self::SetFact)
    }

    /// Whether one host decides it for all hosts of its batch, as Ansible has it.
    #[must_use]
    pub const fn is_for_all(&self) -> bool {
        matches!(self, Self::Meta(Meta::EndPlay | Meta::EndBatch | Meta::ClearFacts))
    }
}
