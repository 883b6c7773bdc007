//! Delegated steps: what another place does in a host's stead.

use std::sync::Arc;

use modules::{Change, Frame, Plan};

use super::done::{Done, acted, encode, unseen};
use super::host::{HostRun, Left, Window};
use super::scripts::Scripts;
use super::site::Site;
use super::step::{Ready, Stage, Witness};
use crate::event::Outcome;
use crate::transport::Identity;

impl HostRun {
    /// Makes a delegated step's changes. Many hosts have the same one, so it is asked again while no other changes
    /// anything there: what the first has done, the others find done.
    pub(super) async fn apply_there(
        &mut self,
        again: Witness,
        site: &Arc<Site>,
        plan: Plan,
    ) -> Result<Done, Left> {
        let changes: Vec<Change> =
            plan.changes.iter().filter(|change| !change.is_controllers()).cloned().collect();
        let _alone = site.acting.lock().await;
        if !changes.iter().all(Change::is_provable) {
            let frames = self.act_there(site, again.identity(), &changes).await;
            return Ok(acted(plan, &changes, &frames));
        }
        if let Some(now) = self.ask_there(&again, site).await?
            && now.changes.is_empty()
        {
            return Ok(Done::planned(now, Outcome::Ok));
        }
        let changes = match self.shared.controller.make(&changes).await {
            Ok(changes) => changes,
            Err(message) => return Ok(Done::failed("change", message)),
        };
        let frames = self.act_there(site, again.identity(), &changes).await;
        let reason = unseen(&plan);
        let mut done = acted(plan, &changes, &frames);
        if done.outcome == Outcome::Changed
            && let Some(proof) = again.ask(&site.host)
        {
            done.unseen = reason;
            self.prove(proof, &mut done).await?;
        }
        Ok(done)
    }

    /// The plan of a delegated step as it is by now; none where it has come to be none.
    async fn ask_there(&mut self, step: &Witness, site: &Site) -> Result<Option<Plan>, Left> {
        let Some(again) = step.ask(&site.host) else { return Ok(None) };
        let asked = self.ask_whole(again).await?;
        Ok(match asked.stage {
            Stage::Known(planned) => planned.ok(),
            _ => None,
        })
    }

    /// Asks a step alone until its plan is known.
    pub(super) async fn ask_whole(&mut self, mut step: Ready) -> Result<Ready, Left> {
        self.advance(&mut step).await;
        while step.waits() {
            let mut window = Window::from([step]);
            self.exchange(&mut window, None).await?;
            let Some(asked) = window.pop_front() else { unreachable!("an exchange keeps its window") };
            step = asked;
            self.advance(&mut step).await;
        }
        Ok(step)
    }

    async fn act_there(&self, site: &Site, identity: &Identity, changes: &[Change]) -> Vec<Option<Frame>> {
        let mut scripts = Scripts::new(&site.host, site.transport.shell());
        for (id, call) in changes.iter().filter_map(Change::call).enumerate() {
            scripts.of(identity).act(id, &call);
        }
        match scripts.run(&site.host.name, &site.transport, &self.shared).await {
            Ok(frames) => (0..changes.len()).map(|id| frames.get(id).cloned()).collect(),
            Err(error) => vec![Some(Frame::new(1, format!("b:{}", encode(&error.to_string()))))],
        }
    }
}
