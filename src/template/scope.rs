//! The variables that a template may use.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::Value as Json;

use super::error::{ErrorKind, TemplateError};
use super::value::{Deferred, Dict, Object, Val};

/// The other hosts, as `hostvars` shows them.
///
/// Their variables are asked for when a template names them, so that a fleet's facts are never copied.
pub trait Hosts: Send + Sync {
    /// The names of all hosts, in inventory order.
    fn names(&self) -> Vec<String>;
    /// The variables of one host; none if there is no such host.
    fn scope(&self, host: &str) -> Option<Arc<Scope>>;
}

/// Variables of one origin, such as a play's or the facts of a host.
#[derive(Default, Clone)]
pub struct Layer {
    entries: HashMap<String, Entry>,
}

/// Variables by name, in layers: a later layer hides the names of those before it.
#[derive(Default, Clone)]
pub struct Scope {
    layers: Vec<Arc<Layer>>,
    /// Why a name that no layer has may still come to be set; none where it is undefined for good.
    rest: Option<Arc<TemplateError>>,
    /// Where lookups look for files, besides what they are told.
    directories: Arc<[PathBuf]>,
}

#[derive(Clone)]
enum Entry {
    /// Text in it may be a template, written by the user.
    Source(Val),
    /// Text in it is data, whatever it looks like.
    Literal(Val),
    Failing(Arc<TemplateError>),
    Hosts(Arc<dyn Hosts>),
}

impl Layer {
    /// An empty layer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it sets nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it sets this variable.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Sets a variable from an inventory, playbook or command line: strings in it may be templates.
    pub fn set_source(&mut self, name: impl Into<String>, value: &Json) {
        self.entries.insert(name.into(), Entry::Source(Val::from_json(value)));
    }

    /// Sets a variable from a host, or a value that has been rendered: strings in it are never templates.
    pub fn set_literal(&mut self, name: impl Into<String>, value: &Json) {
        self.entries.insert(name.into(), Entry::Literal(Val::from_json(value)));
    }

    /// Sets a registered result whose task has not run yet.
    pub fn set_pending(&mut self, name: impl Into<String>) {
        let name = name.into();
        let error = ErrorKind::Pending { name: name.clone() }.into();
        self.entries.insert(name, Entry::Failing(Arc::new(error)));
    }

    /// Sets a registered result that cannot be known in check mode, with the reason.
    pub fn set_unknown(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        let name = name.into();
        let error = ErrorKind::Unknown { name: name.clone(), reason: reason.into() }.into();
        self.entries.insert(name, Entry::Failing(Arc::new(error)));
    }

    /// Sets the variable through which other hosts' variables are read.
    pub fn set_hosts(&mut self, name: impl Into<String>, hosts: Arc<dyn Hosts>) {
        self.entries.insert(name.into(), Entry::Hosts(hosts));
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// Takes all variables of another layer, which hide those of the same name.
    pub fn extend(&mut self, other: &Self) {
        self.entries.extend(other.entries.iter().map(|(name, entry)| (name.clone(), entry.clone())));
    }
}

impl Scope {
    /// An empty scope.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A scope of these layers, from those that are hidden to those that hide.
    #[must_use]
    pub fn of(layers: Vec<Arc<Layer>>) -> Self {
        Self { layers, ..Self::default() }
    }

    /// The scope with an empty layer in front.
    #[must_use]
    pub fn child(parent: &Self) -> Self {
        let mut child = parent.clone();
        child.layers.push(Arc::default());
        child
    }

    /// Puts a layer in front of all others.
    pub fn push(&mut self, layer: Arc<Layer>) {
        self.layers.push(layer);
    }

    /// The layer in front, to be written.
    pub fn top(&mut self) -> &mut Layer {
        if self.layers.is_empty() {
            self.layers.push(Arc::default());
        }
        let last = self.layers.len() - 1;
        Arc::make_mut(&mut self.layers[last])
    }

    /// Sets a variable of the layer in front; see [`Layer::set_source`].
    pub fn set_source(&mut self, name: impl Into<String>, value: &Json) {
        self.top().set_source(name, value);
    }

    /// Sets a variable of the layer in front; see [`Layer::set_literal`].
    pub fn set_literal(&mut self, name: impl Into<String>, value: &Json) {
        self.top().set_literal(name, value);
    }

    /// Says that a name which is not set may be set by a task that has not run yet.
    pub fn set_rest_pending(&mut self, name: impl Into<String>) {
        self.rest = Some(Arc::new(ErrorKind::Pending { name: name.into() }.into()));
    }

    /// Says where lookups look for files.
    pub fn set_directories(&mut self, directories: Arc<[PathBuf]>) {
        self.directories = directories;
    }

    /// Where lookups look for files.
    #[must_use]
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Whether a variable is set.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// All names that are set, sorted.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.layers.iter().flat_map(|layer| layer.entries.keys().map(String::as_str)).collect()
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.layers.iter().rev().find_map(|layer| layer.entries.get(name))
    }

    /// A variable's value, with its templates tied to the scope they will be rendered in.
    pub(super) fn fetch(self: &Arc<Self>, name: &str) -> Option<Val> {
        let Some(entry) = self.find(name) else { return self.rest.clone().map(Val::Marker) };
        Some(match entry {
            Entry::Source(value) => tie(value, self, &Arc::from(name)),
            Entry::Literal(value) => value.clone(),
            Entry::Failing(error) => Val::Marker(error.clone()),
            Entry::Hosts(hosts) => Val::Object(Object::Hosts(hosts.clone())),
        })
    }
}

/// The same value, every text that may be a template replaced by one that is rendered when needed.
pub(super) fn tie(value: &Val, scope: &Arc<Scope>, via: &Arc<str>) -> Val {
    match value {
        Val::Str(text) if super::is_template(text) => Val::Deferred(Arc::new(Deferred {
            text: text.clone(),
            scope: scope.clone(),
            via: via.clone(),
            done: OnceLock::new(),
        })),
        Val::List(seq) if seq.items.iter().any(has_template) => {
            Val::list(seq.items.iter().map(|item| tie(item, scope, via)).collect())
        }
        Val::Dict(dict) if dict.values().any(has_template) => {
            let mut tied = Dict::default();
            for (key, item) in dict.entries() {
                // What is a key of one mapping is one of the next.
                _ = tied.insert(key.clone(), tie(item, scope, via));
            }
            Val::dict(tied)
        }
        other => other.clone(),
    }
}

fn has_template(value: &Val) -> bool {
    match value {
        Val::Str(text) => super::is_template(text),
        Val::List(seq) => seq.items.iter().any(has_template),
        Val::Dict(dict) => dict.values().any(has_template),
        _ => false,
    }
}

impl fmt::Debug for Layer {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}

impl fmt::Debug for Scope {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
