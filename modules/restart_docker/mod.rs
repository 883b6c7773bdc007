//! `restart_docker`: pays what is owed to the Docker daemon, by the least that does.

mod decision;
pub mod requested;
mod verdict;

pub use verdict::verdict;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::boot2docker_profile::next_start;
use crate::contract::{
    AskContainers, AskFile, AskInfo, AskOwed, AskProcess, AskValidate, Change, Container, Containers,
    DaemonInfo, File, Host, Module, Need, OwedRecord, Plan, PlanError, Probe, Process, ReloadDocker,
    RestartDocker as Restart, Validation,
};
use crate::daemon_config::Version;
use crate::daemon_json::flags;
use crate::platform::{Daemon, Service};
use decision::Decision;

/// Pays what is owed to the Docker daemon: nothing, a reload or a restart, whichever is the least that does. What is
/// owed is known from the records of earlier changes and from the running daemon, where it shows other settings than
/// its configuration file. The plan says the reason.
///
/// A restart that would stop containers is not done unless `containers: stop` permits it: it stays owed, and the report
/// names the containers. Where `live-restore` is on they keep running. The file is judged before, and after a restart
/// the daemon has to answer and the containers that should run have to run again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartDocker {
    /// What may become of running containers. Default: `keep`.
    #[serde(default)]
    containers: ContainerRule,
    /// Whether the daemon may be restarted. Default: `auto`.
    #[serde(default)]
    restart: RestartRule,
}

/// What may become of running containers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainerRule {
    /// A restart that would stop a container is not done.
    #[default]
    Keep,
    /// They may stop. Those with the restart policy `always` or `unless-stopped` start again, others stay down.
    Stop,
}

/// Whether the daemon may be restarted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestartRule {
    /// Where a restart is owed and `containers` permits it.
    #[default]
    Auto,
    /// A restart that is owed is only said; a reload is still done.
    Never,
}

/// What was found on the host.
#[derive(Debug)]
pub struct Found {
    owed: Vec<OwedRecord>,
    process: Process,
    info: Option<DaemonInfo>,
    file: File,
    /// Boot2Docker's profile, whose flags the daemon gets when it starts.
    profile: Option<File>,
    /// Asked only where a restart is to be done.
    risk: Option<Risk>,
}

/// What a restart would meet.
#[derive(Debug)]
struct Risk {
    containers: Containers,
    verdict: Option<Validation>,
}

impl Found {
    fn engine(&self) -> Option<Version> {
        self.info.as_ref().and_then(|info| info.version.parse().ok())
    }

    /// What `dockerd --validate` has to be asked, where it can be.
    fn question(&self) -> Option<AskValidate> {
        self.engine().filter(|engine| *engine >= Version::new(23, 0, 0))?;
        let running = self.process.running.as_ref()?;
        let config = self.file.content()?.to_vec();
        Some(AskValidate { program: running.program.clone(), flags: flags(&running.cmdline), config })
    }
}

impl Module for RestartDocker {
    const NAME: &'static str = "restart_docker";
    const EXAMPLE: &'static str =
        "- restart_docker:\n- restart_docker:\n    containers: stop\n- restart_docker:\n    restart: never\n";
    type State = Found;

    fn probe(&self, host: &Host) -> Probe<Found> {
        let may_restart = self.restart == RestartRule::Auto;
        Probe::ask(AskOwed)
            .zip(Probe::ask(AskProcess).zip(Probe::ask(AskInfo)))
            .zip(Probe::ask(AskFile::new(Daemon::assumed(host).config)).zip(next_start::ask(host)))
            .and_then(move |((owed, (process, info)), (file, profile))| {
                let found = Found { owed, process, info, file, profile, risk: None };
                let decision = found.info.as_ref().map(|info| Decision::new(&found, info));
                // A file that no daemon starts with is refused whatever a restart would meet.
                let restarts =
                    |decision: Decision| decision.need() == Some(Need::Restart) && decision.broken.is_none();
                if !may_restart || !decision.is_some_and(restarts) {
                    return Probe::ready(found);
                }
                let verdict = match found.question() {
                    Some(ask) => Probe::ask(ask).map(Some),
                    None => Probe::ready(None),
                };
                Probe::ask(AskContainers)
                    .zip(verdict)
                    .map(|(containers, verdict)| Found { risk: Some(Risk { containers, verdict }), ..found })
            })
    }

    fn plan(&self, host: &Host, found: Found) -> Result<Plan, PlanError> {
        if !found.process.installed {
            return Ok(Plan::skip("no docker daemon is installed on this host"));
        }
        let daemon = Daemon::of(host)?;
        let Some(running) = &found.process.running else { return self.without_daemon(&daemon, &found) };
        let Some(info) = &found.info else {
            let message = format!("the docker daemon (process {}) does not answer", running.pid);
            let help = "the task needs `become: true`, unless the daemon hangs: see ";
            return Err(PlanError::new(message).help(format!("{help}`{}`", daemon.service.log)));
        };
        let decision = Decision::new(&found, info);
        let mut plan = Plan { owed_is_whole: true, ..Plan::default() };
        self.pay(&mut plan, &found, info, &decision, &daemon)?;
        plan.set("needed", word(decision.need()));
        Ok(plan)
    }
}

/// A need as a field of the result.
const fn word(need: Option<Need>) -> &'static str {
    match need {
        None => "none",
        Some(Need::Reload) => "reload",
        Some(Need::Restart) => "restart",
    }
}

impl RestartDocker {
    /// A daemon that does not run reads its settings when it starts; one that has failed is a fault.
    fn without_daemon(&self, daemon: &Daemon, found: &Found) -> Result<Plan, PlanError> {
        let units: Vec<String> =
            found.process.units.iter().map(|(unit, state)| format!("{unit} is {state}")).collect();
        let state = units.join(", ");
        let is =
            |wanted: &[&str]| found.process.units.iter().any(|(_, state)| wanted.contains(&state.as_str()));
        let mut plan = Plan { owed_is_whole: true, ..Plan::default() };
        plan.set("needed", word(None));
        plan.set("done", word(None));
        if is(&["failed"]) && self.restart == RestartRule::Auto && self.containers == ContainerRule::Stop {
            plan.changes.push(Change::RestartDocker(Restart {
                reason: format!("it does not run: {state}"),
                command: daemon.service.restart_command(),
                manager_of: None,
                kept: false,
                stops: Vec::new(),
                stays_down: Vec::new(),
                settles: found.owed.iter().map(|record| record.id.clone()).collect(),
                on_request: false,
            }));
            plan.set("needed", word(Some(Need::Restart)));
            plan.set("done", word(Some(Need::Restart)));
        } else if is(&["failed", "activating", "deactivating"]) {
            let Service { log, start, .. } = daemon.service;
            return Err(PlanError::new(format!("the docker daemon does not run: {state}")).help(format!(
                "see `{log}`; then start it with `{start}`, or permit that dtrctl does, with `containers: stop`, as \
                 containers that have outlived it may stop"
            )));
        } else {
            let state = if state.is_empty() { String::new() } else { format!(" ({state})") };
            plan.info(format!("no docker daemon runs{state}: it reads its settings when it starts"));
        }
        Ok(plan)
    }

    /// The changes that pay, and what stays owed.
    fn pay(
        &self,
        plan: &mut Plan,
        found: &Found,
        info: &DaemonInfo,
        decision: &Decision,
        daemon: &Daemon,
    ) -> Result<(), PlanError> {
        plan.set("done", word(None));
        match decision.need() {
            None => {
                plan.info("nothing is owed to the daemon");
                decision.broken.iter().for_each(|broken| plan.warn(broken.clone()));
                return Ok(());
            }
            Some(need) => decision.check(need, info)?,
        }
        plan.set("reason", decision.reason());
        if decision.need() == Some(Need::Reload) {
            reload(plan, decision, daemon);
            return Ok(());
        }
        let restart = decision.restart_reason();
        let Some(risk) = &found.risk else {
            plan.owed =
                Some(owed(&restart, "as `restart: never` says", "`restart: auto` (`-e restart=true`)"));
            reload(plan, decision, daemon);
            return Ok(());
        };
        if let Some(verdict) = risk.verdict.as_ref().filter(|verdict| !verdict.accepted) {
            return Err(decision.refused(&format!("`dockerd --validate` says: {}", verdict.message.trim())));
        }
        let kept = decision.keeps_containers(info);
        let running = if kept { &[][..] } else { &risk.containers.running };
        let (stops, stays_down) = by_policy(running, decision.loses_live_restore(info));
        plan.set("stops", stops.clone());
        plan.set("stays_down", stays_down.clone());
        if !running.is_empty() && self.containers == ContainerRule::Keep {
            let containers = listed(&stops, &stays_down);
            plan.owed = Some(owed(
                &restart,
                &format!("as it would stop {containers}"),
                "`containers: stop` (`-e containers=stop`)",
            ));
            reload(plan, decision, daemon);
            return Ok(());
        }
        if kept {
            plan.info("`live-restore` is on: running containers keep running");
        }
        if daemon.service.restart.is_empty() {
            let start = daemon.service.start;
            return Err(decision
                .refused("nothing on this host is known to restart the daemon")
                .help(format!("restart it by hand (`{start}`); what is owed is then paid")));
        }
        swarm(plan, info);
        if decision.live_restore_first {
            reload(plan, decision, daemon);
        }
        let settles = decision.settled_by_restart();
        plan.changes.push(Change::RestartDocker(Restart {
            reason: restart,
            command: daemon.service.restart_command(),
            manager_of: manager_of(info),
            kept,
            stops,
            stays_down,
            settles,
            on_request: false,
        }));
        plan.set("done", word(Some(Need::Restart)));
        Ok(())
    }
}

/// Adds the reload, as far as there is something that a reload pays.
fn reload(plan: &mut Plan, decision: &Decision, daemon: &Daemon) {
    if !decision.has_reload() {
        return;
    }
    plan.changes.push(Change::ReloadDocker(ReloadDocker {
        reason: decision.reload_reason(),
        command: daemon.service.reload_command(),
        visible: decision.visible,
        settles: decision.settled_by_reload(),
        on_request: false,
    }));
    plan.set("done", word(Some(Need::Reload)));
}

fn owed(reason: &str, why_not: &str, permit: &str) -> String {
    format!(
        "a restart of the docker daemon is owed because {reason}; not done, {why_not}; permit it with {permit}"
    )
}

/// Containers that start again by their policy, and those that stay down. With `on-failure` it depends on how one takes
/// the signal to stop: it stays down when it ends well. A daemon that finds containers which outlived the one before,
/// and is not to keep them, stops them as if somebody had asked for it.
fn by_policy(running: &[Container], outlived: bool) -> (Vec<String>, Vec<String>) {
    let again = |policy: &str| policy == "always" || (policy == "unless-stopped" && !outlived);
    let names = |wanted: bool| {
        let chosen = running.iter().filter(move |container| again(&container.restart) == wanted);
        chosen.map(|container| container.name.clone()).collect::<Vec<_>>()
    };
    (names(true), names(false))
}

fn listed(stops: &[String], stays_down: &[String]) -> String {
    let count = stops.len() + stays_down.len();
    let mut parts = Vec::new();
    if !stops.is_empty() {
        let verb = if stops.len() == 1 { "starts" } else { "start" };
        parts.push(format!("{} ({verb} again by policy)", stops.join(", ")));
    }
    if !stays_down.is_empty() {
        let verb = if stays_down.len() == 1 { "stays" } else { "stay" };
        parts.push(format!("{} ({verb} down)", stays_down.join(", ")));
    }
    let noun = if count == 1 { "container" } else { "containers" };
    format!("{count} {noun}: {}", parts.join(", "))
}

fn swarm(plan: &mut Plan, info: &DaemonInfo) {
    if !decision::in_swarm(info) {
        return;
    }
    if manager_of(info).is_none() {
        plan.warn("this host is a node of a swarm, which does without it until the daemon is back");
        return;
    }
    plan.warn("this host is a manager of a swarm, which has one less until the daemon is back; of its managers one is restarted at a time");
    let managers = info.json["Swarm"]["Managers"].as_u64().unwrap_or_default();
    if managers < 3 {
        plan.warn(format!(
            "the swarm has {managers} manager{}: until the daemon is back nothing in it can be changed",
            if managers == 1 { "" } else { "s" }
        ));
    }
}

/// The swarm that the daemon is a manager of.
fn manager_of(info: &DaemonInfo) -> Option<String> {
    let swarm = &info.json["Swarm"];
    let manages = swarm["ControlAvailable"].as_bool() == Some(true);
    (decision::in_swarm(info) && manages)
        .then(|| format!("swarm {}", swarm["Cluster"]["ID"].as_str().unwrap_or_default()))
}

impl Decision {
    /// Whether running containers outlive a restart: the daemon that goes and the one that comes both have to say so.
    fn keeps_containers(&self, info: &DaemonInfo) -> bool {
        let now = info.json["LiveRestoreEnabled"].as_bool() == Some(true);
        self.live_restore && (now || info.fresh || self.live_restore_first)
    }

    /// Whether the daemon that goes leaves its containers to one that stops them.
    fn loses_live_restore(&self, info: &DaemonInfo) -> bool {
        info.json["LiveRestoreEnabled"].as_bool() == Some(true) && !self.live_restore
    }
}
