//! Reads lists of tasks: tasks, blocks, and what is imported.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::action::{Action, Meta, Named};
use super::arguments::check_arguments;
use super::keys::Keys;
use super::keywords::{Keywords, Level};
use super::part::{Around, Block, Part, Role};
use super::task::{Task, first_key};
use crate::yaml::{self, Node, Problem, Problems, Source};

/// Where roles are looked for.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The directory of the playbook.
    pub playbook: PathBuf,
    /// Directories of roles, besides `roles/` beside the playbook.
    pub roles_path: Vec<PathBuf>,
}

/// Reads one list of tasks with everything in it; the tasks and blocks are numbered through.
pub struct Reader<'p> {
    pub(super) library: &'p Library,
    pub(super) problems: &'p mut Problems,
    next: u32,
}

/// What `include_role` brings.
#[derive(Debug, Clone)]
pub struct IncludedRole {
    /// Its tasks.
    pub parts: Vec<Part>,
    /// Its handlers.
    pub handlers: Vec<Arc<Task>>,
    /// The role itself.
    pub role: Arc<Role>,
}

impl<'p> Reader<'p> {
    /// A reader that counts from 0.
    pub const fn new(library: &'p Library, problems: &'p mut Problems) -> Self {
        Self { library, problems, next: 0 }
    }

    /// The number of the next task or block.
    pub(super) const fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    /// Reads the list under a key.
    pub(super) fn list(&mut self, node: Option<&Node>, key: &str, around: &Around) -> Vec<Part> {
        let Some(node) = node.filter(|node| !node.is_null()) else { return Vec::new() };
        let Some(items) = node.as_seq() else {
            self.problems.push(
                Problem::new(format!("`{key}` is {}, not a list", node.kind()), node.place())
                    .help("begin each task with `- `"),
            );
            return Vec::new();
        };
        items.iter().flat_map(|item| self.entry(item, around)).collect()
    }

    /// Reads the tasks of a file.
    pub fn file(&mut self, path: &Path, around: &Around) -> Vec<Part> {
        let read = Source::read(path).map_err(Problems::from).and_then(|source| yaml::parse(&source));
        let Some(root) = self.problems.take(read) else { return Vec::new() };
        let mut around = around.clone();
        let mut files = (*around.files).clone();
        files.tasks = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        around.files = Arc::new(files);
        self.list(Some(&root), "a file of tasks", &around)
    }

    /// One entry of a list; what is imported takes its place.
    fn entry(&mut self, node: &Node, around: &Around) -> Vec<Part> {
        let Some(mut keys) = self.problems.take(Keys::of(node, "a task")) else { return Vec::new() };
        if keys.has("block") {
            return vec![Part::Block(Arc::new(self.block(node, keys, around)))];
        }
        let number = self.number();
        let Some(named) = self.named(node, &mut keys) else {
            // The rest is read all the same, so that its mistakes are told too; the unknown key is most likely the module's name.
            _ = Keywords::take(&mut keys, Level::Task, self.problems);
            let names: Vec<&str> = modules::MODULES.iter().map(|entry| entry.name).collect();
            keys.know(&KEYWORDS);
            while keys.take_where(|name| name.starts_with("with_")).is_some() {}
            keys.finish("a task", &names, self.problems);
            return Vec::new();
        };
        let mut task = Task::read(node, keys, named, around, self.problems);
        task.number = number;
        vec![Part::Task(Arc::new(task))]
    }

    fn block(&mut self, node: &Node, mut keys: Keys<'_>, around: &Around) -> Block {
        let number = self.number();
        let mut inside = around.clone();
        inside.keywords = Keywords::take(&mut keys, Level::Block, self.problems).within(&around.keywords);
        keys.take("name");
        let mut list = |key: &'static str, reader: &mut Self| reader.list(keys.take(key), key, &inside);
        let (parts, rescue) = (list("block", self), list("rescue", self));
        let always = list("always", self);
        keys.finish("a block", &[], self.problems);
        Block { number, place: node.place(), parts, rescue, always, role: None }
    }

    fn named(&mut self, node: &Node, keys: &mut Keys<'_>) -> Option<Named> {
        let Some((name, key, value)) = keys.take_where(is_action) else {
            if keys.only_keywords(&KEYWORDS) {
                self.problems.push(
                    Problem::new("a task names no module", first_key(node))
                        .help("add a module and its arguments; `dtrctl modules` lists them"),
                );
            }
            return None;
        };
        if let Some((_, second, _)) = keys.take_where(is_action) {
            self.problems.push(
                Problem::new(format!("a task names one module; `{name}` is already named"), second.place())
                    .help("make it two tasks, each beginning with `- `"),
            );
        }
        let read = action(name, key, value);
        self.problems.take(read)
    }
}

/// The keywords of a task, besides those that blocks and plays have too.
const KEYWORDS: [&str; 31] = [
    "name",
    "register",
    "loop",
    "loop_control",
    "until",
    "retries",
    "delay",
    "listen",
    "changed_when",
    "failed_when",
    "args",
    "when",
    "tags",
    "vars",
    "become",
    "become_user",
    "become_method",
    "environment",
    "check_mode",
    "diff",
    "ignore_errors",
    "ignore_unreachable",
    "no_log",
    "any_errors_fatal",
    "run_once",
    "delegate_to",
    "delegate_facts",
    "throttle",
    "timeout",
    "notify",
    "module_defaults",
];

fn is_action(name: &str) -> bool {
    modules::find(name).is_some() || Action::OWN.contains(&short(name))
}

/// A name without the collection that Ansible's own modules are in.
fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}

fn action(name: &str, key: &Node, value: &Node) -> Result<Named, Problems> {
    let own = |action| Named { action, key: key.clone(), arguments: Some(value.clone()) };
    Ok(match short(name) {
        "set_fact" => own(Action::SetFact),
        "include_vars" => own(Action::IncludeVars),
        "include_tasks" => own(Action::IncludeTasks),
        "include_role" => own(Action::IncludeRole),
        "meta" => own(Action::Meta(meta(value)?)),
        _ => {
            let Some(entry) = modules::find(name) else {
                return Err(Problem::new(format!("there is no module `{name}`"), key.place()).into());
            };
            let arguments = check_arguments(entry, key, value)?;
            Named { action: Action::Module(entry), key: key.clone(), arguments }
        }
    })
}

fn meta(value: &Node) -> Result<Meta, Problem> {
    let name = value.as_str().unwrap_or_default();
    Meta::ALL.iter().find(|(known, _)| *known == name).map(|(_, meta)| *meta).ok_or_else(|| {
        Problem::new(format!("`meta` cannot do `{}`", value.written()), value.place())
            .did_you_mean(name, Meta::ALL.iter().map(|(name, _)| *name))
    })
}
