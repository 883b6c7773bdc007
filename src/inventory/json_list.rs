//! What inventory programs print, and `ansible-inventory --list` too: groups with lists of hosts and children, and
//! `_meta.hostvars`.

use std::{collections::HashSet, sync::Arc};

use super::{
    graph::{Graph, GroupId},
    name,
    script::Listed,
    vars::define,
    yaml_file::{check_group, same_name, set_variable},
};
use crate::yaml::{Node, Problem, Problems};

/// Whether a document is such a list: it has `_meta`, which as a group would be none.
pub(super) fn is_list(root: &Node) -> bool {
    root.get("_meta").and_then(|meta| meta.get("hostvars")).is_some()
}

/// Takes over a list.
pub(super) fn read(graph: &mut Graph, root: &Node, problems: &mut Problems) -> Listed {
    let nothing = Listed { without_vars: Vec::new() };
    let Some(groups) = root.as_map() else {
        let message =
            format!("what an inventory program prints is a mapping of groups, and this is {}", root.kind());
        problems.push(Problem::new(message, root.place()));
        return nothing;
    };
    let Some(vars) = problems.take(host_variables(root)) else { return nothing };
    let mut reader = Reader { graph, problems, hosts: Vec::new(), seen: HashSet::new() };
    for (key, value) in groups.iter().filter(|(key, _)| key.as_str() != Some("_meta")) {
        reader.group(key, value);
    }
    let hosts = reader.hosts;
    let Some(vars) = vars else { return Listed { without_vars: hosts } };
    for name in hosts {
        if let Some(vars) = vars.get(&name) {
            host_vars(graph, &name, vars, problems);
        }
    }
    nothing
}

/// `_meta.hostvars`, where there is a `_meta`.
fn host_variables(root: &Node) -> Result<Option<&Node>, Problem> {
    let Some(meta) = root.get("_meta") else { return Ok(None) };
    if let Some(profile) = meta.get("profile").filter(|profile| profile.as_str() != Some("inventory_legacy"))
    {
        let message = format!("the profile `{}` is not known", profile.written());
        return Err(Problem::new(message, profile.place()).help("only `inventory_legacy` is"));
    }
    match meta.get("hostvars") {
        Some(vars) if vars.as_map().is_some() => Ok(Some(vars)),
        other => {
            let at = other.unwrap_or(meta);
            Err(Problem::new("`_meta` has no mapping `hostvars`", at.place()))
        }
    }
}

/// Gives a host its variables.
pub(super) fn host_vars(graph: &mut Graph, host: &str, vars: &Node, problems: &mut Problems) {
    let Some(entries) = vars.as_map() else {
        let message = format!("what stands below a host are its variables, and this is {}", vars.kind());
        problems.push(Problem::new(message, vars.place()));
        return;
    };
    let Some(id) = graph.host_id(host) else { return };
    let namesake = graph.group_id(host).filter(|_| !entries.is_empty());
    if let Some(group) = namesake {
        graph.add_namesake(id, group, same_name(host, vars));
    }
    for (key, value) in entries {
        match namesake {
            Some(group) => set_variable(graph, group, key, value, problems),
            None => define(&mut graph[id].vars, key, value.clone(), problems),
        }
    }
}

struct Reader<'a> {
    graph: &'a mut Graph,
    problems: &'a mut Problems,
    /// In the order in which they are named, each once.
    hosts: Vec<Arc<str>>,
    seen: HashSet<Arc<str>>,
}

impl Reader<'_> {
    fn group(&mut self, key: &Node, value: &Node) {
        let Some(group) = self.add_group(key) else { return };
        let Some(entries) = value.as_map() else {
            self.hosts(group, value);
            return;
        };
        let known = ["hosts", "vars", "children"];
        if !entries.iter().any(|(key, _)| key.as_str().is_some_and(|key| known.contains(&key))) {
            let name = key.as_str().unwrap_or_default();
            let message = format!("the group `{name}` has neither `hosts`, `vars` nor `children`");
            self.problems.push(Problem::new(message, value.place()).help(
                "Ansible takes such a group for a host of that name; an empty group is `{\"hosts\": []}`",
            ));
            return;
        }
        if let Some(hosts) = value.get("hosts") {
            self.hosts(group, hosts);
        }
        if let Some(vars) = value.get("vars") {
            self.vars(group, vars);
        }
        if let Some(children) = value.get("children") {
            self.children(group, children);
        }
    }

    fn add_group(&mut self, key: &Node) -> Option<GroupId> {
        let name = self.text(key)?;
        if let Err(why) = check_group(name) {
            let message = format!("`{}` cannot be the name of a group: {why}", name.escape_debug());
            self.problems.push(Problem::new(message, key.place()));
            return None;
        }
        Some(self.graph.add_group(name))
    }

    fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        let text = node.as_str();
        if text.is_none() {
            let message = format!("a name is a string, and this is {}", node.kind());
            self.problems.push(Problem::new(message, node.place()));
        }
        text
    }

    fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if node.as_seq().is_none() {
            let message = format!("`{what}` is a list, and this is {}", node.kind());
            self.problems.push(Problem::new(message, node.place()));
        }
        node.as_seq().unwrap_or_default()
    }

    /// Each is one host: such a list has no ranges and no ports.
    fn hosts(&mut self, group: GroupId, list: &Node) {
        for node in self.list(list, "hosts") {
            let Some(host) = self.text(node) else { continue };
            if let Err(why) = name::check_host(host) {
                self.problems.push(name::refused("the name of a host", host, &why, node.place()));
                continue;
            }
            if !self.graph.has_room(1) {
                return;
            }
            let (id, _) = self.graph.add_host(host, || node.place());
            self.graph.put_host(group, id);
            let name = Arc::clone(&self.graph[id].name);
            if self.seen.insert(Arc::clone(&name)) {
                self.hosts.push(name);
            }
        }
    }

    fn vars(&mut self, group: GroupId, vars: &Node) {
        let Some(entries) = vars.as_map() else {
            let message = format!("`vars` is a mapping, and this is {}", vars.kind());
            self.problems.push(Problem::new(message, vars.place()));
            return;
        };
        for (key, value) in entries {
            set_variable(self.graph, group, key, value, self.problems);
        }
    }

    fn children(&mut self, group: GroupId, children: &Node) {
        for node in self.list(children, "children") {
            if let Some(child) = self.add_group(node) {
                self.graph.put_group(group, child, node.place());
            }
        }
    }
}
