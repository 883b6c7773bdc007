//! Filters on Windows' paths, as text.

use super::super::call::hard_text;
use super::super::value::Val;
use super::{Filter, filter};

pub(super) const FILTERS: &[Filter] = &[
    filter("win_basename", &[], |_, v, _| Ok(Val::str(split(&hard_text(v)?).1))),
    filter("win_dirname", &[], |_, v, _| Ok(Val::str(split(&hard_text(v)?).0))),
    filter("win_splitdrive", &[], |_, v, _| {
        let path = hard_text(v)?;
        let (drive, rest) = path.split_at(drive_length(&path));
        Ok(Val::tuple(vec![Val::str(drive), Val::str(rest)]))
    }),
];

const fn is_slash(c: char) -> bool {
    matches!(c, '\\' | '/')
}

/// How much of a path is its drive, `C:` or `\\server\share`.
fn drive_length(path: &str) -> usize {
    let unified = path.replace('/', "\\");
    if unified.starts_with("\\\\") {
        let long = unified.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("\\\\?\\UNC\\"));
        let start = if long { 8 } else { 2 };
        let slash = |from: usize| unified[from..].find('\\').map(|at| from + at);
        return slash(start).and_then(|at| slash(at + 1)).unwrap_or(path.len());
    }
    let mut chars = path.char_indices();
    match (chars.next(), chars.next()) {
        (Some(_), Some((at, ':'))) => at + 1,
        _ => 0,
    }
}

fn split(path: &str) -> (String, String) {
    let (drive, rest) = path.split_at(drive_length(path));
    let cut = rest.rfind(is_slash).map_or(0, |at| at + 1);
    let (head, tail) = rest.split_at(cut);
    let trimmed = head.trim_end_matches(is_slash);
    let head = if trimmed.is_empty() { head } else { trimmed };
    (format!("{drive}{head}"), tail.to_owned())
}
