//! How far a run is, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::visible;

/// A line at the end of the terminal, or nothing.
pub struct Progress(ProgressBar);

impl Progress {
    /// Nothing: the output goes to a file or a pipe.
    #[must_use]
    pub fn none() -> Self {
        Self(ProgressBar::hidden())
    }

    /// A line on standard error, which the caller knows to be a terminal.
    #[must_use]
    pub fn stderr() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars("-\\|/ "));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self(bar)
    }

    /// Says how many hosts are through, and which task the slowest are at.
    pub fn at(&self, done: usize, all: usize, task: Option<&str>) {
        let task = task.map(|name| format!(": {}", visible::line(name))).unwrap_or_default();
        self.0.set_message(format!("{done} of {all} hosts done{task}"));
    }

    /// Writes, with the line out of the way.
    pub fn around(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}
