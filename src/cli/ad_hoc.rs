//! `dtrctl run`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::gates::GateOptions;
use super::journal::{Draft, JournalOptions, Sealed};
use super::mode::Mode;
use super::options::InventoryOptions;
use super::resume::Resumed;
use super::run::{ConnectionOptions, Job};
use super::{Done, playbooks};
use crate::engine::{Options, Renderer, Selected, plays};
use crate::error::Failure;
use crate::plan::Planning;
use crate::playbook::one_task;

/// Runs one module on hosts, as a playbook of one task would: asks each host, shows what has to change, and makes exactly
/// that so.
#[derive(Debug, Args, Serialize, Deserialize)]
pub struct Run {
    /// The hosts, such as `docker:!db1`.
    pattern: String,
    /// The module, such as `copy`; `dtrctl modules` lists them.
    module: String,
    /// Its arguments, each a word of the shell's. A word without `=` belongs to the bare text of `command` and its like.
    #[arg(value_name = "NAME=VALUE")]
    #[serde(skip)]
    pub words: Vec<String>,
    /// Its arguments as one text, as they stand after a module's name in a playbook: words, or a mapping in braces.
    #[arg(short, long, value_name = "TEXT", conflicts_with = "words")]
    #[serde(skip)]
    pub args: Option<String>,
    #[command(flatten)]
    pub inventory: InventoryOptions,
    #[command(flatten)]
    #[serde(skip)]
    pub mode: Mode,
    #[command(flatten)]
    pub connection: ConnectionOptions,
    #[command(flatten)]
    pub gates: GateOptions,
    #[command(flatten)]
    #[serde(skip)]
    pub journal: JournalOptions,
}

impl Run {
    pub fn run(self) -> Done {
        self.go(None)
    }

    /// Runs it, or what an earlier run has left of it.
    pub fn go(&self, resumed: Option<&Resumed>) -> Done {
        let play = match &self.args {
            Some(text) => one_task::of_text(&self.pattern, &self.module, text)?,
            None => one_task::of_words(&self.pattern, &self.module, &self.words)?,
        };
        let playbook = playbooks::of_text(play)?;
        let inventory = Arc::new(self.inventory.load(Some(Path::new("")))?);
        let hosts = self.inventory.hosts(&inventory, &self.pattern)?;
        let mut selected: Vec<Selected> = plays(&[playbook])
            .into_iter()
            .map(|play| Selected { play, hosts: hosts.clone(), listed: hosts.clone() })
            .collect();
        let mut draft = self.draft()?;
        let mut options =
            Options { gates: self.gates.gates(), ..self.mode.options(&self.inventory, &self.connection)? };
        if let Some(resumed) = resumed {
            resumed.narrow(&mut draft, &mut selected)?;
            options.limit.clone_from(&resumed.limit);
        }
        let mut reports = self.mode.reports()?;
        let job = Job {
            journal: Some(draft),
            options,
            renderer: Renderer::with_lookups(
                PathBuf::new(),
                Some(Arc::clone(&inventory)),
                self.connection.becomes()?,
            ),
            inventory,
            connection: &self.connection,
            selected,
            playbooks: vec![self.module.clone()],
            detailed: self.mode.detailed_exitcode,
            planning: Planning::default(),
        };
        job.run(&mut reports)
    }

    /// What is kept of the run.
    fn draft(&self) -> Result<Draft, Failure> {
        let mut draft = Draft::new(&self.journal, "run", self.mode.check, self)?;
        draft.inventory(&self.inventory)?;
        draft.becomes(self.connection.becomes()?);
        draft.seal(&Sealed {
            extra_vars: self.inventory.extra_vars.clone(),
            words: self.words.clone(),
            args: self.args.clone(),
        });
        Ok(draft)
    }
}
