//! `state: absent`.

use super::found::Doomed;
use crate::contract::{
    Before, Change, Content, FileKind, HostPath, PlanError, Remove, RemoveDir, RemoveLink, RemoveOther,
    RemoveTree, Removed, Tree,
};

/// Directories that hold a system together: they are not emptied by a slip of the pen.
const KEPT: &[&str] = &[
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "tmp",
    "usr",
    "usr/bin",
    "usr/lib",
    "usr/lib64",
    "usr/libexec",
    "usr/local",
    "usr/local/bin",
    "usr/local/lib",
    "usr/local/sbin",
    "usr/sbin",
    "usr/share",
    "var",
    "var/cache",
    "var/lib",
    "var/log",
    "var/run",
    "var/spool",
    "var/tmp",
];

/// What removes it.
///
/// # Errors
/// [`PlanError`] where it is a directory that a system needs.
pub fn changes(path: &HostPath, doomed: Doomed) -> Result<Vec<Change>, PlanError> {
    let path = path.clone();
    Ok(match doomed {
        Doomed::Nothing | Doomed::Tree(Tree { present: false, .. }) => vec![],
        Doomed::Link(target) => vec![Change::RemoveLink(RemoveLink { path, target })],
        Doomed::Directory => vec![Change::RemoveDir(RemoveDir { path })],
        Doomed::Tree(tree) => vec![directory(path, &tree)?],
        Doomed::Long(digest) => {
            vec![Change::RemoveOther(RemoveOther { path, what: Removed::Long { sha256: digest } })]
        }
        Doomed::Other => vec![Change::RemoveOther(RemoveOther { path, what: Removed::Special })],
        Doomed::File(file) => match file.kind {
            FileKind::Absent => vec![],
            FileKind::File(attributes, Some(content)) => {
                let before = Before { content: Content::new(content), attributes };
                vec![Change::Remove(Remove { path, before })]
            }
            _ => return Err(PlanError::new(format!("`{path}` could not be read"))),
        },
    })
}

fn directory(path: HostPath, tree: &Tree) -> Result<Change, PlanError> {
    if KEPT.contains(&path.as_str().trim_start_matches('/')) {
        return Err(PlanError::new(format!("`{path}` is a directory of the system; it is not removed"))
            .help("name what is to go below it"));
    }
    if tree.entries.is_empty() {
        return Ok(Change::RemoveDir(RemoveDir { path }));
    }
    Ok(Change::RemoveTree(RemoveTree { path, names: tree.names(), digest: tree.names_digest() }))
}
