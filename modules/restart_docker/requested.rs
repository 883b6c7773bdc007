//! A restart or a reload that a task asks for whatever is owed, as `service: name=docker state=restarted` does.

use super::{Found, Risk, by_policy, manager_of, swarm};
use crate::boot2docker_profile::next_start;
use crate::contract::{
    AskContainers, AskFile, AskInfo, AskOwed, AskProcess, Change, Host, Plan, PlanError, Probe, ReloadDocker,
    RestartDocker as Restart,
};
use crate::platform::Daemon;
use crate::restart_docker::decision::Decision;

/// What has to be known of the daemon and of its containers.
pub fn probe(host: &Host) -> Probe<Found> {
    Probe::ask(AskOwed)
        .zip(Probe::ask(AskProcess).zip(Probe::ask(AskInfo)))
        .zip(Probe::ask(AskFile::new(Daemon::assumed(host).config)).zip(next_start::ask(host)))
        .zip(Probe::ask(AskContainers))
        .map(|(((owed, (process, info)), (file, profile)), containers)| {
            let risk = Some(Risk { containers, verdict: None });
            Found { owed, process, info, file, profile, risk }
        })
}

/// The restart, with the containers that stop. The task permits them to: whoever writes it wants the restart.
///
/// # Errors
/// [`PlanError`] where the daemon would not be there afterwards, or nothing restarts it.
pub fn restart(host: &Host, found: &Found) -> Result<Plan, PlanError> {
    let daemon = Daemon::of(host)?;
    if daemon.service.restart.is_empty() {
        return Err(PlanError::new("nothing on this host is known to restart the docker daemon")
            .help(format!("restart it by hand (`{}`)", daemon.service.start)));
    }
    let decision = found.info.as_ref().map(|info| Decision::new(found, info));
    survives(&daemon, decision.as_ref())?;
    let mut plan = Plan { owed_is_whole: true, ..Plan::default() };
    let both = found.info.as_ref().zip(decision.as_ref());
    let kept = both.is_some_and(|(info, decision)| decision.keeps_containers(info));
    let running = found.risk.as_ref().filter(|_| !kept).map_or(&[][..], |risk| &risk.containers.running);
    let (stops, stays_down) =
        by_policy(running, both.is_some_and(|(info, decision)| decision.loses_live_restore(info)));
    if kept {
        plan.info("`live-restore` is on: running containers keep running");
    } else if !stays_down.is_empty() {
        plan.warn(format!("the restart stops containers that stay down: {}", stays_down.join(", ")));
    }
    if let Some(info) = &found.info {
        swarm(&mut plan, info);
    }
    if decision.as_ref().is_some_and(|decision| decision.need().is_none()) {
        plan.info("nothing is owed to the daemon; `restart_docker` restarts it only where something is");
    }
    plan.changes.push(Change::RestartDocker(Restart {
        reason: "the task asks for it".to_owned(),
        command: daemon.service.restart_command(),
        manager_of: found.info.as_ref().and_then(manager_of),
        kept,
        stops,
        stays_down,
        settles: found.owed.iter().map(|record| record.id.clone()).collect(),
        on_request: true,
    }));
    Ok(plan)
}

/// The reload.
///
/// # Errors
/// [`PlanError`] where the daemon would refuse its file.
pub fn reload(host: &Host, found: &Found) -> Result<Plan, PlanError> {
    let daemon = Daemon::of(host)?;
    let decision = found.info.as_ref().map(|info| Decision::new(found, info));
    survives(&daemon, decision.as_ref())?;
    let (visible, settles) =
        decision.map_or((false, Vec::new()), |decision| (decision.visible, decision.settled_by_reload()));
    Ok(Plan::new(vec![Change::ReloadDocker(ReloadDocker {
        reason: "the task asks for it".to_owned(),
        command: daemon.service.reload_command(),
        visible,
        settles,
        on_request: true,
    })]))
}

fn survives(daemon: &Daemon, decision: Option<&Decision>) -> Result<(), PlanError> {
    match decision.and_then(|decision| decision.broken.as_ref()) {
        Some(broken) => {
            let help = format!("correct {}; the daemon runs on as before", daemon.config);
            Err(PlanError::new(format!("{broken}; the docker daemon is left alone")).help(help).blames_run())
        }
        None => Ok(()),
    }
}
