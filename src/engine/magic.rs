//! Ansible's magic variables: what a host is called, where it stands, and what is known of the run.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};

use super::run::Options;
use crate::inventory::Inventory;
use crate::playbook::Play;

/// The version of Ansible whose language this is.
const LANGUAGE: &str = "2.19.14";

/// A host among those of its play.
pub struct Hosts<'a> {
    /// Its name.
    pub name: &'a str,
    /// The hosts of its batch.
    pub batch: &'a [String],
    /// The hosts of its play.
    pub all: &'a [String],
    /// What [`groups`] has given.
    pub groups: &'a Json,
}

/// `groups`: the hosts of each group.
#[must_use]
pub fn groups(inventory: &Inventory) -> Json {
    let groups = inventory.groups().map(|group| {
        let hosts = inventory.hosts_of(group).unwrap_or_default();
        (group.to_string(), hosts.iter().map(|host| Json::from(&**host)).collect::<Json>())
    });
    Json::Object(groups.collect())
}

/// What a host is called, and where it stands.
#[must_use]
pub fn names_of(inventory: &Inventory, name: &str, groups: &Json) -> Map<String, Json> {
    let own = inventory.groups_of(name);
    let value = json!({
        "inventory_hostname": name,
        "inventory_hostname_short": name.split('.').next(),
        "group_names": own.iter().map(|group| &**group).filter(|group| *group != "all").collect::<Vec<_>>(),
        "groups": groups,
    });
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

/// All of them, in a play.
#[must_use]
pub fn in_play(
    inventory: &Inventory,
    options: &Options,
    play: &Play,
    hosts: &Hosts<'_>,
) -> Map<String, Json> {
    let mut magic = names_of(inventory, hosts.name, hosts.groups);
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
        "ansible_play_hosts": hosts.all,
        "ansible_play_hosts_all": hosts.all,
        "ansible_play_batch": hosts.batch,
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
        inventory.host_place(hosts.name).map(|place| &place.source.path).filter(|path| path.exists())
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
