//! JSON lines: one event a line.

use std::io::Write;

use super::{Report, ReportError, Sink};
use crate::event::Event;

/// One event a line, flushed by line.
pub struct Jsonl(Sink);

impl Jsonl {
    /// A report to this writer.
    #[must_use]
    pub fn new(to: Box<dyn Write + Send>) -> Self {
        Self(Sink::new("events", to))
    }
}

impl Report for Jsonl {
    fn on(&mut self, event: &Event) {
        // Events hold text and numbers only, which JSON can always say.
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            self.0.write(&line);
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.0.finish()
    }
}
