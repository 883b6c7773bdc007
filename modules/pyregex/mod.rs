//! Python's regular expressions.
//!
//! They are translated for an engine without backtracking, whose running time is bounded; what it cannot do
//! (look-around, references back) is refused, and what it does differently is written otherwise.

use regex::{Captures, Regex, RegexBuilder};

mod bytes;
mod syntax;
#[cfg(test)]
mod tests;

pub use bytes::{ByteMatch, BytePattern};

use syntax::translate;

/// A pattern or replacement that is not understood, or that the engine cannot answer as Python does: the sentence that
/// says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RegexError(pub String);

/// What matching may cost: whoever bounds it counts it, and may stop it.
pub trait Meter {
    /// Why it is stopped, or why the pattern is refused.
    type Stop: From<RegexError>;

    /// Pays for work in proportion to `count`.
    ///
    /// # Errors
    /// Where it costs too much.
    fn work(&self, count: usize) -> Result<(), Self::Stop>;

    /// Pays for `count` matches that are kept.
    ///
    /// # Errors
    /// Where they are too many.
    fn items(&self, count: usize) -> Result<(), Self::Stop>;

    /// Pays for `bytes` of new text.
    ///
    /// # Errors
    /// Where it is too much.
    fn text(&self, bytes: usize) -> Result<(), Self::Stop>;
}

/// No bound but that of the engine, whose time grows with the text alone.
#[derive(Debug, Clone, Copy)]
pub struct Unmetered;

impl Meter for Unmetered {
    type Stop = RegexError;

    fn work(&self, _: usize) -> Result<(), RegexError> {
        Ok(())
    }

    fn items(&self, _: usize) -> Result<(), RegexError> {
        Ok(())
    }

    fn text(&self, _: usize) -> Result<(), RegexError> {
        Ok(())
    }
}

/// Flags given beside the pattern.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flags {
    /// `re.IGNORECASE`.
    pub ignore_case: bool,
    /// `re.MULTILINE`: `^` and `$` stand at each line.
    pub multiline: bool,
    /// `re.DOTALL`: `.` matches a line end, too.
    pub dot_all: bool,
}

/// A pattern.
#[derive(Debug)]
pub struct Pattern {
    regex: Regex,
    source: String,
    flags: Flags,
    /// It has a `$` that Python also lets match before a last line end.
    soft_end: bool,
    /// A match of nothing may hide one of something at the same place.
    may_hide: bool,
}

/// The text of each group of a match; the first is the whole.
pub type Groups<'t> = Vec<Option<&'t str>>;

/// How a match has to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Anywhere in the text.
    Anywhere,
    /// At its start.
    Start,
    /// All of it.
    Whole,
}

fn refuse(message: impl Into<String>) -> RegexError {
    RegexError(message.into())
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`RegexError`] where Python or this engine does not take it.
    pub fn new(pattern: &str, flags: Flags) -> Result<Self, RegexError> {
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
    ///
    /// # Errors
    /// Where it costs too much.
    pub fn matches<M: Meter>(&self, text: &str, anchor: Anchor, meter: &M) -> Result<bool, M::Stop> {
        meter.work(text.len() / 8 + 1)?;
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
    ///
    /// # Errors
    /// [`RegexError`] where there is no such group.
    pub fn group(&self, reference: &str) -> Result<usize, RegexError> {
        let name = match reference.strip_prefix("\\g<") {
            Some(rest) => rest.split_once('>').map(|(name, _)| name),
            None => reference.strip_prefix('\\'),
        };
        let name =
            name.ok_or_else(|| refuse(format!("`{reference}` names no group; write `\\1` or `\\g<name>`")))?;
        self.group_number(name)
    }
}

impl Numbered for Pattern {
    fn group_number(&self, name: &str) -> Result<usize, RegexError> {
        number_of(name, self.regex.captures_len(), self.regex.capture_names())
    }
}

impl Pattern {
    /// The first match.
    ///
    /// # Errors
    /// Where it costs too much, or where a `$` would match before the last line end.
    pub fn search<'t, M: Meter>(&self, text: &'t str, meter: &M) -> Result<Option<Groups<'t>>, M::Stop> {
        meter.work(text.len() / 8 + 1)?;
        let found = self.regex.captures(text);
        self.agree_on_end(text, |shorter| {
            let range = |captures: Option<Captures<'_>>| captures.and_then(|c| c.get(0).map(|m| m.range()));
            range(self.regex.captures(text)) == range(self.regex.captures(shorter))
        })?;
        Ok(found.as_ref().map(groups))
    }

    /// All matches.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn find_all<'t, M: Meter>(&self, text: &'t str, meter: &M) -> Result<Vec<Groups<'t>>, M::Stop> {
        let found = self.all(text, 0, meter)?;
        meter.items(found.len().saturating_mul(self.regex.captures_len()))?;
        Ok(found.iter().map(groups).collect())
    }

    /// The text with its first `count` matches replaced, all if that is 0, and how many they were.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn replace<M: Meter>(
        &self,
        text: &str,
        replacement: &Replacement,
        count: usize,
        meter: &M,
    ) -> Result<(String, usize), M::Stop> {
        let found = self.all(text, count, meter)?;
        let mut out = String::new();
        let mut end = 0;
        for captures in &found {
            if let Some(whole) = captures.get(0) {
                let from = out.len();
                out.push_str(&text[end..whole.start()]);
                replacement.write(captures, &mut out);
                meter.text(out.len() - from)?;
                end = whole.end();
            }
        }
        meter.text(text.len() - end)?;
        out.push_str(&text[end..]);
        Ok((out, found.len()))
    }

    fn all<'t, M: Meter>(
        &self,
        text: &'t str,
        count: usize,
        meter: &M,
    ) -> Result<Vec<Captures<'t>>, M::Stop> {
        let found = self.scan(text, count, meter)?;
        self.agree_on_end(text, |shorter| {
            let ranges = |found: &[Captures<'_>]| {
                found.iter().filter_map(|c| c.get(0).map(|m| m.range())).collect::<Vec<_>>()
            };
            self.scan(shorter, count, meter).is_ok_and(|other| ranges(&other) == ranges(&found))
        })?;
        Ok(found)
    }

    /// All matches in Python's way: an empty one may follow right after another that is not empty.
    fn scan<'t, M: Meter>(
        &self,
        text: &'t str,
        count: usize,
        meter: &M,
    ) -> Result<Vec<Captures<'t>>, M::Stop> {
        let mut found: Vec<Captures<'t>> = Vec::new();
        let (mut at, mut after_empty) = (0, None);
        while at <= text.len() && (count == 0 || found.len() < count) {
            meter.work((text.len() - at) / 64 + 1)?;
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
                )
                .into());
            }
            after_empty = (start == end).then_some(start);
            at = end;
            meter.items(1)?;
            found.push(captures);
        }
        Ok(found)
    }

    /// Refuses the rare text where a `$` before the last line end would make a difference.
    fn agree_on_end(&self, text: &str, same: impl FnOnce(&str) -> bool) -> Result<(), RegexError> {
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

fn build(source: &str, flags: Flags) -> Result<Regex, RegexError> {
    RegexBuilder::new(source)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multiline)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(4 << 20)
        .dfa_size_limit(4 << 20)
        .build()
        .map_err(|error| refuse(format!("the pattern is not understood: {}", last_line(&error.to_string()))))
}

fn last_line(message: &str) -> String {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// What a replacement refers to: a pattern's groups.
pub trait Numbered {
    /// The number of a group that is named by its number or name.
    ///
    /// # Errors
    /// [`RegexError`] where there is none.
    fn group_number(&self, name: &str) -> Result<usize, RegexError>;
}

fn number_of<'n>(
    name: &str,
    count: usize,
    mut names: impl Iterator<Item = Option<&'n str>>,
) -> Result<usize, RegexError> {
    let number = name.parse().ok().filter(|number| *number < count);
    number
        .or_else(|| names.position(|candidate| candidate == Some(name)))
        .ok_or_else(|| refuse(format!("the pattern has no group `{name}`")))
}

/// A replacement text with references to groups.
#[derive(Debug)]
pub struct Replacement {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads a replacement.
    ///
    /// # Errors
    /// [`RegexError`] where it names a group that the pattern does not have.
    pub fn new(template: &str, pattern: &impl Numbered) -> Result<Self, RegexError> {
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

    /// Its text, where it refers to no group.
    #[must_use]
    pub fn plain(&self) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Group(_) => String::new(),
        };
        self.parts.iter().map(text).collect()
    }

    fn write(&self, captures: &Captures<'_>, out: &mut String) {
        for part in &self.parts {
            out.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => captures.get(*group).map_or("", |group| group.as_str()),
            });
        }
    }
}

/// What stands after a backslash in a replacement.
fn reference<'t>(rest: &'t str, pattern: &impl Numbered) -> Result<(Part, &'t str), RegexError> {
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
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
