//! The changes that make a draft so, and what they owe to the daemon.

use super::draft::Draft;
use super::{Found, OWED, Reader};
use crate::contract::{
    Attributes, Before, Change, Content, FileKind, Host, MakeDir, Need, OwedRecord, Ownership, PlanError,
    ReloadDocker, Remove, WriteFile,
};
use crate::daemon_config::rules::{Cause, Effect, drift, effect, with_flags};
use crate::platform::Daemon;

/// The changes in order, and what stays owed: `none`, `reload` or `restart`; `reloaded` where they have paid it.
pub fn changes(
    draft: &Draft,
    found: &Found,
    reader: Option<Reader<'_>>,
    host: &Host,
) -> Result<(Vec<Change>, &'static str), PlanError> {
    if !draft.changed {
        return Ok((Vec::new(), "none"));
    }
    let mut changes = directory(found)?;
    let owed = reader.and_then(|reader| record(draft, found, reader));
    changes.extend(owed.clone().map(Change::Owe));
    let mut before = before(found);
    if let (Some((text, value)), Some(reader)) = (&draft.between, reader) {
        changes.push(write(found, before.clone(), text));
        let settles = owed.iter().filter(|owed| owed.need == Need::Reload).map(|owed| owed.id.clone());
        changes.push(Change::ReloadDocker(ReloadDocker {
            reason: "the daemon keeps a value whose key is gone, and takes the empty one".to_owned(),
            command: Daemon::assumed(host).service.reload_command(),
            visible: visible(reader, &draft.heeded, value),
            settles: settles.collect(),
            on_request: false,
        }));
        before = before.map(|before| holding(before, text));
    }
    changes.push(match before {
        Some(before) if draft.removes_file(&found.file, host) => {
            Change::Remove(Remove { path: found.file.path.clone(), before })
        }
        before => write(found, before, &draft.text),
    });
    let effect = match (owed, &draft.between) {
        (None, _) => "none",
        (Some(OwedRecord { need: Need::Restart, .. }), _) => "restart",
        (Some(_), None) => "reload",
        (Some(_), Some(_)) => "reloaded",
    };
    Ok((changes, effect))
}

fn directory(found: &Found) -> Result<Vec<Change>, PlanError> {
    let path = found.directory.path.clone();
    match found.directory.kind {
        FileKind::Absent => Ok(vec![Change::MakeDir(MakeDir { path, ownership: Ownership::mode(0o755) })]),
        FileKind::Directory(_) => Ok(Vec::new()),
        _ => Err(PlanError::new(format!("`{path}` is no directory"))),
    }
}

fn before(found: &Found) -> Option<Before> {
    match &found.file.kind {
        FileKind::File(attributes, Some(text)) => {
            Some(Before { content: Content::new(text.clone()), attributes: attributes.clone() })
        }
        _ => None,
    }
}

/// The file once this text stands in it.
fn holding(before: Before, text: &[u8]) -> Before {
    let attributes = Attributes { size: text.len() as u64, ..before.attributes };
    Before { content: Content::new(text.to_vec()), attributes }
}

fn write(found: &Found, before: Option<Before>, text: &[u8]) -> Change {
    let (path, content) = (found.file.path.clone(), Content::new(text.to_vec()));
    let write = WriteFile::new(path, before, content, Ownership::default());
    Change::WriteFile(WriteFile { through: found.file.link.clone(), ..write })
}

/// Whether `/info` will show the reload.
fn visible(reader: Reader<'_>, before: &serde_json::Value, between: &serde_json::Value) -> bool {
    let config = with_flags(&reader.running.cmdline, between);
    match reader.info {
        Some(info) if !info.fresh => drift(&config, &info.json, reader.engine).iter().any(|key| key.reload),
        Some(_) => SHOWN.iter().any(|key| before.get(key) != between.get(key)),
        None => false,
    }
}

/// The keys whose value `/info` shows.
const SHOWN: [&str; 5] = ["insecure-registries", "registry-mirrors", "labels", "live-restore", "debug"];

/// What the change owes, together with what the file owed before.
fn record(draft: &Draft, found: &Found, reader: Reader<'_>) -> Option<OwedRecord> {
    let path = &found.file.path;
    let least = match &draft.between {
        Some((_, value)) => effect(&draft.heeded, value, reader.engine),
        None => draft.effect.clone(),
    };
    let (need, reason) = match least {
        Effect::Nothing => return None,
        Effect::Reload { keys } => (Need::Reload, format!("{} changed in {path}", named(&keys))),
        Effect::Restart { keys, .. } => (Need::Restart, format!("{} in {path}", causes(&keys))),
    };
    let older = found.owed.iter().find(|record| record.id == OWED);
    Some(match older {
        Some(older) if older.need >= need && older.reason.contains(&reason) => older.clone(),
        Some(older) if older.reason != reason => OwedRecord {
            id: OWED.to_owned(),
            need: need.max(older.need),
            reason: format!("{}; {reason}", older.reason),
        },
        _ => OwedRecord { id: OWED.to_owned(), need, reason },
    })
}

fn named(keys: &[String]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(", ")
}

fn causes(causes: &[Cause]) -> String {
    let each: Vec<String> =
        causes.iter().map(|cause| format!("`{}` changed ({})", cause.key, cause.why)).collect();
    each.join(", ")
}
