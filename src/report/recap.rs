//! The end of the human report: what became of every host, the bad ones last, and what the exit status means.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::fold;
use super::group::likened;
use super::page::{Page, Tone};
use super::task::{alike, help};
use crate::event::{Connections, Reason, Recap, State, Summary};

/// What a recap is made from.
#[derive(Debug)]
pub struct Ending<'a> {
    /// Every selected host.
    pub hosts: &'a BTreeMap<String, Recap>,
    /// The process's exit status.
    pub exit: u8,
    /// Whether nothing was applied.
    pub check: bool,
    /// Whether a task has run all the same.
    pub ran: bool,
    /// Each host's place in the plays.
    pub order: &'a HashMap<String, usize>,
    /// The task that failed last on a host.
    pub failed: &'a HashMap<String, String>,
    /// How many hosts stand how.
    pub summary: &'a Summary,
    /// Why a gate has closed, and how to go on.
    pub closed: Option<&'a (String, String)>,
    /// What becomes of the connections.
    pub connections: Option<Connections>,
}

type Row<'a> = (&'a str, &'a Recap);
/// The task that failed, and why.
type Cause<'a> = (Option<&'a String>, Reason);
type Count = fn(&Recap) -> u32;

/// Prints the recap.
pub fn print(page: &mut Page, ending: &Ending<'_>) {
    page.gap();
    let heading = match (ending.check, ending.ran) {
        (false, _) => "recap",
        (true, false) => "recap (check: nothing was changed)",
        (true, true) => "recap (check: nothing was changed but by tasks with `check_mode: false`)",
    };
    page.put(0, Tone::Strong, heading);
    let mut groups: BTreeMap<State, Vec<Row<'_>>> = BTreeMap::new();
    for (host, recap) in ending.hosts {
        groups.entry(recap.state).or_default().push((host, recap));
    }
    let label = groups.keys().map(|state| said(*state, ending.check).0.len()).max().unwrap_or_default();
    let digits = groups.values().map(|rows| rows.len().to_string().len()).max().unwrap_or_default();
    for (state, mut rows) in groups {
        rows.sort_by_key(|(host, _)| ending.order.get(*host).copied().unwrap_or(usize::MAX));
        let (word, tone) = said(state, ending.check);
        let (word, number) = (format!("{word:label$}  "), format!("{:>digits$}  ", rows.len()));
        let hang = 2 + word.len() + number.len();
        page.headed(2, &[(tone, &word), (Tone::Plain, &number)], hang, Tone::Plain, &names(&rows));
        let counts = counts(&rows, ending.check);
        if !counts.is_empty() {
            page.put(hang, Tone::Quiet, &counts);
        }
        owed(page, &rows);
        reasons(page, &rows, ending.failed);
    }
    page.gap();
    if let Some((message, help)) = ending.closed {
        page.headed(0, &[(Tone::Bad, "ended by a gate: ")], 2, Tone::Plain, message);
        page.put(2, Tone::Plain, help);
        page.gap();
    }
    // Where no more may stay open, the next run will have to connect again: that is worth a line.
    if let Some(Connections { open, seconds, closed }) = ending.connections.filter(|all| all.closed > 0) {
        let text = format!(
            "connections: {open} stay open for {seconds} s, and {closed} that were idle longest were closed"
        );
        page.put(0, Tone::Quiet, &text);
    }
    page.put(0, Tone::Plain, &format!("exit status {}: {}", ending.exit, meaning(ending)));
    if ending.check {
        page.put(0, Tone::Plain, &ending.summary.to_string());
    }
}

fn names(rows: &[Row<'_>]) -> String {
    fold(&rows.iter().map(|(host, _)| *host).collect::<Vec<_>>())
}

const fn said(state: State, check: bool) -> (&'static str, Tone) {
    match state {
        State::Ok => ("ok", Tone::Good),
        State::Changed if check => ("would change", Tone::Changed),
        State::Changed => ("changed", Tone::Changed),
        State::Skipped => ("skipped", Tone::Quiet),
        State::Unknown => ("unknown", Tone::Open),
        State::RolledBack => ("rolled back", Tone::Bad),
        State::Stale => ("stale", Tone::Bad),
        State::Unsupported => ("unsupported", Tone::Bad),
        State::Aborted => ("aborted", Tone::Bad),
        State::NotAttempted => ("not attempted", Tone::Bad),
        State::Unreachable => ("unreachable", Tone::Bad),
        State::Failed => ("failed", Tone::Bad),
    }
}

/// Counts over hosts, as a range where they differ; `tasks: 3 ok, 1-2 changed · 2 trips`.
fn counts(rows: &[Row<'_>], check: bool) -> String {
    let span = |count: Count| {
        let all = || rows.iter().map(|(_, recap)| count(recap));
        (all().min().unwrap_or_default(), all().max().unwrap_or_default())
    };
    let kinds: [(&str, Count); 7] = [
        ("ok", |recap| recap.ok),
        (if check { "would change" } else { "changed" }, |recap| recap.changed),
        ("skipped", |recap| recap.skipped),
        ("unknown", |recap| recap.unknown),
        ("ignored", |recap| recap.ignored),
        ("rescued", |recap| recap.rescued),
        ("failed", |recap| recap.failed),
    ];
    let tasks = kinds.iter().map(|(word, count)| (word, span(*count))).filter(|(_, (_, most))| *most > 0);
    let tasks: Vec<String> =
        tasks.map(|(word, (least, most))| format!("{} {word}", range(least, most))).collect();
    let (least, most) = span(|recap| recap.trips);
    let mut parts = Vec::new();
    if !tasks.is_empty() {
        parts.push(format!("tasks: {}", tasks.join(", ")));
    }
    if most > 0 {
        parts.push(format!("{} {}", range(least, most), if most == 1 { "trip" } else { "trips" }));
    }
    parts.join(" · ")
}

fn range(least: u32, most: u32) -> String {
    if least == most { least.to_string() } else { format!("{least}-{most}") }
}

/// What stays owed, with the hosts where not all of the state owe it.
fn owed(page: &mut Page, rows: &[Row<'_>]) {
    let mut groups: Vec<(&str, Vec<Row<'_>>)> = Vec::new();
    for row in rows {
        let mut lines: Vec<&str> = row.1.owed.iter().map(String::as_str).collect();
        lines.dedup();
        for line in lines {
            match groups.iter_mut().find(|(text, _)| *text == line) {
                Some((_, hosts)) => hosts.push(*row),
                None => groups.push((line, vec![*row])),
            }
        }
    }
    for (text, hosts) in groups {
        let whom = if hosts.len() == rows.len() { String::new() } else { format!(" by {}", names(&hosts)) };
        page.headed(
            6,
            &[(Tone::Changed, "owed"), (Tone::Plain, &whom), (Tone::Plain, ": ")],
            8,
            Tone::Plain,
            text,
        );
    }
}

/// Why, with the hosts where not all of the state have the same reason.
fn reasons(page: &mut Page, rows: &[Row<'_>], failed: &HashMap<String, String>) {
    let mut groups: Vec<(Cause<'_>, Vec<Row<'_>>)> = Vec::new();
    for row in rows {
        let Some(reason) = &row.1.reason else { continue };
        let task = if row.1.failed > 0 { failed.get(row.0) } else { None };
        let key = (task, likened(reason, row.0));
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, hosts)) => hosts.push(*row),
            None => groups.push((key, vec![*row])),
        }
    }
    for ((task, _), hosts) in groups {
        let Some((first, Some(reason))) = hosts.first().map(|(host, recap)| (host, &recap.reason)) else {
            continue;
        };
        let mut head = if hosts.len() == rows.len() { String::new() } else { format!("{}: ", names(&hosts)) };
        if let Some(task) = task {
            _ = write!(head, "at `{task}`: ");
        }
        let message = alike(&reason.message, first, hosts.len());
        page.headed(6, &[(Tone::Plain, &head)], 8, Tone::Plain, &message);
        help(page, 8, reason);
    }
}

fn meaning(ending: &Ending<'_>) -> String {
    let any = |of: fn(&Recap) -> bool| ending.hosts.values().any(of);
    let owed = any(|recap| !recap.owed.is_empty());
    let text = match ending.exit {
        0 if ending.check && (owed || any(|recap| recap.changed + recap.unknown > 0)) => {
            "changes are pending (2 with `--detailed-exitcode`)"
        }
        0 if owed => "done, but something stays owed (2 with `--detailed-exitcode`)",
        0 if any(|recap| recap.changed > 0) => "the changes were made",
        0 => "every host is as desired",
        1 => "usage or input is wrong; no host was touched",
        2 => "something is pending, owed or unknown",
        3 if any(|recap| recap.state == State::Stale)
            && !any(|recap| matches!(recap.state, State::Failed | State::Unsupported)) =>
        {
            "a host is not where the plan has it"
        }
        3 => "a host failed",
        4 => "a host was unreachable",
        5 if ending.closed.is_some() => "ended by a gate",
        5 => "stopped by a budget",
        6 => "a host was put back as it was",
        130 => "interrupted; what was finished stays",
        _ => "see above",
    };
    text.to_owned()
}
