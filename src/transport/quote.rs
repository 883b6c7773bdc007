/// One shell word, whatever the text: what is between single quotes has no meaning to any shell of the POSIX family.
pub(super) fn quote(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + text.len() / 8 + 2);
    word.push('\'');
    let mut rest = text;
    while let Some(at) = rest.find('\'') {
        word.push_str(&rest[..at]);
        word.push_str("'\\''");
        rest = &rest[at + 1..];
    }
    word.push_str(rest);
    word.push('\'');
    word
}

/// A word of a command line that a person is going to read: quoted only where that is needed.
pub(super) fn readable(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { quote(text) }
}

#[cfg(test)]
mod tests {
    use super::{quote, readable};

    #[test]
    fn quotes() {
        assert_eq!(quote("a'b'"), r"'a'\''b'\'''");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("$(x) `y` \\ !"), "'$(x) `y` \\ !'");
    }

    #[test]
    fn readable_words_stay_bare() {
        assert_eq!(readable("StrictHostKeyChecking=yes"), "StrictHostKeyChecking=yes");
        assert_eq!(readable("a b"), "'a b'");
        assert_eq!(readable(""), "''");
    }
}
