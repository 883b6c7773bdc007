//! The answers of Ansible's own loader: whatever is read, is read the same.

use std::path::PathBuf;

use serde_json::Value as Json;

use super::{Node, Source, Style, Value, parse};

/// The folder of test data; a test that needs it says by name that it is skipped without it.
fn corpus(file: &str) -> Option<Json> {
    let Some(folder) = std::env::var_os("DTRCTL_CORPUS") else {
        eprintln!("skipped: yaml_values needs the folder that DTRCTL_CORPUS names");
        return None;
    };
    let text = std::fs::read_to_string(PathBuf::from(folder).join(file)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// The value with infinite numbers as the corpus writes them.
fn shown(node: &Node) -> Json {
    match &node.value {
        Value::Float(value) if value.is_nan() => serde_json::json!({"__float__": "nan"}),
        Value::Float(value) if value.is_infinite() => {
            serde_json::json!({"__float__": if *value > 0.0 { "inf" } else { "-inf" }})
        }
        _ => node.to_json().unwrap(),
    }
}

fn kind(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::String(text) if text.style == Style::Date => "_AnsibleTaggedDate",
        Value::String(_) => "str",
        Value::Seq(_) => "list",
        Value::Map(_) => "dict",
        Value::Vault(_) => "vault",
    }
}

/// Equal, refused, or a sentence about the difference.
fn judge(case: &Json) -> Result<bool, String> {
    let document = case["document"].as_str().unwrap();
    let Ok(root) = parse(&Source::new("case.yml", document)) else { return Ok(false) };
    if case.get("error").is_some() {
        return Err(format!("{document:?}: refused there, {root:?} here"));
    }
    let node = if case.get("scalar").is_some() { root.get("v").unwrap() } else { &root };
    let same_kind = case.get("type").is_none_or(|expected| expected == kind(node));
    if same_kind && shown(node) == case["value"] {
        return Ok(true);
    }
    Err(format!("{document:?}: {} there, {} here", case["value"], shown(node)))
}

#[test]
fn yaml_values_are_ansibles_or_refused() {
    let Some(cases) = corpus("yaml_values/cases.json") else { return };
    let all = cases["scalars"].as_array().unwrap().iter().chain(cases["documents"].as_array().unwrap());
    let (mut equal, mut refused, mut both) = (0, Vec::new(), 0);
    let mut different = Vec::new();
    for case in all {
        match judge(case) {
            Ok(true) => equal += 1,
            Ok(false) if case.get("error").is_some() => both += 1,
            Ok(false) => refused.push(case["document"].to_string()),
            Err(difference) => different.push(difference),
        }
    }
    eprintln!("{equal} equal, {both} refused by both, refused here only: {refused:?}");
    assert!(different.is_empty(), "{different:#?}");
    assert!(refused.len() <= 2, "{refused:?}");
}
