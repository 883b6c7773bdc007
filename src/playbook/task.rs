//! One task.

use modules::{Entry, MODULES};

use super::arguments::check_arguments;
use super::keywords::{Keys, nodes, text, texts};
use crate::yaml::{Node, Place, Problem, Problems, Value};

/// A task as it was written.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its name, perhaps a template.
    pub name: Option<Node>,
    /// Where it begins.
    pub place: Place,
    /// Its module.
    pub module: &'static Entry,
    /// The key that named the module.
    pub module_key: Node,
    /// The module's arguments; none where it has none.
    pub arguments: Option<Node>,
    /// Conditions; all must hold.
    pub when: Vec<Node>,
    /// The variable that keeps its result.
    pub register: Option<String>,
    /// The items to run it with.
    pub items: Option<Node>,
    /// The handlers it notifies, by name or `listen`, each with its place.
    pub notify: Vec<(String, Place)>,
    /// What a handler listens to besides its name.
    pub listen: Vec<String>,
    /// Its tags, those of the play included.
    pub tags: Vec<String>,
    /// Its variables.
    pub vars: Vec<(String, Node)>,
    /// `true`: never applied; `false`: applied even in check mode.
    pub check_mode: Option<Node>,
    /// Whether a failure lets the host go on.
    pub ignore_errors: Option<Node>,
    /// Conditions that say whether it changed something; all must hold.
    pub changed_when: Vec<Node>,
    /// Conditions that say whether it failed; all must hold.
    pub failed_when: Vec<Node>,
    /// The host that runs it in this one's place.
    pub delegate_to: Option<Node>,
    /// As whom it runs.
    pub identity: Become,
    /// Whether its arguments and results are secrets.
    pub no_log: bool,
    /// Which part of the play it stands in.
    pub section: Section,
}

/// The parts of a play, in the order in which they run; handlers run at the end of each of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// `pre_tasks`
    Before,
    /// `tasks`
    Main,
    /// `handlers`
    Handler,
}

/// `become` and `become_user`.
#[derive(Debug, Clone, Default)]
pub struct Become {
    /// Whether to become another user; none where nothing is said.
    pub wanted: Option<Node>,
    /// Which user; root where nothing is said.
    pub user: Option<Node>,
}

impl Become {
    /// Takes the two keys of a play or task.
    pub(super) fn take(keys: &mut Keys<'_>) -> Self {
        Self { wanted: keys.take("become").cloned(), user: keys.take("become_user").cloned() }
    }

    /// What this says, and for the rest what `outer` says.
    #[must_use]
    pub fn within(&self, outer: &Self) -> Self {
        Self {
            wanted: self.wanted.clone().or_else(|| outer.wanted.clone()),
            user: self.user.clone().or_else(|| outer.user.clone()),
        }
    }
}

impl Task {
    /// Reads a task; what is wrong with it goes to `problems`.
    pub(super) fn read(
        node: &Node,
        section: Section,
        play_tags: &[String],
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut keys = problems.take(Keys::of(node, "a task"))?;
        let mut list = |node: Option<&Node>, what, commas| {
            node.and_then(|node| problems.take(texts(node, what, commas))).unwrap_or_default()
        };
        let mut tags = list(keys.take("tags"), "`tags`", true);
        tags.extend_from_slice(play_tags);
        let listen = if section == Section::Handler {
            list(keys.take("listen"), "`listen`", false)
        } else {
            Vec::new()
        };
        let vars = keys.take("vars").and_then(|node| problems.take(variables(node))).unwrap_or_default();
        let register = keys.take("register").and_then(|node| problems.take(register(node)));
        let no_log =
            keys.take("no_log").and_then(|node| problems.take(boolean(node, "`no_log`"))).unwrap_or_default();
        let conditions = |node: Option<&Node>| node.map(nodes).unwrap_or_default();
        let mut task = Self {
            name: keys.take("name").cloned(),
            place: node.place(),
            module: &MODULES[0],
            module_key: node.clone(),
            arguments: None,
            when: conditions(keys.take("when")),
            register,
            items: keys.take("loop").cloned(),
            notify: notified(keys.take("notify"), problems),
            listen,
            tags,
            vars,
            check_mode: keys.take("check_mode").cloned(),
            ignore_errors: keys.take("ignore_errors").cloned(),
            changed_when: conditions(keys.take("changed_when")),
            failed_when: conditions(keys.take("failed_when")),
            delegate_to: keys.take("delegate_to").cloned(),
            identity: Become::take(&mut keys),
            no_log,
            section,
        };
        let found = task.take_module(node, &mut keys, problems);
        let names: Vec<&str> = MODULES.iter().map(|entry| entry.name).collect();
        keys.finish("a task", &names, problems);
        found.then_some(task)
    }

    fn take_module(&mut self, node: &Node, keys: &mut Keys<'_>, problems: &mut Problems) -> bool {
        let Some((name, key, value)) = keys.take_where(|name| modules::find(name).is_some()) else {
            // An unknown key is most likely the module's name; it is reported as one by `finish`.
            if keys.is_empty() {
                problems.push(
                    Problem::new("a task names no module", node.place())
                        .help("add a module and its arguments; `dtrctl modules` lists them"),
                );
            }
            return false;
        };
        if let Some((_, second, _)) = keys.take_where(|name| modules::find(name).is_some()) {
            problems.push(
                Problem::new(format!("a task names one module; `{name}` is already named"), second.place())
                    .help("make it two tasks, each beginning with `- `"),
            );
        }
        let Some(module) = modules::find(name) else { return false };
        self.module = module;
        self.module_key = key.clone();
        match problems.take(check_arguments(module, key, value)) {
            Some(arguments) => self.arguments = arguments,
            None => return false,
        }
        true
    }

    /// The name to show: what was written, or the module's.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.name.as_ref().and_then(Node::as_str).unwrap_or(self.module.name)
    }
}

fn notified(node: Option<&Node>, problems: &mut Problems) -> Vec<(String, Place)> {
    let Some(node) = node else { return Vec::new() };
    let named = |node: &Node| Ok::<_, Problem>((text(node, "`notify`")?, node.place()));
    nodes(node).iter().filter_map(|node| problems.take(named(node))).collect()
}

fn register(node: &Node) -> Result<String, Problem> {
    let name = text(node, "`register`")?;
    valid_name(&name).then_some(name).ok_or_else(|| {
        Problem::new("this is no variable name", node.place())
            .help("use letters, digits and `_`, not beginning with a digit")
    })
}

/// Whether a text can name a variable.
pub(super) fn valid_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A boolean that is no template.
pub(super) fn boolean(node: &Node, what: &str) -> Result<bool, Problem> {
    match node.value {
        Value::Bool(value) => Ok(value),
        _ => Err(Problem::new(format!("{what} has to be true or false, not {}", node.kind()), node.place())),
    }
}

/// Variables that say how a host is reached. Only the inventory sets them, so that nothing that is learnt or computed on
/// the way can change where a connection leads.
#[must_use]
pub fn is_about_the_connection(name: &str) -> bool {
    const NO_CONNECTION: [&str; 3] = ["ansible_become", "ansible_become_user", "ansible_python_interpreter"];
    name.starts_with("ansible_") && !NO_CONNECTION.contains(&name)
}

/// A mapping of variables.
pub(super) fn variables(node: &Node) -> Result<Vec<(String, Node)>, Problems> {
    let entries = node.as_map().ok_or_else(|| {
        Problem::new(format!("`vars` is {}, not a mapping", node.kind()), node.place())
            .label("expected `name: value` lines")
    })?;
    let mut problems = Problems::new();
    let variables = entries.iter().filter_map(|(key, value)| match key.as_str() {
        Some(name) if is_about_the_connection(name) => {
            problems.push(
                Problem::new(format!("`{name}` does not reach the connection from here"), key.place())
                    .help("set it in the inventory"),
            );
            None
        }
        Some(name) if valid_name(name) => Some((name.to_owned(), value.clone())),
        _ => {
            problems.push(
                Problem::new("this is no variable name", key.place())
                    .help("use letters, digits and `_`, not beginning with a digit"),
            );
            None
        }
    });
    let variables = variables.collect();
    problems.or(variables)
}
