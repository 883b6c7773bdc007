//! `dtrctl validate`

use std::path::PathBuf;

use clap::Args;

use super::vault::VaultOptions;
use super::{Done, output, playbooks};

/// Checks playbooks: syntax, names, arguments, templates. No host is touched, and no inventory needed.
#[derive(Debug, Args)]
pub struct Validate {
    /// The playbooks.
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
    #[command(flatten)]
    vault: VaultOptions,
}

impl Validate {
    pub fn run(self) -> Done {
        self.vault.unlock()?;
        let mut said = String::new();
        for playbook in playbooks::read(&self.playbooks)? {
            let tasks: usize =
                playbook.plays.iter().map(|play| play.tasks().count() + play.handlers.len()).sum();
            let plays = playbook.plays.len();
            said += &format!(
                "{}: {}, {}, no mistakes\n",
                playbook.path.display(),
                count(plays, "play"),
                count(tasks, "task")
            );
        }
        output::print(&said);
        Ok(0)
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
