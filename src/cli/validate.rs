//! `dtrctl validate`

use std::path::PathBuf;

use clap::Args;

use super::{Done, output};
use crate::playbook::Playbook;
use crate::yaml::Problems;

/// Checks playbooks: syntax, names, arguments, templates. No host is touched, and no inventory needed.
#[derive(Debug, Args)]
pub struct Validate {
    /// The playbooks.
    #[arg(required = true, value_name = "PLAYBOOK")]
    playbooks: Vec<PathBuf>,
}

impl Validate {
    pub fn run(self) -> Done {
        let mut problems = Problems::new();
        let mut said = String::new();
        for path in &self.playbooks {
            let Some(playbook) = problems.take(Playbook::load(path)) else { continue };
            let before = problems.0.len();
            crate::engine::check_templates(&playbook, &mut problems);
            if problems.0.len() == before {
                let tasks: usize =
                    playbook.plays.iter().map(|play| play.tasks.len() + play.handlers.len()).sum();
                said += &format!(
                    "{}: {} plays, {tasks} tasks, no mistakes\n",
                    path.display(),
                    playbook.plays.len()
                );
            }
        }
        output::print(&said);
        if problems.is_empty() { Ok(0) } else { Err(problems.into()) }
    }
}
