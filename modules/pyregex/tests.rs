//! Patterns beside the answers of Python's `re`.

use serde_json::{Value, json};

use super::{BytePattern, Flags, Pattern, Unmetered};

fn printable() -> impl Iterator<Item = String> {
    (' '..='~').map(String::from)
}

/// `fixtures/punctuation.json` holds patterns with each punctuation character in and out of a class, bare and escaped, and the
/// printable characters that `re.fullmatch` finds; `null` where `re.compile` refuses the pattern.
fn recorded() -> Vec<(String, Value)> {
    serde_json::from_str(include_str!("../tests/fixtures/punctuation.json")).expect("pairs")
}

/// Holds answers to the recorded ones: the characters that a pattern finds, or none where it is refused.
fn is_as_recorded(answer: impl Fn(&str) -> Option<String>) {
    for (source, expected) in recorded() {
        match answer(&source) {
            Some(found) => assert_eq!(json!(found), expected, "`{source}`"),
            None => assert!(
                expected.is_null() || source.contains("--"),
                "`{source}` is refused instead of {expected}"
            ),
        }
    }
}

#[test]
fn punctuation_means_what_it_means_to_python() {
    is_as_recorded(|source| {
        let pattern = Pattern::new(source, Flags::default()).ok()?;
        let whole = |text: &String| {
            let found = pattern.search(text, &Unmetered).expect("no bound");
            found.is_some_and(|groups| groups[0] == Some(text))
        };
        Some(printable().filter(whole).collect())
    });
}

#[test]
fn punctuation_means_the_same_to_patterns_over_bytes() {
    is_as_recorded(|source| {
        let pattern = BytePattern::new(source).ok()?;
        let whole =
            |text: &String| pattern.search(text.as_bytes()).is_some_and(|found| found.range() == (0..1));
        Some(printable().filter(whole).collect())
    });
}

#[test]
fn words_and_spaces_are_those_of_python() {
    let text = "aZ_9 e\u{301}é²½Ⅷª٣中ⓐ\u{200d}‿\u{903}-\u{1c}\u{85}";
    for (source, expected) in [
        (r"\w", Some("aZ_9eé²½Ⅷª٣中")),
        (r"\W", Some(" \u{301}ⓐ\u{200d}‿\u{903}-\u{1c}\u{85}")),
        (r"[\w]", Some("aZ_9eé²½Ⅷª٣中")),
        (r"[\W]", Some(" \u{301}ⓐ\u{200d}‿\u{903}-\u{1c}\u{85}")),
        (r"[^\w]", Some(" \u{301}ⓐ\u{200d}‿\u{903}-\u{1c}\u{85}")),
        (r"[^\W]", Some("aZ_9eé²½Ⅷª٣中")),
        (r"[\w-]", Some("aZ_9eé²½Ⅷª٣中-")),
        (r"[\W9]", Some("9 \u{301}ⓐ\u{200d}‿\u{903}-\u{1c}\u{85}")),
        (r"[^\w\s]", Some("\u{301}ⓐ\u{200d}‿\u{903}-")),
        (r"\s", Some(" \u{1c}\u{85}")),
        (r"\S", Some("aZ_9e\u{301}é²½Ⅷª٣中ⓐ\u{200d}‿\u{903}-")),
        (r"[\s]", Some(" \u{1c}\u{85}")),
        (r"[\S]", Some("aZ_9e\u{301}é²½Ⅷª٣中ⓐ\u{200d}‿\u{903}-")),
        (r"[^\S]", Some(" \u{1c}\u{85}")),
        (r"[a-\w]", None),
        (r"[\w-z]", None),
        (r"[\s-z]", None),
        (r"[a-c-\w]", Some("aZ_9eé²½Ⅷª٣中-")),
        (r"[8-9-e]", Some("9e-")),
    ] {
        let pattern = Pattern::new(source, Flags::default());
        let found = pattern.ok().map(|pattern| {
            let found = pattern.find_all(text, &Unmetered).expect("no bound");
            found.iter().filter_map(|groups| groups[0]).collect::<String>()
        });
        assert_eq!(found.as_deref(), expected, "`{source}`");
    }
}
