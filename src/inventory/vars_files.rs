//! `group_vars/` and `host_vars/`: beside the inventory, and beside the playbook.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::vars::{Vars, define_all};
use crate::yaml::{Node, Problem, Problems, Source, parse};

/// The endings a file of variables may have, the empty one included, in the order in which they are looked for.
const ENDINGS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// The variables of one directory's `group_vars/` and `host_vars/`.
#[derive(Debug, Default)]
pub(super) struct FileVars {
    pub groups: HashMap<Arc<str>, Vars>,
    pub hosts: HashMap<Arc<str>, Vars>,
}

impl FileVars {
    /// Reads what a directory has for these groups and hosts.
    pub fn load<'a>(
        directory: &Path,
        groups: impl Iterator<Item = &'a Arc<str>>,
        hosts: impl Iterator<Item = &'a Arc<str>>,
        problems: &mut Problems,
    ) -> Self {
        Self {
            groups: of_kind(&directory.join("group_vars"), groups, problems),
            hosts: of_kind(&directory.join("host_vars"), hosts, problems),
        }
    }
}

fn of_kind<'a>(
    directory: &Path,
    names: impl Iterator<Item = &'a Arc<str>>,
    problems: &mut Problems,
) -> HashMap<Arc<str>, Vars> {
    let mut found = HashMap::new();
    if !directory.is_dir() {
        return found;
    }
    // One listing instead of four look-ups a host; it also means that no name can lead out of the directory.
    let mut listings = HashMap::new();
    for name in names {
        let Some((folder, file)) = place(directory, name) else { continue };
        let entries = listings.entry(folder).or_insert_with_key(|folder| {
            let listed = folder.is_dir().then(|| problems.take(list(folder)));
            listed.flatten().unwrap_or_default()
        });
        let paths: Vec<&PathBuf> =
            ENDINGS.iter().filter_map(|ending| entries.get(&format!("{file}{ending}"))).collect();
        match paths[..] {
            [] => {}
            [path] => {
                let mut vars = Vars::new();
                read_all(path, &mut vars, problems);
                found.insert(Arc::clone(name), vars);
            }
            [first, second, ..] => problems.push(ambiguous(name, first, second)),
        }
    }
    found
}

/// The folder in which a name's files are, and what they are called there: a group's name may be a path (`env/prod`), but none
/// that leads out.
fn place<'n>(directory: &Path, name: &'n str) -> Option<(PathBuf, &'n str)> {
    let Some((folder, file)) = name.rsplit_once('/') else { return Some((directory.to_path_buf(), name)) };
    let folder = Path::new(folder);
    let within = folder.components().all(|part| matches!(part, Component::Normal(_)));
    (within && !name.starts_with('/') && !file.is_empty()).then(|| (directory.join(folder), file))
}

fn ambiguous(name: &str, first: &Path, second: &Path) -> Problem {
    let message = format!("`{}` and `{}` both hold variables of `{name}`", first.display(), second.display());
    Problem::bare(message).help("keep one of them: Ansible would read only the first and pass over the other")
}

/// The entries of a directory by name, sorted.
fn list(directory: &Path) -> Result<BTreeMap<String, PathBuf>, Problem> {
    let failed = |error| Problem::bare(format!("cannot list `{}`: {error}", directory.display()));
    let mut entries = BTreeMap::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if let Ok(name) = entry.file_name().into_string() {
            entries.insert(name, entry.path());
        }
    }
    Ok(entries)
}

/// Reads a file, or every file of variables in a directory: later names win.
fn read_all(path: &Path, vars: &mut Vars, problems: &mut Problems) {
    if !path.is_dir() {
        read_file(path, vars, problems);
        return;
    }
    let Some(entries) = problems.take(list(path)) else { return };
    for (name, path) in entries {
        let hidden = name.starts_with('.') || name.ends_with('~');
        let ending = ending(&name);
        let wanted = if path.is_dir() { ending.is_empty() } else { ENDINGS.contains(&ending) };
        if !hidden && wanted {
            read_all(&path, vars, problems);
        }
    }
}

/// The part of a name from its last dot on.
fn ending(name: &str) -> &str {
    name.rfind('.').filter(|at| *at > 0).map_or("", |at| &name[at..])
}

fn read_file(path: &Path, vars: &mut Vars, problems: &mut Problems) {
    let Some(root) = problems.take(vars_file(path)) else { return };
    match root.as_map() {
        Some(entries) => define_all(vars, entries, problems),
        None if root.is_null() => {}
        None => {
            let message = format!("a file of variables is a mapping, and this is {}", root.kind());
            problems.push(Problem::new(message, root.place()).help("write `name: value`, a variable a line"));
        }
    }
}

fn vars_file(path: &Path) -> Result<Node, Problems> {
    parse(&Source::read(path)?)
}
