//! `dtrctl completions`

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::Shell;

use super::{Cli, Done, output};
use crate::error::Failure;

/// The completions of a shell, as the script that it reads.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// `source <(dtrctl completions bash)` in ~/.bashrc
    Bash,
    /// `dtrctl completions zsh > "${fpath[1]}/_dtrctl"`
    Zsh,
    /// `dtrctl completions fish > ~/.config/fish/completions/dtrctl.fish`
    Fish,
}

impl Completions {
    pub fn run(&self) -> Done {
        let shell = match self.shell {
            Kind::Bash => Shell::Bash,
            Kind::Zsh => Shell::Zsh,
            Kind::Fish => Shell::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "dtrctl", &mut script);
        let script = String::from_utf8(script).map_err(|error| Failure::said(error.to_string()))?;
        output::print(&script);
        Ok(0)
    }
}
