//! The journal's directory: runs are begun in it, found in it, and the oldest leave it.

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::reading::Kept;
use super::record::Record;
use super::recorder::Recorder;
use super::seal;
use crate::error::Failure;

/// How many runs are kept; where one more begins, the oldest goes.
pub const KEPT: usize = 200;

pub(super) const RECORD: &str = "run.json";
pub(super) const EVENTS: &str = "events.jsonl";

/// A journal's directory.
#[derive(Debug, Clone)]
pub struct Store(PathBuf);

/// A run that has been begun in a journal.
pub struct Begun {
    /// What writes it.
    pub recorder: Recorder,
    /// Its directory.
    pub directory: PathBuf,
}

impl Store {
    /// The journal in this directory, which need not be there yet.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// Begins a run; `secrets` are sealed.
    ///
    /// # Errors
    /// The directory or its files cannot be made.
    pub fn begin(&self, mut record: Record, secrets: Option<&str>) -> io::Result<Begun> {
        private_directories().recursive(true).create(&self.0)?;
        let directory = self.0.join(&record.run);
        private_directories().create(&directory)?;
        if let Some(secrets) = secrets {
            record.asked.sealed = Some(seal::seal(&self.0, &record.run, secrets)?);
        }
        let events = seal::private(&directory.join(EVENTS))?;
        // Held as long as the run goes on: a reader knows by it that this is no run that was cut off.
        events.try_lock().map_err(io::Error::from)?;
        write_record(&directory, &record)?;
        self.prune();
        Ok(Begun { recorder: Recorder::new(events, directory.clone(), record), directory })
    }

    /// The runs, the newest first.
    #[must_use]
    pub fn runs(&self) -> Vec<Kept> {
        let mut runs: Vec<Kept> =
            self.names().into_iter().map(|name| Kept::new(self.0.clone(), name)).collect();
        // Ids tell seconds apart; of two runs of one second their records tell.
        let second = |run: &Kept| run.name.split('-').next().unwrap_or_default().to_owned();
        let began = |run: &Kept| run.record().map(|record| record.started).unwrap_or_default();
        runs.sort_by(|a, b| {
            second(b).cmp(&second(a)).then_with(|| began(b).cmp(&began(a))).then_with(|| b.name.cmp(&a.name))
        });
        runs
    }

    /// The run of this id, or of an id that begins so, or the `last` one.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn find(&self, wanted: &str) -> Result<Kept, Failure> {
        let runs = self.runs();
        let place = self.0.display();
        if wanted == "last" {
            let none = || Failure::said(format!("no run is kept in `{place}`"));
            return runs.into_iter().next().ok_or_else(none);
        }
        let mut found: Vec<Kept> = runs.into_iter().filter(|run| run.name.starts_with(wanted)).collect();
        if let Some(exact) = found.iter().position(|run| run.name == wanted) {
            return Ok(found.swap_remove(exact));
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(Failure::said(format!("no run in `{place}` is named `{wanted}`"))
                .help("`dtrctl runs` lists those that are kept; `last` is the newest")),
            _ => {
                let names: Vec<&str> = found.iter().map(|run| run.name.as_str()).collect();
                Err(Failure::said(format!("`{wanted}` begins the names of {} runs", names.len()))
                    .help(format!("name one of them: {}", names.join(", "))))
            }
        }
    }

    /// The names of the directories that are runs; other files are nobody's business.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| is_run(name)).collect()
    }

    /// Removes the oldest runs; one that still goes on stays.
    fn prune(&self) {
        for run in self.runs().into_iter().skip(KEPT).filter(|run| !run.goes_on()) {
            _ = std::fs::remove_dir_all(self.0.join(&run.name));
        }
    }
}

fn private_directories() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Whether a name is a run's id: a time in UTC, and six hex digits.
fn is_run(name: &str) -> bool {
    const SHAPE: &str = "00000000T000000Z-xxxxxx";
    let fits = |(shape, c): (char, char)| match shape {
        '0' => c.is_ascii_digit(),
        'x' => c.is_ascii_hexdigit(),
        other => other == c,
    };
    name.len() == SHAPE.len() && SHAPE.chars().zip(name.chars()).all(fits)
}

/// Writes `run.json` beside itself first: a reader never sees half of one.
pub(super) fn write_record(directory: &Path, record: &Record) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(record).map_err(io::Error::other)?;
    text.push(b'\n');
    let mut beside = tempfile::Builder::new().prefix(".run-").tempfile_in(directory)?;
    beside.write_all(&text)?;
    beside.as_file().sync_all()?;
    beside.persist(directory.join(RECORD)).map_err(|error| error.error)?;
    Ok(())
}
