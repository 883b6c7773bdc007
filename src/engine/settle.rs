//! Settling a step: its plan is shown, then only planned or made so, and its result is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use modules::{Change, Host, Plan, PlanError};
use serde_json::{Map, Value as Json};

use super::done::{COMMAND, Done, acted, result_of, unseen};
use super::host::{HostRun, Left, Work, requeue, start_over};
use super::scope::{NoValue, loop_result};
use super::step::{Planned, Ready, Stage, Witness};
use super::window::Acts;
use crate::event::{Event, Outcome, PlannedChange, Reason};

/// How many steps are asked behind a change, and how many before it are asked again: with all of them, hundreds of changes
/// in one play would cost the square of it.
const FOLLOWING: usize = 64;

impl<'a> HostRun<'a> {
    /// Settles a step, or puts it back in front of the window where the host has to be asked more.
    pub(super) async fn settle(
        &mut self,
        mut step: Ready<'a>,
        window: &mut VecDeque<Ready<'a>>,
        queue: &mut VecDeque<Work<'a>>,
    ) -> Result<(), Left> {
        self.advance(&mut step).await;
        // A delegated step may come first; it, too, changes nothing by facts that no longer hold.
        let changes = |planned: &Planned| planned.as_ref().is_ok_and(|plan| !plan.changes.is_empty());
        if matches!(&step.stage, Stage::Known(planned) if changes(planned)) && !self.verify_facts().await? {
            start_over(queue, std::iter::once(step).chain(window.drain(..)));
            return Ok(());
        }
        let done = match std::mem::replace(&mut step.stage, Stage::Skipped(String::new())) {
            stage @ Stage::Asking(_) => {
                step.stage = stage;
                window.push_front(step);
                return Ok(());
            }
            Stage::Skipped(reason) => Done::reason(Outcome::Skipped, "condition", reason, None),
            Stage::Unknown(reason) => Done::reason(Outcome::Unknown, "unknown", reason, None),
            Stage::Wrong(problem) => Done::wrong(&problem),
            Stage::Known(planned) => self.conclude(&mut step, *planned, window, queue).await?,
        };
        self.finish(&step, done)
    }

    async fn conclude(
        &mut self,
        step: &mut Ready<'a>,
        planned: Planned,
        window: &mut VecDeque<Ready<'a>>,
        queue: &mut VecDeque<Work<'a>>,
    ) -> Result<Done, Left> {
        let mut plan = match planned {
            Ok(plan) => plan,
            Err(error) => return Ok(Done::refused(error)),
        };
        if plan.changes.is_empty() {
            // A task that does not apply to the host has nothing to do either, as long as the host answers the same.
            if let Some((key, digests)) = &step.answered
                && self.overlay.is_empty()
                && !step.delegated
            {
                self.memory.settled.insert(key.clone(), digests.clone());
                self.witnesses.push(Witness::of(step));
            }
            return Ok(match plan.skipped.clone() {
                None => Done::planned(plan, Outcome::Ok),
                Some(reason) => {
                    Done { notes: plan.notes, ..Done::reason(Outcome::Skipped, "platform", reason, None) }
                }
            });
        }
        if let Some(refusal) = self.beyond(step, &plan) {
            return Ok(Done::refused(refusal));
        }
        if let Some(untested) = modules::untested(self.acts_on(step)) {
            plan.warn(untested.warning);
        }
        self.show(step, &plan);
        if step.check {
            Ok(self.only_plan(step, plan, window, queue))
        } else {
            self.apply(step, plan, window, queue).await
        }
    }

    /// The host that a step changes.
    fn acts_on(&self, step: &Ready<'a>) -> Option<&Host> {
        (!step.delegated).then_some(&self.host)
    }

    /// Why a plan is not for its host: a change that cannot be made there, or one that is to be made on a platform that
    /// dtrctl was never run on, and nobody has accepted that.
    fn beyond(&self, step: &Ready<'a>, plan: &Plan) -> Option<PlanError> {
        let shell = self.shell(step.delegated);
        if let Some(refusal) = plan.changes.iter().find_map(|change| shell.refuses_change(change)) {
            return Some(refusal);
        }
        let untested = modules::untested(self.acts_on(step)).filter(|_| !step.check)?;
        let accepted = self.host.settings.get(modules::ACCEPT_UNTESTED);
        if accepted.is_some_and(|accepted| accepted.split(',').any(|name| name.trim() == untested.name)) {
            return None;
        }
        let message = format!("{}; nothing was changed", untested.warning);
        Some(PlanError::new(message).help(format!(
            "see what it would do with `--check`, try it on a host that may break, and accept it with `-e {}={}`",
            modules::ACCEPT_UNTESTED,
            untested.name
        )))
    }

    fn show(&self, step: &Ready<'a>, plan: &Plan) {
        let changes = plan.changes.iter().map(|change| PlannedChange::new(change, step.task.no_log));
        self.shared.emit(Event::Planned {
            host: self.host.name.clone(),
            task: step.head.clone(),
            changes: changes.collect(),
        });
    }

    /// Check mode: the changes are laid over what later steps see.
    fn only_plan(
        &mut self,
        step: &Ready<'a>,
        plan: Plan,
        window: &mut VecDeque<Ready<'a>>,
        queue: &mut VecDeque<Work<'a>>,
    ) -> Done {
        // `check_mode: true` in a run that applies: what is only planned will not be there for later tasks.
        if self.shared.options.check {
            let overlay = if step.delegated { &mut self.controller_overlay } else { &mut self.overlay };
            overlay.extend(&plan.changes);
        }
        let unforeseen = plan.changes.iter().any(|change| matches!(change, Change::Run(run) if !run.guarded));
        if unforeseen {
            return Done { notes: plan.notes, ..Done::reason(Outcome::Unknown, "unknown", COMMAND, None) };
        }
        let unseen = unseen(&plan);
        if plan.changes.iter().any(Change::is_seen_from_outside) {
            // Steps that the controller has answered already were answered before this change.
            requeue(queue, window.drain(..));
        }
        Done { unseen, ..Done::planned(plan, Outcome::Changed) }
    }

    /// Makes the changes, asks again whether they hold, and asks for the following steps, all in one trip.
    async fn apply(
        &mut self,
        step: &mut Ready<'a>,
        plan: Plan,
        window: &mut VecDeque<Ready<'a>>,
        queue: &mut VecDeque<Work<'a>>,
    ) -> Result<Done, Left> {
        let mut heard = Vec::new();
        for change in plan.changes.iter().filter(|change| change.is_controllers()) {
            match self.shared.controller.apply(change, &self.play.directory).await {
                Ok(told) => heard.extend(told),
                Err(message) => {
                    return Ok(Done { notes: plan.notes, ..Done::failed("controller", message) });
                }
            }
        }
        self.epoch += 1;
        requeue(queue, window.drain(..));
        if plan.changes.iter().all(Change::is_controllers) {
            let mut done = Done::planned(plan, Outcome::Changed);
            heard.into_iter().for_each(|told| done.tell(told));
            return Ok(done);
        }
        if step.delegated {
            return self.apply_here(Witness::of(step), plan).await;
        }
        let changes: Vec<Change> =
            plan.changes.iter().filter(|change| !change.is_controllers()).cloned().collect();
        let changes = match self.shared.controller.make(&changes).await {
            Ok(changes) => changes,
            Err(message) => return Ok(Done::failed("change", message)),
        };
        // Held until the change is proven.
        let _turn = match changes.iter().find_map(Change::turn) {
            Some(name) => Some(self.shared.turn(name).await),
            None => None,
        };
        let mut acts = Acts { changes: &changes, identity: step.identity.clone(), frames: Vec::new() };
        let (mut asked, proven) = self.prove_and_follow(step, &changes, queue).await?;
        let follow = asked.len();
        if queue.len() <= FOLLOWING && self.witnesses.len() <= FOLLOWING {
            asked.extend(self.witnesses.iter().filter_map(|witness| witness.ask(&self.host)));
        }
        self.exchange(&mut asked, Some(&mut acts)).await?;
        self.hear(asked.split_off(follow)).await;
        let reason = unseen(&plan);
        let mut done = acted(plan, &changes, &acts.frames);
        // Taken out whatever became of the changes: left in the window, it would be settled as a task of its own.
        let proof = if proven { asked.pop_front() } else { None };
        if done.outcome == Outcome::Changed && changes.iter().all(Change::is_provable) {
            if let Some(proof) = proof {
                done.unseen = reason;
                self.prove(proof, &mut done).await?;
                if done.outcome == Outcome::Changed {
                    self.witnesses.push(Witness::of(step));
                }
            } else {
                done = Done::failed("proof", "the host could not be asked whether the changes hold");
                done.has_changed();
            }
        }
        *window = asked;
        Ok(done)
    }

    /// Remembers what witnesses say, as far as they still have nothing to do.
    async fn hear(&mut self, witnesses: VecDeque<Ready<'a>>) {
        for mut witness in witnesses {
            self.advance(&mut witness).await;
            if let (Stage::Known(planned), Some((key, digests))) = (witness.stage, witness.answered)
                && planned.is_ok_and(|plan| plan.changes.is_empty())
            {
                self.memory.settled.insert(key, digests);
            }
        }
    }

    /// The step once more, to prove its effect, and the steps after it; whether the first of them is that proof.
    async fn prove_and_follow(
        &mut self,
        step: &mut Ready<'a>,
        changes: &[Change],
        queue: &mut VecDeque<Work<'a>>,
    ) -> Result<(VecDeque<Ready<'a>>, bool), Left> {
        let registered = step.task.register.clone();
        let before = (self.variables.upper.clone(), self.variables.upper_names.clone());
        if let Some(name) = &registered {
            self.variables.upper.set_pending(name.clone());
        }
        // A loop's later items are judged by themselves; what follows the loop needs its whole result.
        self.acting = true;
        let asked = self.prepare(queue, FOLLOWING).await;
        self.acting = false;
        let mut asked = asked?;
        (self.variables.upper, self.variables.upper_names) = before;
        let provable = changes.iter().all(Change::is_provable);
        let proof = if provable { Witness::of(step).ask(&self.host) } else { None };
        let proven = proof.is_some();
        asked.extend(proof);
        if proven {
            asked.rotate_right(1);
        }
        Ok((asked, proven))
    }

    /// After its changes a task must find nothing to do.
    pub(super) async fn prove(&mut self, proof: Ready<'a>, done: &mut Done) -> Result<(), Left> {
        let proof = self.ask_whole(proof).await?;
        let fault = match proof.stage {
            Stage::Known(planned) => match *planned {
                Ok(plan) if plan.changes.is_empty() => {
                    if let Some((key, digests)) = proof.answered.filter(|_| !proof.delegated) {
                        self.memory.settled.insert(key, digests);
                    }
                    // What only the host knows, such as the number of a user.
                    for (name, value) in &plan.result {
                        done.result.entry(name).or_insert_with(|| value.clone());
                    }
                    if done.unseen.take().is_some() {
                        done.result = result_of(&plan, true);
                    }
                    done.owed = plan.owed.or_else(|| done.owed.take());
                    return Ok(());
                }
                Ok(plan) => {
                    let left: Vec<String> = plan.changes.iter().map(Change::summary).collect();
                    format!("still to do: {}", left.join("; "))
                }
                Err(error) => error.message,
            },
            Stage::Unknown(reason) => reason,
            _ => "it would have to be asked more".to_owned(),
        };
        let notes = std::mem::take(&mut done.notes);
        *done =
            Done::failed("proof", format!("the changes were made, but the host does not show them: {fault}"));
        done.has_changed();
        done.notes = notes;
        Ok(())
    }

    /// Judges a step's end, keeps its result and says what happened.
    fn finish(&mut self, step: &Ready<'a>, mut done: Done) -> Result<(), Left> {
        if let Err(wrong) = self.judge(step, &mut done) {
            done = *wrong;
        }
        if step.task.no_log {
            done.hide();
        }
        if done.outcome == Outcome::Failed && self.ignored(step) {
            done.outcome = Outcome::Ignored;
        }
        self.keep_result(step, &mut done);
        if done.outcome == Outcome::Changed {
            self.notify(step);
        }
        let failed = done.outcome == Outcome::Failed;
        if failed {
            self.recap.reason = done.reason.clone();
        }
        if done.owed_is_whole {
            self.recap.owed.clear();
        }
        if let Some(owed) = &done.owed {
            self.recap.owed.push(owed.clone());
        }
        let last = step.item.as_ref().is_none_or(|item| item.last);
        self.count_step(done.outcome, last);
        self.shared.emit(Event::TaskFinished {
            host: self.host.name.clone(),
            task: step.head.clone(),
            outcome: done.outcome,
            result: if step.task.no_log { Map::new() } else { done.result },
            notes: done.notes,
            owed: done.owed,
            reason: done.reason,
        });
        let failed = failed || self.loop_failed;
        if last {
            self.loop_failed = false;
            return if failed { Err(Left::Failed) } else { Ok(()) };
        }
        self.loop_failed = failed;
        Ok(())
    }

    /// A loop counts as one task: the worst of its items.
    fn count_step(&mut self, outcome: Outcome, last: bool) {
        let rank = |outcome: Outcome| match outcome {
            Outcome::Skipped => 0,
            Outcome::Ok => 1,
            Outcome::Changed => 2,
            Outcome::Ignored => 3,
            Outcome::Unknown => 4,
            Outcome::Failed => 5,
        };
        let worst = match self.loop_outcome.take() {
            Some(other) if rank(other) > rank(outcome) => other,
            _ => outcome,
        };
        if last {
            self.count(worst);
        } else {
            self.loop_outcome = Some(worst);
        }
    }

    /// `changed_when`, then `failed_when`, which sees what the first has said.
    fn judge(&self, step: &Ready<'a>, done: &mut Done) -> Result<(), Box<Done>> {
        let judged = matches!(done.outcome, Outcome::Ok | Outcome::Changed | Outcome::Failed);
        let playbook_is_wrong = done.reason.as_ref().is_some_and(|reason| reason.kind == "playbook");
        if !judged
            || playbook_is_wrong
            || (step.task.changed_when.is_empty() && step.task.failed_when.is_empty())
        {
            return Ok(());
        }
        let mut failed = done.outcome == Outcome::Failed;
        let mut changed =
            done.outcome == Outcome::Changed || done.result.get("changed") == Some(&Json::Bool(true));
        done.result.insert("failed".to_owned(), failed.into());
        if !step.task.changed_when.is_empty() {
            changed = self.verdict(step, done, &step.task.changed_when)?;
        }
        done.result.insert("changed".to_owned(), changed.into());
        if !step.task.failed_when.is_empty() {
            failed = self.verdict(step, done, &step.task.failed_when)?;
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

    /// Whether conditions hold that may name the task's own result.
    fn verdict(
        &self,
        step: &Ready<'a>,
        done: &Done,
        conditions: &[crate::yaml::Node],
    ) -> Result<bool, Box<Done>> {
        let mut scope = (*step.scope).clone();
        if let Some(name) = step.task.register.as_ref().filter(|name| !self.variables.is_fixed(name)) {
            if let Some(reason) = done.unseen {
                scope.set_unknown(name, reason);
            } else {
                scope.set_literal(name, &Json::Object(done.result.clone()));
            }
        }
        match self.shared.renderer.all(conditions, &Arc::new(scope)) {
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

    fn ignored(&self, step: &Ready<'a>) -> bool {
        let Some(node) = &step.task.ignore_errors else { return false };
        self.shared.renderer.flag(node, &step.scope).unwrap_or(false)
    }

    fn keep_result(&mut self, step: &Ready<'a>, done: &mut Done) {
        let failed = matches!(done.outcome, Outcome::Failed | Outcome::Ignored);
        // A command that failed has run, and may have changed something: its result says so, as in Ansible.
        let changed = done.outcome == Outcome::Changed
            || (failed && done.result.get("changed") == Some(&Json::Bool(true)));
        for (name, value) in [("changed", changed), ("failed", failed)] {
            done.result.insert(name.to_owned(), value.into());
        }
        if done.outcome == Outcome::Skipped {
            done.result.insert("skipped".to_owned(), true.into());
        }
        let Some(name) = &step.task.register else { return };
        let unknown = match done.outcome {
            Outcome::Unknown => {
                Some(done.reason.as_ref().map(|reason| reason.message.clone()).unwrap_or_default())
            }
            _ => done.unseen.map(str::to_owned),
        };
        let Some(item) = &step.item else {
            match unknown {
                Some(reason) => self.variables.register_unknown(name, &reason),
                None => self.variables.register(name, &Json::Object(done.result.clone())),
            }
            return;
        };
        if item.index == 0 {
            self.loop_results.clear();
            self.loop_unknown = None;
        }
        self.loop_unknown = self.loop_unknown.take().or(unknown);
        let mut result = done.result.clone();
        result.insert("item".to_owned(), item.value.clone());
        self.loop_results.push(result.into());
        if item.last {
            let all = loop_result(std::mem::take(&mut self.loop_results));
            match self.loop_unknown.take() {
                Some(reason) => self.variables.register_unknown(name, &reason),
                None => self.variables.register(name, &Json::Object(all)),
            }
        }
    }

    fn notify(&mut self, step: &Ready<'a>) {
        for (name, _) in &step.task.notify {
            let handlers = || self.play.handlers.iter().enumerate();
            // Of handlers of one name Ansible runs the last.
            let named = handlers().rfind(|(_, handler)| handler.shown_name() == name);
            let listening = handlers().filter(|(_, handler)| handler.listen.contains(name));
            self.notified.extend(named.into_iter().chain(listening).map(|(index, _)| index));
        }
    }
}
