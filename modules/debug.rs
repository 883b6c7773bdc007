//! `debug`: says something.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::contract::{Host, Module, Plan, PlanError, Probe};

/// Prints a message, or the value of an expression. It asks the host nothing and changes nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Debug {
    /// What to print: text, or any value. Default: `Hello world!`, as Ansible has it.
    #[serde(default = "hello")]
    msg: Value,
    /// An expression, written as in `when`, whose value is printed. Give this or `msg`.
    #[serde(default)]
    var: Option<Value>,
}

fn hello() -> Value {
    Value::from("Hello world!")
}

impl Module for Debug {
    const NAME: &'static str = "debug";
    const EXAMPLE: &'static str = "- debug:\n    msg: \"{{ inventory_hostname }} trusts {{ registry }}\"\n";
    const EVALUATED: &'static [&'static str] = &["var"];
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        Probe::ready(())
    }

    fn plan(&self, _host: &Host, (): ()) -> Result<Plan, PlanError> {
        let mut plan = Plan::default();
        let shown = self.var.as_ref().unwrap_or(&self.msg);
        match shown {
            Value::String(text) => plan.info(text.clone()),
            other => plan.info(other.to_string()),
        }
        plan.set("msg", shown.clone());
        Ok(plan)
    }
}
