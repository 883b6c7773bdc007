//! The inventory as `ansible-inventory` prints it.

use std::{collections::HashSet, fmt::Write as _};

use serde_json::{Map, Value as Json, json};

use super::{
    Inventory,
    graph::{ALL, GroupId},
};
use crate::yaml::{Problem, Problems};

/// As much as anyone looks through, in bytes.
const MAX_TREE: usize = 64 << 20;

impl Inventory {
    /// What `ansible-inventory --list` prints: each group's own hosts and children, and each host's variables.
    ///
    /// # Errors
    /// Every variable that has no JSON form.
    pub fn to_list_json(&self) -> Result<Json, Problems> {
        let mut problems = Problems::new();
        let mut list = Map::new();
        self.list_group(ALL, &mut HashSet::new(), &mut list);
        let mut variables = Map::new();
        for host in self.hosts() {
            let vars = problems.take(self.vars_json(host)).unwrap_or_default();
            if !vars.is_empty() {
                variables.insert(host.to_string(), Json::Object(vars));
            }
        }
        list.insert("_meta".to_owned(), json!({ "hostvars": variables, "profile": "inventory_legacy" }));
        list.sort_keys();
        problems.or(Json::Object(list))
    }

    fn list_group(&self, id: GroupId, seen: &mut HashSet<GroupId>, list: &mut Map<String, Json>) {
        let group = &self.graph[id];
        let mut entry = Map::new();
        if !group.children.is_empty() {
            let names = group.children.iter().map(|child| self.graph[*child].name.to_string());
            entry.insert("children".to_owned(), names.collect());
        }
        for child in &group.children {
            if seen.insert(*child) {
                self.list_group(*child, seen, list);
            }
        }
        if id != ALL && !group.hosts.is_empty() {
            let names = group.hosts.iter().map(|host| self.graph[*host].name.to_string());
            entry.insert("hosts".to_owned(), names.collect());
        }
        if !entry.is_empty() {
            list.insert(group.name.to_string(), Json::Object(entry));
        }
    }

    /// What `ansible-inventory --graph` prints: the groups as a tree, each with its own hosts.
    ///
    /// # Errors
    /// There is no such group, or groups that stand below several others make the tree too large.
    pub fn to_graph(&self, group: &str) -> Result<String, Problem> {
        let Some(id) = self.graph.group_id(group) else {
            let problem = Problem::bare(format!("there is no group `{group}`"));
            return Err(problem.did_you_mean(group, self.groups().map(|name| &**name)));
        };
        let mut tree = String::new();
        self.graph_group(id, 0, &mut tree)?;
        Ok(tree)
    }

    fn graph_group(&self, id: GroupId, depth: usize, tree: &mut String) -> Result<(), Problem> {
        let branch = |depth: usize| if depth == 0 { String::new() } else { "  |".repeat(depth) + "--" };
        let group = &self.graph[id];
        if tree.len() > MAX_TREE {
            return Err(
                Problem::bare("the tree of groups is too large to be shown").help("ask for a single group")
            );
        }
        // Writing to a string cannot fail.
        let _ = writeln!(tree, "{}@{}:", branch(depth), group.name);
        for child in &group.children {
            self.graph_group(*child, depth + 1, tree)?;
        }
        if id != ALL {
            for host in &group.hosts {
                let _ = writeln!(tree, "{}{}", branch(depth + 1), self.graph[*host].name);
            }
        }
        Ok(())
    }
}
