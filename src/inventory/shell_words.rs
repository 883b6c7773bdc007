//! The words of a line, by the rules of Python's `shlex`: blanks, quotes, backslashes, comments.

use std::ops::Range;

/// What separates words; other blanks of Unicode, such as U+00A0, belong to them.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A word, and where it stands in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Its text, quotes and backslashes resolved.
    pub text: String,
    /// What was written.
    pub range: Range<usize>,
}

/// Splits a line; with comments, an unquoted `#` ends it, even within a word.
pub(super) fn split(line: &str, comments: bool) -> Result<Vec<Word>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Word>, None);
    let mut characters = line.char_indices();
    while let Some((at, next)) = characters.next() {
        if quote.is_none() && BLANKS.contains(&next) {
            words.extend(word.take());
            continue;
        }
        if quote.is_none() && comments && next == '#' {
            break;
        }
        let word = word.get_or_insert_with(|| Word { text: String::new(), range: at..at });
        word.range.end = at + next.len_utf8();
        match (next, quote) {
            (_, Some(open)) if next == open => quote = None,
            ('\\', None | Some('"')) => {
                let (at, escaped) = characters.next().ok_or("nothing follows the backslash")?;
                // Between double quotes a backslash escapes only itself and the quote.
                if quote.is_some() && !matches!(escaped, '\\' | '"') {
                    word.text.push('\\');
                }
                word.text.push(escaped);
                word.range.end = at + escaped.len_utf8();
            }
            ('"' | '\'', None) => quote = Some(next),
            _ => word.text.push(next),
        }
    }
    words.extend(word);
    if quote.is_some() { Err("a quote is not closed") } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shlexes() {
        let split =
            |line| split(line, true).map(|words| words.into_iter().map(|word| word.text).collect::<Vec<_>>());
        assert_eq!(split(r#"web a="b c" d=e\ f g='h"i' # j"#).unwrap(), ["web", "a=b c", "d=e f", "g=h\"i"]);
        assert_eq!(split(r#""a\nb" x#y z"#).unwrap(), ["a\\nb", "x"]);
        assert_eq!(split("a\u{a0}b c\u{2003}d\u{3000}\te").unwrap(), ["a\u{a0}b", "c\u{2003}d\u{3000}", "e"]);
        assert!(split("a='b").is_err());
    }
}
