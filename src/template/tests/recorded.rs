//! The templates of `tests/conformance/templates.json`, with Ansible's answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::{Lookups, NoLookups, Reading, Request, Scope, TemplateError, TemplateFile, Templater};

/// Template files beside the recorded answers.
struct Files;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance")
}

impl Lookups for Files {
    fn lookup(&self, request: &Request<'_>) -> Result<Vec<Json>, String> {
        NoLookups.lookup(request)
    }

    fn template(&self, name: &str, _: &[PathBuf], _: Option<&Path>) -> Result<Option<TemplateFile>, String> {
        if name.split('/').any(|part| part == "..") {
            return Ok(None);
        }
        let text = std::fs::read_to_string(folder().join("templates").join(name.trim_start_matches('/')));
        Ok(text.ok().map(|text| TemplateFile { text, directory: None }))
    }
}

fn templater() -> Templater {
    Templater::new(Arc::new(Files), |text| serde_yaml::from_str(text).map_err(|error| error.to_string()))
}

fn reading(options: &Json) -> Reading {
    let mut reading = Reading::default();
    for (name, value) in options.as_object().into_iter().flatten() {
        let text = || value.as_str().unwrap_or_default().to_owned();
        let marks = &mut reading.delimiters;
        match name.as_str() {
            "variable_start_string" => marks.variable.0 = text(),
            "variable_end_string" => marks.variable.1 = text(),
            "block_start_string" => marks.block.0 = text(),
            "block_end_string" => marks.block.1 = text(),
            "comment_start_string" => marks.comment.0 = text(),
            "comment_end_string" => marks.comment.1 = text(),
            "newline_sequence" => reading.newline_sequence = text(),
            "trim_blocks" => reading.trim_blocks = value == &json!(true),
            "lstrip_blocks" => reading.lstrip_blocks = value == &json!(true),
            other => panic!("no option {other}"),
        }
    }
    reading
}

fn answer(case: &Json, vars: &Json) -> Result<Json, TemplateError> {
    let mut scope = Scope::new();
    for (name, value) in vars.as_object().into_iter().flatten() {
        scope.set_source(name, value);
    }
    let scope = Arc::new(scope);
    let templater = templater();
    if let Some(condition) = case.get("condition") {
        return templater.condition(condition, &scope).map(Json::from);
    }
    let Some(text) = case["file"].as_str() else {
        return templater.render_value(&case["template"], &scope).map(crate::keys::shown);
    };
    let file = TemplateFile { text: text.to_owned(), directory: None };
    templater.render_file(&file, &Arc::new(reading(&case["options"])), &scope).map(Json::from)
}

/// No answer differs; what is refused although Ansible has an answer is so for a reason that stands in the list.
#[test]
fn recorded_answers_beside_the_repository() {
    let text = std::fs::read_to_string(folder().join("templates.json")).expect("templates.json");
    let recorded: Json = serde_json::from_str(&text).expect("JSON");
    let cases = recorded["cases"].as_array().expect("cases");
    let (mut equal, mut refused, mut wrong) = (0, 0, Vec::new());
    for case in cases {
        let vars = &recorded["vars"][case["vars"].as_str().expect("the name of variables")];
        match (answer(case, vars), case.get("expected")) {
            (Ok(value), Some(expected)) if value == *expected => equal += 1,
            (Err(_), None) => equal += 1,
            (Err(_), Some(_)) if case["refused"] == json!(true) => refused += 1,
            (Err(error), Some(expected)) => wrong.push(format!("{case}: {error} instead of {expected}")),
            (Ok(value), expected) => wrong.push(format!("{case}: {value} instead of {expected:?}")),
        }
    }
    eprintln!("{} cases: {equal} equal, {refused} refused on purpose", cases.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal > 1000 && refused * 10 < equal);
}
