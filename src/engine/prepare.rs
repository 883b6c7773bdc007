//! Steps made ready, as many as can be by now: conditions, arguments, loops, and whether other hosts have to be waited for.

use std::sync::Arc;

use modules::Ask;

use super::host::{HostRun, Window, requeue};
use super::program::{LoopItem, Mark, Queue, TaskWork, Work, put_first};
use super::scope::NoValue;
use super::site::Site;
use super::step::{Asking, Doing, NotReady, Ready, Skip, Stage, item_layer, seen_as};
use crate::event::Position;
use crate::playbook::Task;
use crate::template::{Layer, Scope};
use crate::yaml::{Node, Problem};

impl HostRun {
    /// Makes steps ready, from the front of the queue, until what comes next cannot be told yet. A step that needs the result of
    /// one before it stands open meanwhile.
    pub(super) async fn prepare(&mut self, queue: &mut Queue, most: usize) -> Window {
        let before = (Arc::clone(&self.variables.learnt), Arc::clone(&self.variables.included));
        let mut window = Window::new();
        self.fill(&mut window, queue, most).await;
        // What was foreseen was for this window's templates alone: the results themselves come when steps settle.
        (self.variables.learnt, self.variables.included) = before;
        window
    }

    /// Makes steps ready that stood open, as far as what they need can be told by now from the answers to the steps before them.
    pub(super) async fn reopen(&mut self, window: &mut Window, queue: &mut Queue) {
        if !window.iter().any(Ready::is_open) {
            return;
        }
        let before = (Arc::clone(&self.variables.learnt), Arc::clone(&self.variables.included));
        let mut steps = std::mem::take(window);
        while let Some(mut step) = steps.pop_front() {
            if !step.is_open() {
                if matches!(&step.stage, Stage::Asking(asking) if asking.frames.is_some()) {
                    step.is_early = !window.is_empty();
                    self.advance(&mut step).await;
                }
                self.foresee(&step);
                window.push_back(step);
                continue;
            }
            let at = window.len();
            let marks = std::mem::take(&mut step.before);
            let mut works = Queue::from([Work::Task(step.work)]);
            self.fill(window, &mut works, usize::MAX).await;
            match window.get_mut(at) {
                Some(first) => first.before = marks,
                None => put_first(&mut works, marks.into_iter().map(Work::Mark)),
            }
            if !works.is_empty() {
                requeue(queue, steps.drain(..));
                put_first(queue, works.into_iter());
            }
        }
        (self.variables.learnt, self.variables.included) = before;
    }

    async fn fill(&mut self, window: &mut Window, queue: &mut Queue, most: usize) {
        let mut marks = Vec::new();
        while window.len() < most
            && let Some(work) = queue.pop_front()
        {
            let work = match work {
                Work::Task(work) => work,
                Work::Mark(mark) => {
                    let stops = self.stops_at(&mark);
                    marks.push(mark);
                    if stops {
                        break;
                    }
                    continue;
                }
            };
            let again = work.clone();
            let first = window.is_empty() && !self.acting;
            let made = self.ready_or_met(work, queue, first).await;
            let made = match made {
                Err(NotReady::Pending) if !self.acting => self.left_open(again.clone()),
                made => made,
            };
            match made {
                Ok(Some(mut step)) => {
                    let alone = step.site.is_some() && step.waits();
                    if alone && !window.is_empty() {
                        requeue(queue, std::iter::once(step));
                        break;
                    }
                    step.before = std::mem::take(&mut marks);
                    self.foresee(&step);
                    // What it sets of another host is seen by whoever asks that host, not by what is foreseen.
                    let alone = alone || step.task().keywords.delegate_facts.is_some();
                    window.push_back(step);
                    if alone {
                        break;
                    }
                }
                Ok(None) => {}
                Err(_) => {
                    queue.push_front(Work::Task(again));
                    break;
                }
            }
        }
        put_first(queue, marks.into_iter().map(Work::Mark));
    }

    /// A step that is made ready later, where that does not keep back those behind it.
    fn left_open(&mut self, work: TaskWork) -> Result<Option<Ready>, NotReady> {
        let scope = self.scope_of(&work);
        let mut step = Ready::new(work, scope);
        step.stage = Stage::Pending;
        if step.may_stand_open() { Ok(Some(step)) } else { Err(NotReady::Pending) }
    }

    /// Whether what comes after a mark cannot be foreseen.
    pub(super) fn stops_at(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Flush(..) => !self.notified.is_empty() || !self.in_doubt.is_empty(),
            Mark::Begin(_) => self.runs_again(mark),
            Mark::End(inside) => self.failing.contains(&inside.place),
            Mark::Fail(_) => true,
            _ => false,
        }
    }

    /// A step; the first of a window may wait for the other hosts where it needs what they find out.
    pub(super) async fn ready_or_met(
        &mut self,
        work: TaskWork,
        queue: &mut Queue,
        first: bool,
    ) -> Result<Option<Ready>, NotReady> {
        let again = work.clone();
        match self.ready(work, queue, first).await {
            Err(NotReady::Pending) if first => {
                self.meet(&again.place).await;
                match self.ready(again.clone(), queue, first).await {
                    Err(_) => Ok(Some(self.never_known(again))),
                    made => made,
                }
            }
            made => made,
        }
    }

    pub(super) fn never_known(&mut self, work: TaskWork) -> Ready {
        let scope = self.scope_of(&work);
        let mut step = Ready::new(work, scope);
        let message = "it needs a result that no task before it has";
        step.stage = Stage::Wrong(Box::new(Problem::new(message, step.task().action_key.place())));
        step
    }

    /// The scope of a task's templates.
    pub(super) fn scope_of(&mut self, work: &TaskWork) -> Arc<Scope> {
        let item = work.item.as_ref().map(|item| item_layer(&work.task, item));
        let met = self.met >= work.place;
        self.view.see(met, &work.place, self.variables.kept());
        let mut scope = self.variables.of_task(work, item);
        scope.push(self.play_hosts(met, &work.place));
        Arc::new(scope)
    }

    /// The hosts of the play that are not lost: whoever asks waits until all have come to where it is.
    pub(super) fn play_hosts(&self, met: bool, place: &Position) -> Arc<Layer> {
        if !met && self.meeting.hosts().len() > 1 {
            let mut layer = Layer::new();
            for name in ["ansible_play_hosts", "ansible_play_batch", "play_hosts"] {
                layer.set_pending(name);
            }
            return Arc::new(layer);
        }
        self.together.lists_without(self.meeting.lost_before(place))
    }

    /// Lets later steps of the window see the result of this one, as far as it is known.
    pub(super) fn foresee(&mut self, step: &Ready) {
        self.variables.include(&step.included);
        let plan = match &step.stage {
            Stage::Known(planned) => planned.as_ref().as_ref().ok(),
            _ => None,
        };
        for (name, value) in plan.iter().flat_map(|plan| &plan.facts) {
            self.learn(name, value);
        }
        let task = step.task();
        if task.action.sets_facts() && plan.is_none() && !matches!(step.stage, Stage::Skipped(_)) {
            let names = task.arguments.as_ref().and_then(Node::as_map).unwrap_or_default();
            names.iter().filter_map(|(key, _)| key.as_str()).for_each(|name| self.learn_pending(name));
        }
        let Some(name) = &task.register else { return };
        if let (Stage::Skipped(why), None) = (&step.stage, &step.work.item) {
            self.learn(name, &super::done::skipped(why.clone()).into());
            return;
        }
        let judged = !task.changed_when.is_empty() || !task.failed_when.is_empty() || !task.until.is_empty();
        match (&step.stage, plan) {
            (_, Some(plan))
                if step.work.item.is_none()
                    && plan.skipped.is_none()
                    && super::done::unseen(plan).is_none()
                    && !judged =>
            {
                let result = super::done::result_of(plan, !plan.changes.is_empty());
                self.learn(name, &result.into());
            }
            _ => self.learn_pending(name),
        }
    }

    /// Keeps a value under a name, unless the name is taken by `-e` or by dtrctl itself.
    pub(super) fn learn(&mut self, name: &str, value: &serde_json::Value) {
        if !self.variables.is_fixed(name) {
            self.variables.learn(name, value);
        }
    }

    pub(super) fn learn_pending(&mut self, name: &str) {
        if !self.variables.is_fixed(name) {
            self.variables.learn_pending(name);
        }
    }

    pub(super) async fn ready(
        &mut self,
        work: TaskWork,
        queue: &mut Queue,
        first: bool,
    ) -> Result<Option<Ready>, NotReady> {
        let scope = self.scope_of(&work);
        if let Some(reason) = work.doubt.clone().or_else(|| self.doubt.clone()) {
            return self.doubtful(work, scope, &reason).map(Some);
        }
        let begins = work.item.is_none() && work.attempt == 0 && !work.expanded;
        if begins && self.is_once(&work, &scope)? {
            if !first {
                return Err(NotReady::Others);
            }
            if let Some(told) = self.told(&work).await {
                return Ok(Some(told));
            }
        }
        if work.task.repeated.is_some() && work.item.is_none() {
            return self.unroll(work, scope, queue);
        }
        let mut step = Ready::new(work, scope);
        match Box::pin(self.make_ready(&mut step, queue, first)).await {
            Ok(()) => {}
            Err(NoValue::Pending) => {
                return Err(if step.has_turn { NotReady::Turn } else { NotReady::Pending });
            }
            Err(NoValue::Unknown(reason)) => step.stage = Stage::Unknown(reason),
            Err(NoValue::Wrong(problem)) => step.stage = Stage::Wrong(problem),
        }
        Ok(Some(step))
    }

    /// A step that may not be done at all; one whose conditions do not hold is not done in any case.
    pub(super) fn doubtful(
        &mut self,
        work: TaskWork,
        scope: Arc<Scope>,
        reason: &str,
    ) -> Result<Ready, NotReady> {
        let mut step = Ready::new(work, scope);
        match step.applies(&self.shared.renderer) {
            Ok(false) => {}
            Err(NoValue::Pending) => return Err(NotReady::Pending),
            _ => step.stage = Stage::Unknown(reason.to_owned()),
        }
        Ok(step)
    }

    /// Whether one host of the batch does it for all.
    pub(super) fn is_once(&self, work: &TaskWork, scope: &Arc<Scope>) -> Result<bool, NotReady> {
        if self.meeting.hosts().len() < 2 {
            return Ok(false);
        }
        let Some(node) = &work.task.keywords.run_once else { return Ok(work.task.action.is_for_all()) };
        match self.shared.renderer.flag(node, scope) {
            Ok(once) => Ok(once || work.task.action.is_for_all()),
            Err(NoValue::Pending) => Err(NotReady::Pending),
            // What is wrong with it is said where the task is rendered.
            Err(_) => Ok(false),
        }
    }

    /// What the first host of the batch has found out for all; none where this is the first.
    pub(super) async fn told(&mut self, work: &TaskWork) -> Option<Ready> {
        self.meet(&work.place).await;
        let first = self.meeting.elected(&work.place).filter(|first| *first != self.host.name)?;
        let meeting = Arc::clone(&self.meeting);
        let told = self.aside(meeting.told(&first, &work.place)).await;
        let scope = self.scope_of(work);
        let mut step = Ready::new(work.clone(), scope);
        step.stage = Stage::Told(Box::new(told));
        Some(step)
    }

    pub(super) async fn make_ready(
        &mut self,
        step: &mut Ready,
        queue: &mut Queue,
        first: bool,
    ) -> Result<(), NoValue> {
        let shared = Arc::clone(&self.shared);
        if !step.applies(&shared.renderer)? {
            return Ok(());
        }
        step.site = self.site_of(&step.work.task.clone(), &step.scope.clone()).await?;
        match step.render(&shared.renderer, shared.options.check)? {
            Doing::Own => self.own(step, queue),
            Doing::Module(module) => {
                let host = self.seen_by(step);
                let probe = module.start(&host);
                // What a registry serves is not known before a change that may bear on it has been made.
                let looks = probe.asks().iter().any(|ask| matches!(ask, Ask::Tls(_) | Ask::Http(_)));
                // Nor is anything waited for before the earlier steps are settled.
                let pauses = probe.asks().iter().any(|ask| matches!(ask, Ask::Pause(_)));
                step.has_turn = (looks && self.acting) || (pauses && (self.acting || !first));
                if step.has_turn {
                    return Err(NoValue::Pending);
                }
                let key = self.settled_key(step);
                let files = Arc::clone(&step.work.task.around.files);
                let key = self.key_with_answers(key, &files, probe.asks().to_vec()).await;
                step.key.clone_from(&key);
                step.stage = self.asking(step, Asking { probe, frames: None, digests: Vec::new(), key });
                self.advance(step).await;
                Ok(())
            }
        }
    }

    /// Where a delegated step is done; none where it is done on the host itself.
    pub(super) async fn site_of(
        &self,
        task: &Task,
        scope: &Arc<Scope>,
    ) -> Result<Option<Arc<Site>>, NoValue> {
        let Some(node) = &task.keywords.delegate_to else { return Ok(None) };
        let name = self.shared.renderer.text(node, scope)?;
        if name == self.host.name {
            return Ok(None);
        }
        let wrong = |message| NoValue::Wrong(Box::new(Problem::new(message, node.place())));
        self.shared.site(&name).await.map(Some).map_err(wrong)
    }

    /// The host as a step's module sees it: where it is delegated to, and the user that it runs as.
    pub(super) fn seen_by(&self, step: &Ready) -> modules::Host {
        let host = step.site.as_ref().map_or(&self.host, |site| &site.host);
        seen_as(host, &step.identity)
    }

    /// Puts the items of a loop before the rest of the queue.
    pub(super) fn unroll(
        &mut self,
        work: TaskWork,
        scope: Arc<Scope>,
        queue: &mut Queue,
    ) -> Result<Option<Ready>, NotReady> {
        let task = Arc::clone(&work.task);
        let Some(repeated) = &task.repeated else { return Ok(None) };
        let mut step = Ready::new(work, scope);
        match self.shared.renderer.items(repeated, task.action.name(), &step.scope) {
            Ok(items) if items.is_empty() => {
                step.stage = Stage::Skipped(Skip::NoItems);
            }
            Ok(items) => {
                let last = items.len() - 1;
                let all: Option<Arc<[_]>> = task.loop_control.extended.then(|| items.clone().into());
                let item = |(index, value)| {
                    let all = all.clone();
                    let item = LoopItem { index, value, all, last: index == last };
                    Work::Task(TaskWork { item: Some(item), ..step.work.clone() })
                };
                let works: Vec<_> = items.into_iter().enumerate().map(item).collect();
                put_first(queue, works.into_iter());
                return Ok(None);
            }
            Err(NoValue::Pending) => return Err(NotReady::Pending),
            Err(NoValue::Unknown(reason)) => step.stage = Stage::Unknown(reason),
            Err(NoValue::Wrong(problem)) => step.stage = Stage::Wrong(problem),
        }
        // A list that is not there is no mistake where the task does not apply, as with the result of a skipped one.
        if matches!(step.stage, Stage::Wrong(_) | Stage::Unknown(_))
            && let Ok(Err(condition)) = self.shared.renderer.all(&task.keywords.when, &step.scope)
        {
            step.stage = Stage::Skipped(Skip::Condition(condition));
        }
        Ok(Some(step))
    }
}
