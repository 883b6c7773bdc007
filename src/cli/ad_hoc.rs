//! `dtrctl run`

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::gates::GateOptions;
use super::mode::Mode;
use super::options::InventoryOptions;
use super::run::{ConnectionOptions, Job};
use super::{Done, playbooks};
use crate::engine::{Options, Renderer, Selected, plays};
use crate::plan::Planning;
use crate::playbook::one_task;

/// Runs one module on hosts, as a playbook of one task would: asks each host, shows what has to change, and makes exactly
/// that so.
#[derive(Debug, Args)]
pub struct Run {
    /// The hosts, such as `docker:!db1`.
    pattern: String,
    /// The module, such as `copy`; `dtrctl modules` lists them.
    module: String,
    /// Its arguments, each a word of the shell's. A word without `=` belongs to the bare text of `command` and its like.
    #[arg(value_name = "NAME=VALUE")]
    words: Vec<String>,
    /// Its arguments as one text, as they stand after a module's name in a playbook: words, or a mapping in braces.
    #[arg(short, long, value_name = "TEXT", conflicts_with = "words")]
    args: Option<String>,
    #[command(flatten)]
    inventory: InventoryOptions,
    #[command(flatten)]
    mode: Mode,
    #[command(flatten)]
    connection: ConnectionOptions,
    #[command(flatten)]
    gates: GateOptions,
}

impl Run {
    pub fn run(self) -> Done {
        let play = match &self.args {
            Some(text) => one_task::of_text(&self.pattern, &self.module, text)?,
            None => one_task::of_words(&self.pattern, &self.module, &self.words)?,
        };
        let playbook = playbooks::of_text(play)?;
        let inventory = Arc::new(self.inventory.load(None)?);
        let hosts = self.inventory.hosts(&inventory, &self.pattern)?;
        let selected = plays(&[playbook])
            .into_iter()
            .map(|play| Selected { play, hosts: hosts.clone(), listed: hosts.clone() })
            .collect();
        let mut reports = self.mode.reports()?;
        let job = Job {
            options: Options {
                gates: self.gates.gates(),
                ..self.mode.options(&self.inventory, &self.connection)?
            },
            renderer: Renderer::with_lookups(
                PathBuf::new(),
                Some(Arc::clone(&inventory)),
                self.connection.becomes()?,
            ),
            inventory,
            connection: &self.connection,
            selected,
            playbooks: vec![self.module],
            detailed: self.mode.detailed_exitcode,
            planning: Planning::default(),
        };
        job.run(&mut reports)
    }
}
