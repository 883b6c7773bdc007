//! `pause`: waits.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::Whole;
use crate::contract::{AskPause, Host, Module, Plan, PlanError, Probe, Touches};

/// Has the host's tasks wait, in check mode too, as in Ansible. Hosts run side by side, each with a pause of its own. Nobody is
/// asked to press a key: a run has to be able to go on without anyone at the terminal. To stop for a look, end the play and give
/// `--limit` or the next playbook.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// How long, in seconds; at least 1. Give this or `minutes`.
    #[serde(default)]
    seconds: Option<Whole>,
    /// How long, in minutes. Give this or `seconds`.
    #[serde(default)]
    minutes: Option<Whole>,
    /// A line that is shown; nobody is waited for. Default: none.
    #[serde(default)]
    prompt: Option<String>,
    /// Whether what is typed would be shown: nothing is read, so that it has no effect. Default: true.
    #[serde(default = "crate::guards::yes")]
    echo: bool,
}

impl Pause {
    /// How long, in seconds.
    fn length(&self) -> Result<u64, PlanError> {
        let seconds = match (self.seconds, self.minutes) {
            (Some(Whole(seconds)), None) => seconds,
            (None, Some(Whole(minutes))) => minutes.saturating_mul(60),
            (Some(_), Some(_)) => return Err(PlanError::new("give either `seconds` or `minutes`")),
            (None, None) => {
                return Err(PlanError::new("nobody is asked to press a key")
                    .help("say how long to wait, with `seconds` or `minutes`"));
            }
        };
        Ok(u64::try_from(seconds).unwrap_or(0).max(1))
    }
}

impl Module for Pause {
    const NAME: &'static str = "pause";
    const EXAMPLE: &'static str = "- pause:\n    seconds: 10\n";
    const TOUCHES: Touches = Touches::Nothing;
    type State = ();

    fn probe(&self, _host: &Host) -> Probe<()> {
        self.length().map_or_else(|_| Probe::ready(()), |seconds| Probe::ask(AskPause { seconds }))
    }

    fn plan(&self, _host: &Host, (): ()) -> Result<Plan, PlanError> {
        let seconds = self.length()?;
        let mut plan = Plan::default();
        if let Some(prompt) = &self.prompt {
            plan.info(prompt.clone());
        }
        plan.set("stdout", format!("Paused for {seconds} seconds"));
        plan.set("stderr", "");
        plan.set("rc", 0);
        plan.set("delta", seconds);
        plan.set("echo", self.echo);
        plan.set("user_input", "");
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_length_is_given_in_one_way() {
        let length = |arguments| serde_json::from_value::<Pause>(arguments).unwrap().length().ok();
        assert_eq!(length(json!({"seconds": 0})), Some(1));
        assert_eq!(length(json!({"minutes": "2"})), Some(120));
        assert_eq!(length(json!({"seconds": 1.9})), Some(1));
        assert_eq!(length(json!({"seconds": 1, "minutes": 1})), None);
        assert_eq!(length(json!({"prompt": "go on?"})), None);
    }
}
