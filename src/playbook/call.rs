//! How a task says what it does: the module's name as a key, `action`, or `local_action`.

use super::action::Action;
use super::keys::Keys;
use super::task::first_key;
use super::user_modules::UserModules;
use super::vocabulary::of_tasks;
use super::words::first;
use crate::yaml::{Node, Problem, Problems, Value};

/// What a task does, by name, with its arguments as they were written.
pub(super) struct Call {
    /// The name, without the collection that Ansible's own modules are in.
    pub name: String,
    /// Where the name stands.
    pub key: Node,
    /// The arguments.
    pub value: Node,
    /// Whether it is done on this machine.
    pub local: bool,
}

impl Call {
    /// Takes what a task does.
    pub fn take(
        node: &Node,
        keys: &mut Keys<'_>,
        modules: &UserModules,
        problems: &mut Problems,
    ) -> Option<Self> {
        let keywords = of_tasks();
        let in_one_line = keys.has("action") || keys.has("local_action");
        let mut found = Self::in_one_line(keys, problems);
        while let Some((name, key, value)) = keys.take_where(|name| modules.is_action(name)) {
            if let Some(first) = &found {
                problems.push(
                    Problem::new(
                        format!("a task names one module; `{}` is already named", first.name),
                        key.place(),
                    )
                    .help("make it two tasks, each beginning with `- `"),
                );
                continue;
            }
            let name = short(name).to_owned();
            found = Some(Self { name, key: key.clone(), value: value.clone(), local: false });
        }
        let bare = keys.left().all(|(name, _)| keywords.contains(name) || name.starts_with("with_"));
        if found.is_none() && bare && !in_one_line {
            problems.push(
                Problem::new("a task names no module", first_key(node))
                    .help("add a module and its arguments; `dtrctl modules` lists them"),
            );
        }
        found
    }

    /// `action` and `local_action`.
    fn in_one_line(keys: &mut Keys<'_>, problems: &mut Problems) -> Option<Self> {
        let (key, local) = match (keys.has("action"), keys.has("local_action")) {
            (true, _) => ("action", false),
            (false, true) => ("local_action", true),
            (false, false) => return None,
        };
        let node = keys.take(key)?;
        let (name, value) = problems.take(called(key, node))?;
        Some(Self { name: short(name.as_str()?).to_owned(), key: name, value, local })
    }
}

/// The module's name and the arguments under `action`.
fn called(key: &str, node: &Node) -> Result<(Node, Node), Problem> {
    let fault = || {
        Problem::new(format!("`{key}` names a module and its arguments"), node.place())
            .help("such as `copy src=a dest=/b`; or write the module's name as the key")
    };
    let Some(entries) = node.as_map() else {
        let (name, rest) = first(node).ok_or_else(fault)?;
        let value = rest.unwrap_or_else(|| Node { value: Value::Null, ..node.clone() });
        return Ok((name, value));
    };
    let (name, more) = node.get("module").and_then(first).ok_or_else(fault)?;
    if let Some(more) = more {
        return Err(Problem::new("arguments stand both here and beside `module`", more.place())
            .help("write them beside `module`, each as `name: value`"));
    }
    let rest = entries.iter().filter(|(key, _)| key.as_str() != Some("module")).cloned().collect();
    Ok((name, Node { value: Value::Map(rest), ..node.clone() }))
}

/// Whether a name is that of something that a task can do.
pub(super) fn is_action(name: &str) -> bool {
    let name = short(name);
    modules::find(name).is_some() || Action::OWN.contains(&name) || Action::IMPORTS.contains(&name)
}

/// A name without the collection that Ansible's own modules are in.
pub(super) fn short(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}
