//! `hostvars`: what the templates of one host see of all hosts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::meeting::Meeting;
use super::run::Shared;
use super::variables::Kept;
use crate::event::Position;
use crate::template::{Hosts, Scope};

/// What one host's templates see of other hosts. Hosts run freely: what another one of the batch may still find out before this
/// point is not there yet, and whoever needs it waits until all have come here.
pub struct HostView {
    shared: Weak<Shared>,
    me: String,
    meeting: Arc<Meeting>,
    /// The names that the play's tasks may set.
    names: Arc<BTreeSet<String>>,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    /// Whether all hosts of the batch have come to the task in hand.
    met: bool,
    /// Its place.
    place: Position,
    /// What is known of this host.
    own: Kept,
}

impl HostView {
    /// Of a host in a batch.
    #[must_use]
    pub fn new(
        shared: &Arc<Shared>,
        me: &str,
        meeting: &Arc<Meeting>,
        names: &Arc<BTreeSet<String>>,
    ) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            me: me.to_owned(),
            meeting: Arc::clone(meeting),
            names: Arc::clone(names),
            now: Mutex::default(),
        }
    }

    /// Says for which task templates are rendered next.
    pub fn see(&self, met: bool, place: &Position, own: Kept) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = Now { met, place: place.clone(), own };
    }
}

impl Hosts for HostView {
    fn names(&self) -> Vec<String> {
        let Some(shared) = self.shared.upgrade() else { return Vec::new() };
        shared.inventory.hosts().map(ToString::to_string).collect()
    }

    fn scope(&self, host: &str) -> Option<Arc<Scope>> {
        let shared = self.shared.upgrade()?;
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if host == self.me {
            return Some(Arc::new(shared.scope_with(host, now.own.clone())));
        }
        if !shared.inventory.has_host(host) {
            return None;
        }
        let is_here = self.meeting.hosts().iter().any(|name| name == host);
        let known = if is_here { self.meeting.known(host, &now.place) } else { None };
        let mut scope = shared.scope_with(host, known.unwrap_or_else(|| shared.kept(host)));
        if !now.met && is_here {
            let facts = std::iter::once("ansible_facts");
            for name in self.names.iter().map(String::as_str).chain(facts) {
                scope.top().set_pending(name);
            }
            scope.set_rest_pending(format!("hostvars['{host}']"));
        }
        Some(Arc::new(scope))
    }
}
