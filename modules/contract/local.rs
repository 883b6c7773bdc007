//! Files of the controller as they are copied: one, or a directory with all that is below it.

use serde::Serialize;

use super::ask::LocalKind;

/// A file or directory of the controller.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskLocalTree {
    /// Where; a relative path is looked for where the task's files are.
    pub path: String,
    /// What kind of file it is, which says where it is looked for.
    pub kind: LocalKind,
    /// Whether links in a directory are followed.
    pub follow: bool,
    /// Whether files that are encrypted with ansible-vault are decrypted.
    pub decrypt: bool,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalTree {
    /// A file.
    File(LocalFile),
    /// A directory: what is below it, a directory before what it holds.
    Directory(Vec<LocalEntry>),
}

/// A file of the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// Its content.
    pub content: Vec<u8>,
    /// Its permission bits.
    pub mode: u16,
}

/// Something below a directory of the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalEntry {
    /// Its path below the directory.
    pub name: String,
    /// What it is.
    pub kind: LocalEntryKind,
}

/// The kinds of entries that are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalEntryKind {
    /// A file.
    File(LocalFile),
    /// A directory, and its permission bits where they are copied, too.
    Directory(Option<u16>),
    /// A link, and where it leads.
    Link(String),
}
