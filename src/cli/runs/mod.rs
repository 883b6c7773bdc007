//! `dtrctl runs`

mod filter;
mod list;
mod merge;

use clap::{Args, Subcommand, ValueEnum};

use super::journal::JournalOptions;
use super::mode::{self, Shown};
use super::{Done, output};
use crate::error::Failure;
use crate::journal::{Ending, Kept};
use crate::report::Report as _;
use filter::Filter;

/// The runs that were kept: all of them, or one of them as it was said.
///
/// Without a name it lists them, the newest first. With one it says again what the run said, in the format that is asked
/// for now.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Runs {
    #[command(subcommand)]
    together: Option<Together>,
    /// The run to say again: its id, what its id begins with, or `last`.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    filter: Filter,
    /// For a list: `human` or `json`; for a run: `human`, or `jsonl`, one JSON object an event.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    journal: JournalOptions,
}

/// Several runs at once.
#[derive(Debug, Subcommand)]
enum Together {
    Merge(merge::Merge),
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for people.
    Human,
    /// One JSON document.
    Json,
    /// One JSON object an event.
    Jsonl,
}

impl Runs {
    pub fn run(self) -> Done {
        if let Some(Together::Merge(merge)) = &self.together {
            return merge.run();
        }
        let store = self.journal.kept()?;
        match &self.run {
            Some(name) => self.again(&store.find(name)?),
            None => self.list(&store.runs()),
        }
    }

    /// Says a run again, through the reports that said it.
    fn again(&self, kept: &Kept) -> Done {
        let format = match self.format {
            Format::Human => mode::Format::Human,
            Format::Jsonl => mode::Format::Jsonl,
            Format::Json => {
                return Err(Failure::said("a run has no `--format json`")
                    .help("`--format jsonl` prints its events, one JSON object a line"));
            }
        };
        self.filter.refuse_beside_a_run()?;
        let record = kept.record()?;
        let told = kept.told()?;
        let mut reports = self.shown.reports(record.asked.check, format)?;
        told.events.iter().for_each(|event| reports.on(event));
        reports.finish().map_err(|error| Failure::said(error.to_string()))?;
        if told.torn {
            output::note("warning: the last event was cut off while it was written; it is left out");
        }
        match kept.ending() {
            Ending::Finished(_) => {}
            Ending::GoesOn => output::note(&format!("run {} still goes on", kept.name)),
            Ending::Unfinished => output::note(&format!(
                "run {} was cut off here; `dtrctl resume {}` goes on with it",
                kept.name, kept.name
            )),
        }
        Ok(0)
    }

    fn list(&self, runs: &[Kept]) -> Done {
        let found = self.filter.select(runs)?;
        match self.format {
            Format::Human => output::print(&list::text(&found)),
            Format::Json => output::print(&format!("{:#}\n", list::json(&found))),
            Format::Jsonl => {
                return Err(Failure::said("a list has no `--format jsonl`").help("give `--format json`"));
            }
        }
        Ok(0)
    }
}
