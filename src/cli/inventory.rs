//! `dtrctl inventory`

use clap::Args;
use serde_json::Value as Json;

use super::options::InventoryOptions;
use super::{Done, output};
use crate::error::Failure;

/// The inventory as `ansible-inventory` prints it.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct Inventory {
    /// All groups and host variables as JSON.
    #[arg(long, group = "what")]
    list: bool,
    /// The groups as a tree.
    #[arg(long, group = "what")]
    graph: bool,
    /// One host's variables as JSON.
    #[arg(long, value_name = "NAME", group = "what")]
    host: Option<String>,
    #[command(flatten)]
    from: InventoryOptions,
}

impl Inventory {
    pub fn run(self) -> Done {
        let inventory = self.from.load(None)?;
        let text = if self.graph {
            inventory.to_graph("all").unwrap_or_default()
        } else if let Some(host) = &self.host {
            if !inventory.has_host(host) {
                return Err(Failure::said(format!("the inventory has no host `{host}`"))
                    .help("`--graph` shows all hosts"));
            }
            pretty(&Json::Object(inventory.vars_json(host)?))?
        } else {
            pretty(&inventory.to_list_json()?)?
        };
        output::print(&(text.trim_end().to_owned() + "\n"));
        Ok(0)
    }
}

/// JSON with four spaces and sorted keys, as `ansible-inventory` prints it.
fn pretty(value: &Json) -> Result<String, Failure> {
    let mut value = value.clone();
    value.sort_all_objects();
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(&value, &mut serializer).map_err(|error| Failure::said(error.to_string()))?;
    String::from_utf8(bytes).map_err(|error| Failure::said(error.to_string()))
}
