//! Options that several subcommands share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::output;
use super::settings::settings;
use super::vault::VaultOptions;
use crate::error::Failure;
use crate::inventory::{Inventory, Pattern};
use crate::playbook::{is_about_the_connection, variables_of_line};
use crate::yaml::{self, Node, Problem, Problems, Source, Value};

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A report for people.
    Human,
    /// One JSON document.
    Json,
}

/// Where hosts come from.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
pub struct InventoryOptions {
    /// An inventory: a file in YAML, INI or JSON, a program that lists hosts, a directory of these, docker-machine's store, or
    /// a list such as `web1,web2,`. May be given again.
    #[arg(short, long = "inventory", value_name = "INVENTORY", env = "DTRCTL_INVENTORY")]
    pub inventory: Vec<String>,
    #[command(flatten)]
    pub vault: VaultOptions,
    /// Only hosts that this pattern selects too; `@FILE` reads a pattern a line, `@-` from standard input.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// A variable that overrules all others: `NAME=VALUE`, a YAML mapping, or `@FILE`. May be given again.
    #[arg(short, long = "extra-vars", value_name = "K=V|@FILE")]
    #[serde(skip)]
    pub extra_vars: Vec<String>,
}

impl InventoryOptions {
    /// Reads the inventories, and the variables beside them and beside the playbook. Where there is no playbook, those of the
    /// working directory (`""`) take their place, as in Ansible.
    pub fn load(&self, playbook_dir: Option<&Path>) -> Result<Inventory, Failure> {
        let sources = if self.inventory.is_empty() { &settings()?.inventory } else { &self.inventory };
        if sources.is_empty() {
            return Err(Failure::said("no inventory is given")
                .help("give one with `-i FILE`, or set DTRCTL_INVENTORY, or `inventory` in ansible.cfg"));
        }
        self.vault.unlock()?;
        Ok(Inventory::load(sources, playbook_dir)?)
    }

    /// The hosts that a pattern selects, within the limit, and its terms that match nothing.
    pub fn select(
        &self,
        inventory: &Inventory,
        pattern: &Pattern,
    ) -> Result<(Vec<String>, Problems), Problems> {
        let selection = match &self.limit {
            Some(limit) => {
                let limit = Pattern::from_limit(limit, standard_input)?;
                inventory.select_limited(pattern, &limit)?
            }
            None => inventory.select(pattern)?,
        };
        let hosts = selection.hosts.iter().map(ToString::to_string).collect();
        Ok((hosts, selection.unmatched))
    }

    /// The hosts that an argument names; one that names none is a mistake.
    pub fn hosts(&self, inventory: &Inventory, pattern: &str) -> Result<Vec<String>, Failure> {
        let pattern = Pattern::from_argument("the pattern", pattern)?;
        let (hosts, unmatched) = self.select(inventory, &pattern)?;
        if hosts.is_empty() {
            return Err(self.none(inventory, &pattern, unmatched));
        }
        output::warn(&unmatched);
        Ok(hosts)
    }

    /// Why no host is selected: a term that matches nothing, or the limit, or the pattern takes away all that it adds.
    pub fn none(&self, inventory: &Inventory, pattern: &Pattern, unmatched: Problems) -> Failure {
        if !unmatched.is_empty() {
            return unmatched.into();
        }
        let limited = inventory.select(pattern).is_ok_and(|selection| !selection.hosts.is_empty());
        match self.limit.as_deref().filter(|_| limited) {
            Some(limit) => {
                Failure::said(format!("the limit `{limit}` leaves none of the hosts of the pattern"))
                    .help("`dtrctl hosts PATTERN` without `-l` shows them")
            }
            None => {
                Failure::said("the pattern selects no host").help("name a group or host of the inventory")
            }
        }
    }

    /// Reads `-e`, in order; a later one of the same name wins.
    pub fn extra(&self) -> Result<Vec<(String, Json)>, Failure> {
        let value = |(key, value): &(Node, Node)| Ok((name(key), value.to_source()?));
        self.extra_nodes()?.iter().map(value).collect()
    }

    /// The same for a listing of the inventory, as [`Node::to_listing`].
    pub fn extra_listed(&self, whole: bool) -> Result<Vec<(String, Json)>, Failure> {
        let value = |(key, value): &(Node, Node)| Ok((name(key), value.to_listing(whole)?));
        self.extra_nodes()?.iter().map(value).collect()
    }

    /// What `-e` gives on the command line itself, each variable with the text that it is read from.
    pub fn extra_on_line(&self) -> Result<Vec<(&str, String, Json)>, Failure> {
        let mut all = Vec::new();
        for text in self.extra_vars.iter().filter(|text| !text.starts_with('@')) {
            for (key, value) in extra_vars(text)? {
                all.push((text.as_str(), name(&key), value.to_source()?));
            }
        }
        Ok(all)
    }

    /// The same as they are written.
    pub fn extra_nodes(&self) -> Result<Vec<(Node, Node)>, Failure> {
        self.vault.unlock()?;
        let mut all = Vec::new();
        for text in &self.extra_vars {
            all.extend(extra_vars(text)?);
        }
        if let Some((key, _)) = all.iter().find(|(key, _)| is_about_the_connection(&name(key))) {
            return Err(Failure::said(format!("`-e {}` does not reach the connection", name(key)))
                .help("set it in the inventory, or give `-u`, `--private-key`, `-K`"));
        }
        Ok(all)
    }
}

fn name(key: &Node) -> String {
    key.as_str().unwrap_or_default().to_owned()
}

/// What stands on standard input: it can be read once, and each play is limited by it.
pub(super) fn standard_input() -> std::io::Result<String> {
    static READ: OnceLock<String> = OnceLock::new();
    if let Some(text) = READ.get() {
        return Ok(text.clone());
    }
    let text = std::io::read_to_string(std::io::stdin())?;
    Ok(READ.get_or_init(|| text).clone())
}

fn extra_vars(text: &str) -> Result<Vec<(Node, Node)>, Failure> {
    if let Some(path) = text.strip_prefix('@') {
        return mapping(&Source::read(Path::new(path))?);
    }
    let source = Source::new(PathBuf::from("-e"), text);
    if text.trim_start().starts_with(['{', '[']) {
        return mapping(&source);
    }
    let string = yaml::Text { text: text.into(), style: yaml::Style::Plain, literal: false };
    let whole = yaml::Span { start: 0, end: text.len() };
    Ok(variables_of_line(&Node { value: Value::String(string), span: whole, source })?)
}

fn mapping(source: &Arc<Source>) -> Result<Vec<(Node, Node)>, Failure> {
    let node = yaml::parse(source)?;
    let entries = node.as_map().ok_or_else(|| {
        Problem::new("extra variables have to be `NAME=VALUE` or a mapping", node.place())
            .help("such as `-e registry=dtr.corp:5000` or `-e @vars.yml`")
    })?;
    if let Some((key, _)) = entries.iter().find(|(key, _)| key.as_str().is_none()) {
        return Err(Problem::new("a variable's name has to be text", key.place()).into());
    }
    Ok(entries.to_vec())
}
