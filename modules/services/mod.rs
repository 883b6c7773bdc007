//! What `service` and `systemd` share: a service brought into a state, by whatever runs services on the host.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{
    AskService, Change, ChangeService, DaemonKind, Host, Plan, PlanError, Probe, ServiceAction, ServiceScope,
    ServiceState,
};
use crate::platform::{Daemon, ServiceCommand};
use crate::restart_docker::{Found, requested};

/// A state of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Wished {
    /// It runs: it is started where it does not.
    Started,
    /// It does not run: it is stopped where it does.
    Stopped,
    /// It is stopped and started, each time; started where it does not run.
    Restarted,
    /// It reads its settings again, each time; started where it does not run.
    Reloaded,
}

/// What is wished of a service.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Its name; empty for what is about systemd alone.
    pub name: String,
    pub state: Option<Wished>,
    pub enabled: Option<bool>,
    pub masked: Option<bool>,
    pub daemon_reload: bool,
    pub daemon_reexec: bool,
    pub scope: ServiceScope,
    pub no_block: bool,
    pub pattern: Option<String>,
    pub arguments: Vec<String>,
    pub runlevel: String,
}

/// What was found.
#[derive(Debug)]
pub struct Known {
    service: ServiceState,
    /// Of the Docker daemon, where it is to be restarted or reloaded.
    docker: Option<Found>,
}

/// The name of a service without `.service`; other kinds of units keep theirs.
///
/// # Errors
/// [`PlanError`] where it is no name of one service.
pub fn named(name: &str) -> Result<String, PlanError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | ':' | '\\');
    if name.is_empty() || name.starts_with('-') || name.starts_with('.') || !name.chars().all(fine) {
        return Err(PlanError::new(format!("`{name}` is no name of a service"))
            .help("name one service, without patterns; a loop names several"));
    }
    Ok(name.strip_suffix(".service").unwrap_or(name).to_owned())
}

impl Wish {
    fn ask(&self, host: &Host) -> AskService {
        AskService {
            name: self.name.clone(),
            manager: host.facts.init.clone(),
            scope: self.scope,
            pattern: self.pattern.clone().filter(|_| host.facts.init != "systemd"),
        }
    }

    /// Whether it is the daemon that `restart_docker` looks after too.
    fn is_docker(&self, host: &Host) -> bool {
        let moved = matches!(self.state, Some(Wished::Restarted | Wished::Reloaded));
        let whose = Daemon::of(host).is_ok_and(|daemon| daemon.kind == DaemonKind::System);
        moved && self.name == "docker" && self.scope == ServiceScope::System && whose && !self.no_block
    }

    /// Asks how the service is.
    pub fn probe(&self, host: &Host) -> Probe<Known> {
        let docker = if self.is_docker(host) { requested::probe(host).map(Some) } else { Probe::ready(None) };
        Probe::ask(self.ask(host)).zip(docker).map(|(service, docker)| Known { service, docker })
    }

    /// What has to be done.
    ///
    /// # Errors
    /// [`PlanError`] where there is no such service, or nothing on the host does what is wished.
    pub fn plan(&self, host: &Host, known: &Known) -> Result<Plan, PlanError> {
        if host.facts.sandbox {
            return Err(PlanError::new("a sandbox runs no services")
                .help("try this playbook on a host that is reached by ssh or `ansible_connection: local`"));
        }
        let mut plan = Plan::default();
        let state = &known.service;
        self.whole_systemd(host, state, &mut plan)?;
        if self.name.is_empty() {
            return Ok(plan);
        }
        if !state.found && (self.state.is_some() || self.enabled.is_some()) {
            return Err(PlanError::new(format!("there is no service `{}` on this host", self.name)));
        }
        self.at_boot(host, state, &mut plan)?;
        self.running(host, known, &mut plan)?;
        plan.set("name", self.name.clone());
        if let Some(enabled) = self.enabled {
            plan.set("enabled", enabled);
        }
        if let Some(wished) = self.state {
            plan.set("state", if wished == Wished::Stopped { "stopped" } else { "started" });
        }
        let status = state.status.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        plan.set("status", status.collect::<serde_json::Map<_, _>>());
        Ok(plan)
    }

    fn whole_systemd(&self, host: &Host, state: &ServiceState, plan: &mut Plan) -> Result<(), PlanError> {
        if self.daemon_reload && state.stale {
            plan.changes.push(self.change(host, state, ServiceAction::DaemonReload)?);
        }
        if self.daemon_reexec {
            plan.changes.push(self.change(host, state, ServiceAction::DaemonReexec)?);
        }
        Ok(())
    }

    fn at_boot(&self, host: &Host, state: &ServiceState, plan: &mut Plan) -> Result<(), PlanError> {
        if let Some(masked) = self.masked.filter(|masked| *masked != state.masked) {
            let action = if masked { ServiceAction::Mask } else { ServiceAction::Unmask };
            plan.changes.push(self.change(host, state, action)?);
        }
        if let Some(enabled) = self.enabled.filter(|enabled| Some(*enabled) != state.enabled) {
            let action = if enabled { ServiceAction::Enable } else { ServiceAction::Disable };
            plan.changes.push(self.change(host, state, action)?);
        }
        Ok(())
    }

    fn running(&self, host: &Host, known: &Known, plan: &mut Plan) -> Result<(), PlanError> {
        let state = &known.service;
        let action = match (self.state, state.running) {
            (Some(Wished::Started), true) | (Some(Wished::Stopped), false) | (None, _) => return Ok(()),
            (Some(Wished::Stopped), true) => ServiceAction::Stop,
            (Some(Wished::Restarted), true) => ServiceAction::Restart,
            (Some(Wished::Reloaded), true) => ServiceAction::Reload,
            (Some(_), false) => ServiceAction::Start,
        };
        let whole = match (&known.docker, action) {
            (Some(found), ServiceAction::Restart) => requested::restart(host, found)?,
            (Some(found), ServiceAction::Reload) => requested::reload(host, found)?,
            _ => Plan::new(vec![self.change(host, state, action)?]),
        };
        plan.changes.extend(whole.changes);
        plan.notes.extend(whole.notes);
        plan.owed_is_whole = whole.owed_is_whole;
        Ok(())
    }

    fn change(&self, host: &Host, state: &ServiceState, action: ServiceAction) -> Result<Change, PlanError> {
        let init = host.facts.init.as_str();
        let command = ServiceCommand {
            init,
            name: &self.name,
            action,
            scope: self.scope,
            no_block: self.no_block,
            runlevel: &self.runlevel,
        };
        let mut command = command.words(state).ok_or_else(|| {
            let word = action.word();
            PlanError::new(format!("nothing is known to {word} `{}` where {init} runs services", self.name))
                .help("leave this argument away on such hosts, or do it by `command`")
        })?;
        if init != "systemd" && !matches!(action, ServiceAction::Enable | ServiceAction::Disable) {
            command.extend(self.arguments.iter().cloned());
        }
        let transient = state.transient && action == ServiceAction::Start;
        Ok(Change::Service(ChangeService {
            service: self.ask(host),
            action,
            command,
            no_block: self.no_block,
            transient,
        }))
    }
}

#[cfg(test)]
mod tests;
