//! The tree: values, each with its place.

use std::{ops::Range, sync::Arc};

use super::{Place, Source, Span};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands in the text.
    pub span: Span,
    /// The text.
    pub source: Arc<Source>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// An integer between the smallest signed and the largest unsigned one of 64 bits.
    Int(i128),
    /// A number with a point.
    Float(f64),
    /// Text.
    String(Text),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping: its keys, unique, each with its value, in the order of the text.
    Map(Vec<(Node, Node)>),
    /// `!vault`: the armoured ciphertext.
    Vault(Arc<str>),
}

/// A string, and how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The characters, escapes resolved.
    pub text: Arc<str>,
    /// How it was written.
    pub style: Style,
    /// `!unsafe`: never to be read as a template.
    pub literal: bool,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// A date without quotes, such as `2026-01-31`: Ansible has a date here, which prints as this text.
    Date,
    /// In single quotes.
    SingleQuoted,
    /// In double quotes.
    DoubleQuoted,
    /// A block after `|`.
    Literal,
    /// A block after `>`.
    Folded,
}

/// What makes two keys of a mapping the same one: equal numbers are, however they are written, and so are `true` and 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// The empty key.
    Null,
    /// A number or a boolean, as the bits of a float.
    Number(u64),
    /// Text.
    String(Arc<str>),
}

impl Node {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        Place { source: Arc::clone(&self.source), span: self.span }
    }

    /// The text as it was written, quotes included.
    #[must_use]
    pub fn written(&self) -> &str {
        self.source.text.get(self.span.start..self.span.end).unwrap_or_default()
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(&text.text),
            _ => None,
        }
    }

    /// The entries, if this is a mapping.
    #[must_use]
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if this is a list.
    #[must_use]
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// Whether this is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The value under a text key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        let (_, value) = self.as_map()?.iter().find(|(name, _)| name.as_str() == Some(key))?;
        Some(value)
    }

    /// What this is, in a word for messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Seq(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Vault(_) => "a vault value",
        }
    }

    /// Whether any text in it may be a template.
    #[must_use]
    pub fn has_template(&self) -> bool {
        match &self.value {
            Value::String(text) => text.is_template(),
            Value::Seq(items) => items.iter().any(Node::has_template),
            Value::Map(entries) => {
                entries.iter().any(|(key, value)| key.has_template() || value.has_template())
            }
            _ => false,
        }
    }

    /// What makes it the same key as another; none if it cannot be one.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "only equality matters, and Python's keys compare so as well"
    )]
    pub fn key(&self) -> Option<Key> {
        Some(match &self.value {
            Value::Null => Key::Null,
            Value::Bool(value) => Key::Number(f64::from(u8::from(*value)).to_bits()),
            Value::Int(value) => Key::Number((*value as f64).to_bits()),
            Value::Float(value) => Key::Number((value + 0.0).to_bits()),
            Value::String(text) => Key::String(Arc::clone(&text.text)),
            Value::Seq(_) | Value::Map(_) | Value::Vault(_) => return None,
        })
    }

    /// The place of a part of this string's text, as exact as the way it was written allows: the part itself where the
    /// text stands as it is or in a block, the whole string where escapes or folding moved the characters.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Place {
        let Value::String(text) = &self.value else { return self.place() };
        let shifted = match text.style {
            Style::Literal => self.block_offset(&text.text, range.start),
            // Written as it is: not looked for, as a text may be asked for each of its many parts.
            _ if self.written().len() == text.text.len() => Some(self.span.start + range.start),
            _ => self.written().find(&*text.text).map(|at| self.span.start + at + range.start),
        };
        let length = range.end.saturating_sub(range.start);
        match shifted {
            Some(start) if self.source.text.get(start..start + length) == text.text.get(range) => {
                self.source.place(start..start + length)
            }
            _ => self.place(),
        }
    }

    /// Where a character of a literal block's text stands: the block's lines are those of the text, indented; the first
    /// one begins after its indentation.
    fn block_offset(&self, text: &str, offset: usize) -> Option<usize> {
        let before = text.get(..offset)?;
        let (line, column) =
            (before.matches('\n').count(), before.len() - before.rfind('\n').map_or(0, |at| at + 1));
        let written = self.written();
        let wanted = text.lines().nth(line)?;
        let mut start = 0;
        for (number, candidate) in written.split_inclusive('\n').enumerate() {
            if number == line {
                let indent = candidate.trim_end_matches(['\n', '\r']).strip_suffix(wanted)?.len();
                return Some(self.span.start + start + indent + column);
            }
            start += candidate.len();
        }
        None
    }
}

impl Text {
    /// Whether the text may be a template: it holds `{{`, `{%` or `{#` and is not `!unsafe`.
    #[must_use]
    pub fn is_template(&self) -> bool {
        !self.literal && self.has_marks()
    }

    /// Whether the text looks like a template.
    pub(super) fn has_marks(&self) -> bool {
        ["{{", "{%", "{#"].iter().any(|mark| self.text.contains(mark))
    }
}
