//! A kept run, read again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::record::{Record, VERSION};
use super::seal;
use super::store::{EVENTS, RECORD};
use serde::Deserialize as _;
use serde_json::Value;

use crate::error::Failure;
use crate::event::{self, Event};

/// A run of a journal.
#[derive(Debug, Clone)]
pub struct Kept {
    journal: PathBuf,
    /// The run's id.
    pub name: String,
}

/// All that a run has said.
#[derive(Debug)]
pub struct Told {
    /// The events, in order.
    pub events: Vec<Event>,
    /// Whether the last one was cut off while it was written; it is not among them.
    pub torn: bool,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ending {
    /// By itself: its last event.
    Finished(Box<Event>),
    /// It still goes on.
    GoesOn,
    /// It was cut off.
    Unfinished,
}

impl Kept {
    pub(super) const fn new(journal: PathBuf, name: String) -> Self {
        Self { journal, name }
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.journal.join(&self.name)
    }

    /// What it was asked.
    ///
    /// # Errors
    /// The record cannot be read, or is of a version that this dtrctl does not know.
    pub fn record(&self) -> Result<Record, Failure> {
        let path = self.directory().join(RECORD);
        let wrong = |why: String| Failure::said(format!("`{}` cannot be read: {why}", path.display()));
        let text = std::fs::read(&path).map_err(|error| wrong(error.to_string()))?;
        let value: Value = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let version = value.get("version").and_then(Value::as_u64).unwrap_or_default();
        if version != u64::from(VERSION) {
            let why = format!("it has version {version}, and this dtrctl reads version {VERSION}");
            return Err(wrong(why).help("read it with the dtrctl that wrote it, which it names"));
        }
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }

    /// The variables of the command line; none where there are none.
    ///
    /// # Errors
    /// The journal's key does not open them.
    pub fn secrets(&self, record: &Record) -> Result<Option<String>, Failure> {
        let Some(sealed) = &record.asked.sealed else { return Ok(None) };
        seal::open(&self.journal, &record.run, sealed).map(Some).ok_or_else(|| {
            Failure::said(format!("the variables of run {} cannot be opened", self.name)).help(format!(
                "the journal's key, `{}`, is not the one that sealed them: run the playbook again with its `-e`",
                self.journal.join("key").display()
            ))
        })
    }

    /// All that it has said.
    ///
    /// # Errors
    /// The file cannot be read, or holds what this dtrctl does not know.
    pub fn told(&self) -> Result<Told, Failure> {
        let path = self.directory().join(EVENTS);
        let wrong = |why: String| Failure::said(format!("`{}` cannot be read: {why}", path.display()));
        let mut reader = BufReader::new(File::open(&path).map_err(|error| wrong(error.to_string()))?);
        let mut told = Told { events: Vec::new(), torn: false };
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(|error| wrong(error.to_string()))?;
            if read == 0 {
                return Ok(told);
            }
            if line.last() != Some(&b'\n') {
                told.torn = true;
                return Ok(told);
            }
            let number = told.events.len() + 1;
            told.events.push(self.event(&line).map_err(|why| wrong(format!("line {number}: {why}")))?);
        }
    }

    fn event(&self, line: &[u8]) -> Result<Event, String> {
        let unknown = |error: serde_json::Error| match self.record() {
            Ok(record) if record.dtrctl != env!("CARGO_PKG_VERSION") => {
                let own = env!("CARGO_PKG_VERSION");
                format!("{error}; it was written by dtrctl {}, and this is {own}", record.dtrctl)
            }
            _ => error.to_string(),
        };
        let line: Value = serde_json::from_slice(line).map_err(unknown)?;
        // Another version may say the rest in another way.
        let version =
            line.get("version").filter(|_| line.get("event").is_some_and(|name| name == "run_started"));
        if let Some(version) = version.filter(|version| **version != event::VERSION) {
            let (by, own) = (&line["dtrctl"], event::VERSION);
            return Err(format!(
                "its events have version {version}, written by dtrctl {by}, and this dtrctl reads version {own}"
            ));
        }
        Event::deserialize(line).map_err(unknown)
    }

    /// Whether it planned a change of a path.
    ///
    /// # Errors
    /// As for [`Kept::told`].
    pub fn plans_for(&self, path: &str) -> Result<bool, Failure> {
        let file = self.directory().join(EVENTS);
        let written = Value::from(path).to_string();
        // Most runs have nothing to do with it, and are not parsed.
        let holds = std::fs::read_to_string(&file).is_ok_and(|text| text.contains(&written));
        if !holds {
            return Ok(false);
        }
        let is_about = |event: &Event| match event {
            Event::Planned { changes, .. } => {
                changes.iter().any(|planned| planned.change.values().any(|value| names(value, path)))
            }
            _ => false,
        };
        Ok(self.told()?.events.iter().any(is_about))
    }

    /// How it ended.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match self.last_event() {
            Some(event @ Event::RunFinished { .. }) => Ending::Finished(Box::new(event)),
            _ if self.goes_on() => Ending::GoesOn,
            _ => Ending::Unfinished,
        }
    }

    /// Whether its process still writes it.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        let file = File::open(self.directory().join(EVENTS));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
    }

    /// The last whole line, read from the end: a long run's events need not be read for it.
    fn last_event(&self) -> Option<Event> {
        const STEP: u64 = 64 << 10;
        let mut file = File::open(self.directory().join(EVENTS)).ok()?;
        let end = file.seek(SeekFrom::End(0)).ok()?;
        let (mut from, mut tail) = (end, Vec::new());
        while from > 0 {
            let step = STEP.min(from);
            from -= step;
            file.seek(SeekFrom::Start(from)).ok()?;
            let mut part = vec![0; usize::try_from(step).ok()?];
            file.read_exact(&mut part).ok()?;
            part.extend(tail);
            tail = part;
            let text = tail.strip_suffix(b"\n")?;
            if let Some(begin) = text.iter().rposition(|byte| *byte == b'\n') {
                return serde_json::from_slice(&text[begin + 1..]).ok();
            }
        }
        serde_json::from_slice(tail.strip_suffix(b"\n")?).ok()
    }
}

/// Whether a change's data names a path: as the place of the change itself or of a part of it.
fn names(value: &Value, path: &str) -> bool {
    match value {
        Value::String(text) => text == path,
        Value::Array(items) => items.iter().any(|item| names(item, path)),
        Value::Object(entries) => entries.values().any(|value| names(value, path)),
        _ => false,
    }
}
