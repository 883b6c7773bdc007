//! `ping`: whether a host can be reached.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Host, Module, Plan, PlanError, Probe, Touches};

/// Answers `pong` from a host that can be reached and runs scripts. Every host is asked for its facts before its first task is
/// settled, so that this task needs to ask nothing more.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// What to answer, in the field `ping` of the result; `crash` fails, as in Ansible. Default: `pong`.
    #[serde(default = "pong")]
    data: String,
}

fn pong() -> String {
    "pong".to_owned()
}

impl Module for Ping {
    const NAME: &'static str = "ping";
    const EXAMPLE: &'static str = "- ping:\n";
    const TOUCHES: Touches = Touches::Nothing;
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        Probe::ready(())
    }

    fn plan(&self, _host: &Host, (): ()) -> Result<Plan, PlanError> {
        if self.data == "crash" {
            return Err(PlanError::new("boom: `data: crash` asks for it"));
        }
        let mut plan = Plan::default();
        plan.set("ping", self.data.clone());
        Ok(plan)
    }
}
