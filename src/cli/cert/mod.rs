//! `dtrctl cert`

mod check;
mod fetch;
mod file;
mod generate;
mod inspect;
mod task;

use clap::{Args, Subcommand, ValueEnum};

use super::Done;

/// Certificates: fetched, looked at, checked before they are served, made.
#[derive(Debug, Args)]
pub struct Cert {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Fetch),
    Inspect(inspect::Inspect),
    Check(Box<check::Check>),
    Generate(Box<generate::Generate>),
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

impl Cert {
    pub fn run(self) -> Done {
        match self.command {
            Command::Fetch(fetch) => fetch.run(),
            Command::Inspect(inspect) => inspect.run(),
            Command::Check(check) => check.run(),
            Command::Generate(generate) => generate.run(),
        }
    }
}
