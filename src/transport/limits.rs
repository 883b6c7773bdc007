use std::time::Duration;

/// What a run may cost at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For the connection, and again for the session on it.
    pub connect: Duration,
    /// For the script, from its first byte to its last answer. The host ends it by itself at this age.
    pub task: Duration,
    /// Bytes of output; a host that sends more is cut off.
    pub max_output: usize,
}

impl Limits {
    /// The same with more seconds for the script.
    #[must_use]
    pub fn extended(&self, seconds: u64) -> Self {
        let task = self.task.saturating_add(Duration::from_secs(seconds));
        Self { task, ..self.clone() }
    }

    /// The task's limit as the host's `sleep` takes it.
    pub(super) fn seconds(&self) -> u64 {
        self.task.as_secs().max(1)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), task: Duration::from_secs(300), max_output: 16 << 20 }
    }
}

/// What a script that ran to its end has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Standard output of the sections that ran, in order and nothing else.
    pub stdout: Vec<u8>,
    /// The last 8 KiB of standard error.
    pub stderr_tail: String,
    /// The status of the last section that ran: the script stops at the first that is not 0.
    pub status: i32,
}
