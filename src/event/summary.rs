//! A run in one line of numbers: how many hosts stand how.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Recap, State};

/// How many hosts stand how. Each host counts once, as what stands first here and holds for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// A task would change something (`--check`); where a run applies, what it has changed is as desired.
    pub drift: usize,
    /// Something stays owed to its daemon, and nothing else is to be done that is known.
    pub owed: usize,
    /// Something depends on apply.
    pub unknown: usize,
    /// It could not be reached.
    pub unreachable: usize,
    /// It failed, was put back, has moved on since the plan, is not supported, or contact with it was lost.
    pub failed: usize,
    /// The run ended before it was through with the host.
    pub not_attempted: usize,
    /// All the rest.
    pub as_desired: usize,
}

impl Summary {
    /// Counts the hosts of a run.
    #[must_use]
    pub fn of(hosts: &BTreeMap<String, Recap>, check: bool) -> Self {
        let mut summary = Self::default();
        for recap in hosts.values() {
            *summary.counter(recap, check) += 1;
        }
        summary
    }

    /// What is worse comes first; a change that is known says more than one that is not, and both more than what is owed.
    const fn counter(&mut self, recap: &Recap, check: bool) -> &mut usize {
        match recap.state {
            State::Unreachable => &mut self.unreachable,
            State::Failed | State::RolledBack | State::Stale | State::Unsupported => &mut self.failed,
            State::Aborted | State::NotAttempted => &mut self.not_attempted,
            _ if check && recap.changed > 0 => &mut self.drift,
            _ if recap.unknown > 0 => &mut self.unknown,
            _ if !recap.owed.is_empty() => &mut self.owed,
            _ => &mut self.as_desired,
        }
    }

    /// Its numbers by their names, in the order in which they are said.
    #[must_use]
    pub const fn counts(&self) -> [(&'static str, usize); 7] {
        [
            ("drift", self.drift),
            ("owed", self.owed),
            ("unknown", self.unknown),
            ("unreachable", self.unreachable),
            ("failed", self.failed),
            ("not_attempted", self.not_attempted),
            ("as_desired", self.as_desired),
        ]
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.counts().map(|(name, count)| format!("{name}={count}")).join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_counts_once() {
        let recap = |state| Recap { state, ..Recap::default() };
        let owed = || vec!["a restart".to_owned()];
        let all = [
            recap(State::Ok),
            recap(State::Skipped),
            Recap { changed: 1, unknown: 1, owed: owed(), ..recap(State::Unknown) },
            Recap { unknown: 1, owed: owed(), ..recap(State::Unknown) },
            Recap { owed: owed(), ..recap(State::Ok) },
            Recap { changed: 1, ..recap(State::Failed) },
            recap(State::Unsupported),
            recap(State::Stale),
            recap(State::RolledBack),
            recap(State::Unreachable),
            recap(State::Aborted),
            recap(State::NotAttempted),
        ];
        let hosts: BTreeMap<_, _> = all.into_iter().enumerate().map(|(i, r)| (i.to_string(), r)).collect();
        let check = Summary::of(&hosts, true);
        insta::assert_snapshot!(check, @"drift=1 owed=1 unknown=1 unreachable=1 failed=4 not_attempted=2 as_desired=2");
        assert_eq!(check.counts().iter().map(|(_, count)| count).sum::<usize>(), hosts.len());
        let changed = BTreeMap::from([("a".to_owned(), Recap { changed: 1, ..recap(State::Changed) })]);
        assert_eq!(Summary::of(&changed, false), Summary { as_desired: 1, ..Summary::default() });
        assert_eq!(Summary::of(&changed, true), Summary { drift: 1, ..Summary::default() });
    }
}
