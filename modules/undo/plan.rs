//! The changes that put a host back, path by path: what was made last goes first.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Found, Place, trust};
use crate::contract::{
    Account, Attributes, Before, Change, Content, Entity, EntityKind, FileKind, Host, HostPath, Image, Kept,
    KeptPart, MakeDir, MakeLink, Need, OwedRecord, Owned, Ownership, Part, Plan, Remove, RemoveDir,
    RemoveLink, RemoveOther, Removed, Replaced, SetMode, Standing, WriteFile,
};
use crate::daemon_config::rules::{Effect, effect};
use crate::daemon_json::OWED;
use crate::platform::Daemon;

/// What puts the host back.
pub fn plan(found: &Found, host: &Host) -> Plan {
    let mut plan = Plan::default();
    let (mut restored, mut left) = (Vec::new(), Vec::new());
    let mut going = BTreeSet::new();
    let mut changes = Vec::new();
    for place in found.places.iter().rev() {
        let path = &place.kept.path;
        match back(place, &going) {
            Ok(steps) if steps.is_empty() => {}
            Ok(steps) => {
                if matches!(place.kept.before, Kept::Whole(Standing::Absent)) {
                    going.insert(path.clone());
                }
                restored.push(place);
                changes.extend(steps);
            }
            Err(why) => {
                left.push(Value::from(path.as_str()));
                plan.warn(format!("{path} is left alone: {why}"));
            }
        }
    }
    if found.record.nameless > 0 {
        plan.warn(format!("{} paths whose names are no text are left alone", found.record.nameless));
    }
    let paths: Vec<Value> = restored.iter().map(|place| place.kept.path.as_str().into()).collect();
    let daemon = Daemon::assumed(host);
    let config = restored.iter().find(|place| place.kept.path == daemon.config);
    plan.changes.extend(config.and_then(|place| owe(place, found)).map(Change::Owe));
    let refresh = trust::refresh(&restored, found, host);
    plan.changes.extend(refresh.as_ref().and_then(|refresh| trust::owe(refresh, found)).map(Change::Owe));
    plan.changes.extend(changes);
    plan.changes.extend(refresh.map(Change::RefreshTrustStore));
    plan.set("found", found.record.known);
    plan.set("restored", paths);
    plan.set("left", left);
    plan
}

/// Whether what stands at a path is what a record says.
pub fn is_so(now: Option<&Entity>, then: &Standing) -> bool {
    let has = |now: &Entity, owned: &Owned| {
        now.mode == owned.mode
            && now.uid.is_none_or(|uid| uid == owned.uid)
            && now.gid.is_none_or(|gid| gid == owned.gid)
    };
    match (now, then) {
        (None, Standing::Absent) => true,
        (Some(now), Standing::File { sha256, owned }) => {
            now.kind == EntityKind::File && now.checksum.as_ref() == Some(sha256) && has(now, owned)
        }
        (Some(now), Standing::Link(to)) => now.kind == EntityKind::Link && now.link.as_ref() == Some(to),
        (Some(now), Standing::Directory(owned)) => now.kind == EntityKind::Directory && has(now, owned),
        _ => false,
    }
}

/// What puts a path back; nothing where it is as it was. `going` are paths that go before it.
fn back(place: &Place, going: &BTreeSet<HostPath>) -> Result<Vec<Change>, String> {
    let kept = &place.kept;
    let now = place.now.as_ref();
    let then = match &kept.before {
        Kept::Whole(then) | Kept::File(then, _) => then.clone(),
        Kept::Tree(owned, _) => Standing::Directory(*owned),
        Kept::Not => return Err("what stood there could not be kept".to_owned()),
    };
    if is_so(now, &then) {
        return Ok(Vec::new());
    }
    match &kept.after {
        None => return Err("the run was cut off while it changed it".to_owned()),
        Some(after) if !is_so(now, after) => {
            return Err(format!("it has moved on since: {}", moved(now, after)));
        }
        Some(_) => {}
    }
    let path = kept.path.clone();
    match (&kept.before, now.map(|now| now.kind)) {
        (Kept::Whole(Standing::Absent), Some(EntityKind::Link)) => Ok(vec![remove_link(path, now)]),
        (Kept::Whole(Standing::Absent), Some(EntityKind::Directory)) => {
            empties(place, going)?;
            Ok(vec![Change::RemoveDir(RemoveDir { path })])
        }
        (Kept::Whole(Standing::Absent), _) => Ok(vec![remove_file(place)?]),
        (Kept::Whole(Standing::Link(to)), _) => {
            let before = replaced(place, going)?;
            Ok(vec![Change::MakeLink(MakeLink { path, target: to.clone(), hard: false, before })])
        }
        (Kept::Whole(Standing::Directory(owned)), _) => directory(place, *owned),
        (Kept::File(Standing::File { sha256, owned }, image), _) => file(place, sha256, *owned, image, going),
        (Kept::Tree(owned, parts), None) => tree(path, *owned, parts.as_deref()),
        _ => Err("something else stands there now".to_owned()),
    }
}

/// What is otherwise than the run left it.
fn moved(now: Option<&Entity>, after: &Standing) -> String {
    let Some(now) = now else { return "it is gone".to_owned() };
    match after {
        Standing::Absent => "it is there again".to_owned(),
        Standing::File { sha256, .. } if now.kind == EntityKind::File => match &now.checksum {
            None => "it cannot be read".to_owned(),
            Some(checksum) if checksum != sha256 => "its content is another".to_owned(),
            Some(_) => "its owner or its permissions are others".to_owned(),
        },
        Standing::Link(to) if now.kind == EntityKind::Link => {
            format!("it leads to {} instead of {to}", now.link.as_deref().unwrap_or("somewhere else"))
        }
        Standing::Directory(_) if now.kind == EntityKind::Directory => {
            "its owner or its permissions are others".to_owned()
        }
        _ => "something else stands there".to_owned(),
    }
}

fn ownership(owned: Owned) -> Ownership {
    let account = |number: u32| Account::new(&number.to_string()).ok();
    Ownership { mode: Some(owned.mode), owner: account(owned.uid), group: account(owned.gid) }
}

fn attributes(now: &Entity) -> Attributes {
    let name = |name: &Option<String>, number: Option<u32>| {
        name.clone().unwrap_or_else(|| number.unwrap_or_default().to_string())
    };
    Attributes {
        mode: now.mode,
        uid: now.uid.unwrap_or_default(),
        gid: now.gid.unwrap_or_default(),
        owner: name(&now.owner, now.uid),
        group: name(&now.group, now.gid),
        size: now.size.unwrap_or_default(),
        mtime: 0,
    }
}

/// Content as a reader may see it: what nobody but its owner may read is nothing to show.
fn content(bytes: Vec<u8>, mode: crate::contract::Mode) -> Content {
    Content { bytes, secret: mode.bits() & 0o044 == 0 }
}

/// The file that stands there.
fn before(place: &Place) -> Result<Before, String> {
    match place.file.as_ref().map(|file| &file.kind) {
        Some(FileKind::File(attributes, Some(bytes))) => {
            Ok(Before { content: content(bytes.clone(), attributes.mode), attributes: attributes.clone() })
        }
        _ => Err("what stands there is longer than 1 MiB".to_owned()),
    }
}

fn remove_file(place: &Place) -> Result<Change, String> {
    let path = place.kept.path.clone();
    match (before(place), &place.kept.after) {
        (Ok(before), _) => Ok(Change::Remove(Remove { path, before })),
        (Err(_), Some(Standing::File { sha256, .. })) => {
            let what = Removed::Long { sha256: sha256.clone() };
            Ok(Change::RemoveOther(RemoveOther { path, what }))
        }
        (Err(why), _) => Err(why),
    }
}

fn remove_link(path: HostPath, now: Option<&Entity>) -> Change {
    let target = now.and_then(|now| now.link.clone()).unwrap_or_default();
    Change::RemoveLink(RemoveLink { path, target })
}

/// Whether all that a directory holds goes before it.
fn empties(place: &Place, going: &BTreeSet<HostPath>) -> Result<(), String> {
    let path = &place.kept.path;
    let entries = place.dir.as_ref().map(|dir| dir.entries.as_slice()).unwrap_or_default();
    let stays = entries.iter().find(|entry| {
        !HostPath::new(&format!("{path}/{}", entry.name)).is_ok_and(|inside| going.contains(&inside))
    });
    match stays {
        Some(entry) => Err(format!("it holds `{}`, which stays", entry.name)),
        None => Ok(()),
    }
}

/// What a link takes the place of.
fn replaced(place: &Place, going: &BTreeSet<HostPath>) -> Result<Replaced, String> {
    Ok(match place.now.as_ref().map(|now| (now.kind, &now.link)) {
        None => Replaced::Nothing,
        Some((EntityKind::Link, link)) => Replaced::Link(link.clone().unwrap_or_default()),
        Some((EntityKind::Directory, _)) => {
            empties(place, going)?;
            Replaced::Directory
        }
        Some(_) => Replaced::File(before(place)?),
    })
}

fn directory(place: &Place, owned: Owned) -> Result<Vec<Change>, String> {
    let path = place.kept.path.clone();
    let make = Change::MakeDir(MakeDir { path: path.clone(), ownership: ownership(owned) });
    Ok(match &place.now {
        Some(now) if now.kind == EntityKind::Directory => {
            vec![Change::SetMode(SetMode { path, before: attributes(now), ownership: ownership(owned) })]
        }
        Some(now) if now.kind == EntityKind::Link => vec![remove_link(path, Some(now)), make],
        Some(_) => vec![remove_file(place)?, make],
        None => vec![make],
    })
}

fn file(
    place: &Place,
    sha256: &str,
    owned: Owned,
    image: &Image,
    going: &BTreeSet<HostPath>,
) -> Result<Vec<Change>, String> {
    let path = place.kept.path.clone();
    if let Some(now) = place.now.as_ref().filter(|now| now.kind == EntityKind::File)
        && now.checksum.as_deref() == Some(sha256)
    {
        let before = attributes(now);
        return Ok(vec![Change::SetMode(SetMode { path, before, ownership: ownership(owned) })]);
    }
    let bytes = match image {
        Image::Content(bytes) => bytes.clone(),
        Image::Long(size) => {
            return Err(format!("what stood there has {size} bytes, more than 1 MiB; the record holds it"));
        }
        Image::Gone => return Err("what stood there is not in the record any more".to_owned()),
    };
    let new = content(bytes, owned.mode);
    let write = |before| WriteFile::new(path.clone(), before, new.clone(), ownership(owned));
    Ok(match &place.now {
        None => vec![Change::WriteFile(write(None))],
        Some(now) if now.kind == EntityKind::Link => {
            vec![Change::WriteFile(WriteFile { over_link: now.link.clone(), ..write(None) })]
        }
        Some(now) if now.kind == EntityKind::Directory => {
            empties(place, going)?;
            vec![Change::RemoveDir(RemoveDir { path: path.clone() }), Change::WriteFile(write(None))]
        }
        Some(_) => {
            let before = before(place)?;
            // What is hidden on one side is hidden on the other.
            let secret = before.content.is_secret() || new.is_secret();
            let hide = |content: Content| Content { secret, ..content };
            let old = Before { content: hide(before.content), ..before };
            let write = write(Some(old));
            vec![Change::WriteFile(WriteFile { content: hide(write.content.clone()), ..write })]
        }
    })
}

/// A directory with all that was below it.
fn tree(path: HostPath, owned: Owned, parts: Option<&[KeptPart]>) -> Result<Vec<Change>, String> {
    let parts = parts.ok_or("what was below it is too much to be put back; the record holds it")?;
    let mut changes = vec![Change::MakeDir(MakeDir { path, ownership: ownership(owned) })];
    for part in parts {
        let path = part.path.clone();
        changes.push(match &part.what {
            None => return Err(format!("`{path}` below it is no file of up to 1 MiB; the record holds it")),
            Some(Part::Directory(owned)) => Change::MakeDir(MakeDir { path, ownership: ownership(*owned) }),
            Some(Part::Link(to)) => {
                let (target, before) = (to.clone(), Replaced::Nothing);
                Change::MakeLink(MakeLink { path, target, hard: false, before })
            }
            Some(Part::File(bytes, owned)) => {
                let content = content(bytes.clone(), owned.mode);
                Change::WriteFile(WriteFile::new(path, None, content, ownership(*owned)))
            }
        });
    }
    Ok(changes)
}

/// What the daemon is owed for its configuration.
fn owe(place: &Place, found: &Found) -> Option<OwedRecord> {
    found.process.running.as_ref()?;
    let value = |bytes: &[u8]| {
        if bytes.is_empty() { Some(Value::Null) } else { serde_json::from_slice::<Value>(bytes).ok() }
    };
    let now = match &place.now {
        None => Some(Value::Null),
        Some(_) => before(place).ok().and_then(|before| value(&before.content.bytes)),
    };
    let then = match &place.kept.before {
        Kept::File(_, Image::Content(bytes)) => value(bytes),
        _ => Some(Value::Null),
    };
    let engine = found.info.as_ref().and_then(|info| info.version.parse().ok());
    let path = &place.kept.path;
    let need = match now.zip(then).map(|(now, then)| effect(&now, &then, engine)) {
        Some(Effect::Nothing) => return None,
        Some(Effect::Reload { .. }) => Need::Reload,
        // Of what cannot be read nobody knows what the daemon makes of it.
        Some(Effect::Restart { .. }) | None => Need::Restart,
    };
    let older = found.owed.iter().find(|record| record.id == OWED);
    let need = older.map_or(need, |older| need.max(older.need));
    Some(OwedRecord { id: OWED.to_owned(), need, reason: format!("{path} was put back as it was before") })
}
