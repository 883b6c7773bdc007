//! `dtrctl schema`

use clap::{Args, ValueEnum};

use super::{Done, output};
use crate::{inventory, playbook};

/// The JSON Schema of playbooks or inventories, by which an editor completes and checks them.
#[derive(Debug, Args)]
pub struct Schema {
    /// What the schema is of.
    #[arg(value_enum, default_value_t = What::Playbook)]
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Playbooks, with the arguments of all modules.
    Playbook,
    /// Inventories in YAML.
    Inventory,
}

impl Schema {
    #[expect(clippy::unnecessary_wraps, reason = "every subcommand gives this back")]
    pub fn run(&self) -> Done {
        let schema = match self.what {
            What::Playbook => playbook::schema(),
            What::Inventory => inventory::schema(),
        };
        output::print(&format!("{schema:#}\n"));
        Ok(0)
    }
}
