//! Text in YAML as Python's library writes it: plain where that reads back as the same text, else quoted.

use std::sync::LazyLock;

use regex::Regex;

use super::super::error::{Eval, call_error};
use super::super::text::printable;
use super::yaml::Writer;

/// Where a scalar stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Where its further lines start.
    pub(super) indent: usize,
    /// Whether it stands within brackets.
    pub(super) flow: bool,
    /// Whether it is the key of a mapping.
    pub(super) key: bool,
}

/// What the plain scalars are that are not text: booleans, nulls, numbers, dates, merge keys.
static NOT_TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF",
        r"|~|null|Null|NULL|<<|=",
        r"|[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+",
        r"|[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?",
        r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        r"|[0-9]{4}-[0-9]{2}-[0-9]{2}",
        r"|[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9]{2})?))?",
        r")$"
    ))
    .ok()
});

/// Which styles a text allows.
struct Allowed {
    plain: bool,
    single: bool,
}

/// Writes a text.
pub(super) fn write_text(text: &str, place: Place, out: &mut Writer<'_>) -> Eval<()> {
    if place.key && text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        return Err(call_error("to_yaml", "a key has a line end"));
    }
    let allowed = analyze(text, place);
    let is_text = NOT_TEXT.as_ref().is_some_and(|regex| !regex.is_match(text));
    if allowed.plain && is_text {
        folded(text, place, out)
    } else if allowed.single {
        single_quoted(text, place, out)
    } else {
        double_quoted(text, place, out)
    }
}

fn analyze(text: &str, place: Place) -> Allowed {
    if text.is_empty() {
        return Allowed { plain: false, single: true };
    }
    let chars: Vec<char> = text.chars().collect();
    let space = |at: usize| chars.get(at).is_none_or(|c| "\0 \t\r\n\u{85}\u{2028}\u{2029}".contains(*c));
    let mut plain = !text.starts_with("---") && !text.starts_with("...");
    let (mut breaks, mut special, mut space_break, mut after_break) = (false, false, false, false);
    let mut previous = None;
    for (at, c) in chars.iter().enumerate() {
        plain &= match c {
            '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
            | '`'
                if at == 0 =>
            {
                false
            }
            '?' | ':' if at == 0 => !(place.flow || space(at + 1)),
            '-' if at == 0 => !space(at + 1),
            ',' | '?' | '[' | ']' | '{' | '}' => !place.flow,
            ':' => !place.flow && !space(at + 1),
            '#' => !space(at - 1),
            _ => true,
        };
        let is_break = "\n\u{85}\u{2028}\u{2029}".contains(*c);
        breaks |= is_break;
        special |=
            !(is_break || (' '..='~').contains(c) || (*c > '~' && *c != '\u{feff}' && yaml_printable(*c)));
        space_break |= is_break && previous == Some(' ');
        space_break |= *c == ' ' && after_break;
        after_break = is_break;
        previous = Some(*c);
    }
    let ends = |c: char| text.starts_with(c) || text.ends_with(c);
    let edges = ends(' ')
        || ["\n", "\u{85}", "\u{2028}", "\u{2029}"].iter().any(|b| text.starts_with(b) || text.ends_with(b));
    let multiline_key = place.key && breaks;
    Allowed {
        plain: plain && !edges && !breaks && !special && !space_break,
        single: !space_break && !special && !multiline_key,
    }
}

fn yaml_printable(c: char) -> bool {
    matches!(c, '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
}

/// Appends a plain text, broken at spaces beyond the line's width.
fn folded(text: &str, place: Place, out: &mut Writer<'_>) -> Eval<()> {
    for (i, piece) in pieces(text).enumerate() {
        if i > 0 {
            space(piece.gap, place, out)?;
        }
        out.push(piece.word)?;
    }
    Ok(())
}

/// A word and the number of spaces before it.
struct Piece<'t> {
    gap: usize,
    word: &'t str,
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    let mut started = false;
    std::iter::from_fn(move || {
        if started && rest.is_empty() {
            return None;
        }
        let body = if started { rest.trim_start_matches(' ') } else { rest };
        let gap = rest.len() - body.len();
        started = true;
        let (word, tail) = body.split_at(body.find(' ').unwrap_or(body.len()));
        rest = tail;
        Some(Piece { gap, word })
    })
}

fn space(gap: usize, place: Place, out: &mut Writer<'_>) -> Eval<()> {
    if gap == 1 && !place.key && out.column > out.width {
        out.line(place.indent)
    } else {
        out.push(&" ".repeat(gap))
    }
}

/// Text in single quotes: a line end is written as a blank line.
fn single_quoted(text: &str, place: Place, out: &mut Writer<'_>) -> Eval<()> {
    if text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
        return Err(call_error("to_yaml", "a text holds an unusual line separator"));
    }
    out.push("'")?;
    let mut rest = text;
    loop {
        let (line, tail) = rest.split_at(rest.find('\n').unwrap_or(rest.len()));
        let at_edge =
            line.starts_with(' ') && rest.len() == text.len() || (tail.is_empty() && line.ends_with(' '));
        if at_edge && line.chars().filter(|c| *c == ' ').count() > 0 && line.trim_matches(' ').is_empty() {
            out.push(line)?;
        } else {
            quoted_line(line, place, out)?;
        }
        let breaks = tail.len() - tail.trim_start_matches('\n').len();
        if breaks == 0 {
            break;
        }
        out.push("\n")?;
        for _ in 0..breaks {
            out.push("\n")?;
        }
        out.push(&" ".repeat(place.indent))?;
        rest = &tail[breaks..];
    }
    out.push("'")
}

fn quoted_line(line: &str, place: Place, out: &mut Writer<'_>) -> Eval<()> {
    let last = line.trim_end_matches(' ').len();
    let (body, trailing) = line.split_at(last);
    let leading = body.len() - body.trim_start_matches(' ').len();
    out.push(&body[..leading])?;
    for (i, piece) in pieces(&body[leading..]).enumerate() {
        if i > 0 {
            space(piece.gap, place, out)?;
        }
        out.push(&piece.word.replace('\'', "''"))?;
    }
    out.push(trailing)
}

/// Text in double quotes, with escapes.
fn double_quoted(text: &str, place: Place, out: &mut Writer<'_>) -> Eval<()> {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\0' => escaped.push_str("\\0"),
            '\x07' => escaped.push_str("\\a"),
            '\x08' => escaped.push_str("\\b"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\x0b' => escaped.push_str("\\v"),
            '\x0c' => escaped.push_str("\\f"),
            '\r' => escaped.push_str("\\r"),
            '\x1b' => escaped.push_str("\\e"),
            '\u{85}' => escaped.push_str("\\N"),
            '\u{2028}' => escaped.push_str("\\L"),
            '\u{2029}' => escaped.push_str("\\P"),
            ' '..='~' => escaped.push(c),
            c if yaml_printable(c) && c != '\u{feff}' => escaped.push(c),
            c if u32::from(c) <= 0xff => escaped.extend([format!("\\x{:02X}", u32::from(c))]),
            c if u32::from(c) <= 0xffff => escaped.extend([format!("\\u{:04X}", u32::from(c))]),
            c => escaped.extend([format!("\\U{:08X}", u32::from(c))]),
        }
    }
    let fits = out.column + escaped.chars().count() < out.width;
    if !place.key && !fits && escaped.contains(' ') {
        return Err(call_error(
            "to_yaml",
            "a long text with control characters cannot be written; use `to_json`",
        ));
    }
    if !place.key && !fits && !text.chars().all(printable) {
        return Err(call_error(
            "to_yaml",
            "a long text with control characters cannot be written; use `to_json`",
        ));
    }
    out.push("\"")?;
    out.push(&escaped)?;
    out.push("\"")
}
