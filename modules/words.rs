//! A line of words, as Python's shlex splits it, without anything being expanded.

use crate::contract::PlanError;

/// Splits a line into words as Python's shlex does: quotes and backslashes as in a shell, nothing expanded. Within double
/// quotes a backslash is one, unless `"` or another backslash follows.
///
/// # Errors
/// [`PlanError`] where a quote is not closed, or the line ends in a backslash.
pub fn split(line: &str) -> Result<Vec<String>, PlanError> {
    let (mut words, mut word, mut open) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (open, c) {
            (Some(quote), c) if c == quote => open = None,
            (None, '\'' | '"') => {
                open = Some(c);
                word.get_or_insert_default();
            }
            (Some('"'), '\\') if !matches!(chars.peek(), Some('"' | '\\')) => {
                word.get_or_insert_default().push('\\');
            }
            (None | Some('"'), '\\') => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err(PlanError::new("the command ends in a backslash")),
            },
            (None, ' ' | '\t' | '\r' | '\n') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = open {
        return Err(PlanError::new(format!("the command has an unclosed {quote}")));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn a_line_is_split_as_shlex_splits_it() {
        let words = |line| split(line).map_err(|error| error.message);
        for (line, expected) in [
            (r#"a 'b c' "d \" e" f\ g ''"#, &["a", "b c", "d \" e", "f g", ""][..]),
            ("$HOME `id`", &["$HOME", "`id`"]),
            (r#""a\nb" 'c\d' e\f"#, &[r"a\nb", r"c\d", "ef"]),
            (r#"a"b"'c' "" x\"#, &[]),
            ("a\u{a0}b \t\r\n #c", &["a\u{a0}b", "#c"]),
        ] {
            match words(line) {
                Ok(words) => assert_eq!(words, expected, "{line}"),
                Err(error) => assert!(expected.is_empty() && error.contains("backslash"), "{line}: {error}"),
            }
        }
        assert_eq!(words("a 'b"), Err("the command has an unclosed '".to_owned()));
    }
}
