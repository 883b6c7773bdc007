//! Examples, shipped playbooks and the script that hosts run; and that the reference tells all of it.

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use crate::harness::{World, shipped};

#[test]
fn every_example_is_a_playbook_without_mistakes() {
    for entry in modules::MODULES {
        let world = World::new().tasks(entry.example);
        let ran = world.dtrctl(&["validate", "site.yml"]).run();
        assert!(ran.stdout.ends_with("no mistakes\n"), "{}: {}", entry.name, ran.stdout);
        let uses = entry
            .example
            .lines()
            .any(|line| line.trim_start_matches("- ").trim_start().starts_with(entry.name));
        assert!(uses, "the example of `{}` does not use it", entry.name);
    }
}

#[test]
fn every_shipped_playbook_is_without_mistakes() {
    let world = World::new();
    let folder = shipped("");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let ran = world.dtrctl(&["validate", path.to_str().unwrap()]).run();
        assert!(ran.stdout.ends_with("no mistakes\n"), "{}", ran.stdout);
        count += 1;
    }
    assert!(count >= 3);
}

#[test]
fn every_argument_is_documented() {
    let mut missing = Vec::new();
    for entry in modules::MODULES {
        let schema = entry.schema();
        if schema["description"].as_str().is_none_or(str::is_empty) {
            missing.push(entry.name.to_owned());
        }
        for (name, argument) in schema["properties"].as_object().into_iter().flatten() {
            undocumented(&format!("{}.{name}", entry.name), argument, &schema, &mut missing);
        }
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            for choice in definition["oneOf"].as_array().into_iter().flatten() {
                undocumented(
                    &format!("{}: {name} {}", entry.name, choice["const"]),
                    choice,
                    &schema,
                    &mut missing,
                );
            }
            for (field, argument) in definition["properties"].as_object().into_iter().flatten() {
                undocumented(&format!("{}: {name}.{field}", entry.name), argument, &schema, &mut missing);
            }
        }
    }
    assert!(missing.is_empty(), "without a description: {missing:#?}");
}

fn undocumented(path: &str, argument: &Json, schema: &Json, missing: &mut Vec<String>) {
    let by_reference = argument["$ref"].as_str().and_then(|to| to.strip_prefix("#/$defs/"));
    let described = |value: &Json| value["description"].as_str().is_some_and(|text| text.len() > 8);
    let inherited = by_reference.is_some_and(|name| described(&schema["$defs"][name]));
    if !described(argument) && !inherited {
        missing.push(path.to_owned());
    }
}

#[test]
fn the_reference_shows_every_module() {
    let world = World::new();
    let list = world.dtrctl(&["modules"]).run().stdout;
    for entry in modules::MODULES {
        assert!(list.contains(entry.name));
        let page = world.dtrctl(&["modules", entry.name]).run().stdout;
        let schema = entry.schema();
        for name in schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(page.contains(&format!("- `{name}` (")), "{name} in {page}");
        }
        assert!(page.contains(entry.example));
    }
    let ran = world.dtrctl(&["modules", "coppy"]).code(1).any_stderr().run();
    assert_eq!(ran.stderr, "error: there is no module `coppy`\n  help: did you mean `copy`?\n");
}

#[test]
fn the_library_passes_shellcheck() {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/contract");
    let files =
        ["library.sh", "daemon.sh", "registry.sh", "service.sh", "net.sh", "files.sh", "undo.sh", "guard.sh"];
    let files = files.map(|name| contract.join(name));
    let mut check = Command::new("shellcheck");
    // 2034, 2154: names that the engine sets and reads. 2317: functions are called by the lines that follow.
    check.args(["--shell=sh", "--severity=warning", "--exclude=SC2034,SC2154,SC2317"]).args(files);
    match check.output() {
        Err(_) => eprintln!("skipped: the_library_passes_shellcheck: shellcheck is not installed"),
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
    }
}
