//! What check mode cannot know, and what hangs on it: the files that a task may write, the handlers that it may notify, the tasks
//! that it may include.

use std::sync::Arc;

use modules::{Doubt, DoubtAbout, HostPath, Touches};

use super::done::Done;
use super::host::{HostRun, Window, requeue};
use super::program::{Queue, Work};
use super::step::Ready;
use crate::event::Outcome;
use crate::playbook::{Action, Meta};
use crate::yaml::Node;

/// Why a handler is in doubt.
const NOTIFIED: &str = "whether it is notified is known only when what notifies it has run";

impl HostRun {
    /// Takes note of what a step may do of which it is not known whether it is done.
    pub(super) async fn leave_in_doubt(
        &mut self,
        step: &mut Ready,
        reason: &str,
        window: &mut Window,
        queue: &mut Queue,
    ) {
        match step.task().action {
            Action::IncludeTasks | Action::IncludeRole => self.include_in_doubt(step, reason, window, queue),
            Action::Meta(Meta::EndHost | Meta::EndPlay | Meta::EndBatch) => {
                self.doubt = Some(reason.into());
                requeue(queue, window.drain(..));
            }
            Action::Meta(Meta::EndRole) => {
                requeue(queue, window.drain(..));
                doubt_role(step, reason, queue);
            }
            Action::IncludeVars => {
                if let Some(node) = &step.work.task.arguments
                    && let Ok(arguments) = self.shared.renderer.value(node, &step.scope)
                {
                    step.arguments = arguments;
                }
                let names = self.variables_of(step).map(|(_, variables)| variables).unwrap_or_default();
                names.iter().for_each(|(name, _)| self.learn_unknown(name, reason));
            }
            Action::SetFact | Action::Meta(_) => {}
            Action::Module(_) => {
                if step.site.is_none() {
                    let (task, scope) = (Arc::clone(&step.work.task), Arc::clone(&step.scope));
                    step.site = self.site_of(&task, &scope).await.ok().flatten();
                }
                self.doubt_effects(step);
            }
        }
    }

    /// What follows does not know any more what a step may change.
    pub(super) fn doubt_effects(&mut self, step: &Ready) {
        if !self.shared.options.check {
            return;
        }
        let reason = format!("what `{}` does is known only when it has run", step.head.name);
        let about = self.effects_of(step);
        let overlay = self.overlay_at(step);
        about.into_iter().for_each(|about| overlay.doubt(Doubt { about, reason: reason.clone() }));
    }

    fn effects_of(&self, step: &Ready) -> Vec<DoubtAbout> {
        let touches = step.task().module().map_or(Touches::Anything, |module| module.touches);
        let arguments = match touches {
            Touches::Nothing => return Vec::new(),
            Touches::Anything => return vec![DoubtAbout::Host],
            Touches::Paths(arguments) => arguments,
        };
        let module = step.task().module();
        let given = step.task().arguments.as_ref().and_then(Node::as_map).unwrap_or_default();
        let named = given.iter().filter(|(key, _)| {
            let name = key.as_str().unwrap_or_default();
            arguments.contains(&module.map_or(name, |module| module.argument(name)))
        });
        let paths = named.filter_map(|(_, value)| self.path_of(step, value)).map(DoubtAbout::Path);
        paths.chain([DoubtAbout::Commands]).collect()
    }

    /// The path that an argument names; where its end is not known, the directory before that.
    fn path_of(&self, step: &Ready, value: &Node) -> Option<HostPath> {
        if let Ok(path) = self.shared.renderer.text(value, &step.scope) {
            return HostPath::new(&path).ok();
        }
        let written = value.as_str().unwrap_or_default();
        let known = written.split("{{").next()?.rsplit_once('/').map_or("", |(directory, _)| directory);
        HostPath::new(if known.is_empty() { "/" } else { known }).ok()
    }

    /// The tasks of an include are in doubt, each for itself; where it is not known which they are, so is all.
    fn include_in_doubt(&mut self, step: &mut Ready, reason: &str, window: &mut Window, queue: &mut Queue) {
        requeue(queue, window.drain(..));
        step.work.doubt = Some(reason.into());
        let included = match step.task().action {
            Action::IncludeTasks => self.include_tasks(step, queue).is_ok(),
            _ => self.include_role(step, queue).is_ok(),
        };
        if !included {
            let reason = format!("what `{}` brings is known only when it has run", step.head.name);
            self.overlay_at(step).doubt(Doubt { about: DoubtAbout::Host, reason });
        }
    }

    /// The handlers that a step may notify.
    pub(super) fn notify_in_doubt(&mut self, step: &Ready, done: &Done) {
        if done.outcome != Outcome::Unknown || step.task().keywords.notify.is_empty() {
            return;
        }
        let scope = Arc::new(self.with_result(step, done));
        let judged = !step.task().changed_when.is_empty();
        if judged && matches!(self.shared.renderer.all(&step.task().changed_when, &scope), Ok(Err(_))) {
            return;
        }
        for node in &step.task().keywords.notify {
            match self.shared.renderer.text(node, &scope) {
                Ok(name) => {
                    let found = self.handlers_of(&name);
                    self.in_doubt.extend(found);
                }
                Err(_) => self.in_doubt.extend(0..self.handlers.len()),
            }
        }
    }

    /// Takes a handler that is to run off the list; why it is in doubt, where it is.
    pub(super) fn take_handler(&mut self, handler: usize) -> Option<Arc<str>> {
        let doubted = self.in_doubt.remove(&handler);
        let notified = self.notified.remove(&handler);
        (doubted && !notified).then(|| NOTIFIED.into())
    }

    fn learn_unknown(&mut self, name: &str, reason: &str) {
        if !self.variables.is_fixed(name) {
            self.variables.learn_unknown(name, reason);
        }
    }
}

/// Leaves the rest of the innermost role in doubt.
fn doubt_role(step: &Ready, reason: &str, queue: &mut Queue) {
    let Some(role) = step.task().around.role.as_ref() else { return };
    for work in queue {
        if let Work::Task(work) = work
            && work.task.around.role.as_ref().is_some_and(|other| Arc::ptr_eq(other, role))
        {
            work.doubt = Some(reason.into());
        }
    }
}
