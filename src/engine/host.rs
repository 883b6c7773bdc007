//! One host's way through one batch of a play: tasks in order, handlers after each section.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use modules::{Facts, Host, Overlay};
use serde_json::Value as Json;

use super::memory::HostMemory;
use super::run::Shared;
use super::step::{Item, Ready, Witness};
use crate::event::{Event, Outcome, Reason, Recap, State};
use crate::playbook::{Play, Section, Task};
use crate::template::Scope;
use crate::transport::Transport;

/// A host on its way.
pub struct HostRun<'a> {
    pub(super) shared: &'a Shared,
    pub(super) play: &'a Play,
    pub(super) host: Host,
    pub(super) transport: Arc<Transport>,
    /// The controller as a host, for delegated tasks.
    pub(super) controller: Arc<Transport>,
    /// Whether this run has read the host's facts.
    pub(super) facts_read: bool,
    pub(super) facts_body: Option<String>,
    pub(super) memory: HostMemory,
    pub(super) memory_key: String,
    pub(super) overlay: Overlay,
    /// What other hosts have planned in earlier plays and this one sees.
    pub(super) elsewhere: Overlay,
    /// What delegated tasks have planned for the controller.
    pub(super) controller_overlay: Overlay,
    /// Counts what this host has changed, so that answers of the controller are not shared across a change.
    pub(super) epoch: u32,
    /// Whether changes are about to be made in the script that is being put together.
    pub(super) acting: bool,
    pub(super) variables: Variables,
    pub(super) notified: BTreeSet<usize>,
    pub(super) loop_results: Vec<Json>,
    /// Whether an item of the loop in hand has failed, and the worst outcome of its items.
    pub(super) loop_failed: bool,
    pub(super) loop_outcome: Option<Outcome>,
    /// Why the result of the loop in hand cannot be known in check mode.
    pub(super) loop_unknown: Option<String>,
    pub(super) recap: Recap,
    /// The steps that found nothing to do, or were proven: asked again, for nothing, in the script of a later change, so
    /// that the next run knows their answers as they are after it.
    pub(super) witnesses: Vec<Witness<'a>>,
}

/// The layers of a host's variables, from those that are overruled to those that overrule.
pub struct Variables {
    /// Inventory, facts, play.
    pub base: Arc<Scope>,
    /// Registered results, `-e` and what dtrctl itself says.
    pub upper: Scope,
    /// The names of `upper`: task variables do not hide them.
    pub upper_names: BTreeSet<String>,
    /// The names that no registered result overrules: those of `-e`, and dtrctl's own.
    pub fixed: BTreeSet<String>,
}

/// Why a host leaves the play.
#[derive(Debug)]
pub enum Left {
    /// A task failed.
    Failed,
    /// It cannot be reached.
    Unreachable,
    /// The run was stopped.
    Stopped,
}

/// What is still to be done.
#[derive(Debug, Clone)]
pub struct Work<'a> {
    /// The task.
    pub task: &'a Task,
    /// Its place among the play's tasks, handlers after them.
    pub index: usize,
    /// The item of its loop, once the loop is known.
    pub item: Option<Item>,
}

impl<'a> HostRun<'a> {
    /// Runs the batch's tasks. The recap says how it went.
    pub async fn run(mut self) -> Recap {
        if let Err(left) = self.sections().await {
            self.leave(&left);
        }
        self.shared.memory.keep_host(&self.memory_key, &self.memory);
        self.shared.emit(Event::HostFinished { host: self.host.name.clone() });
        self.recap
    }

    async fn sections(&mut self) -> Result<(), Left> {
        if self.shared.options.check {
            // Nothing of an earlier play's plan is lost from sight: its changes are laid over this play's answers too.
            self.overlay = self.shared.overlay_of(&self.host.name);
            self.elsewhere = self.shared.elsewhere(&self.host.name);
        }
        for section in [Section::Before, Section::Main] {
            let tasks = &self.play.tasks;
            let work = tasks.iter().enumerate().filter(|(_, task)| task.section == section);
            self.tasks(work.map(|(index, task)| Work { task, index, item: None }).collect()).await?;
            self.handlers().await?;
        }
        self.shared.keep_overlay(&self.host.name, std::mem::take(&mut self.overlay));
        Ok(())
    }

    /// Runs the handlers that were notified, in the order of their definition. A handler may notify a later one.
    async fn handlers(&mut self) -> Result<(), Left> {
        let mut done = None;
        while let Some(next) =
            self.notified.iter().copied().find(|index| done.is_none_or(|done| *index > done))
        {
            self.notified.remove(&next);
            done = Some(next);
            let work =
                Work { task: &self.play.handlers[next], index: self.play.tasks.len() + next, item: None };
            self.tasks(VecDeque::from([work])).await?;
        }
        // What a handler has notified before itself waits for the next flush.
        Ok(())
    }

    async fn tasks(&mut self, mut queue: VecDeque<Work<'a>>) -> Result<(), Left> {
        // A handler heeds no tags, as in Ansible: what it owes to a change is owed however the change was selected.
        let tags = &self.shared.options.tags;
        queue.retain(|work| work.task.section == Section::Handler || tags.select(&work.task.tags));
        let mut window = VecDeque::new();
        loop {
            if self.shared.stops() {
                return Err(Left::Stopped);
            }
            if window.is_empty() {
                if queue.is_empty() {
                    return Ok(());
                }
                self.know_facts().await?;
                window = self.prepare(&mut queue, usize::MAX).await?;
            }
            // Nothing is settled by facts that are only remembered, not even what needs no answer.
            let unverified = |step: &Ready<'_>| !self.facts_read && !step.delegated;
            let asks = window.front().is_some_and(|step| step.waits() || unverified(step));
            if asks && !self.exchange(&mut window, None).await? {
                start_over(&mut queue, window.drain(..));
                continue;
            }
            if let Some(step) = window.pop_front() {
                self.settle(step, &mut window, &mut queue).await?;
            }
        }
    }

    fn leave(&mut self, left: &Left) {
        let state = match left {
            Left::Failed if self.recap.reason.as_ref().is_some_and(|reason| reason.kind == "rolled_back") => {
                State::RolledBack
            }
            Left::Failed => State::Failed,
            Left::Unreachable => {
                self.recap.unreachable = 1;
                State::Unreachable
            }
            Left::Stopped => State::Aborted,
        };
        if matches!(left, Left::Stopped) && self.recap.state == State::NotAttempted && self.recap.trips == 0 {
            return;
        }
        if self.recap.state < state || state == State::RolledBack || matches!(left, Left::Stopped) {
            self.recap.state = state;
        }
    }

    /// The scope of a task's templates.
    pub(super) fn scope(&self, task: &Task, item: Option<&Item>) -> Arc<Scope> {
        let mut upper = self.variables.upper.clone();
        let mut own = Vec::new();
        for (name, node) in &task.vars {
            if !self.variables.upper_names.contains(name)
                && let Ok(value) = node.to_source()
            {
                own.push((name.clone(), value));
            }
        }
        if own.is_empty() && item.is_none() {
            return Arc::new(upper);
        }
        for (name, value) in own {
            upper.set_source(name, &value);
        }
        if let Some(item) = item {
            upper.set_literal("item", &item.value);
        }
        Arc::new(upper)
    }

    /// Takes facts over into the host and its variables.
    pub(super) fn take_facts(&mut self, facts: Facts, body: String) {
        let mut base = Scope::child(Arc::clone(&self.variables.base));
        if self.play.gather_facts {
            base.set_literal("ansible_facts", &modules::ansible_facts(&facts).into());
            // As in Ansible, each is a variable of its own, too; its shell's path and user are connection variables.
            for (name, value) in modules::injected_facts(&facts) {
                base.set_literal(&name, &value);
            }
        }
        self.host.facts = facts;
        self.facts_body = Some(body);
        self.variables.set_base(Arc::new(base));
    }

    /// Says how a host cannot be reached.
    pub(super) fn unreachable(&mut self, reason: Reason) -> Left {
        self.recap.reason = Some(reason.clone());
        self.shared.emit(Event::HostUnreachable { host: self.host.name.clone(), reason });
        Left::Unreachable
    }

    /// Counts a task's outcome.
    pub(super) fn count(&mut self, outcome: Outcome) {
        let recap = &mut self.recap;
        let (counter, state) = match outcome {
            Outcome::Ok => (&mut recap.ok, State::Ok),
            Outcome::Changed => (&mut recap.changed, State::Changed),
            Outcome::Skipped => (&mut recap.skipped, State::Skipped),
            Outcome::Failed => (&mut recap.failed, State::Failed),
            Outcome::Ignored => (&mut recap.ignored, State::Ok),
            Outcome::Unknown => (&mut recap.unknown, State::Unknown),
        };
        *counter += 1;
        recap.state = worse(recap.state, state);
    }
}

/// Puts steps back to be made ready anew, as what they were made ready from has changed.
pub fn requeue<'a>(queue: &mut VecDeque<Work<'a>>, steps: impl DoubleEndedIterator<Item = Ready<'a>>) {
    for step in steps.rev() {
        queue.push_front(Work { task: step.task, index: step.index, item: step.item });
    }
}

/// The state of a host after one more task: what matters more stays.
fn worse(old: State, new: State) -> State {
    let rank = |state: State| match state {
        State::NotAttempted => 0,
        State::Skipped => 1,
        State::Ok => 2,
        State::Changed => 3,
        State::Unknown => 4,
        _ => 5,
    };
    if rank(new) > rank(old) { new } else { old }
}

impl Variables {
    /// Sets a value of the upper layer that a host has said.
    pub fn set_literal(&mut self, name: &str, value: &Json) {
        self.upper.set_literal(name, value);
        self.upper_names.insert(name.to_owned());
    }

    /// Whether no registered result may take this name.
    pub fn is_fixed(&self, name: &str) -> bool {
        self.fixed.contains(name)
    }

    /// Keeps a registered result.
    pub fn register(&mut self, name: &str, value: &Json) {
        if !self.is_fixed(name) {
            self.set_literal(name, value);
        }
    }

    /// Keeps a result that check mode cannot know.
    pub fn register_unknown(&mut self, name: &str, reason: &str) {
        if !self.is_fixed(name) {
            self.upper.set_unknown(name, reason);
            self.upper_names.insert(name.to_owned());
        }
    }

    /// Stands in for a result that is not there yet.
    pub fn register_pending(&mut self, name: &str) {
        if !self.is_fixed(name) {
            self.upper.set_pending(name);
            self.upper_names.insert(name.to_owned());
        }
    }

    fn set_base(&mut self, base: Arc<Scope>) {
        self.upper.set_parent(Arc::clone(&base));
        self.base = base;
    }
}

/// Puts steps back where the facts have changed: loops that have not begun are unrolled anew.
pub fn start_over<'a>(queue: &mut VecDeque<Work<'a>>, steps: impl DoubleEndedIterator<Item = Ready<'a>>) {
    requeue(queue, steps);
    let mut anew = None;
    for work in std::mem::take(queue) {
        match &work.item {
            Some(item) if item.index == 0 => {
                anew = Some(work.index);
                queue.push_back(Work { item: None, ..work });
            }
            Some(_) if anew == Some(work.index) => {}
            _ => queue.push_back(work),
        }
    }
}
