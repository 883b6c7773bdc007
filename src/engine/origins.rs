//! Where a host's variables come from, and what may still change them: read from the texts alone, for `dtrctl vars`.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::scope::{NoValue, Renderer};
use crate::inventory::Inventory;
use crate::playbook::{Action, Files, Play, Role, Task};
use crate::template::{Hosts, Layer, Scope};
use crate::yaml::{self, Node, Place, Problems, Source, Value};

/// A place that sets a variable before a play's first task.
#[derive(Debug, Clone)]
pub struct Set {
    /// Where it is set.
    pub at: Place,
    /// What that place is, in words.
    pub layer: String,
    /// The value as it is written.
    pub value: Node,
}

/// Something in a play that may give a variable another value.
#[derive(Debug, Clone)]
pub struct Later {
    /// Where it stands.
    pub at: Place,
    /// What it is, in words.
    pub how: String,
}

/// A variable of a host.
#[derive(Debug, Default)]
pub struct Traced {
    /// The places that set it, the weakest first: the last one wins.
    pub set: Vec<Set>,
    /// What may change it while the play runs.
    pub later: Vec<Later>,
}

/// All variables of a host at the beginning of a play, or of none.
pub struct Origins {
    /// By name.
    pub variables: BTreeMap<String, Traced>,
    /// What may change any variable: whose it is, is known only while the play runs.
    pub any: Vec<Later>,
    scope: Arc<Scope>,
}

impl Origins {
    /// Reads what the inventory, a play and `-e` set for a host.
    ///
    /// # Errors
    /// A file of variables cannot be read.
    pub fn of(
        inventory: &Arc<Inventory>,
        host: &str,
        play: Option<&Play>,
        extra: &[(Node, Node)],
        renderer: &Renderer,
    ) -> Result<Self, Problems> {
        let mut reader =
            Reader { inventory, host, renderer, extra, variables: BTreeMap::new(), any: Vec::new() };
        for role in play.iter().flat_map(|play| &play.roles) {
            reader.role(role, &role.defaults, "the defaults");
        }
        for (name, each) in inventory.traces(host) {
            for sourced in each {
                let (at, layer) = (sourced.definition.name.clone(), sourced.origin.to_string());
                reader.set(&name, Set { at, layer, value: sourced.node().clone() });
            }
        }
        if let Some(play) = play {
            reader.play(play)?;
        }
        for (key, value) in extra {
            let set = Set { at: key.place(), layer: "the command line".to_owned(), value: value.clone() };
            reader.set(key.as_str().unwrap_or_default(), set);
        }
        let scope = Arc::new(reader.scope());
        Ok(Self { variables: reader.variables, any: reader.any, scope })
    }

    /// The value before the first task; in words, why there is none.
    ///
    /// # Errors
    /// The sentence that says why it has no value then.
    pub fn value(&self, traced: &Traced, renderer: &Renderer) -> Result<Json, String> {
        let Some(set) = traced.set.last() else { return Err("not set before the play runs".to_owned()) };
        renderer.value(&set.value, &self.scope).map_err(|error| match error {
            NoValue::Wrong(problem) => problem.message,
            NoValue::Pending => "it depends on what is known only while the play runs".to_owned(),
            NoValue::Unknown(reason) => reason,
        })
    }
}

struct Reader<'a> {
    inventory: &'a Arc<Inventory>,
    host: &'a str,
    renderer: &'a Renderer,
    extra: &'a [(Node, Node)],
    variables: BTreeMap<String, Traced>,
    any: Vec<Later>,
}

impl Reader<'_> {
    /// A file beside both the inventory and the playbook is read as either, and shown once.
    fn set(&mut self, name: &str, set: Set) {
        let known = &mut self.variables.entry(name.to_owned()).or_default().set;
        known.retain(|known| !same(&known.at, &set.at));
        known.push(set);
    }

    fn later(&mut self, name: &str, at: Place, how: impl Into<String>) {
        let later = &mut self.variables.entry(name.to_owned()).or_default().later;
        if !later.iter().any(|known| known.at == at) {
            later.push(Later { at, how: how.into() });
        }
    }

    fn role(&mut self, role: &Role, variables: &[(String, Node)], what: &str) {
        for (name, value) in variables {
            let layer = format!("{what} of the role `{}`", role.name);
            self.set(name, Set { at: named(name, value), layer, value: value.clone() });
        }
    }

    fn play(&mut self, play: &Play) -> Result<(), Problems> {
        for (name, value) in &play.keywords.vars {
            let set =
                Set { at: named(name, value), layer: "`vars` of the play".to_owned(), value: value.clone() };
            self.set(name, set);
        }
        for candidates in &play.vars_files {
            self.vars_file(play, candidates)?;
        }
        for role in &play.roles {
            self.role(role, &role.vars, "the variables");
        }
        if play.gather_facts.as_ref().is_none_or(|node| node.value != Value::Bool(false)) {
            self.later("ansible_facts", play.place.clone(), "the facts that the play gathers");
        }
        let of_play: HashSet<*const Role> = play.roles.iter().map(Arc::as_ptr).collect();
        for task in play.tasks().chain(&play.handlers) {
            self.task(task);
            if let Some(role) = task.around.role.as_ref().filter(|role| !of_play.contains(&Arc::as_ptr(role)))
            {
                for (name, value) in role.defaults.iter().chain(&role.vars) {
                    self.later(
                        name,
                        named(name, value),
                        format!("the role `{}`, in its own tasks", role.name),
                    );
                }
            }
        }
        Ok(())
    }

    /// The first candidate that exists; one whose name depends on facts is known only then.
    fn vars_file(&mut self, play: &Play, candidates: &[Node]) -> Result<(), Problems> {
        let files = Files::of_playbook(&play.directory);
        for node in candidates {
            let Ok(name) = self.renderer.text(node, &Arc::new(self.scope())) else {
                let how = "a file of `vars_files` whose name is known only then".to_owned();
                self.any.push(Later { at: node.place(), how });
                continue;
            };
            let path = files.find("vars", Path::new(&name));
            if path.exists() {
                for (key, value) in entries(&path)? {
                    let layer = "`vars_files` of the play".to_owned();
                    self.set(key.as_str().unwrap_or_default(), Set { at: key.place(), layer, value });
                }
                return Ok(());
            }
        }
        Ok(())
    }

    fn task(&mut self, task: &Task) {
        let shown = task.shown_name().to_owned();
        for (name, value) in &task.keywords.vars {
            self.later(name, named(name, value), format!("`vars` around the task `{shown}`"));
        }
        for (name, value) in task.around.role_params.iter().chain(&task.around.include_params) {
            self.later(name, named(name, value), format!("what is given to the task `{shown}` from outside"));
        }
        if let Some(name) = &task.register {
            self.later(name, task.place.clone(), format!("`register` of the task `{shown}`"));
        }
        if task.repeated.is_some() {
            let control = &task.loop_control;
            for name in [Some(&control.loop_var), control.index_var.as_ref()].into_iter().flatten() {
                self.later(name, task.place.clone(), format!("the loop of the task `{shown}`, within it"));
            }
        }
        let arguments = task.arguments.as_ref();
        match task.action {
            Action::IncludeVars => {
                self.include_vars(task, arguments.and_then(|node| node.get("file")), &shown);
            }
            Action::IncludeTasks | Action::IncludeRole => {
                let how = format!("what `{}` brings, which is read only then", task.action.name());
                self.any.push(Later { at: task.place.clone(), how });
            }
            action if action.sets_facts() => {
                for (key, _) in arguments.and_then(Node::as_map).unwrap_or_default() {
                    let how = format!("`{}` of the task `{shown}`", action.name());
                    match key.as_str().filter(|_| !key.has_template()) {
                        Some(name) => self.later(name, key.place(), how),
                        None => self.any.push(Later { at: key.place(), how }),
                    }
                }
            }
            _ => {}
        }
    }

    fn include_vars(&mut self, task: &Task, file: Option<&Node>, shown: &str) {
        let file = file.filter(|node| !node.has_template()).and_then(Node::as_str);
        let path = file.map(|file| task.around.files.find("vars", Path::new(file)));
        let named = task.arguments.as_ref().and_then(|node| node.get("name")).and_then(Node::as_str);
        let how = format!("`include_vars` of the task `{shown}`");
        if let Some(name) = named {
            self.later(name, task.place.clone(), how);
            return;
        }
        match path.and_then(|path| entries(&path).ok()) {
            Some(found) => {
                for (key, _) in found {
                    self.later(key.as_str().unwrap_or_default(), key.place(), how.clone());
                }
            }
            None => self.any.push(Later { at: task.place.clone(), how }),
        }
    }

    /// What templates see so far. What only the run can tell is not there yet, and nobody's mistake.
    fn scope(&self) -> Scope {
        let mut layer = Layer::new();
        for (name, traced) in &self.variables {
            match traced.set.last().map(|set| set.value.to_source()) {
                Some(Ok(value)) => layer.set_source(name.clone(), &value),
                Some(Err(_)) => {}
                None => layer.set_pending(name.clone()),
            }
        }
        layer.extend(&names_of(self.inventory, self.host));
        let fleet = Fleet { inventory: Arc::clone(self.inventory), extra: Arc::new(self.extra_layer()) };
        layer.set_hosts("hostvars", Arc::new(fleet));
        if !layer.contains("ansible_facts") {
            layer.set_pending("ansible_facts");
        }
        Scope::of(vec![Arc::new(layer)])
    }

    fn extra_layer(&self) -> Layer {
        let mut layer = Layer::new();
        for (key, value) in self.extra {
            if let (Some(name), Ok(value)) = (key.as_str(), value.to_source()) {
                layer.set_source(name, &value);
            }
        }
        layer
    }
}

/// The other hosts, as the inventory has them.
struct Fleet {
    inventory: Arc<Inventory>,
    extra: Arc<Layer>,
}

impl Hosts for Fleet {
    fn names(&self) -> Vec<String> {
        self.inventory.hosts().map(ToString::to_string).collect()
    }

    fn scope(&self, host: &str) -> Option<Arc<Scope>> {
        let mut layer = Layer::new();
        self.inventory.has_host(host).then_some(())?;
        for (name, sourced) in self.inventory.vars(host) {
            if let Ok(value) = sourced.node().to_source() {
                layer.set_source(&*name, &value);
            }
        }
        layer.set_pending("ansible_facts");
        let names = Arc::new(names_of(&self.inventory, host));
        Some(Arc::new(Scope::of(vec![Arc::new(layer), Arc::clone(&self.extra), names])))
    }
}

/// What a host is called, and where it stands.
fn names_of(inventory: &Inventory, host: &str) -> Layer {
    let mut layer = Layer::new();
    let own = inventory.groups_of(host);
    let own: Vec<&str> = own.iter().map(|group| &**group).filter(|group| *group != "all").collect();
    let members = |group: &Arc<str>| inventory.hosts_of(group).unwrap_or_default();
    let members = |group| members(group).iter().map(|host| Json::from(&**host)).collect::<Json>();
    let groups = inventory.groups().map(|group| (group.to_string(), members(group)));
    for (name, value) in [
        ("inventory_hostname", json!(host)),
        ("inventory_hostname_short", json!(host.split('.').next())),
        ("group_names", json!(own)),
        ("groups", Json::Object(groups.collect())),
    ] {
        layer.set_literal(name, &value);
    }
    layer
}

fn entries(path: &Path) -> Result<Vec<(Node, Node)>, Problems> {
    let root = yaml::parse(&Source::read(path)?)?;
    Ok(root.as_map().unwrap_or_default().to_vec())
}

fn same(one: &Place, other: &Place) -> bool {
    let real = |place: &Place| place.source.path.canonicalize().ok();
    one.span == other.span && one.source.text == other.source.text && real(one) == real(other)
}

/// The place of a variable's name, which stands before its value.
fn named(name: &str, value: &Node) -> Place {
    let before = value.source.text.get(..value.span.start).unwrap_or_default();
    let between =
        |at: usize| before[at + name.len()..].trim_start_matches(['"', '\'']).trim_start().starts_with(':');
    match before.rfind(name).filter(|at| between(*at)) {
        Some(at) => value.source.place(at..at + name.len()),
        None => value.place(),
    }
}
