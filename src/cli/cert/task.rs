//! One task of one module on this machine, done by the engine as in any play.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use modules::Note;
use serde_json::{Map, Value as Json};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::super::playbooks;
use crate::engine::{
    Access, Connections, Controller, Memory, Options, Parts, Renderer, RunName, Selected, Shared, Tags, plays,
};
use crate::error::Failure;
use crate::event::{Event, Outcome, PlannedChange, Reason};
use crate::inventory::Inventory;
use crate::plan::Planning;
use crate::playbook::{Gates, Playbook};
use crate::transport::{HostKeyChecking, Limits, Pool, PoolSettings};

/// How the task ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// What was planned, and in an apply done.
    pub changes: Vec<PlannedChange>,
    /// What `register` would keep.
    pub result: Map<String, Json>,
    /// What was said beside it.
    pub notes: Vec<Note>,
    /// Why it failed.
    pub reason: Option<Reason>,
}

/// Runs a module on this machine.
pub fn run(module: &str, arguments: &Json, check: bool) -> Result<Ended, Failure> {
    // What stands on the command line is no template.
    let text = format!(
        "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - name: {module}\n      {module}: !unsafe {arguments}\n"
    );
    let playbook = playbooks::of_text(text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::said(format!("no runtime: {error}")))?;
    runtime.block_on(go(playbook, check))
}

async fn go(playbook: Playbook, check: bool) -> Result<Ended, Failure> {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from).unwrap_or_default();
    let pool = Pool::new(PoolSettings::new(home, None)).map_err(|cause| Failure::said(cause.to_string()))?;
    let access = Access {
        user: None,
        key: None,
        become_password: None,
        host_key_checking: HostKeyChecking::Strict,
        persist: Duration::ZERO,
        ssh_config: None,
    };
    let (sender, mut events) = mpsc::unbounded_channel();
    let limits = Limits::default();
    let shared = Shared::new(Parts {
        name: RunName::default(),
        controller: Controller::new(OffsetDateTime::now_utc(), limits.connect),
        connections: Connections::new(access, pool),
        options: Options {
            check,
            forks: 1,
            tags: Tags::default(),
            extra: Vec::new(),
            limit: None,
            diff: true,
            verbosity: 0,
            force_handlers: false,
            gates: Gates::default(),
            shard: None,
            timings: false,
            limits,
            lock_timeout: 0,
            guard_timeout: 30,
        },
        inventory: Arc::new(Inventory::load::<&str>(&[], None)?),
        renderer: Renderer::with_lookups(std::path::PathBuf::new(), None, false),
        memory: Memory::none(),
        stop: Arc::new(AtomicBool::new(false)),
        planning: Planning::default(),
        events: sender,
        questions: None,
        history: None,
    });
    let selected = plays(&[playbook])
        .into_iter()
        .map(|play| Selected {
            play,
            hosts: vec!["localhost".to_owned()],
            listed: vec!["localhost".to_owned()],
        })
        .collect::<Vec<_>>();
    shared.run(&selected).await;
    drop(shared);
    let mut ended = None;
    let mut planned = Vec::new();
    let mut lost = None;
    while let Some(event) = events.recv().await {
        match event {
            Event::Planned { changes, .. } => planned = changes,
            Event::TaskFinished { outcome, result, notes, reason, .. } => {
                ended = Some(Ended { outcome, changes: Vec::new(), result, notes, reason });
            }
            Event::HostUnreachable { reason, .. } | Event::HostFailed { reason, .. } => lost = Some(reason),
            _ => {}
        }
    }
    match (ended, lost) {
        (Some(ended), _) => Ok(Ended { changes: planned, ..ended }),
        (None, Some(reason)) => Err(failure(&reason)),
        (None, None) => Err(Failure::said("the task has not come to its end")),
    }
}

/// A reason as a failure of the command.
pub fn failure(reason: &Reason) -> Failure {
    let failure = Failure::said(reason.message.clone());
    match &reason.help {
        Some(help) => failure.help(help.clone()),
        None => failure,
    }
}
