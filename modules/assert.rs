//! `assert`: stops a host where a condition does not hold.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Host, Module, Plan, PlanError, Probe};

/// Fails the host where one of the conditions does not hold. It asks the host nothing and changes nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assert {
    /// The conditions, each written as in `when`; all must hold. The engine evaluates them.
    that: Vec<bool>,
    /// What to say where one does not hold. Default: which one it is.
    #[serde(default)]
    fail_msg: Option<String>,
    /// What to say where all hold. Default: nothing.
    #[serde(default)]
    success_msg: Option<String>,
}

impl Module for Assert {
    const NAME: &'static str = "assert";
    const EXAMPLE: &'static str = "- assert:\n    that:\n      - registry is defined\n    fail_msg: give the registry with -e registry=HOST[:PORT]\n";
    const EVALUATED: &'static [&'static str] = &["that"];
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        Probe::ready(())
    }

    fn plan(&self, _host: &Host, (): ()) -> Result<Plan, PlanError> {
        if let Some(number) = self.that.iter().position(|holds| !holds) {
            let message = match &self.fail_msg {
                Some(message) => message.clone(),
                None => format!("condition {} of `that` does not hold", number + 1),
            };
            return Err(PlanError::new(message));
        }
        let mut plan = Plan::default();
        if let Some(message) = &self.success_msg {
            plan.info(message.clone());
            plan.set("msg", message.clone());
        }
        Ok(plan)
    }
}
