//! Which test has which hosts. Tests run at once; those that want the same host, one after the other.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::lab::Lab;

/// Any of the web hosts.
const ANY: &str = "web";

/// How many tests work at once: more would only make each other slow.
const AT_ONCE: usize = 3;

/// What is known of the hosts, by name.
struct Known {
    /// A test has them.
    taken: BTreeSet<String>,
    /// As `lab up` makes them.
    clean: BTreeSet<String>,
    at_work: usize,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { taken: BTreeSet::new(), clean: BTreeSet::new(), at_work: 0 });
static CHANGED: Condvar = Condvar::new();

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hosts that are one test's own. They are made clean again when it ends, so that the lab is left as it was found; after a failure
/// they stay as they are, to be looked at, until another test wants them.
pub struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    /// Waits for them, all at once. What is not known to be clean is thrown away and started anew.
    pub fn take(wanted: &[&str], webs: &[String]) -> Self {
        let mut known = known();
        let names = loop {
            if known.at_work < AT_ONCE
                && let Some(names) = free(wanted, webs, &known)
            {
                break names;
            }
            known = CHANGED.wait(known).unwrap_or_else(PoisonError::into_inner);
        };
        known.at_work += 1;
        known.taken.extend(names.iter().cloned());
        let unclean: Vec<_> = names.iter().filter(|name| !known.clean.contains(*name)).cloned().collect();
        names.iter().for_each(|name| _ = known.clean.remove(name));
        drop(known);
        let hosts = Self { names };
        assert!(clean(&unclean).len() == unclean.len(), "{unclean:?} start anew");
        hosts
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Throws a host away and starts it anew.
    pub fn reset(host: &str) {
        let output = Lab::lab(&["reset", host]);
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{host} starts anew: {}", String::from_utf8_lossy(&said));
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let clean = if std::thread::panicking() { Vec::new() } else { clean(&self.names) };
        let mut known = known();
        known.clean.extend(clean);
        self.names.iter().for_each(|name| _ = known.taken.remove(name));
        known.at_work -= 1;
        CHANGED.notify_all();
    }
}

/// Resets hosts, side by side; gives those where it went well.
fn clean(hosts: &[String]) -> Vec<String> {
    std::thread::scope(|scope| {
        let resets: Vec<_> = hosts.iter().map(|host| scope.spawn(|| Hosts::reset(host))).collect();
        let done = hosts.iter().zip(resets).filter_map(|(host, reset)| reset.join().is_ok().then_some(host));
        done.cloned().collect()
    })
}

/// The names of what is wanted, if all of it is free. The last of the web hosts first: the first are wanted by name, too.
fn free(wanted: &[&str], webs: &[String], known: &Known) -> Option<Vec<String>> {
    let is_free = |name: &String| !known.taken.contains(name);
    let mut any = webs.iter().rev().filter(|name| is_free(name));
    wanted
        .iter()
        .map(|name| if *name == ANY { any.next().cloned() } else { Some((*name).to_owned()).filter(is_free) })
        .collect()
}
