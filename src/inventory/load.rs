//! What `-i` names: a file, a directory of files, or a list of hosts.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Implicit, Inventory, LOCALHOST, docker_machine,
    graph::{Graph, UNGROUPED},
    ini_file, json_list, script,
    vars::{Definition, Vars},
    vars_files::FileVars,
    yaml_file,
};
use crate::yaml::{Node, Problem, Problems, Source, Span, parse};

/// Endings of files in a directory of inventories that are none.
const IGNORED: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];

pub(super) fn load<S: AsRef<str>>(sources: &[S], playbook_dir: Option<&Path>) -> Result<Inventory, Problems> {
    let mut problems = Problems::new();
    let mut graph = Graph::new();
    let mut directories: Vec<PathBuf> = Vec::new();
    for source in sources {
        if let Some(directory) = read_source(&mut graph, source.as_ref(), &mut problems) {
            // A directory that several sources share counts at its last place.
            directories.retain(|known| *known != directory);
            directories.push(directory);
        }
    }
    problems.take(graph.settle());
    let implicit = implicit(&graph);
    let mut files = |directory: &Path| {
        let groups = graph.groups().iter().map(|group| &group.name);
        let hosts = graph.hosts().iter().map(|host| &host.name).chain(implicit.keys());
        FileVars::load(directory, groups, hosts, &mut problems)
    };
    let source_files = directories.iter().map(|directory| files(directory)).collect();
    // The only directory a second time would change nothing, and each mistake in it would be told twice.
    let again = |directory: &Path| matches!(&directories[..], [only] if is_same(only, directory));
    let playbook_files = playbook_dir.filter(|directory| !again(directory)).map(files);
    problems.or(Inventory { graph, source_files, playbook_files, implicit })
}

/// Whether two paths lead to one directory; the empty one is the working directory.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| Path::new(".").join(path).canonicalize();
    one == other || matches!((real(one), real(other)), (Ok(one), Ok(other)) if one == other)
}

/// Reads one source, and says beside which directory its variables are.
fn read_source(graph: &mut Graph, source: &str, problems: &mut Problems) -> Option<PathBuf> {
    let path = &expand(source);
    if source.contains(',') && !path.exists() {
        host_list(graph, source, problems);
        return None;
    }
    if !path.exists() {
        let problem = Problem::bare(format!("there is no inventory `{source}`"));
        problems.push(problem.help("a list of hosts has a comma, even if it is only one: `-i host,`"));
        return None;
    }
    let machines = docker_machine::configs(path);
    machines.iter().for_each(|config| docker_machine::read(graph, config, problems));
    if path.is_dir() {
        if machines.is_empty() {
            read_directory(graph, path, problems);
        }
        return Some(path.clone());
    }
    if machines.is_empty() {
        read_file(graph, path, problems);
    }
    Some(path.parent().unwrap_or(Path::new("")).to_owned())
}

/// `~` at the front is the user's home, also where no shell has seen it, as in a variable.
fn expand(source: &str) -> PathBuf {
    match (source.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) if !Path::new(source).exists() => PathBuf::from(home).join(rest),
        _ => PathBuf::from(source),
    }
}

fn host_list(graph: &mut Graph, list: &str, problems: &mut Problems) {
    let source = Source::new("-i", list);
    let mut start = 0;
    for item in list.split(',') {
        let name = item.trim();
        let begin = start + (item.len() - item.trim_start().len());
        start += item.len() + 1;
        if name.is_empty() {
            continue;
        }
        let at = yaml_file::text_node(&source, Span { start: begin, end: begin + name.len() }, name);
        if name.contains('[') && name.contains(']') && !name.starts_with('[') {
            let problem = Problem::new("a list of hosts has no ranges", at.place());
            problems.push(problem.help("write the names out, or put the range into a file"));
            continue;
        }
        // One that a file has named already stays where it is.
        if graph.host_id(name).is_some() {
            continue;
        }
        yaml_file::add_hosts(graph, UNGROUPED, name, &at, &Vars::new(), problems);
    }
}

fn read_directory(graph: &mut Graph, directory: &Path, problems: &mut Problems) {
    let entries = std::fs::read_dir(directory).and_then(|entries| {
        let mut paths =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
        paths.sort();
        Ok(paths)
    });
    let paths = match entries {
        Ok(paths) => paths,
        Err(error) => {
            problems.push(Problem::bare(format!("cannot list `{}`: {error}", directory.display())));
            return;
        }
    };
    for path in paths.iter().filter(|path| !ignored(path)) {
        if path.is_dir() {
            read_directory(graph, path, problems);
        } else {
            read_file(graph, path, problems);
        }
    }
}

fn ignored(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return true };
    name.starts_with('.')
        || matches!(name, "host_vars" | "group_vars" | "vars_plugins")
        || IGNORED.iter().any(|ending| name.ends_with(ending))
}

fn read_file(graph: &mut Graph, path: &Path, problems: &mut Problems) {
    if script::is_program(path) {
        script::read(graph, path, problems);
        return;
    }
    let Some(source) = problems.take(Source::read(path)) else { return };
    if source.text.starts_with("#!") {
        let message = format!("`{}` is a program that nobody may execute", path.display());
        let problem = Problem::new(message, source.place(0..source.text.find('\n').unwrap_or(2)));
        problems.push(problem.help(format!("make it executable: `chmod +x {}`", path.display())));
        return;
    }
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("yml" | "yaml" | "json") => read_yaml(graph, &source, problems),
        Some("toml") => {
            let problem =
                Problem::bare(format!("`{}`: inventories in TOML are not supported", path.display()));
            problems.push(problem.help("write it in YAML"));
        }
        // Without an ending it may be either: YAML if it is a mapping, or was to be one; INI otherwise.
        None if begins_as_yaml(&source.text) => read_yaml(graph, &source, problems),
        None => match parse(&source) {
            Ok(root) if root.as_map().is_some() => read_tree(graph, &root, problems),
            _ => ini_file::read(graph, &source, problems),
        },
        Some(_) => ini_file::read(graph, &source, problems),
    }
}

fn read_yaml(graph: &mut Graph, source: &Arc<Source>, problems: &mut Problems) {
    let mut found = Problems::new();
    if let Some(root) = found.take(parse(source)) {
        read_tree(graph, &root, &mut found);
    }
    let is_ini = first_line(&source.text).is_some_and(ini_file::is_header);
    if let Some(first) = found.0.first_mut().filter(|_| is_ini) {
        first.help = Some("this looks like INI: give the file no ending, or `.ini`".to_owned());
    }
    problems.extend(found);
}

/// Whether the first line is one of YAML only, so that mistakes further down are mistakes in YAML.
fn begins_as_yaml(text: &str) -> bool {
    first_line(text).is_some_and(|line| {
        let line = line.split(" #").next().unwrap_or_default().trim_end();
        line == "---" || (line.ends_with(':') && !line.starts_with('['))
    })
}

/// The first line that is neither blank nor a comment.
fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A document of YAML or JSON: an inventory, or the list that `ansible-inventory --list` and inventory programs print.
fn read_tree(graph: &mut Graph, root: &Node, problems: &mut Problems) {
    if json_list::is_list(root) {
        json_list::read(graph, root, problems);
    } else {
        yaml_file::read(graph, root, problems);
    }
}

/// The controller, under those of its names that the inventory does not have.
fn implicit(graph: &Graph) -> HashMap<Arc<str>, Implicit> {
    let source = Source::new("the implicit localhost", "local");
    let whole = Span { start: 0, end: source.text.len() };
    let value: Node = yaml_file::text_node(&source, whole, "local");
    let definition = Arc::new(Definition { name: value.place(), value });
    let vars = Vars::from([("ansible_connection".into(), definition)]);
    let unlisted = LOCALHOST.into_iter().filter(|name| graph.host_id(name).is_none());
    unlisted.map(|name| (Arc::from(name), Implicit { name: name.into(), vars: vars.clone() })).collect()
}
