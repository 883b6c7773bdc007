//! A host's variables, in the layers of Ansible's precedence.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value as Json;

use super::program::TaskWork;
use crate::playbook::{Play, Role};
use crate::template::{Layer, Scope};
use crate::yaml::Node;

/// A host's variables, from those that are overruled to those that overrule.
///
/// Role defaults · inventory · facts · the play's `vars` · `vars_files` · role variables · those of blocks and tasks ·
/// `include_vars` · `set_fact` and registered results · those given to roles and includes · an item · `-e` · dtrctl's own.
pub struct Variables {
    /// Defaults of all the play's roles.
    defaults: Arc<Layer>,
    /// The inventory's.
    inventory: Vec<Arc<Layer>>,
    /// `ansible_facts`, and what a host is known by.
    pub facts: Arc<Layer>,
    /// The play's `vars`.
    play: Arc<Layer>,
    /// Its `vars_files`.
    pub files: Arc<Layer>,
    /// `vars/` of all the play's roles.
    roles: Arc<Layer>,
    /// `include_vars`.
    pub included: Arc<Layer>,
    /// `set_fact` and registered results.
    pub learnt: Arc<Layer>,
    /// `-e`.
    extra: Arc<Layer>,
    /// dtrctl's own: `inventory_hostname`, `groups` and their like.
    pub magic: Arc<Layer>,
    /// The layers of roles, made once.
    made: HashMap<usize, (Arc<Role>, [Arc<Layer>; 2])>,
}

/// What stays of a host from play to play, and what other hosts see of it.
#[derive(Clone, Default)]
pub struct Kept {
    /// See [`Variables::facts`].
    pub facts: Arc<Layer>,
    /// See [`Variables::included`].
    pub included: Arc<Layer>,
    /// See [`Variables::learnt`].
    pub learnt: Arc<Layer>,
}

impl Kept {
    /// Whether both are one and the same, without a look at the values.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let layers = |kept: &Self| [&kept.facts, &kept.included, &kept.learnt].map(Arc::as_ptr);
        layers(self) == layers(other)
    }

    /// Adds what a task has set.
    pub fn learn(&mut self, facts: &serde_json::Map<String, Json>) {
        let learnt = Arc::make_mut(&mut self.learnt);
        facts.iter().for_each(|(name, value)| learnt.set_literal(name.clone(), value));
    }
}

/// Variables that a user wrote, as a layer. One whose value cannot be had has no entry.
#[must_use]
pub fn layer_of(variables: &[(String, Node)]) -> Arc<Layer> {
    let mut layer = Layer::new();
    for (name, node) in variables {
        if let Ok(value) = node.to_source() {
            layer.set_source(name.clone(), &value);
        }
    }
    Arc::new(layer)
}

impl Variables {
    /// Those of a host at the beginning of a play.
    #[must_use]
    pub fn new(play: &Play, inventory: Vec<Arc<Layer>>, extra: Arc<Layer>, magic: Layer, kept: Kept) -> Self {
        let public = || play.roles.iter().filter(|role| role.public);
        let all = |of: fn(&Role) -> &[(String, Node)]| {
            let mut layer = Layer::new();
            public().for_each(|role| layer.extend(&layer_of(of(role))));
            Arc::new(layer)
        };
        Self {
            defaults: all(|role| &role.shown_defaults),
            inventory,
            facts: kept.facts,
            play: layer_of(&play.keywords.vars),
            files: Arc::default(),
            roles: all(|role| &role.shown_vars),
            included: kept.included,
            learnt: kept.learnt,
            extra,
            magic: Arc::new(magic),
            made: HashMap::new(),
        }
    }

    /// What stays of them, and what other hosts see.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept {
            facts: Arc::clone(&self.facts),
            included: Arc::clone(&self.included),
            learnt: Arc::clone(&self.learnt),
        }
    }

    /// Forgets what was gathered of the host; `ansible_facts` is empty then, and not undefined.
    pub fn forget_facts(&mut self) {
        let mut layer = Layer::new();
        layer.set_literal("ansible_facts", &Json::Object(serde_json::Map::new()));
        self.facts = Arc::new(layer);
    }

    /// Shows the variables of an included role to all later tasks.
    pub fn publish(&mut self, role: &Role) {
        Arc::make_mut(&mut self.defaults).extend(&layer_of(&role.shown_defaults));
        Arc::make_mut(&mut self.roles).extend(&layer_of(&role.shown_vars));
    }

    /// The scope of what belongs to no task.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let mut layers = vec![Arc::clone(&self.defaults)];
        layers.extend(self.inventory.iter().cloned());
        layers.extend(
            [&self.facts, &self.play, &self.files, &self.roles, &self.included, &self.learnt].map(Arc::clone),
        );
        layers.extend([&self.extra, &self.magic].map(Arc::clone));
        Scope::of(layers)
    }

    /// The scope of a task's templates; `item` holds the variables of its loop.
    pub fn of_task(&mut self, work: &TaskWork, item: Option<Arc<Layer>>) -> Scope {
        let around = &work.task.around;
        let role = around.role.as_ref().map(|role| self.of_role(role));
        let mut layers = vec![Arc::clone(&self.defaults)];
        let [defaults, vars] = role.map_or([None, None], |layers| layers.map(Some));
        layers.extend(defaults);
        layers.extend(self.inventory.iter().cloned());
        layers.extend([&self.facts, &self.play, &self.files, &self.roles].map(Arc::clone));
        layers.extend(vars);
        let written = |variables: &[(String, Node)]| (!variables.is_empty()).then(|| layer_of(variables));
        layers.extend(written(&work.task.keywords.vars));
        layers.extend([&self.included, &self.learnt].map(Arc::clone));
        layers.extend(written(&around.role_params));
        layers.extend(written(&around.include_params));
        layers.extend(work.outer.clone());
        layers.extend(item);
        layers.extend([&self.extra, &self.magic].map(Arc::clone));
        layers.extend(around.role.as_ref().map(|role| Arc::new(names_of(role))));
        let mut scope = Scope::of(layers);
        scope.set_directories(Arc::clone(&around.files.directories));
        scope
    }

    fn of_role(&mut self, role: &Arc<Role>) -> [Arc<Layer>; 2] {
        // The role is kept beside its layers, so that its address stays its own.
        let made = self.made.entry(Arc::as_ptr(role) as usize);
        let layers = || (Arc::clone(role), [layer_of(&role.defaults), layer_of(&role.vars)]);
        made.or_insert_with(layers).1.clone()
    }

    /// Whether no task can set this name: `-e` and dtrctl itself have it.
    #[must_use]
    pub fn is_fixed(&self, name: &str) -> bool {
        self.extra.contains(name) || self.magic.contains(name)
    }

    /// Keeps a result, or a value that a task has set.
    pub fn learn(&mut self, name: &str, value: &Json) {
        Arc::make_mut(&mut self.learnt).set_literal(name, value);
    }

    /// Keeps a result that check mode cannot know.
    pub fn learn_unknown(&mut self, name: &str, reason: &str) {
        Arc::make_mut(&mut self.learnt).set_unknown(name, reason);
    }

    /// Stands in for a result that is not there yet.
    pub fn learn_pending(&mut self, name: &str) {
        Arc::make_mut(&mut self.learnt).set_pending(name);
    }

    /// Keeps variables from files: templates in them stay templates.
    pub fn include(&mut self, variables: &[(String, Json)]) {
        // Nothing to add: the layer, which others may hold, is not copied for it.
        if variables.is_empty() {
            return;
        }
        let layer = Arc::make_mut(&mut self.included);
        variables.iter().for_each(|(name, value)| layer.set_source(name.clone(), value));
    }
}

/// What a role's tasks know of it.
fn names_of(role: &Role) -> Layer {
    let mut layer = Layer::new();
    let path = role.path.display().to_string();
    for (name, value) in [("role_name", &role.name), ("ansible_role_name", &role.name), ("role_path", &path)]
    {
        layer.set_literal(name, &Json::from(value.as_str()));
    }
    layer.set_literal("ansible_parent_role_names", &Json::from(role.parents.clone()));
    layer
}

/// The names that the tasks of plays may set, by which a template that reads another host's variables is known to wait.
#[must_use]
pub fn names_set<'t>(tasks: impl Iterator<Item = &'t Arc<crate::playbook::Task>>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for task in tasks {
        names.extend(task.register.clone());
        if task.action.sets_facts() {
            let entries = task.arguments.as_ref().and_then(Node::as_map).unwrap_or_default();
            names.extend(entries.iter().filter_map(|(key, _)| key.as_str()).map(str::to_owned));
        }
    }
    names
}
