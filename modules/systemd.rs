//! `systemd_service`, and `systemd`, its older name: a unit of systemd.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{AskError, Host, Module, Plan, PlanError, Probe, ServiceScope, Touches};
use crate::services::{Known, Wish, Wished, named};

/// Starts, stops, enables and masks a unit of systemd. After a change the unit has to be seen in its state. On the Docker daemon see
/// `service`.
///
/// Unlike Ansible, `daemon_reload` acts only where systemd says that it has to, and is then reported as a change. `force` is refused.
///
/// It registers `name`, `state`, `enabled` and a few properties of the unit as `status`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemdService {
    /// The unit's name; `.service` may be left away. Needed for all but `daemon_reload` and `daemon_reexec`.
    #[serde(default)]
    name: Option<String>,
    /// What it shall be. Default: as it is.
    #[serde(default)]
    state: Option<Wished>,
    /// Whether it starts with the host. Default: as it is.
    #[serde(default)]
    enabled: Option<bool>,
    /// Whether it cannot be started at all. Default: as it is.
    #[serde(default)]
    masked: Option<bool>,
    /// Whether systemd reads its units again before, where files have changed since it did. Default: false.
    #[serde(default)]
    daemon_reload: bool,
    /// Whether systemd starts itself anew before. Default: false.
    #[serde(default)]
    daemon_reexec: bool,
    /// Whose unit it is. Default: `system`.
    #[serde(default)]
    scope: ServiceScope,
    /// Whether systemd is only told, and not waited for. Default: false.
    #[serde(default)]
    no_block: bool,
}

impl Module for SystemdService {
    const NAME: &'static str = "systemd_service";
    const ALIASES: &'static [(&'static str, &'static str)] = &[
        ("service", "name"),
        ("unit", "name"),
        ("daemon-reload", "daemon_reload"),
        ("daemon-reexec", "daemon_reexec"),
    ];
    const EXAMPLE: &'static str = "- systemd_service:\n    name: docker-registry\n    state: restarted\n    daemon_reload: true\n- systemd:\n    daemon_reload: true\n";
    const TOUCHES: Touches = Touches::Paths(&[]);
    type State = Known;

    fn probe(&self, host: &Host) -> Probe<Known> {
        match self.wish() {
            Ok(wish) if host.facts.init == "systemd" || host.facts.sandbox => wish.probe(host),
            Ok(_) => {
                let init = &host.facts.init;
                let why = format!("systemd does not run this host's services (`{init}` does); use `service`");
                Probe::refuse(AskError::Host(why))
            }
            Err(error) => Probe::refuse(AskError::Host(error.message)),
        }
    }

    fn plan(&self, host: &Host, known: Known) -> Result<Plan, PlanError> {
        self.wish()?.plan(host, &known)
    }
}

impl SystemdService {
    fn wish(&self) -> Result<Wish, PlanError> {
        let about_one = self.state.is_some() || self.enabled.is_some() || self.masked.is_some();
        if !(about_one || self.daemon_reload || self.daemon_reexec) {
            return Err(PlanError::new(
                "say what to do, with `state`, `enabled`, `masked` or `daemon_reload`",
            ));
        }
        let name = match &self.name {
            Some(name) => named(name)?,
            None if about_one => {
                return Err(PlanError::new("`name` is needed for `state`, `enabled` and `masked`"));
            }
            None => String::new(),
        };
        Ok(Wish {
            name,
            state: self.state,
            enabled: self.enabled,
            masked: self.masked,
            daemon_reload: self.daemon_reload,
            daemon_reexec: self.daemon_reexec,
            scope: self.scope,
            no_block: self.no_block,
            ..Wish::default()
        })
    }
}
