//! Where a report goes. A reader that has gone ends it quietly; another failure is kept and said at the end.

use std::io::{self, Write};

use crate::vault;

/// A report that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Writing failed.
    #[error("cannot write the {report}: {source}; what the run did to the hosts stands")]
    Write {
        /// Which report.
        report: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// A writer that remembers its first failure, and writes nothing after it.
pub struct Sink {
    report: &'static str,
    to: Box<dyn Write + Send>,
    failed: Option<io::Error>,
}

impl Sink {
    /// A sink for the report of that name.
    pub fn new(report: &'static str, to: Box<dyn Write + Send>) -> Self {
        Self { report, to, failed: None }
    }

    /// Writes and flushes.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            // What was encrypted has been masked in the events; whatever got past that ends here.
            let text = vault::has_secrets().then(|| std::str::from_utf8(bytes).ok()).flatten();
            let text = text.map(vault::masked);
            let bytes = text.as_ref().map_or(bytes, |text| text.as_bytes());
            self.failed = self.to.write_all(bytes).and_then(|()| self.to.flush()).err();
        }
    }

    /// Whether all of it was written.
    ///
    /// # Errors
    /// The first failure, unless it is that the reader has gone.
    pub fn finish(&mut self) -> Result<(), ReportError> {
        match self.failed.take() {
            Some(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                Err(ReportError::Write { report: self.report, source })
            }
            _ => Ok(()),
        }
    }
}
