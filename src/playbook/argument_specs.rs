//! The specification of a role's arguments, as a task before its others: `assert`, with what a template finds wrong.

use crate::yaml::{Node, Problem, Problems, Style, Text, Value};

/// The variable of the template that lists what is wrong; it is none where nothing is.
const FOUND: &str = "dtrctl_arguments";

/// Patterns of text that can be a number; no backslash, which templates and conditions read differently.
const INTEGER: &str = "^ *[-+]?[0-9]+([.]0*)? *$";
const FLOAT: &str = "^ *[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)? *$";

/// The task that checks a role's arguments; it runs whatever tags are chosen.
///
/// # Errors
/// A part of the specification that is not understood.
pub(super) fn task(role: &str, spec: &Node) -> Result<Node, Problems> {
    let mut problems = Problems::new();
    let mut template = String::new();
    options(spec.get("options"), None, "", 0, &mut template, &mut problems);
    let text = |text: String| Node {
        value: Value::String(Text { text: text.into(), style: Style::Plain, literal: false }),
        ..spec.clone()
    };
    let map = |entries: Vec<(&str, Node)>| Node {
        value: Value::Map(entries.into_iter().map(|(key, value)| (text(key.to_owned()), value)).collect()),
        ..spec.clone()
    };
    let assert = map(vec![
        ("that", Node { value: Value::Seq(vec![text(format!("not {FOUND}"))]), ..spec.clone() }),
        ("fail_msg", text(format!("the arguments of the role `{role}` do not fit: {{{{ {FOUND} }}}}"))),
    ]);
    problems.or(map(vec![
        ("name", text("the arguments fit what the role takes".to_owned())),
        ("assert", assert),
        ("vars", map(vec![(FOUND, text(template))])),
        ("tags", text("always".to_owned())),
    ]))
}

/// The options of a role, or of an argument of mappings.
fn options(
    node: Option<&Node>,
    within: Option<&str>,
    path: &str,
    depth: usize,
    out: &mut String,
    problems: &mut Problems,
) {
    let Some(node) = node.filter(|node| !node.is_null()) else { return };
    let Some(entries) = node.as_map() else {
        problems.push(Problem::new(format!("`options` is {}, not a mapping", node.kind()), node.place()));
        return;
    };
    for (key, spec) in entries {
        let name = key.as_str().unwrap_or_default();
        if name.is_empty()
            || name.contains(['\'', '\\', '{', '"'])
            || (within.is_none() && !super::task::is_variable_name(name))
        {
            problems.push(Problem::new("this is no name of an argument", key.place()));
            continue;
        }
        let value = within.map_or_else(|| name.to_owned(), |within| format!("{within}['{name}']"));
        let shown = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        check_keys(spec, problems);
        let required = spec.get("required").is_some_and(|node| matches!(node.value, Value::Bool(true)));
        if required {
            out.push_str(&format!("{{% if {value} is undefined %}}`{shown}` is required. {{% endif %}}"));
        }
        out.push_str(&format!("{{% if {value} is defined and {value} is not none %}}"));
        argument(spec, &value, &shown, depth, out, problems);
        out.push_str("{% endif %}");
    }
    if let Some(within) = within {
        let names: Vec<String> =
            entries.iter().filter_map(|(key, _)| Some(format!("'{}'", key.as_str()?))).collect();
        out.push_str(&format!(
            "{{% for dtrctl_key in {within} if dtrctl_key not in [{}] %}}`{path}` has no `{{{{ dtrctl_key }}}}`. {{% endfor %}}",
            names.join(", ")
        ));
    }
}

/// The keys of an option's specification that are understood, or say nothing about values.
fn check_keys(spec: &Node, problems: &mut Problems) {
    const KNOWN: [&str; 12] = [
        "type",
        "required",
        "default",
        "choices",
        "elements",
        "options",
        "description",
        "short_description",
        "version_added",
        "no_log",
        "apply_defaults",
        "author",
    ];
    for (key, _) in spec.as_map().unwrap_or_default() {
        let name = key.as_str().unwrap_or_default();
        if !KNOWN.contains(&name) {
            problems.push(
                Problem::new(
                    format!("`{name}` in the specification of arguments is left out of dtrctl"),
                    key.place(),
                )
                .did_you_mean(name, KNOWN),
            );
        }
    }
}

/// One argument that has a value.
fn argument(spec: &Node, value: &str, shown: &str, depth: usize, out: &mut String, problems: &mut Problems) {
    let kind = word(spec, "type", problems).unwrap_or_else(|| "str".to_owned());
    let nested = spec.get("options");
    if let Some(elements) = word(spec, "elements", problems).filter(|_| kind == "list") {
        let item = format!("dtrctl_item{depth}");
        let wrong = "has to be a list";
        out.push_str(&format!("{{% if {value} is mapping %}}`{shown}` {wrong}. {{% else %}}"));
        let items = format!(
            "({value}.split(',') if {value} is string else ({value} if {value} is iterable else [{value}]))"
        );
        out.push_str(&format!("{{% for {item} in {items} %}}"));
        let shown = format!("{shown}[]");
        fits(spec, &elements, &item, &shown, nested, depth + 1, out, problems);
        out.push_str("{% endfor %}{% endif %}");
    } else {
        fits(spec, &kind, value, shown, nested.filter(|_| kind == "dict"), depth, out, problems);
    }
}

#[expect(clippy::too_many_arguments, reason = "an argument, or an item of one, with what is said of it")]
fn fits(
    spec: &Node,
    kind: &str,
    value: &str,
    shown: &str,
    nested: Option<&Node>,
    depth: usize,
    out: &mut String,
    problems: &mut Problems,
) {
    let Some(condition) = condition(kind, value) else {
        let place =
            spec.get("elements").or_else(|| spec.get("type")).map_or_else(|| spec.place(), Node::place);
        problems.push(
            Problem::new(format!("there is no type `{kind}` of arguments"), place).did_you_mean(kind, TYPES),
        );
        return;
    };
    out.push_str(&format!(
        "{{% if not ({condition}) %}}`{shown}` has to be of the type {kind}. {{% else %}}"
    ));
    if let Some(choices) = spec.get("choices").filter(|node| !node.is_null()) {
        let words = choices.as_seq().unwrap_or_default().iter().map(choice).collect::<Option<Vec<String>>>();
        match words {
            Some(words) if choices.as_seq().is_some() && kind != "bool" => {
                let listed = words.join(", ");
                out.push_str(&format!(
                    "{{% if ({value} | string) not in [{listed}] %}}`{shown}` has to be one of {{{{ [{listed}] | join(', ') }}}}. {{% endif %}}"
                ));
            }
            Some(_) if kind == "bool" => {}
            _ => problems.push(Problem::new("`choices` has to be a list of words", choices.place())),
        }
    }
    if nested.is_some() {
        out.push_str(&format!("{{% if {value} is mapping %}}"));
        options(nested, Some(value), shown, depth, out, problems);
        out.push_str("{% endif %}");
    }
    out.push_str("{% endif %}");
}

const TYPES: [&str; 13] =
    ["str", "bool", "int", "float", "list", "dict", "path", "raw", "any", "json", "jsonarg", "bytes", "bits"];

/// What holds of a value that is of a type, or can be made one.
fn condition(kind: &str, value: &str) -> Option<String> {
    Some(match kind {
        "bool" => format!(
            "({value} | string | lower) in ['true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n', 't', 'f', '1', '0', '1.0', '0.0']"
        ),
        "int" => format!("{value} is boolean or ({value} | string) is match('{INTEGER}')"),
        "float" => format!("({value} | string) is match('{FLOAT}')"),
        "list" => format!("{value} is not mapping"),
        "dict" => format!("{value} is mapping or {value} is string"),
        "str" | "path" | "raw" | "any" | "json" | "jsonarg" | "bytes" | "bits" => "true".to_owned(),
        _ => return None,
    })
}

/// A choice as a literal of a template.
fn choice(node: &Node) -> Option<String> {
    let text = match &node.value {
        Value::String(text) => text.text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Float(_) => node.written().to_owned(),
        _ => return None,
    };
    (!text.contains(['\'', '\\', '{', '\n'])).then(|| format!("'{text}'"))
}

fn word(spec: &Node, key: &str, problems: &mut Problems) -> Option<String> {
    let node = spec.get(key)?;
    let word = node.as_str().map(str::to_owned);
    if word.is_none() {
        problems.push(Problem::new(format!("`{key}` has to be a word"), node.place()));
    }
    word
}
