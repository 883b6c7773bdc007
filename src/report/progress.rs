//! How far a run is, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::visible;

/// A line at the end of the terminal, or nothing.
pub struct Progress {
    bar: ProgressBar,
    /// Whether it is out of the way of a question.
    paused: bool,
}

impl Progress {
    /// Nothing: the output goes to a file or a pipe.
    #[must_use]
    pub fn none() -> Self {
        Self { bar: ProgressBar::hidden(), paused: false }
    }

    /// A line on standard error, which the caller knows to be a terminal.
    #[must_use]
    pub fn stderr() -> Self {
        let bar = ProgressBar::with_draw_target(None, target());
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars("-\\|/ "));
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, paused: false }
    }

    /// Says how many hosts are through, and which task the slowest are at.
    pub fn at(&self, done: usize, all: usize, task: Option<&str>) {
        let task = task.map(|name| format!(": {}", visible::line(name))).unwrap_or_default();
        self.bar.set_message(format!("{done} of {all} hosts done{task}"));
    }

    /// Writes, with the line out of the way.
    pub fn around(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Keeps the line away, as somebody is asked something in its place.
    pub fn pause(&mut self) {
        if !self.bar.is_hidden() {
            self.bar.suspend(|| ());
            self.bar.set_draw_target(ProgressDrawTarget::hidden());
            self.paused = true;
        }
    }

    /// Brings the line back.
    pub fn go_on(&mut self) {
        if std::mem::take(&mut self.paused) {
            self.bar.set_draw_target(target());
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::stderr_with_hz(8)
}
