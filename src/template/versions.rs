//! Versions compared in Ansible's ways.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::error::{Eval, TemplateError, call_error};

fn refuse(message: impl Into<String>) -> TemplateError {
    call_error("version", message)
}

/// How two versions are ordered.
pub(super) fn compare(a: &str, b: &str, kind: &str) -> Eval<Ordering> {
    match kind {
        "loose" => loose(a, b),
        "strict" => Ok(strict(a)?.cmp(&strict(b)?)),
        "semver" | "semantic" => semantic(a, b),
        other => Err(refuse(format!("the version type `{other}` is not supported; use `loose` or `semver`"))),
    }
}

/// A part of a version without rules.
#[derive(PartialEq, Eq, Clone)]
enum Part {
    Number(u128),
    Word(String),
}

fn loose_parts(version: &str) -> Eval<Vec<Part>> {
    let kind = |c: char| match c {
        '0'..='9' => 0,
        'a'..='z' => 1,
        '.' => 2,
        _ => 3,
    };
    let mut parts = Vec::new();
    let chars: Vec<char> = version.chars().collect();
    for run in chars.chunk_by(|a, b| kind(*a) == kind(*b) && *a != '.') {
        let text: String = run.iter().collect();
        match kind(run[0]) {
            0 => parts
                .push(Part::Number(text.parse().map_err(|_| refuse("a number in a version is too long"))?)),
            2 => {}
            _ => parts.push(Part::Word(text)),
        }
    }
    Ok(parts)
}

fn loose(a: &str, b: &str) -> Eval<Ordering> {
    let (left, right) = (loose_parts(a)?, loose_parts(b)?);
    for pair in left.iter().zip(&right) {
        let order = match pair {
            (Part::Number(a), Part::Number(b)) => a.cmp(b),
            (Part::Word(a), Part::Word(b)) => a.cmp(b),
            _ => {
                return Err(refuse(format!(
                    "`{a}` and `{b}` cannot be compared: a number stands against a word; try `version_type='semver'`"
                )));
            }
        };
        if order.is_ne() {
            return Ok(order);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

static STRICT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^([0-9]+)\.([0-9]+)(?:\.([0-9]+))?(?:([ab])([0-9]+))?$").ok());
static SEMANTIC: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let number = "(0|[1-9][0-9]*)";
    Regex::new(&format!(
        r"^{number}\.{number}\.{number}(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$"
    ))
    .ok()
});

fn parse<'v>(regex: Option<&Regex>, version: &'v str, kind: &str) -> Eval<Captures<'v>> {
    let found = regex.and_then(|regex| regex.captures(version));
    found.ok_or_else(|| refuse(format!("`{version}` is no {kind} version")))
}

fn number(captures: &Captures<'_>, group: usize) -> Eval<u64> {
    let text = captures.get(group).map_or("0", |group| group.as_str());
    text.parse().map_err(|_| refuse("a number in a version is too long"))
}

/// Numbers, then a pre-release; a release without one comes last.
type Strict = ([u64; 3], (bool, String, u64));

fn strict(version: &str) -> Eval<Strict> {
    let found = parse(STRICT.as_ref(), version, "strict")?;
    let numbers = [number(&found, 1)?, number(&found, 2)?, number(&found, 3)?];
    let letter = found.get(4).map_or(String::new(), |letter| letter.as_str().to_owned());
    Ok((numbers, (letter.is_empty(), letter, number(&found, 5)?)))
}

fn semantic(a: &str, b: &str) -> Eval<Ordering> {
    let (left, right) = (parse(SEMANTIC.as_ref(), a, "semantic")?, parse(SEMANTIC.as_ref(), b, "semantic")?);
    for group in 1..=3 {
        let order = number(&left, group)?.cmp(&number(&right, group)?);
        if order.is_ne() {
            return Ok(order);
        }
    }
    let pre = |found: &Captures<'_>| found.get(4).map(|pre| pre.as_str().to_owned());
    Ok(match (pre(&left), pre(&right)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => prerelease(&a, &b),
    })
}

/// Identifiers one by one: numbers by size and before words.
fn prerelease(a: &str, b: &str) -> Ordering {
    let key = |part: &str| match part.parse::<u64>() {
        Ok(number) => (0, number, String::new()),
        Err(_) => (1, 0, part.to_owned()),
    };
    a.split('.').map(key).cmp(b.split('.').map(key))
}
