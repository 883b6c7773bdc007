//! What the engine does itself, and what is imported: their arguments, as a mapping whichever way they were written.

use super::action::{Action, Meta, Named};
use super::arguments::{merge, with_rest};
use super::call::Call;
use super::keys::Keys;
use super::keywords::{Keywords, Level};
use super::task::named;
use super::user_modules::UserModules;
use super::words::split;
use crate::yaml::{Node, Problem, Problems, Style, Text, Value};

/// One of them.
struct Own {
    name: &'static str,
    /// What it does.
    about: &'static str,
    /// The argument that may be given as bare text.
    bare: Option<&'static str>,
    /// All arguments; none where any name is one.
    arguments: &'static [&'static str],
}

const ROLE: [&str; 10] = [
    "name",
    "role",
    "tasks_from",
    "vars_from",
    "defaults_from",
    "handlers_from",
    "public",
    "allow_duplicates",
    "rolespec_validate",
    "apply",
];

const OWN: &[Own] = &[
    Own {
        name: "set_fact",
        about: "Sets variables for later tasks of the host.",
        bare: None,
        arguments: &[],
    },
    Own {
        name: "include_tasks",
        about: "The tasks of a file, read when it is reached.",
        bare: Some("file"),
        arguments: &["file", "apply"],
    },
    Own {
        name: "import_tasks",
        about: "The tasks of a file, in this place.",
        bare: Some("file"),
        arguments: &["file"],
    },
    Own {
        name: "include_vars",
        about: "Variables from a file or a directory.",
        bare: Some("file"),
        arguments: &[
            "file",
            "dir",
            "name",
            "depth",
            "files_matching",
            "ignore_files",
            "extensions",
            "ignore_unknown_extensions",
            "hash_behaviour",
        ],
    },
    Own { name: "include_role", about: "A role, read when it is reached.", bare: None, arguments: &ROLE },
    Own {
        name: "import_role",
        about: "The tasks of a role, in this place.",
        bare: None,
        arguments: ROLE.split_at(9).0,
    },
];

/// What one of them does, and its arguments; none where any name is one.
pub(super) fn described(name: &str) -> (&'static str, &'static [&'static str]) {
    OWN.iter().find(|own| own.name == name).map_or(("", &[]), |own| (own.about, own.arguments))
}

/// What the engine does itself, with its arguments.
///
/// # Errors
/// What is wrong with the arguments, each at its place.
pub(super) fn action(
    call: &Call,
    below: Vec<(Node, Node)>,
    modules: &UserModules,
) -> Result<Named, Problems> {
    let (action, arguments) = match call.name.as_str() {
        "set_fact" => (Action::SetFact, Some(facts(call, below)?)),
        "meta" => (Action::Meta(meta(&call.value)?), None),
        "include_vars" => (Action::IncludeVars, Some(one_of(call, options(call, below)?, &["file", "dir"])?)),
        "include_role" => (Action::IncludeRole, Some(one_of(call, options(call, below)?, &["name"])?)),
        _ => (Action::IncludeTasks, Some(one_of(call, options(call, below)?, &["file"])?)),
    };
    let apply = arguments
        .as_ref()
        .and_then(|arguments| arguments.get("apply"))
        .map(|node| applied(node, modules))
        .transpose()?;
    Ok(Named { action, key: call.key.clone(), arguments, desired: None, apply })
}

/// The arguments as a mapping; unknown ones are mistakes.
pub(super) fn options(call: &Call, below: Vec<(Node, Node)>) -> Result<Node, Problems> {
    let name = call.name.as_str();
    let known = described(name).1;
    let bare = OWN.iter().find(|own| own.name == name).and_then(|own| own.bare);
    let entries = match (&call.value.value, bare) {
        (Value::Null, _) => Vec::new(),
        (Value::Map(entries), _) => entries.clone(),
        (Value::String(_), Some(bare)) => with_rest(split(&call.value, None)?, bare, &call.value)?,
        (Value::String(_), None) => {
            let line = split(&call.value, None)?;
            if let Some(rest) = line.rest {
                let text = rest.as_str().unwrap_or_default();
                return Err(Problem::new(format!("`{name}` takes a mapping"), rest.place())
                    .help(format!("write `name: {text}` below it"))
                    .into());
            }
            line.pairs
        }
        _ => return Err(no_mapping(call).into()),
    };
    let mut problems = Problems::new();
    let mut entries = merge(below, entries);
    for (key, _) in &entries {
        let text = key.as_str().unwrap_or_default();
        if !known.contains(&text) {
            problems.push(
                Problem::new(format!("`{name}` has no argument `{text}`"), key.place())
                    .label("unknown")
                    .did_you_mean(text, known.iter().copied()),
            );
        }
    }
    // `role` is another name of `name`.
    for (key, _) in entries.iter_mut().filter(|(key, _)| key.as_str() == Some("role")) {
        key.value = Value::String(Text { text: "name".into(), style: Style::Plain, literal: false });
    }
    problems.or(Node { value: Value::Map(entries), ..call.value.clone() })
}

/// The same arguments, if one of these is among them.
pub(super) fn one_of(call: &Call, arguments: Node, names: &[&str]) -> Result<Node, Problem> {
    let given: Vec<&&str> =
        names.iter().filter(|name| arguments.get(name).is_some_and(|node| !node.is_null())).collect();
    match given.as_slice() {
        [_] => Ok(arguments),
        [] => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            Err(Problem::new(format!("`{}` needs {}", call.name, names.join(" or ")), call.key.place()))
        }
        _ => Err(Problem::new(format!("`{}` takes one of `file` and `dir`", call.name), call.key.place())),
    }
}

fn no_mapping(call: &Call) -> Problem {
    Problem::new(format!("`{}` takes a mapping, not {}", call.name, call.value.kind()), call.value.place())
        .help("write each argument as `name: value` on a line of its own")
}

/// The variables of `set_fact`; a name may be a template.
fn facts(call: &Call, below: Vec<(Node, Node)>) -> Result<Node, Problems> {
    let entries = match &call.value.value {
        Value::Null => Vec::new(),
        Value::Map(entries) => entries.clone(),
        Value::String(_) => {
            let line = split(&call.value, None)?;
            if let Some(rest) = line.rest {
                return Err(Problem::new("`set_fact` takes variables with their values", rest.place())
                    .help("write `NAME: VALUE` below it")
                    .into());
            }
            line.pairs
        }
        _ => return Err(no_mapping(call).into()),
    };
    let entries = merge(below, entries);
    if entries.iter().all(|(key, _)| key.as_str() == Some("cacheable")) {
        return Err(Problem::new("`set_fact` sets no variable", call.key.place())
            .help("write `NAME: VALUE` below it")
            .into());
    }
    let fixed = entries.iter().filter(|(key, _)| !key.has_template()).map(|(key, value)| (key, value));
    named(fixed)?;
    Ok(Node { value: Value::Map(entries), ..call.value.clone() })
}

fn meta(value: &Node) -> Result<Meta, Problem> {
    let name = value.as_str().unwrap_or_default();
    if name == "refresh_inventory" {
        return Err(Problem::new("`meta: refresh_inventory` is left out of dtrctl", value.place())
            .help("the inventory is read once, before the first host; make two runs of it"));
    }
    Meta::ALL.iter().find(|(known, _)| *known == name).map(|(_, meta)| *meta).ok_or_else(|| {
        Problem::new(format!("`meta` cannot do `{}`", value.written()), value.place())
            .did_you_mean(name, Meta::ALL.iter().map(|(name, _)| *name))
    })
}

/// `apply` of an include.
fn applied(node: &Node, modules: &UserModules) -> Result<Box<Keywords>, Problems> {
    let mut problems = Problems::new();
    let mut keys = Keys::of(node, "`apply`")?;
    let keywords = Keywords::take(&mut keys, Level::Block, modules, &mut problems);
    keys.finish("`apply`", &[], &mut problems);
    problems.or(Box::new(keywords))
}

/// `args` of a task.
pub(super) fn args(node: Option<&Node>) -> Result<Vec<(Node, Node)>, Problem> {
    match node.map(|node| (&node.value, node)) {
        None | Some((Value::Null, _)) => Ok(Vec::new()),
        Some((Value::Map(entries), _)) => Ok(entries.clone()),
        Some((_, node)) => {
            Err(Problem::new(format!("`args` is {}, not a mapping", node.kind()), node.place())
                .help("write each argument as `name: value` on a line of its own"))
        }
    }
}

/// What `module_defaults` say of a module: the innermost last.
pub(super) fn defaults(module: &str, all: &[Node]) -> Result<Vec<(Node, Node)>, Problems> {
    let mut found = Vec::new();
    let mut problems = Problems::new();
    for node in all {
        let Some(entries) = node.as_map() else {
            problems.push(Problem::new(
                format!("`module_defaults` is {}, not a mapping", node.kind()),
                node.place(),
            ));
            continue;
        };
        for (key, value) in entries {
            let name = key.as_str().unwrap_or_default();
            if name.starts_with("group/") {
                problems.push(
                    Problem::new("groups of modules are left out of dtrctl", key.place())
                        .help("name each module"),
                );
            } else if super::call::short(name) == module {
                match value.as_map() {
                    Some(entries) => found = merge(found, entries.to_vec()),
                    None => problems.push(Problem::new(
                        format!("the arguments of `{module}` are {}, not a mapping", value.kind()),
                        value.place(),
                    )),
                }
            }
        }
    }
    problems.or(found)
}
