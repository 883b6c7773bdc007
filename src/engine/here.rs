//! Delegated steps: what the controller does in a host's place.

use std::collections::VecDeque;

use modules::{Change, Frame, Host, Plan, Shell};

use super::done::{Done, acted, encode, unseen};
use super::host::{HostRun, Left};
use super::step::{Ready, Stage, Witness};
use super::window::Scripts;
use crate::event::Outcome;
use crate::transport::Identity;

impl<'a> HostRun<'a> {
    /// Makes a delegated step's changes. Many hosts have the same one, so it is asked again while no other changes
    /// anything here: what the first has done, the others find done.
    pub(super) async fn apply_here(&mut self, step: Witness<'a>, plan: Plan) -> Result<Done, Left> {
        let changes: Vec<Change> =
            plan.changes.iter().filter(|change| !change.is_controllers()).cloned().collect();
        if !changes.iter().all(Change::is_provable) {
            let frames = self.act_here(&changes).await;
            return Ok(acted(plan, &changes, &frames));
        }
        let shared = self.shared;
        let _alone = shared.controller.acting().await;
        let host = shared.controller_host().await;
        if let Some(now) = self.ask_here(&step, &host).await?
            && now.changes.is_empty()
        {
            return Ok(Done::planned(now, Outcome::Ok));
        }
        let changes = match shared.controller.make(&changes).await {
            Ok(changes) => changes,
            Err(message) => return Ok(Done::failed("change", message)),
        };
        let frames = self.act_here(&changes).await;
        let reason = unseen(&plan);
        let mut done = acted(plan, &changes, &frames);
        if done.outcome == Outcome::Changed
            && let Some(proof) = step.ask(&host)
        {
            done.unseen = reason;
            self.prove(proof, &mut done).await?;
        }
        Ok(done)
    }

    /// The plan of a delegated step as it is by now; none where it has come to be none.
    async fn ask_here(&mut self, step: &Witness<'a>, host: &Host) -> Result<Option<Plan>, Left> {
        let Some(again) = step.ask(host) else { return Ok(None) };
        let asked = self.ask_whole(again).await?;
        Ok(match asked.stage {
            Stage::Known(planned) => planned.ok(),
            _ => None,
        })
    }

    /// Asks a step alone until its plan is known.
    pub(super) async fn ask_whole(&mut self, mut step: Ready<'a>) -> Result<Ready<'a>, Left> {
        self.advance(&mut step).await;
        while step.waits() {
            let mut window = VecDeque::from([step]);
            self.exchange(&mut window, None).await?;
            let Some(asked) = window.pop_front() else { unreachable!("an exchange keeps its window") };
            step = asked;
            self.advance(&mut step).await;
        }
        Ok(step)
    }

    async fn act_here(&self, changes: &[Change]) -> Vec<Option<Frame>> {
        let mut scripts = Scripts::new(self.shared, &self.shared.controller_host().await, Shell::Posix);
        for (id, call) in changes.iter().filter_map(Change::call).enumerate() {
            scripts.of(&Identity::Login).act(id, &call);
        }
        match scripts.run("localhost", &self.controller, self.shared).await {
            Ok(frames) => (0..changes.len()).map(|id| frames.get(id).cloned()).collect(),
            Err(error) => vec![Some(Frame { status: 1, body: format!("b:{}", encode(&error.to_string())) })],
        }
    }
}
