//! The JSON Schema of playbooks, for editors: from the table of keywords and the modules' own schemas.

use serde_json::{Map, Value as Json, json};

use super::action::{Action, Meta};
use super::own;
use super::user_modules::UserModules;
use super::vocabulary::{At, Keyword, Takes, at};

/// The names under which a module of Ansible's may be written, besides its own.
const COLLECTIONS: [&str; 2] = ["ansible.builtin.", "ansible.legacy."];

/// What makes an entry of a playbook an import.
const IMPORTS: [&str; 2] = ["import_playbook", "ansible.builtin.import_playbook"];

/// Names that modules had once, and still have.
const OLDER: [&str; 1] = ["systemd"];

/// The schema of a playbook that has no modules of its own.
#[must_use]
pub fn schema() -> Json {
    schema_with(&UserModules::default())
}

/// The schema of a playbook that has these modules of its own.
#[must_use]
pub fn schema_with(own: &UserModules) -> Json {
    let mut definitions = Map::new();
    for entry in modules::MODULES.iter().chain(own.entries()) {
        definitions.insert(entry.name.to_owned(), arguments(entry));
    }
    for (name, schema) in [
        ("tasks", list_of(&either(&["block"], "block", "task"))),
        ("handlers", list_of(&reference("handler"))),
        ("roles", list_of(&reference("role"))),
        ("play", mapping(At::Play, Map::new(), &["hosts"])),
        ("block", mapping(At::Block, Map::new(), &["block"])),
        ("role", role()),
        ("task", task(At::Task, own)),
        ("handler", task(At::Handler, own)),
        ("import", import()),
    ] {
        definitions.insert(name.to_owned(), schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "a playbook of dtrctl",
        "type": "array",
        "items": either(&IMPORTS, "import", "play"),
        "$defs": definitions,
    })
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// One schema where one of these keys is there, else another, so that mistakes are told against the one that is meant.
fn either(keys: &[&str], then: &str, otherwise: &str) -> Json {
    let any: Vec<Json> = keys.iter().map(|key| json!({"required": [key]})).collect();
    json!({"if": {"anyOf": any}, "then": reference(then), "else": reference(otherwise)})
}

fn list_of(item: &Json) -> Json {
    json!({"type": ["array", "null"], "items": item})
}

/// Text that is a template, which may stand for any value.
fn template() -> Json {
    json!({"type": "string", "pattern": "\\{[{%#]"})
}

/// A mapping of keywords and of `more`, with nothing else in it.
fn mapping(place: At, more: Map<String, Json>, required: &[&str]) -> Json {
    let mut properties: Map<String, Json> =
        at(place).map(|keyword| (keyword.name.to_owned(), described(keyword))).collect();
    properties.extend(more);
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn described(keyword: &Keyword) -> Json {
    let mut schema = takes(keyword.takes);
    schema["description"] = json!(keyword.about);
    schema
}

fn takes(takes: Takes) -> Json {
    match takes {
        Takes::Anything => json!({}),
        Takes::Text => json!({"type": ["string", "number"]}),
        Takes::Texts => json!({"type": ["string", "number", "array"]}),
        Takes::Flag => json!({"anyOf": [{"type": "boolean"}, template()]}),
        Takes::Number => {
            json!({"anyOf": [{"type": "number"}, template(), {"type": "string", "pattern": "^[0-9.]+%?$"}]})
        }
        Takes::Conditions => {
            json!({"type": ["string", "boolean", "array"], "items": {"type": ["string", "boolean"]}})
        }
        Takes::Mapping => json!({"type": ["object", "null"]}),
        Takes::Mappings => json!({"anyOf": [{"type": "object"}, {"type": "array"}, template()]}),
        Takes::Tasks => reference("tasks"),
        Takes::Handlers => reference("handlers"),
        Takes::Roles => reference("roles"),
        Takes::OneOf(words) => json!({"enum": words}),
    }
}

/// A task: keywords, and exactly one of the modules' names.
fn task(place: At, user: &UserModules) -> Json {
    let mut actions = Map::new();
    for entry in modules::MODULES {
        let schema = json!({
            "description": modules::schema(entry)["description"],
            "anyOf": [reference(entry.name), written()],
        });
        with_collections(&mut actions, entry.name, &schema);
        for older in
            OLDER.iter().filter(|older| modules::find(older).is_some_and(|found| found.name == entry.name))
        {
            with_collections(&mut actions, older, &schema);
        }
    }
    for entry in user.entries() {
        let description = modules::schema(entry)["description"].clone();
        let schema = json!({"description": description, "anyOf": [reference(entry.name), written()]});
        actions.insert(entry.name.to_owned(), schema);
    }
    for name in Action::OWN.into_iter().chain(Action::IMPORTS) {
        with_collections(&mut actions, name, &own_schema(name));
    }
    let names: Vec<String> =
        actions.keys().cloned().chain(["action", "local_action"].map(str::to_owned)).collect();
    let one: Vec<Json> = names.iter().map(|name| json!({"required": [name]})).collect();
    let mut schema = mapping(place, actions, &[]);
    schema["patternProperties"] = json!({"^with_[a-z_.]+$": {"description": "The terms of a lookup, whose items it is repeated with."}});
    schema["oneOf"] = Json::Array(one);
    schema
}

/// Arguments as a line.
fn written() -> Json {
    json!({"type": ["string", "null"], "description": "arguments as `name=value` words"})
}

fn with_collections(all: &mut Map<String, Json>, name: &str, schema: &Json) {
    all.insert(name.to_owned(), schema.clone());
    for collection in COLLECTIONS {
        all.insert(format!("{collection}{name}"), schema.clone());
    }
}

/// The arguments of what the engine does itself.
fn own_schema(name: &str) -> Json {
    if name == "meta" {
        let names: Vec<&str> = Meta::ALL.iter().map(|(name, _)| *name).collect();
        return json!({"description": "Something about the run itself.", "enum": names});
    }
    let (about, arguments) = own::described(name);
    let properties: Map<String, Json> =
        arguments.iter().map(|argument| ((*argument).to_owned(), json!({}))).collect();
    json!({
        "description": about,
        "type": ["object", "string"],
        "properties": properties,
        "additionalProperties": arguments.is_empty(),
    })
}

/// A role: its name, or a mapping in which every key that is no keyword is a parameter.
fn role() -> Json {
    let mut schema = mapping(At::Role, Map::new(), &[]);
    schema["properties"]["role"] = json!({"type": "string", "description": "Its name or its path."});
    schema["properties"]["name"] = schema["properties"]["role"].clone();
    schema["additionalProperties"] = json!({"description": "A parameter of the role."});
    json!({"anyOf": [{"type": ["string", "number"]}, schema]})
}

fn import() -> Json {
    let keywords = at(At::Block).filter(|keyword| matches!(keyword.name, "name" | "when" | "tags" | "vars"));
    let mut properties: Map<String, Json> =
        keywords.map(|keyword| (keyword.name.to_owned(), described(keyword))).collect();
    let file = json!({"type": "string", "description": "A playbook, whose plays stand in this place."});
    for name in IMPORTS {
        properties.insert(name.to_owned(), file.clone());
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// The schema of a module's arguments as they are written: a template may stand for any value, conditions are text, and what is
/// required may come from `args` or `module_defaults`.
fn arguments(entry: &modules::Entry) -> Json {
    let mut schema = modules::schema(entry).clone();
    loosen(&mut schema);
    refer(&mut schema, &format!("#/$defs/{}/$defs/", entry.name));
    for name in entry.evaluated {
        let description = schema["properties"][name]["description"].take();
        schema["properties"][name] = takes(Takes::Conditions);
        schema["properties"][name]["description"] = description;
    }
    if let Some(entries) = schema.as_object_mut() {
        entries.retain(|key, _| key != "required" && key != "$schema");
    }
    if let Some(properties) = schema["properties"].as_object_mut() {
        // Bare text stands beside the module's name, not under a name of its own.
        properties.retain(|name, _| !name.starts_with('_'));
    }
    schema
}

/// Lets a template stand for any value within a schema.
fn loosen(schema: &mut Json) {
    let entries = schema.as_object_mut().into_iter().flatten();
    for (key, value) in entries {
        match (key.as_str(), value) {
            ("properties", Json::Object(properties)) => properties.values_mut().for_each(or_template),
            ("$defs", Json::Object(definitions)) => definitions.values_mut().for_each(loosen),
            ("items" | "additionalProperties", value @ Json::Object(_)) => or_template(value),
            ("anyOf" | "oneOf" | "allOf", Json::Array(schemas)) => schemas.iter_mut().for_each(loosen),
            _ => {}
        }
    }
}

fn or_template(schema: &mut Json) {
    loosen(schema);
    let description = schema["description"].clone();
    *schema = json!({"anyOf": [schema.take(), template()]});
    if !description.is_null() {
        schema["description"] = description;
    }
}

/// Leads the references of a schema to where it stands now.
fn refer(schema: &mut Json, definitions: &str) {
    match schema {
        Json::Object(entries) => {
            for (key, value) in entries {
                match value {
                    Json::String(target) if key == "$ref" => {
                        *target = target.replace("#/$defs/", definitions);
                    }
                    other => refer(other, definitions),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| refer(item, definitions)),
        _ => {}
    }
}
