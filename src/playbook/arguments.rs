//! A module's arguments, checked against its schema where they stand.

use modules::{ArgumentError, Declared, Entry};
use serde_json::{Map, Value as Json};

use super::words::{Line, WITHIN_COMMANDS, split};
use crate::yaml::{Node, Place, Problem, Problems, Style, Text, Value};

/// Checks a task's arguments as far as they can be without a host: unknown and missing keys always, values where no
/// template stands in them. Those in `below` hold where the task gives none itself.
///
/// # Errors
/// Every mistake, at its place.
pub(super) fn check_arguments(
    module: &'static Entry,
    key: &Node,
    value: &Node,
    below: Vec<(Node, Node)>,
) -> Result<Option<Node>, Problems> {
    let schema = modules::schema(module);
    let known: Vec<&str> =
        schema["properties"].as_object().map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default();
    let merged = merge(below, entries(module, value)?);
    let arguments = (!merged.is_empty()).then(|| Node { value: Value::Map(merged), ..value.clone() });
    let mut problems = Problems::new();
    let entries = arguments.as_ref().and_then(Node::as_map).unwrap_or_default();
    for (name, _) in entries {
        let text = name.as_str().unwrap_or_default();
        if let Some((_, instead)) = module.left_out.iter().find(|(left_out, _)| *left_out == text) {
            let problem = Problem::new(format!("`{}` has no argument `{text}`", module.name), name.place());
            problems.push(problem.label("left out").help(*instead));
        } else if !known.contains(&module.argument(text)) {
            let problem = Problem::new(format!("`{}` has no argument `{text}`", module.name), name.place());
            let listed = format!(
                "it takes {}",
                known
                    .iter()
                    .filter(|name| !name.starts_with('_'))
                    .map(|name| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            let problem = problem.label("unknown").did_you_mean(text, known.iter().copied());
            problems.push(if problem.help.is_some() { problem } else { problem.help(listed) });
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if !entries.iter().any(|(key, _)| key.as_str().is_some_and(|key| module.argument(key) == name)) {
            problems.push(
                Problem::new(format!("`{}` needs the argument `{name}`", module.name), key.place()).help(
                    format!(
                        "`dtrctl modules {}{}` shows its arguments",
                        module.name,
                        if module.declared().is_some() { " -p PLAYBOOK" } else { "" }
                    ),
                ),
            );
        }
    }
    let templated =
        module.evaluated.iter().any(|name| entries.iter().any(|(key, _)| key.as_str() == Some(name)));
    if problems.is_empty()
        && !templated
        && let Some(node) = arguments.as_ref().filter(|node| !node.has_template())
        && let Err(error) = module.read(coerced(module, node.to_json()?))
    {
        problems.push(problem(module, node, &error));
    }
    problems.or(arguments)
}

/// Modules that take a line of a program: only the arguments of the program's own line are taken out of it.
pub(super) const COMMANDS: [&str; 4] = ["command", "shell", "script", "raw"];

/// The arguments, whichever way they were written.
fn entries(module: &Entry, value: &Node) -> Result<Vec<(Node, Node)>, Problem> {
    match (&value.value, module.bare) {
        (Value::Null, _) => Ok(Vec::new()),
        (Value::Map(entries), _) => Ok(entries.clone()),
        (Value::String(_), Some(bare)) if COMMANDS.contains(&module.name) => {
            with_rest(split(value, Some(WITHIN_COMMANDS))?, bare, value)
        }
        (Value::String(_), bare) => {
            let line = split(value, None)?;
            match (bare, &line.rest) {
                (Some(bare), _) => with_rest(line, bare, value),
                (None, None) => Ok(line.pairs),
                (None, Some(rest)) => Err(Problem::new(
                    format!("`{}` takes arguments, and `{}` is none", module.name, rest.written()),
                    rest.place(),
                )
                .help("write each argument as `name: value` on a line of its own, or as `name=value`")),
            }
        }
        _ => Err(Problem::new(
            format!("the arguments of `{}` are {}, not a mapping", module.name, value.kind()),
            value.place(),
        )
        .help("write each argument as `name: value` on a line of its own")),
    }
}

/// The words of a line, and what is none under a name.
pub(super) fn with_rest(line: Line, name: &str, value: &Node) -> Result<Vec<(Node, Node)>, Problem> {
    let mut entries = line.pairs;
    if let Some(rest) = line.rest {
        if entries.iter().any(|(key, _)| key.as_str() == Some(name)) {
            return Err(Problem::new(format!("`{name}` is given twice"), rest.place()));
        }
        let key = Node {
            value: Value::String(Text { text: name.into(), style: Style::Plain, literal: false }),
            ..value.clone()
        };
        entries.insert(0, (key, rest));
    }
    Ok(entries)
}

/// Arguments over those below them.
pub(super) fn merge(mut below: Vec<(Node, Node)>, over: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
    for (key, value) in over {
        match below.iter_mut().find(|(known, _)| known.as_str() == key.as_str()) {
            Some(entry) => *entry = (key, value),
            None => below.push((key, value)),
        }
    }
    below
}

/// Reads templated arguments.
///
/// # Errors
/// The path of the argument that cannot be read, and what is wrong, at its place.
pub fn read_arguments(
    module: &Entry,
    node: &Node,
    arguments: Json,
) -> Result<Box<dyn modules::Task>, (String, Box<Problem>)> {
    let read = module.read(coerced(module, arguments));
    read.map_err(|error| (error.path.clone(), Box::new(problem(module, node, &error))))
}

/// The arguments of a user's own module with their defaults.
///
/// # Errors
/// The argument that is wrong, at its place.
pub fn completed(
    module: &Entry,
    declared: &Declared,
    node: &Node,
    arguments: Json,
) -> Result<Map<String, Json>, Box<Problem>> {
    let arguments = coerced(module, arguments);
    declared.complete(&arguments).map_err(|error| Box::new(problem(module, node, &error)))
}

/// Reads arguments that have been read before, as in [`read_arguments`]; none where they cannot be.
#[must_use]
pub fn read_again(module: &Entry, arguments: Json) -> Option<Box<dyn modules::Task>> {
    module.read(coerced(module, arguments)).ok()
}

/// Text where a boolean, a number or a list is wanted, as `-e NAME=VALUE` and templates give it, becomes one, by the rules
/// of Ansible's arguments.
fn coerced(module: &Entry, mut arguments: Json) -> Json {
    let schema = modules::schema(module);
    for (name, value) in arguments.as_object_mut().into_iter().flatten() {
        let kinds = &schema["properties"][module.argument(name)]["type"];
        let wants = |kind: &str| {
            kinds == kind || kinds.as_array().is_some_and(|all| all.iter().any(|one| one == kind))
        };
        let text = match &*value {
            Json::String(text) => text,
            // A number where text is wanted is that number's text, as in `line: 5`.
            Json::Number(number) if wants("string") && !wants("integer") && !wants("number") => {
                *value = Json::String(number.to_string());
                continue;
            }
            _ => continue,
        };
        if wants("string") {
            continue;
        }
        let known = match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "t" | "1" if wants("boolean") => Some(Json::Bool(true)),
            "false" | "no" | "off" | "n" | "f" | "0" if wants("boolean") => Some(Json::Bool(false)),
            number if wants("integer") => number.trim().parse::<i64>().ok().map(Json::from),
            _ if wants("array") => Some(text.split(',').map(|item| Json::from(item.trim())).collect()),
            _ => None,
        };
        if let Some(known) = known {
            *value = known;
        }
    }
    arguments
}

fn problem(module: &Entry, node: &Node, error: &ArgumentError) -> Problem {
    let what = if error.path.is_empty() { String::new() } else { format!(" argument `{}`:", error.path) };
    Problem::new(format!("`{}`{what} {}", module.name, error.message), argument_place(node, &error.path))
}

/// The place of the argument that a path such as `merge.log-opts` or `stores[1]` leads to, as far as it can be followed.
#[must_use]
pub fn argument_place(node: &Node, path: &str) -> Place {
    let mut at = node;
    for step in path.split(['.', '[']).map(|step| step.trim_end_matches(']')).filter(|step| !step.is_empty())
    {
        let next = match &at.value {
            Value::Map(_) => at.get(step),
            Value::Seq(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next;
    }
    at.place()
}
