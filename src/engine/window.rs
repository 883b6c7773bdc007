//! The window: as many steps as can be made ready by now, and the one script that asks for all of them.

use std::sync::Arc;

use modules::{
    Answer, Ask, AskTrustStore, Call, Change, Frame, Frames, Overlay, Script, Shell, Step, decode_facts,
};

use super::host::{HostRun, Left, Window, requeue};
use super::program::{LoopItem, Mark, Queue, TaskWork, Work, put_first};
use super::run::Shared;
use super::scope::NoValue;
use super::site::Site;
use super::step::{Asking, Doing, NotReady, Ready, Skip, Stage, item_layer, seen_as};
use crate::event::{Position, Reason};
use crate::playbook::{Action, Files, Task};
use crate::template::{Layer, Scope};
use crate::transport::{self, Identity, TransportError};
use crate::yaml::{Node, Problem};

/// The id of the facts' frame; those of asks and changes are counted from 0.
const FACTS: usize = 999_999;
/// The ids of changes begin here.
const ACTS: usize = 500_000;

/// What a script makes so before it asks.
pub struct Acts<'c> {
    /// The changes, in order.
    pub changes: &'c [Change],
    /// As whom.
    pub identity: Identity,
    /// Their frames, once they have come.
    pub frames: Vec<Option<Frame>>,
}

impl Ready {
    /// Whether the host has to be asked before it can go on.
    pub fn waits(&self) -> bool {
        matches!(&self.stage, Stage::Asking(asking) if asking.frames.is_none())
    }
}

impl HostRun {
    /// Makes steps ready, from the front of the queue, until one depends on what is not known yet.
    pub(super) async fn prepare(&mut self, queue: &mut Queue, most: usize) -> Result<Window, Left> {
        let mut window = Window::new();
        let mut marks = Vec::new();
        let before = (Arc::clone(&self.variables.learnt), Arc::clone(&self.variables.included));
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
            match self.ready_or_met(work, queue, first).await {
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
        // What was foreseen was for this window's templates alone: the results themselves come when steps settle.
        (self.variables.learnt, self.variables.included) = before;
        Ok(window)
    }

    /// Whether what comes after a mark cannot be foreseen.
    fn stops_at(&self, mark: &Mark) -> bool {
        match mark {
            Mark::Flush(..) => !self.notified.is_empty() || !self.in_doubt.is_empty(),
            Mark::Begin(_) => self.runs_again(mark),
            Mark::End(inside) => self.failing.contains(&inside.place),
            Mark::Fail(_) => true,
            _ => false,
        }
    }

    /// A step; the first of a window may wait for the other hosts where it needs what they find out.
    async fn ready_or_met(
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

    fn never_known(&mut self, work: TaskWork) -> Ready {
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
    fn play_hosts(&self, met: bool, place: &Position) -> Arc<Layer> {
        let mut layer = Layer::new();
        if !met && self.meeting.hosts().len() > 1 {
            for name in ["ansible_play_hosts", "ansible_play_batch", "play_hosts"] {
                layer.set_pending(name);
            }
            return Arc::new(layer);
        }
        let batch = self.meeting.remaining(place);
        let of_batch: std::collections::HashSet<&str> =
            self.meeting.hosts().iter().map(String::as_str).collect();
        let remains: std::collections::HashSet<&str> = batch.iter().copied().collect();
        let stays = |host: &&String| remains.contains(host.as_str()) || !of_batch.contains(host.as_str());
        let all: Vec<&String> = self.all_hosts.iter().filter(stays).collect();
        layer.set_literal("ansible_play_hosts", &serde_json::json!(all));
        layer.set_literal("ansible_play_batch", &serde_json::json!(batch));
        layer.set_literal("play_hosts", &serde_json::json!(batch));
        Arc::new(layer)
    }

    /// Lets later steps of the window see the result of this one, as far as it is known.
    fn foresee(&mut self, step: &Ready) {
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

    fn learn_pending(&mut self, name: &str) {
        if !self.variables.is_fixed(name) {
            self.variables.learn_pending(name);
        }
    }

    async fn ready(
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
            Err(NoValue::Pending) => return Err(NotReady::Pending),
            Err(NoValue::Unknown(reason)) => step.stage = Stage::Unknown(reason),
            Err(NoValue::Wrong(problem)) => step.stage = Stage::Wrong(problem),
        }
        Ok(Some(step))
    }

    /// A step that may not be done at all; one whose conditions do not hold is not done in any case.
    fn doubtful(&mut self, work: TaskWork, scope: Arc<Scope>, reason: &str) -> Result<Ready, NotReady> {
        let mut step = Ready::new(work, scope);
        match step.applies(&self.shared.renderer) {
            Ok(false) => {}
            Err(NoValue::Pending) => return Err(NotReady::Pending),
            _ => step.stage = Stage::Unknown(reason.to_owned()),
        }
        Ok(step)
    }

    /// Whether one host of the batch does it for all.
    fn is_once(&self, work: &TaskWork, scope: &Arc<Scope>) -> Result<bool, NotReady> {
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
    async fn told(&mut self, work: &TaskWork) -> Option<Ready> {
        self.meet(&work.place).await;
        let first = self.meeting.elected(&work.place).filter(|first| *first != self.host.name)?;
        self.slot = None;
        let told = self.meeting.told(&first, &work.place).await;
        self.slot = Arc::clone(&self.forks).acquire_owned().await.ok();
        let scope = self.scope_of(work);
        let mut step = Ready::new(work.clone(), scope);
        step.stage = Stage::Told(Box::new(told));
        Some(step)
    }

    async fn make_ready(&mut self, step: &mut Ready, queue: &mut Queue, first: bool) -> Result<(), NoValue> {
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
                if self.acting && probe.asks().iter().any(|ask| matches!(ask, Ask::Tls(_) | Ask::Http(_))) {
                    return Err(NoValue::Pending);
                }
                // Nor is anything waited for before the earlier steps are settled.
                let pauses = probe.asks().iter().any(|ask| matches!(ask, Ask::Pause(_)));
                if pauses && (self.acting || !first) {
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
    fn seen_by(&self, step: &Ready) -> modules::Host {
        let host = step.site.as_ref().map_or(&self.host, |site| &site.host);
        seen_as(host, &step.identity)
    }

    /// Puts the items of a loop before the rest of the queue.
    fn unroll(
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

    /// Goes on with a step as far as the controller's answers carry it.
    pub(super) async fn advance(&self, step: &mut Ready) {
        loop {
            let Stage::Asking(asking) = &mut step.stage else { return };
            let asks = asking.probe.asks();
            let host_is_asked = asks.iter().any(|ask| !ask.is_controllers());
            if host_is_asked && asking.frames.is_none() {
                return;
            }
            let frames = asking.frames.take().unwrap_or_default();
            asking.digests.extend(frames.iter().map(Frame::digest));
            let none = Overlay::default();
            let overlay = match &step.site {
                None => &self.overlay,
                Some(site) => self.site_overlays.get(&site.host.name).unwrap_or(&none),
            };
            let files = &step.work.task.around.files;
            let answers = self.answers(asking.probe.asks(), &frames, overlay, files).await;
            let Stage::Asking(Asking { probe, digests, key, .. }) =
                std::mem::replace(&mut step.stage, Stage::taken())
            else {
                return;
            };
            step.stage = match probe.resume(answers) {
                Ok(Step::Ready(planned)) => {
                    step.answered = (!digests.is_empty()).then_some((key, digests));
                    Stage::Known(Box::new(planned))
                }
                Ok(Step::More(probe)) => {
                    // What the controller is asked later is part of the key, too.
                    let later =
                        probe.asks().iter().any(|ask| ask.is_controllers() && !matches!(ask, Ask::Now(_)));
                    let key = if later {
                        let files = Arc::clone(&step.work.task.around.files);
                        self.key_with_answers(key, &files, probe.asks().to_vec()).await
                    } else {
                        key
                    };
                    self.asking(step, Asking { probe, frames: None, digests, key })
                }
                Err(modules::AskError::Unknown(reason)) => Stage::Unknown(reason),
                Err(error) => Stage::Known(Box::new(Err(modules::PlanError::new(error.to_string())))),
            };
        }
    }

    /// What runs scripts for a step: on the host, or where it is delegated to.
    pub(super) fn shell(&self, step: &Ready) -> Shell {
        step.site.as_ref().map_or(&self.transport, |site| &site.transport).shell()
    }

    /// A step that asks; one that asks what its host cannot be asked has failed, and nothing has run.
    fn asking(&self, step: &Ready, asking: Asking) -> Stage {
        let shell = self.shell(step);
        match asking.probe.asks().iter().find_map(|ask| shell.refuses_ask(ask)) {
            Some(refusal) => Stage::Known(Box::new(Err(refusal))),
            None => Stage::Asking(asking),
        }
    }

    async fn answers(&self, asks: &[Ask], frames: &[Frame], overlay: &Overlay, files: &Files) -> Vec<Answer> {
        let epoch = self.epoch();
        let bundles = |digest: &str| self.shared.memory.bundle(digest);
        let mut frames = frames.iter();
        let mut answers = Vec::with_capacity(asks.len());
        for ask in asks {
            let answer = if ask.is_controllers() {
                self.shared.controller.answer(ask, files, &epoch).await
            } else {
                frames
                    .next()
                    .map_or(Answer::Failed(modules::AskError::Lost), |frame| ask.decode(frame, &bundles))
            };
            if let Answer::TrustStore(modules::TrustStore { bundle: Some(bundle), .. }) = &answer {
                self.shared.memory.keep_bundle(&bundle.content);
            }
            let answer = self.elsewhere.lay_from_elsewhere(ask, answer, &self.host.facts);
            answers.push(overlay.lay(ask, answer, &self.host.facts));
        }
        answers
    }

    /// Asks for every step that waits, after making changes so; false where the answers are void, as the host's facts
    /// are no longer those that the steps were made ready from.
    pub(super) async fn exchange(
        &mut self,
        window: &mut Window,
        mut acts: Option<&mut Acts<'_>>,
    ) -> Result<bool, Left> {
        if acts.is_none() && self.hide(window) {
            return Ok(true);
        }
        if window.front().is_some_and(|step| step.site.is_some() && step.waits()) && acts.is_none() {
            self.exchange_there(window).await;
            return Ok(true);
        }
        let mut scripts = Scripts::new(&self.shared, &self.host, self.transport.shell());
        if let Some(acts) = &acts {
            for (i, change) in acts.changes.iter().enumerate() {
                if let Some(call) = change.call() {
                    scripts.of(&acts.identity).act(ACTS + i, &call);
                }
            }
        }
        let identity = self.facts_identity();
        if !self.facts.read {
            scripts.of(&identity).answer(FACTS, &Call::new("ask_facts"));
        }
        let ids = self.ask_all(window, acts.is_none(), &mut scripts);
        let frames = self.send(&scripts).await?;
        if let Some(acts) = &mut acts {
            acts.frames = (0..acts.changes.len()).map(|i| frames.get(ACTS + i).cloned()).collect();
        }
        if !self.facts_still_hold(&frames, &identity)? {
            return Ok(false);
        }
        for (step, ids) in window.iter_mut().zip(ids) {
            let Stage::Asking(asking) = &mut step.stage else { continue };
            let found: Option<Vec<Frame>> = ids.iter().map(|id| frames.get(*id).cloned()).collect();
            let whole = |frames: &Vec<Frame>| frames.iter().all(|frame| frame.status != Frame::FENCED);
            if !ids.is_empty() {
                asking.frames = found.filter(whole);
            }
        }
        Ok(true)
    }

    /// Whether the first step asks what is not asked at all once something is planned: its answer would not hold.
    fn hide(&self, window: &mut Window) -> bool {
        let Some(step) = window.front_mut() else { return false };
        let none = Overlay::default();
        let overlay = match &step.site {
            None => &self.overlay,
            Some(site) => self.site_overlays.get(&site.host.name).unwrap_or(&none),
        };
        let Stage::Asking(asking) = &step.stage else { return false };
        let hidden = asking.probe.asks().iter().find_map(|ask| overlay.hides(ask));
        let is_hidden = hidden.is_some() && asking.frames.is_none();
        if let Some(reason) = hidden.filter(|_| is_hidden) {
            step.stage = Stage::Unknown(reason);
        }
        is_hidden
    }

    /// Takes the facts out of the first script's answers; false where they are not those that were remembered.
    fn facts_still_hold(&mut self, frames: &Frames, identity: &Identity) -> Result<bool, Left> {
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
    async fn ask_facts(&mut self, identity: &Identity) -> Result<Frames, Left> {
        let mut scripts = Scripts::new(&self.shared, &self.host, self.transport.shell());
        scripts.of(identity).answer(FACTS, &Call::new("ask_facts"));
        self.send(&scripts).await
    }

    /// Adds the asks of a window to the scripts; gives the ids of each step's asks.
    fn ask_all(&self, window: &Window, first_is_free: bool, scripts: &mut Scripts) -> Vec<Vec<usize>> {
        let mut next = 0;
        // The asks before a fenced one with the answers that say "nothing to do"; none where that is not known.
        let mut guards = first_is_free.then(Vec::new);
        let identity = window.front().map(|step| step.identity.clone());
        let mut all = Vec::with_capacity(window.len());
        for step in window {
            let mut ids = Vec::new();
            if self.may_change(step) {
                guards = None;
            }
            if let Stage::Asking(asking) = &step.stage
                && asking.frames.is_none()
                && step.site.is_none()
            {
                let fenced = asking.is_fenced();
                let same_session = identity.as_ref() == Some(&step.identity);
                if !fenced || (guards.is_some() && same_session) {
                    for ask in asking.probe.asks() {
                        let Some(call) = self.call(ask) else { continue };
                        scripts.patience += ask.patience();
                        let script = scripts.of(&step.identity);
                        match &guards {
                            Some(guards) if fenced && !guards.is_empty() => {
                                script.guarded(next, guards, &call);
                            }
                            _ => script.answer(next, &call),
                        }
                        ids.push(next);
                        next += 1;
                    }
                }
                let expected =
                    self.memory.settled.get(&asking.key).filter(|digests| digests.len() == ids.len());
                guards = match (guards, expected) {
                    // A look at a registry changes nothing that another fenced ask depends on.
                    (guards, _) if asking.only_looks_at_registries() => guards,
                    (Some(mut guards), Some(digests)) if same_session && !digests.is_empty() => {
                        guards.extend(ids.iter().copied().zip(digests.iter().cloned()));
                        Some(guards)
                    }
                    _ => None,
                };
            }
            all.push(ids);
        }
        all
    }

    /// Whether a step, by what is known of it without asking again, may still change something, so that no ask with an
    /// effect of its own may pass it.
    fn may_change(&self, step: &Ready) -> bool {
        match &step.stage {
            Stage::Skipped(_) | Stage::Wrong(_) | Stage::Told(_) => false,
            Stage::Unknown(_) => true,
            Stage::Known(planned) => planned.as_ref().as_ref().is_ok_and(|plan| !plan.changes.is_empty()),
            Stage::Asking(asking) => asking.frames.as_ref().is_some_and(|frames| {
                let digests: Vec<_> =
                    asking.digests.iter().cloned().chain(frames.iter().map(Frame::digest)).collect();
                self.memory.settled.get(&asking.key) != Some(&digests)
            }),
        }
    }

    /// The call of an ask; a trust store's says which bundles need not be sent again.
    fn call(&self, ask: &Ask) -> Option<Call> {
        match ask {
            Ask::TrustStore(store) => {
                let known = self.shared.memory.bundles();
                Ask::TrustStore(AskTrustStore { known, ..store.clone() }).call()
            }
            other => other.call(),
        }
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
    fn facts_identity(&mut self) -> Identity {
        let at_host = |task: &&Arc<Task>| {
            matches!(task.action, Action::Module(_)) && task.keywords.delegate_to.is_none()
        };
        let Some(task) = self.play.tasks().find(at_host).cloned() else { return Identity::Login };
        let work = TaskWork::new(task, Position::default(), None);
        let scope = self.scope_of(&work);
        Ready::new(work, scope).identity_of(&self.shared.renderer)
    }

    fn learn_facts(&mut self, body: &str, identity: &Identity) -> Result<(), Left> {
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

    async fn send(&mut self, scripts: &Scripts) -> Result<Frames, Left> {
        let transport = std::sync::Arc::clone(&self.transport);
        self.recap.trips += 1;
        let name = self.host.name.clone();
        match scripts.run(&name, &transport, &self.shared).await {
            Ok(frames) => Ok(frames),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Asks for the first step where it is delegated to.
    async fn exchange_there(&self, window: &mut Window) {
        let Some(step) = window.front_mut() else { return };
        let (Some(site), Stage::Asking(asking)) = (&step.site, &mut step.stage) else { return };
        let mut scripts = Scripts::new(&self.shared, &site.host, site.transport.shell());
        scripts.patience = asking.probe.asks().iter().map(Ask::patience).sum();
        let calls: Vec<_> = asking.probe.asks().iter().filter_map(Ask::call).collect();
        for (id, call) in calls.iter().enumerate() {
            scripts.of(&step.identity).answer(id, call);
        }
        let failed = |message: String| Stage::Known(Box::new(Err(modules::PlanError::new(message))));
        match scripts.run(&site.host.name, &site.transport, &self.shared).await {
            Ok(frames) => {
                asking.frames = (0..calls.len()).map(|id| frames.get(id).cloned()).collect();
                if asking.frames.is_none() {
                    step.stage = failed(format!("`{}` gave no answer", site.host.name));
                }
            }
            Err(error) => step.stage = failed(error.to_string()),
        }
    }

    /// A lost or unreachable host, as an event.
    pub(super) fn lost(&mut self, error: &TransportError) -> Left {
        let reason = super::reach::reason(error);
        if super::reach::is_unreachable(&error.cause) {
            return self.unreachable(reason);
        }
        self.recap.reason = Some(reason.clone());
        self.recap.failed += 1;
        self.shared.emit(crate::event::Event::HostFailed { host: self.host.name.clone(), reason });
        Left::Failed
    }

    /// The key of a step's answers: what its plan depends on besides what the host says.
    fn settled_key(&self, step: &Ready) -> String {
        let facts = self.facts.body.as_deref().unwrap_or_default();
        let (module, settings) = (step.task().action.name(), &self.host.settings);
        format!("{module}\n{}\n{:?}\n{settings:?}\n{facts}", step.arguments, step.identity)
    }

    /// The controller's own answers are part of the key, such as the file that is to be copied; its clock alone is not.
    async fn key_with_answers(&self, mut key: String, files: &Files, asks: Vec<Ask>) -> String {
        let depends = |ask: &&Ask| ask.is_controllers() && !matches!(ask, Ask::Now(_) | Ask::Pause(_));
        for ask in asks.iter().filter(depends) {
            match self.shared.controller.answer(ask, files, &self.epoch()).await {
                Answer::LocalFile(bytes) => key += &format!("\n{}", modules::digest(&bytes)),
                answer => key += &format!("\n{answer:?}"),
            }
        }
        modules::digest(key.as_bytes())
    }

    /// What tells apart the times between which this host may have changed something.
    fn epoch(&self) -> String {
        if self.epoch == 0 { String::new() } else { format!("{} {}", self.host.name, self.epoch) }
    }
}

fn transport_name(identity: &Identity) -> String {
    match identity {
        Identity::Login => String::new(),
        Identity::User(user) => user.clone(),
    }
}

/// The scripts of one session, one an identity, in the order in which they were begun.
pub struct Scripts {
    shell: Shell,
    boundary: String,
    header: Vec<(&'static str, String)>,
    sections: Vec<(Identity, Script)>,
    /// Seconds that its asks may take beside what any script may.
    pub patience: u64,
}

impl Scripts {
    /// No script yet.
    pub fn new(shared: &Shared, host: &modules::Host, shell: Shell) -> Self {
        Self {
            shell,
            boundary: shared.random(),
            header: modules::header(host),
            sections: Vec::new(),
            patience: 0,
        }
    }

    /// The script of an identity.
    pub fn of(&mut self, identity: &Identity) -> &mut Script {
        let at = self.sections.iter().position(|(known, _)| known == identity).unwrap_or_else(|| {
            self.sections.push((identity.clone(), Script::of(self.shell, &self.boundary, &self.header)));
            self.sections.len() - 1
        });
        &mut self.sections[at].1
    }

    /// Runs them in one session and reads the frames.
    pub async fn run(
        &self,
        host: &str,
        to: &transport::Transport,
        shared: &Shared,
    ) -> Result<Frames, TransportError> {
        let sections = self
            .sections
            .iter()
            .map(|(identity, script)| transport::Section { identity: identity.clone(), text: script.text() });
        let script = transport::Script { sections: sections.collect() };
        let output = to.run(host, &script, &shared.options.limits.extended(self.patience)).await?;
        let mut frames = Frames::default();
        if let Some((_, first)) = self.sections.first() {
            frames = first.read(&String::from_utf8_lossy(&output.stdout));
        }
        if frames.ends() < self.sections.len() {
            return Err(TransportError {
                host: host.to_owned(),
                cause: Box::new(transport::Cause::Shell {
                    status: output.status,
                    detail: output.stderr_tail,
                }),
                attempt: None,
                partial: output.stdout,
            });
        }
        Ok(frames)
    }
}
