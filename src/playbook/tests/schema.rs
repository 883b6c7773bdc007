//! The schema says of playbooks what the reader says.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::playbook::schema;
use crate::yaml::{Source, parse};

/// A small judge of what our schemas use; a word that it does not know is a panic, so that nothing is passed by.
fn fits(value: &Json, schema: &Json, root: &Json) -> bool {
    let entries = match schema {
        Json::Bool(any) => return *any,
        Json::Object(entries) => entries,
        other => panic!("no schema: {other}"),
    };
    entries.iter().all(|(word, rule)| match word.as_str() {
        "$ref" => {
            let path = rule.as_str().expect("a reference").trim_start_matches('#');
            fits(value, root.pointer(path).unwrap_or_else(|| panic!("nothing at {path}")), root)
        }
        "type" => match rule {
            Json::Array(kinds) => kinds.iter().any(|kind| is(value, kind)),
            kind => is(value, kind),
        },
        "enum" => rule.as_array().expect("a list").contains(value),
        "const" => rule == value,
        "required" => {
            let names = rule.as_array().expect("a list").iter().filter_map(Json::as_str);
            value.as_object().is_none_or(|object| names.into_iter().all(|name| object.contains_key(name)))
        }
        "properties" => value.as_object().is_none_or(|object| {
            object.iter().all(|(key, value)| rule.get(key).is_none_or(|rule| fits(value, rule, root)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|object| {
            let with = |key: &str| key.starts_with("with_") && schema["patternProperties"].is_object();
            let mut others = object
                .iter()
                .filter(|(key, _)| schema["properties"].get(key.as_str()).is_none() && !with(key));
            others.all(|(_, value)| fits(value, rule, root))
        }),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(item, rule, root))),
        "anyOf" => all(rule).iter().any(|rule| fits(value, rule, root)),
        "oneOf" => all(rule).iter().filter(|rule| fits(value, rule, root)).count() == 1,
        "allOf" => all(rule).iter().all(|rule| fits(value, rule, root)),
        "if" => fits(value, &schema[if fits(value, rule, root) { "then" } else { "else" }], root),
        "pattern" => value.as_str().is_none_or(|text| {
            regex::Regex::new(rule.as_str().expect("text")).expect("a pattern").is_match(text)
        }),
        "maxLength" => {
            value.as_str().is_none_or(|text| text.len() as u64 <= rule.as_u64().expect("a number"))
        }
        "minLength" => {
            value.as_str().is_none_or(|text| text.len() as u64 >= rule.as_u64().expect("a number"))
        }
        "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().expect("a number")),
        "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().expect("a number")),
        "then" | "else" | "description" | "title" | "default" | "format" | "patternProperties"
        | "$schema" | "$defs" => true,
        other => panic!("the judge does not know `{other}`"),
    })
}

fn all(rule: &Json) -> &[Json] {
    rule.as_array().expect("a list")
}

fn is(value: &Json, kind: &Json) -> bool {
    match kind.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type `{other}`"),
    }
}

fn judge(playbook: &str) -> bool {
    let schema = schema();
    let root = parse(&Source::new("site.yml", playbook)).expect("YAML");
    fits(&root.to_json().expect("JSON"), &schema, &schema)
}

#[test]
fn every_shipped_playbook_fits() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("playbooks").flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "yml") {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            assert!(judge(&text), "{}", entry.path().display());
            count += 1;
        }
    }
    assert!(count > 4);
}

#[test]
fn every_example_of_a_module_fits() {
    for entry in modules::MODULES {
        let tasks: String = entry.example.lines().map(|line| format!("    {line}\n")).collect();
        assert!(judge(&format!("- hosts: all\n  tasks:\n{tasks}")), "{}", entry.name);
    }
}

#[test]
fn what_is_written_right_fits_and_a_slip_does_not() {
    let play = |tasks: &str| format!("- hosts: docker\n  tasks:\n    - {tasks}\n");
    for right in [
        play("debug: msg=x"),
        play("ansible.builtin.debug: {msg: x}"),
        play("{name: x, command: ls, when: [a, b], become: \"{{ b }}\", with_items: [1]}"),
        play("{block: [{debug: {msg: x}}], rescue: [{meta: noop}], tags: a}"),
        play("{include_role: {name: x, apply: {tags: a}}, loop: [1]}"),
        play("{set_fact: {anything: 1}}"),
        play("{file: {path: /x, state: \"{{ s }}\"}}"),
        play("{assert: {that: [a is defined]}}"),
        "- hosts: all\n  roles: [a, {role: b, port: 1, when: x}]\n  serial: [1, 30%]\n".to_owned(),
        "- import_playbook: x.yml\n  when: x\n".to_owned(),
    ] {
        assert!(judge(&right), "{right}");
    }
    for wrong in [
        play("debgu: msg=x"),
        play("{debug: {msg: x}, wehn: true}"),
        play("{debug: {mesage: x}}"),
        play("{file: {path: /x, state: gone}}"),
        play("{block: [{debgu: x}]}"),
        play("{debug: {msg: x}, copy: {}}"),
        play("{name: nothing}"),
        play("{include_tasks: {fiel: x}}"),
        play("{meta: end_plya}"),
        play("{debug: {msg: x}, listen: a}"),
        play("{debug: {msg: x}, ignore_errors: perhaps}"),
        "- hosts: all\n  task: []\n".to_owned(),
        "- tasks: []\n".to_owned(),
        "- import_playbook: x.yml\n  hosts: x\n".to_owned(),
        "hosts: all\n".to_owned(),
    ] {
        assert!(!judge(&wrong), "{wrong}");
    }
}

#[test]
fn arguments_are_described_where_an_editor_looks_for_them() {
    let schema = schema();
    let task = &schema["$defs"]["task"]["properties"];
    assert_eq!(task["when"]["description"], json!("Conditions; all must hold."));
    assert!(task["copy"]["description"].as_str().expect("text").len() > 20);
    assert!(schema["$defs"]["copy"]["properties"]["dest"]["description"].as_str().expect("text").len() > 10);
}
