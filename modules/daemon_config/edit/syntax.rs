//! A strict reader of JSON (RFC 8259) that remembers where each thing stands.
//!
//! What dockerd tolerates beyond the standard, or only in some versions, has a [`Fault`] of its own: a byte
//! order mark and UTF-16, text after the object, invalid UTF-8, halves of surrogate pairs, duplicate keys.

use std::collections::HashMap;
use std::ops::Range;

use super::fault::{Fault, Place, Wrong};

/// `serde_json` reads no deeper.
const MAX_DEPTH: usize = 127;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Scalar,
    List(Vec<Node>),
    Mapping(Vec<Member>),
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
}

impl Member {
    pub(crate) fn span(&self) -> Range<usize> {
        self.key_span.start..self.value.span.end
    }
}

impl Node {
    /// The spans of the items or members, in order; none for a scalar.
    pub(crate) fn parts(&self) -> Vec<Range<usize>> {
        match &self.kind {
            Kind::Scalar => Vec::new(),
            Kind::List(items) => items.iter().map(|item| item.span.clone()).collect(),
            Kind::Mapping(members) => members.iter().map(Member::span).collect(),
        }
    }

    /// The values below, in order.
    pub(crate) fn children(&self) -> Vec<&Node> {
        match &self.kind {
            Kind::Scalar => Vec::new(),
            Kind::List(items) => items.iter().collect(),
            Kind::Mapping(members) => members.iter().map(|member| &member.value).collect(),
        }
    }
}

type Parsed<T> = Result<T, Wrong>;

/// Reads one JSON text. Duplicate keys are syntax; [`duplicate`] finds them.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<(&str, Node)> {
    let text = decode(bytes)?;
    let mut reader = Reader { text, at: 0, depth: 0 };
    reader.blanks();
    if reader.at == text.len() {
        return Err(Wrong { at: 0, fault: Fault::Empty });
    }
    let root = reader.value()?;
    reader.blanks();
    match reader.peek() {
        None => Ok((text, root)),
        Some('{' | '[' | '"') => Err(reader.wrong(Fault::SecondDocument)),
        Some(c) => Err(reader.wrong(oddity(c).unwrap_or(Fault::Garbage))),
    }
}

fn decode(bytes: &[u8]) -> Parsed<&str> {
    let wrong = |at, fault| Err(Wrong { at, fault });
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return wrong(0, Fault::ByteOrderMark);
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return wrong(0, Fault::Utf16);
    }
    if let Some(at) = bytes.iter().position(|&b| b == 0) {
        let nuls = bytes.split(|&b| b == 0).count() - 1;
        // ASCII in UTF-16 is half NUL bytes.
        let utf16 = at < 2 && nuls * 3 > bytes.len();
        return if utf16 { wrong(0, Fault::Utf16) } else { wrong(at, Fault::Nul) };
    }
    std::str::from_utf8(bytes).map_err(|e| Wrong { at: e.valid_up_to(), fault: Fault::InvalidUtf8 })
}

/// Characters that people and editors put where JSON has no place for them.
fn oddity(c: char) -> Option<Fault> {
    match c {
        '/' | '#' => Some(Fault::Comment),
        '\'' | '“' | '”' | '„' | '‘' | '’' | '`' => Some(Fault::Quote(c)),
        '\u{FEFF}' | '\u{200B}' => Some(Fault::OddSpace(c)),
        c if c.is_whitespace() => Some(Fault::OddSpace(c)),
        _ => None,
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn wrong(&self, fault: Fault) -> Wrong {
        Wrong { at: self.at, fault }
    }

    fn unexpected(&self, wanted: &'static str) -> Wrong {
        self.wrong(match self.peek() {
            None => Fault::End(wanted),
            Some(c) => oddity(c).unwrap_or(Fault::Unexpected { found: c, wanted }),
        })
    }

    fn value(&mut self) -> Parsed<Node> {
        let start = self.at;
        let kind = match self.byte() {
            Some(b'{') => self.nested(Self::mapping)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => self.string().map(|_| Kind::Scalar)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn nested(&mut self, read: fn(&mut Self) -> Parsed<Kind>) -> Parsed<Kind> {
        if self.depth == MAX_DEPTH {
            return Err(self.wrong(Fault::Depth));
        }
        self.depth += 1;
        self.at += 1;
        let kind = read(self);
        self.depth -= 1;
        kind
    }

    fn list(&mut self) -> Parsed<Kind> {
        let mut items = Vec::new();
        self.blanks();
        while !self.eat(b']') {
            items.push(self.value()?);
            self.separator(b']', "`,` or `]`")?;
        }
        Ok(Kind::List(items))
    }

    fn mapping(&mut self) -> Parsed<Kind> {
        let mut members = Vec::new();
        self.blanks();
        while !self.eat(b'}') {
            if self.byte() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let start = self.at;
            let key = self.string()?;
            let key_span = start..self.at;
            self.blanks();
            if !self.eat(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.blanks();
            let value = self.value()?;
            members.push(Member { key, key_span, value });
            self.separator(b'}', "`,` or `}`")?;
        }
        Ok(Kind::Mapping(members))
    }

    /// After an item: a comma that another item follows, or the closing bracket, which is left to be eaten.
    fn separator(&mut self, close: u8, wanted: &'static str) -> Parsed<()> {
        self.blanks();
        let comma = self.at;
        if self.eat(b',') {
            self.blanks();
            if self.byte() == Some(close) {
                return Err(Wrong { at: comma, fault: Fault::TrailingComma });
            }
            return Ok(());
        }
        match self.byte() {
            Some(b) if b == close => Ok(()),
            Some(b'"' | b'{' | b'[') => Err(self.wrong(Fault::MissingComma)),
            _ => Err(self.unexpected(wanted)),
        }
    }

    fn word(&mut self) -> Parsed<Kind> {
        let rest = &self.text[self.at..];
        let Some(word) = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word)) else {
            return Err(self.unexpected("a value"));
        };
        self.at += word.len();
        Ok(Kind::Scalar)
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > start
    }

    fn number(&mut self) -> Parsed<Kind> {
        let start = self.at;
        let wrong = |fault| Wrong { at: start, fault };
        self.eat(b'-');
        let mut good = self.eat(b'0') || self.digits();
        if self.eat(b'.') {
            good &= self.digits();
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            let _sign = self.eat(b'+') || self.eat(b'-');
            good &= self.digits();
        }
        let joined = self.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '+' | '-'));
        if !good || joined {
            return Err(wrong(Fault::Number));
        }
        match self.text[start..self.at].parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Kind::Scalar),
            _ => Err(wrong(Fault::NumberRange)),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            match self.peek() {
                None => return Err(self.wrong(Fault::End("a closing `\"`"))),
                Some('"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some('\\') => out.push(self.escape()?),
                Some(c) if c < ' ' => return Err(self.wrong(Fault::Control)),
                Some(c) => {
                    self.at += c.len_utf8();
                    out.push(c);
                }
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        self.at += 1;
        let c = match self.peek() {
            None => return Err(self.wrong(Fault::End("an escape"))),
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode(start),
            Some(c) => return Err(Wrong { at: start, fault: Fault::Escape(c) }),
        };
        self.at += 1;
        Ok(c)
    }

    /// After the backslash of a `\uXXXX`, which may be the first half of a pair.
    fn unicode(&mut self, start: usize) -> Parsed<char> {
        let wrong = |fault| Wrong { at: start, fault };
        let first = self.unit().ok_or_else(|| wrong(Fault::Escape('u')))?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let pair = (first < 0xDC00 && self.eat(b'\\') && self.byte() == Some(b'u')).then(|| self.unit());
        match pair.flatten() {
            Some(second @ 0xDC00..=0xDFFF) => {
                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                char::from_u32(code).ok_or_else(|| wrong(Fault::LoneSurrogate))
            }
            _ => Err(wrong(Fault::LoneSurrogate)),
        }
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at + 1..self.at + 5)?;
        let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        self.at += 5;
        hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
    }
}

/// The first key that stands twice in one mapping, at any level.
pub(crate) fn duplicate(text: &[u8], node: &Node) -> Option<Wrong> {
    if let Kind::Mapping(members) = &node.kind {
        let mut seen = HashMap::new();
        for member in members {
            let at = member.key_span.start;
            if let Some(first) = seen.insert(member.key.as_str(), at) {
                let first = Place::of(text, first);
                return Some(Wrong { at, fault: Fault::DuplicateKey { key: member.key.clone(), first } });
            }
        }
    }
    node.children().into_iter().find_map(|child| duplicate(text, child))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &[u8]) -> (Place, Fault) {
        let wrong = parse(text).expect_err("a fault");
        (Place::of(text, wrong.at), wrong.fault)
    }

    #[test]
    fn each_fault_is_told_with_its_place() {
        let cases: &[(&[u8], usize, usize, Fault)] = &[
            (b"", 1, 1, Fault::Empty),
            (b" \n", 1, 1, Fault::Empty),
            (b"\xEF\xBB\xBF{}", 1, 1, Fault::ByteOrderMark),
            (b"\xFF\xFE{\0}\0", 1, 1, Fault::Utf16),
            (b"{\0}\0", 1, 1, Fault::Utf16),
            (b"{\n\"a\": \"\0\"}", 2, 7, Fault::Nul),
            (b"{\"\xC3\xA9\": \"\xE9\"}", 1, 8, Fault::InvalidUtf8),
            (b"{\r\n\xC2\xA0\"a\": 1}", 2, 1, Fault::OddSpace('\u{A0}')),
            (b"{\r\"a\": 1, // x\n}", 2, 9, Fault::Comment),
            (b"# x\n{}", 1, 1, Fault::Comment),
            (b"{\"a\": [1,\n]}", 1, 9, Fault::TrailingComma),
            (b"{\"a\": 1\n\"b\": 2}", 2, 1, Fault::MissingComma),
            (b"{'a': 1}", 1, 2, Fault::Quote('\'')),
            (b"{}\n{}", 2, 1, Fault::SecondDocument),
            (b"{}}", 1, 3, Fault::Garbage),
            (b"{} // x", 1, 4, Fault::Comment),
            (b"{\"a\": ", 1, 7, Fault::End("a value")),
            (b"{\"a\": True}", 1, 7, Fault::Unexpected { found: 'T', wanted: "a value" }),
            (b"{\"a\": \"\\x\"}", 1, 8, Fault::Escape('x')),
            (b"{\"a\": \"\t\"}", 1, 8, Fault::Control),
            (b"{\"a\": \"\\ud800x\"}", 1, 8, Fault::LoneSurrogate),
            (b"{\"a\": \"\\udc00\\ud800\"}", 1, 8, Fault::LoneSurrogate),
            (b"{\"a\": 012}", 1, 7, Fault::Number),
            (b"{\"a\": 1e999}", 1, 7, Fault::NumberRange),
        ];
        for (text, line, column, expected) in cases {
            let expected = (Place { line: *line, column: *column }, expected.clone());
            assert_eq!(fault(text), expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_ends_where_the_cross_check_can_still_read() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(127).as_bytes()).is_ok());
        assert!(serde_json::from_str::<serde_json::Value>(&nested(127)).is_ok());
        assert_eq!(fault(nested(128).as_bytes()).1, Fault::Depth);
    }

    #[test]
    fn duplicate_keys_are_found_however_they_are_written() {
        let text = b"{\"a\": [{\"b\": 1, \"\\u0062\": 2}]}";
        let (_, root) = parse(text).expect("JSON");
        let wrong = duplicate(text, &root).expect("a duplicate");
        assert_eq!(wrong.at, 16);
    }
}
