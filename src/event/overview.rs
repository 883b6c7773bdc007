//! What hosts trust, gathered from the events of a run of `registry_trust`.

use std::collections::BTreeMap;

use modules::{Level, Note};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Event, Outcome, Reason, Recap, State};

/// How a host stands with a registry, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It trusts it.
    Trusted,
    /// It does, and that ends soon.
    Expiring,
    /// It has no docker daemon.
    Skipped,
    /// It judges no certificate of it.
    Insecure,
    /// That cannot be told.
    Unknown,
    /// It does not.
    Untrusted,
    /// The run ended before.
    NotAttempted,
    /// It could not be reached.
    Unreachable,
    /// It could not be asked.
    Failed,
}

/// What is known of a host.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it stands.
    pub standing: Standing,
    /// What the module registered; empty where it did not come to that.
    pub result: Map<String, Value>,
    /// Warnings beside it.
    pub warnings: Vec<String>,
    /// Why there is no answer.
    pub reason: Option<Reason>,
}

/// The answers of all hosts.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// The hosts, in the play's order.
    pub order: Vec<String>,
    /// Their answers.
    pub answers: BTreeMap<String, Answer>,
}

impl Overview {
    /// Takes an event.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::PlayStarted { hosts, .. } => self.order.clone_from(hosts),
            Event::TaskFinished { host, outcome, result, notes, reason, .. } => {
                let answer = Answer {
                    standing: standing(*outcome, result),
                    result: result.clone(),
                    warnings: warnings(notes, result),
                    reason: reason.clone(),
                };
                self.answers.insert(host.clone(), answer);
            }
            Event::RunFinished { hosts, .. } => {
                for (host, recap) in hosts {
                    self.answers.entry(host.clone()).or_insert_with(|| Answer {
                        standing: without_answer(recap),
                        result: Map::new(),
                        warnings: Vec::new(),
                        reason: recap.reason.clone(),
                    });
                }
            }
            _ => {}
        }
    }

    /// How many hosts stand so.
    #[must_use]
    pub fn count(&self, standing: Standing) -> usize {
        self.answers.values().filter(|answer| answer.standing == standing).count()
    }

    /// A field of the result that all hosts share, such as the certificate that is judged.
    #[must_use]
    pub fn shared(&self, field: &str) -> Option<&Value> {
        self.answers.values().find_map(|answer| answer.result.get(field).filter(|value| !value.is_null()))
    }
}

fn standing(outcome: Outcome, result: &Map<String, Value>) -> Standing {
    let status = result.get("status").and_then(Value::as_str);
    match (outcome, status) {
        (Outcome::Skipped, _) => Standing::Skipped,
        (Outcome::Failed | Outcome::Ignored, None) => Standing::Failed,
        (_, Some("trusted")) if result.get("expiring") == Some(&Value::Bool(true)) => Standing::Expiring,
        (_, Some("trusted")) => Standing::Trusted,
        (_, Some("insecure")) => Standing::Insecure,
        (_, Some("untrusted")) => Standing::Untrusted,
        _ => Standing::Unknown,
    }
}

const fn without_answer(recap: &Recap) -> Standing {
    match recap.state {
        State::Unreachable => Standing::Unreachable,
        State::NotAttempted | State::Aborted => Standing::NotAttempted,
        _ => Standing::Failed,
    }
}

/// What is said beside the answer, but for what the result says by itself.
fn warnings(notes: &[Note], result: &Map<String, Value>) -> Vec<String> {
    let told = |text: &str| {
        let is =
            |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|said| text.ends_with(said));
        is(result.get("msg")) || is(result.get("renewal").map(|renewal| &renewal["why"]))
    };
    let new = notes.iter().filter(|note| note.level == Level::Warning && !told(&note.text));
    new.map(|note| note.text.clone()).collect()
}
