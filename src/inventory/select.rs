//! Which hosts a pattern selects.

use std::{
    collections::HashSet,
    hash::{Hash, Hasher},
    sync::Arc,
};

use super::{
    Inventory, LOCALHOST,
    graph::{ALL, HostId},
    pattern::{Names, Operator, Pattern, Subscript, Term},
};
use crate::yaml::{Problem, Problems};

/// Candidates are looked through for at most so many names that match nothing.
const MAX_SUGGESTIONS: usize = 5;

/// The hosts that a pattern selects.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Their names, in the order of the pattern, then of the inventory.
    pub hosts: Vec<Arc<str>>,
    /// Terms that match nothing. They select less than was meant, never more, so they are warnings.
    pub unmatched: Problems,
}

/// The order in which a play goes through its hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As selected.
    Inventory,
    /// The other way round.
    ReverseInventory,
    /// By name.
    Sorted,
    /// By name, the other way round.
    ReverseSorted,
    /// At random, decided by a number.
    Shuffle(u64),
}

#[derive(Debug, Clone, Copy)]
enum Picked {
    Listed(HostId),
    /// The controller, under this one of its names.
    Implicit(&'static str),
}

/// The controller is one host under whichever of its names.
impl PartialEq for Picked {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Picked {}

impl Hash for Picked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl Picked {
    fn id(self) -> Option<HostId> {
        match self {
            Self::Listed(id) => Some(id),
            Self::Implicit(_) => None,
        }
    }
}

impl Inventory {
    /// The hosts that a pattern selects.
    ///
    /// # Errors
    /// An exclusion matches nothing, so that more hosts would be selected than was meant; a subscript is out of range.
    pub fn select(&self, pattern: &Pattern) -> Result<Selection, Problems> {
        let mut problems = Problems::new();
        let mut unmatched = Problems::new();
        let mut hosts = self.added(pattern, &mut unmatched, &mut problems);
        let mut gone = HashSet::new();
        for term in pattern.terms.iter().filter(|term| term.operator != Operator::Plain) {
            let Some(matched) = self.matched(term, &mut problems) else { continue };
            match (matched, term.operator) {
                (None, Operator::Not) => problems.push(self.widening(term, problems.0.len())),
                (None, _) => {
                    unmatched.push(self.unknown(term, unmatched.0.len()));
                    hosts.clear();
                }
                (Some(matched), Operator::Not) => gone.extend(matched),
                (Some(matched), _) => {
                    let kept: HashSet<_> = matched.into_iter().collect();
                    hosts.retain(|host| kept.contains(host));
                }
            }
        }
        hosts.retain(|host| !gone.contains(host));
        let hosts = hosts.into_iter().map(|host| self.name(host)).collect();
        problems.or(Selection { hosts, unmatched })
    }

    /// The hosts that a pattern selects and `--limit` as well.
    ///
    /// # Errors
    /// As for [`select`](Self::select) of both; or the limit on its own matches nothing.
    pub fn select_limited(&self, pattern: &Pattern, limit: &Pattern) -> Result<Selection, Problems> {
        let mut selection = self.select(pattern)?;
        let limited = self.select(limit)?;
        if limited.hosts.is_empty() {
            let mut problems = limited.unmatched;
            if problems.is_empty() {
                problems.push(Problem::new("the limit matches no host", limit.at.clone()));
            }
            return Err(problems);
        }
        let implicit = limited.hosts.iter().any(|host| !self.has_host(host));
        let kept: HashSet<_> = limited.hosts.into_iter().collect();
        selection.hosts.retain(|host| kept.contains(host) || (implicit && !self.has_host(host)));
        selection.unmatched.extend(limited.unmatched);
        Ok(selection)
    }

    /// What the terms without an operator add, each host once; all hosts if there is no such term.
    fn added(&self, pattern: &Pattern, unmatched: &mut Problems, problems: &mut Problems) -> Vec<Picked> {
        let plain: Vec<&Term> =
            pattern.terms.iter().filter(|term| term.operator == Operator::Plain).collect();
        if plain.is_empty() {
            return self.graph.members(ALL).iter().copied().map(Picked::Listed).collect();
        }
        let (mut hosts, mut seen) = (Vec::new(), HashSet::new());
        for term in plain {
            // The name of a host goes before the name of a group.
            let exact = self.graph.host_id(&term.text).map(|id| Some(vec![Picked::Listed(id)]));
            let Some(matched) = exact.or_else(|| self.matched(term, problems)) else { continue };
            match matched {
                Some(matched) => hosts.extend(matched.into_iter().filter(|host| seen.insert(*host))),
                None => unmatched.push(self.unknown(term, unmatched.0.len())),
            }
        }
        hosts
    }

    /// What a term matches; `Some(None)` if it is no name of anything, `None` if its subscript is out of range.
    #[expect(clippy::option_option, reason = "both levels are looked at by the callers, one line each")]
    fn matched(&self, term: &Term, problems: &mut Problems) -> Option<Option<Vec<Picked>>> {
        let Some(found) = self.named(term) else { return Some(None) };
        let Some(subscript) = term.subscript.filter(|_| !found.is_empty()) else { return Some(Some(found)) };
        let picked = apply(&found, subscript);
        if picked.is_none() {
            let message = format!("the subscript of `{}` is out of range", term.text);
            let label = format!("{} hosts, counted from 0", found.len());
            problems.push(Problem::new(message, term.at.clone()).label(label));
        }
        picked.map(Some)
    }

    /// The hosts of the groups that a term names; those that it names themselves if it names no group, or may name both.
    fn named(&self, term: &Term) -> Option<Vec<Picked>> {
        let mut found = Vec::new();
        let mut any = false;
        let both = match &term.names {
            Names::Exactly(name) => {
                if let Some(group) = self.graph.group_id(name) {
                    any = true;
                    found.extend(self.graph.members(group));
                }
                name.contains('.')
            }
            Names::Glob { .. } | Names::Regex(_) => {
                for group in self.graph.group_ids().filter(|id| term.names.matches(&self.graph[*id].name)) {
                    any = true;
                    found.extend(self.graph.members(group));
                }
                true
            }
        };
        if both || !any {
            match &term.names {
                Names::Exactly(name) => found.extend(self.graph.host_id(name)),
                names => {
                    found.extend(self.graph.host_ids().filter(|id| names.matches(&self.graph[*id].name)));
                }
            }
        }
        let mut picked: Vec<Picked> = found.into_iter().map(Picked::Listed).collect();
        if picked.is_empty() {
            picked.extend(self.localhost(&term.names));
        }
        (any || !picked.is_empty()).then_some(picked)
    }

    /// The controller, if that is what is named: the first of its names that the inventory lists, else the implicit one.
    fn localhost(&self, names: &Names) -> Option<Picked> {
        let Names::Exactly(name) = names else { return None };
        let own = LOCALHOST.into_iter().find(|own| own == name)?;
        let listed = LOCALHOST.iter().filter_map(|own| self.graph.host_id(own)).min();
        Some(listed.map_or(Picked::Implicit(own), Picked::Listed))
    }

    fn name(&self, picked: Picked) -> Arc<str> {
        match picked {
            Picked::Listed(id) => Arc::clone(&self.graph[id].name),
            Picked::Implicit(name) => name.into(),
        }
    }

    fn unknown(&self, term: &Term, already: usize) -> Problem {
        let problem = Problem::new(format!("`{}` matches no host and no group", term.text), term.at.clone());
        if already >= MAX_SUGGESTIONS {
            return problem;
        }
        let groups = self.graph.groups().iter().map(|group| &*group.name);
        let problem =
            problem.did_you_mean(&term.text, groups.chain(self.graph.hosts().iter().map(|host| &*host.name)));
        match term.text.rsplit_once(':') {
            Some((name, port))
                if problem.help.is_none() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                problem.help(format!(
                    "`:{port}` is read as a port here; separate the names with a comma: `{name},{port}`"
                ))
            }
            _ => problem,
        }
    }

    fn widening(&self, term: &Term, already: usize) -> Problem {
        let problem = self.unknown(term, already);
        let message = format!("`!{}` excludes nothing: it matches no host and no group", term.text);
        let help = problem.help.unwrap_or_else(|| "remove it, or mend its name".to_owned());
        Problem { message, help: Some(help), ..problem }
    }
}

impl Names {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exactly(exact) => exact == name,
            Self::Glob { glob } => glob.is_match(name),
            Self::Regex(regex) => regex.is_match(name),
        }
    }
}

fn apply(hosts: &[Picked], subscript: Subscript) -> Option<Vec<Picked>> {
    match subscript {
        Subscript::One(index) => {
            let length = i64::try_from(hosts.len()).ok()?;
            let index = if index < 0 { index.checked_add(length)? } else { index };
            hosts.get(usize::try_from(index).ok()?).map(|host| vec![*host])
        }
        Subscript::Range(start, end) => {
            let last = end.unwrap_or(usize::MAX).min(hosts.len().checked_sub(1)?);
            hosts.get(start..=last).filter(|hosts| !hosts.is_empty()).map(<[Picked]>::to_vec)
        }
    }
}

impl Order {
    /// Puts hosts into this order.
    pub fn arrange(self, hosts: &mut [Arc<str>]) {
        match self {
            Self::Inventory => {}
            Self::ReverseInventory => hosts.reverse(),
            Self::Sorted => hosts.sort(),
            Self::ReverseSorted => hosts.sort_by(|a, b| b.cmp(a)),
            Self::Shuffle(seed) => shuffle(hosts, seed),
        }
    }
}

/// Fisher and Yates' shuffle; the numbers are splitmix64's.
fn shuffle(hosts: &mut [Arc<str>], mut state: u64) {
    for last in (1..hosts.len()).rev() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let index = bits % (last as u64 + 1);
        hosts.swap(last, usize::try_from(index).unwrap_or(0));
    }
}
