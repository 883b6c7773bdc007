//! Python's regular expressions, as far as `grep -E` has the same.

use std::iter::Peekable;
use std::str::Chars;

/// The extended regular expression that finds the same lines.
///
/// # Errors
/// The sentence that names what `grep -E` cannot do.
pub fn extended(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = pattern.chars().peekable();
    let refused =
        |what: &str| Err(format!("`{what}` in `{pattern}` cannot be looked for on a host; write it without"));
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out += "[0-9]",
                Some('D') => out += "[^0-9]",
                Some('w') => out += "[[:alnum:]_]",
                Some('W') => out += "[^[:alnum:]_]",
                Some('s') => out += "[[:space:]]",
                Some('S') => out += "[^[:space:]]",
                Some('t') => out.push('\t'),
                Some(c) if c.is_ascii_alphanumeric() => return refused(&format!("\\{c}")),
                Some(c) if ".[]()*+?{}|^$\\".contains(c) => out.extend(['\\', c]),
                Some(c) => out.push(c),
                None => return refused("\\"),
            },
            '[' => match class(&mut chars) {
                Ok(class) => out += &format!("[{class}]"),
                Err(what) => return refused(&what),
            },
            '(' if chars.next_if_eq(&'?').is_some() => {
                let kind: String =
                    std::iter::from_fn(|| chars.next_if(|c| !matches!(c, ')' | '>' | ':'))).collect();
                match (kind.as_str(), chars.next()) {
                    ("", Some(':')) => out.push('('),
                    (name, Some('>')) if name.starts_with("P<") => out.push('('),
                    _ => return refused("(?"),
                }
            }
            '*' | '+' | '?' | '}' => {
                out.push(c);
                // A lazy quantifier finds a line where a greedy one does.
                if chars.next_if_eq(&'?').is_none() && chars.peek() == Some(&'+') {
                    return refused(&format!("{c}+"));
                }
            }
            '\n' | '\r' => return refused("a line end"),
            c => out.push(c),
        }
    }
    Ok(out)
}

/// What stands between brackets, without the bracket that ends it.
fn class(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let mut class = String::new();
    class.extend(chars.next_if_eq(&'^'));
    class.extend(chars.next_if_eq(&']'));
    loop {
        match chars.next() {
            Some(']') => return Ok(class),
            Some('\\') => match chars.next() {
                Some('d') => class += "0-9",
                Some('w') => class += "[:alnum:]_",
                Some('s') => class += "[:space:]",
                Some(c) if "./()+*?${}|".contains(c) => class.push(c),
                other => return Err(format!("\\{}", other.map_or(String::new(), String::from))),
            },
            Some(c) => class.push(c),
            None => return Err("[".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::extended;

    #[test]
    fn what_grep_can_do_is_translated_and_the_rest_refused() {
        for (pattern, expected) in [
            ("OpenSSH", Some("OpenSSH")),
            (r"^API listen on .*docker\.sock$", Some(r"^API listen on .*docker\.sock$")),
            (r"\d+ \w*?-\s", Some("[0-9]+ [[:alnum:]_]*-[[:space:]]")),
            (r"(?:a|b){2,3}?(?P<x>c)", Some("(a|b){2,3}(c)")),
            (r"[^\d.]x[]a]", Some("[^0-9.]x[]a]")),
            (r"a\/b\-c", Some("a/b-c")),
            (r"a(?=b)", None),
            (r"\bword\b", None),
            (r"(a)\1", None),
            ("a++", None),
            ("(?i)a", None),
            ("[a", None),
            (r"a\n", None),
        ] {
            assert_eq!(extended(pattern).ok().as_deref(), expected, "{pattern}");
        }
    }
}
