//! A playbook of one task, for `dtrctl run`. It is made of values and written by a serializer: nothing that stands on a
//! command line becomes part of its structure.

use serde_json::{Map, Value as Json, json};

use super::arguments::COMMANDS;
use super::call::short;
use super::words::WITHIN_COMMANDS;
use crate::yaml::{self, Problem, Problems, Source};

/// The text of a playbook whose one task runs a module with these words for arguments.
///
/// # Errors
/// A word that is no argument.
pub fn of_words(pattern: &str, module: &str, words: &[String]) -> Result<String, Box<Problem>> {
    let entry = modules::find(short(module));
    let is_command = entry.is_some_and(|entry| COMMANDS.contains(&entry.name));
    let mut arguments = Map::new();
    let mut bare: Vec<&str> = Vec::new();
    for word in words {
        let pair = word.split_once('=').filter(|(name, _)| {
            if is_command { WITHIN_COMMANDS.contains(name) } else { super::is_variable_name(name) }
        });
        match (pair, entry.and_then(|entry| entry.bare)) {
            (Some((name, value)), _) => {
                if arguments.insert(name.to_owned(), value.into()).is_some() {
                    return Err(Box::new(Problem::bare(format!("the argument `{name}` is given twice"))));
                }
            }
            (None, Some(_)) => bare.push(word),
            (None, None) => {
                return Err(Box::new(
                    Problem::bare(format!("`{word}` is not `NAME=VALUE`, and `{module}` takes no bare text"))
                        .help(format!("`dtrctl modules {module}` shows its arguments")),
                ));
            }
        }
    }
    if let Some(name) = entry.and_then(|entry| entry.bare).filter(|_| !bare.is_empty()) {
        arguments.insert(name.to_owned(), bare.join(" ").into());
    }
    Ok(play(pattern, module, &Json::Object(arguments)))
}

/// The same with the arguments as one text: a mapping in braces, or words as they stand after a module's name.
///
/// # Errors
/// A mapping that cannot be read, at its place in the text.
pub fn of_text(pattern: &str, module: &str, text: &str) -> Result<String, Problems> {
    let arguments = if text.trim_start().starts_with('{') && !text.trim_start().starts_with("{{") {
        yaml::parse(&Source::new("-a", text))?.to_json()?
    } else {
        Json::from(text)
    };
    Ok(play(pattern, module, &arguments))
}

fn play(pattern: &str, module: &str, arguments: &Json) -> String {
    let mut task = Map::new();
    task.insert(module.to_owned(), arguments.clone());
    // A line for each value, so that a mistake is shown with what it is about, and with nothing else.
    format!("{:#}\n", json!([{"hosts": pattern, "gather_facts": false, "tasks": [task]}]))
}
