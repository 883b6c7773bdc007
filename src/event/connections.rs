//! What becomes of the connections when a run ends.

use serde::{Deserialize, Serialize};

/// Connections that outlive a run, so that the next one need not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connections {
    /// How many stay open.
    pub open: usize,
    /// How long each does without being used, in seconds.
    pub seconds: u64,
    /// How many were closed, as no more may stay; those that were idle longest.
    pub closed: usize,
}
