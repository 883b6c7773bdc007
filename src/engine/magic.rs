//! Ansible's magic variables: what a host is called, where it stands, and what is known of the run.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::run::Options;
use crate::inventory::Inventory;
use crate::playbook::Play;
use crate::template::Layer;

/// The version of Ansible whose language this is.
const LANGUAGE: &str = "2.19.14";

/// `groups`, the hosts of each group: one for all hosts, as it is as long as the inventory.
#[must_use]
pub fn groups(inventory: &Inventory) -> Layer {
    let groups = inventory.groups().map(|group| {
        let hosts = inventory.hosts_of(group).unwrap_or_default();
        (group.to_string(), hosts.iter().map(|host| Json::from(&**host)).collect::<Json>())
    });
    let mut layer = Layer::new();
    layer.set_literal("groups", &Json::Object(groups.collect()));
    layer
}

/// The variables that list the hosts of a batch, those of the play that go on, and all that the play has listed.
#[must_use]
pub fn lists_of(batch: &[String], all: &[String], listed: &[String]) -> Layer {
    let mut layer = Layer::new();
    layer.set_literal("ansible_play_hosts", &json!(all));
    layer.set_literal("ansible_play_hosts_all", &json!(listed));
    layer.set_literal("ansible_play_batch", &json!(batch));
    layer
}

/// Those lists at a task, where the lost hosts are on none of them.
#[must_use]
pub fn lists_at(batch: &[String], all: &[String], lost: &HashSet<&String>) -> Layer {
    let left = |hosts: &[String]| {
        hosts.iter().filter(|host| !lost.contains(host)).map(|host| Json::from(&**host)).collect::<Json>()
    };
    let mut layer = Layer::new();
    layer.set_literal("ansible_play_hosts", &left(all));
    layer.set_literal("ansible_play_batch", &left(batch));
    layer.set_literal("play_hosts", &left(batch));
    layer
}

/// What a host is called, and where it stands.
#[must_use]
pub fn names_of(inventory: &Inventory, name: &str) -> Map<String, Json> {
    let own = inventory.groups_of(name);
    let value = json!({
        "inventory_hostname": name,
        "inventory_hostname_short": name.split('.').next(),
        "group_names": own.iter().map(|group| &**group).filter(|group| *group != "all").collect::<Vec<_>>(),
    });
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// What a host is called, and what is known of the run and of its play; the lists of hosts are [`lists_of`] and [`groups`].
#[must_use]
pub fn in_play(inventory: &Inventory, options: &Options, play: &Play, name: &str) -> Map<String, Json> {
    let mut magic = names_of(inventory, name);
    let tags = &options.tags;
    let run = if tags.only.is_empty() { vec!["all".to_owned()] } else { tags.only.clone() };
    let roles: Vec<_> = play.roles.iter().map(|role| role.name.clone()).collect();
    let value = json!({
        "ansible_check_mode": options.check,
        "ansible_diff_mode": options.diff,
        "ansible_verbosity": options.verbosity,
        "ansible_version": {
            "full": LANGUAGE, "string": LANGUAGE, "major": 2, "minor": 19, "revision": 14,
        },
        "ansible_play_name": play.shown_name(),
        "ansible_play_role_names": roles,
        "ansible_role_names": roles,
        "role_names": roles,
        "ansible_run_tags": run,
        "ansible_skip_tags": tags.skip,
        "ansible_forks": options.forks,
        "playbook_dir": absolute(&play.directory),
    });
    if let Json::Object(more) = value {
        magic.extend(more);
    }
    if let Some(limit) = &options.limit {
        magic.insert("ansible_limit".to_owned(), limit.clone().into());
    }
    // Where the host is named first; one that no file names has none.
    if let Some(file) =
        inventory.host_place(name).map(|place| &place.source.path).filter(|path| path.exists())
    {
        let directory = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
        magic.insert("inventory_file".to_owned(), file.display().to_string().into());
        magic.insert("inventory_dir".to_owned(), absolute(&directory).into());
    }
    magic
}

fn absolute(directory: &Path) -> String {
    let here = if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory.to_path_buf() };
    std::fs::canonicalize(&here).unwrap_or(here).display().to_string()
}
