//! Waiting, on the controller.

use serde::Serialize;

/// Has the controller wait, once all earlier tasks of the host are settled.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskPause {
    /// How long, in seconds.
    pub seconds: u64,
}
