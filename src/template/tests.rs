//! Ansible's recorded answers, and what is stricter here on purpose.

mod bounds;
mod corpus;
#[path = "../../tests/faults/figure.rs"]
mod figure;
mod hostile;
mod language;
mod loops;
mod recorded;
mod waiting;

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{NoLookups, Scope, TemplateError, Templater};

fn templater() -> Templater {
    Templater::new(Arc::new(NoLookups), |text| serde_yaml::from_str(text).map_err(|error| error.to_string()))
}

fn source(vars: &Json) -> Arc<Scope> {
    let mut scope = Scope::new();
    for (name, value) in vars.as_object().into_iter().flatten() {
        scope.set_source(name, value);
    }
    Arc::new(scope)
}

fn render(template: &str, vars: &Json) -> Result<Json, TemplateError> {
    templater().render_value(&json!(template), &source(vars))
}

fn message(template: &str, vars: &Json) -> String {
    render(template, vars).expect_err("the template has no value").to_string()
}
