//! A module's arguments, checked against its schema where they stand.

use modules::{ArgumentError, Entry};
use serde_json::Value as Json;

use crate::yaml::{Node, Place, Problem, Problems, Value};

/// Checks a task's arguments as far as they can be without a host: unknown and missing keys always, values where no
/// template stands in them.
///
/// # Errors
/// Every mistake, at its place.
pub(super) fn check_arguments(
    module: &'static Entry,
    key: &Node,
    value: &Node,
) -> Result<Option<Node>, Problems> {
    let schema = modules::schema(module);
    let known: Vec<&str> =
        schema["properties"].as_object().map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default();
    let arguments = normal_form(module, key, value)?;
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
                known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            );
            let problem = problem.label("unknown").did_you_mean(text, known.iter().copied());
            problems.push(if problem.help.is_some() { problem } else { problem.help(listed) });
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if !entries.iter().any(|(key, _)| key.as_str().is_some_and(|key| module.argument(key) == name)) {
            problems.push(
                Problem::new(format!("`{}` needs the argument `{name}`", module.name), key.place())
                    .help(format!("`dtrctl modules {}` shows its arguments", module.name)),
            );
        }
    }
    let templated =
        module.evaluated.iter().any(|name| entries.iter().any(|(key, _)| key.as_str() == Some(name)));
    if problems.is_empty()
        && !templated
        && let Some(node) = arguments.as_ref().filter(|node| !node.has_template())
        && let Err(error) = (module.read)(coerced(module, node.to_json()?))
    {
        problems.push(problem(module, node, &error));
    }
    problems.or(arguments)
}

/// A mapping of arguments, whichever way they were written.
fn normal_form(module: &Entry, key: &Node, value: &Node) -> Result<Option<Node>, Problem> {
    match (&value.value, module.bare) {
        (Value::Null, _) => Ok(None),
        (Value::Map(_), _) => Ok(Some(value.clone())),
        (Value::String(_), Some(bare)) => {
            let name = Node { value: Value::String(text(bare)), ..key.clone() };
            Ok(Some(Node { value: Value::Map(vec![(name, value.clone())]), ..value.clone() }))
        }
        _ => Err(Problem::new(
            format!("the arguments of `{}` are {}, not a mapping", module.name, value.kind()),
            value.place(),
        )
        .help("write each argument as `name: value` on a line of its own")),
    }
}

fn text(text: &str) -> crate::yaml::Text {
    crate::yaml::Text { text: text.into(), style: crate::yaml::Style::Plain, literal: false }
}

/// Reads templated arguments.
///
/// # Errors
/// The argument that cannot be read, at its place.
pub fn read_arguments(
    module: &Entry,
    node: &Node,
    arguments: Json,
) -> Result<Box<dyn modules::Task>, Box<Problem>> {
    (module.read)(coerced(module, arguments)).map_err(|error| Box::new(problem(module, node, &error)))
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
