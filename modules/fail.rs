//! `fail`: stops a host.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::Lines;
use crate::contract::{Host, Module, Plan, PlanError, Probe, Touches};

/// Fails the host, with a message; most often under a `when`. It asks the host nothing and changes nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fail {
    /// What to say. Default: that the task asks for it.
    #[serde(default)]
    msg: Option<Lines>,
}

impl Module for Fail {
    const NAME: &'static str = "fail";
    const EXAMPLE: &'static str = "- fail:\n    msg: this release of Docker cannot be told by a signal\n  when: ansible_facts.os_family == 'Windows'\n";
    const TOUCHES: Touches = Touches::Nothing;
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        Probe::ready(())
    }

    fn plan(&self, _host: &Host, (): ()) -> Result<Plan, PlanError> {
        let Some(message) = &self.msg else { return Err(PlanError::new("Failed as requested from task")) };
        let mut error = PlanError::new(message.text());
        error.result.insert("msg".to_owned(), message.value());
        Err(error)
    }
}
