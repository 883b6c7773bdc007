//! Keys of mappings that are no text, in JSON, which has only text for keys.
//!
//! Between a file and a template, variables are JSON values. A key such as the `8080` of `8080: web` has a mark in front there, so
//! that a template sees the integer; where a value leaves for a module, a report or a file, [`plain`] takes the marks away.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

use serde_json::{Map, Value as Json};

/// A key of a mapping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Key<'t> {
    /// No value.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// Another number.
    Float(f64),
    /// Text.
    Text(&'t str),
}

/// What stands before the kind of a key. No host knows it, so that none can say a key that is taken for a number.
fn mark() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let mut mark = String::from('\u{fdd0}');
        for part in 0..2 {
            // Writing to a string cannot fail.
            _ = write!(mark, "{:016x}", RandomState::new().hash_one(part));
        }
        mark
    })
}

impl<'t> Key<'t> {
    /// The key that a text of JSON stands for.
    #[must_use]
    pub fn of(text: &'t str) -> Self {
        let Some(marked) = text.strip_prefix(mark()) else { return Self::Text(text) };
        match marked.split_at_checked(1) {
            Some(("n", _)) => Self::Null,
            Some(("b", value)) => Self::Bool(value == "true"),
            Some(("i", digits)) => digits.parse().map_or(Self::Text(text), Self::Int),
            Some(("f", digits)) => digits.parse().map_or(Self::Text(text), Self::Float),
            _ => Self::Text(text),
        }
    }

    /// The text that stands for this key in JSON; `plain` is how JSON itself would write it.
    #[must_use]
    pub fn marked(self, plain: &str) -> String {
        let kind = match self {
            Self::Text(_) => return plain.to_owned(),
            Self::Null => 'n',
            Self::Bool(_) => 'b',
            Self::Int(_) => 'i',
            Self::Float(_) => 'f',
        };
        format!("{}{kind}{plain}", mark())
    }
}

/// A value without marks: its keys as Python's `json` writes them.
///
/// # Errors
/// The key that is there twice once it is text.
pub fn plain(mut value: Json) -> Result<Json, String> {
    let mut twice = None;
    unmark(&mut value, &mut twice);
    twice.map_or(Ok(value), Err)
}

/// The same to be looked at: of keys that are one as text, the last counts.
#[must_use]
pub fn shown(mut value: Json) -> Json {
    unmark(&mut value, &mut None);
    value
}

/// The same of a mapping.
#[must_use]
pub fn shown_entries(mut entries: Map<String, Json>) -> Map<String, Json> {
    unmark_entries(&mut entries, &mut None);
    entries
}

fn unmark(value: &mut Json, twice: &mut Option<String>) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(|item| unmark(item, twice)),
        Json::Object(entries) => unmark_entries(entries, twice),
        _ => {}
    }
}

fn unmark_entries(entries: &mut Map<String, Json>, twice: &mut Option<String>) {
    entries.values_mut().for_each(|value| unmark(value, twice));
    // Each argument and result comes by here, and hardly any has a mark: what has none is not made anew.
    if !entries.keys().any(|key| key.starts_with(mark())) {
        return;
    }
    for (key, value) in std::mem::take(entries) {
        // Behind the mark stands the kind, one letter.
        let plain = key.strip_prefix(mark()).and_then(|marked| marked.get(1..)).map(str::to_owned);
        let key = plain.unwrap_or(key);
        if entries.contains_key(&key) {
            twice.get_or_insert_with(|| key.clone());
        }
        entries.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_keeps_its_kind_until_it_is_to_be_text() {
        let keys =
            [(Key::Null, "null"), (Key::Bool(true), "true"), (Key::Int(-8), "-8"), (Key::Float(1.5), "1.5")];
        for (key, text) in keys {
            let marked = key.marked(text);
            assert_eq!(Key::of(&marked), key);
            let value = json!([{ marked: [1] }]);
            assert_eq!(shown(value.clone()), json!([{ text: [1] }]));
            assert_eq!(plain(value).unwrap(), json!([{ text: [1] }]));
        }
        assert_eq!(Key::of("8080"), Key::Text("8080"));
        assert_eq!(Key::Text("8080").marked("8080"), "8080");
    }

    #[test]
    fn keys_that_are_one_as_text_are_told() {
        let both = json!({ "1": "text", Key::Int(1).marked("1"): "integer" });
        assert_eq!(shown(both.clone()), json!({ "1": "integer" }));
        assert_eq!(plain(both).unwrap_err(), "1");
    }
}
