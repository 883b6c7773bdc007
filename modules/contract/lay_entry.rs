//! Planned changes laid over what a host says of the entries of its file systems.

use super::answer::{Attributes, File, FileKind};
use super::change::{Change, Ownership};
use super::entry::{AskStat, Entity, EntityKind, Stat};
use super::host::Facts;
use super::link::Replaced;
use super::overlay::{attributes, lay_file};
use super::path::HostPath;
use super::tree::{Tree, TreeEntry};

/// The changes to links and trees; whether a change is one.
pub(super) fn lay_path(change: &Change, file: &mut File, facts: &Facts) -> bool {
    match change {
        Change::RemoveTree(remove) if file.path.is_within(&remove.path) => file.kind = FileKind::Absent,
        Change::RemoveLink(remove) if file.path.is_within(&remove.path) => {
            file.link = None;
            file.target = None;
            file.kind = FileKind::Absent;
        }
        Change::RemoveOther(remove) if remove.path == file.path => file.kind = FileKind::Absent,
        Change::BackUp(copy) if copy.copy == file.path => {
            let content = copy.before.content.bytes.clone();
            file.kind = FileKind::File(copy.before.attributes.clone(), Some(content));
        }
        Change::MakeLink(make) if make.path == file.path && !make.hard => {
            file.link = Some(make.target.clone());
            file.target = led(make.path.parent().as_ref(), &make.target);
        }
        Change::MakeLink(make) if make.path == file.path => {
            file.link = None;
            if matches!(file.kind, FileKind::Absent) {
                file.kind = FileKind::File(attributes(&Ownership::default(), None, 0o644, facts), None);
            }
        }
        _ => return false,
    }
    true
}

/// The path that a link leads to; none where it is not one that can be written.
fn led(directory: Option<&HostPath>, target: &str) -> Option<HostPath> {
    if target.starts_with('/') {
        return HostPath::new(target).ok();
    }
    HostPath::new(&format!("{}/{target}", directory?)).ok()
}

/// The answer to `stat` once a change is made: what only the file system knows is then left out.
pub(super) fn lay_stat(change: &Change, ask: &AskStat, stat: Stat, facts: &Facts) -> Stat {
    if let Change::MakeLink(make) = change
        && make.path == stat.path
        && !ask.follow
        && !make.hard
    {
        return Stat { path: stat.path, entry: Some(link(&make.target)) };
    }
    if let Change::MakeLink(make) = change
        && make.path == stat.path
        && matches!(make.before, Replaced::Nothing)
    {
        let kind = FileKind::File(attributes(&Ownership::default(), None, 0o644, facts), None);
        return Stat { entry: entity(&kind, ask), path: stat.path };
    }
    let before = file(&stat);
    let after = lay_file(change, before.clone(), facts);
    if after == before {
        return stat;
    }
    let entry = entity(&after.kind, ask).map(|entity| owned(change, entity));
    Stat { entry, path: stat.path }
}

/// The numbers of accounts that a change names are not known.
fn owned(change: &Change, mut entity: Entity) -> Entity {
    let ownership = match change {
        Change::WriteFile(write) => &write.ownership,
        Change::MakeDir(make) => &make.ownership,
        Change::SetMode(set) => &set.ownership,
        _ => return entity,
    };
    if ownership.owner.is_some() {
        entity.uid = None;
    }
    if ownership.group.is_some() {
        entity.gid = None;
    }
    entity
}

fn link(target: &str) -> Entity {
    Entity {
        kind: EntityKind::Link,
        mode: super::text::Mode::new(0o777),
        link: Some(target.to_owned()),
        source: None,
        uid: None,
        gid: None,
        owner: None,
        group: None,
        size: Some(target.len() as u64),
        numbers: None,
        rights: None,
        checksum: None,
    }
}

fn file(stat: &Stat) -> File {
    let kind = match &stat.entry {
        None => FileKind::Absent,
        Some(entity) => {
            let attributes = Attributes {
                mode: entity.mode,
                uid: entity.uid.unwrap_or_default(),
                gid: entity.gid.unwrap_or_default(),
                owner: entity.owner.clone().unwrap_or_default(),
                group: entity.group.clone().unwrap_or_default(),
                size: entity.size.unwrap_or_default(),
                mtime: 0,
            };
            match entity.kind {
                EntityKind::File => FileKind::File(attributes, None),
                EntityKind::Directory => FileKind::Directory(attributes),
                _ => FileKind::Other,
            }
        }
    };
    let link = stat.entry.as_ref().and_then(|entity| entity.link.clone());
    File { path: stat.path.clone(), target: None, link, kind }
}

fn entity(kind: &FileKind, ask: &AskStat) -> Option<Entity> {
    let (kind, now, content) = match kind {
        FileKind::File(now, content) => (EntityKind::File, now, content.as_deref()),
        FileKind::Directory(now) => (EntityKind::Directory, now, None),
        FileKind::Absent | FileKind::Other => return None,
    };
    Some(Entity {
        kind,
        mode: now.mode,
        link: None,
        source: None,
        uid: Some(now.uid),
        gid: Some(now.gid),
        owner: Some(now.owner.clone()),
        group: Some(now.group.clone()),
        size: Some(now.size),
        numbers: None,
        rights: None,
        checksum: content.zip(ask.checksum).map(|(content, sum)| sum.of(content)),
    })
}

/// A tree once a change is made.
pub(super) fn lay_tree(change: &Change, mut tree: Tree, facts: &Facts) -> Tree {
    let Some(path) = change.path().cloned() else { return tree };
    if matches!(change, Change::RemoveTree(_) | Change::RemoveDir(_)) && tree.path.is_within(&path) {
        return Tree { present: false, entries: Vec::new(), ..tree };
    }
    if let Change::MakeDir(_) = change
        && path.is_within(&tree.path)
        && path != tree.path
    {
        // Those above it come with it.
        let mut above = path.parent();
        while let Some(directory) = above.filter(|above| above.is_within(&tree.path) && *above != tree.path) {
            lay_entry(change, &mut tree, &directory, facts);
            above = directory.parent();
        }
    }
    if let Change::MakeDir(make) = change
        && tree.path.is_within(&make.path)
    {
        tree.present = true;
    }
    if let Change::RemoveTree(remove) = change
        && let Some(name) = below(&tree.path, &remove.path)
    {
        let inside = [name.as_bytes(), b"/"].concat();
        tree.entries.retain(|entry| !entry.name.starts_with(&inside));
    }
    let aside = if let Change::BackUp(copy) = change { copy.copy.clone() } else { path };
    lay_entry(change, &mut tree, &aside, facts);
    tree
}

fn below<'p>(directory: &HostPath, path: &'p HostPath) -> Option<&'p str> {
    path.as_str().strip_prefix(directory.as_str())?.strip_prefix('/')
}

fn lay_entry(change: &Change, tree: &mut Tree, path: &HostPath, facts: &Facts) {
    let Some(name) = below(&tree.path, path).map(|name| name.as_bytes().to_vec()) else { return };
    let at = tree.entries.binary_search_by(|entry| entry.name.cmp(&name));
    let before = match at {
        Err(_) => FileKind::Absent,
        Ok(at) => match &tree.entries[at] {
            TreeEntry { kind: EntityKind::Directory, attributes, .. } => {
                FileKind::Directory(attributes.clone())
            }
            TreeEntry { kind: EntityKind::File, attributes, .. } => FileKind::File(attributes.clone(), None),
            _ => FileKind::Other,
        },
    };
    let was = File { path: path.clone(), target: None, link: None, kind: before };
    let file = lay_file(change, was.clone(), facts);
    if file == was {
        return;
    }
    let (kind, attributes) = match file.kind {
        _ if file.link.is_some() => (EntityKind::Link, attributes(&Ownership::default(), None, 0o777, facts)),
        FileKind::File(now, _) => (EntityKind::File, now),
        FileKind::Directory(now) => (EntityKind::Directory, now),
        FileKind::Absent | FileKind::Other => {
            if let Ok(at) = at {
                tree.entries.remove(at);
            }
            return;
        }
    };
    let entry = TreeEntry { name, kind, attributes };
    match at {
        Ok(at) => tree.entries[at] = entry,
        Err(at) => tree.entries.insert(at, entry),
    }
}
