use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::templater;

fn cases() -> Option<Vec<Json>> {
    let Some(folder) = std::env::var_os("DTRCTL_CORPUS") else {
        eprintln!("skipped: template cases, because DTRCTL_CORPUS names no folder");
        return None;
    };
    let text =
        std::fs::read_to_string(PathBuf::from(folder).join("templates/cases.json")).expect("cases.json");
    let mut file: Json = serde_json::from_str(&text).expect("cases.json is JSON");
    match file["cases"].take() {
        Json::Array(cases) => Some(cases),
        _ => panic!("cases.json has no cases"),
    }
}

/// Numbers are compared as numbers, so that 1 and 1.0 differ as they do in Ansible.
#[test]
fn recorded_answers() {
    let Some(cases) = cases() else { return };
    let (mut equal, mut refused, mut silent) = (0, Vec::new(), Vec::new());
    for (i, case) in cases.iter().enumerate() {
        let template = case["template"].as_str().expect("a template");
        let wanted = case.get("expected");
        match (render_case(template, case), wanted) {
            (Ok(value), Some(expected)) if value == *expected => equal += 1,
            (Err(_), None) => equal += 1,
            (Err(error), Some(_)) => refused.push(format!("{i} {template:?}: {error}")),
            (Ok(value), _) => silent.push(format!("{i} {template:?}: {value} instead of {wanted:?}")),
        }
    }
    eprintln!("{} cases: {equal} equal, {} refused, {} different", cases.len(), refused.len(), silent.len());
    assert!(silent.is_empty(), "silently different:\n{}", silent.join("\n"));
    assert!(equal * 10 >= cases.len() * 9, "too many refused:\n{}", refused.join("\n"));
}

fn render_case(template: &str, case: &Json) -> Result<Json, super::TemplateError> {
    // The recorder ran each template with variables that were data.
    let mut scope = super::Scope::new();
    for (name, value) in case["vars"].as_object().into_iter().flatten() {
        scope.set_literal(name, value);
    }
    templater().render_value(&json!(template), &std::sync::Arc::new(scope))
}
