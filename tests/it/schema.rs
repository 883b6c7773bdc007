//! `dtrctl schema`: the schemas say of playbooks and inventories what the readers say.

use std::path::Path;

use dtrctl::yaml::{Source, parse};
use dtrctl::{inventory, playbook};
use serde_json::{Value as Json, json};

use crate::harness::World;

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
        "not" => !fits(value, rule, root),
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

fn judged(text: &str, schema: &Json) -> bool {
    let root = parse(&Source::new("file.yml", text)).expect("YAML");
    fits(&root.to_json().expect("JSON"), schema, schema)
}

fn judge(playbook: &str) -> bool {
    judged(playbook, &playbook::schema())
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
    let schema = playbook::schema();
    let task = &schema["$defs"]["task"]["properties"];
    assert_eq!(task["when"]["description"], json!("Conditions; all must hold."));
    assert!(task["copy"]["description"].as_str().expect("text").len() > 20);
    assert!(schema["$defs"]["copy"]["properties"]["dest"]["description"].as_str().expect("text").len() > 10);
}

#[test]
fn every_shipped_inventory_fits() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories");
    let mut count = 0;
    for entry in std::fs::read_dir(directory).expect("inventories").flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "yml") {
            let text = std::fs::read_to_string(entry.path()).expect("text");
            assert!(judged(&text, &inventory::schema()), "{}", entry.path().display());
            count += 1;
        }
    }
    assert!(count > 0);
}

/// What the reader of inventories refuses, the schema refuses too, and the other way round.
#[test]
fn an_inventory_fits_where_it_can_be_read() {
    let host = |variables: &str| format!("all:\n  hosts:\n    web1: {{{variables}}}\n");
    let right = [
        "all:\n".to_owned(),
        "web:\n  hosts: web1\n".to_owned(),
        "all:\n  children:\n    web:\n      hosts: {'web[1:3]':}\n      vars: {anything: [1]}\n".to_owned(),
        host("ansible_port: 2222, ansible_user: 7, ansible_become: 'yes', any: {thing: 1}"),
        host("ansible_port: '22', ansible_connection: winrm, ansible_become: true"),
        host("ansible_become_method: sudo, ansible_shell_type: powershell"),
    ];
    let wrong = [
        "all:\n  host: {web1:}\n".to_owned(),
        "all:\n  hosts: [web1]\n".to_owned(),
        "all:\n  children:\n    web:\n      var: {a: 1}\n".to_owned(),
        "- all\n".to_owned(),
        host("ansible_port: many"),
        host("ansible_port: 99999"),
        host("ansible_password: x"),
        host("ansible_ssh_executable: x"),
        host("ansible_user: [a]"),
        host("ansible_become_method: su"),
        host("ansible_shell_type: tcsh"),
        host("ansible_become: perhaps"),
    ];
    for (texts, fits) in [(&right[..], true), (&wrong[..], false)] {
        for text in texts {
            assert_eq!(judged(text, &inventory::schema()), fits, "{text}");
            assert_eq!(can_be_read(text), fits, "{text}");
        }
    }
    // A template is known only where the host is used.
    assert!(judged(&host("ansible_host: '{{ x }}', ansible_port: '{{ x }}'"), &inventory::schema()));
}

/// Whether an inventory can be read, and each of its hosts be reached.
fn can_be_read(text: &str) -> bool {
    let world = World::new().file("hosts.yml", text);
    let path = world.path("hosts.yml").display().to_string();
    let Ok(inventory) = inventory::Inventory::load(&[path], None) else { return false };
    inventory.hosts().all(|host| inventory.connection(host).is_ok())
}

#[test]
fn the_command_prints_them_the_same_each_time() {
    let world = World::new();
    let printed = |args: &[&str]| world.dtrctl(&["schema"]).args(args).run().stdout;
    let read = |text: &str| serde_json::from_str::<Json>(text).expect("JSON");
    assert_eq!(read(&printed(&[])), playbook::schema());
    assert_eq!(read(&printed(&["inventory"])), inventory::schema());
    assert_eq!(printed(&["playbook"]), printed(&[]));
}
