//! Waiting, on the host, until something is so.

use serde::Serialize;

use super::path::HostPath;
use super::text::Call;

/// Waits until something is so, or the time is over. It is fenced: what is waited for may be the effect of an earlier task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskWait {
    /// What is waited for.
    pub condition: WaitCondition,
    /// Seconds before the first look.
    pub delay: u64,
    /// Seconds between two looks.
    pub sleep: u64,
    /// Seconds in all, `delay` included.
    pub timeout: u64,
    /// Seconds that one connection may take.
    pub connect_timeout: u64,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitCondition {
    /// That the time is over.
    Time,
    /// That a port takes connections, and says what a pattern (an extended regular expression) finds.
    Open(String, u16, Option<String>),
    /// That it takes none.
    Closed(String, u16),
    /// That a path is there, and its file holds what a pattern finds.
    Present(HostPath, Option<String>),
    /// That it is not.
    Absent(HostPath),
    /// That nobody is connected to a port of this address (as `/proc/net/tcp` writes it), or of `any`.
    Drained(String, u16),
}

/// How the waiting ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// Whether it is so.
    pub met: bool,
    /// Seconds that it took.
    pub elapsed: u64,
    /// Whether the host has no means to tell.
    pub blind: bool,
}

impl AskWait {
    /// Seconds that the answer may take.
    #[must_use]
    pub const fn longest(&self) -> u64 {
        self.delay
            .saturating_add(self.timeout)
            .saturating_add(self.sleep)
            .saturating_add(self.connect_timeout)
    }

    pub(super) fn call(&self) -> Call {
        let call = Call::new("ask_wait");
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let call = match &self.condition {
            WaitCondition::Time => call.words(["time", "", "", "", ""]),
            WaitCondition::Open(host, port, pattern) => {
                call.word("open").word(host).number(u64::from(*port)).word("").word(text(pattern))
            }
            WaitCondition::Closed(host, port) => {
                call.word("closed").word(host).number(u64::from(*port)).words(["", ""])
            }
            WaitCondition::Present(path, pattern) => {
                call.words(["present", "", ""]).path(path).word(text(pattern))
            }
            WaitCondition::Absent(path) => call.words(["absent", "", ""]).path(path).word(""),
            WaitCondition::Drained(address, port) => {
                call.word("drained").word(address).number(u64::from(*port)).words(["", ""])
            }
        };
        call.number(self.delay).number(self.sleep).number(self.timeout).number(self.connect_timeout)
    }
}
