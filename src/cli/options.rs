//! Options that several subcommands share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::{Args, ValueEnum};
use serde_json::Value as Json;

use super::settings::settings;
use super::vault::VaultOptions;
use crate::error::Failure;
use crate::inventory::{Inventory, Pattern};
use crate::playbook::is_about_the_connection;
use crate::yaml::{self, Problem, Problems, Source};

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A report for people.
    Human,
    /// One JSON document.
    Json,
}

/// Where hosts come from.
#[derive(Debug, Clone, Args)]
pub struct InventoryOptions {
    /// An inventory: a YAML file, a directory, docker-machine's store, or a list such as `web1,web2,`. May be given again.
    #[arg(short, long = "inventory", value_name = "INVENTORY", env = "DTRCTL_INVENTORY")]
    pub inventory: Vec<String>,
    #[command(flatten)]
    pub vault: VaultOptions,
    /// Only hosts that this pattern selects too; `@FILE` reads a pattern a line, `@-` from standard input.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// A variable that overrules all others: `NAME=VALUE`, a YAML mapping, or `@FILE`. May be given again.
    #[arg(short, long = "extra-vars", value_name = "K=V|@FILE")]
    pub extra_vars: Vec<String>,
}

impl InventoryOptions {
    /// Reads the inventories, and the variables beside them and beside the playbook.
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

    /// Reads `-e`, in order; a later one of the same name wins.
    pub fn extra(&self) -> Result<Vec<(String, Json)>, Failure> {
        self.vault.unlock()?;
        let mut all = Vec::new();
        for text in &self.extra_vars {
            all.extend(extra_vars(text)?);
        }
        let mut names = all.iter().map(|(name, _): &(String, Json)| name.as_str());
        if let Some(name) = names.find(|name| is_about_the_connection(name)) {
            return Err(Failure::said(format!("`-e {name}` does not reach the connection"))
                .help("set it in the inventory, or give `-u`, `--private-key`, `-K`"));
        }
        Ok(all)
    }
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

fn extra_vars(text: &str) -> Result<Vec<(String, Json)>, Failure> {
    if let Some(path) = text.strip_prefix('@') {
        return mapping(&Source::read(Path::new(path))?);
    }
    let text = text.trim_start();
    if text.starts_with('{') || !text.contains('=') {
        return mapping(&Source::new(PathBuf::from("-e"), text));
    }
    pairs(text)
}

fn mapping(source: &Arc<Source>) -> Result<Vec<(String, Json)>, Failure> {
    let node = yaml::parse(source)?;
    let entries = node.as_map().ok_or_else(|| {
        Problem::new("extra variables have to be `NAME=VALUE` or a mapping", node.place())
            .help("such as `-e registry=dtr.corp:5000` or `-e @vars.yml`")
    })?;
    let mut all = Vec::new();
    for (key, value) in entries {
        let name =
            key.as_str().ok_or_else(|| Problem::new("a variable's name has to be text", key.place()))?;
        all.push((name.to_owned(), value.to_source()?));
    }
    Ok(all)
}

/// `a=1 b='two words'`: values are text, as in Ansible.
fn pairs(text: &str) -> Result<Vec<(String, Json)>, Failure> {
    let words =
        crate::inventory::split_words(text).map_err(|why| Failure::said(format!("`-e {text}`: {why}")))?;
    words
        .into_iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), Json::from(value))),
            _ => Err(Failure::said(format!("`-e {text}`: `{word}` is not `NAME=VALUE`"))
                .help("quote a value that holds spaces: -e \"name='two words'\"")),
        })
        .collect()
}
