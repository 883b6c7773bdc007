//! Foreign text made visible: what a host or a file says must not move the cursor, change colours or hide itself.

use std::fmt::Write as _;

/// Text of one line: every control character is shown, line ends and tabs too.
#[must_use]
pub fn line(text: &str) -> String {
    shown(text, |_| false)
}

/// Text of several lines: line ends and tabs stay, all other control characters are shown.
#[must_use]
pub fn text(text: &str) -> String {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

/// The text with every private key in PEM, whole or cut short, taken out: given where something else belongs, one would be
/// repeated by the error.
#[must_use]
pub fn without_keys(text: &str) -> String {
    const MARK: &str = "PRIVATE KEY-----";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let (head, tail) = rest.split_at(at);
        out.push_str(head.rfind("-----BEGIN").map_or(head, |begin| &head[..begin]));
        out.push_str("(a private key, not shown)");
        let tail = &tail[MARK.len()..];
        // One that is cut short takes what follows with it: a line of it must not pass for the text after it.
        let end = tail.find("-----END").and_then(|end| Some(end + tail[end..].find(MARK)? + MARK.len()));
        rest = end.map_or("", |end| &tail[end..]);
    }
    out + rest
}

/// Control characters as `less` shows them: `^[` for escape, `<U+202E>` for what is beyond ASCII.
fn shown(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if kept(c) => out.push(c),
            '\x7f' => out.push_str("^?"),
            '\0'..='\x1f' => {
                out.push('^');
                out.push(char::from(c as u8 + b'@'));
            }
            c if is_hidden(c) => _ = write!(out, "<U+{:04X}>", u32::from(c)),
            c => out.push(c),
        }
    }
    out
}

/// Characters that a terminal obeys or does not draw: C1 controls, marks of direction, spaces without width, tags, and the two that XML forbids.
const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_terminal_is_not_commanded() {
        assert_eq!(line("a\x1b[31mred\x07\r\n\tb\x7f"), "a^[[31mred^G^M^J^Ib^?");
        assert_eq!(text("a\tb\r\nc\x1b]0;title\x07"), "a\tb^M\nc^[]0;title^G");
        assert_eq!(line("\u{9b}2J\u{202e}txt\u{feff}\u{200b}"), "<U+009B>2J<U+202E>txt<U+FEFF><U+200B>");
        assert_eq!(text("Zürich 東京 ✓"), "Zürich 東京 ✓");
    }

    #[test]
    fn no_key_is_repeated() {
        let key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\n-----END EC PRIVATE KEY-----\n";
        let shown = "`(a private key, not shown)\n` is no file";
        assert_eq!(without_keys(&format!("`{key}` is no file")), shown);
        assert_eq!(
            without_keys(&format!("`{}` is no file", key.replace('\n', " "))),
            shown.replace('\n', " ")
        );
        assert_eq!(without_keys(&format!("{key}and {key}")).matches("(a private key, not shown)").count(), 2);
        assert_eq!(without_keys(&format!("a {}", &key[..40])), "a (a private key, not shown)");
        assert_eq!(without_keys("a PRIVATE KEY stands here"), "a PRIVATE KEY stands here");
    }

    proptest! {
        #[test]
        fn what_is_shown_holds_nothing_hidden_and_is_not_changed_again(given in any::<String>()) {
            let once = text(&given);
            prop_assert!(!once.chars().any(|c| is_hidden(c) || (c.is_control() && !matches!(c, '\n' | '\t'))));
            prop_assert_eq!(text(&once), once);
        }
    }
}
