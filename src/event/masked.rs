//! Events without what was encrypted with `ansible-vault`.
//!
//! They are masked before a report has them, because a report breaks lines, and a secret that is broken in two is not
//! found any more.

use modules::{Before, Change, Content, MakeLink, Replaced, Run};
use serde_json::Value;

use super::{Event, PlannedChange, Reason, TaskHead};
use crate::vault;

impl Event {
    /// The event with `***` in the place of what was encrypted.
    #[must_use]
    pub fn masked(mut self) -> Self {
        if vault::has_secrets() {
            self.mask();
        }
        self
    }

    fn mask(&mut self) {
        match self {
            Self::RunStarted { .. }
            | Self::BatchFinished
            | Self::HostStarted { .. }
            | Self::HostFinished { .. } => {}
            Self::PlayStarted { play: line, .. } | Self::Said { text: line, .. } => text(line),
            Self::GateClosed { message, help, .. } => {
                text(message);
                text(help);
            }
            Self::BatchStarted { tasks, .. } => tasks.iter_mut().for_each(head),
            Self::Timed { task, .. } => task.iter_mut().for_each(head),
            Self::Planned { task, changes, .. } => {
                head(task);
                changes.iter_mut().for_each(planned);
            }
            Self::TaskFinished { task, result, notes, owed, reason: why, .. } => {
                head(task);
                result.values_mut().for_each(value);
                notes.iter_mut().for_each(|note| text(&mut note.text));
                owed.iter_mut().for_each(text);
                why.iter_mut().for_each(reason);
            }
            Self::Retried { task, message, .. } => {
                head(task);
                message.iter_mut().for_each(text);
            }
            Self::HostUnreachable { reason: why, .. } | Self::HostFailed { reason: why, .. } => reason(why),
            Self::RunFinished { hosts, .. } => {
                for recap in hosts.values_mut() {
                    recap.owed.iter_mut().for_each(text);
                    recap.reason.iter_mut().for_each(reason);
                }
            }
        }
    }
}

pub(super) fn text(text: &mut String) {
    if let std::borrow::Cow::Owned(masked) = vault::masked(text) {
        *text = masked;
    }
}

fn value(json: &mut Value) {
    match json {
        Value::String(line) => text(line),
        // Masked where it is printed, it would no longer be JSON.
        Value::Number(number) => {
            if let std::borrow::Cow::Owned(masked) = vault::masked(&number.to_string()) {
                *json = Value::String(masked);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::Object(entries) => entries.values_mut().for_each(value),
        _ => {}
    }
}

fn head(task: &mut TaskHead) {
    text(&mut task.name);
    task.item.iter_mut().for_each(text);
}

fn reason(reason: &mut Reason) {
    text(&mut reason.message);
    reason.help.iter_mut().for_each(text);
    reason.place.iter_mut().for_each(text);
}

/// The change was masked before it became data; what has been opened since is masked here.
fn planned(planned: &mut PlannedChange) {
    text(&mut planned.summary);
    planned.diff.iter_mut().for_each(text);
    planned.change.values_mut().for_each(value);
}

/// The diff shows where a secret stands; the change itself, as data, says no more than its length.
pub(super) fn hide(change: &mut Change) {
    match change {
        Change::WriteFile(write) => {
            content(&mut write.content);
            write.before.iter_mut().for_each(before);
        }
        Change::Remove(remove) => before(&mut remove.before),
        Change::MakeLink(MakeLink { before: Replaced::File(file), .. }) => before(file),
        Change::SetDtrTls(set) => {
            content(&mut set.certificate);
            set.before.iter_mut().chain(&mut set.ca).for_each(content);
        }
        Change::ReplaceRegistryTls(replace) => {
            content(&mut replace.certificate.content);
            replace.certificate.before.iter_mut().for_each(before);
        }
        Change::Run(run) => command(run),
        Change::Own(own) => [&mut own.before, &mut own.after].into_iter().for_each(content),
        Change::Request(request) => request.request.body.iter_mut().for_each(content),
        _ => {}
    }
}

fn before(before: &mut Before) {
    content(&mut before.content);
}

/// A digest of what holds a short secret could be guessed.
fn content(content: &mut Content) {
    let holds = |text: &str| matches!(vault::masked(text), std::borrow::Cow::Owned(_));
    content.secret |= std::str::from_utf8(&content.bytes).is_ok_and(holds);
}

fn command(run: &mut Run) {
    run.argv.iter_mut().for_each(text);
    run.environment.iter_mut().for_each(|(_, value)| text(value));
    run.stdin.iter_mut().for_each(text);
    run.script.iter_mut().for_each(|script| content(&mut script.content));
}
