//! What templates ask of this machine's paths.

use std::path::{Component, Path, PathBuf};

use regex::Regex;
use serde_json::Value as Json;

use crate::template::Local;

/// The answer to a question on a path; a relative one begins at the directory.
pub(super) fn answer(question: Local, directory: &Path, text: &str) -> Result<Json, String> {
    let path = directory.join(text);
    let kind = |test: fn(&std::fs::Metadata) -> bool| std::fs::metadata(&path).is_ok_and(|m| test(&m));
    let link = std::fs::symlink_metadata(&path);
    Ok(match question {
        Local::Exists => path.exists().into(),
        Local::LinkExists => link.is_ok().into(),
        Local::IsFile => kind(std::fs::Metadata::is_file).into(),
        Local::IsDirectory => kind(std::fs::Metadata::is_dir).into(),
        Local::IsLink => link.is_ok_and(|meta| meta.is_symlink()).into(),
        Local::IsMount => is_mount(&path).into(),
        Local::RealPath => real(&path).to_string_lossy().into(),
        Local::ExpandUser => expand_user(text)?.into(),
        Local::ExpandVars => expand_variables(text)?.into(),
        Local::Glob => {
            let (place, pattern) = path_and_pattern(&path)?;
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

/// The path without links, as far as it is there.
fn real(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        (Some(parent), None) => real(parent).parent().map_or_else(|| "/".into(), Path::to_path_buf),
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
    of(&real(path).join("..")).is_ok_and(|above| above.0 != here.0 || above.1 == here.1)
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

fn path_and_pattern(path: &Path) -> Result<(PathBuf, String), String> {
    let text = path.to_string_lossy();
    let (place, pattern) = text.rsplit_once('/').unwrap_or((".", &text));
    if place.contains(['*', '?', '[']) {
        return Err("a pattern may only stand in the last part of a path".to_owned());
    }
    Ok((if place.is_empty() { "/".into() } else { place.into() }, pattern.to_owned()))
}

/// The files of a directory that a shell pattern matches, sorted by name.
pub(super) fn files_matching(place: &Path, pattern: &str) -> Result<Vec<String>, String> {
    let matcher = Regex::new(&translated(pattern)).map_err(|_| format!("`{pattern}` is no pattern"))?;
    let Ok(entries) = std::fs::read_dir(place) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && !pattern.starts_with('.');
        if !hidden && matcher.is_match(&name) && entry.path().is_file() {
            found.push(entry.path().to_string_lossy().into_owned());
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
