//! Patterns over bytes, as Python has them for files that are read as such: letters are ASCII's, and a character is a byte.

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::syntax::translate_bytes;
use super::{Numbered, Part, RegexError, Replacement, last_line, number_of, refuse};

/// A pattern that lines are searched with.
#[derive(Debug)]
pub struct BytePattern {
    regex: Regex,
    multiline: bool,
}

/// Where a pattern has matched, and what its groups hold.
#[derive(Debug)]
pub struct ByteMatch<'t> {
    captures: Captures<'t>,
}

impl BytePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`RegexError`] where Python or this engine does not take it.
    pub fn new(pattern: &str) -> Result<Self, RegexError> {
        let translated = translate_bytes(pattern)?;
        let regex = RegexBuilder::new(&translated.source)
            .unicode(false)
            .size_limit(4 << 20)
            .dfa_size_limit(4 << 20)
            .build()
            .map_err(|error| {
                refuse(format!("the pattern is not understood: {}", last_line(&error.to_string())))
            })?;
        Ok(Self { regex, multiline: translated.multiline })
    }

    /// Whether it says `(?m)`, so that it looks at many lines at once.
    #[must_use]
    pub const fn is_multiline(&self) -> bool {
        self.multiline
    }

    /// The first match in one line, which holds no line feed but at its end.
    #[must_use]
    pub fn search<'t>(&self, line: &'t [u8]) -> Option<ByteMatch<'t>> {
        self.regex.captures(line).map(|captures| ByteMatch { captures })
    }
}

impl Numbered for BytePattern {
    fn group_number(&self, name: &str) -> Result<usize, RegexError> {
        number_of(name, self.regex.captures_len(), self.regex.capture_names())
    }
}

impl ByteMatch<'_> {
    /// Where it begins and ends.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.captures.get(0).map_or(0..0, |whole| whole.range())
    }

    /// The replacement with the groups' texts in it.
    #[must_use]
    pub fn expand(&self, replacement: &Replacement) -> Vec<u8> {
        let mut out = Vec::new();
        for part in &replacement.parts {
            out.extend_from_slice(match part {
                Part::Text(text) => text.as_bytes(),
                Part::Group(group) => self.captures.get(*group).map_or(&[][..], |group| group.as_bytes()),
            });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_stands_at_the_end_of_a_line_and_before_its_end() {
        for (pattern, line, found) in [
            ("^a$", "a\n", true),
            ("^a$", "a", true),
            ("^a\\n$", "a\n", true),
            ("^a\\Z", "a\n", false),
            ("a.$", "ab\n", true),
            ("^$", "\n", true),
            ("\\w", "\u{e9}", false),
            ("^..$", "\u{e9}", true),
        ] {
            assert_eq!(
                BytePattern::new(pattern).unwrap().search(line.as_bytes()).is_some(),
                found,
                "{pattern} {line:?}"
            );
        }
    }
}
