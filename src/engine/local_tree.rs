//! Files of the controller that are copied: one, or a directory with all that is below it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use modules::{Answer, AskError, AskLocalTree, LocalEntry, LocalEntryKind, LocalFile, LocalTree};

/// A longer file is not copied.
const LONGEST: u64 = 1 << 20;
/// Nor are more entries than this, or more bytes in all of them.
const MOST: usize = 2000;
const LARGEST: usize = 16 << 20;

/// Reads what an ask is about.
pub fn read(path: &Path, ask: &AskLocalTree) -> Answer {
    let relative = Path::new(&ask.path).is_relative();
    match tree(path, ask) {
        Ok(tree) => Answer::LocalTree(tree),
        Err(problem) => {
            let hint = if relative { "; a relative path begins where the task's files are" } else { "" };
            Answer::Failed(AskError::Host(format!("{problem}{hint}")))
        }
    }
}

fn tree(path: &Path, ask: &AskLocalTree) -> Result<LocalTree, String> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_dir() {
        return file(path, ask.path.ends_with('/'), ask.decrypt).map(LocalTree::File);
    }
    let mut walk =
        Walk { follow: ask.follow, decrypt: ask.decrypt, bytes: 0, entries: Vec::new(), inside: Vec::new() };
    walk.directory(path, "")?;
    Ok(LocalTree::Directory(walk.entries))
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("`{}` cannot be read here: {error}", path.display())
}

fn file(path: &Path, is_directory: bool, decrypt: bool) -> Result<LocalFile, String> {
    let shown = path.display();
    if is_directory {
        return Err(format!("`{shown}` is a file; leave out the slash at the end of `src`"));
    }
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(format!("`{shown}` is neither file nor directory"));
    }
    if metadata.len() > LONGEST {
        return Err(format!(
            "`{shown}` has {} bytes, more than the {LONGEST} that are copied",
            metadata.len()
        ));
    }
    let content = if decrypt {
        crate::vault::read_file(path).map_err(|why| format!("`{shown}` {why}"))?
    } else {
        fs::read(path).map_err(|error| unreadable(path, &error))?
    };
    let mode = u16::try_from(metadata.permissions().mode() & 0o7777).unwrap_or_default();
    Ok(LocalFile { content, mode })
}

struct Walk {
    follow: bool,
    decrypt: bool,
    bytes: usize,
    entries: Vec<LocalEntry>,
    /// The directories that the walk is in, so that a link back up is no endless way.
    inside: Vec<PathBuf>,
}

impl Walk {
    fn directory(&mut self, path: &Path, name: &str) -> Result<(), String> {
        let wrong = |error| unreadable(path, &error);
        self.inside.push(path.canonicalize().map_err(wrong)?);
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(wrong)? {
            names.push(entry.map_err(wrong)?.file_name());
        }
        names.sort();
        for below in names {
            let at = path.join(&below);
            let Some(below) = below.to_str() else {
                return Err(format!("`{}` has a name that is no text", at.display()));
            };
            let name = if name.is_empty() { below.to_owned() } else { format!("{name}/{below}") };
            self.entry(&at, name)?;
        }
        self.inside.pop();
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: String) -> Result<(), String> {
        if self.entries.len() >= MOST {
            return Err(format!("the directory holds more than {MOST} entries, too many to be copied"));
        }
        let metadata = fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
        let target = path.canonicalize().ok();
        let back = target.as_ref().is_none_or(|target| self.inside.contains(target));
        if metadata.is_symlink() && (!self.follow || back) {
            let to = fs::read_link(path).map_err(|error| unreadable(path, &error))?;
            let to = to.to_str().ok_or_else(|| format!("`{}` leads to what is no text", path.display()))?;
            self.entries.push(LocalEntry { name, kind: LocalEntryKind::Link(to.to_owned()) });
        } else if path.is_dir() {
            self.entries.push(LocalEntry { name: name.clone(), kind: LocalEntryKind::Directory(None) });
            self.directory(path, &name)?;
        } else {
            let file = file(path, false, self.decrypt)?;
            self.bytes += file.content.len();
            if self.bytes > LARGEST {
                return Err(format!("the directory holds more than {LARGEST} bytes, too many to be copied"));
            }
            self.entries.push(LocalEntry { name, kind: LocalEntryKind::File(file) });
        }
        Ok(())
    }
}
