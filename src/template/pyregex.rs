//! Python's regular expressions.
//!
//! They are translated for an engine without backtracking, whose running time is bounded; what it cannot do
//! (look-around, references back) is refused, and what it does differently is written otherwise.

use regex::{Captures, Regex, RegexBuilder};

use super::budget::Budget;
use super::error::{Eval, TemplateError, call_error};
use super::pyregex_syntax::translate;

/// Flags given beside the pattern.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multiline: bool,
}

/// A pattern.
pub(super) struct Pattern {
    regex: Regex,
    source: String,
    flags: Flags,
    /// It has a `$` that Python also lets match before a last line end.
    soft_end: bool,
    /// A match of nothing may hide one of something at the same place.
    may_hide: bool,
}

/// The text of each group of a match; the first is the whole.
pub(super) type Groups<'t> = Vec<Option<&'t str>>;

/// How a match has to lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Anywhere,
    Start,
    Whole,
}

fn refuse(message: impl Into<String>) -> TemplateError {
    call_error("regex", message)
}

impl Pattern {
    pub(super) fn new(pattern: &str, flags: Flags) -> Eval<Self> {
        let translated = translate(pattern, flags.multiline)?;
        let regex = build(&translated.source, flags)?;
        Ok(Self {
            regex,
            source: translated.source,
            flags,
            soft_end: translated.soft_end,
            may_hide: translated.may_hide,
        })
    }

    /// Whether the pattern matches.
    pub(super) fn matches(&self, text: &str, anchor: Anchor, budget: &Budget) -> Eval<bool> {
        budget.work(text.len() / 8 + 1)?;
        let source = &self.source;
        let anchored = match anchor {
            Anchor::Anywhere => None,
            Anchor::Start => Some(build(&format!("\\A(?:{source})"), self.flags)?),
            Anchor::Whole => Some(build(&format!("\\A(?:{source})\\z"), self.flags)?),
        };
        let regex = anchored.as_ref().unwrap_or(&self.regex);
        // Before a last line end, `$` matches as if that line end were not there.
        let shorter = text.strip_suffix('\n').filter(|_| self.soft_end && anchor != Anchor::Whole);
        Ok(regex.is_match(text) || shorter.is_some_and(|text| regex.is_match(text)))
    }

    /// The number of the group that a reference such as `\1` or `\g<name>` names.
    pub(super) fn group(&self, reference: &str) -> Eval<usize> {
        let name = match reference.strip_prefix("\\g<") {
            Some(rest) => rest.split_once('>').map(|(name, _)| name),
            None => reference.strip_prefix('\\'),
        };
        let name =
            name.ok_or_else(|| refuse(format!("`{reference}` names no group; write `\\1` or `\\g<name>`")))?;
        self.group_number(name)
    }

    fn group_number(&self, name: &str) -> Eval<usize> {
        let number = name.parse().ok().filter(|number| *number < self.regex.captures_len());
        number
            .or_else(|| self.regex.capture_names().position(|candidate| candidate == Some(name)))
            .ok_or_else(|| refuse(format!("the pattern has no group `{name}`")))
    }

    /// The first match.
    pub(super) fn search<'t>(&self, text: &'t str, budget: &Budget) -> Eval<Option<Groups<'t>>> {
        budget.work(text.len() / 8 + 1)?;
        let found = self.regex.captures(text);
        self.agree_on_end(text, |shorter| {
            let range = |captures: Option<Captures<'_>>| captures.and_then(|c| c.get(0).map(|m| m.range()));
            range(self.regex.captures(text)) == range(self.regex.captures(shorter))
        })?;
        Ok(found.as_ref().map(groups))
    }

    /// All matches.
    pub(super) fn find_all<'t>(&self, text: &'t str, budget: &Budget) -> Eval<Vec<Groups<'t>>> {
        let found = self.all(text, 0, budget)?;
        budget.items(found.len().saturating_mul(self.regex.captures_len()))?;
        Ok(found.iter().map(groups).collect())
    }

    /// The text with its first `count` matches replaced, all if that is 0, and how many they were.
    pub(super) fn replace(
        &self,
        text: &str,
        replacement: &Replacement,
        count: usize,
        budget: &Budget,
    ) -> Eval<(String, usize)> {
        let found = self.all(text, count, budget)?;
        let mut out = super::budget::Text::new(budget);
        let mut end = 0;
        for captures in &found {
            if let Some(whole) = captures.get(0) {
                out.push(&text[end..whole.start()])?;
                replacement.write(captures, &mut out)?;
                end = whole.end();
            }
        }
        out.push(&text[end..])?;
        Ok((out.finish(), found.len()))
    }

    fn all<'t>(&self, text: &'t str, count: usize, budget: &Budget) -> Eval<Vec<Captures<'t>>> {
        let found = self.scan(text, count, budget)?;
        self.agree_on_end(text, |shorter| {
            let ranges = |found: &[Captures<'_>]| {
                found.iter().filter_map(|c| c.get(0).map(|m| m.range())).collect::<Vec<_>>()
            };
            self.scan(shorter, count, budget).is_ok_and(|other| ranges(&other) == ranges(&found))
        })?;
        Ok(found)
    }

    /// All matches in Python's way: an empty one may follow right after another that is not empty.
    fn scan<'t>(&self, text: &'t str, count: usize, budget: &Budget) -> Eval<Vec<Captures<'t>>> {
        let mut found: Vec<Captures<'t>> = Vec::new();
        let (mut at, mut after_empty) = (0, None);
        while at <= text.len() && (count == 0 || found.len() < count) {
            budget.work((text.len() - at) / 64 + 1)?;
            let Some(captures) = self.regex.captures_at(text, at) else { break };
            let Some(whole) = captures.get(0) else { break };
            let (start, end) = (whole.start(), whole.end());
            if start == end && after_empty == Some(start) {
                at = next_char(text, start);
                after_empty = None;
                continue;
            }
            if start == end && self.may_hide {
                return Err(refuse(
                    "the pattern has alternatives or lazy quantifiers and matches nothing at all somewhere; \
                     make it match one character at least",
                ));
            }
            after_empty = (start == end).then_some(start);
            at = end;
            budget.items(1)?;
            found.push(captures);
        }
        Ok(found)
    }

    /// Refuses the rare text where a `$` before the last line end would make a difference.
    fn agree_on_end(&self, text: &str, same: impl FnOnce(&str) -> bool) -> Eval<()> {
        match text.strip_suffix('\n').filter(|_| self.soft_end) {
            Some(shorter) if !same(shorter) => Err(refuse(
                "the text ends in a line end, before which `$` would match; use `| trim` on the text, or `\\Z`",
            )),
            _ => Ok(()),
        }
    }
}

fn next_char(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

fn groups<'t>(captures: &Captures<'t>) -> Groups<'t> {
    captures.iter().map(|group| group.map(|group| group.as_str())).collect()
}

fn build(source: &str, flags: Flags) -> Eval<Regex> {
    RegexBuilder::new(source)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multiline)
        .size_limit(4 << 20)
        .dfa_size_limit(4 << 20)
        .build()
        .map_err(|error| refuse(format!("the pattern is not understood: {}", last_line(&error.to_string()))))
}

fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// A replacement text with references to groups.
pub(super) struct Replacement {
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    pub(super) fn new(template: &str, pattern: &Pattern) -> Eval<Self> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(at) = rest.find('\\') {
            parts.push(Part::Text(rest[..at].to_owned()));
            let (part, tail) = reference(&rest[at + 1..], pattern)?;
            parts.push(part);
            rest = tail;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    fn write(&self, captures: &Captures<'_>, out: &mut super::budget::Text<'_>) -> Eval<()> {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => out.push(text),
            Part::Group(group) => out.push(captures.get(*group).map_or("", |group| group.as_str())),
        })
    }
}

/// What stands after a backslash in a replacement.
fn reference<'t>(rest: &'t str, pattern: &Pattern) -> Eval<(Part, &'t str)> {
    let Some(c) = rest.chars().next() else { return Err(refuse("the replacement ends in a backslash")) };
    let tail = &rest[c.len_utf8()..];
    let text = |text: &str| Ok((Part::Text(text.to_owned()), tail));
    match c {
        'g' => {
            let named = tail.strip_prefix('<').and_then(|tail| tail.split_once('>'));
            let (name, tail) =
                named.ok_or_else(|| refuse("`\\g` in a replacement needs a group: `\\g<1>`"))?;
            Ok((Part::Group(pattern.group_number(name)?), tail))
        }
        '1'..='9' => {
            let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
            if rest.bytes().take(3).take_while(u8::is_ascii_digit).count() == 3 {
                return Err(refuse(
                    "a number of three digits after a backslash is not supported; use `\\g<1>`",
                ));
            }
            Ok((Part::Group(pattern.group_number(&rest[..digits])?), &rest[digits..]))
        }
        'n' => text("\n"),
        't' => text("\t"),
        'r' => text("\r"),
        'a' => text("\x07"),
        'b' => text("\x08"),
        'f' => text("\x0c"),
        'v' => text("\x0b"),
        '\\' => text("\\"),
        c if c.is_ascii_alphanumeric() => Err(refuse(format!("`\\{c}` in a replacement is unknown"))),
        c => text(&format!("\\{c}")),
    }
}

/// `re.escape(text)`.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
