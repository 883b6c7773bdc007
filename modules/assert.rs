//! `assert`: stops a host where a condition does not hold.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::arguments::Lines;
use crate::contract::{Evaluated, Host, Module, Plan, PlanError, Probe, Touches};

/// Fails the host where one of the conditions does not hold. It asks the host nothing and changes nothing. Where one does not
/// hold it registers the condition as `assertion`, and `evaluated_to`, as Ansible does.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assert {
    /// The conditions, each written as in `when`; all must hold. One can be given without a list.
    that: Vec<Evaluated<bool>>,
    /// What to say where one does not hold: text, or a list of lines. Default: which one it is.
    #[serde(default)]
    fail_msg: Option<Lines>,
    /// What to say where all hold: text, or a list of lines. Default: nothing.
    #[serde(default)]
    success_msg: Option<Lines>,
    /// Whether `success_msg` is registered alone, and not shown. Default: false.
    #[serde(default)]
    quiet: bool,
}

impl Module for Assert {
    const NAME: &'static str = "assert";
    const ALIASES: &'static [(&'static str, &'static str)] = &[("msg", "fail_msg")];
    const EXAMPLE: &'static str = "- assert:\n    that:\n      - registry is defined\n    fail_msg: give the registry with -e registry=HOST[:PORT]\n";
    const EVALUATED: &'static [&'static str] = &["that"];
    const TOUCHES: Touches = Touches::Nothing;
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        Probe::ready(())
    }

    fn plan(&self, _host: &Host, (): ()) -> Result<Plan, PlanError> {
        if let Some(condition) = self.that.iter().find(|condition| !condition.value) {
            return Err(self.failure(condition));
        }
        let mut plan = Plan::default();
        match &self.success_msg {
            Some(message) => {
                if !self.quiet {
                    plan.info(message.text());
                }
                plan.set("msg", message.value());
            }
            None => plan.set("msg", "All assertions passed"),
        }
        Ok(plan)
    }
}

impl Assert {
    fn failure(&self, condition: &Evaluated<bool>) -> PlanError {
        let which = format!("`{}` does not hold", condition.expression);
        let mut error = match &self.fail_msg {
            Some(message) => PlanError::new(message.text()).help(which),
            None => PlanError::new(which),
        };
        let message = self.fail_msg.as_ref().map_or_else(|| Value::from("Assertion failed"), Lines::value);
        error.result.insert("msg".to_owned(), message);
        error.result.insert("assertion".to_owned(), condition.expression.clone().into());
        error.result.insert("evaluated_to".to_owned(), false.into());
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use serde_json::json;

    fn that(values: &[bool]) -> Value {
        values
            .iter()
            .enumerate()
            .map(|(i, value)| json!({"expression": format!("x{i}"), "value": value}))
            .collect()
    }

    #[test]
    fn the_first_condition_that_does_not_hold_is_named() {
        let plan = |arguments| World::new().plan::<Assert>(arguments);
        let error = plan(json!({"that": that(&[true, false, false])})).unwrap_err();
        assert_eq!(error.message, "`x1` does not hold");
        assert_eq!(
            (&error.result["assertion"], &error.result["msg"]),
            (&json!("x1"), &json!("Assertion failed"))
        );
        let error = plan(json!({"that": that(&[false]), "fail_msg": ["a", "b"]})).unwrap_err();
        assert_eq!((error.message.as_str(), &error.result["msg"]), ("a\nb", &json!(["a", "b"])));
        let held = plan(json!({"that": that(&[true]), "success_msg": "good", "quiet": true})).unwrap();
        assert_eq!((&held.result["msg"], held.notes.len()), (&json!("good"), 0));
        assert_eq!(plan(json!({"that": that(&[true])})).unwrap().result["msg"], "All assertions passed");
    }
}
