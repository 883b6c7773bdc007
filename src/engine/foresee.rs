//! Before the first write on a host, what follows is judged with it: a file that the daemon would not start with is not
//! written, whichever task would find that out.

use std::sync::Arc;

use modules::{Blame, Frame, Host, Plan, Step};

use super::done::Done;
use super::host::{HostRun, Left, Window};
use super::scripts::Scripts;
use super::step::{Asking, Ready, Stage, Witness, seen_as};
use crate::event::Outcome;
use crate::playbook::Files;
use crate::transport::Identity;

impl HostRun {
    /// How the first step that changes something ends where a later one would refuse what it does, as far as that is known
    /// from what the host has answered. None where nothing is known against it, and once something was changed.
    pub(super) async fn judge_ahead(
        &mut self,
        step: &mut Ready,
        plan: &Plan,
        window: &mut Window,
    ) -> Option<Done> {
        if self.guard.has_begun() || step.site.is_some() {
            return None;
        }
        let before = std::mem::take(&mut self.overlay);
        self.overlay.extend(&plan.changes);
        let refused = self.first_refusal(window).await;
        self.overlay = before;
        let (task, error) = refused?;
        let message = format!("with this, `{task}` would refuse to go on: {}", error.message);
        Some(Done::reason(Outcome::Failed, "foreseen", message, Some("nothing was written".to_owned())))
    }

    /// Why the daemon would not start with what a plan makes of the files that it reads, where it would without.
    pub(super) async fn breaks_daemon(
        &mut self,
        step: &mut Ready,
        plan: &Plan,
    ) -> Result<Option<String>, Left> {
        let host = seen_as(&self.host, &step.identity);
        if step.site.is_some()
            || host.facts.daemons.is_empty()
            || !modules::writes_unjudged(&step.head.module, &host, &plan.changes)
        {
            return Ok(None);
        }
        let files = Arc::clone(&step.work.task.around.files);
        let frames = self.ask_verdict(&host, &step.identity).await?;
        let Some(frames) = frames else { return Ok(None) };
        if self.daemon_verdict(&host, &files, &frames).await.is_some() {
            return Ok(None);
        }
        let before = self.overlay.clone();
        self.overlay.extend(&plan.changes);
        let broken = self.daemon_verdict(&host, &files, &frames).await;
        self.overlay = before;
        Ok(broken)
    }

    async fn ask_verdict(&mut self, host: &Host, identity: &Identity) -> Result<Option<Vec<Frame>>, Left> {
        let probe = modules::daemon_verdict(host);
        let mut scripts = Scripts::new(host, self.transport.shell());
        let guards = self.hold(&mut scripts, None);
        for (id, call) in probe.asks().iter().filter_map(|ask| self.call(ask)).enumerate() {
            scripts.of(identity).answer(id, &call);
        }
        let frames = self.send(&scripts).await?;
        self.held(&guards, &frames)?;
        Ok((0..probe.asks().len()).map(|id| frames.get(id).cloned()).collect())
    }

    async fn daemon_verdict(&self, host: &Host, files: &Files, frames: &[Frame]) -> Option<String> {
        let probe = modules::daemon_verdict(host);
        let answers = self.answers(probe.asks(), frames, &self.overlay, files).await;
        match probe.resume(answers) {
            Ok(Step::Ready(verdict)) => verdict,
            _ => None,
        }
    }

    /// The first of the steps that follow which would put the host back.
    async fn first_refusal(&mut self, window: &mut Window) -> Option<(String, modules::PlanError)> {
        for next in window.iter_mut() {
            if matches!(next.stage, Stage::Skipped(_)) {
                continue;
            }
            let mut again = self.as_answered(next)?;
            self.advance(&mut again).await;
            let Stage::Known(planned) = again.stage else { return None };
            match *planned {
                Ok(plan) => self.overlay.extend(&plan.changes),
                Err(error) if error.blame == Blame::Sure => return Some((next.head.name.clone(), error)),
                Err(_) => return None,
            }
        }
        None
    }

    /// A step once more, with what the host has answered; none where that would not hold any more.
    fn as_answered(&self, step: &Ready) -> Option<Ready> {
        let Stage::Asking(asking) = &step.stage else { return None };
        let is_first = asking.digests.is_empty() && step.site.is_none();
        let hidden = asking.probe.asks().iter().any(|ask| self.overlay.hides(ask).is_some());
        let frames = asking.frames.clone().filter(|_| is_first && !hidden)?;
        let mut again = Witness::of(step).ask(&self.host)?;
        if let Stage::Asking(Asking { frames: answered, .. }) = &mut again.stage {
            *answered = Some(frames);
        }
        Some(again)
    }
}
