//! `dtrctl cert`

mod check;
mod fetch;
mod file;
mod generate;
mod inspect;
mod task;

use clap::{Args, Subcommand};

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
