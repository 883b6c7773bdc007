//! What a run has to do with a plan file: changes are sealed as they are shown, and held to the reviewed ones before they are
//! made.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use modules::Plan;

use super::host::{HostRun, Left, Looped};
use super::run::Shared;
use super::step::Ready;
use crate::event::{Event, PlannedChange, Recap, State};
use crate::plan::Maker;
use crate::transport::Identity;

impl Shared {
    /// Leaves out hosts that are lost before the run begins, and says why. One that is not where the plan has it was left as it
    /// is: that counts against no budget.
    pub fn leave_alone(&self, lost: BTreeMap<String, Recap>) {
        for (host, recap) in lost {
            let state = recap.state;
            if let Some(reason) = recap.reason.clone() {
                let event = Event::lost(&host, state, reason);
                if state == State::Stale { self.emit(event) } else { self.say_lost(&host, state, event) }
            }
            self.keep_recap(&host, recap);
        }
    }

    /// The number of the play in hand, from 1.
    pub(super) fn play_number(&self) -> u32 {
        self.plays_begun.load(Ordering::Relaxed)
    }
}

impl HostRun {
    /// A step's changes as a reader sees them.
    pub(super) fn shown(&self, step: &Ready, plan: &Plan) -> Vec<PlannedChange> {
        let maker = Maker {
            user: match &step.identity {
                Identity::Login => None,
                Identity::User(user) => Some(user),
            },
            site: step.site.as_ref().map(|site| site.host.name.as_str()),
            no_log: step.no_log,
        };
        let shown = plan.changes.iter().map(|change| {
            let sealed = self.shared.planning.sealer.as_ref().map(|sealer| sealer.seal(change, maker));
            let shown = PlannedChange { sealed, ..PlannedChange::new(change, step.no_log) };
            if step.shows_diff { shown } else { PlannedChange { diff: None, ..shown } }
        });
        shown.collect()
    }

    /// Ends the host where what a step would make so was not reviewed. What is only planned is compared as a whole, later.
    pub(super) fn hold_to_review(&mut self, step: &Ready, changes: &[PlannedChange]) -> Result<(), Left> {
        let Some(reviewed) = self.shared.planning.reviewed.as_ref().filter(|_| !step.check) else {
            return Ok(());
        };
        let permitted = reviewed.permits(&self.host.name, self.shared.play_number(), &step.head, changes);
        permitted.map_err(|reason| {
            self.recap.reason = Some(reason.clone());
            self.looped = Looped::default();
            self.shared.emit(Event::HostFailed { host: self.host.name.clone(), reason });
            Left::Stale
        })
    }
}
