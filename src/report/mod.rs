//! Reports: consumers of events, and the only place that prints.
//!
//! Absent on purpose: anything but events. A report asks no host, no clock and no environment, so that a recorded run
//! reads as the run did.

mod batch;
mod fold;
mod group;
mod human;
mod jsonl;
mod junit;
mod page;
mod progress;
mod recap;
mod sink;
mod task;
#[cfg(test)]
mod tests;
mod timings;
mod trust;

pub use fold::fold;
pub use human::Human;
pub use jsonl::Jsonl;
pub use junit::Junit;
pub use page::{DiffMode, Look};
pub use progress::Progress;
pub use sink::ReportError;
pub use trust::{Question, Trust};

use crate::event::Event;
use sink::Sink;

/// A consumer of events.
pub trait Report: Send {
    /// Takes an event. What cannot be written is kept for [`Report::finish`]: a run does not end for a report.
    fn on(&mut self, event: &Event);

    /// Makes room for a question at the terminal; what is reported next comes after its answer.
    fn pause(&mut self) {}

    /// Writes what is left.
    ///
    /// # Errors
    /// [`ReportError`] where something could not be written. A reader that has gone is no error.
    fn finish(&mut self) -> Result<(), ReportError>;
}

/// Several reports of one run.
#[derive(Default)]
pub struct Reports(pub Vec<Box<dyn Report>>);

impl Report for Reports {
    fn on(&mut self, event: &Event) {
        self.0.iter_mut().for_each(|report| report.on(event));
    }

    fn pause(&mut self) {
        self.0.iter_mut().for_each(|report| report.pause());
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        // Each is finished, whatever became of those before it.
        self.0.iter_mut().map(|report| report.finish()).fold(Ok(()), Result::and)
    }
}
