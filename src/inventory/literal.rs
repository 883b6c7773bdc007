//! Values in an INI inventory: Python's literals, as `ast.literal_eval` reads them; everything else is text.

use std::sync::Arc;

use crate::yaml::{Node, Source, Span, Style, Text, Value};

/// Deeper nesting than anyone writes on a line.
const MAX_DEPTH: usize = 50;

/// What a text is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// A literal.
    Value(Value),
    /// No literal: the text itself.
    Text,
    /// Python may read it as something that is not known here.
    Unknown(&'static str),
}

/// Reads a text; the nodes within a list or mapping all get the place of the whole.
pub(super) fn read(text: &str, source: &Arc<Source>, span: Span) -> Literal {
    // Leading blanks are passed over by `literal_eval`, but are part of what it gives back if it fails.
    let mut reader = Reader { text, at: 0, source, span, passed: None };
    reader.blanks();
    match (reader.top(), reader.passed) {
        (Err(Fault::Unknown(why)), _) | (Ok(_), Some(why)) => Literal::Unknown(why),
        (Err(Fault::NoLiteral), _) => Literal::Text,
        (Ok(value), None) => Literal::Value(value),
    }
}

enum Fault {
    NoLiteral,
    Unknown(&'static str),
}

type Read<T> = Result<T, Fault>;

struct Reader<'a> {
    text: &'a str,
    at: usize,
    source: &'a Arc<Source>,
    span: Span,
    /// What was passed over and cannot be kept; it counts only if the whole turns out to be a literal.
    passed: Option<&'static str>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn eat(&mut self, token: char) -> bool {
        let found = self.peek() == Some(token);
        if found {
            self.at += token.len_utf8();
            self.blanks();
        }
        found
    }

    fn node(&self, value: Value) -> Node {
        Node { value, span: self.span, source: Arc::clone(self.source) }
    }

    /// A whole text: one value, or several with commas, which are a list; a comment may follow.
    fn top(&mut self) -> Read<Value> {
        let first = self.value(0)?;
        if !self.eat(',') {
            return self.end().map(|()| first);
        }
        let mut items = vec![self.node(first)];
        while self.peek().is_some_and(|next| next != '#') {
            let value = self.value(0)?;
            items.push(self.node(value));
            if !self.eat(',') {
                break;
            }
        }
        self.end().map(|()| Value::Seq(items))
    }

    fn end(&self) -> Read<()> {
        match self.peek() {
            None | Some('#') => Ok(()),
            Some(_) => Err(Fault::NoLiteral),
        }
    }

    fn value(&mut self, depth: usize) -> Read<Value> {
        if depth > MAX_DEPTH {
            return Err(Fault::Unknown("it is nested too deeply"));
        }
        let value = match self.peek().ok_or(Fault::NoLiteral)? {
            '[' => self.list(depth)?,
            '(' => self.tuple(depth)?,
            '{' => self.braces(depth)?,
            '\'' | '"' => self.strings()?,
            '+' | '-' | '.' | '0'..='9' => self.number()?,
            _ => self.word()?,
        };
        self.blanks();
        Ok(value)
    }

    fn items(&mut self, close: char, depth: usize) -> Read<(Vec<Node>, bool)> {
        let (mut items, mut comma) = (Vec::new(), false);
        while !self.eat(close) {
            if !items.is_empty() && !comma {
                return Err(Fault::NoLiteral);
            }
            let value = self.value(depth + 1)?;
            items.push(self.node(value));
            comma = self.eat(',');
        }
        Ok((items, comma))
    }

    fn list(&mut self, depth: usize) -> Read<Value> {
        self.eat('[');
        Ok(Value::Seq(self.items(']', depth)?.0))
    }

    /// Parentheses: a tuple, which becomes a list, or just the value within.
    fn tuple(&mut self, depth: usize) -> Read<Value> {
        self.eat('(');
        let (mut items, comma) = self.items(')', depth)?;
        if items.len() == 1 && !comma {
            return Ok(items.remove(0).value);
        }
        Ok(Value::Seq(items))
    }

    fn braces(&mut self, depth: usize) -> Read<Value> {
        self.eat('{');
        let mut entries: Vec<(Node, Node)> = Vec::new();
        while !self.eat('}') {
            let key = self.value(depth + 1)?;
            let key = self.node(key);
            if !self.eat(':') {
                return match self.peek() {
                    Some(',' | '}') => Err(Fault::Unknown("sets have no order")),
                    _ => Err(Fault::NoLiteral),
                };
            }
            let value = self.value(depth + 1)?;
            let value = self.node(value);
            let Some(identity) = key.key() else { return Err(Fault::Unknown("a list cannot be a key")) };
            if entries.iter().any(|(known, _)| known.key().as_ref() == Some(&identity)) {
                return Err(Fault::Unknown("a key is written twice"));
            }
            entries.push((key, value));
            if !self.eat(',') && self.peek() != Some('}') {
                return Err(Fault::NoLiteral);
            }
        }
        Ok(Value::Map(entries))
    }

    fn word(&mut self) -> Read<Value> {
        let end = self
            .rest()
            .find(|next: char| !next.is_alphanumeric() && next != '_')
            .unwrap_or(self.rest().len());
        let word = &self.rest()[..end];
        let quoted = self.rest()[end..].starts_with(['\'', '"']);
        let value = match word {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            "u" | "U" | "r" | "R" if quoted => return self.strings(),
            "set" => {
                self.at += end;
                return self.empty_set();
            }
            _ if quoted && is_prefix_of_bytes(word) => return self.bytes(),
            _ => return Err(Fault::NoLiteral),
        };
        self.at += end;
        Ok(value)
    }

    /// What follows `set`: only an empty call is more than a name to Python.
    fn empty_set(&mut self) -> Read<Value> {
        self.blanks();
        if !(self.eat('(') && self.eat(')')) {
            return Err(Fault::NoLiteral);
        }
        self.passed = Some("sets have no order");
        Ok(Value::Null)
    }

    /// A string of bytes, or several side by side. Beside one of characters they are no literal.
    fn bytes(&mut self) -> Read<Value> {
        while let Some(quote) =
            self.rest().find(['\'', '"']).filter(|at| is_prefix_of_bytes(&self.rest()[..*at]))
        {
            self.at += quote;
            let mut text = String::new();
            self.string(true, &mut text)?;
            if !text.is_ascii() {
                return Err(Fault::NoLiteral);
            }
            self.blanks();
        }
        self.passed = Some("strings of bytes are not supported");
        Ok(Value::Null)
    }

    fn number(&mut self) -> Read<Value> {
        if self.rest().starts_with("...") {
            return Err(if self.text.trim() == "..." {
                Fault::NoLiteral
            } else {
                Fault::Unknown("of `...`")
            });
        }
        let negative = match self.peek() {
            Some(sign @ ('+' | '-')) => {
                self.eat(sign);
                sign == '-'
            }
            _ => false,
        };
        let token = self.number_token();
        self.at += token.len();
        if self.rest().starts_with(['j', 'J']) {
            return Err(Fault::Unknown("complex numbers are not supported"));
        }
        if self.rest().starts_with(|next: char| next.is_alphanumeric() || next == '_' || next == '.') {
            return Err(Fault::NoLiteral);
        }
        if self.imaginary_follows() {
            return Err(Fault::Unknown("complex numbers are not supported"));
        }
        number(&token, negative)
    }

    /// Whether what has been read is the real part of a complex number, such as `1 + 2j`.
    fn imaginary_follows(&self) -> bool {
        let Some(rest) = self.rest().trim_start().strip_prefix(['+', '-']) else { return false };
        let rest = Reader { text: rest.trim_start(), at: 0, ..*self };
        let token = rest.number_token();
        !token.is_empty() && rest.text[token.len()..].starts_with(['j', 'J'])
    }

    /// The longest text that can be one number.
    fn number_token(&self) -> String {
        let rest = self.rest();
        let hexadecimal = rest.starts_with("0x") || rest.starts_with("0X");
        let mut end = 0;
        for (at, next) in rest.char_indices() {
            let exponent_sign = !hexadecimal && matches!(next, '+' | '-') && rest[..at].ends_with(['e', 'E']);
            let letter = next.is_ascii_alphanumeric() && !matches!(next, 'j' | 'J');
            if !(letter || matches!(next, '.' | '_') || exponent_sign) {
                break;
            }
            end = at + next.len_utf8();
        }
        rest[..end].to_owned()
    }

    /// A string, or several that stand side by side.
    fn strings(&mut self) -> Read<Value> {
        let mut text = String::new();
        loop {
            let raw = match self.peek() {
                Some(prefix @ ('r' | 'R' | 'u' | 'U')) => {
                    self.at += 1;
                    matches!(prefix, 'r' | 'R')
                }
                _ => false,
            };
            self.string(raw, &mut text)?;
            self.blanks();
            let mut ahead = self.rest().chars();
            match (ahead.next(), ahead.next()) {
                (Some('\'' | '"'), _) | (Some('r' | 'R' | 'u' | 'U'), Some('\'' | '"')) => {}
                _ => break,
            }
        }
        Ok(Value::String(Text { text: text.into(), style: Style::SingleQuoted, literal: false }))
    }

    fn string(&mut self, raw: bool, text: &mut String) -> Read<()> {
        let quote = self.peek().ok_or(Fault::NoLiteral)?;
        if self.rest().starts_with(&quote.to_string().repeat(3)) {
            return self.threefold(quote);
        }
        self.at += 1;
        loop {
            let next = self.peek().ok_or(Fault::NoLiteral)?;
            self.at += next.len_utf8();
            match next {
                _ if next == quote => return Ok(()),
                '\\' if raw => {
                    text.push('\\');
                    let escaped = self.peek().ok_or(Fault::NoLiteral)?;
                    self.at += escaped.len_utf8();
                    text.push(escaped);
                }
                '\\' => self.escape(text)?,
                _ => text.push(next),
            }
        }
    }

    /// Passes over a string between threefold quotes.
    fn threefold(&mut self, quote: char) -> Read<()> {
        let close = quote.to_string().repeat(3);
        self.at += close.len();
        self.passed = Some("threefold quotes are not supported");
        while !self.rest().starts_with(&close) {
            let next = self.peek().ok_or(Fault::NoLiteral)?;
            self.at += next.len_utf8();
            if next == '\\' {
                self.at += self.peek().map_or(0, char::len_utf8);
            }
        }
        self.at += close.len();
        Ok(())
    }

    fn escape(&mut self, text: &mut String) -> Read<()> {
        let kind = self.peek().ok_or(Fault::NoLiteral)?;
        self.at += kind.len_utf8();
        let simple = match kind {
            '\\' | '\'' | '"' => kind,
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '0'..='7' => return Err(Fault::Unknown("octal escapes are not supported")),
            'N' => return Err(Fault::Unknown("escapes by name are not supported")),
            other => {
                text.push('\\');
                other
            }
        };
        text.push(simple);
        Ok(())
    }

    fn code(&mut self, digits: usize) -> Read<char> {
        let code = self.rest().get(..digits).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = code.and_then(|code| u32::from_str_radix(code, 16).ok()).ok_or(Fault::NoLiteral)?;
        self.at += digits;
        char::from_u32(code).ok_or(Fault::Unknown("it has half of a surrogate pair"))
    }
}

/// Whether a string of bytes begins with this before its quote.
fn is_prefix_of_bytes(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "b" | "br" | "rb")
}

/// A number by Python's rules: `_` only between digits, no leading zeros but in a float.
fn number(token: &str, negative: bool) -> Read<Value> {
    let lower = token.to_ascii_lowercase();
    let radix = match lower.get(..2) {
        Some("0x") => Some(16),
        Some("0o") => Some(8),
        Some("0b") => Some(2),
        _ => None,
    };
    let digits = if radix.is_some() { &lower[2..] } else { &lower };
    let plain = without_underscores(digits, radix.is_some()).ok_or(Fault::NoLiteral)?;
    let value = match radix {
        Some(radix) => integer(&plain, radix)?,
        None if plain.contains(['.', 'e']) => return float(&plain, negative),
        None if plain.len() > 1 && plain.starts_with('0') && plain.bytes().any(|byte| byte != b'0') => {
            return Err(Fault::NoLiteral);
        }
        None => integer(&plain, 10)?,
    };
    let value = if negative { -value } else { value };
    if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value) {
        Ok(Value::Int(value))
    } else {
        Err(Fault::Unknown("it does not fit into 64 bits"))
    }
}

fn integer(digits: &str, radix: u32) -> Read<i128> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Fault::NoLiteral);
    }
    i128::from_str_radix(digits, radix).map_err(|_| Fault::Unknown("it does not fit into 64 bits"))
}

fn float(plain: &str, negative: bool) -> Read<Value> {
    let shape = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'));
    let value: f64 = plain.parse().ok().filter(|_| shape).ok_or(Fault::NoLiteral)?;
    Ok(Value::Float(if negative { -value } else { value }))
}

/// The digits alone; none if an underscore does not stand between two of them.
fn without_underscores(digits: &str, with_radix: bool) -> Option<String> {
    let bytes = digits.as_bytes();
    // Letters are digits only after a prefix such as `0x`; elsewhere they are an exponent's.
    let is_digit = |byte: &u8| if with_radix { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    for (at, _) in digits.match_indices('_') {
        let before = if at == 0 { with_radix } else { is_digit(&bytes[at - 1]) };
        let after = bytes.get(at + 1).is_some_and(is_digit);
        if !before || !after {
            return None;
        }
    }
    Some(digits.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(text: &str) -> Literal {
        read(text, &Source::new("hosts", text), Span::default())
    }

    /// Answers of Python's `ast.literal_eval`.
    #[test]
    fn only_what_python_reads_as_bytes_a_set_or_threefold_quotes_is_refused() {
        for text in [
            r#"-o ProxyCommand="ssh -W %h:%p jump@lab""#,
            "{{ a | default('web') }}",
            "Welcome to Bob's lab",
            "B'day",
            "b'x' foo",
            "'a' b'c'",
            "b'a' 'c'",
            "b'é'",
            "f'a'",
            "it's '''x'''",
            "'''a''' b",
            "x'''a'''",
            "'''a",
            "set",
            "set foo",
            "set(1)",
            "set()()",
            "1_e5",
            "1e_5",
            "1_.5",
        ] {
            assert_eq!(is(text), Literal::Text, "{text}");
        }
        for text in [
            "b'x'",
            "rB'x'",
            "bR\"x\"",
            "br'x' rb'y'",
            "[b'a', 1]",
            "{1: b''}",
            "'''a'''",
            "u'''a'''",
            "'a' '''b'''",
            "set()",
            "set ( )",
            "[set()]",
        ] {
            assert!(matches!(is(text), Literal::Unknown(_)), "{text}");
        }
        assert_eq!(is("0x_f"), Literal::Value(Value::Int(15)));
        assert_eq!(is("1e1_0"), Literal::Value(Value::Float(1e10)));
        let empty = Text { text: "".into(), style: Style::SingleQuoted, literal: false };
        assert_eq!(is("'' ''"), Literal::Value(Value::String(empty)));
    }
}
