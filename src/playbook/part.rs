//! What a list of tasks holds: tasks and blocks, with what they have from around them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keywords::Keywords;
use super::task::Task;
use crate::yaml::{Node, Place};

/// An entry of a list of tasks.
#[derive(Debug, Clone)]
pub enum Part {
    /// A task.
    Task(Arc<Task>),
    /// A block.
    Block(Arc<Block>),
}

/// Tasks that share keywords, with what is done where one fails and what is done in any case. What the block says is already
/// part of what its tasks say.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its place among all tasks and blocks of its list, unique in it.
    pub number: u32,
    /// Where it begins.
    pub place: Place,
    /// `block`.
    pub parts: Vec<Part>,
    /// `rescue`.
    pub rescue: Vec<Part>,
    /// `always`.
    pub always: Vec<Part>,
    /// Where it is all of a role's tasks: that role.
    pub role: Option<Arc<Role>>,
}

/// A role, as it is used in one place.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// `defaults/`, those of the roles that it stands in before its own.
    pub defaults: Vec<(String, Node)>,
    /// `vars/`, likewise.
    pub vars: Vec<(String, Node)>,
    /// What tasks of others see of its defaults: its own, after those of the roles that it depends on.
    pub shown_defaults: Vec<(String, Node)>,
    /// What they see of its variables, likewise.
    pub shown_vars: Vec<(String, Node)>,
    /// The roles that it stands in, the innermost first, by name.
    pub parents: Vec<String>,
    /// Whether it runs again where it has run already with the same `key` on a host.
    pub allow_duplicates: bool,
    /// Whether its variables are seen by tasks of others: always, but for a role that is included.
    pub public: bool,
    /// What tells two uses apart: its directory, and the parameters, variables, tags and conditions that its use gives.
    pub key: String,
}

/// What a task has from the play, the role, the blocks and the includes around it.
#[derive(Debug, Clone)]
pub struct Around {
    /// What they say.
    pub keywords: Keywords,
    /// The innermost role.
    pub role: Option<Arc<Role>>,
    /// The variables given where a role is used.
    pub role_params: Vec<(String, Node)>,
    /// The variables given where tasks are included.
    pub include_params: Vec<(String, Node)>,
    /// Where files are looked for.
    pub files: Arc<Files>,
    /// Whether it stands among handlers.
    pub handler: bool,
}

/// Where the files that a task names are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// The directories, the nearest first: the role, the directory of its tasks, the playbook's directory.
    pub directories: Arc<[PathBuf]>,
    /// The directory of the file that the task stands in: `include_tasks` and `include_vars` look there first.
    pub tasks: PathBuf,
    /// The directories of the roles that it stands in, the innermost first.
    pub roles: Arc<[PathBuf]>,
}

impl Files {
    /// Those of a playbook's own tasks.
    #[must_use]
    pub fn of_playbook(directory: &Path) -> Self {
        Self::of(Arc::from([]), directory, directory)
    }

    /// Those of tasks in a directory, in these roles.
    #[must_use]
    pub fn of(roles: Arc<[PathBuf]>, tasks: &Path, playbook: &Path) -> Self {
        let mut directories = roles.to_vec();
        for more in [tasks, playbook] {
            if !directories.iter().any(|known| known == more) {
                directories.push(more.to_path_buf());
            }
        }
        Self { directories: directories.into(), tasks: tasks.to_path_buf(), roles }
    }

    /// The file of tasks of this name. What is imported is looked for beside the importing file first, what is included in the
    /// role's own folder first; `folder` is `tasks` or `handlers`.
    ///
    /// # Errors
    /// Where it was looked for in vain.
    pub fn tasks_file(&self, name: &Path, folder: &str, included: bool) -> Result<PathBuf, Vec<PathBuf>> {
        let role = self
            .roles
            .first()
            .into_iter()
            .flat_map(|role| [role.join(folder), role.join("tasks"), role.clone()]);
        let mut places: Vec<PathBuf> = role.collect();
        places.insert(usize::from(included && !places.is_empty()), self.tasks.clone());
        places.extend(self.directories.last().cloned());
        let found = places.iter().map(|place| place.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| {
            let mut once: Vec<PathBuf> = Vec::new();
            for place in places {
                if !once.contains(&place) {
                    once.push(place);
                }
            }
            once
        })
    }

    /// The first file of this name: in each directory below `folder`, such as `files`, then in itself. Where there is none, the path
    /// at which it would be looked for last.
    #[must_use]
    pub fn find(&self, folder: &str, name: &Path) -> PathBuf {
        let mut candidates =
            self.directories.iter().flat_map(|at| [at.join(folder).join(name), at.join(name)]);
        let last = self.directories.last().map_or_else(|| name.to_path_buf(), |at| at.join(name));
        candidates.find(|path| path.exists()).unwrap_or(last)
    }
}

impl Around {
    /// What a play's own tasks have from it.
    #[must_use]
    pub fn of_play(keywords: &Keywords, directory: &Path) -> Self {
        // A play's variables are a layer of their own, below those of its files.
        let keywords = Keywords { vars: Vec::new(), ..keywords.clone() };
        Self {
            keywords,
            role: None,
            role_params: Vec::new(),
            include_params: Vec::new(),
            files: Arc::new(Files::of_playbook(directory)),
            handler: false,
        }
    }
}

impl Part {
    /// All tasks in order: a block's, then its `rescue`, then its `always`.
    pub fn tasks(&self) -> Vec<&Arc<Task>> {
        match self {
            Self::Task(task) => vec![task],
            Self::Block(block) => {
                let all = block.parts.iter().chain(&block.rescue).chain(&block.always);
                all.flat_map(Self::tasks).collect()
            }
        }
    }
}
