//! The modules' reference, derived from their schemas.

use std::fmt::Write as _;

use modules::{Entry, MODULES, schema};
use serde_json::Value as Json;

/// All modules, one line each.
#[must_use]
pub fn list() -> String {
    list_of(MODULES)
}

/// These modules, one line each.
pub fn list_of(entries: impl IntoIterator<Item = &'static Entry>) -> String {
    let mut text = String::new();
    for entry in entries {
        let description = schema(entry)["description"].as_str().unwrap_or_default().to_owned();
        let first =
            description.split(". ").next().unwrap_or_default().trim_end_matches('.').replace('\n', " ");
        _ = writeln!(text, "{:<20} {first}", entry.name);
    }
    text
}

/// A module's page, in Markdown.
#[must_use]
pub fn page(entry: &'static Entry) -> String {
    let schema = schema(entry);
    let description = schema["description"].as_str().unwrap_or_default();
    let mut text = format!("# {}\n\n{description}\n\n## Arguments\n\n", entry.name);
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
    for (name, argument) in schema["properties"].as_object().into_iter().flatten() {
        let need = if required(name) { ", required" } else { "" };
        let description = argument["description"].as_str().unwrap_or_default().replace('\n', " ");
        _ = writeln!(
            text,
            "- `{name}` ({}{need}): {description}{}{}",
            kind(argument, schema),
            choices(argument, schema),
            aliases(entry, name)
        );
    }
    if !entry.left_out.is_empty() {
        text.push_str("\n## Left out\n\n");
        for (name, instead) in entry.left_out {
            _ = writeln!(text, "- `{name}`: {instead}");
        }
    }
    if !entry.example.is_empty() {
        _ = write!(text, "\n## Example\n\n```yaml\n{}\n```\n", entry.example.trim_end());
    }
    text
}

fn aliases(entry: &Entry, name: &str) -> String {
    let all = entry.aliases.iter().filter(|(_, own)| *own == name);
    let all: Vec<String> = all.map(|(alias, _)| format!("`{alias}`")).collect();
    if all.is_empty() { String::new() } else { format!(" Also: {}.", all.join(", ")) }
}

/// The schema that a `$ref` leads to.
fn resolved<'a>(argument: &'a Json, schema: &'a Json) -> &'a Json {
    let named =
        |value: &'a Json| value["$ref"].as_str()?.strip_prefix("#/$defs/").map(|name| &schema["$defs"][name]);
    let inner = argument["anyOf"].as_array().and_then(|any| any.iter().find_map(named));
    named(argument).or(inner).unwrap_or(argument)
}

fn kind(argument: &Json, schema: &Json) -> String {
    let target = resolved(argument, schema);
    let name = |value: &Json| match value.as_str() {
        Some("object") => "mapping".to_owned(),
        Some("array") => "list".to_owned(),
        Some(other) => other.to_owned(),
        None => "any".to_owned(),
    };
    match &target["type"] {
        Json::Array(kinds) => {
            kinds.iter().filter(|kind| *kind != "null").map(name).collect::<Vec<_>>().join(" or ")
        }
        Json::Null if !target["oneOf"].is_null() => "string".to_owned(),
        kind => name(kind),
    }
}

fn choices(argument: &Json, schema: &Json) -> String {
    let target = resolved(argument, schema);
    let mut all: Vec<String> = Vec::new();
    for choice in target["oneOf"].as_array().into_iter().flatten() {
        let word = choice["const"].as_str();
        let described = choice["description"].as_str().unwrap_or_default().replace('\n', " ");
        all.extend(word.map(|word| format!("`{word}`: {}", described.trim_end_matches('.'))));
    }
    for choice in target["enum"].as_array().into_iter().flatten() {
        all.push(choice.as_str().map_or_else(|| format!("`{choice}`"), |word| format!("`{word}`")));
    }
    if all.is_empty() { String::new() } else { format!(" Choices: {}.", all.join("; ")) }
}
