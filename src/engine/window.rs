//! The window: as many steps as can be made ready by now, and the one script that asks for all of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use modules::{Answer, Ask, AskTrustStore, Call, Change, Frame, Frames, Overlay, Shell, Step};

use super::guard::Refused;
use super::host::{HostRun, Left, Window};
use super::scripts::Scripts;
use super::step::{Asking, Ready, Stage};
use super::timings::Wait;
use crate::event::State;
use crate::playbook::Files;
use crate::transport::{Identity, TransportError};

/// The id of the facts' frame; those of asks and changes are counted from 0.
pub const FACTS: usize = 999_999;
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
    /// Why none of it was done, where the host is not this run's.
    pub refused: Option<Refused>,
}

impl<'c> Acts<'c> {
    /// Changes that are to be made.
    pub const fn new(changes: &'c [Change], identity: Identity) -> Self {
        Self { changes, identity, frames: Vec::new(), refused: None }
    }
}

impl Ready {
    /// Whether the host has to be asked before it can go on.
    pub fn waits(&self) -> bool {
        matches!(&self.stage, Stage::Asking(asking) if asking.frames.is_none())
    }

    /// Whether it cannot be made ready before a step before it is settled.
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Pending)
    }
}

impl HostRun {
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
    pub(super) fn asking(&self, step: &Ready, asking: Asking) -> Stage {
        let shell = self.shell(step);
        match asking.probe.asks().iter().find_map(|ask| shell.refuses_ask(ask)) {
            Some(refusal) => Stage::Known(Box::new(Err(refusal))),
            None => Stage::Asking(asking),
        }
    }

    pub(super) async fn answers(
        &self,
        asks: &[Ask],
        frames: &[Frame],
        overlay: &Overlay,
        files: &Files,
    ) -> Vec<Answer> {
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
        let mut scripts = Scripts::new(&self.host, self.transport.shell());
        let guarding = self.hold(&mut scripts, acts.as_ref().map(|acts| &acts.identity));
        if let Some(acts) = &acts {
            for (i, change) in acts.changes.iter().enumerate() {
                if let Some(call) = change.call() {
                    scripts.of(&acts.identity).act(ACTS + i, &call);
                }
            }
        }
        let unread = (!self.facts.read).then(|| self.facts_identity());
        if let Some(identity) = &unread {
            scripts.of(identity).answer(FACTS, &Call::new("ask_facts"));
        }
        let ids = self.ask_all(window, acts.is_none(), &mut scripts);
        let frames = self.send(&scripts).await?;
        let refused = self.held(&guarding, &frames)?;
        if let (None, Some(Refused::Not(reason))) = (&acts, &refused) {
            return Err(self.lost_guard(reason.clone()));
        }
        if let Some(acts) = &mut acts {
            acts.refused = refused;
            acts.frames = (0..acts.changes.len()).map(|i| frames.get(ACTS + i).cloned()).collect();
        }
        if let Some(identity) = &unread
            && !self.facts_still_hold(&frames, identity)?
        {
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
    pub(super) fn hide(&self, window: &mut Window) -> bool {
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

    /// Adds the asks of a window to the scripts; gives the ids of each step's asks.
    pub(super) fn ask_all(
        &self,
        window: &Window,
        first_is_free: bool,
        scripts: &mut Scripts,
    ) -> Vec<Vec<usize>> {
        let mut next = 0;
        // The asks before a fenced one with the answers that say "nothing to do"; none where that is not known.
        let mut guards = first_is_free.then(Vec::new);
        let identity = window.front().map(|step| step.identity.clone());
        let mut all = Vec::with_capacity(window.len());
        // What several steps ask is answered once: nothing changes between two asks of a script.
        let mut known: HashMap<(&Identity, String), usize> = HashMap::new();
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
                        let key = (&step.identity, call.to_string());
                        if let Some(id) = known.get(&key).filter(|_| !fenced) {
                            ids.push(*id);
                            continue;
                        }
                        scripts.patience += ask.patience();
                        let script = scripts.of(&step.identity);
                        match &guards {
                            Some(guards) if fenced && !guards.is_empty() => {
                                script.guarded(next, guards, &call);
                            }
                            _ => script.answer(next, &call),
                        }
                        if fenced {
                            // What a user's command does is not known.
                            known.clear();
                        } else {
                            known.insert(key, next);
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
    pub(super) fn may_change(&self, step: &Ready) -> bool {
        match &step.stage {
            Stage::Skipped(_) | Stage::Wrong(_) | Stage::Told(_) => false,
            Stage::Unknown(_) | Stage::Pending => true,
            Stage::Known(planned) => planned.as_ref().as_ref().is_ok_and(|plan| !plan.changes.is_empty()),
            Stage::Asking(asking) => asking.frames.as_ref().is_some_and(|frames| {
                let digests: Vec<_> =
                    asking.digests.iter().cloned().chain(frames.iter().map(Frame::digest)).collect();
                self.memory.settled.get(&asking.key) != Some(&digests)
            }),
        }
    }

    /// The call of an ask; a trust store's says which bundles need not be sent again.
    pub(super) fn call(&self, ask: &Ask) -> Option<Call> {
        match ask {
            Ask::TrustStore(store) => {
                let known = self.shared.memory.bundles();
                Ask::TrustStore(AskTrustStore { known, ..store.clone() }).call()
            }
            other => other.call(),
        }
    }

    pub(super) async fn send(&mut self, scripts: &Scripts) -> Result<Frames, Left> {
        let transport = std::sync::Arc::clone(&self.transport);
        let name = self.host.name.clone();
        let since = Instant::now();
        let out_of_reach = self.shared.out_of_reach(&name).await;
        if self.shared.options.timings && out_of_reach.is_none() && !self.facts.read {
            // The script would connect by itself, and say what is wrong with that.
            _ = transport.connect(&name, &self.shared.options.limits).await;
        }
        self.timings.waited(Wait::Connection, since);
        if let Some(reason) = out_of_reach {
            return Err(self.unreachable(reason));
        }
        self.recap.trips += 1;
        self.guard.begins();
        let since = Instant::now();
        let ran = scripts.run(&name, &transport, &self.shared).await;
        self.timings.waited(Wait::Host, since);
        self.guard.rests();
        if ran.as_ref().map_or_else(TransportError::may_have_started, |_| true) {
            self.shared.count_reached(&name);
        }
        ran.map_err(|error| {
            self.guard.loses(&error);
            self.lost(&error)
        })
    }

    /// Asks for the first step where it is delegated to.
    pub(super) async fn exchange_there(&self, window: &mut Window) {
        let Some(step) = window.front_mut() else { return };
        let (Some(site), Stage::Asking(asking)) = (&step.site, &mut step.stage) else { return };
        let mut scripts = Scripts::new(&site.host, site.transport.shell());
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
        self.recap.failed += 1;
        self.lose(State::Failed, reason);
        Left::Failed
    }

    /// The key of a step's answers: what its plan depends on besides what the host says.
    pub(super) fn settled_key(&self, step: &Ready) -> String {
        let facts = self.facts.body.as_deref().unwrap_or_default();
        let (module, settings) = (step.task().action.name(), &self.host.settings);
        format!("{module}\n{}\n{:?}\n{settings:?}\n{facts}", step.arguments, step.identity)
    }

    /// The controller's own answers are part of the key, such as the file that is to be copied; its clock alone is not.
    pub(super) async fn key_with_answers(&self, mut key: String, files: &Files, asks: Vec<Ask>) -> String {
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
    pub(super) fn epoch(&self) -> String {
        if self.epoch == 0 { String::new() } else { format!("{} {}", self.host.name, self.epoch) }
    }
}
