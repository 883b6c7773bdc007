//! A line of words, as a POSIX shell splits it, without anything being expanded.

use crate::contract::PlanError;

/// Splits a line into words as a POSIX shell does, without expanding anything.
///
/// # Errors
/// [`PlanError`] where a quote is not closed, or the line ends in a backslash.
pub fn split(line: &str) -> Result<Vec<String>, PlanError> {
    let (mut words, mut word, mut open) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (open, c) {
            (Some(quote), c) if c == quote => open = None,
            (None, '\'' | '"') => {
                open = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err(PlanError::new("the command ends in a backslash")),
            },
            (None, c) if c.is_whitespace() => words.extend(word.take()),
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
    fn a_line_is_split_as_a_shell_splits_it() {
        let words = |line| split(line).map_err(|error| error.message);
        assert_eq!(
            words(r#"a 'b c' "d \" e" f\ g ''"#),
            Ok(vec!["a", "b c", "d \" e", "f g", ""].into_iter().map(String::from).collect())
        );
        assert_eq!(words("a 'b"), Err("the command has an unclosed '".to_owned()));
        assert_eq!(words("$HOME `id`"), Ok(vec!["$HOME".to_owned(), "`id`".to_owned()]));
    }
}
