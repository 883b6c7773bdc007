//! Whether a run changes anything, and what is shown of it: for all subcommands that run tasks of the user's.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, ValueEnum};

use super::options::InventoryOptions;
use super::output;
use super::run::ConnectionOptions;
use crate::engine::{Options, Tags};
use crate::error::Failure;
use crate::playbook::Gates;
use crate::report::{self, DiffMode, Look, Progress, Report, Reports};

/// Whether anything is changed, and what is shown.
#[derive(Debug, Clone, Default, Args)]
pub struct Mode {
    /// Shows what would change and changes nothing.
    #[arg(long)]
    pub check: bool,
    #[command(flatten)]
    pub shown: Shown,
    /// Exits with 2 where changes are pending, owed or unknown.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Says where the time of each task and host went: connecting, waiting for the host, waiting for its turn, the controller.
    #[arg(long)]
    pub timings: bool,
    /// What goes to standard output: a report for people, or one JSON object an event.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// What is shown of a run, while it goes on or once it is kept.
#[derive(Debug, Clone, Default, Args)]
pub struct Shown {
    /// How differences are shown: once for all hosts that share them, for each host, as counts, or not at all.
    /// Default: `grouped` with --check, else `none`.
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "grouped")]
    pub diff: Option<DiffMode>,
    /// Shows each task's result, too; given twice, how hosts are reached. `debug` with a `verbosity` counts it.
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Writes every event as a JSON line to this file, too.
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Writes a `JUnit` report to this file.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A report for people.
    #[default]
    Human,
    /// One JSON object an event.
    Jsonl,
}

impl Mode {
    /// What the operator has asked for, but for tags.
    pub fn options(
        &self,
        inventory: &InventoryOptions,
        connection: &ConnectionOptions,
    ) -> Result<Options, Failure> {
        Ok(Options {
            check: self.check,
            forks: connection.forks()?,
            tags: Tags::default(),
            extra: inventory.extra()?,
            limit: inventory.limit.clone(),
            diff: self.shown.diff.map_or(self.check, |diff| diff != DiffMode::None),
            verbosity: self.shown.verbose,
            force_handlers: false,
            gates: Gates::default(),
            shard: None,
            timings: self.timings,
            limits: connection.limits()?,
            lock_timeout: connection.lock_timeout.unwrap_or(0),
            guard_timeout: connection.guard_timeout.unwrap_or(30),
        })
    }

    /// The reports that were asked for.
    pub fn reports(&self) -> Result<Reports, Failure> {
        self.shown.reports(self.check, self.format)
    }
}

impl Shown {
    /// The reports of a run, or of a check.
    pub fn reports(&self, check: bool, format: Format) -> Result<Reports, Failure> {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let by_default = if check { DiffMode::Grouped } else { DiffMode::None };
        let terminal = stdout.is_terminal();
        let progress = if terminal && stderr.is_terminal() { Progress::stderr() } else { Progress::none() };
        let look = Look {
            colour: output::colour(terminal),
            width: terminal.then(|| output::width(&stdout)),
            diff: self.diff.unwrap_or(by_default),
            results: self.verbose > 0,
        };
        let mut reports: Vec<Box<dyn Report>> = Vec::new();
        reports.push(match format {
            Format::Human => Box::new(report::Human::new(Box::new(stdout), Box::new(stderr), look, progress)),
            Format::Jsonl => Box::new(report::Jsonl::new(Box::new(stdout))),
        });
        if let Some(path) = &self.events {
            reports.push(Box::new(report::Jsonl::new(Box::new(create(path)?))));
        }
        if let Some(path) = &self.junit {
            reports.push(Box::new(report::Junit::new(Box::new(create(path)?))));
        }
        Ok(Reports(reports))
    }
}

fn create(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::File::create(path)
        .map_err(|error| Failure::said(format!("`{}` cannot be written: {error}", path.display())))
}
