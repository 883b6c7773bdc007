//! Host patterns: `web:!db`, `*.example.com`, `~web\d+`, `web[0:2]`, `all:&stage`.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use regex::Regex;

use super::{glob::Glob, range, yaml_file::text_node};
use crate::yaml::{Node, Place, Problem, Problems, Source, Span};

/// Which hosts: a list of terms, not read from left to right.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) terms: Vec<Term>,
    pub(super) at: Place,
}

#[derive(Debug, Clone)]
pub(super) struct Term {
    pub operator: Operator,
    /// What was written, without the operator.
    pub text: String,
    pub names: Names,
    pub subscript: Option<Subscript>,
    pub at: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operator {
    /// Adds hosts.
    Plain,
    /// `&`: keeps only these.
    And,
    /// `!`: takes these away.
    Not,
}

#[derive(Debug, Clone)]
pub(super) enum Names {
    Exactly(String),
    Glob { glob: Glob },
    Regex(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subscript {
    /// `[0]`, `[-1]`.
    One(i64),
    /// `[1:3]`, both included; `[7:]`.
    Range(usize, Option<usize>),
}

static SUBSCRIPT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(.+)\[(?:(-?[0-9]+)|([0-9]+)[:-]([0-9]*))\]$").expect("a constant"));

impl Pattern {
    /// A pattern from the `hosts` of a play: a text, or a list of texts.
    ///
    /// # Errors
    /// It is something else, empty, or a term of it is none.
    pub fn from_node(node: &Node) -> Result<Self, Problems> {
        let texts = match node.as_seq() {
            Some(items) => items,
            None => std::slice::from_ref(node),
        };
        let mut problems = Problems::new();
        let mut terms = Vec::new();
        for text in texts {
            let Some(pattern) = text.as_str() else {
                let message = format!("a pattern of hosts is a string, and this is {}", text.kind());
                problems.push(Problem::new(message, text.place()));
                continue;
            };
            let parts = split(pattern).map_err(|bracket| unclosed(text.part(bracket..bracket + 1)));
            for part in problems.take(parts).unwrap_or_default() {
                let at = text.part(part.start..part.end);
                terms.extend(problems.take(term(&pattern[part.start..part.end], at)));
            }
        }
        Self::checked(terms, node.place(), problems)
    }

    /// A pattern from an argument, which errors call by the given name.
    ///
    /// # Errors
    /// It is empty, or a term of it is none.
    pub fn from_argument(name: &str, text: &str) -> Result<Self, Problems> {
        let source = Source::new(name, text);
        Self::from_node(&text_node(&source, Span { start: 0, end: text.len() }, text))
    }

    /// `--limit`: a pattern, of which `@FILE` stands for the lines of a file, and `@-` for those of standard input.
    ///
    /// # Errors
    /// A file cannot be read, or nothing is left, or a term is none.
    pub fn from_limit(text: &str, stdin: impl FnOnce() -> std::io::Result<String>) -> Result<Self, Problems> {
        let source = Source::new("--limit", text);
        let mut problems = Problems::new();
        let mut terms = Vec::new();
        let mut stdin = Some(stdin);
        let parts = split(text).map_err(|bracket| unclosed(source.place(bracket..bracket + 1)));
        for part in problems.take(parts).unwrap_or_default() {
            let at = source.place(part.start..part.end);
            let Some(file) = at.text().strip_prefix('@') else {
                terms.extend(problems.take(term(at.text(), at.clone())));
                continue;
            };
            let lines = match (file, stdin.take()) {
                ("-", Some(read)) => {
                    read().map(|text| Source::new("standard input", text)).map_err(|error| {
                        Problem::new(format!("cannot read standard input: {error}"), at.clone())
                    })
                }
                ("-", None) => Err(Problem::new("standard input can be read only once", at.clone())),
                (file, unused) => {
                    stdin = unused;
                    Source::read(file.as_ref()).map_err(|error| Problem { at: Some(at.clone()), ..error })
                }
            };
            if let Some(lines) = problems.take(lines) {
                terms.extend(line_terms(&lines, &mut problems));
            }
        }
        Self::checked(terms, source.place(0..text.len()), problems)
    }

    fn checked(mut terms: Vec<Term>, at: Place, mut problems: Problems) -> Result<Self, Problems> {
        if terms.is_empty() && problems.is_empty() {
            let problem = Problem::new("the pattern of hosts is empty", at.clone());
            problems.push(problem.help("write `all` if every host is meant"));
        }
        terms.sort_by_key(|term| term.operator);
        problems.or(Self { terms, at })
    }
}

/// The terms of a file: one a line, taken as it stands.
fn line_terms(source: &std::sync::Arc<Source>, problems: &mut Problems) -> Vec<Term> {
    let (mut terms, mut start) = (Vec::new(), 0);
    for line in source.text.split_inclusive('\n') {
        let text = line.trim();
        let begin = start + (line.len() - line.trim_start().len());
        start += line.len();
        if !text.is_empty() {
            terms.extend(problems.take(term(text, source.place(begin..begin + text.len()))));
        }
    }
    terms
}

/// Where the terms of a pattern stand. Commas separate them if there is one; otherwise the whole is one term if it is an
/// address or a name with ranges, and else colons and blanks outside brackets separate them. Of a bracket that is not closed
/// and would take in all terms behind it, exclusions too, the place is the error.
fn split(pattern: &str) -> Result<Vec<Span>, usize> {
    let commas = pattern.contains(',');
    if !commas && is_address(pattern.trim()) {
        return Ok(vec![trimmed(pattern, 0, pattern.len())]);
    }
    let (mut spans, mut start, mut bracket) = (Vec::new(), 0, None);
    for (at, next) in pattern.char_indices() {
        match next {
            '[' if !commas => bracket = bracket.or(Some(at)),
            ']' => bracket = None,
            _ => {}
        }
        let separates =
            if commas { next == ',' } else { bracket.is_none() && (next == ':' || next.is_whitespace()) };
        if separates {
            spans.push(trimmed(pattern, start, at));
            start = at + next.len_utf8();
        }
    }
    spans.push(trimmed(pattern, start, pattern.len()));
    spans.retain(|span| span.start < span.end);
    bracket.map_or(Ok(spans), Err)
}

fn unclosed(at: Place) -> Problem {
    Problem::new("`[` is not closed", at)
        .help("write `]` behind the subscript, such as `web[0]` or `web[0:2]`")
}

fn trimmed(text: &str, start: usize, end: usize) -> Span {
    let part = &text[start..end];
    let begin = start + (part.len() - part.trim_start().len());
    Span { start: begin, end: begin + part.trim().len() }
}

static RANGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]").expect("a constant"));
static HEXADECIMAL_RANGE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]").expect("a constant"));

/// Whether a text is an address or a host's name, with ranges or a port or neither.
fn is_address(text: &str) -> bool {
    let name = range::split_port(text).name;
    // A range stands for a character, whichever.
    let address = HEXADECIMAL_RANGE.replace_all(name, "1");
    if address.parse::<Ipv6Addr>().is_ok() || address.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    let plain = RANGE.replace_all(name, "a");
    plain.split('.').all(|label| {
        let word = |next: char| next.is_alphanumeric() || matches!(next, '_' | '-');
        !label.is_empty()
            && label.chars().all(word)
            && !label.starts_with('-')
            && !label.ends_with(['-', '_'])
    })
}

fn term(written: &str, at: Place) -> Result<Term, Problem> {
    let (operator, text) = match written.as_bytes().first() {
        Some(b'!') => (Operator::Not, &written[1..]),
        Some(b'&') => (Operator::And, &written[1..]),
        _ => (Operator::Plain, written),
    };
    if text.is_empty() {
        return Err(Problem::new(format!("`{written}` names no hosts"), at).help("a name has to follow it"));
    }
    if text.starts_with(['!', '&', '@']) {
        return Err(Problem::new(format!("`{written}` is not a pattern of hosts"), at));
    }
    if let Some(expression) = text.strip_prefix('~') {
        let names = Names::Regex(regex(expression, &at)?);
        return Ok(Term { operator, text: text.to_owned(), names, subscript: None, at });
    }
    let (names, subscript) = subscript(text, &at)?;
    let special = names.contains(['*', '?', '[']);
    let names =
        if special { Names::Glob { glob: Glob::new(names) } } else { Names::Exactly(names.to_owned()) };
    Ok(Term { operator, text: text.to_owned(), names, subscript, at })
}

fn subscript<'a>(text: &'a str, at: &Place) -> Result<(&'a str, Option<Subscript>), Problem> {
    let Some(found) = SUBSCRIPT.captures(text) else { return Ok((text, None)) };
    let names = found.get(1).map_or(text, |names| names.as_str());
    let number =
        |index: usize| found.get(index).filter(|number| !number.is_empty()).map(|number| number.as_str());
    let too_large = || Problem::new("the subscript is too large", at.clone());
    if let Some(index) = number(2) {
        return Ok((names, Some(Subscript::One(index.parse().map_err(|_| too_large())?))));
    }
    let parse = |number: &str| number.parse::<usize>().map_err(|_| too_large());
    let start = parse(number(3).unwrap_or("0"))?;
    let end = number(4).map(parse).transpose()?;
    if end.is_some_and(|end| end < start) {
        return Err(Problem::new(format!("the subscript of `{text}` ends before it begins"), at.clone()));
    }
    Ok((names, Some(Subscript::Range(start, end))))
}

/// A regular expression that is anchored at the start, as Python's `match` does.
fn regex(expression: &str, at: &Place) -> Result<Regex, Problem> {
    if let Some(why) = differs(expression) {
        let message = format!("the regular expression `{expression}` is read differently by Ansible: {why}");
        return Err(Problem::new(message, at.clone()));
    }
    // Flags count for the whole only at its very beginning.
    let flags_end =
        if expression.starts_with("(?") { expression.find(')').map_or(0, |end| end + 1) } else { 0 };
    let (flags, rest) = expression.split_at(flags_end);
    let is_flags =
        flags.len() > 3 && flags[2..flags.len() - 1].chars().all(|flag| flag.is_ascii_alphabetic());
    let anchored = if is_flags { format!("{flags}\\A(?:{rest})") } else { format!("\\A(?:{expression})") };
    regex::RegexBuilder::new(&anchored).size_limit(1 << 20).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Problem::new(format!("`{expression}` is not a regular expression that is supported"), at.clone())
            .label(reason)
            .help("look-around and back-references are not")
    })
}

/// What Python and the `regex` crate both accept, but read differently.
fn differs(expression: &str) -> Option<&'static str> {
    let (mut escaped, mut class) = (false, false);
    let mut previous = ' ';
    for next in expression.chars() {
        match next {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if class => return Some("a `[` within brackets has to be `\\[`"),
            '[' => class = true,
            ']' if previous != '[' => class = false,
            '&' | '~' | '-' if class && previous == next => {
                return Some("a character within brackets is doubled");
            }
            _ => {}
        }
        previous = if escaped { ' ' } else { next };
    }
    expression.contains("\\<").then_some("`\\<` is a boundary here").or_else(|| {
        let groups = expression.matches("(?").count();
        let flags =
            expression.starts_with("(?") && !expression.starts_with("(?:") && !expression.starts_with("(?P");
        (groups > usize::from(flags) && expression.contains("(?x"))
            .then_some("`(?x` changes what blanks mean")
    })
}
