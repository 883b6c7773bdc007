//! A reviewed plan of a host beside the one that was just made: whether the host is still where it was.

use super::explain;
use super::file::{HostPlan, SavedChange, TaskPlan};
use crate::event::{Outcome, Reason, State};

/// What has moved; none where all that would be done now stands in the plan.
///
/// What the plan holds and is done already is no difference: so the same plan is applied to the canary first and to all
/// later, and again after an interruption.
#[must_use]
pub fn moved(saved: &HostPlan, fresh: &HostPlan) -> Option<Reason> {
    let found = uncovered(saved).or_else(|| added(saved, fresh).or_else(|| vanished(saved, fresh)));
    found.map(|message| stale(&message))
}

/// A host that does not go on, as it is not where the plan has it.
#[must_use]
pub fn stale(message: &str) -> Reason {
    Reason {
        kind: "stale".to_owned(),
        message: message.to_owned(),
        help: Some("plan this host again, and have that reviewed: `dtrctl plan … -l HOST`".to_owned()),
        place: None,
    }
}

/// A host of which the plan does not know the end was not reviewed to its end.
fn uncovered(saved: &HostPlan) -> Option<String> {
    if !saved.state.is_lost() && saved.state != State::NotAttempted {
        return None;
    }
    let why = saved.reason.as_ref().map_or_else(
        || "the run ended before it".to_owned(),
        |reason| format!("when it was made: {}", reason.message),
    );
    Some(format!("the plan does not know what this host needs; {why}"))
}

/// What would be done now and does not stand in the plan.
fn added(saved: &HostPlan, fresh: &HostPlan) -> Option<String> {
    let mut from = 0;
    for task in &fresh.tasks {
        if task.outcome == Outcome::Failed {
            let why = task.reason.as_deref().unwrap_or_default();
            return Some(format!("{} fails now: {why}", task.shown()));
        }
        if task.changes.is_empty() && task.outcome != Outcome::Unknown {
            continue;
        }
        match saved.tasks[from..].iter().position(|known| covers(known, task)) {
            Some(at) if saved.tasks[from + at].leaves_open(&task.key(), &task.place) => {}
            Some(at) => from += at + 1,
            None => return Some(explain::task(&saved.tasks, task)),
        }
    }
    None
}

/// Whether what a task would do stands in the plan.
fn covers(known: &TaskPlan, task: &TaskPlan) -> bool {
    let key = task.key();
    known.leaves_open(&key, &task.place)
        || known.key() == key
            && (known.outcome == Outcome::Unknown || task.outcome != Outcome::Unknown)
            && known.changes.len() == task.changes.len()
            && known.changes.iter().zip(&task.changes).all(|(known, change)| is_same(known, change))
}

/// Whether a change is the reviewed one, as it was shown too: a seal beside another diff would have another thing reviewed.
pub fn is_same(known: &SavedChange, change: &SavedChange) -> bool {
    known == change || explain::without_reasons(known) == explain::without_reasons(change)
}

/// A change of the plan that would not be made, though nothing before it is done already: the playbook or the host is another.
fn vanished(saved: &HostPlan, fresh: &HostPlan) -> Option<String> {
    let mut done = false;
    let mut from = 0;
    for task in saved.tasks.iter().filter(|task| !task.changes.is_empty()) {
        if let Some(at) = fresh.tasks[from..].iter().position(|now| now.key() == task.key()) {
            from += at + 1;
        } else if fresh.done.contains(&task.key()) {
            done = true;
        } else if !done && task.outcome != Outcome::Unknown {
            return Some(format!(
                "{} would not be done now, and the plan has it: {}",
                task.shown(),
                explain::summaries(&task.changes)
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests;
