//! One host's way through one batch of a play: tasks in order, blocks with what rescues them, handlers after each section.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use modules::{Facts, Host, Overlay};
use serde_json::Value as Json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::batch::Together;
use super::done::Done;
use super::guard::Guard;
use super::meeting::Meeting;
use super::memory::HostMemory;
use super::program::{Inside, Mark, Queue, Work, of_parts, of_play, put_first};
use super::run::Shared;
use super::step::{Ready, Witness};
use super::timings::Timings;
use super::variables::Variables;
use super::view::HostView;
use crate::event::{Event, Outcome, Position, Reason, Recap, State};
use crate::playbook::{Play, Task};
use crate::template::{Layer, Scope};
use crate::transport::Transport;

/// Steps that are ready, in order.
pub type Window = VecDeque<Ready>;

/// A host on its way.
pub struct HostRun {
    pub(super) shared: Arc<Shared>,
    pub(super) play: Arc<Play>,
    pub(super) together: Together,
    pub(super) meeting: Arc<Meeting>,
    /// What its templates see of other hosts.
    pub(super) view: Arc<HostView>,
    /// Up to where all hosts of the batch have come: what they have found out before is known.
    pub(super) met: Position,
    /// The host's place among those that run side by side; given back while it waits for others.
    pub(super) slot: Option<OwnedSemaphorePermit>,
    pub(super) forks: Arc<Semaphore>,
    pub(super) host: Host,
    pub(super) transport: Arc<Transport>,
    pub(super) facts: KnownFacts,
    pub(super) memory: HostMemory,
    pub(super) memory_key: String,
    pub(super) overlay: Overlay,
    /// What other hosts have planned in earlier plays and this one sees.
    pub(super) elsewhere: Overlay,
    /// What delegated tasks have planned, by the name of the site.
    pub(super) site_overlays: HashMap<String, Overlay>,
    /// Counts what this host has changed, so that answers of the controller are not shared across a change.
    pub(super) epoch: u32,
    /// Whether changes are about to be made in the script that is being put together.
    pub(super) acting: bool,
    pub(super) variables: Variables,
    /// The play's handlers, then those that included roles have brought.
    pub(super) handlers: Vec<Arc<Task>>,
    pub(super) notified: BTreeSet<usize>,
    /// The handlers of which check mode cannot know whether they are notified.
    pub(super) in_doubt: BTreeSet<usize>,
    /// Why check mode cannot know whether the host goes on at all.
    pub(super) doubt: Option<Arc<str>>,
    /// How many of the things that other hosts' tasks have found out about this host it knows.
    pub(super) from_others: usize,
    pub(super) looped: Looped,
    pub(super) reach: Reach,
    /// Why the host leaves, while the blocks that it was in end.
    pub(super) closing: Option<Left>,
    /// The blocks of which a task has failed while their `always` runs.
    pub(super) failing: BTreeSet<Position>,
    /// The roles of which a task has run, by their keys, each with whether it is through.
    pub(super) roles: HashMap<String, bool>,
    pub(super) recap: Recap,
    /// Where its time goes.
    pub(super) timings: Timings,
    /// What puts the host back where this play does not end well on it.
    pub(super) guard: Guard,
    /// The steps that found nothing to do, or were proven: asked again, for nothing, in the script of a later change, so
    /// that the next run knows their answers as they are after it.
    pub(super) witnesses: Vec<Witness>,
}

/// What is known of the host's facts.
#[derive(Debug, Default)]
pub struct KnownFacts {
    /// Whether `ansible_facts` is left empty.
    pub hidden: bool,
    /// Whether this run has read them.
    pub read: bool,
    /// As the host said them, or as they are remembered.
    pub body: Option<String>,
}

/// Whether a host that cannot be reached may go on.
#[derive(Debug, Default)]
pub struct Reach {
    /// Whether the task in hand lets that pass.
    pub tolerant: bool,
    /// Why the host could not be reached.
    pub why: Option<Reason>,
    /// Whether it is lost after it was heard: it has failed then.
    pub lost: bool,
    /// Whether an earlier task has let that pass: what needs no answer of the host goes on.
    pub gone: bool,
}

/// What is known of the loop in hand.
#[derive(Debug, Default)]
pub struct Looped {
    /// The results of its items so far.
    pub results: Vec<Json>,
    /// Whether an item has failed.
    pub failed: bool,
    /// The worst outcome of its items.
    pub outcome: Option<Outcome>,
    /// Why its result cannot be known in check mode.
    pub unknown: Option<String>,
}

/// Why a host leaves the play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// A task failed.
    Failed,
    /// It cannot be reached.
    Unreachable,
    /// The run was stopped.
    Stopped,
    /// What it would do was not reviewed.
    Stale,
    /// The play has ended for it, as a task has said.
    Ended,
}

impl HostRun {
    /// Runs the batch's tasks. The recap says how it went.
    pub async fn run(mut self) -> Recap {
        let left = self.go().await.err();
        if let Some(left) = self.end_guard(left).await {
            self.leave(left);
        }
        self.transport.rest();
        self.say_cost(None);
        self.take_from_others();
        let kept = self.variables.kept();
        self.meeting.know_at_last(&self.host.name, kept.clone(), self.from_others);
        self.shared.keep_variables(&self.host.name, kept);
        self.together.end(&self.shared, &self.host.name, &self.recap);
        self.shared.memory.keep_host(&self.memory_key, &self.memory);
        self.shared.emit(Event::HostFinished { host: self.host.name.clone() });
        self.recap
    }

    async fn go(&mut self) -> Result<(), Left> {
        if let Some(node) = &self.play.gather_facts {
            let scope = Arc::new(self.variables.scope());
            self.facts.hidden = !self.shared.renderer.flag(node, &scope).unwrap_or(true);
        }
        if self.facts.hidden && self.variables.facts.is_empty() {
            self.variables.forget_facts();
        }
        if self.shared.options.check {
            // Nothing of an earlier play's plan is lost from sight: its changes are laid over this play's answers too.
            self.overlay = self.shared.overlay_of(&self.host.name);
            self.elsewhere = self.shared.elsewhere(&self.host.name);
        }
        self.settle_earlier().await;
        self.read_vars_files()?;
        let mut queue = of_play(&self.play, &self.shared.options.tags);
        let mut window = Window::new();
        let ended = loop {
            match self.drive(&mut window, &mut queue).await {
                Err(left) if self.ends_with_always(left) => {
                    requeue(&mut queue, window.drain(..));
                    let fatal = self.shared.is_fatal();
                    // Nothing may rescue a host whose plan was another.
                    let closes = fatal || left == Left::Stale;
                    if closes {
                        self.closing.get_or_insert(left);
                    }
                    if !self.unwind(&mut queue, !closes) && !self.force_handlers(&mut queue) {
                        break Err(self.closing.unwrap_or(left));
                    }
                }
                Err(Left::Ended) => break Ok(()),
                ended => break ended,
            }
        };
        self.shared.keep_overlay(&self.host.name, std::mem::take(&mut self.overlay));
        ended
    }

    /// Does what is in the queue until it is empty or something ends it.
    async fn drive(&mut self, window: &mut Window, queue: &mut Queue) -> Result<(), Left> {
        loop {
            if self.ends(window, queue) {
                return Err(Left::Stopped);
            }
            self.reach.why = None;
            if window.is_empty() {
                while let Some(Work::Mark(_)) = queue.front() {
                    if let Some(Work::Mark(mark)) = queue.pop_front() {
                        self.pass(mark, queue)?;
                    }
                }
                let Some(next) = queue.front() else { return Ok(()) };
                let place = next.place().clone();
                self.arrive(&place);
                self.tolerates(queue);
                match if self.reach.gone { Ok(()) } else { self.know_facts().await } {
                    Err(Left::Unreachable) if self.reach.tolerant => {
                        self.pass_unreached(window, queue).await?;
                        continue;
                    }
                    known => known?,
                }
                *window = self.prepare(queue, usize::MAX).await;
                continue;
            }
            if window.front().is_some_and(|step| step.waits() || (step.is_open() && step.before.is_empty())) {
                self.reopen(window, queue).await;
            }
            // Nothing is settled by facts that are only remembered, not even what needs no answer.
            let unverified = |step: &Ready| !self.facts.read && !self.reach.gone && step.site.is_none();
            let asks = window.front().is_some_and(|step| step.waits() || unverified(step));
            if asks {
                self.reach.tolerant =
                    window.front().is_some_and(|step| self.ignores_unreachable(&step.work.task, &step.scope));
                match self.exchange(window, None).await {
                    Ok(true) => {}
                    Ok(false) => {
                        start_over(queue, window.drain(..));
                        continue;
                    }
                    Err(Left::Unreachable) if self.reach.tolerant => {
                        requeue(queue, window.drain(..));
                        self.pass_unreached(window, queue).await?;
                        continue;
                    }
                    Err(left) => return Err(left),
                }
            }
            let Some(mut step) = window.pop_front() else { continue };
            if !step.before.is_empty() {
                let marks = std::mem::take(&mut step.before);
                self.pass_all(marks, step, window, queue)?;
                continue;
            }
            let place = step.work.place.clone();
            self.arrive(&place);
            if self.together.is_cautious {
                self.meet(&place).await;
                if self.shared.stops_before(&place) && self.closing.is_none() {
                    window.push_front(step);
                    continue;
                }
            }
            self.settle(step, window, queue).await?;
        }
    }

    /// Says whether the next task lets its host be out of reach.
    fn tolerates(&mut self, queue: &Queue) {
        self.reach.tolerant = false;
        if let Some(Work::Task(work)) = queue.front()
            && work.task.keywords.ignore_unreachable.is_some()
        {
            let work = work.clone();
            let scope = self.scope_of(&work);
            self.reach.tolerant = self.ignores_unreachable(&work.task, &scope);
        }
    }

    fn ignores_unreachable(&self, task: &Task, scope: &Arc<Scope>) -> bool {
        let node = task.keywords.ignore_unreachable.as_ref();
        node.is_some_and(|node| self.shared.renderer.flag(node, scope).unwrap_or(false))
    }

    /// Leaves out the next task, as the host cannot be reached and the task lets that pass.
    async fn pass_unreached(&mut self, window: &mut Window, queue: &mut Queue) -> Result<(), Left> {
        let Some(Work::Task(work)) = queue.pop_front() else { return Err(Left::Unreachable) };
        let scope = self.scope_of(&work);
        let step = Ready::new(work, scope);
        self.reach.gone = true;
        let done = Done::unreached(self.reach.why.take());
        self.finish(step, done, window, queue).await
    }

    /// Whether the run ends before what comes next on this host.
    fn ends(&self, window: &Window, queue: &Queue) -> bool {
        if self.shared.is_interrupted() || self.closing.is_some() {
            return self.shared.is_interrupted();
        }
        let next = window.front().map(|step| &step.work.place).or_else(|| queue.front().map(Work::place));
        match next.filter(|_| self.together.is_cautious) {
            Some(place) => self.shared.stops_before(place),
            None => self.shared.is_fatal(),
        }
    }

    /// Passes the marks before a step. The step stays next, unless a mark puts something before it.
    fn pass_all(
        &mut self,
        marks: Vec<Mark>,
        step: Ready,
        window: &mut Window,
        queue: &mut Queue,
    ) -> Result<(), Left> {
        let brings =
            |mark: &Mark| matches!(mark, Mark::Flush(_, after) if self.next_handler(*after).is_some());
        let fails = |mark: &Mark| matches!(mark, Mark::End(inside) if self.failing.contains(&inside.place));
        if marks.iter().any(|mark| brings(mark) || fails(mark)) {
            requeue(queue, std::iter::once(step).chain(window.drain(..)));
            put_first(queue, marks.into_iter().map(Work::Mark));
            return Ok(());
        }
        let mut marks = VecDeque::from(marks);
        while let Some(mark) = marks.pop_front() {
            // Whether a role runs again may hang on a mark before it.
            if self.runs_again(&mark) {
                requeue(queue, std::iter::once(step).chain(window.drain(..)));
                put_first(queue, std::iter::once(mark).chain(marks).map(Work::Mark));
                return Ok(());
            }
            self.pass(mark, queue)?;
        }
        window.push_front(step);
        Ok(())
    }

    /// Whether a role begins that has run already, as it would run now.
    pub(super) fn runs_again(&self, mark: &Mark) -> bool {
        let Mark::Begin(inside) = mark else { return false };
        let role = inside.block.role.as_ref().filter(|role| !role.allow_duplicates);
        role.is_some_and(|role| self.roles.get(&role.key) == Some(&true))
    }

    /// Passes a mark where all went well before it.
    fn pass(&mut self, mark: Mark, queue: &mut Queue) -> Result<(), Left> {
        match mark {
            Mark::Begin(ref inside) if self.runs_again(&mark) => {
                skip_block(inside, queue);
                Ok(())
            }
            Mark::Begin(_) | Mark::Rescue(_) | Mark::Always(_) => Ok(()),
            Mark::End(inside) if self.failing.remove(&inside.place) => Err(Left::Failed),
            Mark::End(inside) => {
                let through = inside.block.role.as_ref().and_then(|role| self.roles.get_mut(&role.key));
                through.into_iter().for_each(|through| *through = true);
                Ok(())
            }
            Mark::Fail(_) => Err(Left::Failed),
            Mark::Flush(place, after) => {
                self.flush(&place, after, queue);
                Ok(())
            }
        }
    }

    /// Puts the next handler that was notified in front of the queue. One that a handler notifies runs in the same flush
    /// where it is defined later; what is notified before itself waits for the next flush.
    pub(super) fn flush(&mut self, place: &Position, after: Option<usize>, queue: &mut Queue) {
        let Some(next) = self.next_handler(after) else { return };
        let doubt = self.take_handler(next);
        queue.push_front(Work::Mark(Mark::Flush(place.clone(), Some(next))));
        let number = u32::try_from(next).unwrap_or(u32::MAX);
        let below = place.inside(u32::MAX).inside(number);
        let handler = super::program::TaskWork::new(Arc::clone(&self.handlers[next]), below, None);
        let handler = super::program::TaskWork { doubt, ..handler };
        queue.push_front(Work::Task(handler));
    }

    fn next_handler(&self, after: Option<usize>) -> Option<usize> {
        let all = self.notified.union(&self.in_doubt);
        all.copied().find(|index| after.is_none_or(|done| *index > done))
    }

    /// Whether the blocks around the task in hand still do what they must do in any case: after a failure, and where the run ends
    /// for the sake of another host.
    fn ends_with_always(&self, left: Left) -> bool {
        match left {
            Left::Failed | Left::Stale => true,
            Left::Stopped => self.shared.is_fatal() && !self.shared.is_interrupted(),
            Left::Unreachable | Left::Ended => false,
        }
    }

    /// Goes to what rescues the innermost block, where that is wanted, or to what it must do in any case. False where there is
    /// neither.
    fn unwind(&mut self, queue: &mut Queue, rescues: bool) -> bool {
        while let Some(work) = queue.pop_front() {
            match work {
                Work::Mark(Mark::Begin(inside)) => skip_block(&inside, queue),
                Work::Mark(Mark::Rescue(inside)) if rescues && !inside.block.rescue.is_empty() => {
                    self.rescue(&inside, queue);
                    return true;
                }
                Work::Mark(Mark::Always(inside)) if !inside.block.always.is_empty() => {
                    self.failing.insert(inside.place);
                    return true;
                }
                Work::Mark(Mark::End(inside)) => _ = self.failing.remove(&inside.place),
                _ => {}
            }
        }
        false
    }

    fn rescue(&mut self, inside: &Inside, queue: &mut Queue) {
        self.recap.reason = None;
        let below = inside.place.outer();
        let works = of_parts(&inside.block.rescue, &below, inside.outer.as_ref(), &self.shared.options.tags);
        put_first(queue, works.into_iter());
    }

    /// Whether a failure is caught by a block around it.
    pub(super) fn is_rescued(window: &Window, queue: &Queue) -> bool {
        let before = window.iter().flat_map(|step| &step.before);
        let marks = before.chain(queue.iter().filter_map(|work| match work {
            Work::Mark(mark) => Some(mark),
            Work::Task(_) => None,
        }));
        // Blocks that begin only later do not count.
        let mut later = BTreeSet::new();
        for mark in marks {
            match mark {
                Mark::Begin(inside) => _ = later.insert(&inside.place),
                Mark::Rescue(inside) if !inside.block.rescue.is_empty() && !later.contains(&inside.place) => {
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    /// With `force_handlers`, handlers run on a host that has failed, once.
    fn force_handlers(&mut self, queue: &mut Queue) -> bool {
        let forced = self.play.force_handlers || self.shared.options.force_handlers;
        if !forced || self.notified.is_empty() {
            return false;
        }
        let place = Position::default().inside(u32::MAX);
        queue.push_back(Work::Mark(Mark::Flush(place.clone(), None)));
        queue.push_back(Work::Mark(Mark::Fail(place)));
        true
    }

    fn leave(&mut self, left: Left) {
        let state = match left {
            Left::Failed if self.recap.reason.as_ref().is_some_and(|reason| reason.kind == "rolled_back") => {
                State::RolledBack
            }
            Left::Failed => State::Failed,
            Left::Unreachable if self.reach.lost => {
                self.recap.failed += 1;
                State::Failed
            }
            Left::Unreachable => {
                self.recap.unreachable = 1;
                State::Unreachable
            }
            Left::Stopped => State::Aborted,
            Left::Stale => State::Stale,
            Left::Ended => return,
        };
        if left == Left::Stopped && self.recap.state == State::NotAttempted && self.recap.trips == 0 {
            return;
        }
        if self.recap.state < state
            || matches!(state, State::RolledBack | State::Stale)
            || left == Left::Stopped
        {
            self.recap.state = state;
        }
    }

    /// Takes facts over into the host and its variables.
    pub(super) fn take_facts(&mut self, facts: Facts, body: String) {
        if !self.facts.hidden {
            self.variables.facts = Arc::new(facts_layer(&facts));
        }
        self.host.facts = facts;
        self.facts.body = Some(body);
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
            Outcome::Rescued => (&mut recap.rescued, State::Ok),
            Outcome::Unknown => (&mut recap.unknown, State::Unknown),
        };
        *counter += 1;
        if outcome != Outcome::Failed {
            recap.state = worse(recap.state, state);
        }
    }
}

/// Leaves out a block that has not begun.
fn skip_block(block: &Inside, queue: &mut Queue) {
    while let Some(work) = queue.pop_front() {
        if matches!(work, Work::Mark(Mark::End(inside)) if inside.place == block.place) {
            return;
        }
    }
}

/// Puts steps back to be made ready anew, as what they were made ready from has changed.
pub fn requeue(queue: &mut Queue, steps: impl DoubleEndedIterator<Item = Ready>) {
    for step in steps.rev() {
        queue.push_front(Work::Task(step.work));
        put_first(queue, step.before.into_iter().map(Work::Mark));
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

/// Puts steps back where the facts have changed: loops that have not begun are unrolled anew, and what was included is read
/// anew.
pub fn start_over(queue: &mut Queue, steps: impl DoubleEndedIterator<Item = Ready>) {
    requeue(queue, steps);
    let mut anew: Vec<Position> = Vec::new();
    for work in std::mem::take(queue) {
        if anew.iter().any(|place| work.place().is_below(place)) {
            continue;
        }
        match work {
            Work::Task(task)
                if task.item.as_ref().is_some_and(|item| item.index > 0) && anew.contains(&task.place) => {}
            Work::Task(mut task) => {
                let unrolled = task.item.as_ref().is_some_and(|item| item.index == 0) && task.attempt == 0;
                if unrolled || task.expanded {
                    anew.push(task.place.clone());
                    (task.item, task.expanded) = (None, false);
                }
                queue.push_back(Work::Task(task));
            }
            Work::Mark(mark) => queue.push_back(Work::Mark(mark)),
        }
    }
}

/// Facts as variables.
pub(super) fn facts_layer(facts: &Facts) -> Layer {
    let mut layer = Layer::new();
    layer.set_literal("ansible_facts", &modules::ansible_facts(facts).into());
    // As in Ansible, each is a variable of its own, too; its shell's path and user are connection variables.
    for (name, value) in modules::injected_facts(facts) {
        layer.set_literal(name, &value);
    }
    layer
}
