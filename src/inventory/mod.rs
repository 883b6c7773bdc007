//! Hosts, the groups they are in, and their variables: read as Ansible reads them, and refused where it would guess.

mod connection;
#[cfg(test)]
mod corpus;
mod docker_machine;
mod glob;
mod graph;
mod ini_file;
mod json_list;
mod list;
mod literal;
mod load;
pub mod name;
mod pattern;
mod range;
mod schema;
mod script;
mod select;
mod shell_words;
mod ssh_args;
#[cfg(test)]
mod tests;
mod vars;
mod vars_files;
mod yaml_file;

use std::{collections::HashMap, path::Path, sync::Arc};

pub use connection::{Become, Connection, ConnectionVars, Setting, Transport};
pub use glob::Glob;
use graph::Graph;
pub use list::Listing;
pub use pattern::Pattern;
pub use schema::schema;
pub use select::{Order, Selection};
pub use ssh_args::SshOption;
use vars::Vars;
pub use vars::{Definition, Layer, Origin, Sourced};
use vars_files::FileVars;

use crate::yaml::{Place, Problems};

/// The names under which the controller itself exists without being in any inventory.
pub const LOCALHOST: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// All hosts and groups of a run.
#[derive(Debug)]
pub struct Inventory {
    graph: Graph,
    /// `group_vars/` and `host_vars/` beside each source, in the order of the sources.
    source_files: Vec<FileVars>,
    /// The same beside the playbook; none if that is the only source's directory.
    playbook_files: Option<FileVars>,
    /// The controller, under each of its names that the inventory does not have.
    implicit: HashMap<Arc<str>, Implicit>,
}

/// The controller as a host that nobody listed.
#[derive(Debug)]
struct Implicit {
    name: Arc<str>,
    vars: Vars,
}

impl Inventory {
    /// Reads inventories: files, directories of files, docker-machine's store, or lists of hosts such as `a,b,`; and the variables beside them
    /// and beside the playbook.
    ///
    /// # Errors
    /// Everything that is wrong with them, at once.
    pub fn load<S: AsRef<str>>(sources: &[S], playbook_dir: Option<&Path>) -> Result<Self, Problems> {
        load::load(sources, playbook_dir)
    }

    /// The names of all hosts, in the order of the inventory. The implicit localhost is not among them.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<str>> {
        self.graph.members(graph::ALL).iter().map(|id| &self.graph[*id].name)
    }

    /// The names of all groups, `all` and `ungrouped` first, then in the order of the inventory.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<str>> {
        self.graph.groups().iter().map(|group| &group.name)
    }

    /// Whether the inventory lists the host.
    #[must_use]
    pub fn has_host(&self, name: &str) -> bool {
        self.graph.host_id(name).is_some()
    }

    /// Where a host is named first.
    #[must_use]
    pub fn host_place(&self, name: &str) -> Option<&Place> {
        Some(&self.graph[self.graph.host_id(name)?].at)
    }

    /// The hosts of a group and of all groups below it; none if there is no such group.
    #[must_use]
    pub fn hosts_of(&self, group: &str) -> Option<Vec<Arc<str>>> {
        let members = self.graph.members(self.graph.group_id(group)?);
        Some(members.iter().map(|id| Arc::clone(&self.graph[*id].name)).collect())
    }

    /// The groups that a host is in, at any depth: `all` first, the strongest last.
    #[must_use]
    pub fn groups_of(&self, host: &str) -> Vec<Arc<str>> {
        let Some(id) = self.graph.host_id(host) else { return Vec::new() };
        self.graph.groups_of(id).into_iter().map(|group| Arc::clone(&self.graph[group].name)).collect()
    }
}
