//! `service`: a service, whatever runs it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::Whole;
use crate::contract::{AskError, Host, Module, Plan, PlanError, Probe, Touches};
use crate::services::{Known, Wish, Wished, named};
use crate::words::split;

/// Starts, stops and enables a service, by whatever runs services on the host: systemd, upstart, `OpenRC`, the scripts of sysvinit, or
/// Boot2Docker's. After a change the service has to be seen in its state.
///
/// `restarted` and `reloaded` act each time, as in Ansible. For the Docker daemon the plan names the containers that a restart stops,
/// a configuration that it would not start with is refused before, the managers of a swarm take turns, and the daemon has to answer
/// afterwards; what was owed to it is paid. `restart_docker` does better: it acts only where something is owed, by the least that does,
/// and keeps containers unless it may stop them.
///
/// It registers `name`, `state`, `enabled` and, under systemd, a few properties of the unit as `status`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The service's name.
    name: String,
    /// What it shall be. Default: as it is.
    #[serde(default)]
    state: Option<Wished>,
    /// Whether it starts with the host. Default: as it is.
    #[serde(default)]
    enabled: Option<bool>,
    /// Text that the list of processes shows while it runs, for a script without a `status`. systemd knows by itself. Default: none.
    #[serde(default)]
    pattern: Option<String>,
    /// More arguments for the service's script. systemd has none. Default: none.
    #[serde(default)]
    arguments: String,
    /// The runlevel of `OpenRC`, for `enabled`. Default: `default`.
    #[serde(default = "default_level")]
    runlevel: String,
    /// Seconds between the stop and the start of a restart: scripts do not need it here, as they are waited for, and it is refused
    /// where it would have an effect.
    #[serde(default)]
    sleep: Option<Whole>,
    /// What runs services: `auto`, or the name of what does on the host. Default: `auto`.
    #[serde(default = "auto", rename = "use")]
    manager: String,
}

fn default_level() -> String {
    "default".to_owned()
}

fn auto() -> String {
    "auto".to_owned()
}

impl Module for Service {
    const NAME: &'static str = "service";
    const ALIASES: &'static [(&'static str, &'static str)] = &[("args", "arguments")];
    const EXAMPLE: &'static str = "- service:\n    name: docker\n    state: started\n    enabled: true\n";
    const TOUCHES: Touches = Touches::Paths(&[]);
    type State = Known;

    fn probe(&self, host: &Host) -> Probe<Known> {
        match self.wish() {
            Ok(wish) => wish.probe(host),
            Err(error) => Probe::refuse(AskError::Host(error.message)),
        }
    }

    fn plan(&self, host: &Host, known: Known) -> Result<Plan, PlanError> {
        let init = host.facts.init.as_str();
        let meant = self.manager.as_str();
        if !matches!(meant, "auto" | "service") && !init.starts_with(meant) {
            return Err(PlanError::new(format!("`{meant}` does not run this host's services; {init} does"))
                .help("leave `use` away"));
        }
        let unused = [
            ("pattern", self.pattern.is_some()),
            ("sleep", self.sleep.is_some()),
            ("arguments", !self.arguments.is_empty()),
        ];
        if init != "systemd" && self.sleep.is_some() && self.state == Some(Wished::Restarted) {
            return Err(PlanError::new("`sleep` is not supported")
                .help("make it three tasks: `stopped`, `pause`, `started`"));
        }
        let mut plan = self.wish()?.plan(host, &known)?;
        for (name, _) in unused.into_iter().filter(|(_, given)| *given && init == "systemd") {
            plan.warn(format!("`{name}` has no meaning where systemd runs services"));
        }
        Ok(plan)
    }
}

impl Service {
    fn wish(&self) -> Result<Wish, PlanError> {
        if self.state.is_none() && self.enabled.is_none() {
            return Err(PlanError::new("`service` needs `state` or `enabled`"));
        }
        Ok(Wish {
            name: named(&self.name)?,
            state: self.state,
            enabled: self.enabled,
            pattern: self.pattern.clone(),
            arguments: split(&self.arguments)?,
            runlevel: self.runlevel.clone(),
            ..Wish::default()
        })
    }
}
