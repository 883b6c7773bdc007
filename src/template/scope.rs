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

/// Variables by name. What one scope does not have is looked for in its parent.
#[derive(Default, Clone)]
pub struct Scope {
    parent: Option<Arc<Scope>>,
    entries: HashMap<String, Entry>,
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

impl Scope {
    /// An empty scope.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty scope in front of another one.
    #[must_use]
    pub fn child(parent: Arc<Self>) -> Self {
        Self { directories: parent.directories.clone(), parent: Some(parent), entries: HashMap::new() }
    }

    /// Puts the scope in front of another one.
    pub fn set_parent(&mut self, parent: Arc<Self>) {
        self.parent = Some(parent);
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

    /// Says where lookups look for files.
    pub fn set_directories(&mut self, directories: Arc<[PathBuf]>) {
        self.directories = directories;
    }

    /// Where lookups look for files.
    #[must_use]
    pub fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Removes a variable of this scope; one of the parent shows again.
    pub fn unset(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// Whether a variable is set, here or in a parent.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// All names that are set, sorted.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = self.parent.as_deref().map(Self::names).unwrap_or_default();
        names.extend(self.entries.keys().map(String::as_str));
        names
    }

    fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name).or_else(|| self.parent.as_deref()?.find(name))
    }

    /// A variable's value, with its templates tied to the scope they will be rendered in.
    pub(super) fn fetch(self: &Arc<Self>, name: &str) -> Option<Val> {
        Some(match self.find(name)? {
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
                if let Val::Str(key) = key {
                    tied.insert_str(key, tie(item, scope, via));
                }
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

impl fmt::Debug for Scope {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
