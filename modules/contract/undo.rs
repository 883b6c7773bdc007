//! What a run has kept on a host to be put back by: the before-images, and what stood there after each change.

use serde::Serialize;

use super::answer::AskError;
use super::decode::{Lines, decoded, garbled, text};
use super::path::HostPath;
use super::text::{Call, Mode};

/// The record of a run on this host, as the user of the task has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskUndo {
    /// The record's name: [`guard::record`](super::guard::record).
    pub record: String,
}

impl AskUndo {
    pub(super) fn call(&self) -> Call {
        Call::new("ask_undo").word(&self.record)
    }
}

/// The record of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoRecord {
    /// Whether there is one.
    pub known: bool,
    /// The paths that the run has changed, in the order of their first changes.
    pub paths: Vec<KeptPath>,
    /// Paths whose names are no text.
    pub nameless: usize,
}

/// A path that a run has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPath {
    /// The path.
    pub path: HostPath,
    /// What stood there before the run.
    pub before: Kept,
    /// What stood there after its last change; none where that was cut off.
    pub after: Option<Standing>,
}

/// Permission bits and owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    /// Permission bits.
    pub mode: Mode,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

/// What stands at a path, as a record says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Absent,
    /// A file.
    File {
        /// SHA-256 of its content.
        sha256: String,
        /// Its permission bits and owner.
        owned: Owned,
    },
    /// A link that leads there.
    Link(String),
    /// A directory.
    Directory(Owned),
}

/// What stood at a path, with what was kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// What stands for itself: nothing, a link, a directory.
    Whole(Standing),
    /// A file.
    File(Standing, Image),
    /// A directory with what was below it; none where that was too much.
    Tree(Owned, Option<Vec<KeptPart>>),
    /// Something that cannot be kept.
    Not,
}

/// The content of a file that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// Its bytes.
    Content(Vec<u8>),
    /// It is longer than 1 MiB: so many bytes.
    Long(u64),
    /// It is not there any more.
    Gone,
}

/// Something below a directory that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptPart {
    /// Its path.
    pub path: HostPath,
    /// What it was; none for what is neither file, directory nor link, and for a long file.
    pub what: Option<Part>,
}

/// What is below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A directory.
    Directory(Owned),
    /// A file.
    File(Vec<u8>, Owned),
    /// A link.
    Link(String),
}

pub(super) fn record(lines: Lines<'_>) -> Result<UndoRecord, AskError> {
    let mut record = UndoRecord { known: lines.get("record").is_some(), ..UndoRecord::default() };
    let root = lines.text("root")?;
    for line in lines.all("entry") {
        let fields: Vec<&str> = line.split(' ').collect();
        let [number, path, kind, owned, before, after] = fields[..] else { return Err(garbled("entry")) };
        let Some(path) = text(path).ok().and_then(|path| HostPath::new(&path).ok()) else {
            record.nameless += 1;
            continue;
        };
        let after = standing(after, &root)?;
        if let Some(known) = record.paths.iter_mut().find(|known| known.path == path) {
            known.after = after;
            continue;
        }
        let before = kept(&path, number, kind, owned, before, &root, lines)?;
        record.paths.push(KeptPath { path, before, after });
    }
    Ok(record)
}

fn kept(
    path: &HostPath,
    number: &str,
    kind: &str,
    stat: &str,
    before: &str,
    root: &str,
    lines: Lines<'_>,
) -> Result<Kept, AskError> {
    let of = |key: &'static str| {
        let mut found = lines.all(key).filter_map(|line| line.split_once(' '));
        found.find(|(of, _)| *of == number).map(|(_, rest)| rest)
    };
    Ok(match kind {
        "absent" => Kept::Whole(Standing::Absent),
        "link" => Kept::Whole(Standing::Link(led(before, root)?)),
        "dir" => Kept::Whole(Standing::Directory(owned(stat)?)),
        "file" => {
            let image = match (of("image"), of("long")) {
                (Some(content), _) => Image::Content(decoded(content)?),
                (None, Some(size)) => Image::Long(size.parse().map_err(|_| garbled("long"))?),
                (None, None) => Image::Gone,
            };
            Kept::File(Standing::File { sha256: before.to_owned(), owned: owned(stat)? }, image)
        }
        "tree" => {
            let is_there = lines.all("tree").any(|tree| tree == number);
            let of_it = lines.all("part").filter_map(|line| line.strip_prefix(number)?.strip_prefix(' '));
            let parts = is_there.then(|| of_it.map(|line| part(path, line)).collect()).transpose()?;
            Kept::Tree(owned(stat)?, parts)
        }
        _ => Kept::Not,
    })
}

fn part(directory: &HostPath, line: &str) -> Result<KeptPart, AskError> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [name, kind, stat, content] = fields[..] else { return Err(garbled("part")) };
    let path = HostPath::new(&format!("{directory}/{}", text(name)?)).map_err(|_| garbled("part"))?;
    let what = match (kind, content) {
        ("dir", _) => Some(Part::Directory(owned(stat)?)),
        ("link", to) => Some(Part::Link(text(to)?)),
        ("file", "-") => None,
        ("file", content) => Some(Part::File(decoded(content)?, owned(stat)?)),
        _ => None,
    };
    Ok(KeptPart { path, what })
}

/// What a record says of a path after a change; none for `?`.
fn standing(text: &str, root: &str) -> Result<Option<Standing>, AskError> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    Ok(Some(match kind {
        "absent" => Standing::Absent,
        "file" => {
            let (sha256, stat) = rest.split_once(':').ok_or_else(|| garbled("entry"))?;
            Standing::File { sha256: sha256.to_owned(), owned: owned(stat)? }
        }
        "link" => Standing::Link(led(rest, root)?),
        "dir" => Standing::Directory(owned(rest)?),
        "?" => return Ok(None),
        _ => return Err(garbled("entry")),
    }))
}

/// Where a link led. In a sandbox an absolute link leads below the sandbox's root, of which no module knows.
fn led(word: &str, root: &str) -> Result<String, AskError> {
    let to = text(word)?;
    Ok(to.strip_prefix(root).map_or(to.clone(), str::to_owned))
}

fn owned(stat: &str) -> Result<Owned, AskError> {
    let fields: Vec<&str> = stat.split(',').collect();
    let [mode, uid, gid] = fields[..] else { return Err(garbled("stat")) };
    let number = |text: &str| text.parse().map_err(|_| garbled("stat"));
    let mode = mode.parse().map_err(|_| garbled("stat"))?;
    Ok(Owned { mode, uid: number(uid)?, gid: number(gid)? })
}
