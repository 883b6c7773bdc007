//! Where the time of a task went on a host.

use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a task has cost on a host, in microseconds. A script that asks for several tasks counts for the first of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Waiting for the connection.
    pub connecting_us: u64,
    /// Waiting for the host: from a script's first byte to its last answer.
    pub host_us: u64,
    /// Waiting for other hosts, for its turn, and where the playbook pauses.
    pub turn_us: u64,
    /// The rest: what the controller itself has done.
    pub controller_us: u64,
}

impl Cost {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.connecting_us + self.host_us + self.turn_us + self.controller_us
    }

    /// Its parts with their names, in the order of the report.
    #[must_use]
    pub const fn parts(&self) -> [(&'static str, u64); 4] {
        [
            ("connecting", self.connecting_us),
            ("host", self.host_us),
            ("turn", self.turn_us),
            ("controller", self.controller_us),
        ]
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.connecting_us += other.connecting_us;
        self.host_us += other.host_us;
        self.turn_us += other.turn_us;
        self.controller_us += other.controller_us;
    }
}

/// A time in microseconds.
#[must_use]
pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
