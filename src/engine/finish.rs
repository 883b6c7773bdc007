//! A step's end: judged, perhaps done again, kept, and said.

use std::sync::Arc;
use std::time::{Duration, Instant};

use modules::Blame;
use serde_json::{Map, Value as Json};

use super::done::Done;
use super::host::{HostRun, Left, Looped, Window, requeue};
use super::meeting::Told;
use super::program::{Queue, TaskWork, Work};
use super::scope::{NoValue, loop_result};
use super::step::Ready;
use super::timings::Wait;
use crate::event::{Event, Outcome, Reason, State};
use crate::keys;
use crate::playbook::{Action, Meta, Task};
use crate::template::Scope;
use crate::yaml::Node;

impl HostRun {
    /// Judges a step's end, keeps its result and says what happened.
    pub(super) async fn finish(
        &mut self,
        mut step: Ready,
        mut done: Done,
        window: &mut Window,
        queue: &mut Queue,
    ) -> Result<(), Left> {
        self.look_again(&mut step, &done).await;
        if let Err(wrong) = self.judge(&step, &mut done) {
            done = *wrong;
        }
        if let Some(delay) = self.repeats(&step, &mut done) {
            let since = Instant::now();
            tokio::time::sleep(delay).await;
            self.timings.waited(Wait::Turn, since);
            self.say_cost(Some(&step.head));
            requeue(queue, window.drain(..));
            let work = TaskWork { attempt: step.work.attempt + 1, ..step.work };
            queue.push_front(Work::Task(work));
            return Ok(());
        }
        self.take_up(&step, &mut done);
        if (done.outcome == Outcome::Changed || done.earlier.has_changed) && !done.is_told {
            self.notify(&step, &mut done);
        }
        self.notify_in_doubt(&step, &done);
        if step.no_log {
            done.hide();
        }
        done.notes.extend(done.earlier.note.take());
        if done.outcome == Outcome::Failed && !done.earlier.is_recorded {
            if self.ignored(&step) {
                done.outcome = Outcome::Ignored;
            } else if Self::is_rescued(window, queue) {
                done.outcome = Outcome::Rescued;
            }
        }
        self.keep_result(&step, &mut done);
        let last =
            step.work.item.as_ref().is_none_or(|item| item.last) || self.breaks(&step, &done, window, queue);
        let applied = matches!(done.outcome, Outcome::Ok | Outcome::Changed);
        self.say_cost(Some(&step.head));
        self.say(&step, done, last)?;
        if let Some(pause) = self.pause(&step, last) {
            let since = Instant::now();
            tokio::time::sleep(pause).await;
            self.timings.waited(Wait::Turn, since);
        }
        if applied && matches!(step.task().action, Action::Meta(Meta::ResetConnection)) {
            self.transport.reset().await;
            self.facts.read = false;
        }
        if last && step.task().keywords.delegate_facts.is_some() && self.meeting.hosts().len() > 1 {
            // What it sets of another host is there at that host's next task.
            self.meet(&step.work.place.inside(u32::MAX)).await;
        }
        self.take_effect(&step, applied, window, queue)
    }

    /// Counts a step's end and says it.
    fn say(&mut self, step: &Ready, done: Done, last: bool) -> Result<(), Left> {
        let fails = matches!(done.outcome, Outcome::Failed | Outcome::Rescued);
        if fails {
            self.recap.reason.clone_from(&done.reason);
            self.remember_failure(step, &done);
            // Where a restart is owed, a daemon that does not know yet is no wonder.
            let is_blamed = match done.blame {
                Blame::Sure => true,
                Blame::UnlessOwed => self.recap.owed.is_empty(),
                Blame::None => false,
            };
            if is_blamed && done.outcome == Outcome::Failed {
                self.guard.blame(done.reason.as_ref());
            }
        }
        if done.owed_is_whole {
            self.recap.owed.clear();
        }
        self.recap.owed.extend(done.owed.clone());
        // Ansible, too, says and counts what is done for all at the one host that does it.
        let silent = done.is_told || matches!(step.task().action, Action::Meta(_));
        let quiet = silent && !fails && done.outcome != Outcome::Unknown;
        if !quiet {
            // Each item of an include is one that was included.
            let includes = matches!(step.task().action, Action::IncludeTasks | Action::IncludeRole);
            if includes && done.outcome != Outcome::Skipped {
                self.count(done.outcome);
                self.looped.outcome = Some(done.outcome);
            } else if includes {
                // One that is left out counts only where no item was included.
                if last && self.looped.outcome.is_none() {
                    self.count(done.outcome);
                }
            } else {
                self.count_step(done.outcome, last);
            }
            let result = if step.no_log { Map::new() } else { keys::shown_entries(done.result) };
            let event = Event::TaskFinished {
                host: self.host.name.clone(),
                task: step.head.clone(),
                outcome: done.outcome,
                result,
                notes: done.notes,
                owed: done.owed,
                reason: done.reason,
            };
            if done.outcome == Outcome::Failed {
                self.shared.say_lost(&self.host.name, State::Failed, event);
            } else {
                self.shared.emit(event);
            }
        }
        let failed = fails || self.looped.failed;
        if !last {
            self.looped.failed = failed;
            return Ok(());
        }
        self.looped = Looped::default();
        if !failed {
            return Ok(());
        }
        if done.outcome == Outcome::Failed && self.is_fatal(step) {
            self.shared.end_for(&self.host.name, "any_errors_fatal", Some(step.work.place.clone()));
        }
        Err(Left::Failed)
    }

    /// What a `rescue` may ask about the task that has failed.
    fn remember_failure(&mut self, step: &Ready, done: &Done) {
        let task = serde_json::json!({"name": step.head.name, "action": step.head.module});
        self.learn("ansible_failed_task", &task);
        let result = if step.no_log { Map::new() } else { done.result.clone() };
        self.learn("ansible_failed_result", &Json::Object(result));
    }

    /// Whether a failure ends the run for all hosts: `any_errors_fatal`, or a task that was for all.
    fn is_fatal(&self, step: &Ready) -> bool {
        let holds = |node: &Option<Node>| {
            node.as_ref().is_some_and(|node| self.shared.renderer.flag(node, &step.scope).unwrap_or(false))
        };
        holds(&step.task().keywords.any_errors_fatal)
    }

    /// A loop counts as one task: the worst of its items.
    fn count_step(&mut self, outcome: Outcome, last: bool) {
        let rank = |outcome: Outcome| match outcome {
            Outcome::Skipped => 0,
            Outcome::Ok => 1,
            Outcome::Changed => 2,
            Outcome::Ignored => 3,
            Outcome::Unknown => 4,
            Outcome::Rescued => 5,
            Outcome::Failed => 6,
        };
        let worst = match self.looped.outcome.take() {
            Some(other) if rank(other) > rank(outcome) => other,
            _ => outcome,
        };
        if last {
            self.count(worst);
        } else {
            self.looped.outcome = Some(worst);
        }
    }

    /// `changed_when`, then `failed_when`, which sees what the first has said.
    fn judge(&self, step: &Ready, done: &mut Done) -> Result<(), Box<Done>> {
        let task = step.task();
        let judged = matches!(done.outcome, Outcome::Ok | Outcome::Changed | Outcome::Failed)
            && !done.earlier.is_recorded;
        let playbook_is_wrong = done.reason.as_ref().is_some_and(|reason| reason.kind == "playbook");
        if !judged || playbook_is_wrong || (task.changed_when.is_empty() && task.failed_when.is_empty()) {
            return Ok(());
        }
        let mut failed = done.outcome == Outcome::Failed;
        let mut changed =
            done.outcome == Outcome::Changed || done.result.get("changed") == Some(&Json::Bool(true));
        done.result.insert("failed".to_owned(), failed.into());
        if !task.changed_when.is_empty() {
            changed = self.verdict(step, done, &task.changed_when)?;
        }
        done.result.insert("changed".to_owned(), changed.into());
        if !task.failed_when.is_empty() {
            failed = self.verdict(step, done, &task.failed_when)?;
            done.result.insert("failed_when_result".to_owned(), failed.into());
            done.result.insert("failed".to_owned(), failed.into());
        }
        match (failed, done.outcome) {
            (true, Outcome::Failed) => {}
            (true, _) => {
                done.outcome = Outcome::Failed;
                let message = "`failed_when` holds".to_owned();
                done.result.entry("msg").or_insert_with(|| message.clone().into());
                done.reason =
                    Some(Reason { kind: "failed_when".to_owned(), message, help: None, place: None });
            }
            (false, _) => {
                done.outcome = if changed { Outcome::Changed } else { Outcome::Ok };
                done.reason = None;
            }
        }
        Ok(())
    }

    /// Renews what a step's conditions see: earlier results may not have been there when it was made ready, and what other
    /// hosts find out may not be there yet.
    async fn look_again(&mut self, step: &mut Ready, done: &Done) {
        let task = Arc::clone(&step.work.task);
        let conditions = [&task.changed_when, &task.failed_when, &task.until, &task.loop_control.break_when];
        step.scope = self.scope_of(&step.work);
        let scope = Arc::new(self.with_result(step, done));
        let pends = |all: &&Vec<Node>| matches!(self.shared.renderer.all(all, &scope), Err(NoValue::Pending));
        if self.met < step.work.place && conditions.iter().any(pends) {
            self.meet(&step.work.place).await;
            step.scope = self.scope_of(&step.work);
        }
    }

    /// Whether conditions hold that may name the task's own result.
    fn verdict(&self, step: &Ready, done: &Done, conditions: &[Node]) -> Result<bool, Box<Done>> {
        match self.shared.renderer.all(conditions, &Arc::new(self.with_result(step, done))) {
            Ok(holds) => Ok(holds.is_ok()),
            Err(NoValue::Wrong(problem)) => Err(Box::new(Done::wrong(&problem))),
            Err(NoValue::Unknown(reason)) => {
                Err(Box::new(Done::reason(Outcome::Unknown, "unknown", reason, None)))
            }
            Err(NoValue::Pending) => {
                Err(Box::new(Done::failed("playbook", "a condition needs a result that is not known yet")))
            }
        }
    }

    /// A step's variables, with its own result under the name that it is registered by.
    pub(super) fn with_result(&self, step: &Ready, done: &Done) -> Scope {
        let mut scope = Scope::child(&step.scope);
        if let Some(name) = step.task().register.as_ref().filter(|name| !self.variables.is_fixed(name)) {
            match (done.unseen, &done.reason) {
                (Some(reason), _) => scope.top().set_unknown(name, reason),
                (None, Some(reason)) if done.outcome == Outcome::Unknown => {
                    scope.top().set_unknown(name, reason.message.clone());
                }
                _ => scope.set_literal(name, &Json::Object(done.result.clone())),
            }
        }
        scope
    }

    /// How long to wait until the task is done again, where `until` wants that.
    fn repeats(&self, step: &Ready, done: &mut Done) -> Option<Duration> {
        let task = step.task();
        let judged = matches!(done.outcome, Outcome::Ok | Outcome::Changed | Outcome::Failed)
            && !done.earlier.is_recorded;
        if (task.until.is_empty() && task.retries.is_none()) || !judged {
            return None;
        }
        // What is only planned is the same however often it is planned.
        if step.check && done.outcome == Outcome::Changed {
            return None;
        }
        let number = |node: &Option<Node>, default: f64| {
            let value = node.as_ref().map(|node| self.shared.renderer.value(node, &step.scope));
            let value = value.and_then(Result::ok);
            value
                .and_then(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()))
                .unwrap_or(default)
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "retries are few, and at least 0"
        )]
        let most = number(&task.retries, 3.0).max(0.0) as u32 + 1;
        let attempts = step.work.attempt + 1;
        done.result.insert("attempts".to_owned(), attempts.into());
        done.result.insert("failed".to_owned(), (done.outcome == Outcome::Failed).into());
        done.result.entry("changed").or_insert_with(|| (done.outcome == Outcome::Changed).into());
        let holds = if task.until.is_empty() {
            Ok(done.outcome != Outcome::Failed)
        } else {
            self.verdict(step, done, &task.until)
        };
        match holds {
            Ok(true) => return None,
            Ok(false) => {}
            Err(wrong) => {
                *done = *wrong;
                return None;
            }
        }
        if attempts < most && !self.shared.stops() {
            let message = done.reason.as_ref().map(|reason| reason.message.clone()).filter(|_| !step.no_log);
            let (host, task) = (self.host.name.clone(), step.head.clone());
            self.shared.emit(Event::Retried { host, task, attempts, most, message });
            return Some(Duration::from_secs_f64(number(&step.task().delay, 5.0).clamp(0.0, 86_400.0)));
        }
        // Ansible, too, does not count the last one.
        done.result.insert("attempts".to_owned(), (attempts - 1).into());
        if done.outcome != Outcome::Failed {
            done.outcome = Outcome::Failed;
            let message = format!("`until` does not hold after {attempts} times");
            done.result.entry("msg").or_insert_with(|| message.clone().into());
            done.reason = Some(Reason { kind: "until".to_owned(), message, help: None, place: None });
        }
        None
    }

    fn ignored(&self, step: &Ready) -> bool {
        let Some(node) = &step.task().keywords.ignore_errors else { return false };
        self.shared.renderer.flag(node, &step.scope).unwrap_or(false)
    }

    fn keep_result(&mut self, step: &Ready, done: &mut Done) {
        if let Some(role) = step.task().around.role.as_ref().filter(|_| done.outcome != Outcome::Skipped) {
            self.roles.entry(role.key.clone()).or_insert(false);
        }
        let failed = matches!(done.outcome, Outcome::Failed | Outcome::Ignored | Outcome::Rescued);
        // A command that failed has run, and may have changed something: its result says so, as in Ansible.
        let changed = done.outcome == Outcome::Changed
            || done.earlier.has_changed
            || (failed && done.result.get("changed") == Some(&Json::Bool(true)));
        for (name, value) in [("changed", changed), ("failed", failed)] {
            done.result.insert(name.to_owned(), value.into());
        }
        if done.outcome == Outcome::Skipped {
            done.result.insert("skipped".to_owned(), true.into());
            done.result.remove("failed");
            done.result.extend(std::mem::take(&mut done.skip));
        }
        let unknown = match done.outcome {
            Outcome::Unknown => {
                Some(done.reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default())
            }
            _ => done.unseen.map(str::to_owned),
        };
        self.keep_facts(step, done, unknown.as_deref());
        self.keep_registered(step, done, unknown);
    }

    /// Keeps the variables that a task has set.
    fn keep_facts(&mut self, step: &Ready, done: &mut Done, unknown: Option<&str>) {
        if done.included.is_empty() {
            done.included.clone_from(&step.included);
        }
        self.variables.include(&done.included);
        if let (Action::SetFact, Some(reason)) = (step.task().action, unknown) {
            let names = step.task().arguments.as_ref().and_then(Node::as_map).unwrap_or_default();
            for name in names.iter().filter_map(|(key, _)| key.as_str()) {
                if !self.variables.is_fixed(name) {
                    self.variables.learn_unknown(name, reason);
                }
            }
        }
        let delegated = step.site.as_ref().filter(|_| self.facts_are_delegated(step));
        if let Some(site) = delegated {
            if !self.meeting.learn_of(&site.host.name, &step.work.place, &done.facts) {
                self.shared.learn_of(&site.host.name, &done.facts);
            }
            return;
        }
        for (name, value) in done.facts.clone() {
            self.learn(&name, &value);
        }
    }

    fn facts_are_delegated(&self, step: &Ready) -> bool {
        let node = step.task().keywords.delegate_facts.as_ref();
        node.is_some_and(|node| self.shared.renderer.flag(node, &step.scope).unwrap_or(false))
    }

    fn keep_registered(&mut self, step: &Ready, done: &Done, unknown: Option<String>) {
        let Some(item) = &step.work.item else {
            self.register(step.task(), &done.result, unknown.clone());
            self.tell_others(step, done.outcome, &done.result, unknown, done);
            return;
        };
        if item.index == 0 {
            self.looped.results.clear();
            self.looped.unknown = None;
        }
        // The next item sees it under the task's own name, as in "the first mirror that answers".
        self.register(step.task(), &done.result, unknown.clone());
        self.looped.unknown = self.looped.unknown.take().or(unknown);
        let mut result = done.result.clone();
        let control = &step.task().loop_control;
        result.insert(control.loop_var.clone(), item.value.clone());
        result.insert("ansible_loop_var".to_owned(), control.loop_var.clone().into());
        if let Some(name) = &control.index_var {
            result.insert(name.clone(), item.index.into());
            result.insert("ansible_index_var".to_owned(), name.clone().into());
        }
        self.looped.results.push(result.into());
        if item.last {
            self.end_loop(step, done);
        }
    }

    /// Keeps the result of a whole loop.
    fn end_loop(&mut self, step: &Ready, done: &Done) {
        let all = loop_result(std::mem::take(&mut self.looped.results));
        let unknown = self.looped.unknown.take();
        self.register(step.task(), &all, unknown.clone());
        self.tell_others(step, done.outcome, &all, unknown, done);
    }

    fn register(&mut self, task: &Task, result: &Map<String, Json>, unknown: Option<String>) {
        let Some(name) = task.register.as_ref().filter(|name| !self.variables.is_fixed(name)) else { return };
        match unknown {
            Some(reason) => self.variables.learn_unknown(name, &reason),
            None => self.variables.learn(name, &Json::Object(result.clone())),
        }
    }

    /// Tells the other hosts how it went, where this one does it for all.
    fn tell_others(
        &self,
        step: &Ready,
        outcome: Outcome,
        result: &Map<String, Json>,
        unknown: Option<String>,
        done: &Done,
    ) {
        let task = step.task();
        let wanted = task.keywords.run_once.is_some() || task.action.is_for_all();
        if !wanted || done.is_told || self.meeting.hosts().len() < 2 {
            return;
        }
        let told = match outcome {
            Outcome::Failed | Outcome::Rescued => Told::Lost,
            _ => Told::Ended {
                outcome,
                result: result.clone(),
                unknown,
                facts: done.facts.clone(),
                included: done.included.clone(),
            },
        };
        self.meeting.tell(&step.work.place, told);
    }

    /// Whether `break_when` ends the loop: its other items are left out.
    fn breaks(&mut self, step: &Ready, done: &Done, window: &mut Window, queue: &mut Queue) -> bool {
        let conditions = &step.task().loop_control.break_when;
        if conditions.is_empty() || !matches!(self.verdict(step, done, conditions), Ok(true)) {
            return false;
        }
        window.retain(|other| other.work.place != step.work.place);
        queue.retain(|work| match work {
            Work::Task(work) => work.place != step.work.place,
            Work::Mark(_) => true,
        });
        self.end_loop(step, done);
        true
    }

    /// `loop_control.pause`, between two items.
    fn pause(&self, step: &Ready, last: bool) -> Option<Duration> {
        let node = step.task().loop_control.pause.as_ref().filter(|_| !last && !step.check)?;
        let seconds = self.shared.renderer.value(node, &step.scope).ok();
        let seconds = seconds.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok()));
        Some(Duration::from_secs_f64(seconds?.clamp(0.0, 86_400.0)))
    }

    fn notify(&mut self, step: &Ready, done: &mut Done) {
        let scope = Arc::new(self.with_result(step, done));
        for node in &step.task().keywords.notify {
            let name = match self.shared.renderer.text(node, &scope) {
                Ok(name) => name,
                Err(NoValue::Unknown(_)) => {
                    self.in_doubt.extend(0..self.handlers.len());
                    continue;
                }
                Err(_) => node.written().to_owned(),
            };
            let found = self.handlers_of(&name);
            if found.is_empty() {
                *done =
                    Done::failed("playbook", format!("no handler is named `{name}`, and none listens to it"));
                done.has_changed();
                return;
            }
            let again = done.earlier.has_changed;
            let left = found.into_iter().filter(|handler| !again || !self.was_handled(step, *handler));
            let left: Vec<usize> = left.collect();
            self.notified.extend(left);
        }
    }

    /// The handlers that a name stands for. Of several of one name it is the first of the play's own, else the first of the
    /// last role, as in Ansible; of those that listen to it, each name once.
    pub(super) fn handlers_of(&self, name: &str) -> Vec<usize> {
        let role = |handler: &Task| handler.around.role.as_ref().map(|role| role.name.clone());
        let all = || self.handlers.iter().enumerate();
        let named: Vec<_> = all().filter(|(_, handler)| self.handler_is_named(handler, name)).collect();
        let last = named.iter().find(|(_, handler)| handler.around.role.is_none()).or_else(|| {
            let last = named.last().map(|(_, handler)| role(handler));
            named.iter().find(|(_, handler)| Some(role(handler)) == last)
        });
        let mut found: Vec<usize> = last.iter().map(|(index, _)| *index).collect();
        let mut names: Vec<(Option<String>, &str)> = Vec::new();
        for (index, handler) in all().filter(|(_, handler)| handler.listen.iter().any(|topic| topic == name))
        {
            let own = (role(handler), handler.name.as_ref().map_or("", |node| node.written()));
            if own.1.is_empty() || !names.contains(&own) {
                names.push(own);
                found.push(index);
            }
        }
        found
    }

    fn handler_is_named(&self, handler: &Task, name: &str) -> bool {
        let Some(node) = &handler.name else { return false };
        let own = if node.has_template() {
            let scope = Arc::new(self.variables.scope());
            self.shared.renderer.text(node, &scope).unwrap_or_default()
        } else {
            node.as_str().unwrap_or_default().to_owned()
        };
        let role = handler.around.role.as_ref();
        own == name || role.is_some_and(|role| format!("{} : {own}", role.name) == name)
    }
}
