//! The inventory as `ansible-inventory` prints it.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use serde_json::{Map, Value as Json, json};

use super::{
    Inventory, Layer, Sourced,
    graph::{ALL, Group, GroupId},
};
use crate::yaml::{Problem, Problems};

/// As much as anyone looks through, in bytes.
const MAX_TREE: usize = 64 << 20;

/// Variables that an inventory may set and that are never listed: each run makes its own.
const INTERNAL: [&str; 33] = [
    "ansible_async_path",
    "ansible_collection_name",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_facts",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "groups",
    "group_names",
    "hostvars",
    "playbook_dir",
    "play_hosts",
    "role_name",
    "role_names",
    "role_path",
    "role_uuid",
];

/// What of the inventory is listed, and how.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Only these hosts; all where nothing is said.
    pub only: Option<HashSet<Arc<str>>>,
    /// `-e`: variables that all hosts have.
    pub extra: Vec<(String, Json)>,
    /// `--export`: each variable at the group or host that it is set for, not merged at each host.
    pub export: bool,
    /// Whether groups are shown with what stands beside the playbook; hosts always are.
    pub playbook_groups: bool,
}

impl Listing {
    fn has(&self, host: &Arc<str>) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(host))
    }
}

impl Inventory {
    /// What `ansible-inventory --list` prints: each group's own hosts and children, and each host's variables.
    ///
    /// # Errors
    /// Every variable that has no JSON form.
    pub fn to_list_json(&self, listing: &Listing) -> Result<Json, Problems> {
        let mut problems = Problems::new();
        let mut list = Map::new();
        self.list_group(ALL, listing, &mut HashSet::new(), &mut list, &mut problems);
        let mut variables = Map::new();
        for host in self.hosts().filter(|host| listing.has(host)) {
            let vars = problems.take(self.listed_vars(host, listing, true)).unwrap_or_default();
            if !vars.is_empty() {
                variables.insert(host.to_string(), Json::Object(vars));
            }
        }
        list.insert("_meta".to_owned(), json!({ "hostvars": variables, "profile": "inventory_legacy" }));
        list.sort_keys();
        problems.or(Json::Object(list))
    }

    /// What `ansible-inventory --host` prints: the variables of a host.
    ///
    /// # Errors
    /// Every variable that has no JSON form.
    pub fn to_host_json(&self, host: &str, listing: &Listing) -> Result<Json, Problems> {
        self.listed_vars(host, listing, false).map(Json::Object)
    }

    /// `marked`: text that is never a template is marked as such.
    fn listed_vars(
        &self,
        host: &str,
        listing: &Listing,
        marked: bool,
    ) -> Result<Map<String, Json>, Problems> {
        let mut vars = self.vars(host);
        if listing.export {
            let own = |layer| matches!(layer, Layer::FileHost | Layer::InventoryHost | Layer::PlaybookHost);
            vars.retain(|_, sourced| own(sourced.origin.layer));
        }
        let mut object = listed(&vars, marked)?;
        if !listing.export {
            object.extend(listing.extra.iter().cloned());
        }
        Ok(object)
    }

    fn group_vars_json(
        &self,
        group: &Group,
        listing: &Listing,
        marked: bool,
    ) -> Result<Map<String, Json>, Problems> {
        let mut object = listed(&self.group_vars(&group.name, listing.playbook_groups), marked)?;
        if group.priority != 1 {
            object.insert("ansible_group_priority".to_owned(), group.priority.into());
        }
        Ok(object)
    }

    fn list_group(
        &self,
        id: GroupId,
        listing: &Listing,
        seen: &mut HashSet<GroupId>,
        list: &mut Map<String, Json>,
        problems: &mut Problems,
    ) {
        let group = &self.graph[id];
        let mut entry = Map::new();
        if !group.children.is_empty() {
            let names = group.children.iter().map(|child| self.graph[*child].name.to_string());
            entry.insert("children".to_owned(), names.collect());
        }
        for child in &group.children {
            if seen.insert(*child) {
                self.list_group(*child, listing, seen, list, problems);
            }
        }
        let hosts = group.hosts.iter().map(|host| &self.graph[*host].name).filter(|host| listing.has(host));
        let hosts: Vec<&str> = hosts.map(|host| &**host).collect();
        if id != ALL && !hosts.is_empty() {
            entry.insert("hosts".to_owned(), hosts.into());
        }
        if listing.export {
            let vars = problems.take(self.group_vars_json(group, listing, true)).unwrap_or_default();
            if !vars.is_empty() {
                entry.insert("vars".to_owned(), Json::Object(vars));
            }
        }
        if !entry.is_empty() {
            list.insert(group.name.to_string(), Json::Object(entry));
        }
    }

    /// What `ansible-inventory --graph` prints: the groups as a tree, each with its own hosts; with a listing, the variables
    /// of both.
    ///
    /// # Errors
    /// There is no such group, groups that stand below several others make the tree too large, or a variable cannot be
    /// shown.
    pub fn to_graph(&self, group: &str, vars: Option<&Listing>) -> Result<String, Problems> {
        let Some(id) = self.graph.group_id(group) else {
            let problem = Problem::bare(format!("there is no group `{group}`"));
            return Err(problem.did_you_mean(group, self.groups().map(|name| &**name)).into());
        };
        let mut tree = String::new();
        self.graph_group(id, 0, vars, &mut tree)?;
        Ok(tree)
    }

    fn graph_group(
        &self,
        id: GroupId,
        depth: usize,
        vars: Option<&Listing>,
        tree: &mut String,
    ) -> Result<(), Problems> {
        let group = &self.graph[id];
        if tree.len() > MAX_TREE {
            let problem = Problem::bare("the tree of groups is too large to be shown");
            return Err(problem.help("ask for a single group").into());
        }
        // Writing to a string cannot fail.
        let _ = writeln!(tree, "{}@{}:", branch(depth), group.name);
        for child in &group.children {
            self.graph_group(*child, depth + 1, vars, tree)?;
        }
        if id != ALL {
            for host in &group.hosts {
                let name = &self.graph[*host].name;
                let _ = writeln!(tree, "{}{name}", branch(depth + 1));
                if let Some(listing) = vars {
                    graph_vars(self.listed_vars(name, listing, false)?, depth + 2, tree);
                }
            }
        }
        if let Some(listing) = vars {
            graph_vars(self.group_vars_json(group, listing, false)?, depth + 1, tree);
        }
        Ok(())
    }
}

fn branch(depth: usize) -> String {
    if depth == 0 { String::new() } else { "  |".repeat(depth) + "--" }
}

fn graph_vars(mut vars: Map<String, Json>, depth: usize, tree: &mut String) {
    vars.sort_keys();
    for (name, value) in vars {
        let shown = value.as_str().map_or_else(|| python(&value), str::to_owned);
        let _ = writeln!(tree, "{}{{{name} = {shown}}}", branch(depth));
    }
}

/// The variables as JSON, but for those that each run makes.
fn listed(vars: &BTreeMap<Arc<str>, Sourced>, marked: bool) -> Result<Map<String, Json>, Problems> {
    let mut problems = Problems::new();
    let mut object = Map::new();
    for (name, sourced) in vars.iter().filter(|(name, _)| !INTERNAL.contains(&&***name)) {
        if let Some(value) = problems.take(sourced.node().to_listing(marked)) {
            object.insert(name.to_string(), value);
        }
    }
    problems.or(object)
}

/// A value as Python writes it within others.
fn python(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or_default()),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quoted(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        // What is encrypted stays so.
        Json::Object(entries) if entries.contains_key("__ansible_vault") => "***".to_owned(),
        Json::Object(entries) => {
            let each = entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), python(value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A float as Python writes it: with a sign and two digits at least in its exponent.
fn float(value: f64) -> String {
    let shown = format!("{value:?}");
    let Some((digits, exponent)) = shown.split_once('e') else { return shown };
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for next in text.chars() {
        match next {
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            next if next == quote => _ = write!(out, "\\{next}"),
            next if next.is_control() => _ = write!(out, "\\x{:02x}", u32::from(next)),
            next => out.push(next),
        }
    }
    out.push(quote);
    out
}
