//! Reads lists of tasks: tasks, blocks, and what is imported.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::action::{Action, Meta, Named};
use super::arguments::{check_arguments, merge};
use super::call::Call;
use super::keys::{Keys, nodes};
use super::keywords::{Keywords, Level};
use super::own;
use super::part::{Around, Block, Files, Part, Role};
use super::role::WantedRole;
use super::role_files::find_role;
use super::task::{Task, finish};
use super::user_modules::UserModules;
use super::vocabulary::of_tasks;
use crate::yaml::{self, Node, Place, Problem, Problems, Source, Style, Text, Value};

/// Where roles are looked for.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// The directory of the playbook.
    pub playbook: PathBuf,
    /// Directories of roles, besides `roles/` beside the playbook.
    pub roles_path: Vec<PathBuf>,
    /// The playbook's own modules.
    pub modules: UserModules,
}

/// Reads one list of tasks with everything in it; the tasks and blocks are numbered through.
pub struct Reader<'p> {
    pub(super) library: &'p Library,
    pub(super) problems: &'p mut Problems,
    /// The roles that were read, in the order in which they run.
    pub(super) roles: Vec<Arc<Role>>,
    /// The handlers of roles, which are read when all tasks are.
    pub(super) handlers: Vec<(Node, Around)>,
    /// The files and roles that are being read, the innermost last.
    pub(super) within: Vec<PathBuf>,
    /// Whether something that was named could not be read, so that what it would have brought is not known.
    pub(super) incomplete: bool,
    /// The names of handlers that could not be read.
    pub(super) unread: Vec<String>,
    /// The files to be included that were looked at for mistakes.
    seen: HashSet<PathBuf>,
    next: u32,
}

/// What `include_tasks` brings.
#[derive(Debug, Clone)]
pub struct IncludedTasks {
    /// The tasks of the file.
    pub parts: Vec<Part>,
    /// The handlers of the roles that it imports.
    pub handlers: Vec<Arc<Task>>,
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
    pub fn new(library: &'p Library, problems: &'p mut Problems) -> Self {
        Self {
            library,
            problems,
            roles: Vec::new(),
            handlers: Vec::new(),
            within: Vec::new(),
            incomplete: false,
            unread: Vec::new(),
            seen: HashSet::new(),
            next: 0,
        }
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
                Problem::new(format!("{key} is {}, not a list", node.kind()), node.place())
                    .help("begin each task with `- `"),
            );
            return Vec::new();
        };
        items.iter().flat_map(|item| self.entry(item, around)).collect()
    }

    /// Reads the tasks of a file.
    pub fn file(&mut self, path: &Path, around: &Around) -> Vec<Part> {
        let Some(root) = self.parse(path) else { return Vec::new() };
        let directory = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let files = Files::of(Arc::clone(&around.files.roles), &directory, &self.library.playbook);
        let around = Around { files: Arc::new(files), ..around.clone() };
        self.within.push(real(path));
        let noted = self.problems.0.len();
        let parts = self.list(Some(&root), "a file of tasks", &around);
        self.forget_repeated(noted);
        self.within.pop();
        parts
    }

    /// Reads the tasks of a file that is included while the play runs.
    pub fn included(&mut self, path: &Path, around: &Around) -> IncludedTasks {
        IncludedTasks { parts: self.file(path, around), handlers: self.handlers() }
    }

    /// The handlers of the roles that were read so far and are not asked for yet.
    pub(super) fn handlers(&mut self) -> Vec<Arc<Task>> {
        let pending = std::mem::take(&mut self.handlers);
        let parts =
            pending.iter().flat_map(|(node, around)| self.list(Some(node), "a file of handlers", around));
        parts.collect::<Vec<_>>().iter().flat_map(Part::tasks).cloned().collect()
    }

    /// A file's tree.
    pub(super) fn parse(&mut self, path: &Path) -> Option<Node> {
        let read = Source::read(path).map_err(Problems::from).and_then(|source| yaml::parse(&source));
        self.incomplete |= read.is_err();
        self.problems.take(read)
    }

    /// Looks at what is included while the play runs, for its mistakes alone.
    fn look_at(&mut self, path: &Path, read: impl FnOnce(&mut Reader<'_>)) {
        let path = real(path);
        if self.within.contains(&path) || !self.seen.insert(path) {
            return;
        }
        let noted = self.problems.0.len();
        let mut reader = Reader::new(self.library, self.problems);
        reader.seen = std::mem::take(&mut self.seen);
        reader.within.clone_from(&self.within);
        read(&mut reader);
        reader.handlers();
        self.seen = std::mem::take(&mut reader.seen);
        self.forget_repeated(noted);
    }

    /// Drops what was noted since and had been noted before: one text may be read in several places.
    pub(super) fn forget_repeated(&mut self, since: usize) {
        let found = self.problems.0.split_off(since.min(self.problems.0.len()));
        for problem in found {
            if !self.problems.0.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    /// One entry of a list; what is imported takes its place.
    pub(super) fn entry(&mut self, node: &Node, around: &Around) -> Vec<Part> {
        let Some(mut keys) = self.problems.take(Keys::of(node, "a task")) else { return Vec::new() };
        if keys.has("block") {
            return vec![Part::Block(Arc::new(self.block(node, keys, around)))];
        }
        let call = Call::take(node, &mut keys, &self.library.modules, self.problems);
        let args = self.problems.take(own::args(keys.take("args"))).unwrap_or_default();
        let Some(call) = call else {
            self.unnamed(node, keys, around);
            return Vec::new();
        };
        if matches!(call.name.as_str(), "include_tasks" | "include_role") {
            self.check_include(&call, &keys);
        }
        let mut keywords = Keywords::take(&mut keys, Level::Task, &self.library.modules, self.problems);
        if call.local && keywords.delegate_to.is_none() {
            let text = Text { text: "localhost".into(), style: Style::Plain, literal: false };
            keywords.delegate_to = Some(Node { value: Value::String(text), ..call.key.clone() });
        }
        let all = keywords.within(&around.keywords);
        match call.name.as_str() {
            "import_tasks" => {
                self.import_tasks(&call, args, keys, &Around { keywords: all, ..around.clone() })
            }
            "import_role" => self.import_role(&call, args, keys, &Around { keywords: all, ..around.clone() }),
            _ => self.task(node, keys, call, args, all, around).into_iter().collect(),
        }
    }

    /// A task of which nobody knows what it does. The rest is read all the same, so that its mistakes are told too; the unknown key is
    /// most likely the module's name.
    fn unnamed(&mut self, node: &Node, mut keys: Keys<'_>, around: &Around) {
        Keywords::take(&mut keys, Level::Task, &self.library.modules, self.problems);
        of_tasks().into_iter().for_each(|name| _ = keys.take(name));
        while keys.take_where(|name| name.starts_with("with_")).is_some() {}
        finish(keys, true, &self.library.modules, self.problems);
        self.remember(node, around);
    }

    fn task(
        &mut self,
        node: &Node,
        keys: Keys<'_>,
        call: Call,
        args: Vec<(Node, Node)>,
        all: Keywords,
        around: &Around,
    ) -> Option<Part> {
        let number = self.number();
        let known = self.named(&call, args, &all);
        let is_known = known.is_some();
        let nothing = Named {
            action: Action::Meta(Meta::Noop),
            key: call.key,
            arguments: None,
            desired: None,
            apply: None,
        };
        let modules = &self.library.modules;
        let mut task = Task::read(node, keys, known.unwrap_or(nothing), all, around, modules, self.problems);
        task.number = number;
        if !is_known {
            self.remember(node, around);
            return None;
        }
        self.check_task(&task);
        Some(Part::Task(Arc::new(task)))
    }

    /// Remembers the names of a handler that could not be read: notifying it is no mistake.
    fn remember(&mut self, node: &Node, around: &Around) {
        if around.handler {
            let listened = node.get("listen").map(nodes).unwrap_or_default();
            let names = node.get("name").into_iter().chain(&listened).filter_map(Node::as_str);
            self.unread.extend(names.map(str::to_owned));
        }
    }

    fn block(&mut self, node: &Node, mut keys: Keys<'_>, around: &Around) -> Block {
        if around.handler {
            let place = super::task::first_key(node);
            self.problems.push(
                Problem::new("a handler is a task, not a block", place)
                    .help("write each task as a handler of its own; they may `listen` to one name"),
            );
        }
        let number = self.number();
        let mut inside = around.clone();
        inside.keywords = Keywords::take(&mut keys, Level::Block, &self.library.modules, self.problems)
            .within(&around.keywords);
        keys.take("name");
        let mut list =
            |key: &'static str, reader: &mut Self| reader.list(keys.take(key), &format!("`{key}`"), &inside);
        let (parts, rescue) = (list("block", self), list("rescue", self));
        let always = list("always", self);
        keys.finish("a block", &[], self.problems);
        Block { number, place: node.place(), parts, rescue, always, role: None }
    }

    /// What a task does, with its arguments over those of `args` and of `module_defaults`.
    fn named(&mut self, call: &Call, args: Vec<(Node, Node)>, keywords: &Keywords) -> Option<Named> {
        let own = self.library.modules.find(&call.name);
        let Some(entry) = modules::find(&call.name).or(own.map(|own| own.entry)) else {
            if Action::OWN.contains(&call.name.as_str()) {
                return self.problems.take(own::action(call, args, &self.library.modules));
            }
            let name = call.key.as_str().unwrap_or_default();
            if self.library.modules.is_unread(name) {
                return None;
            }
            let known = super::foreign::module(name, &call.key);
            let names = self.library.modules.all_names();
            self.problems.push(known.unwrap_or_else(|| {
                Problem::new(format!("there is no module `{name}`"), call.key.place())
                    .did_you_mean(name, names)
            }));
            return None;
        };
        let noted = self.problems.0.len();
        let below = own::defaults(&call.name, &keywords.module_defaults);
        let below = merge(self.problems.take(below).unwrap_or_default(), args);
        let arguments = self.problems.take(check_arguments(entry, &call.key, &call.value, below));
        self.forget_repeated(noted);
        let arguments = arguments?;
        let desired = own.map(|own| own.desired.clone());
        Some(Named { action: Action::Module(entry), key: call.key.clone(), arguments, desired, apply: None })
    }

    /// What can be said of a task where it stands.
    fn check_task(&mut self, task: &Task) {
        let around = &task.around;
        match task.action {
            Action::Meta(Meta::EndRole) if around.role.is_none() || around.handler => self.problems.push(
                Problem::new("`meta: end_role` stands in no role's tasks", task.action_key.place())
                    .help("`meta: end_host` ends the play for the host"),
            ),
            Action::IncludeRole if around.handler => self.problems.push(no_role_as_handler(&task.action_key)),
            Action::IncludeRole => self.look_at_role(task),
            Action::IncludeTasks => {
                let name = known_argument(task, "file").map(|(name, _)| name);
                let path =
                    name.and_then(|name| around.files.tasks_file(Path::new(name), folder(around), true).ok());
                if let Some(path) = path {
                    self.look_at(&path, |reader| _ = reader.file(&path, around));
                }
            }
            _ => {}
        }
    }

    /// Looks at a role that is included while the play runs; one that is not there may never be reached.
    fn look_at_role(&mut self, task: &Task) {
        let Some((name, place)) = known_argument(task, "name") else { return };
        let mut wanted = WantedRole::new(name, place);
        match known_argument(task, "tasks_from") {
            Some((from, _)) => from.clone_into(&mut wanted.tasks_from),
            None if task.arguments.as_ref().is_some_and(|node| node.get("tasks_from").is_some()) => return,
            None => {}
        }
        if let Ok(directory) = find_role(&wanted, self.library, task.around.role.as_deref()) {
            let tasks = directory.join("tasks").join(&wanted.tasks_from);
            self.look_at(&tasks, |reader| _ = reader.used_role(&wanted, &[], &task.around));
        }
    }

    /// What a task says beside an include is of the include alone; what shall hold for what is included stands under `apply`.
    fn check_include(&mut self, call: &Call, keys: &Keys<'_>) {
        const ITS_OWN: [&str; 12] = [
            "name",
            "when",
            "tags",
            "vars",
            "loop",
            "loop_control",
            "register",
            "run_once",
            "ignore_errors",
            "no_log",
            "timeout",
            "listen",
        ];
        for (name, _) in keys.left() {
            if of_tasks().contains(name) && !ITS_OWN.contains(&name) {
                self.problems.push(
                    Problem::new(
                        format!("`{name}` beside `{}` does not reach what is included", call.name),
                        call.key.place(),
                    )
                    .help("write it under `apply:`, or at the tasks themselves"),
                );
            }
        }
    }
}

/// An argument that is known beforehand, and where it stands.
fn known_argument<'a>(task: &'a Task, name: &str) -> Option<(&'a str, Place)> {
    let node = task.arguments.as_ref()?.get(name)?;
    let text = node.as_str().filter(|_| !node.has_template())?;
    Some((text, node.place()))
}

pub(super) fn no_role_as_handler(key: &Node) -> Problem {
    Problem::new("a handler is a task, not a role", key.place())
        .help("use the role in `roles` or among the tasks; its handlers are known by that")
}

/// The folder of a role in which tasks of this kind stand.
pub(super) const fn folder(around: &Around) -> &'static str {
    if around.handler { "handlers" } else { "tasks" }
}

/// The path without links, so that a file is known again.
pub(super) fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}
