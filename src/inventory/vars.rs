//! Variables: what is set where, and which place wins.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::{Map, Value as Json};

use super::{Inventory, graph::HostId};
use crate::yaml::{Node, Place, Problem, Problems};

/// What a layer of variables belongs to, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The `vars` of `all` in an inventory file.
    FileAll,
    /// The `vars` of another group in an inventory file.
    FileGroup,
    /// `group_vars/all` beside the inventory.
    InventoryAll,
    /// `group_vars/all` beside the playbook.
    PlaybookAll,
    /// `group_vars/GROUP` beside the inventory.
    InventoryGroup,
    /// `group_vars/GROUP` beside the playbook.
    PlaybookGroup,
    /// What an inventory file says of the host itself.
    FileHost,
    /// `host_vars/HOST` beside the inventory.
    InventoryHost,
    /// `host_vars/HOST` beside the playbook.
    PlaybookHost,
    /// The implicit localhost's own.
    Implicit,
}

/// Where a variable was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The rank of the place.
    pub layer: Layer,
    /// The group or host that has the variable.
    pub owner: Arc<str>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = &self.owner;
        match self.layer {
            Layer::FileAll | Layer::FileGroup => write!(f, "group `{owner}` in the inventory"),
            Layer::FileHost => write!(f, "host `{owner}` in the inventory"),
            Layer::InventoryAll | Layer::InventoryGroup => {
                write!(f, "group_vars of `{owner}` beside the inventory")
            }
            Layer::PlaybookAll | Layer::PlaybookGroup => {
                write!(f, "group_vars of `{owner}` beside the playbook")
            }
            Layer::InventoryHost => write!(f, "host_vars of `{owner}` beside the inventory"),
            Layer::PlaybookHost => write!(f, "host_vars of `{owner}` beside the playbook"),
            Layer::Implicit => write!(f, "the implicit localhost"),
        }
    }
}

/// A variable as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The place of its name.
    pub name: Place,
    /// The value, untemplated.
    pub value: Node,
}

/// A variable of a host: its value, and where it was set.
#[derive(Debug, Clone, PartialEq)]
pub struct Sourced {
    /// What was written.
    pub definition: Arc<Definition>,
    /// For whom.
    pub origin: Origin,
}

impl Sourced {
    /// The value as it was written, with its place.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.definition.value
    }

    /// The value, untemplated.
    ///
    /// # Errors
    /// It has no JSON form: see [`Node::to_json`].
    pub fn json(&self) -> Result<Json, Problems> {
        self.node().to_json()
    }
}

/// Variables of one group or host at one place.
pub(super) type Vars = BTreeMap<Arc<str>, Arc<Definition>>;

impl Inventory {
    /// The variables of a host, merged: each as the strongest place sets it. Empty for a host that does not exist.
    #[must_use]
    pub fn vars(&self, host: &str) -> BTreeMap<Arc<str>, Sourced> {
        let mut merged = BTreeMap::new();
        self.each_layer(host, |origin, vars| {
            for (name, definition) in vars {
                let sourced = Sourced { definition: Arc::clone(definition), origin: origin.clone() };
                merged.insert(Arc::clone(name), sourced);
            }
        });
        merged
    }

    /// The same as values, untemplated.
    ///
    /// # Errors
    /// Every value that has no JSON form: closed vault values, infinite numbers.
    pub fn vars_json(&self, host: &str) -> Result<Map<String, Json>, Problems> {
        let mut problems = Problems::new();
        let mut object = Map::new();
        for (name, sourced) in self.vars(host) {
            if let Some(value) = problems.take(sourced.json()) {
                object.insert(name.to_string(), value);
            }
        }
        problems.or(object)
    }

    /// The variables that are set for a group itself, the strongest place first to be taken.
    pub(super) fn group_vars(&self, group: &str, beside_playbook: bool) -> BTreeMap<Arc<str>, Sourced> {
        let mut merged = BTreeMap::new();
        let Some(id) = self.graph.group_id(group) else { return merged };
        let files = self.source_files.iter().map(|files| (Layer::InventoryGroup, files.groups.get(group)));
        let playbook = self.playbook_files.iter().filter(|_| beside_playbook);
        let playbook = playbook.map(|files| (Layer::PlaybookGroup, files.groups.get(group)));
        let file = std::iter::once((Layer::FileGroup, Some(&self.graph[id].vars)));
        for (layer, vars) in file.chain(files).chain(playbook) {
            for (name, definition) in vars.into_iter().flatten() {
                let origin = Origin { layer, owner: Arc::clone(&self.graph[id].name) };
                merged.insert(Arc::clone(name), Sourced { definition: Arc::clone(definition), origin });
            }
        }
        merged
    }

    /// Every place that sets each of a host's variables, the winning one last.
    #[must_use]
    pub fn traces(&self, host: &str) -> BTreeMap<Arc<str>, Vec<Sourced>> {
        let mut found: BTreeMap<Arc<str>, Vec<Sourced>> = BTreeMap::new();
        self.each_layer(host, |origin, vars| {
            for (name, definition) in vars {
                let sourced = Sourced { definition: Arc::clone(definition), origin: origin.clone() };
                found.entry(Arc::clone(name)).or_default().push(sourced);
            }
        });
        found
    }

    /// Every place that sets a variable for a host, the winning one last.
    #[must_use]
    pub fn trace(&self, host: &str, variable: &str) -> Vec<Sourced> {
        let mut found = Vec::new();
        self.each_layer(host, |origin, vars| {
            if let Some(definition) = vars.get(variable) {
                found.push(Sourced { definition: Arc::clone(definition), origin: origin.clone() });
            }
        });
        found
    }

    /// Calls with each set of variables that holds for a host, the weakest first.
    fn each_layer(&self, host: &str, mut visit: impl FnMut(&Origin, &Vars)) {
        let mut show = |layer, owner: &Arc<str>, vars: Option<&Vars>| {
            if let Some(vars) = vars.filter(|vars| !vars.is_empty()) {
                visit(&Origin { layer, owner: Arc::clone(owner) }, vars);
            }
        };
        let (id, implicit) = match self.graph.host_id(host) {
            Some(id) => (Some(id), None),
            None => (None, self.implicit.get(host)),
        };
        if id.is_none() && implicit.is_none() {
            return;
        }
        self.group_layers(id, &mut show);
        match (id, implicit) {
            (Some(id), _) => show(Layer::FileHost, &self.graph[id].name, Some(&self.graph[id].vars)),
            (None, Some(implicit)) => show(Layer::Implicit, &implicit.name, Some(&implicit.vars)),
            (None, None) => {}
        }
        let name = id.map_or_else(|| Arc::from(host), |id| Arc::clone(&self.graph[id].name));
        for files in &self.source_files {
            show(Layer::InventoryHost, &name, files.hosts.get(&name));
        }
        if let Some(files) = &self.playbook_files {
            show(Layer::PlaybookHost, &name, files.hosts.get(&name));
        }
    }

    fn group_layers(&self, host: Option<HostId>, show: &mut impl FnMut(Layer, &Arc<str>, Option<&Vars>)) {
        let all = &self.graph[super::graph::ALL];
        let groups: Vec<_> = host.map(|host| self.graph.groups_of(host)).unwrap_or_default();
        let groups: Vec<_> =
            groups.into_iter().filter(|id| *id != super::graph::ALL).map(|id| &self.graph[id]).collect();
        show(Layer::FileAll, &all.name, Some(&all.vars));
        for group in &groups {
            show(Layer::FileGroup, &group.name, Some(&group.vars));
        }
        for files in &self.source_files {
            show(Layer::InventoryAll, &all.name, files.groups.get(&all.name));
        }
        if let Some(files) = &self.playbook_files {
            show(Layer::PlaybookAll, &all.name, files.groups.get(&all.name));
        }
        for files in &self.source_files {
            for group in &groups {
                show(Layer::InventoryGroup, &group.name, files.groups.get(&group.name));
            }
        }
        for group in
            self.playbook_files.iter().flat_map(|files| groups.iter().map(move |group| (files, group)))
        {
            show(Layer::PlaybookGroup, &group.1.name, group.0.groups.get(&group.1.name));
        }
    }
}

/// Takes over a mapping of variables.
pub(super) fn define_all(vars: &mut Vars, entries: &[(Node, Node)], problems: &mut Problems) {
    for (key, value) in entries {
        define(vars, key, value.clone(), problems);
    }
}

/// Takes over one variable, and looks at once at those that say how to connect.
pub(super) fn define(vars: &mut Vars, key: &Node, value: Node, problems: &mut Problems) {
    let Some(name) = key.key_text() else {
        let message = format!("a variable's name is a string, and this is {}", key.kind());
        problems.push(Problem::new(message, key.place()));
        return;
    };
    if let Some(problem) = super::connection::check(&name, &value) {
        problems.push(problem);
        return;
    }
    vars.insert(name.into(), Arc::new(Definition { name: key.place(), value }));
}
