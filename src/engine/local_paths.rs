//! What templates ask of this machine's paths.

use std::path::{Component, Path, PathBuf};

use regex::Regex;
use serde_json::Value as Json;

use crate::template::Local;

/// So many links lead to a file, as Linux counts them.
const LINKS: usize = 40;

/// The answer to a question on a path; a relative one begins at the working directory of this process, as Ansible has it.
pub(super) fn answer(question: Local, text: &str) -> Result<Json, String> {
    let path = Path::new(text);
    let kind = |test: fn(&std::fs::Metadata) -> bool| std::fs::metadata(path).is_ok_and(|m| test(&m));
    let link = std::fs::symlink_metadata(path);
    Ok(match question {
        Local::Exists => path.exists().into(),
        Local::LinkExists => link.is_ok().into(),
        Local::IsFile => kind(std::fs::Metadata::is_file).into(),
        Local::IsDirectory => kind(std::fs::Metadata::is_dir).into(),
        Local::IsLink => link.is_ok_and(|meta| meta.is_symlink()).into(),
        Local::IsMount => is_mount(path).into(),
        Local::RealPath => real(&absolute(path)?, LINKS).to_string_lossy().into(),
        Local::ExpandUser => expand_user(text)?.into(),
        Local::ExpandVars => expand_variables(text)?.into(),
        Local::Glob => {
            let (place, pattern) = path_and_pattern(text)?;
            files_matching(&place, &pattern)?.into()
        }
    })
}

/// The path without `.`, `..` and doubled slashes; links are not followed.
pub(super) fn normal(path: &Path) -> String {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out.to_string_lossy().into_owned()
}

/// The path from the root, with `..` as it is.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, String> {
    let here = std::env::current_dir();
    Ok(here.map_err(|error| format!("the working directory is not known: {error}"))?.join(path))
}

/// The path without links, as far as it is there; at most so many links are followed to where there is nothing.
fn real(path: &Path, links: usize) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = real(parent, links);
            let path = parent.join(name);
            match std::fs::read_link(&path) {
                Ok(target) if links > 0 => real(&parent.join(target), links - 1),
                _ => path,
            }
        }
        (Some(parent), None) => real(parent, links).parent().map_or_else(|| "/".into(), Path::to_path_buf),
        _ => path.to_path_buf(),
    }
}

fn is_mount(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |path: &Path| std::fs::symlink_metadata(path).map(|meta| (meta.dev(), meta.ino()));
    let Ok(here) = of(path) else { return false };
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink()) {
        return false;
    }
    of(&real(path, LINKS).join("..")).is_ok_and(|above| above.0 != here.0 || above.1 == here.1)
}

fn expand_user(text: &str) -> Result<String, String> {
    let Some(rest) = text.strip_prefix('~') else { return Ok(text.to_owned()) };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Err("the home of another user is not looked up; write the whole path".to_owned());
    }
    let home = std::env::var("HOME").map_err(|_| "HOME is not set; write the whole path".to_owned())?;
    let expanded = format!("{}{rest}", home.trim_end_matches('/'));
    Ok(if expanded.is_empty() { "/".to_owned() } else { expanded })
}

/// `$NAME` and `${NAME}`; names that are not set stay as they are.
fn expand_variables(text: &str) -> Result<String, String> {
    let pattern = Regex::new(r"\$(?:([A-Za-z0-9_]+)|\{([^}]*)\})").map_err(|error| error.to_string())?;
    Ok(pattern
        .replace_all(text, |found: &regex::Captures<'_>| {
            let name = found.get(1).or_else(|| found.get(2)).map_or("", |name| name.as_str());
            let known =
                if name.is_empty() || name.contains(['=', '\0']) { None } else { std::env::var(name).ok() };
            known.unwrap_or_else(|| found[0].to_owned())
        })
        .into_owned())
}

/// The directory of a pattern, which is empty where none is named.
fn path_and_pattern(text: &str) -> Result<(PathBuf, String), String> {
    let at = text.rfind('/').map_or(0, |at| at + 1);
    let (place, pattern) = text.split_at(at);
    if place.contains(['*', '?', '[']) {
        return Err("a pattern may only stand in the last part of a path".to_owned());
    }
    Ok((place.into(), pattern.to_owned()))
}

/// The files of a directory that a shell pattern matches, sorted by name.
pub(super) fn files_matching(place: &Path, pattern: &str) -> Result<Vec<String>, String> {
    let matcher = Regex::new(&translated(pattern)).map_err(|_| format!("`{pattern}` is no pattern"))?;
    let listed = if place.as_os_str().is_empty() { Path::new(".") } else { place };
    let Ok(entries) = std::fs::read_dir(listed) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && !pattern.starts_with('.');
        let path = place.join(&name);
        if !hidden && matcher.is_match(&name) && path.is_file() {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    found.sort();
    Ok(found)
}

/// A shell pattern as a regular expression.
fn translated(pattern: &str) -> String {
    let mut out = String::from("(?s)^");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let end = rest.find(']').filter(|end| c == '[' && *end > 0);
        match (c, end) {
            ('*', _) => out.push_str(".*"),
            ('?', _) => out.push('.'),
            ('[', Some(end)) => {
                let inside = rest[..end].replace('\\', "\\\\").replace('[', "\\[");
                let negated = inside.strip_prefix('!').map(|inside| format!("[^{inside}]"));
                out.push_str(&negated.unwrap_or_else(|| format!("[{inside}]")));
                rest = &rest[end + 1..];
            }
            _ => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    out + "$"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_relative_path_begins_at_the_working_directory() {
        let here = std::env::current_dir().expect("a working directory");
        let below = |name: &str| json!(here.join(name).to_string_lossy());
        for (question, path, expected) in [
            (Local::Exists, "Cargo.toml", json!(true)),
            (Local::LinkExists, "Cargo.toml", json!(true)),
            (Local::IsFile, "./Cargo.toml", json!(true)),
            (Local::IsDirectory, "src", json!(true)),
            (Local::IsDirectory, "", json!(false)),
            (Local::IsLink, "src", json!(false)),
            (Local::IsMount, "src", json!(false)),
            (Local::RealPath, "none/../src/./none", below("src/none")),
            (Local::Glob, "[C]argo.toml", json!(["Cargo.toml"])),
            (Local::Glob, "./Cargo.t*", json!(["./Cargo.toml"])),
            (Local::Glob, "src/l?b.rs", json!(["src/lib.rs"])),
        ] {
            assert_eq!(answer(question, path), Ok(expected), "{question:?} {path}");
        }
    }

    #[test]
    fn a_link_to_nothing_is_followed_and_links_in_a_circle_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let here = folder.path().canonicalize().expect("a folder");
        for (link, target) in [("broken", "none/x"), ("a", "b"), ("b", "a")] {
            std::os::unix::fs::symlink(target, here.join(link)).expect("a link");
        }
        let real = |name: &str| answer(Local::RealPath, &here.join(name).to_string_lossy());
        let below = |name: &str| Ok(json!(here.join(name).to_string_lossy()));
        assert_eq!(real("broken/y"), below("none/x/y"));
        assert_eq!(real("a"), below("a"));
    }
}
