//! What stands below a folder, to compare before and after.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The records that a run leaves of what it has changed: they are there to stay.
const RECORDS: &str = "var/lib/dtrctl/runs";

/// Every path below a folder, but for records of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    mode: u32,
    inode: u64,
    modified: (i64, i64),
    /// A file's content, or where a link leads.
    content: Vec<u8>,
}

impl Tree {
    pub fn of(root: &Path) -> Self {
        let mut entries = BTreeMap::new();
        walk(root, root, &mut entries);
        Self(entries)
    }

    /// The paths that are not the same in another tree: content, mode, inode or time.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut paths: Vec<_> = self.0.keys().chain(other.0.keys()).collect();
        paths.sort();
        paths.dedup();
        let differ = |path: &&&PathBuf| self.0.get(**path) != other.0.get(**path);
        paths.iter().filter(differ).map(|path| path.display().to_string()).collect()
    }

    /// The same without times and inodes: what stands there, as a path, its mode and content.
    pub fn contents(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        let entry = |(path, entry): (&PathBuf, &Entry)| {
            (path.display().to_string(), (entry.mode, entry.content.clone()))
        };
        self.0.iter().map(entry).collect()
    }
}

fn walk(root: &Path, folder: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    let mut here = vec![folder.to_path_buf()];
    here.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    for (index, path) in here.into_iter().enumerate() {
        let is_theirs = index == 0 && root.join(RECORDS).parent() == Some(&path);
        if path == root.join(RECORDS) || is_theirs {
            continue;
        }
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() && index > 0 {
            walk(root, &path, entries);
            continue;
        }
        let content = if metadata.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if metadata.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let entry = Entry {
            mode: metadata.mode(),
            inode: metadata.ino(),
            modified: if path == root.join("var/lib") {
                (0, 0)
            } else {
                (metadata.mtime(), metadata.mtime_nsec())
            },
            content,
        };
        entries.insert(path.strip_prefix(root).unwrap().to_path_buf(), entry);
    }
}
