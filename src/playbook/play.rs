//! Plays, and the batches that `serial` makes of their hosts.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::action::Action;
use super::call::short;
use super::gates::Gates;
use super::import::{known_path, missing};
use super::keys::{Keys, nodes, texts};
use super::keywords::{Keywords, Level, flag};
use super::part::{Around, Part, Role};
use super::read::{Library, Reader, real};
use super::task::{Task, boolean, first_key};
use super::user_modules::UserModules;
use super::vocabulary::ORDERS;
use crate::yaml::{self, Node, Place, Problem, Problems, Source, Value};

/// A playbook.
#[derive(Debug, Clone)]
pub struct Playbook {
    /// Its file.
    pub path: PathBuf,
    /// Its plays, in order.
    pub plays: Vec<Arc<Play>>,
}

/// A play.
#[derive(Debug, Clone)]
pub struct Play {
    /// Its name, perhaps a template.
    pub name: Option<Node>,
    /// Where it begins.
    pub place: Place,
    /// The directory of its playbook: relative paths of its tasks begin there.
    pub directory: PathBuf,
    /// Where its roles are looked for.
    pub library: Arc<Library>,
    /// The pattern of its hosts, perhaps a template.
    pub hosts: Node,
    /// The order of its hosts.
    pub order: Option<String>,
    /// What it says of all its tasks.
    pub keywords: Keywords,
    /// `vars_files`: each the candidates of which the first that exists is read.
    pub vars_files: Vec<Vec<Node>>,
    /// Whether `ansible_facts` is filled: true where nothing is said.
    pub gather_facts: Option<Node>,
    /// The sizes of its batches; empty: all hosts at once.
    pub serial: Vec<Serial>,
    /// What bounds its way over its hosts besides.
    pub gates: Gates,
    /// The share of a batch's hosts, in percent, that may be lost.
    pub max_fail_percentage: Option<f64>,
    /// Whether handlers run on hosts that have failed.
    pub force_handlers: bool,
    /// Its roles, with those that they depend on, in the order in which they run.
    pub roles: Vec<Arc<Role>>,
    /// `pre_tasks`; the roles' tasks, then `tasks`; `post_tasks`. Handlers that were notified run after each.
    pub sections: [Vec<Part>; 3],
    /// `handlers`, those of roles first, in order.
    pub handlers: Vec<Arc<Task>>,
}

/// The size of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Serial {
    /// So many hosts.
    Count(usize),
    /// So much of all the play's hosts.
    Percent(usize),
    /// What a template says, once the play begins.
    Template(Node),
}

impl Serial {
    /// The sizes that a template gave: a number, a percentage, or a list of these.
    #[must_use]
    pub fn of_value(value: &serde_json::Value) -> Option<Vec<Self>> {
        match value {
            serde_json::Value::Array(items) => items.iter().map(Self::of_one).collect(),
            one => Self::of_one(one).map(|size| vec![size]),
        }
    }

    fn of_one(value: &serde_json::Value) -> Option<Self> {
        match value {
            serde_json::Value::String(text) => Self::of_text(text),
            other => usize::try_from(other.as_u64()?).ok().map(Self::Count),
        }
    }

    fn of_text(text: &str) -> Option<Self> {
        match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|percent| *percent <= 100).map(Self::Percent),
            None => text.trim().parse().ok().map(Self::Count),
        }
    }
}

/// The hosts that run side by side.
pub type Batch = Vec<String>;

impl Playbook {
    /// Reads as much of a playbook as can be read; every mistake that can be found without a host goes to `problems`.
    pub fn load(path: &Path, roles_path: &[PathBuf], problems: &mut Problems) -> Option<Self> {
        let source = problems.take(Source::read(path))?;
        Self::read(&source, roles_path, problems)
    }

    /// The same from its text.
    pub fn read(source: &Arc<Source>, roles_path: &[PathBuf], problems: &mut Problems) -> Option<Self> {
        let root = problems.take(yaml::parse(source))?;
        let Some(items) = root.as_seq() else {
            problems.push(no_playbook(&root));
            return None;
        };
        let before = problems.0.len();
        let within = vec![real(&source.path)];
        let mut reading = Reading { roles_path, within, modules: HashMap::new(), problems };
        let plays = reading.plays(&source.path, items, &Keywords::default());
        if plays.is_empty() && problems.0.len() == before {
            problems.push(Problem::new("the playbook holds no play", root.place()));
        }
        Some(Self { path: source.path.clone(), plays: plays.into_iter().map(Arc::new).collect() })
    }
}

/// The plays of a playbook and of those that it imports.
struct Reading<'a> {
    roles_path: &'a [PathBuf],
    /// The playbooks that are being read, the innermost last.
    within: Vec<PathBuf>,
    /// The own modules of each directory that was met.
    modules: HashMap<PathBuf, UserModules>,
    problems: &'a mut Problems,
}

impl Reading<'_> {
    fn plays(&mut self, path: &Path, items: &[Node], outer: &Keywords) -> Vec<Play> {
        let directory = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let modules = self.modules.entry(real(&directory));
        let modules = modules.or_insert_with(|| UserModules::beside(&directory, self.problems)).clone();
        let library =
            Arc::new(Library { modules, playbook: directory, roles_path: self.roles_path.to_vec() });
        let mut plays = Vec::new();
        for item in items {
            let import =
                |(key, _): &&(Node, Node)| key.as_str().is_some_and(|name| short(name) == "import_playbook");
            match item.as_map().and_then(|entries| entries.iter().find(import)) {
                Some((key, file)) => plays.extend(self.imported(item, key, file, &library, outer)),
                None => plays.extend(Play::read(item, &library, outer, self.problems)),
            }
        }
        plays
    }

    /// `import_playbook`: the plays of another file, with what is said here of all their tasks.
    fn imported(
        &mut self,
        item: &Node,
        key: &Node,
        file: &Node,
        library: &Library,
        outer: &Keywords,
    ) -> Vec<Play> {
        let Some(mut keys) = self.problems.take(Keys::of(item, "`import_playbook`")) else {
            return Vec::new();
        };
        keys.take_where(|name| Some(name) == key.as_str());
        keys.take("name");
        let own = Keywords::of_import(&mut keys, self.problems).within(outer);
        keys.finish("`import_playbook`", &[], self.problems);
        let Some(name) = self.problems.take(known_path(file, &library.playbook, None)) else {
            return Vec::new();
        };
        let path = library.playbook.join(&name);
        if !path.is_file() {
            self.problems.push(missing("playbook", &name, file, std::slice::from_ref(&library.playbook)));
            return Vec::new();
        }
        if self.within.contains(&real(&path)) {
            self.problems.push(
                Problem::new(format!("the playbook `{name}` imports itself"), file.place())
                    .help("leave one of the imports away"),
            );
            return Vec::new();
        }
        let read = Source::read(&path).map_err(Problems::from).and_then(|source| yaml::parse(&source));
        let Some(root) = self.problems.take(read) else { return Vec::new() };
        let Some(items) = root.as_seq() else {
            self.problems.push(no_playbook(&root));
            return Vec::new();
        };
        self.within.push(real(&path));
        let plays = self.plays(&path, items, &own);
        self.within.pop();
        plays
    }
}

fn no_playbook(root: &Node) -> Problem {
    Problem::new(format!("a playbook is a list of plays, not {}", root.kind()), root.place())
        .help("begin each play with `- hosts: PATTERN`")
}

impl Play {
    fn read(node: &Node, library: &Arc<Library>, outer: &Keywords, problems: &mut Problems) -> Option<Self> {
        let mut keys = problems.take(Keys::of(node, "a play"))?;
        // The rest of the play is read all the same, so that its mistakes are told too.
        let hosts = keys.take("hosts").cloned().unwrap_or_else(|| {
            problems.push(
                Problem::new("a play has no `hosts`", first_key(node))
                    .help("add `hosts: PATTERN`, such as `hosts: docker`"),
            );
            Node { value: Value::Null, ..node.clone() }
        });
        let keywords = Keywords::take(&mut keys, Level::Play, &library.modules, problems).imported(outer);
        check_connection(&mut keys, &hosts);
        let mut reader = Reader::new(library, problems);
        let around = Around::of_play(&keywords, &library.playbook);
        let before = reader.list(keys.take("pre_tasks"), "`pre_tasks`", &around);
        let mut imported = std::mem::take(&mut reader.handlers);
        let mut main = reader.roles(keys.take("roles"), &around);
        let of_roles = std::mem::take(&mut reader.handlers);
        main.extend(reader.list(keys.take("tasks"), "`tasks`", &around));
        let after = reader.list(keys.take("post_tasks"), "`post_tasks`", &around);
        imported.append(&mut reader.handlers);
        // Of handlers with one name the last wins: the play's own hide those of its roles, imported ones come last.
        reader.handlers = of_roles;
        let mut handlers = reader.handlers();
        let among_handlers = Around { handler: true, ..around };
        let own = reader.list(keys.take("handlers"), "`handlers`", &among_handlers);
        handlers.extend(own.iter().flat_map(Part::tasks).cloned());
        reader.handlers = imported;
        handlers.extend(reader.handlers());
        let (roles, unread) = (std::mem::take(&mut reader.roles), std::mem::take(&mut reader.unread));
        let complete = !reader.incomplete;
        let gates = Gates::take(&mut keys, problems);
        let play = Self {
            gates,
            name: keys.take("name").cloned(),
            place: node.place(),
            directory: library.playbook.clone(),
            library: Arc::clone(library),
            vars_files: keys.take("vars_files").map(vars_files).unwrap_or_default(),
            order: keys.take("order").and_then(|node| problems.take(order(node))),
            gather_facts: flag(&mut keys, "gather_facts", problems),
            serial: keys.take("serial").and_then(|node| problems.take(serial(node))).unwrap_or_default(),
            max_fail_percentage: keys
                .take("max_fail_percentage")
                .and_then(|node| problems.take(percentage(node))),
            force_handlers: fixed(&mut keys, "force_handlers", problems).unwrap_or(false),
            roles,
            handlers,
            sections: [before, main, after],
            keywords,
            hosts,
        };
        keys.finish("a play", &[], problems);
        if complete {
            play.check_notifications(unread, problems);
        }
        Some(play)
    }

    /// All tasks that can be known without a host, in order; handlers are not among them.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.sections.iter().flatten().flat_map(Part::tasks)
    }

    /// Whether one host that is lost ends the whole run.
    #[must_use]
    pub fn any_errors_fatal(&self) -> bool {
        self.keywords.any_errors_fatal.as_ref().is_some_and(|node| boolean(node, "").unwrap_or(false))
    }

    /// An unknown handler is a mistake that can be seen now, not when a host first changes.
    fn check_notifications(&self, unread: Vec<String>, problems: &mut Problems) {
        let names = |task: &Arc<Task>| {
            let name = task.name.as_ref().and_then(Node::as_str).map(str::to_owned);
            let of_role =
                name.iter().zip(&task.around.role).map(|(name, role)| format!("{} : {name}", role.name));
            of_role.chain(name.clone()).chain(task.listen.iter().cloned()).collect::<Vec<_>>()
        };
        let known: HashSet<String> = self.handlers.iter().flat_map(names).chain(unread).collect();
        // What is read while the play runs may bring handlers, and a name may be a template.
        let brings = |task: &Arc<Task>| matches!(task.action, Action::IncludeRole | Action::IncludeTasks);
        let templates = self.handlers.iter().filter_map(|task| task.name.as_ref()).any(Node::has_template);
        if templates || self.tasks().chain(&self.handlers).any(brings) {
            return;
        }
        let mut seen = HashSet::new();
        for node in self.tasks().chain(&self.handlers).flat_map(|task| &task.keywords.notify) {
            let Some(name) = node.as_str() else {
                problems.push(Problem::new("`notify` has to be text", node.place()));
                continue;
            };
            if !node.has_template() && !known.contains(name) && seen.insert(node.place().to_string()) {
                problems.push(
                    Problem::new(format!("no handler is named `{name}`"), node.place())
                        .did_you_mean(name, known.iter().map(String::as_str)),
                );
            }
        }
    }

    /// The name to show.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.name.as_ref().or(Some(&self.hosts)).and_then(Node::as_str).unwrap_or("play")
    }

    /// The batches of hosts. The last size repeats; a percentage is of all hosts, rounded down, at least 1; where there is no
    /// size, or only a template, all hosts are one.
    #[must_use]
    pub fn batches(sizes: &[Serial], hosts: &[String]) -> Vec<Batch> {
        let mut rest = hosts;
        let mut sizes = sizes.iter().map(|serial| match *serial {
            Serial::Count(count) => count,
            Serial::Percent(percent) => (hosts.len() * percent / 100).max(1),
            Serial::Template(_) => 0,
        });
        let mut batches = Vec::new();
        let mut size = hosts.len();
        while !rest.is_empty() {
            size = sizes.next().unwrap_or(size);
            // 0 means all, as Ansible has it.
            let take = if size == 0 { rest.len() } else { size.min(rest.len()) };
            let (batch, others) = rest.split_at(take);
            batches.push(batch.to_vec());
            rest = others;
        }
        batches
    }
}

/// The candidates of each item.
fn vars_files(node: &Node) -> Vec<Vec<Node>> {
    nodes(node).iter().map(nodes).collect()
}

fn fixed(keys: &mut Keys<'_>, name: &'static str, problems: &mut Problems) -> Option<bool> {
    let node = keys.take(name)?;
    problems.take(boolean(node, &format!("`{name}`")))
}

/// `connection: local` is said of plays on this machine, and true there; elsewhere the inventory says how a host is reached.
fn check_connection(keys: &mut Keys<'_>, hosts: &Node) {
    const HERE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
    let Some(node) = keys.get("connection") else { return };
    let patterns = texts(hosts, "`hosts`").unwrap_or_default();
    let mut names = patterns.iter().flat_map(|pattern| pattern.split(',')).map(str::trim);
    if short(node.as_str().unwrap_or_default()) == "local" && names.all(|name| HERE.contains(&name)) {
        keys.take("connection");
    }
}

fn order(node: &Node) -> Result<String, Problem> {
    let name = node.as_str().unwrap_or_default();
    if ORDERS.contains(&name) {
        return Ok(name.to_owned());
    }
    let listed: Vec<String> = ORDERS.iter().map(|name| format!("`{name}`")).collect();
    Err(Problem::new(format!("`order` is one of {}", listed.join(", ")), node.place())
        .did_you_mean(name, ORDERS.iter().copied()))
}

fn percentage(node: &Node) -> Result<f64, Problem> {
    let number = match &node.value {
        Value::Int(number) => number.to_string().parse().ok(),
        Value::Float(number) => Some(*number),
        Value::String(text) => text.text.trim().trim_end_matches('%').parse().ok(),
        _ => None,
    };
    number
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| Problem::new("`max_fail_percentage` takes a number from 0 to 100", node.place()))
}

fn serial(node: &Node) -> Result<Vec<Serial>, Problem> {
    let size = |node: &Node| match &node.value {
        Value::Int(count) => usize::try_from(*count).ok().map(Serial::Count),
        Value::String(_) if node.has_template() => Some(Serial::Template(node.clone())),
        Value::String(text) => Serial::of_text(&text.text),
        _ => None,
    };
    let items = nodes(node);
    items
        .iter()
        .map(|item| {
            size(item).ok_or_else(|| {
                Problem::new(
                    "`serial` takes a number of hosts, a percentage, or a list of these",
                    item.place(),
                )
                .help("such as `serial: 5`, `serial: \"20%\"` or `serial: [1, \"30%\"]`")
            })
        })
        .collect()
}
