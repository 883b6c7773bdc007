//! The look before a plan is applied: every host is planned anew, and one that is not where the plan has it drops out,
//! before any host is touched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::engine::{Options, Parts, Selected, Shared};
use crate::error::Failure;
use crate::event::{Event, Outcome, Reason, Recap, State, Summary};
use crate::plan::{Collector, HostPlan, Reviewed, moved, stale};

/// Finds the hosts that are not where the plan has them, or cannot be asked, and gives what became of these.
pub async fn rehearse(
    parts: Parts,
    mut events: mpsc::UnboundedReceiver<Event>,
    reviewed: &Reviewed,
    plays: &[Selected],
) -> Result<BTreeMap<String, Recap>, Failure> {
    let mut dropped = gone(reviewed, plays);
    let stop = Arc::clone(&parts.stop);
    let options = Options { check: true, diff: true, ..parts.options.clone() };
    let shared = Shared::new(Parts { options, ..parts });
    shared.preflight(plays)?;
    let run = tokio::spawn({
        let (shared, plays) = (Arc::clone(&shared), plays.to_vec());
        async move {
            let hosts = shared.run(&plays).await;
            let summary = Summary::of(&hosts, true);
            shared.emit(Event::RunFinished { hosts, summary, exit: 0, connections: None });
        }
    });
    drop(shared);
    let mut collector = Collector::default();
    while let Some(event) = events.recv().await {
        collector.on(&event);
        if matches!(event, Event::RunFinished { .. }) {
            break;
        }
    }
    run.await.map_err(|error| Failure::said(format!("the run broke off: {error}")))?;
    if stop.load(Ordering::Relaxed) {
        // The run that follows ends before it begins, and says so.
        return Ok(dropped);
    }
    for (host, recap) in &collector.recaps {
        let (Some(saved), Some(fresh)) = (reviewed.plan_of(host), collector.hosts.get(host)) else {
            continue;
        };
        dropped.extend(verdict(saved, fresh, recap).map(|recap| (host.clone(), recap)));
    }
    Ok(dropped)
}

/// What becomes of a host that goes no further; none where it does.
fn verdict(saved: &HostPlan, fresh: &HostPlan, recap: &Recap) -> Option<Recap> {
    let kept = Recap { trips: recap.trips, unreachable: recap.unreachable, ..Recap::default() };
    let a_task_failed = fresh.tasks.iter().any(|task| task.outcome == Outcome::Failed);
    if recap.state == State::NotAttempted {
        let reason = Reason {
            kind: "stale".to_owned(),
            message: "this host was not looked at, as that ended at others before".to_owned(),
            help: None,
            place: None,
        };
        return Some(Recap { state: State::Aborted, reason: Some(reason), ..kept });
    }
    // One that is lost for a reason that is no task's own is that, whatever its plan is.
    if recap.state.is_lost() && !a_task_failed {
        return Some(Recap {
            state: recap.state,
            reason: recap.reason.clone(),
            failed: recap.failed,
            ..kept
        });
    }
    let reason = moved(saved, fresh)?;
    Some(Recap { state: State::Stale, reason: Some(reason), ..kept })
}

/// The hosts of the plan that no play has any more.
fn gone(reviewed: &Reviewed, plays: &[Selected]) -> BTreeMap<String, Recap> {
    let there = |host: &str| plays.iter().any(|play| play.hosts.iter().any(|known| known == host));
    let gone = reviewed.expected().filter(|host| !there(host));
    gone.map(|host| {
        let reason = Some(stale("no play selects this host any more, and the plan has it"));
        (host.clone(), Recap { state: State::Stale, reason, ..Recap::default() })
    })
    .collect()
}
