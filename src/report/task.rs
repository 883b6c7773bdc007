//! A task in the human report: a line for each group of hosts, and beneath it what changes and why.

use modules::Level;

use super::batch::{Lost, Part, TaskRun};
use super::fold;
use super::group::{Group, groups, lost_groups, says};
use super::page::{DiffMode, Page, Tone};
use crate::event::diff::stat;
use crate::event::{ONLY_PLANNED, Outcome, PlannedChange, RAN, ROLLED_BACK, Reason};

/// Where what is said of a group begins.
const BODY: usize = 6;

/// What is the same for all tasks of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Whether nothing is applied.
    pub check: bool,
    /// How many hosts the batch has; a group of so many is not listed.
    pub all: usize,
}

/// Prints a task.
pub fn print(page: &mut Page, run: &TaskRun, setting: Setting) {
    for group in groups(run, page.diff() == DiffMode::Full) {
        head(page, run.handler, &group, setting);
        body(page, &group, setting);
        if page.results() {
            results(page, run, &group);
        }
    }
}

/// What the hosts of a group have for a result, which differs where nothing else does.
fn results(page: &mut Page, run: &TaskRun, group: &Group) {
    for (host, task) in run.hosts.iter().filter(|(host, _)| group.hosts.contains(host)) {
        for part in &task.parts {
            let Some(result) = &part.result else { continue };
            let item = part.item.as_ref().map(|item| format!(" (item {item})")).unwrap_or_default();
            page.verbatim(BODY, Tone::Quiet, &format!("{host}{item} => {result}"));
        }
    }
}

/// Prints the hosts that were lost, by reason.
pub fn print_lost(page: &mut Page, lost: &[Lost], setting: Setting) {
    for (hosts, first) in lost_groups(lost) {
        let fate = match (first.answers, first.reason.kind.as_str()) {
            (_, ROLLED_BACK) => "rolled back",
            (true, _) => "failed",
            (false, _) => "unreachable",
        };
        let label = label(fate, setting);
        page.headed(2, &[(Tone::Bad, &label)], 2 + label.len(), Tone::Plain, &fold(&hosts));
        page.put(BODY, Tone::Plain, &alike(&first.reason.message, &first.host, hosts.len()));
        if let Some(task) = &first.during {
            let fate = if setting.check { "" } else { "; what it changes may be done in part" };
            page.put(BODY, Tone::Plain, &format!("lost during `{task}`{fate}"));
        }
    }
}

/// A message of one host of several, whose own messages differ by their names alone.
pub fn alike(message: &str, host: &str, hosts: usize) -> String {
    if hosts > 1 && says(message, host) {
        format!("{message} (the others alike)")
    } else {
        message.to_owned()
    }
}

/// Prints a reason: what is wrong, the text that it is about, and what to do.
pub fn reason(page: &mut Page, indent: usize, reason: &Reason) {
    page.put(indent, Tone::Plain, &reason.message);
    if let Some(place) = &reason.place {
        page.verbatim(indent, Tone::Quiet, place);
    }
    help(page, indent, reason);
}

/// Prints what to do.
pub fn help(page: &mut Page, indent: usize, reason: &Reason) {
    if let Some(help) = &reason.help {
        page.headed(indent, &[(Tone::Help, "help: ")], indent + 6, Tone::Plain, help);
    }
}

/// An outcome in the reader's words, and its colour.
const fn said(outcome: Outcome, check: bool) -> (&'static str, Tone) {
    match outcome {
        Outcome::Ok => ("ok", Tone::Good),
        Outcome::Changed if check => ("would change", Tone::Changed),
        Outcome::Changed => ("changed", Tone::Changed),
        Outcome::Skipped => ("skipped", Tone::Quiet),
        Outcome::Failed => ("failed", Tone::Bad),
        Outcome::Ignored => ("ignored", Tone::Changed),
        Outcome::Rescued => ("rescued", Tone::Changed),
        Outcome::Unknown => ("unknown", Tone::Open),
    }
}

/// The first column: as wide as its widest word.
fn label(word: &str, setting: Setting) -> String {
    let width = if setting.check { "would change".len() } else { "unreachable".len() };
    format!("{word:width$}  ")
}

fn head(page: &mut Page, handler: bool, group: &Group, setting: Setting) {
    let notes = || group.task.parts.iter().flat_map(|part| &part.notes);
    let check = if setting.check {
        !notes().any(|note| note.text == RAN)
    } else {
        notes().any(|note| note.text == ONLY_PLANNED)
    };
    let (word, tone) = said(group.outcome, check);
    let label = label(word, setting);
    let hang = 2 + label.len();
    let kind = if handler { "handler: " } else { "" };
    if group.hosts.len() == setting.all {
        page.headed(
            2,
            &[(tone, &label), (Tone::Plain, kind)],
            hang,
            Tone::Plain,
            &group.name.replace('\n', " "),
        );
    } else {
        let pieces =
            [(tone, label.as_str()), (Tone::Plain, kind), (Tone::Plain, &group.name), (Tone::Quiet, " · ")];
        page.headed(2, &pieces, hang, Tone::Plain, &fold(&group.hosts));
    }
}

fn body(page: &mut Page, group: &Group, setting: Setting) {
    let (plain, items): (Vec<&Part>, Vec<&Part>) =
        group.task.parts.iter().partition(|part| part.item.is_none());
    for part in plain {
        details(page, BODY, part, group, setting);
    }
    let bare = |part: &Part| part.changes.is_empty() && part.notes.is_empty() && part.owed.is_none();
    if items.iter().all(|part| bare(part) && part.reason.is_none() && part.outcome == Some(Outcome::Ok)) {
        return;
    }
    let mut items = items.into_iter().peekable();
    while let Some(part) = items.next() {
        let outcome = part.outcome.unwrap_or(Outcome::Skipped);
        let (word, tone) = said(outcome, setting.check);
        let mut names = vec![named(part)];
        // Items of which the same is to be said share it.
        let alike = |next: &&Part| bare(next) && next.outcome == part.outcome && next.reason == part.reason;
        while bare(part)
            && let Some(next) = items.next_if(alike)
        {
            names.push(named(next));
        }
        page.headed(BODY, &[(tone, word), (Tone::Plain, ": ")], BODY + 2, Tone::Plain, &names.join(", "));
        details(page, BODY + 2, part, group, setting);
    }
}

fn named(part: &Part) -> String {
    format!("`{}`", part.item.as_deref().unwrap_or_default().replace('\n', " "))
}

fn details(page: &mut Page, indent: usize, part: &Part, group: &Group, setting: Setting) {
    let failed = matches!(part.outcome, Some(Outcome::Failed | Outcome::Ignored));
    if failed && !setting.check && !part.changes.is_empty() {
        page.put(indent, Tone::Quiet, "planned, then failed:");
    }
    for change in &part.changes {
        show(page, indent, change);
    }
    if group.varies
        && page.diff() == DiffMode::Grouped
        && part.changes.iter().any(|change| change.diff.is_some())
    {
        let first = group.hosts.first().map_or("", String::as_str);
        page.put(
            indent,
            Tone::Quiet,
            &format!("(as on `{first}`; the lines around the change differ on others)"),
        );
    }
    for note in &part.notes {
        match note.level {
            Level::Info => page.put(indent, Tone::Plain, &note.text),
            Level::Warning => warning(page, indent, &note.text),
        }
    }
    if let Some(owed) = &part.owed {
        page.headed(indent, &[(Tone::Changed, "owed: ")], indent + 6, Tone::Plain, owed);
    }
    if let Some(why) = &part.reason {
        explain(page, indent, part, why, group);
    }
}

fn explain(page: &mut Page, indent: usize, part: &Part, why: &Reason, group: &Group) {
    match part.outcome {
        Some(Outcome::Skipped) => page.put(indent, Tone::Quiet, &why.message),
        Some(Outcome::Unknown) => {
            let head = [(Tone::Open, "depends on apply: ")];
            page.headed(indent, &head, indent + 2, Tone::Plain, &why.message);
            help(page, indent, why);
        }
        _ => {
            let first = group.hosts.first().map_or("", String::as_str);
            let message = alike(&why.message, first, group.hosts.len());
            reason(page, indent, &Reason { message, ..why.clone() });
        }
    }
}

/// Prints a warning.
pub fn warning(page: &mut Page, indent: usize, text: &str) {
    page.headed(indent, &[(Tone::Changed, "warning: ")], indent + 2, Tone::Plain, text);
}

/// A change: its diff, whose labels say what it is about, or its summary.
fn show(page: &mut Page, indent: usize, change: &PlannedChange) {
    match (&change.diff, page.diff()) {
        (Some(diff), DiffMode::Full | DiffMode::Grouped) => coloured(page, indent, diff),
        (Some(diff), DiffMode::Stat) => {
            let count =
                stat(diff).map(|(added, removed)| format!(" (+{added} -{removed})")).unwrap_or_default();
            page.put(indent, Tone::Plain, &format!("{}{count}", change.summary));
        }
        _ => page.put(indent, Tone::Plain, &change.summary),
    }
}

fn coloured(page: &mut Page, indent: usize, diff: &str) {
    let mut in_hunk = false;
    for line in diff.lines() {
        in_hunk |= line.starts_with("@@");
        let tone = match line.as_bytes().first() {
            _ if !in_hunk && line.starts_with(['-', '+']) => Tone::Strong,
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Removed,
            Some(b'@') => Tone::Help,
            Some(b'\\') => Tone::Quiet,
            _ => Tone::Plain,
        };
        page.verbatim(indent, tone, line);
    }
}
