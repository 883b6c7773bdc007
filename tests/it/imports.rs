//! Who may import whom: the `use crate::` lines of `src/` against the table of docs/architecture.md.

use std::fs;
use std::path::{Path, PathBuf};

/// A part of `src/` and the parts it may import. A part may always import itself.
const MAY: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "config",
            "engine",
            "error",
            "event",
            "inventory",
            "plan",
            "journal",
            "playbook",
            "reference",
            "report",
            "transport",
            "yaml",
            "net",
            "vault",
        ],
    ),
    (
        "engine",
        &[
            "playbook",
            "inventory",
            "issue",
            "keys",
            "template",
            "transport",
            "net",
            "event",
            "yaml",
            "vault",
            "journal",
            "plan",
        ],
    ),
    ("config", &["yaml"]),
    ("issue", &[]),
    ("journal", &["event", "error"]),
    ("report", &["event", "vault"]),
    ("net", &[]),
    ("plan", &["event", "vault"]),
    ("transport", &[]),
    ("vault", &[]),
    ("playbook", &["yaml"]),
    ("inventory", &["yaml"]),
    ("template", &["keys"]),
    ("keys", &[]),
    ("reference", &[]),
    ("event", &["vault"]),
    ("error", &["event", "yaml", "vault"]),
    ("yaml", &["keys", "vault"]),
];

/// The crates that only one part may know.
const ONLY: &[(&str, &str)] = &[
    ("granit_parser", "yaml"),
    ("openssh", "transport"),
    ("rustls", "net"),
    ("tokio_rustls", "net"),
    ("indicatif", "report"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a readable directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

fn part(path: &Path, root: &Path) -> String {
    let relative = path.strip_prefix(root).expect("a path below src");
    let first = relative.components().next().expect("a first component");
    Path::new(first.as_os_str()).file_stem().expect("a name").to_string_lossy().into_owned()
}

/// The names after `prefix` in a source text, as far as they begin a path.
fn named(text: &str, prefix: &str) -> Vec<String> {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_');
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(prefix).skip(1))
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split(',').map(|name| name.trim().to_owned()).collect(),
            None => vec![rest.to_owned()],
        })
        .map(|rest| rest.split(ends).next().unwrap_or_default().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn every_part_imports_only_what_it_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 30, "the sources are found");
    let mut wrong = Vec::new();
    for path in &found {
        let part = part(path, &root);
        if part == "main" || part == "lib" {
            continue;
        }
        let text = fs::read_to_string(path).expect("a readable source");
        let may = MAY.iter().find(|(name, _)| *name == part).map(|(_, may)| *may);
        let Some(may) = may else {
            wrong.push(format!("{}: `{part}` is not in the table", path.display()));
            continue;
        };
        for import in named(&text, "crate::") {
            if import != part && !may.contains(&import.as_str()) {
                wrong.push(format!("{}: `{part}` must not import `{import}`", path.display()));
            }
        }
        for (name, owner) in ONLY {
            let uses = text.lines().any(|line| line.trim_start().starts_with(&format!("use {name}::")));
            if uses && part != *owner {
                wrong.push(format!("{}: only `{owner}` may know `{name}`", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_modules_crate_knows_nothing_of_the_world() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
    let mut found = Vec::new();
    sources(&root, &mut found);
    let banned = [
        "std::fs",
        "TcpStream",
        "UdpSocket",
        "ToSocketAddrs",
        "std::process",
        "std::env",
        "tokio",
        "openssh",
        "println!",
        "SystemTime::now",
    ];
    let mut wrong = Vec::new();
    for path in found.iter().filter(|path| !path.components().any(|part| part.as_os_str() == "tests")) {
        let text = fs::read_to_string(path).expect("a readable source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(name) = banned.iter().find(|name| line.contains(**name)) {
                wrong.push(format!("{}: `{name}`: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
