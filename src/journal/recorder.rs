//! Writes a run down while it goes on.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::record::Record;
use super::store::write_record;
use crate::event::Event;

/// Writes down what a run says, as it is said: of a run that is killed, all that was said before is there.
pub struct Recorder {
    /// None once writing has failed.
    events: Option<File>,
    directory: PathBuf,
    record: Record,
}

impl Recorder {
    pub(super) const fn new(events: File, directory: PathBuf, record: Record) -> Self {
        Self { events: Some(events), directory, record }
    }

    /// Takes an event.
    ///
    /// # Errors
    /// It could not be written: said once, and nothing is written after it, so that what is there has no hole.
    pub fn on(&mut self, event: &Event) -> Result<(), String> {
        let Some(events) = &mut self.events else { return Ok(()) };
        let written = line(event).and_then(|line| events.write_all(&line));
        if let Err(error) = written {
            self.events = None;
            return Err(self.said(&error));
        }
        if let Event::RunFinished { exit, .. } = event {
            return self.end(*exit).map_err(|error| self.said(&error));
        }
        Ok(())
    }

    fn end(&mut self, exit: u8) -> io::Result<()> {
        self.record.ended = Some(now());
        self.record.exit = Some(exit);
        self.events.as_ref().map_or(Ok(()), File::sync_data)?;
        write_record(&self.directory, &self.record)
    }

    fn said(&self, error: &io::Error) -> String {
        format!(
            "warning: the journal `{}` cannot be written any more: {error}; the run goes on without it",
            self.directory.display()
        )
    }
}

fn line(event: &Event) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(event).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

/// The time in UTC, in seconds.
pub(super) fn now() -> String {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}
