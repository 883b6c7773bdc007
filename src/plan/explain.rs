//! What moved, in words: where the plan and the present part.

use serde_json::{Map, Value};

use super::file::{SavedChange, TaskPlan};
use super::seal::ABSENT;
use crate::event::Outcome;

/// How many digits of a digest tell two apart for a reader.
const DIGITS: usize = 12;
/// How much of a value is shown.
const LONGEST: usize = 60;

/// Why a task's changes do not stand in the plan.
pub fn task(saved: &[TaskPlan], task: &TaskPlan) -> String {
    let same: Vec<&TaskPlan> = saved.iter().filter(|known| known.key() == task.key()).collect();
    let Some(known) = same.iter().find(|known| known.place == task.place).or_else(|| same.first()) else {
        if task.changes.is_empty() {
            let why = task.reason.as_deref().unwrap_or_default();
            return format!(
                "what {} does is not known now, and the plan does not have it: {why}",
                task.shown()
            );
        }
        return format!("{} would now {}, which is not in the plan", task.shown(), summaries(&task.changes));
    };
    if task.outcome == Outcome::Unknown && known.outcome != Outcome::Unknown {
        let why = task.reason.as_deref().unwrap_or_default();
        return format!("what {} does is not known now, and was when the plan was made: {why}", task.shown());
    }
    let part =
        known.changes.iter().zip(&task.changes).find(|(known, now)| !super::compare::is_same(known, now));
    match part {
        Some((known, now)) => change(&task.shown(), known, now),
        None => format!(
            "{} would now {}; the plan has {}",
            task.shown(),
            summaries(&task.changes),
            if known.changes.is_empty() { "nothing".to_owned() } else { summaries(&known.changes) }
        ),
    }
}

/// Changes in one line each.
pub fn summaries(changes: &[SavedChange]) -> String {
    let all: Vec<&str> = changes.iter().map(|change| change.text("summary")).collect();
    all.join("; ")
}

/// Where a change parts from the reviewed one.
fn change(task: &str, known: &SavedChange, now: &SavedChange) -> String {
    let (was, is) = (known.text("change"), now.text("change"));
    let path = now.text("path");
    if was != is || known.text("path") != path {
        return format!(
            "{task} would now {}; the plan has it {}",
            now.text("summary"),
            known.text("summary")
        );
    }
    let about = if path.is_empty() { task.to_owned() } else { path.to_owned() };
    if known.text("from") != now.text("from") {
        return from(&about, known.text("from"), now.text("from"));
    }
    if known.text("through") != now.text("through") {
        let led = |change: &SavedChange| match change.text("through") {
            "" => "no link".to_owned(),
            target => format!("a link to {target}"),
        };
        return format!("{about}: it was {} when the plan was made, and is {} now", led(known), led(now));
    }
    let before = |change: &SavedChange| change.0.get("before").cloned().unwrap_or_default();
    if let Some(moved) = attributes(&before(known), &before(now)) {
        return format!("{about}: {moved}");
    }
    if let Some(text) = containers(known, now) {
        return format!("{task}: {text}");
    }
    if known.text("to") != now.text("to") {
        return format!(
            "{about}: what it is to hold is another ({} then, {} now): the playbook, its variables or its files have changed",
            end(known.text("to")),
            end(now.text("to"))
        );
    }
    parted(&about, task, known, now)
}

fn from(about: &str, was: &str, is: &str) -> String {
    match (was, is) {
        (ABSENT, is) => format!(
            "{about}: there was nothing when the plan was made, and there is something now ({})",
            end(is)
        ),
        (was, ABSENT) => format!("{about}: it was there when the plan was made ({}), and is gone", end(was)),
        (was, is) if was.starts_with("link") || is.starts_with("link") => {
            let what =
                |end_of: &str| if end_of.starts_with("link") { format!("a {end_of}") } else { end(end_of) };
            format!("{about}: it was {} when the plan was made, and is {} now", what(was), what(is))
        }
        (was, is) => format!(
            "{about}: its content is another than the plan starts from ({} then, {} now)",
            end(was),
            end(is)
        ),
    }
}

/// Mode and owner as they were.
fn attributes(was: &Value, is: &Value) -> Option<String> {
    // A file's stand beside its content.
    let of = |before: &Value| before.get("attributes").unwrap_or(before).clone();
    let (was, is) = (of(was), of(is));
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    ["mode", "owner", "group", "uid", "gid"].into_iter().find_map(|name| {
        let (old, new) = (was.get(name)?, is.get(name)?);
        (old != new).then(|| {
            format!("its {name} is another than the plan starts from ({} then, {} now)", word(old), word(new))
        })
    })
}

/// Containers that would stop and that the plan does not name, or the other way round.
fn containers(known: &SavedChange, now: &SavedChange) -> Option<String> {
    let names = |change: &SavedChange| {
        let all = ["stops", "stays_down"].into_iter().filter_map(|name| change.0.get(name)?.as_array());
        all.flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let (was, is) = (names(known), names(now));
    let without = |all: &[String], others: &[String]| {
        all.iter().filter(|name| !others.contains(name)).cloned().collect::<Vec<_>>().join(", ")
    };
    let (new, gone) = (without(&is, &was), without(&was, &is));
    match (new.is_empty(), gone.is_empty()) {
        (false, _) => Some(format!("running containers would stop that are not in the plan: {new}")),
        (true, false) => Some(format!("containers of the plan do not run now: {gone}")),
        (true, true) => None,
    }
}

/// The first field that differs; where none does, what is not shown.
fn parted(about: &str, task: &str, known: &SavedChange, now: &SavedChange) -> String {
    let (was, is) = (without_reasons(known), without_reasons(now));
    let field = is.keys().chain(was.keys()).find(|name| *name != "seal" && was.get(*name) != is.get(*name));
    match field {
        Some(field) => format!(
            "{about}: its `{field}` is another ({} then, {} now)",
            shown(was.get(field)),
            shown(is.get(field))
        ),
        None => format!(
            "{about}: what {task} would run is another than was reviewed, in what is not shown (a secret, its user, its environment)"
        ),
    }
}

fn shown(value: Option<&Value>) -> String {
    let text = value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).collect::<String>() + "…" } else { text }
}

/// A digest, short.
fn end(text: &str) -> String {
    match text.split_once(':') {
        Some((kind, digest)) => {
            let kind = if kind == "sha256" { "sha256" } else { "keyed digest" };
            format!("{kind} {}", &digest[..digest.len().min(DIGITS)])
        }
        None => text.to_owned(),
    }
}

/// A change without why it is made, which is told in words that may differ from day to day.
pub fn without_reasons(change: &SavedChange) -> Map<String, Value> {
    let mut data = change.0.clone();
    let mut said = Vec::new();
    for name in ["reason", "reasons"] {
        match data.shift_remove(name) {
            Some(Value::String(text)) => said.push(text),
            Some(Value::Array(items)) => {
                said.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => {}
        }
    }
    // As summaries have it: the words that say what is done come first.
    let summary = change.text("summary").replacen(&format!(": {}", said.join("; ")), ":", 1);
    data.insert("summary".to_owned(), summary.into());
    data
}
