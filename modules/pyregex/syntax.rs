//! The syntax of Python's patterns, rewritten in that of the engine.

use super::RegexError;

/// A rewritten pattern.
pub(super) struct Translated {
    pub(super) source: String,
    /// Whether it has a `$` that Python also lets match before a last line end.
    pub(super) soft_end: bool,
    /// Whether a match of nothing may hide one of something at the same place, which Python would find next:
    /// it has alternatives or lazy quantifiers, and not only places such as `^` and `$`.
    pub(super) may_hide: bool,
    /// Whether `^` and `$` stand at each line.
    pub(super) multiline: bool,
}

fn refuse(message: impl Into<String>) -> RegexError {
    RegexError(message.into())
}

/// Rewrites a pattern.
pub(super) fn translate(pattern: &str, multiline: bool) -> Result<Translated, RegexError> {
    walk(pattern, multiline, false)
}

/// The same for a pattern that is searched in the bytes of one line.
pub(super) fn translate_bytes(pattern: &str) -> Result<Translated, RegexError> {
    walk(pattern, false, true)
}

fn walk(pattern: &str, multiline: bool, bytes: bool) -> Result<Translated, RegexError> {
    let mut walk = Walk {
        rest: pattern.chars().collect(),
        at: 0,
        out: String::new(),
        multiline,
        bytes,
        traits: Traits::default(),
    };
    while let Some(c) = walk.next() {
        walk.one(c)?;
    }
    let may_hide = walk.traits.chooses && walk.traits.consumes;
    let multiline = walk.multiline;
    Ok(Translated { soft_end: walk.traits.soft_end, may_hide, multiline, source: walk.out })
}

struct Walk {
    rest: Vec<char>,
    at: usize,
    out: String,
    multiline: bool,
    /// A character is a byte.
    bytes: bool,
    traits: Traits,
}

/// What has been seen of a pattern.
#[derive(Default)]
struct Traits {
    soft_end: bool,
    /// It has alternatives or lazy quantifiers.
    chooses: bool,
    /// It has something that matches a character.
    consumes: bool,
}

/// What stands before a hyphen in a class.
enum Item {
    /// Its start, or a range.
    Nothing,
    Character,
    /// A kind of characters, such as `\d`.
    Kind,
}

impl Walk {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.get(self.at).copied();
        self.at += 1;
        c
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest.get(self.at + ahead).copied()
    }

    /// A character as itself. `<` and `>` mean nothing to the engine as they are, and with a backslash the edges of a word.
    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    fn one(&mut self, c: char) -> Result<(), RegexError> {
        match c {
            '\\' => self.escape(false)?,
            '[' => self.class()?,
            '(' => self.group()?,
            '^' => self.place("^")?,
            '$' if self.multiline => self.place("$")?,
            // A line has no line feed but at its end.
            '$' if self.bytes => self.place("(?m:$)")?,
            '$' => {
                self.traits.soft_end = true;
                self.place("\\z")?;
            }
            '|' => {
                self.traits.chooses = true;
                self.out.push(c);
            }
            ')' => self.out.push(c),
            '*' | '+' | '?' => {
                self.out.push(c);
                self.after_quantifier()?;
            }
            '{' => self.braces()?,
            '}' | ']' => {
                self.traits.consumes = true;
                self.literal(c);
            }
            c => {
                self.traits.consumes = true;
                self.out.push(c);
                self.one_byte(c)?;
            }
        }
        Ok(())
    }

    /// A character that is several bytes cannot be repeated as one.
    fn one_byte(&self, c: char) -> Result<(), RegexError> {
        let repeated = matches!(self.peek(0), Some('*' | '+' | '?' | '{'));
        if self.bytes && !c.is_ascii() && repeated {
            return Err(refuse(format!(
                "`{c}` is several bytes, of which Python repeats the last; write `(?:{c})`"
            )));
        }
        Ok(())
    }

    /// A place, as opposed to a character: Python refuses to repeat one.
    fn place(&mut self, source: &str) -> Result<(), RegexError> {
        self.out.push_str(source);
        let repeated = matches!(self.peek(0), Some('*' | '+' | '?'));
        if repeated || (self.peek(0) == Some('{') && self.counts(1).is_some()) {
            return Err(refuse("a place such as `^`, `$` or `\\b` cannot be repeated"));
        }
        Ok(())
    }

    fn after_quantifier(&mut self) -> Result<(), RegexError> {
        if self.peek(0) == Some('?') {
            self.traits.chooses = true;
            self.next();
            self.out.push('?');
        }
        match self.peek(0) {
            Some('+' | '*' | '?') => {
                Err(refuse("a quantifier right after another is not supported; group the first with `(?:…)`"))
            }
            Some('{') if self.counts(1).is_some() => {
                Err(refuse("a quantifier right after another is not supported; group the first with `(?:…)`"))
            }
            _ => Ok(()),
        }
    }

    /// The bounds of a `{m,n}` whose inside starts `skip` characters from here, and how long the rest of it is.
    fn counts(&self, skip: usize) -> Option<(String, usize)> {
        let from = self.at + skip;
        let close = self.rest.get(from..)?.iter().position(|c| *c == '}')?;
        let inner: String = self.rest[from..from + close].iter().collect();
        let (low, high) = inner.split_once(',').unwrap_or((&inner, &inner));
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        if !digits(low) || !digits(high) || inner.is_empty() {
            return None;
        }
        let low = if low.is_empty() { "0" } else { low };
        Some((
            if inner.contains(',') { format!("{{{low},{high}}}") } else { format!("{{{low}}}") },
            close + 1,
        ))
    }

    fn braces(&mut self) -> Result<(), RegexError> {
        if let Some((counts, length)) = self.counts(0) {
            self.out.push_str(&counts);
            self.at += length;
            self.after_quantifier()
        } else {
            self.traits.consumes = true;
            self.literal('{');
            Ok(())
        }
    }

    fn group(&mut self) -> Result<(), RegexError> {
        self.out.push('(');
        if self.peek(0) != Some('?') {
            return Ok(());
        }
        let kind = (self.peek(1), self.peek(2));
        match kind {
            (Some(':'), _) | (Some('P'), Some('<')) => {
                self.out.push('?');
                self.next();
                Ok(())
            }
            (Some('=' | '!'), _) | (Some('<'), Some('=' | '!')) => Err(refuse(
                "look-around (`(?=`, `(?!`, `(?<=`, `(?<!`) is not supported; match the text and use a group",
            )),
            (Some('P'), Some('=')) => Err(refuse("a reference back (`(?P=`) is not supported")),
            (Some(c), _) if c.is_ascii_lowercase() || c == '-' => self.flags(),
            _ => Err(refuse("a group that starts with `(?` and this character is not supported")),
        }
    }

    fn flags(&mut self) -> Result<(), RegexError> {
        let rest = &self.rest[self.at + 1..];
        let length = rest
            .iter()
            .position(|c| matches!(c, ')' | ':'))
            .ok_or_else(|| refuse("a group is not closed"))?;
        let flags: String = rest[..length].iter().collect();
        let on = flags.split('-').next().unwrap_or_default();
        if !flags.chars().all(|c| matches!(c, 'i' | 'm' | 's' | 'u' | '-')) {
            return Err(refuse(format!("the flags `{flags}` in a pattern are not supported")));
        }
        if flags.contains('m') {
            if self.out != "(" || rest[length] != ')' {
                return Err(refuse("the flag `m` is only supported at the start of a pattern"));
            }
            self.multiline = true;
        } else if rest[length] == ')' && self.out != "(" {
            return Err(refuse("flags for the whole pattern belong at its start"));
        }
        if on.is_empty() && !flags.starts_with('-') {
            return Err(refuse("a group of flags is empty"));
        }
        self.out.push('?');
        self.out.push_str(&flags.replace('u', ""));
        self.at += 1 + length;
        Ok(())
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) -> Result<(), RegexError> {
        let Some(c) = self.next() else { return Err(refuse("the pattern ends in a backslash")) };
        match c {
            'd' | 'D' | 'n' | 'r' | 't' | 'f' | 'v' | 'a' => self.out.extend(['\\', c]),
            'w' | 'W' | 's' | 'S' if self.bytes => self.out.extend(['\\', c]),
            // `str.isalnum` has no combining marks, which the engine takes for parts of a word.
            'w' => self.out.push_str("[\\p{L}\\p{N}_]"),
            'W' => self.out.push_str("[^\\p{L}\\p{N}_]"),
            's' => self.out.push_str("[\\s\\x1c-\\x1f]"),
            'S' => self.out.push_str("[^\\s\\x1c-\\x1f]"),
            'b' if in_class => self.out.push_str("\\x08"),
            'b' | 'B' | 'A' if !in_class => return self.place(&format!("\\{c}")),
            'Z' if !in_class => return self.place("\\z"),
            'x' => self.code(2)?,
            'u' => self.code(4)?,
            'U' => self.code(8)?,
            '0' if !self.peek(0).is_some_and(|c| c.is_ascii_digit()) => self.out.push_str("\\x00"),
            '0'..='9' => {
                return Err(refuse(format!("a reference back (`\\{c}`) in a pattern is not supported")));
            }
            c if c.is_ascii_alphabetic() => return Err(refuse(format!("`\\{c}` in a pattern is unknown"))),
            c => self.literal(c),
        }
        self.traits.consumes = true;
        Ok(())
    }

    fn code(&mut self, digits: usize) -> Result<(), RegexError> {
        let text: String = self.rest[self.at.min(self.rest.len())..].iter().take(digits).collect();
        let whole = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !whole {
            return Err(refuse("a character's code in a pattern is incomplete"));
        }
        self.out.extend([format!("\\x{{{text}}}")]);
        self.at += digits;
        Ok(())
    }

    /// A class of characters: brackets, `&`, `~` and `-` inside mean more to the engine than to Python.
    fn class(&mut self) -> Result<(), RegexError> {
        self.out.push('[');
        if self.peek(0) == Some('^') {
            self.next();
            self.out.push('^');
        }
        let mut first = true;
        let mut before = Item::Nothing;
        loop {
            let Some(c) = self.next() else { return Err(refuse("a class of characters is not closed")) };
            before = match c {
                ']' if !first => break,
                '-' if !first && self.peek(0) != Some(']') => self.hyphen(before)?,
                c => self.item(c)?,
            };
            first = false;
        }
        self.out.push(']');
        self.traits.consumes = true;
        Ok(())
    }

    /// One item of a class.
    fn item(&mut self, c: char) -> Result<Item, RegexError> {
        match c {
            '\\' => {
                let item = if self.at_kind() { Item::Kind } else { Item::Character };
                self.escape(true)?;
                return Ok(item);
            }
            c if self.bytes && !c.is_ascii() => {
                return Err(refuse(format!("`{c}` is several bytes, each of which a class takes for one")));
            }
            c => self.literal(c),
        }
        Ok(Item::Character)
    }

    /// A hyphen in a class, and the end of the range if it makes one.
    fn hyphen(&mut self, before: Item) -> Result<Item, RegexError> {
        if self.peek(0) == Some('-') {
            return Err(refuse("`--` in a class of characters is not supported; escape the hyphens"));
        }
        if matches!(before, Item::Nothing) {
            self.literal('-');
            return Ok(Item::Character);
        }
        self.out.push('-');
        let Some(c) = self.next() else { return Err(refuse("a class of characters is not closed")) };
        match (before, self.item(c)?) {
            (Item::Character, Item::Character) => Ok(Item::Nothing),
            _ => Err(refuse("a range in a class of characters goes from one character to another")),
        }
    }

    /// Whether a kind of characters follows, after its backslash.
    fn at_kind(&self) -> bool {
        matches!(self.peek(0), Some('d' | 'D' | 'w' | 'W' | 's' | 'S'))
    }
}
