//! `dtrctl hosts`

use clap::{Args, ValueEnum};

use super::options::InventoryOptions;
use super::{Done, output};
use crate::error::Failure;
use crate::inventory::Pattern;

/// The hosts that a pattern selects, one a line.
#[derive(Debug, Args)]
pub struct Hosts {
    /// The pattern, such as `docker:!db1`.
    pattern: String,
    #[command(flatten)]
    inventory: InventoryOptions,
    /// `text`: one a line; `json`: a list.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Hosts {
    pub fn run(self) -> Done {
        let inventory = self.inventory.load(None)?;
        let pattern = Pattern::from_argument("the pattern", &self.pattern)?;
        let (hosts, unmatched) = self.inventory.select(&inventory, &pattern)?;
        // A pattern may well select nothing; a limit that leaves nothing is a mistake, as is a name that is not there.
        if hosts.is_empty() && !(unmatched.is_empty() && self.inventory.limit.is_none()) {
            return Err(self.inventory.none(&inventory, &pattern, unmatched));
        }
        output::warn(&unmatched);
        let text = match self.format {
            Format::Text => hosts.iter().map(|host| format!("{host}\n")).collect(),
            Format::Json => {
                serde_json::to_string(&hosts).map_err(|error| Failure::said(error.to_string()))? + "\n"
            }
        };
        output::print(&text);
        Ok(0)
    }
}
