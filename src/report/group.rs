//! Hosts that did the same, put together.

use std::collections::HashMap;

use modules::Level;

use super::batch::{HostTask, Lost, Part, TaskRun};
use crate::event::diff::changed_lines;
use crate::event::{Outcome, Reason};

/// Hosts whose outcome and content are equal.
#[derive(Debug, Clone)]
pub struct Group {
    /// The task's name on them.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The hosts.
    pub hosts: Vec<String>,
    /// What the first of them did.
    pub task: HostTask,
    /// Whether the diffs of others differ in what surrounds the changed lines.
    pub varies: bool,
}

/// What makes two hosts' parts equal.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key<'a> {
    name: &'a str,
    item: Option<&'a str>,
    outcome: Option<&'static str>,
    changes: Vec<(&'a str, Vec<&'a str>)>,
    notes: Vec<(bool, &'a str)>,
    owed: Option<&'a str>,
    reason: Option<Reason>,
    /// The host itself, where it shall stand alone.
    alone: Option<&'a str>,
}

/// The groups of a task, the good ones first. With `apart`, a host that changes something stands alone.
pub fn groups(run: &TaskRun, apart: bool) -> Vec<Group> {
    let mut index: HashMap<Vec<Key<'_>>, usize> = HashMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (host, task) in &run.hosts {
        let keys = task.parts.iter().map(|part| Key::new(host, part, apart)).collect();
        let next = groups.len();
        let place = *index.entry(keys).or_insert(next);
        if let Some(group) = groups.get_mut(place) {
            group.varies |= differs(&group.task, task);
            group.hosts.push(host.clone());
        } else {
            let name = task.parts.first().map_or_else(String::new, |part| part.name.clone());
            let hosts = vec![host.clone()];
            groups.push(Group { name, outcome: worst(task), hosts, task: task.clone(), varies: false });
        }
    }
    groups.sort_by_key(|group| rank(group.outcome));
    groups
}

/// Lost hosts by reason.
pub fn lost_groups(lost: &[Lost]) -> Vec<(Vec<String>, &Lost)> {
    let mut groups: Vec<(Reason, Vec<String>, &Lost)> = Vec::new();
    for one in lost {
        let key = likened(&one.reason, &one.host);
        match groups.iter_mut().find(|(reason, _, first)| *reason == key && first.during == one.during) {
            Some((_, hosts, _)) => hosts.push(one.host.clone()),
            None => groups.push((key, vec![one.host.clone()], one)),
        }
    }
    groups.into_iter().map(|(_, hosts, first)| (hosts, first)).collect()
}

/// A reason without the host's own name, so that hosts of one fate come together.
pub fn likened(reason: &Reason, host: &str) -> Reason {
    let without = |text: &str| replace_word(text, host, "\0");
    Reason {
        kind: reason.kind.clone(),
        message: without(&reason.message),
        help: reason.help.as_deref().map(without),
        place: reason.place.clone(),
    }
}

/// Whether a text says a host's name.
pub fn says(text: &str, host: &str) -> bool {
    replace_word(text, host, "\0") != text
}

/// Replaces a word where it stands by itself, not within a longer name.
fn replace_word(text: &str, word: &str, by: &str) -> String {
    let inner = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for (start, found) in text.match_indices(word).filter(|_| !word.is_empty()) {
        let after = start + found.len();
        if inner(text[..start].chars().next_back()) || inner(text[after..].chars().next()) {
            continue;
        }
        out.push_str(&text[end..start]);
        out.push_str(by);
        end = after;
    }
    out + &text[end..]
}

impl<'a> Key<'a> {
    fn new(host: &'a str, part: &'a Part, apart: bool) -> Self {
        let lines = |diff: &'a Option<String>| diff.iter().flat_map(|diff| changed_lines(diff)).collect();
        Self {
            name: &part.name,
            item: part.item.as_deref(),
            outcome: part.outcome.map(word),
            changes: part
                .changes
                .iter()
                .map(|change| (change.summary.as_str(), lines(&change.diff)))
                .collect(),
            notes: part.notes.iter().map(|note| (note.level == Level::Warning, note.text.as_str())).collect(),
            owed: part.owed.as_deref(),
            reason: part.reason.as_ref().map(|reason| likened(reason, host)),
            alone: (apart && !part.changes.is_empty()).then_some(host),
        }
    }
}

fn differs(one: &HostTask, other: &HostTask) -> bool {
    let diffs = |task: &HostTask| -> Vec<Option<String>> {
        task.parts.iter().flat_map(|part| &part.changes).map(|change| change.diff.clone()).collect()
    };
    diffs(one) != diffs(other)
}

/// A loop ends as the worst of its items.
fn worst(task: &HostTask) -> Outcome {
    let outcomes = task.parts.iter().filter_map(|part| part.outcome);
    outcomes.max_by_key(|outcome| rank(*outcome)).unwrap_or(Outcome::Skipped)
}

const fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Skipped => 0,
        Outcome::Ok => 1,
        Outcome::Changed => 2,
        Outcome::Ignored => 3,
        Outcome::Unknown => 4,
        Outcome::Rescued => 5,
        Outcome::Failed => 6,
    }
}

/// An outcome as JSON has it.
pub const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Changed => "changed",
        Outcome::Skipped => "skipped",
        Outcome::Failed => "failed",
        Outcome::Ignored => "ignored",
        Outcome::Rescued => "rescued",
        Outcome::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::replace_word;

    #[test]
    fn a_host_is_found_only_as_a_word() {
        assert_eq!(replace_word("web1: web10 said `web1`", "web1", "_"), "_: web10 said `_`");
        assert_eq!(replace_word("a bad day", "a", "_"), "_ bad day");
        assert_eq!(replace_word("x", "", "_"), "x");
    }
}
