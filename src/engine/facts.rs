//! A host's facts: remembered from earlier runs, and read again in the first script of each.

use std::sync::Arc;

use modules::{Call, Frames, decode_facts};

use super::host::{HostRun, Left};
use super::program::TaskWork;
use super::scripts::Scripts;
use super::step::Ready;
use super::window::FACTS;
use crate::event::{Position, Reason};
use crate::playbook::{Action, Task};
use crate::transport::Identity;

impl HostRun {
    /// Takes the facts out of the first script's answers; false where they are not those that were remembered.
    pub(super) fn facts_still_hold(&mut self, frames: &Frames, identity: &Identity) -> Result<bool, Left> {
        if self.facts.read {
            return Ok(true);
        }
        self.facts.read = true;
        match frames.get(FACTS) {
            Some(frame) if self.facts.body.as_ref() != Some(&frame.body) => {
                self.learn_facts(&frame.body, identity).map(|()| false)
            }
            _ => Ok(true),
        }
    }

    /// Reads the facts where they are only remembered; false where they differ.
    pub(super) async fn verify_facts(&mut self) -> Result<bool, Left> {
        if self.facts.read {
            return Ok(true);
        }
        let identity = self.facts_identity();
        let frames = self.ask_facts(&identity).await?;
        self.facts_still_hold(&frames, &identity)
    }

    /// Asks for the facts alone.
    pub(super) async fn ask_facts(&mut self, identity: &Identity) -> Result<Frames, Left> {
        let mut scripts = Scripts::new(&self.host, self.transport.shell());
        scripts.of(identity).answer(FACTS, &Call::new("ask_facts"));
        self.send(&scripts).await
    }

    /// Makes sure that facts are known, from memory or by a script of their own.
    pub(super) async fn know_facts(&mut self) -> Result<(), Left> {
        if self.facts.body.is_some() {
            return Ok(());
        }
        let identity = self.facts_identity();
        if let Some(body) = self.memory.facts.get(&transport_name(&identity)).cloned()
            && let Ok(facts) = decode_facts(&body)
        {
            self.take_facts(facts, body);
            return Ok(());
        }
        let frames = self.ask_facts(&identity).await?;
        let body = frames.get(FACTS).map(|frame| frame.body.clone()).unwrap_or_default();
        self.facts.read = true;
        self.learn_facts(&body, &identity)
    }

    /// As whom the first task that needs the host runs; the variables that say so cannot depend on facts.
    pub(super) fn facts_identity(&mut self) -> Identity {
        let at_host = |task: &&Arc<Task>| {
            matches!(task.action, Action::Module(_)) && task.keywords.delegate_to.is_none()
        };
        let Some(task) = self.play.tasks().find(at_host).cloned() else { return Identity::Login };
        let work = TaskWork::new(task, Position::default(), None);
        let scope = self.scope_of(&work);
        Ready::new(work, scope).identity_of(&self.shared.renderer)
    }

    pub(super) fn learn_facts(&mut self, body: &str, identity: &Identity) -> Result<(), Left> {
        match decode_facts(body) {
            Ok(facts) => {
                self.memory.facts.insert(transport_name(identity), body.to_owned());
                self.take_facts(facts, body.to_owned());
                Ok(())
            }
            Err(error) => Err(self.unreachable(Reason {
                kind: "facts".to_owned(),
                message: format!("the host's facts cannot be read: {error}"),
                help: Some("does its shell print something of its own at login?".to_owned()),
                place: None,
            })),
        }
    }
}

fn transport_name(identity: &Identity) -> String {
    match identity {
        Identity::Login => String::new(),
        Identity::User(user) => user.clone(),
    }
}
