//! The JSON Schema of inventories in YAML, for editors: from the reader's sections and its table of connection variables.

use serde_json::{Map, Value as Json, json};

use super::connection;

/// What a variable takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    /// A text.
    Text,
    /// A number between 1 and 65535.
    Port,
    /// True or false, in one of YAML's words or Ansible's.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any text; these are known.
    Known(&'static [&'static str]),
    /// Nothing: it is refused.
    Nothing,
}

/// Variables that say something of a host as a whole, but not how it is reached.
const OF_HOSTS: [(&str, &str); 2] = [
    ("docker_daemon", "Which of the host's daemons is meant, where it has several."),
    ("accept_untested", "Platforms, with commas, that are changed though dtrctl was never run there."),
];

/// The schema of an inventory in YAML.
#[must_use]
pub fn schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "an inventory of dtrctl",
        "description": "Groups by name; `all` holds every host.",
        "type": "object",
        "additionalProperties": {"$ref": "#/$defs/group"},
        "$defs": {
            "group": group(),
            "variables": variables(),
        },
    })
}

fn group() -> Json {
    let names = |what: &str, below: &str| {
        json!({
            "description": what,
            "type": ["object", "string", "null"],
            "additionalProperties": {"$ref": format!("#/$defs/{below}")},
        })
    };
    json!({
        "type": ["object", "null"],
        "properties": {
            "hosts": names("Hosts by name, or ranges such as `web[01:20]`; below each stand its variables.", "variables"),
            "children": names("Groups that are in this one.", "group"),
            "vars": {"$ref": "#/$defs/variables", "description": "Variables of all hosts of the group."},
        },
        "additionalProperties": false,
    })
}

/// Any variable may be set; those that are known are described, and their values are checked.
fn variables() -> Json {
    let of_hosts = OF_HOSTS.iter().map(|(name, about)| (*name, *about, Takes::Text));
    let all = connection::described().chain(of_hosts);
    let properties: Map<String, Json> =
        all.map(|(name, about, takes)| (name.to_owned(), described(about, takes))).collect();
    json!({"type": ["object", "null"], "properties": properties})
}

fn described(about: &str, takes: Takes) -> Json {
    let template = json!({"type": "string", "pattern": "\\{[{%#]"});
    let mut schema = match takes {
        Takes::Text => json!({"type": ["string", "number", "null"]}),
        Takes::Port => json!({"anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 65535},
            {"type": "string", "pattern": "^[0-9]+$"},
            {"type": "null"},
            template,
        ]}),
        Takes::Flag => json!({"anyOf": [
            {"enum": [true, false, 0, 1, null]},
            {"type": "string", "pattern": "^(?:[Yy]es|[Tt]rue|[Oo]n|[YyTt1]|[Nn]o|[Ff]alse|[Oo]ff|[NnFf0])$"},
            template,
        ]}),
        Takes::OneOf(words) => json!({"anyOf": [{"enum": words}, {"type": "null"}, template]}),
        Takes::Known(words) => json!({"anyOf": [{"enum": words}, {"type": "string"}, {"type": "null"}]}),
        Takes::Nothing => json!({"not": {}}),
    };
    schema["description"] = about.into();
    schema
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_setting_of_a_host_is_described() {
        let described: Vec<&str> = super::OF_HOSTS.iter().map(|(name, _)| *name).collect();
        // How often `-v` was given is no inventory's to say.
        for setting in modules::SETTINGS.iter().filter(|name| **name != "ansible_verbosity") {
            assert!(described.contains(setting), "{setting}");
        }
    }
}
