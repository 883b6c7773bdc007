//! The files of a role: where it is, its variables, what it depends on.

use std::fs;
use std::path::{Path, PathBuf};

use super::keys::Keys;
use super::part::Role;
use super::read::{Library, Reader};
use super::role::WantedRole;
use super::task::{boolean, variables};
use crate::yaml::{Node, Problem, suggest};

/// What a role says of itself.
#[derive(Default)]
pub(super) struct Meta {
    /// The roles that it depends on.
    pub dependencies: Option<Node>,
    /// Whether it runs again where it has run already.
    pub allow_duplicates: bool,
    /// The specifications of its arguments, by the file of its tasks.
    pub specs: Option<Node>,
}

/// The endings of YAML files; the bare name comes after them, or before them where it was named.
const ENDINGS: [&str; 3] = [".yml", ".yaml", ".json"];

/// The directory of a role.
///
/// # Errors
/// It is in none of the directories of roles.
pub(super) fn find_role(
    wanted: &WantedRole,
    library: &Library,
    parent: Option<&Role>,
) -> Result<PathBuf, Problem> {
    if wanted.name.trim().is_empty() {
        return Err(Problem::new("the name of a role is empty", wanted.place.clone()));
    }
    let mut places = vec![library.playbook.join("roles")];
    places.extend(library.roles_path.iter().cloned());
    places.extend(parent.and_then(|parent| parent.path.parent()).map(Path::to_path_buf));
    places.push(library.playbook.clone());
    let name = Path::new(&wanted.name);
    if let Some(found) = places.iter().map(|place| place.join(name)).find(|path| path.is_dir()) {
        return Ok(found);
    }
    let problem = Problem::new(format!("there is no role `{}`", wanted.name), wanted.place.clone());
    Err(problem.help(where_to_look(&wanted.name, &places)))
}

fn where_to_look(name: &str, places: &[PathBuf]) -> String {
    let listed = places.iter().map(|place| format!("`{}`", shown(place))).collect::<Vec<_>>().join(", ");
    let known: Vec<String> = places[..places.len() - 1].iter().flat_map(|place| directories(place)).collect();
    let near = suggest(name, known.iter().map(String::as_str));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let collection = match name.split('.').count() {
        3 => "; roles of collections are left out of dtrctl: copy it into `roles/`",
        _ => "",
    };
    format!("{near}it is looked for in {listed}{collection}")
}

/// A directory as it is shown.
pub(super) fn shown(path: &Path) -> String {
    if path.as_os_str().is_empty() { ".".to_owned() } else { path.display().to_string() }
}

fn directories(place: &Path) -> Vec<String> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// A file of a role's folder, by its name without ending.
///
/// # Errors
/// It was named and is not there, or is not within the folder.
pub(super) fn main_file(
    directory: &Path,
    folder: &str,
    name: &str,
    wanted: &WantedRole,
) -> Result<Option<PathBuf>, Problem> {
    let base = directory.join(folder);
    if Path::new(name).is_absolute() || Path::new(name).components().any(|part| part.as_os_str() == "..") {
        return Err(Problem::new(
            format!("`{name}` is not within the role's `{folder}/`"),
            wanted.place.clone(),
        ));
    }
    let bare = base.join(name);
    let with_ending = ENDINGS.map(|ending| base.join(format!("{name}{ending}")));
    let by_default = name == "main";
    let found = with_ending.into_iter().find(|path| path.is_file());
    let found = match (by_default, bare.is_file()) {
        (true, _) | (false, false) => found.or_else(|| bare.is_file().then(|| bare.clone())),
        (false, true) => Some(bare),
    };
    if found.is_none() && !by_default {
        let problem = Problem::new(
            format!("the role `{}` has no `{folder}/{name}`", wanted.name),
            wanted.place.clone(),
        );
        return Err(problem.help(format!("it is looked for in `{}`", base.display())));
    }
    Ok(found)
}

impl Reader<'_> {
    /// The variables of a role's folder: a file, or all files of a directory of that name, in the order of their names.
    pub(super) fn variables_of(
        &mut self,
        directory: &Path,
        folder: &str,
        name: &str,
        wanted: &WantedRole,
    ) -> Vec<(String, Node)> {
        let whole = directory.join(folder).join(name);
        let paths = if whole.is_dir() && !whole.with_extension("yml").is_file() {
            files_below(&whole)
        } else {
            self.file_of(directory, folder, name, wanted).into_iter().collect()
        };
        let mut all = Vec::new();
        for path in paths {
            let Some(root) = self.parse(&path).filter(|root| !root.is_null()) else { continue };
            all.extend(self.problems.take(variables(&root)).unwrap_or_default());
        }
        all
    }

    /// What a role says of itself in `meta/`.
    pub(super) fn meta_of(&mut self, directory: &Path) -> Meta {
        let find = |name: &str| {
            let paths = ENDINGS.map(|ending| directory.join("meta").join(format!("{name}{ending}")));
            paths.into_iter().find(|path| path.is_file())
        };
        let mut meta = find("main")
            .and_then(|path| self.parse(&path))
            .and_then(|root| self.meta(&root))
            .unwrap_or_default();
        if let Some(root) = find("argument_specs").and_then(|path| self.parse(&path)) {
            meta.specs = root.get("argument_specs").cloned();
        }
        meta
    }

    fn meta(&mut self, root: &Node) -> Option<Meta> {
        if root.is_null() {
            return None;
        }
        let mut keys = self.problems.take(Keys::of(root, "`meta/main.yml`"))?;
        keys.take("galaxy_info");
        if let Some(node) = keys.take("collections")
            && node.as_seq().is_none_or(|items| !items.is_empty())
        {
            self.problems.push(
                Problem::new("collections are left out of dtrctl", node.place())
                    .help("leave it away; `dtrctl modules` lists the modules there are"),
            );
        }
        let allow_duplicates = keys
            .take("allow_duplicates")
            .and_then(|node| self.problems.take(boolean(node, "`allow_duplicates`")))
            .unwrap_or(false);
        let meta = Meta {
            dependencies: keys.take("dependencies").cloned(),
            allow_duplicates,
            specs: keys.take("argument_specs").cloned(),
        };
        keys.finish("`meta/main.yml`", &[], self.problems);
        Some(meta)
    }
}

/// The YAML files of a directory and those below it, by name.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let shown = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| !name.starts_with('.') && !name.ends_with('~'))
    };
    let yaml =
        |path: &Path| path.extension().is_none_or(|ending| ENDINGS.iter().any(|known| known[1..] == *ending));
    let files = entries.into_iter().filter(shown).flat_map(|path| match path.is_dir() {
        true => files_below(&path),
        false if yaml(&path) => vec![path],
        false => Vec::new(),
    });
    files.collect()
}
