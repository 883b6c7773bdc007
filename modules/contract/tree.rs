//! A directory with all that is below it, asked as a whole and removed as a whole.

use serde::{Serialize, Serializer};

use super::answer::Attributes;
use super::change::digest;
use super::entry::EntityKind;
use super::path::HostPath;
use super::text::Call;

/// A directory and everything below it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskTree {
    /// Where.
    pub path: HostPath,
    /// With more entries than this, the answer is an error.
    pub limit: u64,
}

impl AskTree {
    /// A tree of up to 5,000 entries.
    #[must_use]
    pub const fn new(path: HostPath) -> Self {
        Self { path, limit: 5000 }
    }

    pub(super) fn call(&self) -> Call {
        Call::new("ask_tree").path(&self.path).number(self.limit)
    }
}

/// A directory's tree; links in it are not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The path that was asked.
    pub path: HostPath,
    /// Whether the directory exists.
    pub present: bool,
    /// Everything below it, sorted by name.
    pub entries: Vec<TreeEntry>,
}

/// Something below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its path below the directory, as bytes: a name may be anything.
    pub name: Vec<u8>,
    /// Its type.
    pub kind: EntityKind,
    /// Its owner and permissions.
    pub attributes: Attributes,
}

impl TreeEntry {
    /// Its whole path; none where the name is no text that a path can hold.
    #[must_use]
    pub fn path(&self, directory: &HostPath) -> Option<HostPath> {
        let name = std::str::from_utf8(&self.name).ok()?;
        HostPath::new(&format!("{directory}/{name}")).ok()
    }
}

impl Tree {
    /// SHA-256 of the sorted names, by which the host knows the tree again.
    #[must_use]
    pub fn names_digest(&self) -> String {
        let names = self.entries.iter().flat_map(|entry| [b"\n./", entry.name.as_slice()].concat());
        let text: Vec<u8> = b".".iter().copied().chain(names).collect();
        // As `sort` does, which knows lines alone.
        let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        lines.sort_unstable();
        digest(&lines.into_iter().flat_map(|line| [line, b"\n"].concat()).collect::<Vec<u8>>())
    }

    /// The names, for reading.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let slash = |kind| if kind == EntityKind::Directory { "/" } else { "" };
        self.entries
            .iter()
            .map(|entry| format!("{}{}", String::from_utf8_lossy(&entry.name), slash(entry.kind)))
            .collect()
    }
}

/// Removes a directory with all that is below it; refused where it holds other files than it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemoveTree {
    /// Where; the directory itself, not what a link leads to.
    pub path: HostPath,
    /// What is below it: the names, of which a plan shows the first 200.
    #[serde(serialize_with = "first")]
    pub names: Vec<String>,
    /// By what the host knows them again.
    pub digest: String,
}

/// How many names a plan shows.
const SHOWN: usize = 200;

fn first<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    names[..names.len().min(SHOWN)].serialize(serializer)
}

impl RemoveTree {
    pub(super) fn call(&self) -> Call {
        Call::new("do_remove_tree").path(&self.path).word(&self.digest)
    }

    pub(super) fn summary(&self) -> String {
        let entries = if self.names.len() == 1 { "entry" } else { "entries" };
        format!("remove directory {} with the {} {entries} below it", self.path, self.names.len())
    }

    /// The names that are shown, and how many are not.
    #[must_use]
    pub fn shown(&self) -> (&[String], usize) {
        let shown = self.names.len().min(SHOWN);
        (&self.names[..shown], self.names.len() - shown)
    }
}

/// Removes what is shown by its path alone: a file that is too long to be read, a pipe, a socket or a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemoveOther {
    /// Where; a link is not followed.
    pub path: HostPath,
    /// What is there.
    pub what: Removed,
}

/// What is removed unseen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Removed {
    /// A long file.
    Long {
        /// By what the host knows it again.
        sha256: String,
    },
    /// A pipe, socket or device.
    Special,
}

impl RemoveOther {
    pub(super) fn call(&self) -> Call {
        let what = match &self.what {
            Removed::Long { sha256 } => sha256,
            Removed::Special => "special",
        };
        Call::new("do_remove_other").path(&self.path).word(what)
    }
}
