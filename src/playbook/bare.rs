//! Arguments in the text of a command: `creates=…`, `chdir=…` and their like are the module's, the rest is the command.

use std::ops::Range;

use crate::yaml::{Node, Style, Text, Value};

/// The argument that takes the text, once the others are taken out of it.
pub const RAW: &str = "_raw_params";

/// Ansible's names of arguments that may stand in the text.
const NAMES: &[&str] =
    &["creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"];

/// The arguments of a command's text, each at its place. It is read before its templates are rendered: what a variable holds
/// never becomes an argument.
pub fn words_of(node: &Node) -> Vec<(String, Node)> {
    let text = node.as_str().unwrap_or_default();
    let mut found = Vec::new();
    let mut rest: Vec<Range<usize>> = Vec::new();
    for word in words(text) {
        let named = text[word.clone()].split_once('=').filter(|(name, _)| NAMES.contains(name));
        if let Some((name, value)) = named {
            let start = word.start + name.len() + 1;
            found.push((name.to_owned(), part(node, start..word.end, unquoted(value))));
        } else {
            rest.push(word);
        }
    }
    let raw = match (rest.first(), rest.last()) {
        _ if found.is_empty() => node.clone(),
        (Some(first), Some(last)) => part(node, first.start..last.end, &without(text, &rest)),
        _ => return found,
    };
    found.push((RAW.to_owned(), raw));
    found
}

/// The text from the first word to the last, without what was taken out in between.
fn without(text: &str, words: &[Range<usize>]) -> String {
    let mut kept = String::new();
    for (i, word) in words.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).map(|before| &words[before]) {
            let between = &text[before.end..word.start];
            kept += if between.trim().is_empty() { between } else { " " };
        }
        kept += &text[word.clone()];
    }
    kept
}

fn part(node: &Node, range: Range<usize>, text: &str) -> Node {
    let literal = matches!(&node.value, Value::String(Text { literal: true, .. }));
    let place = node.part(range);
    let value = Value::String(Text { text: text.into(), style: Style::Plain, literal });
    Node { value, span: place.span, source: place.source }
}

/// A value without the quotes around it.
fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

/// The words of a text; spaces in quotes and in templates are no ends of words.
fn words(text: &str) -> Vec<Range<usize>> {
    let (mut words, mut start, mut quote, mut depth, mut escaped) = (Vec::new(), None, None, 0_u32, false);
    for (at, c) in text.char_indices() {
        let pair = text.get(at..at + 2).unwrap_or_default();
        match (quote, c) {
            _ if escaped => escaped = false,
            (_, '\\') if depth == 0 => escaped = true,
            (None, _) if matches!(pair, "{{" | "{%" | "{#") => depth += 1,
            (None, _) if matches!(pair, "}}" | "%}" | "#}") => depth = depth.saturating_sub(1),
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') if depth == 0 => quote = Some(c),
            _ => {}
        }
        if c.is_whitespace() && quote.is_none() && depth == 0 {
            words.extend(start.take().map(|start| start..at));
        } else {
            start.get_or_insert(at);
        }
    }
    words.extend(start.map(|start| start..text.len()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    fn read(text: &str) -> Vec<(String, String)> {
        let source = Source::new("t", serde_json::to_string(text).unwrap());
        let node = parse(&source).unwrap();
        words_of(&node).into_iter().map(|(name, node)| (name, node.as_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn arguments_in_the_text_are_the_modules() {
        for (text, expected) in [
            ("echo  'a b'", &[("_raw_params", "echo  'a b'")][..]),
            ("echo hi creates=/x", &[("creates", "/x"), ("_raw_params", "echo hi")]),
            ("chdir=/srv make all", &[("chdir", "/srv"), ("_raw_params", "make all")]),
            ("a creates=\"/x y\" b", &[("creates", "/x y"), ("_raw_params", "a b")]),
            ("a creates={{ b + ' c' }} d", &[("creates", "{{ b + ' c' }}"), ("_raw_params", "a d")]),
            ("a 'x creates=/y'", &[("_raw_params", "a 'x creates=/y'")]),
            ("docker run -e A=b c=d", &[("_raw_params", "docker run -e A=b c=d")]),
            ("creates=/x", &[("creates", "/x")]),
            ("it\\'s creates=/x", &[("creates", "/x"), ("_raw_params", "it\\'s")]),
        ] {
            let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn each_part_keeps_its_place() {
        let source = Source::new("t", "- a b creates={{ c }}\n");
        let node = parse(&source).unwrap();
        let words = words_of(&node.as_seq().unwrap()[0]);
        assert_eq!(words[0].1.written(), "{{ c }}");
        assert_eq!(words[1].1.written(), "a b");
    }
}
