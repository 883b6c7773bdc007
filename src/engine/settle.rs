//! Settling a step: its plan is shown, then only planned or made so, and its result is kept.

use std::sync::Arc;
use std::time::Instant;

use modules::{Change, Host, Level, Note, Overlay, Plan, PlanError};
use tokio::sync::Semaphore;

use super::done::{COMMAND, Done, acted, result_of, unseen};
use super::host::{HostRun, Left, Window, requeue, start_over};
use super::program::Queue;
use super::step::{Planned, Ready, Stage, Witness};
use super::timings::Wait;
use super::window::Acts;
use crate::event::{Event, ONLY_PLANNED, Outcome, RAN};

/// How many steps are asked behind a change, and how many before it are asked again: with all of them, hundreds of changes
/// in one play would cost the square of it.
const FOLLOWING: usize = 64;

impl HostRun {
    /// Settles a step, or puts it back in front of the window where the host has to be asked more.
    pub(super) async fn settle(
        &mut self,
        mut step: Ready,
        window: &mut Window,
        queue: &mut Queue,
    ) -> Result<(), Left> {
        self.advance(&mut step).await;
        // A delegated step may come first; it, too, changes nothing by facts that no longer hold.
        let changes = |planned: &Planned| planned.as_ref().is_ok_and(|plan| !plan.changes.is_empty());
        if matches!(&step.stage, Stage::Known(planned) if changes(planned)) && !self.verify_facts().await? {
            start_over(queue, std::iter::once(step).chain(window.drain(..)));
            return Ok(());
        }
        let throttle = match self.throttle(&step) {
            Some(places) => {
                let since = Instant::now();
                let place = places.acquire_owned().await.ok();
                self.timings.waited(Wait::Turn, since);
                place
            }
            None => None,
        };
        let done = match std::mem::replace(&mut step.stage, Stage::taken()) {
            stage @ (Stage::Asking(_) | Stage::Pending) => {
                step.stage = stage;
                window.push_front(step);
                return Ok(());
            }
            Stage::Skipped(why) => Done::skipped(why),
            Stage::Unknown(reason) => {
                self.leave_in_doubt(&mut step, &reason, window, queue).await;
                Done::reason(Outcome::Unknown, "unknown", reason, None)
            }
            Stage::Wrong(problem) => Done::wrong(&problem),
            Stage::Told(told) => Done::told(*told).ok_or(Left::Stopped)?,
            Stage::Known(planned) => self.conclude(&mut step, *planned, window, queue).await?,
        };
        drop(throttle);
        if done.is_void {
            requeue(queue, std::iter::once(step).chain(window.drain(..)));
            return Ok(());
        }
        self.finish(step, done, window, queue).await
    }

    /// The places that `throttle` gives to the hosts of the batch.
    fn throttle(&self, step: &Ready) -> Option<Arc<Semaphore>> {
        let node = step.task().keywords.throttle.as_ref()?;
        let most = self.shared.renderer.value(node, &step.scope).ok()?;
        let most = most.as_u64().or_else(|| most.as_str()?.trim().parse().ok()).filter(|most| *most > 0)?;
        Some(self.shared.places(&step.head.place, usize::try_from(most).ok()?))
    }

    async fn conclude(
        &mut self,
        step: &mut Ready,
        planned: Planned,
        window: &mut Window,
        queue: &mut Queue,
    ) -> Result<Done, Left> {
        if let Some(done) = self.done_before(step, &planned) {
            return Ok(done);
        }
        let mut plan = match planned {
            Ok(plan) => plan,
            Err(error) => return Ok(Done::refused(error)),
        };
        plan.changes.iter_mut().for_each(|change| change.add_environment(&step.environment));
        if plan.changes.is_empty() {
            // A task that does not apply to the host has nothing to do either, as long as the host answers the same.
            if let Some((key, digests)) = &step.answered
                && self.overlay.is_empty()
                && step.site.is_none()
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
        if let Some(broken) = self.breaks_daemon(step, &plan).await? {
            let refusal = PlanError::new(format!("with this, {broken}"));
            let help = "nothing was written; correct what is to be written, so that the daemon comes back when it is restarted";
            return Ok(Done::refused(refusal.help(help)));
        }
        if let Some(untested) = modules::untested(self.acts_on(step)) {
            plan.warn(untested.warning);
        }
        if let Some(warning) = self.begun_before(step, &plan) {
            plan.warn(warning);
        }
        let changes = self.shown(step, &plan);
        self.hold_to_review(step, &changes)?;
        self.shared.emit(Event::Planned { host: self.host.name.clone(), task: step.head.clone(), changes });
        let is_otherwise = step.check != self.shared.options.check;
        let (mut done, mode) = if step.check {
            (self.only_plan(step, plan, window, queue), ONLY_PLANNED)
        } else {
            (self.apply(step, plan, window, queue).await?, RAN)
        };
        if is_otherwise {
            done.notes.push(Note { level: Level::Info, text: mode.to_owned() });
        }
        Ok(done)
    }

    /// The host that a step changes.
    fn acts_on<'a>(&'a self, step: &'a Ready) -> Option<&'a Host> {
        match &step.site {
            None => Some(&self.host),
            Some(site) => (!site.is_controller).then_some(&site.host),
        }
    }

    /// Why a plan is not for its host: a change that cannot be made there, or one that is to be made on a platform that
    /// dtrctl was never run on, and nobody has accepted that.
    fn beyond(&self, step: &Ready, plan: &Plan) -> Option<PlanError> {
        let shell = self.shell(step);
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

    /// Check mode: the changes are laid over what later steps see.
    fn only_plan(&mut self, step: &Ready, plan: Plan, window: &mut Window, queue: &mut Queue) -> Done {
        // What is only planned in a run that applies, too, will not be there for later tasks.
        if !step.is_trial {
            self.overlay_at(step).extend(&plan.changes);
            if plan.changes.iter().any(|change| matches!(change, Change::Run(_))) {
                self.doubt_effects(step);
            }
        }
        let unforeseen = plan.changes.iter().any(Change::is_unforeseen);
        if unforeseen {
            return Done { notes: plan.notes, ..Done::reason(Outcome::Unknown, "unknown", COMMAND, None) };
        }
        let unseen = unseen(&plan);
        // Steps that the controller has answered already, or whose answers were read already, were so before this change.
        let is_seen = plan.changes.iter().any(Change::is_seen_from_outside);
        if is_seen || window.iter().any(|step| step.is_early) {
            requeue(queue, window.drain(..));
        }
        Done { unseen, ..Done::planned(plan, Outcome::Changed) }
    }

    /// The changes that are planned where a step is done.
    pub(super) fn overlay_at(&mut self, step: &Ready) -> &mut Overlay {
        match &step.site {
            None => &mut self.overlay,
            Some(site) => self.site_overlays.entry(site.host.name.clone()).or_default(),
        }
    }

    /// Makes the changes, asks again whether they hold, and asks for the following steps, all in one trip.
    async fn apply(
        &mut self,
        step: &mut Ready,
        plan: Plan,
        window: &mut Window,
        queue: &mut Queue,
    ) -> Result<Done, Left> {
        let since = Instant::now();
        let before = self.before_change(&step.work.place).await;
        self.timings.waited(Wait::Turn, since);
        before?;
        if let Some(refused) = self.judge_ahead(step, &plan, window).await {
            return Ok(refused);
        }
        let mut heard = Vec::new();
        for change in plan.changes.iter().filter(|change| change.is_controllers()) {
            match self.shared.controller.apply(change, &step.work.task.around.files).await {
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
        if let Some(site) = step.site.clone() {
            return self.apply_there(Witness::of(step), &site, plan).await;
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
        let mut acts = Acts::new(&changes, step.identity.clone());
        let (mut asked, proven) = self.prove_and_follow(step, &changes, queue).await?;
        let follow = asked.len();
        if queue.len() <= FOLLOWING && self.witnesses.len() <= FOLLOWING {
            asked.extend(self.witnesses.iter().filter_map(|witness| witness.ask(&self.host)));
        }
        self.exchange(&mut asked, Some(&mut acts)).await?;
        if let Some(refused) = acts.refused {
            asked.truncate(follow);
            if proven {
                asked.pop_front();
            }
            requeue(queue, asked.drain(..));
            return Ok(refused.done());
        }
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
    async fn hear(&mut self, witnesses: Window) {
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
        step: &mut Ready,
        changes: &[Change],
        queue: &mut Queue,
    ) -> Result<(Window, bool), Left> {
        let before = Arc::clone(&self.variables.learnt);
        if let Some(name) = &step.task().register {
            self.variables.learn_pending(name);
        }
        // A loop's later items are judged by themselves; what follows the loop needs its whole result.
        self.acting = true;
        let mut asked = self.prepare(queue, FOLLOWING).await;
        self.acting = false;
        self.variables.learnt = before;
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
    pub(super) async fn prove(&mut self, proof: Ready, done: &mut Done) -> Result<(), Left> {
        let proof = self.ask_whole(proof).await?;
        let fault = match proof.stage {
            Stage::Known(planned) => match *planned {
                Ok(plan) if plan.changes.is_empty() => {
                    if let Some((key, digests)) = proof.answered.filter(|_| proof.site.is_none()) {
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
}
