//! Prepares template text for the parser: the backslashes of string literals are Ansible's business.
//!
//! Ansible keeps the backslashes in the strings of `{{ }}` as they are, and lets Python decode those of
//! `{% %}` and of conditions; the parser would decode both, and otherwise than Python. So every backslash
//! in a string literal is replaced, byte for byte, by a mark that the parser passes through.

use super::error::{ErrorKind, Eval, TemplateError, limit};
use super::options::Delimiters;

/// A backslash that stays one.
const KEPT: u8 = 0x11;
const SINGLE_QUOTE: u8 = 0x12;
const DOUBLE_QUOTE: u8 = 0x13;
/// A backslash that starts a Python escape.
const ESCAPE: u8 = 0x14;
const MARKS: std::ops::RangeInclusive<u8> = KEPT..=ESCAPE;

/// The parser and the trees it leaves are recursive over operators.
const OPERATORS: usize = 400;

/// Text with marked strings, of the same length as the original.
pub(super) fn prepare_template(text: &str, keep_backslashes: bool, marks: &Delimiters) -> Eval<String> {
    let mut scan = Scan { bytes: text.as_bytes().to_vec(), at: 0, marks: marks.clone() };
    while let Some(open) = scan.next_delimiter() {
        match open {
            Open::Comment => scan.skip_past(marks.comment.1.as_bytes()),
            Open::Block if scan.tag(scan.at, b"raw").is_some() => scan.skip_raw()?,
            Open::Block => scan.code(Some(marks.block.1.as_bytes()), false)?,
            Open::Variable => scan.code(Some(marks.variable.1.as_bytes()), keep_backslashes)?,
        }
    }
    scan.finish()
}

/// The same for an expression without delimiters.
pub(super) fn prepare_expression(text: &str, keep_backslashes: bool) -> Eval<String> {
    let mut scan = Scan { bytes: text.as_bytes().to_vec(), at: 0, marks: Delimiters::default() };
    scan.code(None, keep_backslashes)?;
    scan.finish()
}

fn syntax(message: impl Into<String>) -> TemplateError {
    ErrorKind::Syntax { message: message.into() }.into()
}

/// What a delimiter opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Variable,
    Block,
    Comment,
}

struct Scan {
    bytes: Vec<u8>,
    at: usize,
    marks: Delimiters,
}

impl Scan {
    fn finish(self) -> Eval<String> {
        String::from_utf8(self.bytes)
            .map_err(|_| syntax("a string literal ends in the middle of a character"))
    }

    /// Steps behind the next opening delimiter and tells what it opens; the longest one counts.
    fn next_delimiter(&mut self) -> Option<Open> {
        let Delimiters { variable, block, comment } = &self.marks;
        let mut all = [(&variable.0, Open::Variable), (&block.0, Open::Block), (&comment.0, Open::Comment)];
        all.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.len()));
        while self.at < self.bytes.len() {
            let found = all.iter().find(|(mark, _)| self.bytes[self.at..].starts_with(mark.as_bytes()));
            if let Some((mark, open)) = found {
                self.at += mark.len();
                return Some(*open);
            }
            self.at += 1;
        }
        None
    }

    fn find(&self, needle: &[u8], from: usize) -> Option<usize> {
        self.bytes.get(from..)?.windows(needle.len()).position(|w| w == needle).map(|i| from + i)
    }

    fn skip_past(&mut self, end: &[u8]) {
        self.at = self.find(end, self.at).map_or(self.bytes.len(), |i| i + end.len());
    }

    /// Where `word` and the end of its tag lie, if the tag that starts here holds nothing else.
    fn tag(&self, from: usize, word: &[u8]) -> Option<usize> {
        let mut rest = &self.bytes[from..];
        if let [b'-' | b'+', tail @ ..] = rest {
            rest = tail;
        }
        rest = rest.trim_ascii_start().strip_prefix(word)?.trim_ascii_start();
        if let [b'-' | b'+', tail @ ..] = rest {
            rest = tail;
        }
        rest.strip_prefix(self.marks.block.1.as_bytes()).map(|tail| self.bytes.len() - tail.len())
    }

    fn skip_raw(&mut self) -> Eval<()> {
        let end = self.tag(self.at, b"raw").unwrap_or(self.at);
        if matches!(self.bytes.get(end), Some(b'\n' | b'\r')) {
            self.keep_line_end(end)?;
        }
        let mut from = end;
        let mark = self.marks.block.0.clone();
        while let Some(open) = self.find(mark.as_bytes(), from) {
            if let Some(end) = self.tag(open + mark.len(), b"endraw") {
                self.at = end;
                return Ok(());
            }
            from = open + mark.len();
        }
        self.at = self.bytes.len();
        Ok(())
    }

    /// Jinja keeps the line end after `{% raw %}`, the parser only after `+%}`: a space makes room for the `+`.
    fn keep_line_end(&mut self, end: usize) -> Eval<()> {
        let tag = &mut self.bytes[self.at..end - self.marks.block.1.len()];
        match tag.iter().rposition(u8::is_ascii_whitespace) {
            _ if tag.ends_with(b"-") => Ok(()),
            Some(space) => {
                tag[space..].rotate_left(1);
                tag[tag.len() - 1] = b'+';
                Ok(())
            }
            None => Err(syntax("`{%raw%}` before a line end is not supported; write `{% raw %}`")),
        }
    }

    /// Walks through code up to its closing delimiter.
    fn code(&mut self, end: Option<&[u8]>, keep_backslashes: bool) -> Eval<()> {
        let (mut brackets, mut operators) = (0_usize, 0_usize);
        let start = self.at;
        while self.at < self.bytes.len() {
            if let Some(end) = end
                && brackets == 0
                && self.bytes[self.at..].starts_with(end)
            {
                self.at += end.len();
                return Ok(());
            }
            match self.bytes[self.at] {
                b'\'' | b'"' => self.string(keep_backslashes)?,
                b'(' | b'[' | b'{' => {
                    brackets += 1;
                    operators += usize::from(self.after_value());
                }
                b')' | b']' | b'}' => brackets = brackets.saturating_sub(1),
                b'+' if self.is_sign(start, end) => {
                    operators += 1;
                    // The parser takes a minus for a sign, and no plus; the tree looks up which was written.
                    self.bytes[self.at] = b'-';
                }
                b'+' | b'-' | b'*' | b'/' | b'~' | b'%' | b'|' | b'.' | b'<' | b'>' | b'=' => operators += 1,
                byte if MARKS.contains(&byte) => return Err(self.control_character()),
                b'0' if self.leading_zero() => {
                    return Err(syntax("a number starts with a zero; write `0o17` for an octal one"));
                }
                _ if self.word_operator() => operators += 1,
                _ => {}
            }
            if operators > OPERATORS {
                return Err(limit(format!("one expression has more than {OPERATORS} operators; split it")));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Whether a bracket here is a call or a subscript.
    fn after_value(&self) -> bool {
        let before = self.bytes[..self.at].iter().rev().find(|byte| !byte.is_ascii_whitespace());
        before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_)]}'\"".contains(byte))
    }

    /// Whether the plus here is the sign of a value, and neither adds something nor belongs to the delimiters.
    fn is_sign(&self, start: usize, end: Option<&[u8]>) -> bool {
        let at_delimiter =
            end.is_some_and(|end| self.at == start || self.bytes[self.at + 1..].starts_with(end));
        let before = self.bytes[start..self.at].trim_ascii_end();
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || !byte.is_ascii();
        let word = before.iter().rposition(|byte| !part(byte)).map_or(before, |at| &before[at + 1..]);
        let operator = [&b"and"[..], b"or", b"not", b"in", b"if", b"elif", b"else"].contains(&word)
            && !before[..before.len() - word.len()].ends_with(b".");
        let ends_value = before.last().is_some_and(|byte| part(byte) || b")]}'\"".contains(byte));
        !at_delimiter && (operator || !ends_value)
    }

    fn word_operator(&self) -> bool {
        let starts = |word: &[u8]| self.bytes[self.at..].starts_with(word);
        let after_name = self.at > 0
            && (self.bytes[self.at - 1].is_ascii_alphanumeric() || self.bytes[self.at - 1] == b'_');
        !after_name && [&b"not"[..], b"and", b"or", b"if", b"is", b"in"].iter().any(|word| starts(word))
    }

    /// Whether a number starts here with a zero that Python does not take.
    fn leading_zero(&self) -> bool {
        let before = self.at.checked_sub(1).map(|at| self.bytes[at]);
        let inside = before.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'));
        let digits: Vec<u8> =
            self.bytes[self.at..].iter().copied().take_while(|b| b.is_ascii_digit() || *b == b'_').collect();
        let number = self.bytes.get(self.at + digits.len()).is_some_and(|b| matches!(b, b'.' | b'e' | b'E'));
        !inside && !number && !self.in_exponent() && digits.iter().any(|b| (b'1'..=b'9').contains(b))
    }

    /// Whether the sign before here belongs to a number such as `1e-07`.
    fn in_exponent(&self) -> bool {
        let before = &self.bytes[..self.at];
        let Some(before) = before.strip_suffix(b"-").or_else(|| before.strip_suffix(b"+")) else {
            return false;
        };
        let Some(mantissa) = before.strip_suffix(b"e").or_else(|| before.strip_suffix(b"E")) else {
            return false;
        };
        let start = mantissa.iter().rposition(|byte| !(byte.is_ascii_digit() || matches!(byte, b'.' | b'_')));
        let digits = start.map_or(mantissa, |at| &mantissa[at + 1..]);
        let name = start.is_some_and(|at| mantissa[at].is_ascii_alphanumeric() || !mantissa[at].is_ascii());
        !name && digits.first().is_some_and(u8::is_ascii_digit)
    }

    fn control_character(&self) -> TemplateError {
        syntax(format!("the control character 0x{:02x} cannot be part of an expression", self.bytes[self.at]))
    }

    /// Marks the backslashes of the string literal that starts here and stops at its closing quote.
    fn string(&mut self, keep: bool) -> Eval<()> {
        let quote = self.bytes[self.at];
        self.at += 1;
        while self.at < self.bytes.len() && self.bytes[self.at] != quote {
            match self.bytes[self.at] {
                b'\\' => self.backslash(keep)?,
                b'\r' => return Err(syntax("a string literal holds a bare carriage return; write `\\r`")),
                byte if MARKS.contains(&byte) => return Err(self.control_character()),
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    fn backslash(&mut self, keep: bool) -> Eval<()> {
        self.bytes[self.at] = if keep { KEPT } else { ESCAPE };
        let Some(next) = self.bytes.get_mut(self.at + 1) else { return Ok(()) };
        match *next {
            b'\\' => *next = KEPT,
            b'\'' => *next = SINGLE_QUOTE,
            b'"' => *next = DOUBLE_QUOTE,
            byte if !byte.is_ascii() && !keep => {
                return Err(syntax("a backslash stands before a character that is not ASCII; double it"));
            }
            byte if MARKS.contains(&byte) => return Err(self.control_character()),
            _ => return Ok(()),
        }
        self.at += 1;
        Ok(())
    }
}

/// The text that a marked string literal stands for.
pub(super) fn decode(marked: &str) -> Eval<String> {
    let mut out = String::with_capacity(marked.len());
    let mut chars = marked.chars();
    while let Some(c) = chars.next() {
        match u8::try_from(c) {
            Ok(ESCAPE) => decode_escape(&mut chars, &mut out)?,
            Ok(byte) => out.push(unmark(byte).unwrap_or(c)),
            Err(_) => out.push(c),
        }
    }
    Ok(out)
}

fn unmark(byte: u8) -> Option<char> {
    match byte {
        KEPT => Some('\\'),
        SINGLE_QUOTE => Some('\''),
        DOUBLE_QUOTE => Some('"'),
        _ => None,
    }
}

fn decode_escape(chars: &mut std::str::Chars<'_>, out: &mut String) -> Eval<()> {
    let Some(c) = chars.next() else { return Err(syntax("a string literal ends in a backslash")) };
    let plain = match c {
        '\n' => return Ok(()),
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '0'..='7' => octal(c, chars),
        'x' => hex(chars, 2)?,
        'u' => hex(chars, 4)?,
        'U' => hex(chars, 8)?,
        'N' => {
            return Err(syntax("`\\N{…}` is not supported in a string literal; write the character itself"));
        }
        _ => {
            if let Some(marked) = u8::try_from(c).ok().and_then(unmark) {
                out.push(marked);
            } else {
                out.push('\\');
                out.push(c);
            }
            return Ok(());
        }
    };
    out.push(plain);
    Ok(())
}

fn octal(first: char, chars: &mut std::str::Chars<'_>) -> char {
    let mut value = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = chars.as_str().chars().next().and_then(|c| c.to_digit(8)) else { break };
        value = value * 8 + digit;
        chars.next();
    }
    char::from_u32(value).unwrap_or('\0')
}

fn hex(chars: &mut std::str::Chars<'_>, count: usize) -> Eval<char> {
    let digits: String = chars.as_str().chars().take(count).collect();
    let whole = digits.len() == count && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let value = u32::from_str_radix(&digits, 16).ok().filter(|_| whole);
    for _ in 0..digits.chars().count() {
        chars.next();
    }
    value
        .and_then(char::from_u32)
        .ok_or_else(|| syntax(format!("the escape with `{digits}` in a string literal names no character")))
}
