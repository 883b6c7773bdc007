//! Plays, and the batches that `serial` makes of their hosts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keywords::{Keys, texts};
use super::task::{Become, Section, Task, boolean, first_key, variables};
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
    /// The directory that relative paths of its tasks begin at.
    pub directory: PathBuf,
    /// The pattern of its hosts, perhaps a template.
    pub hosts: Node,
    /// Its variables.
    pub vars: Vec<(String, Node)>,
    /// As whom its tasks run.
    pub identity: Become,
    /// Whether `ansible_facts` is filled.
    pub gather_facts: bool,
    /// The sizes of its batches; empty: all hosts at once.
    pub serial: Vec<Serial>,
    /// Whether one host that fails or cannot be reached ends the whole run.
    pub any_errors_fatal: bool,
    /// `pre_tasks`, then `tasks`.
    pub tasks: Vec<Task>,
    /// `handlers`, in order.
    pub handlers: Vec<Task>,
}

/// The size of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serial {
    /// So many hosts.
    Count(usize),
    /// So much of all the play's hosts.
    Percent(usize),
}

/// The hosts that run side by side.
pub type Batch = Vec<String>;

impl Playbook {
    /// Reads as much of a playbook as can be read; every mistake that can be found without a host goes to `problems`.
    pub fn load(path: &Path, problems: &mut Problems) -> Option<Self> {
        let source = problems.take(Source::read(path))?;
        Self::read(&source, problems)
    }

    /// The same from its text.
    pub fn read(source: &Arc<Source>, problems: &mut Problems) -> Option<Self> {
        let root = problems.take(yaml::parse(source))?;
        let Some(items) = root.as_seq() else {
            problems.push(
                Problem::new(format!("a playbook is a list of plays, not {}", root.kind()), root.place())
                    .help("begin each play with `- hosts: PATTERN`"),
            );
            return None;
        };
        let directory = source.path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let before = problems.0.len();
        let plays: Vec<_> = items.iter().filter_map(|item| Play::read(item, &directory, problems)).collect();
        if plays.is_empty() && problems.0.len() == before {
            problems.push(Problem::new("the playbook holds no play", root.place()));
        }
        Some(Self { path: source.path.clone(), plays: plays.into_iter().map(Arc::new).collect() })
    }
}

impl Play {
    fn read(node: &Node, directory: &Path, problems: &mut Problems) -> Option<Self> {
        let mut keys = problems.take(Keys::of(node, "a play"))?;
        // The rest of the play is read all the same, so that its mistakes are told too.
        let hosts = keys.take("hosts").cloned().unwrap_or_else(|| {
            problems.push(
                Problem::new("a play has no `hosts`", first_key(node))
                    .help("add `hosts: PATTERN`, such as `hosts: docker`"),
            );
            Node { value: Value::Null, ..node.clone() }
        });
        let tags =
            keys.take("tags").and_then(|node| problems.take(texts(node, "`tags`", true))).unwrap_or_default();
        let mut tasks = Vec::new();
        for (key, section) in [("pre_tasks", Section::Before), ("tasks", Section::Main)] {
            tasks.extend(list(keys.take(key), key, section, &tags, problems));
        }
        let mut play = Self {
            name: keys.take("name").cloned(),
            place: node.place(),
            directory: directory.to_path_buf(),
            vars: keys.take("vars").and_then(|node| problems.take(variables(node))).unwrap_or_default(),
            identity: Become::take(&mut keys, problems),
            gather_facts: keys
                .take("gather_facts")
                .and_then(|node| problems.take(boolean(node, "`gather_facts`")))
                .unwrap_or(true),
            any_errors_fatal: keys
                .take("any_errors_fatal")
                .and_then(|node| problems.take(boolean(node, "`any_errors_fatal`")))
                .unwrap_or(false),
            serial: keys.take("serial").and_then(|node| problems.take(serial(node))).unwrap_or_default(),
            handlers: list(keys.take("handlers"), "handlers", Section::Handler, &tags, problems),
            tasks,
            hosts,
        };
        keys.finish("a play", &[], problems);
        for task in play.tasks.iter_mut().chain(&mut play.handlers) {
            task.identity = task.identity.within(&play.identity);
        }
        play.check_notifications(problems);
        Some(play)
    }

    /// An unknown handler is a mistake that can be seen now, not when a host first changes.
    fn check_notifications(&self, problems: &mut Problems) {
        let names = |task: &Task| {
            let name = task.name.as_ref().and_then(Node::as_str).map(str::to_owned);
            name.into_iter().chain(task.listen.iter().cloned()).collect::<Vec<_>>()
        };
        let known: HashSet<String> = self.handlers.iter().flat_map(names).collect();
        for (name, place) in self.tasks.iter().chain(&self.handlers).flat_map(|task| &task.notify) {
            if !known.contains(name) {
                problems.push(
                    Problem::new(format!("no handler is named `{name}`"), place.clone())
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

    /// The batches of the play's hosts. The last size repeats; a percentage is of all hosts, rounded down, at least 1.
    #[must_use]
    pub fn batches(&self, hosts: &[String]) -> Vec<Batch> {
        let mut rest = hosts;
        let mut sizes = self.serial.iter().map(|serial| match *serial {
            Serial::Count(count) => count,
            Serial::Percent(percent) => (hosts.len() * percent / 100).max(1),
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

fn list(
    node: Option<&Node>,
    key: &str,
    section: Section,
    tags: &[String],
    problems: &mut Problems,
) -> Vec<Task> {
    let Some(node) = node.filter(|node| !node.is_null()) else { return Vec::new() };
    let Some(items) = node.as_seq() else {
        problems.push(
            Problem::new(format!("`{key}` is {}, not a list", node.kind()), node.place())
                .help("begin each task with `- `"),
        );
        return Vec::new();
    };
    items.iter().filter_map(|item| Task::read(item, section, tags, problems)).collect()
}

fn serial(node: &Node) -> Result<Vec<Serial>, Problem> {
    let size = |node: &Node| match &node.value {
        Value::Int(count) => usize::try_from(*count).ok().map(Serial::Count),
        Value::String(text) => match text.text.strip_suffix('%') {
            Some(percent) => {
                percent.trim().parse().ok().filter(|percent| *percent <= 100).map(Serial::Percent)
            }
            None => text.text.parse().ok().map(Serial::Count),
        },
        _ => None,
    };
    let items = super::keywords::nodes(node);
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
