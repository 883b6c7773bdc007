//! One task.

use modules::Entry;

use super::action::{Action, Named};
use super::foreign;
use super::keys::{Keys, nodes, text, texts, unknown};
use super::keywords::{Keywords, flag};
use super::part::Around;
use super::user_modules::UserModules;
use super::vocabulary::of_tasks;
use crate::yaml::{Node, Place, Problem, Problems, Value};

/// A task as it was written, with what it has from around it.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its place among all tasks and blocks of its list, unique in it.
    pub number: u32,
    /// Its name, perhaps a template.
    pub name: Option<Node>,
    /// Where it begins.
    pub place: Place,
    /// What it does.
    pub action: Action,
    /// The key that named it.
    pub action_key: Node,
    /// Its arguments; none where it has none.
    pub arguments: Option<Node>,
    /// The template of the text that a user's own module is to make so.
    pub desired: Option<Node>,
    /// The variable that keeps its result.
    pub register: Option<String>,
    /// What it is repeated with.
    pub repeated: Option<Repeated>,
    /// How its loop behaves.
    pub loop_control: LoopControl,
    /// Conditions; it is done again until all hold.
    pub until: Vec<Node>,
    /// How many times it is done again; 3 where only `until` is given.
    pub retries: Option<Node>,
    /// Seconds between two times; 5 where nothing is said.
    pub delay: Option<Node>,
    /// What a handler listens to besides its name.
    pub listen: Vec<String>,
    /// Conditions that say whether it changed something; all must hold.
    pub changed_when: Vec<Node>,
    /// Conditions that say whether it failed; all must hold.
    pub failed_when: Vec<Node>,
    /// `apply` of an include: what it says of the tasks that it brings.
    pub apply: Option<Box<Keywords>>,
    /// What it says itself, and what it has from around it.
    pub keywords: Keywords,
    /// What else it has from around it.
    pub around: Around,
}

/// What a task is repeated with.
#[derive(Debug, Clone)]
pub struct Repeated {
    /// The lookup that makes the items, as in `with_dict`; none for `loop`, which names them itself.
    pub lookup: Option<String>,
    /// The items, or the lookup's terms.
    pub items: Node,
}

/// `loop_control`.
#[derive(Debug, Clone)]
pub struct LoopControl {
    /// The variable of the item: `item`.
    pub loop_var: String,
    /// The variable of its place, from 0.
    pub index_var: Option<String>,
    /// What is shown of an item.
    pub label: Option<Node>,
    /// Seconds between two items.
    pub pause: Option<Node>,
    /// Whether `ansible_loop` is set.
    pub extended: bool,
    /// Whether `ansible_loop` holds all items.
    pub extended_allitems: bool,
    /// Conditions that end the loop; all must hold.
    pub break_when: Vec<Node>,
}

impl Default for LoopControl {
    fn default() -> Self {
        Self {
            loop_var: "item".to_owned(),
            index_var: None,
            label: None,
            pause: None,
            extended: false,
            extended_allitems: true,
            break_when: Vec::new(),
        }
    }
}

impl Task {
    /// Reads a task whose action and arguments are known; what is wrong with the rest goes to `problems`.
    pub(super) fn read(
        node: &Node,
        mut keys: Keys<'_>,
        named: Named,
        keywords: Keywords,
        around: &Around,
        modules: &UserModules,
        problems: &mut Problems,
    ) -> Self {
        let conditions = |node: Option<&Node>| node.map(nodes).unwrap_or_default();
        let listen = if around.handler {
            let node = keys.take("listen");
            node.and_then(|node| problems.take(texts(node, "`listen`"))).unwrap_or_default()
        } else {
            Vec::new()
        };
        let register = keys.take("register");
        let task = Self {
            number: 0,
            name: keys.take("name").cloned(),
            place: node.place(),
            action: named.action,
            action_key: named.key,
            arguments: named.arguments,
            desired: named.desired,
            register: register.and_then(|node| problems.take(variable_name(node, "`register`"))),
            repeated: Repeated::take(&mut keys, problems),
            loop_control: LoopControl::take(keys.take("loop_control"), problems),
            until: conditions(keys.take("until")),
            retries: keys.take("retries").cloned(),
            delay: keys.take("delay").cloned(),
            listen,
            changed_when: conditions(keys.take("changed_when")),
            failed_when: conditions(keys.take("failed_when")),
            apply: named.apply,
            keywords,
            around: around.clone(),
        };
        finish(keys, false, modules, problems);
        task
    }

    /// The module, where the action is one.
    #[must_use]
    pub const fn module(&self) -> Option<&'static Entry> {
        match self.action {
            Action::Module(entry) => Some(entry),
            _ => None,
        }
    }

    /// The name to show: what was written, or the action's.
    #[must_use]
    pub fn shown_name(&self) -> &str {
        self.name.as_ref().and_then(Node::as_str).unwrap_or(self.action.name())
    }
}

/// Reports what is left of a task: most likely a misspelt keyword, or the name of a module where it `is_unnamed`.
pub(super) fn finish(keys: Keys<'_>, is_unnamed: bool, modules: &UserModules, problems: &mut Problems) {
    let candidates: Vec<&str> =
        modules.all_names().chain(Action::OWN).chain(Action::IMPORTS).chain(of_tasks()).collect();
    for (key, _) in keys.rest() {
        let name = key.as_str().unwrap_or_default();
        let problem = foreign::module(name, key).unwrap_or_else(|| unknown("a task", name, key, &candidates));
        // The one key that can name a module, and is near to nothing.
        let problem = match &problem.help {
            None if is_unnamed => foreign::unknown(name, key),
            _ => problem,
        };
        problems.push(problem);
    }
}

impl Repeated {
    fn take(keys: &mut Keys<'_>, problems: &mut Problems) -> Option<Self> {
        let looped = keys.take("loop").map(|items| Self { lookup: None, items: items.clone() });
        let with = keys.take_where(|name| name.starts_with("with_"));
        let with = with.map(|(name, key, items)| {
            let lookup = name.trim_start_matches("with_").to_owned();
            (key, Self { lookup: Some(lookup), items: items.clone() })
        });
        match (looped, with) {
            (Some(_), Some((key, _))) => {
                problems.push(
                    Problem::new("a task has one loop, and `loop` is there already", key.place())
                        .help("leave one of them away"),
                );
                None
            }
            (looped, with) => looped.or(with.map(|(_, with)| with)),
        }
    }
}

impl LoopControl {
    fn take(node: Option<&Node>, problems: &mut Problems) -> Self {
        let mut control = Self::default();
        let Some(mut keys) = node.and_then(|node| problems.take(Keys::of(node, "`loop_control`"))) else {
            return control;
        };
        let name = |keys: &mut Keys<'_>, key: &'static str, problems: &mut Problems| {
            keys.take(key).and_then(|node| problems.take(variable_name(node, &format!("`{key}`"))))
        };
        if let Some(name) = name(&mut keys, "loop_var", problems) {
            control.loop_var = name;
        }
        control.index_var = name(&mut keys, "index_var", problems);
        control.label = keys.take("label").cloned();
        control.pause = keys.take("pause").cloned();
        for (key, field) in
            [("extended", &mut control.extended), ("extended_allitems", &mut control.extended_allitems)]
        {
            if let Some(node) = flag(&mut keys, key, problems) {
                *field = problems.take(boolean(&node, &format!("`{key}`"))).unwrap_or(*field);
            }
        }
        control.break_when = keys.take("break_when").map(nodes).unwrap_or_default();
        keys.finish("`loop_control`", &[], problems);
        control
    }
}

fn variable_name(node: &Node, what: &str) -> Result<String, Problem> {
    let name = text(node, what)?;
    is_variable_name(&name).then_some(name).ok_or_else(|| no_name(node))
}

/// Whether a text can name a variable.
#[must_use]
pub fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Where a play or task begins: its first key, as the whole of it would be pages.
pub(super) fn first_key(node: &Node) -> Place {
    node.as_map().and_then(<[_]>::first).map_or_else(|| node.place(), |(key, _)| key.place())
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
    const CONNECTION: [&str; 11] = [
        "ansible_host_key_checking",
        "ansible_host",
        "ansible_port",
        "ansible_user",
        "ansible_connection",
        "ansible_remote_user",
        "ansible_private_key_file",
        "ansible_private_key",
        "ansible_password",
        "ansible_sandbox_root",
        "ansible_shell_type",
    ];
    const FAMILIES: [&str; 7] = [
        "ansible_ssh_",
        "ansible_become_",
        "ansible_sudo_",
        "ansible_su_",
        "ansible_winrm_",
        "ansible_psrp_",
        "ansible_docker_",
    ];
    let stays = name == "ansible_become_user";
    !stays && (CONNECTION.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family)))
}

/// A mapping of variables.
pub(super) fn variables(node: &Node) -> Result<Vec<(String, Node)>, Problems> {
    let entries = node.as_map().ok_or_else(|| {
        Problem::new(format!("`vars` is {}, not a mapping", node.kind()), node.place())
            .label("expected `name: value` lines")
    })?;
    named(entries.iter().map(|(key, value)| (key, value)))
}

/// Variables by their names.
pub(super) fn named<'a>(
    entries: impl IntoIterator<Item = (&'a Node, &'a Node)>,
) -> Result<Vec<(String, Node)>, Problems> {
    let mut problems = Problems::new();
    let mut variables = Vec::new();
    for (key, value) in entries {
        match key.as_str().ok_or(()).map(|name| check_name(name, key)) {
            Ok(Ok(name)) => variables.push((name, value.clone())),
            Ok(Err(problem)) => problems.push(problem),
            Err(()) => problems.push(no_name(key)),
        }
    }
    problems.or(variables)
}

fn check_name(name: &str, key: &Node) -> Result<String, Problem> {
    if is_about_the_connection(name) {
        return Err(Problem::new(format!("`{name}` does not reach the connection from here"), key.place())
            .help("set it in the inventory"));
    }
    is_variable_name(name).then(|| name.to_owned()).ok_or_else(|| no_name(key))
}

fn no_name(key: &Node) -> Problem {
    Problem::new("this is no variable name", key.place())
        .help("use letters, digits and `_`, not beginning with a digit")
}
