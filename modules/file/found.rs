//! What is found at a path, on any host.

use crate::contract::{
    AskFile, AskStat, AskTree, Attributes, Entity, EntityKind, File, FileKind, HostPath, Probe, Stat, Tree,
};

/// A file longer than this is not read before it is removed: its digest is enough.
const READ: u64 = 1 << 20;

/// What stands at a path, links not followed.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where.
    pub path: HostPath,
    /// What.
    pub kind: Kind,
    /// Its own owner and permissions, a link's, too.
    pub own: Option<Attributes>,
}

/// The kinds of things that `file` tells apart.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Nothing.
    Nothing,
    /// A regular file.
    File(Attributes, Names),
    /// A directory.
    Directory(Attributes),
    /// A link, and where it leads.
    Link(String),
    /// A device, socket or pipe.
    Other,
}

/// By what the names of one file are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Names {
    /// The device and the inode; none where they are not known.
    pub id: Option<(u64, u64)>,
    /// How many names it has.
    pub count: u64,
}

impl Found {
    /// The word of Ansible's for it.
    pub const fn state(&self) -> &'static str {
        match &self.kind {
            Kind::Nothing => "absent",
            Kind::File(_, Names { count: 0 | 1, .. }) | Kind::Other => "file",
            Kind::File(..) => "hard",
            Kind::Directory(_) => "directory",
            Kind::Link(_) => "link",
        }
    }

    /// Its owner and permissions.
    pub const fn attributes(&self) -> Option<&Attributes> {
        match &self.kind {
            Kind::File(attributes, _) | Kind::Directory(attributes) => Some(attributes),
            _ => None,
        }
    }

    fn of_file(file: File) -> Self {
        let kind = match (file.link, file.kind) {
            (Some(link), _) => Kind::Link(link),
            (None, FileKind::Absent) => Kind::Nothing,
            (None, FileKind::File(attributes, _)) => Kind::File(attributes, Names::default()),
            (None, FileKind::Directory(attributes)) => Kind::Directory(attributes),
            (None, FileKind::Other) => Kind::Other,
        };
        Self { path: file.path, kind, own: None }
    }

    fn of_stat(stat: Stat) -> Self {
        let Some(entity) = stat.entry else {
            return Self { path: stat.path, kind: Kind::Nothing, own: None };
        };
        let own = entity.uid.is_some().then(|| attributes(&entity));
        Self { path: stat.path, kind: kind(entity), own }
    }
}

fn kind(entity: Entity) -> Kind {
    let numbers = entity.numbers.clone();
    let names = Names {
        id: numbers.as_ref().map(|numbers| (numbers.device, numbers.inode)),
        count: numbers.map_or(1, |numbers| numbers.links),
    };
    let attributes = attributes(&entity);
    match (entity.kind, entity.link) {
        (EntityKind::File, _) => Kind::File(attributes, names),
        (EntityKind::Directory, _) => Kind::Directory(attributes),
        (EntityKind::Link, Some(link)) => Kind::Link(link),
        _ => Kind::Other,
    }
}

fn attributes(entity: &Entity) -> Attributes {
    let named = |name: &Option<String>, id: Option<u32>| {
        name.clone().or_else(|| id.map(|id| id.to_string())).unwrap_or_default()
    };
    Attributes {
        mode: entity.mode,
        uid: entity.uid.unwrap_or_default(),
        gid: entity.gid.unwrap_or_default(),
        owner: named(&entity.owner, entity.uid),
        group: named(&entity.group, entity.gid),
        size: entity.size.unwrap_or_default(),
        mtime: 0,
    }
}

/// What stands at a path.
pub fn at(path: &HostPath, follow: bool) -> Probe<Found> {
    if path.is_windows() {
        return Probe::ask(AskFile::stat(path.clone())).map(Found::of_file);
    }
    Probe::ask(AskStat { path: path.clone(), follow, checksum: None, times: false }).map(Found::of_stat)
}

/// What has to be known of something before it goes.
pub enum Doomed {
    /// Nothing is there.
    Nothing,
    /// A link, and where it leads.
    Link(String),
    /// A file that was read.
    File(File),
    /// A file that is too long to be read, and its SHA-256.
    Long(String),
    /// A directory.
    Tree(Tree),
    /// A directory of Windows.
    Directory,
    /// A device, socket or pipe.
    Other,
}

/// What stands at a path, to be removed.
pub fn doomed(path: &HostPath) -> Probe<Doomed> {
    let path = path.clone();
    at(&path, false).and_then(move |found| match found.kind {
        Kind::Nothing => Probe::ready(Doomed::Nothing),
        Kind::Link(to) => Probe::ready(Doomed::Link(to)),
        Kind::Other => Probe::ready(Doomed::Other),
        Kind::Directory(_) if path.is_windows() => Probe::ready(Doomed::Directory),
        Kind::Directory(_) => Probe::ask(AskTree::new(path)).map(Doomed::Tree),
        Kind::File(now, _) if now.size > READ && !path.is_windows() => {
            let checksum = Some(crate::contract::Checksum::Sha256);
            Probe::ask(AskStat { path, follow: false, checksum, times: false }).map(|stat| {
                match stat.entry.and_then(|entity| entity.checksum) {
                    Some(digest) => Doomed::Long(digest),
                    None => Doomed::Other,
                }
            })
        }
        Kind::File(..) => Probe::ask(AskFile::new(path)).map(Doomed::File),
    })
}
