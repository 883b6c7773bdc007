//! `dtrctl inventory`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::Value as Json;

use super::options::InventoryOptions;
use super::{Done, output};
use crate::error::Failure;
use crate::inventory::{LOCALHOST, Listing, Pattern};

/// The inventory as `ansible-inventory` prints it.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Inventory {
    /// All groups and host variables as JSON.
    #[arg(long, group = "what")]
    list: bool,
    /// The groups as a tree, below GROUP or below `all`.
    #[arg(long, group = "what")]
    graph: bool,
    /// The group that --graph begins with.
    #[arg(requires = "graph", default_value = "all", hide_default_value = true)]
    group: String,
    /// With --graph: the variables of groups and hosts, too.
    #[arg(long, requires = "graph")]
    vars: bool,
    /// With --list: each variable at the group or host that it is set for, not merged at each host.
    #[arg(long, requires = "list")]
    export: bool,
    /// Reads the variables beside a playbook in this directory, too. Default, but with --export: the working directory.
    #[arg(long, value_name = "DIR")]
    playbook_dir: Option<PathBuf>,
    /// One host's variables as JSON.
    #[arg(long, value_name = "NAME", group = "what")]
    host: Option<String>,
    #[command(flatten)]
    from: InventoryOptions,
}

impl Inventory {
    pub fn run(self) -> Done {
        let inventory = self.from.load(self.beside())?;
        let mut listing = Listing {
            only: None,
            extra: self.from.extra_listed(!self.graph)?,
            export: self.export,
            playbook_groups: self.playbook_dir.is_some(),
        };
        let text = if self.graph {
            inventory.to_graph(&self.group, self.vars.then_some(&listing))?
        } else if let Some(host) = &self.host {
            if !inventory.has_host(host) && !LOCALHOST.contains(&host.as_str()) {
                return Err(Failure::said(format!("the inventory has no host `{host}`"))
                    .help("`--graph` shows all hosts"));
            }
            pretty(&inventory.to_host_json(host, &listing)?)?
        } else {
            if self.from.limit.is_some() {
                let all = Pattern::from_argument("the pattern", "all")?;
                let (hosts, unmatched) = self.from.select(&inventory, &all)?;
                output::warn(&unmatched);
                listing.only = Some(hosts.into_iter().map(Arc::from).collect());
            }
            pretty(&inventory.to_list_json(&listing)?)?
        };
        output::print(&(text.trim_end().to_owned() + "\n"));
        Ok(0)
    }

    /// Where the playbook would stand. What is exported belongs to the inventory, and not to where this is called.
    fn beside(&self) -> Option<&Path> {
        self.playbook_dir.as_deref().or((!self.export).then_some(Path::new("")))
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
