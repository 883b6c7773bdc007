//! Going on with an earlier run: what it has done is not done again where that could do harm, and what hangs on it is not
//! forgotten.
//!
//! Most tasks are simply done again: the host is asked, and nothing is found to do. A command, a request and their like
//! cannot be asked for; where the earlier run has finished one, its result stands for it.

use std::sync::atomic::Ordering;

use modules::{Change, GuardAnswer, Level, Note, Plan, Shell, guard};

use super::done::{Done, Earlier};
use super::guard::GUARDS;
use super::host::HostRun;
use super::run::Shared;
use super::scripts::Scripts;
use super::step::{Planned, Ready};
use crate::event::{Event, Outcome};
use crate::journal::{Finished, History, StepName};
use crate::transport::Identity;

impl Shared {
    /// Whether the canary of the play in hand has ended well in an earlier run: nobody is asked for a word again.
    pub(super) fn canary_has_passed(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.canary_has_passed(self.play_index()))
    }

    /// The number of the play in hand, from 0.
    fn play_index(&self) -> usize {
        let begun = usize::try_from(self.plays_begun.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        begun.saturating_sub(1)
    }
}

impl HostRun {
    /// Has the guards of this host end what a run that was cut off has left open there: it stands, where the host is well with
    /// it, and was done; or it was put back, and is forgotten.
    pub(super) async fn settle_earlier(&mut self) {
        let is_first = self.recap.trips == 0 && !self.shared.options.check;
        let Some(run) = self.history().and_then(|history| history.left_open(&self.host.name)) else { return };
        if !is_first || self.transport.shell() != Shell::Posix {
            return;
        }
        let (record, run) = (guard::record(run, &self.host.name), run.to_owned());
        let bake = self.shared.bake(&self.play).as_secs();
        let mut scripts = Scripts::new(&self.host, self.transport.shell());
        scripts.patience += bake + 150;
        let identities = self.identities();
        for (i, identity) in identities.iter().enumerate() {
            scripts.of(identity).guarding(GUARDS + i, &guard::confirm(&record, bake));
        }
        self.recap.trips += 1;
        // A host that does not answer now will say so when it is asked.
        let Ok(frames) = scripts.run(&self.host.name, &self.transport, &self.shared).await else { return };
        for frame in (0..identities.len()).filter_map(|i| frames.get(GUARDS + i)) {
            if let GuardAnswer::PutBack(put_back) = GuardAnswer::read(frame) {
                self.history().into_iter().for_each(|history| history.was_put_back(&self.host.name));
                let text = format!(
                    "{}: what run {run} had changed here was put back, and is done anew: {}",
                    self.host.name, put_back.why
                );
                self.shared.emit(Event::Said { text, warning: true });
            }
        }
    }

    /// As whom the play may change something: those whose guards are asked.
    fn identities(&self) -> Vec<Identity> {
        let mut tasks = self.play.tasks().chain(&self.handlers);
        let becomes = self.shared.renderer.become_default()
            || tasks.any(|task| task.keywords.identity.wanted.is_some());
        let root = becomes.then(|| Identity::User("root".to_owned()));
        [Identity::Login].into_iter().chain(root).collect()
    }

    /// The name of a step among those of earlier runs.
    fn step_name<'a>(&'a self, step: &'a Ready) -> StepName<'a> {
        StepName {
            play: self.shared.play_index(),
            host: &self.host.name,
            head: &step.head,
            item: step.work.item.as_ref().map_or(0, |item| item.index),
            once: step.task().keywords.run_once.is_some(),
        }
    }

    fn history(&self) -> Option<&History> {
        self.shared.history.as_deref()
    }

    /// How a step ends that an earlier run has finished, and that would be done again. A handler runs because something has
    /// notified it anew.
    pub(super) fn done_before(&self, step: &Ready, planned: &Planned) -> Option<Done> {
        let finished = self.history()?.finished_step(self.step_name(step))?;
        let anew = |change: &Change| !change.is_provable();
        let repeats = finished.repeats || planned.as_ref().is_ok_and(|plan| plan.changes.iter().any(anew));
        if step.work.task.around.handler || !repeats {
            return None;
        }
        Some(Self::as_it_was(step, finished))
    }

    fn as_it_was(step: &Ready, finished: &Finished) -> Done {
        let run = &finished.run;
        let outcome = if finished.outcome == Outcome::Changed { Outcome::Ok } else { finished.outcome };
        let result = match &finished.result {
            Some(result) => result.clone(),
            None if step.task().register.is_none() => serde_json::Map::new(),
            None => return Self::result_is_hidden(step, run),
        };
        let note = Some(said(format!("done by run {run}")));
        Done {
            earlier: Earlier { is_recorded: true, note, ..Earlier::default() },
            ..Done::new(outcome, result)
        }
    }

    fn result_is_hidden(step: &Ready, run: &str) -> Done {
        let name = step.task().register.as_deref().unwrap_or_default();
        let message =
            format!("run {run} has done this, and what `{name}` was is hidden: nothing can go on with it");
        let help = "where it may be done once more, run the playbook again with `apply -l` for this host, instead of `resume`";
        let mut done = Done::reason(Outcome::Failed, "resume", message, Some(help.to_owned()));
        done.earlier.is_recorded = true;
        done
    }

    /// Takes up what an earlier run has left: a change that it made, and that is not needed any more, counts as made for what
    /// hangs on it.
    pub(super) fn take_up(&self, step: &Ready, done: &mut Done) {
        if done.outcome != Outcome::Ok || done.is_told {
            return;
        }
        let Some(run) = self.history().and_then(|history| history.changed_by(self.step_name(step))) else {
            return;
        };
        done.earlier.has_changed = true;
        done.earlier.note.get_or_insert_with(|| said(format!("changed by run {run}")));
    }

    /// Whether a handler that a step has notified in an earlier run was done there, after it.
    pub(super) fn was_handled(&self, step: &Ready, handler: usize) -> bool {
        let number = u32::try_from(handler).unwrap_or(u32::MAX);
        self.history().is_some_and(|history| history.was_handled(self.step_name(step), number))
    }

    /// What is to be said of a step that is about to be done, where an earlier run was cut off in the middle of it.
    pub(super) fn begun_before(&self, step: &Ready, plan: &Plan) -> Option<String> {
        let run = self.history()?.begun_by(self.step_name(step))?;
        let anew = plan.changes.iter().any(|change| !change.is_provable());
        anew.then(|| format!("run {run} was cut off while it did this: it may be done a second time"))
    }
}

fn said(text: String) -> Note {
    Note { level: Level::Info, text }
}
