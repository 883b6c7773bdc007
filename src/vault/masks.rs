//! What must not be printed.

use std::borrow::Cow;
use std::collections::HashSet;

use aho_corasick::{AhoCorasick, MatchKind};

/// A value that was encrypted on its own is a secret, unless it is so short that it stands in every other word, in
/// characters.
pub(super) const SINGLE: usize = 4;
/// An encrypted file holds more than secrets: what is shorter than this is left, in characters.
pub(super) const IN_FILE: usize = 6;
/// What stands in the place of a secret.
const MASK: &str = "***";

/// Texts that are replaced wherever they stand.
#[derive(Default)]
pub(super) struct Masks {
    texts: HashSet<String>,
    finder: Option<AhoCorasick>,
}

impl Masks {
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    pub fn has(&self, text: &str) -> bool {
        self.texts.contains(text)
    }

    /// Adds a text as it is, each of its lines, and both as JSON has them between quotes.
    pub fn add(&mut self, text: &str, at_least: usize) {
        let before = self.texts.len();
        for part in text.lines().map(str::trim).chain([text, text.trim_end()]) {
            if part.trim().chars().count() >= at_least {
                let json = serde_json::Value::from(part).to_string();
                self.texts.insert(json[1..json.len() - 1].to_owned());
                self.texts.insert(part.to_owned());
            }
        }
        if self.texts.len() > before {
            // The longest of those that begin at one place is replaced, so that nothing of it is left over.
            let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(&self.texts);
            self.finder = finder.ok();
        }
    }

    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.finder {
            Some(finder) if finder.is_match(text) => {
                Cow::Owned(finder.replace_all(text, &vec![MASK; finder.patterns_len()]))
            }
            _ => Cow::Borrowed(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_their_json_are_masked_and_short_words_are_not() {
        let mut masks = Masks::default();
        masks.add("-----BEGIN-----\n  first \"line\"\nno\n", IN_FILE);
        assert_eq!(masks.apply("x first \"line\" no"), "x *** no");
        assert_eq!(masks.apply("{\"a\":\"first \\\"line\\\"\"}"), "{\"a\":\"***\"}");
        assert_eq!(masks.apply("-----BEGIN-----\n  first \"line\"\nno\n"), "***");
        masks.add("first", SINGLE);
        assert_eq!(masks.apply("first \"line\""), "***", "the longer one");
        assert_eq!(masks.apply("first line"), "*** line");
        masks.add("abc", SINGLE);
        assert_eq!(masks.apply("abc"), "abc");
    }
}
