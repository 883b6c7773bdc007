//! The window: as many steps as can be made ready by now, and the one script that asks for all of them.

use std::collections::VecDeque;

use modules::{
    Answer, Ask, AskTrustStore, Call, Change, Frame, Frames, Overlay, Script, Shell, Step, decode_facts,
};

use super::host::{HostRun, Left, Work, requeue};
use super::run::Shared;
use super::scope::NoValue;
use super::step::{Asking, Item, NotReady, Ready, Stage, seen_as};
use crate::event::Reason;
use crate::playbook::Task;
use crate::transport::{self, Identity, TransportError};
use crate::yaml::Problem;

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

impl Ready<'_> {
    /// Whether the host has to be asked before it can go on.
    pub fn waits(&self) -> bool {
        matches!(&self.stage, Stage::Asking(asking) if asking.frames.is_none())
    }
}

impl<'a> HostRun<'a> {
    /// Makes steps ready, from the front of the queue, until one depends on what is not known yet.
    pub(super) async fn prepare(
        &mut self,
        queue: &mut VecDeque<Work<'a>>,
        most: usize,
    ) -> Result<VecDeque<Ready<'a>>, Left> {
        let mut window = VecDeque::new();
        let before = (self.variables.upper.clone(), self.variables.upper_names.clone());
        while window.len() < most
            && let Some(work) = queue.pop_front()
        {
            let again = work.clone();
            match self.ready(work, queue, window.is_empty()).await {
                Ok(Some(step)) => {
                    let alone = step.delegated && step.waits();
                    if alone && !window.is_empty() {
                        requeue(queue, std::iter::once(step));
                        break;
                    }
                    self.foresee(&step);
                    window.push_back(step);
                    if alone {
                        break;
                    }
                }
                Ok(None) => {}
                Err(NotReady::Pending) => {
                    queue.push_front(again);
                    break;
                }
            }
        }
        // What was foreseen was for this window's templates alone: the results themselves come when steps settle.
        (self.variables.upper, self.variables.upper_names) = before;
        Ok(window)
    }

    /// Lets later steps of the window see the result of this one, as far as it is known.
    fn foresee(&mut self, step: &Ready<'a>) {
        let Some(name) = &step.task.register else { return };
        if let Stage::Known(planned) = &step.stage
            && let Ok(plan) = planned.as_ref()
            && step.item.is_none()
            && plan.skipped.is_none()
            && super::done::unseen(plan).is_none()
            && step.task.changed_when.is_empty()
            && step.task.failed_when.is_empty()
        {
            let result = super::done::result_of(plan, !plan.changes.is_empty());
            self.variables.register(name, &result.into());
        } else {
            self.variables.register_pending(name);
        }
    }

    async fn ready(
        &mut self,
        work: Work<'a>,
        queue: &mut VecDeque<Work<'a>>,
        first: bool,
    ) -> Result<Option<Ready<'a>>, NotReady> {
        let Work { task, index, item } = work;
        if let (Some(_), None) = (&task.items, &item) {
            return self.unroll(task, index, queue);
        }
        let mut step = Ready::new(task, index, item, self.scope(task, None));
        if let Some(item) = step.item.clone() {
            step.scope = self.scope(task, Some(&item));
        }
        if let Some(module) = step.render(&self.shared.renderer, self.shared.options.check)? {
            let host = self.seen_by(step.delegated, step.identity.clone()).await;
            let probe = module.start(&host);
            // What a registry serves is not known before a change that may bear on it has been made.
            if self.acting && probe.asks().iter().any(|ask| matches!(ask, Ask::Tls(_) | Ask::Http(_))) {
                return Err(NotReady::Pending);
            }
            // Nor is anything waited for before the earlier steps are settled.
            let pauses = probe.asks().iter().any(|ask| matches!(ask, Ask::Pause(_)));
            if pauses && (self.acting || !first) {
                return Err(NotReady::Pending);
            }
            let key = self.settled_key(&step);
            let key = self.key_with_answers(key, probe.asks().to_vec()).await;
            step.stage =
                self.asking(step.delegated, Asking { probe, frames: None, digests: Vec::new(), key });
            self.advance(&mut step).await;
        }
        Ok(Some(step))
    }

    /// The host as a step's module sees it: the controller where it is delegated, and the user that it runs as.
    async fn seen_by(&self, delegated: bool, identity: Identity) -> modules::Host {
        if delegated {
            return self.shared.controller_host().await;
        }
        seen_as(&self.host, &identity)
    }

    /// Puts the items of a loop before the rest of the queue.
    fn unroll(
        &mut self,
        task: &'a Task,
        index: usize,
        queue: &mut VecDeque<Work<'a>>,
    ) -> Result<Option<Ready<'a>>, NotReady> {
        let scope = self.scope(task, None);
        let mut step = Ready::new(task, index, None, scope);
        let node = task.items.as_ref().unwrap_or(&task.module_key);
        match self.shared.renderer.value(node, &step.scope) {
            Ok(serde_json::Value::Array(items)) if items.is_empty() => {
                step.stage = Stage::Skipped("the loop has no items".to_owned());
            }
            Ok(serde_json::Value::Array(items)) => {
                let last = items.len() - 1;
                for (i, value) in items.into_iter().enumerate().rev() {
                    let item = Item { index: i, value, last: i == last };
                    queue.push_front(Work { task, index, item: Some(item) });
                }
                return Ok(None);
            }
            Ok(other) => {
                let kind = if other.is_object() { "a mapping" } else { "no list" };
                let problem = Problem::new(format!("`loop` is {kind}"), node.place());
                step.stage =
                    Stage::Wrong(Box::new(problem.help("give a list; `dict2items` makes one of a mapping")));
            }
            Err(NoValue::Pending) => return Err(NotReady::Pending),
            Err(NoValue::Unknown(reason)) => step.stage = Stage::Unknown(reason),
            Err(NoValue::Wrong(problem)) => step.stage = Stage::Wrong(problem),
        }
        // A list that is not there is no mistake where the task does not apply, as with the result of a skipped one.
        if matches!(step.stage, Stage::Wrong(_) | Stage::Unknown(_))
            && let Ok(Err(condition)) = self.shared.renderer.all(&task.when, &step.scope)
        {
            step.stage = Stage::Skipped(format!("`{condition}` does not hold"));
        }
        Ok(Some(step))
    }

    /// Goes on with a step as far as the controller's answers carry it.
    pub(super) async fn advance(&self, step: &mut Ready<'a>) {
        loop {
            let Stage::Asking(asking) = &mut step.stage else { return };
            let asks = asking.probe.asks();
            let host_is_asked = asks.iter().any(|ask| !ask.is_controllers());
            if host_is_asked && asking.frames.is_none() {
                return;
            }
            let frames = asking.frames.take().unwrap_or_default();
            asking.digests.extend(frames.iter().map(Frame::digest));
            let overlay = if step.delegated { &self.controller_overlay } else { &self.overlay };
            let answers = self.answers(asking.probe.asks(), &frames, overlay).await;
            let Stage::Asking(Asking { probe, digests, key, .. }) =
                std::mem::replace(&mut step.stage, Stage::Skipped(String::new()))
            else {
                return;
            };
            step.stage = match probe.resume(answers) {
                Ok(Step::Ready(planned)) => {
                    step.answered = (!digests.is_empty()).then_some((key, digests));
                    Stage::Known(Box::new(planned))
                }
                Ok(Step::More(probe)) => {
                    // What the controller is asked later is not part of the key; such a step is never known again.
                    let known =
                        probe.asks().iter().all(|ask| !ask.is_controllers() || matches!(ask, Ask::Now(_)));
                    let key = if known { key } else { self.shared.random() };
                    self.asking(step.delegated, Asking { probe, frames: None, digests, key })
                }
                Err(modules::AskError::Unknown(reason)) => Stage::Unknown(reason),
                Err(error) => Stage::Known(Box::new(Err(modules::PlanError::new(error.to_string())))),
            };
        }
    }

    /// What runs scripts for a step: on the host, or on the controller in its place.
    pub(super) fn shell(&self, delegated: bool) -> Shell {
        if delegated { Shell::Posix } else { self.transport.shell() }
    }

    /// A step that asks; one that asks what its host cannot be asked has failed, and nothing has run.
    fn asking(&self, delegated: bool, asking: Asking) -> Stage {
        let shell = self.shell(delegated);
        match asking.probe.asks().iter().find_map(|ask| shell.refuses_ask(ask)) {
            Some(refusal) => Stage::Known(Box::new(Err(refusal))),
            None => Stage::Asking(asking),
        }
    }

    async fn answers(&self, asks: &[Ask], frames: &[Frame], overlay: &Overlay) -> Vec<Answer> {
        let epoch = self.epoch();
        let bundles = |digest: &str| self.shared.memory.bundle(digest);
        let mut frames = frames.iter();
        let mut answers = Vec::with_capacity(asks.len());
        for ask in asks {
            let answer = if ask.is_controllers() {
                self.shared.controller.answer(ask, &self.play.directory, &epoch).await
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
        window: &mut VecDeque<Ready<'a>>,
        mut acts: Option<&mut Acts<'_>>,
    ) -> Result<bool, Left> {
        if acts.is_none() && self.hide(window) {
            return Ok(true);
        }
        if window.front().is_some_and(|step| step.delegated && step.waits()) && acts.is_none() {
            return self.exchange_here(window).await.map(|()| true);
        }
        let mut scripts = Scripts::new(self.shared, &self.host, self.transport.shell());
        if let Some(acts) = &acts {
            for (i, change) in acts.changes.iter().enumerate() {
                if let Some(call) = change.call() {
                    scripts.of(&acts.identity).act(ACTS + i, &call);
                }
            }
        }
        let identity = self.facts_identity();
        if !self.facts_read {
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
    fn hide(&self, window: &mut VecDeque<Ready<'a>>) -> bool {
        let Some(step) = window.front_mut() else { return false };
        let overlay = if step.delegated { &self.controller_overlay } else { &self.overlay };
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
        if self.facts_read {
            return Ok(true);
        }
        self.facts_read = true;
        match frames.get(FACTS) {
            Some(frame) if self.facts_body.as_ref() != Some(&frame.body) => {
                self.learn(&frame.body, identity).map(|()| false)
            }
            _ => Ok(true),
        }
    }

    /// Reads the facts where they are only remembered; false where they differ.
    pub(super) async fn verify_facts(&mut self) -> Result<bool, Left> {
        if self.facts_read {
            return Ok(true);
        }
        let identity = self.facts_identity();
        let frames = self.ask_facts(&identity).await?;
        self.facts_still_hold(&frames, &identity)
    }

    /// Asks for the facts alone.
    async fn ask_facts(&mut self, identity: &Identity) -> Result<Frames, Left> {
        let mut scripts = Scripts::new(self.shared, &self.host, self.transport.shell());
        scripts.of(identity).answer(FACTS, &Call::new("ask_facts"));
        self.send(&scripts).await
    }

    /// Adds the asks of a window to the scripts; gives the ids of each step's asks.
    fn ask_all(
        &self,
        window: &VecDeque<Ready<'a>>,
        first_is_free: bool,
        scripts: &mut Scripts,
    ) -> Vec<Vec<usize>> {
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
                && !step.delegated
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
                    (Some(mut guards), Some(digests)) if same_session && !fenced => {
                        guards.extend(ids.iter().copied().zip(digests.iter().cloned()));
                        Some(guards)
                    }
                    // A fenced ask changes nothing that another fenced one depends on.
                    (guards, _) if fenced => guards,
                    _ => None,
                };
            }
            all.push(ids);
        }
        all
    }

    /// Whether a step, by what is known of it without asking again, may still change something, so that no ask with an
    /// effect of its own may pass it.
    fn may_change(&self, step: &Ready<'a>) -> bool {
        match &step.stage {
            Stage::Skipped(_) | Stage::Wrong(_) => false,
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
        if self.facts_body.is_some() {
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
        self.facts_read = true;
        self.learn(&body, &identity)
    }

    /// As whom the first task that needs the host runs; the variables that say so cannot depend on facts.
    fn facts_identity(&self) -> Identity {
        let task = self.play.tasks.iter().find(|task| task.delegate_to.is_none());
        let Some(task) = task else { return Identity::Login };
        let mut step = Ready::new(task, 0, None, self.scope(task, None));
        step.identity_of(&self.shared.renderer)
    }

    fn learn(&mut self, body: &str, identity: &Identity) -> Result<(), Left> {
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
        match scripts.run(&name, &transport, self.shared).await {
            Ok(frames) => Ok(frames),
            Err(error) => Err(self.lost(&error)),
        }
    }

    async fn exchange_here(&self, window: &mut VecDeque<Ready<'a>>) -> Result<(), Left> {
        let Some(step) = window.front_mut() else { return Ok(()) };
        let Stage::Asking(asking) = &mut step.stage else { return Ok(()) };
        let mut scripts = Scripts::new(self.shared, &self.shared.controller_host().await, Shell::Posix);
        scripts.patience = asking.probe.asks().iter().map(Ask::patience).sum();
        let calls: Vec<_> = asking.probe.asks().iter().filter_map(Ask::call).collect();
        for (id, call) in calls.iter().enumerate() {
            scripts.of(&Identity::Login).answer(id, call);
        }
        match scripts.run("localhost", &self.controller, self.shared).await {
            Ok(frames) => {
                asking.frames = (0..calls.len()).map(|id| frames.get(id).cloned()).collect();
                if asking.frames.is_none() {
                    step.stage =
                        Stage::Known(Box::new(Err(modules::PlanError::new("the controller gave no answer"))));
                }
            }
            Err(error) => {
                step.stage = Stage::Known(Box::new(Err(modules::PlanError::new(error.to_string()))));
            }
        }
        Ok(())
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
    fn settled_key(&self, step: &Ready<'a>) -> String {
        let facts = self.facts_body.as_deref().unwrap_or_default();
        let (module, settings) = (step.task.module.name, &self.host.settings);
        format!("{module}\n{}\n{:?}\n{settings:?}\n{facts}", step.arguments, step.identity)
    }

    /// The controller's own answers are part of the key, such as the file that is to be copied; its clock alone is not.
    async fn key_with_answers(&self, mut key: String, asks: Vec<Ask>) -> String {
        let depends = |ask: &&Ask| ask.is_controllers() && !matches!(ask, Ask::Now(_) | Ask::Pause(_));
        for ask in asks.iter().filter(depends) {
            match self.shared.controller.answer(ask, &self.play.directory, &self.epoch()).await {
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
