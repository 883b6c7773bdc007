//! Where a host's time goes: what it waits for is measured where it waits, and the rest is the controller's.

use std::time::Instant;

use super::host::HostRun;
use crate::event::{Cost, Event, TaskHead, micros};

/// What has gone by since a host's last task was through.
#[derive(Debug)]
pub struct Timings {
    since: Instant,
    cost: Cost,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub enum Wait {
    /// The connection.
    Connection,
    /// The host's answer.
    Host,
    /// Other hosts, or a pause.
    Turn,
}

impl Default for Timings {
    fn default() -> Self {
        Self { since: Instant::now(), cost: Cost::default() }
    }
}

impl Timings {
    /// Adds what was waited for since an instant.
    pub fn waited(&mut self, what: Wait, since: Instant) {
        let waited = micros(since.elapsed());
        match what {
            Wait::Connection => self.cost.connecting_us += waited,
            Wait::Host => self.cost.host_us += waited,
            Wait::Turn => self.cost.turn_us += waited,
        }
    }

    /// What the task in hand has cost; the next one begins.
    fn take(&mut self) -> Cost {
        let Self { since, cost } = std::mem::take(self);
        Cost { controller_us: micros(since.elapsed()).saturating_sub(cost.total()), ..cost }
    }
}

impl HostRun {
    /// Says what a task has cost, where that is wanted; none is what ends the play on the host.
    pub(super) fn say_cost(&mut self, task: Option<&TaskHead>) {
        let cost = self.timings.take();
        if self.shared.options.timings {
            let host = self.host.name.clone();
            self.shared.emit(Event::Timed { host, task: task.cloned(), cost });
        }
    }
}
