//! `dtrctl validate`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::vault::VaultOptions;
use super::{Done, output, playbooks};
use crate::playbook::{Action, Playbook, Task};
use crate::yaml::Node;

/// Checks playbooks with their roles and imports: syntax, names, arguments, templates. No host is touched, and no inventory needed.
#[derive(Debug, Args)]
pub struct Validate {
    /// The playbooks.
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    #[command(flatten)]
    vault: VaultOptions,
}

impl Validate {
    pub fn run(self) -> Done {
        self.vault.unlock()?;
        let mut said = String::new();
        for playbook in playbooks::read(&self.playbooks)? {
            said += &format!("{}: {}\n", playbook.path.display(), checked(&playbook));
        }
        output::print(&said);
        Ok(0)
    }
}

/// What was checked, and what is read only while a play runs.
fn checked(playbook: &Playbook) -> String {
    let tasks: Vec<_> = playbook.plays.iter().flat_map(|play| play.tasks().chain(&play.handlers)).collect();
    let mut roles: BTreeSet<&Path> = BTreeSet::new();
    roles.extend(playbook.plays.iter().flat_map(|play| &play.roles).map(|role| role.path.as_path()));
    roles.extend(tasks.iter().filter_map(|task| task.around.role.as_ref()).map(|role| role.path.as_path()));
    let in_role = |path: &Path| {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        roles.iter().any(|role| real.starts_with(std::fs::canonicalize(role).as_deref().unwrap_or(role)))
    };
    let places = playbook.plays.iter().map(|play| &play.place).chain(tasks.iter().map(|task| &task.place));
    let files: BTreeSet<&Path> = places.map(|place| place.source.path.as_path()).collect();
    let imported = files.into_iter().filter(|path| *path != playbook.path && !in_role(path)).count();
    let is_include = |task: &&&Arc<Task>| matches!(task.action, Action::IncludeTasks | Action::IncludeRole);
    let named_later = |task: &&&Arc<Task>| task.arguments.as_ref().is_some_and(has_named_later);
    let includes = tasks.iter().filter(is_include).count();
    let unknown = tasks.iter().filter(is_include).filter(named_later).count();
    let mut parts = vec![count(playbook.plays.len(), "play"), count(tasks.len(), "task")];
    for (number, what) in
        [(roles.len(), "role"), (imported, "imported file"), (includes - unknown, "include")]
    {
        parts.extend((number > 0).then(|| count(number, what)));
    }
    let left = match unknown {
        0 => String::new(),
        number => format!("; not read: {} whose name is a template", count(number, "include")),
    };
    format!("{}, no mistakes{left}", parts.join(", "))
}

/// Whether what an include brings is known only while the play runs.
fn has_named_later(arguments: &Node) -> bool {
    arguments.get("file").or_else(|| arguments.get("name")).is_some_and(Node::has_template)
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
