//! Tasks in one line: `name=value` words, split as Ansible splits them.

use std::ops::Range;

use crate::yaml::{Node, Problem, Style, Text, Value};

/// What a line of words holds.
pub(super) struct Line {
    /// The `name=value` words, in order.
    pub pairs: Vec<(Node, Node)>,
    /// All other words, with the space between them.
    pub rest: Option<Node>,
}

/// The arguments that may stand within the bare text of `command` and its like; other `name=value` words are part of it.
pub(super) const WITHIN_COMMANDS: &[&str] =
    &["creates", "removes", "chdir", "executable", "warn", "stdin", "stdin_add_newline", "strip_empty_ends"];

/// Splits a text into its words. Quotes and templates keep their spaces. Where `only` is given, no other names are taken.
///
/// # Errors
/// A quote or a template is not closed.
pub(super) fn split(node: &Node, only: Option<&[&str]>) -> Result<Line, Problem> {
    let text = node.as_str().unwrap_or_default();
    let words = words(text).map_err(|at| {
        Problem::new("a quote or a template is not closed in this text", node.part(at))
            .label("opened here")
            .help("close it, or write each argument as `name: value` on a line of its own")
    })?;
    let mut pairs = Vec::new();
    let mut rest = String::new();
    for (number, word) in words.iter().enumerate() {
        if let Some(pair) = pair(node, word.clone(), only) {
            pairs.push(pair);
            continue;
        }
        let gap = words.get(number + 1).map_or(text.len(), |next| next.start);
        // A backslash alone joins the next line, as in a shell.
        if &text[word.clone()] != "\\" {
            rest.push_str(&text[word.start..gap]);
        }
    }
    let joined = words.iter().any(|word| &text[word.clone()] == "\\");
    let rest = match (pairs.is_empty() && !joined, rest.trim().is_empty()) {
        (_, true) => None,
        (true, false) => Some(node.clone()),
        (false, false) => Some(part(node, 0..text.len(), rest.trim_end_matches(' '))),
    };
    Ok(Line { pairs, rest })
}

/// The `name=value` words of a text such as `-e` has.
///
/// # Errors
/// A word is none, or a quote or a template is not closed.
pub fn variables(node: &Node) -> Result<Vec<(Node, Node)>, Problem> {
    let line = split(node, None)?;
    let wrong = line.rest.map(|rest| {
        let text = rest.as_str().unwrap_or_default().trim();
        Problem::new(format!("`{text}` is not `NAME=VALUE`"), node.place()).help(
            "quote a value that holds spaces: -e \"name='two words'\"; give a mapping in braces: -e '{name: [a, b]}'",
        )
    });
    wrong.map_or(Ok(line.pairs), Err)
}

/// The first word of a text, and what follows it.
pub(super) fn first(node: &Node) -> Option<(Node, Option<Node>)> {
    let text = node.as_str()?;
    let begin = text.len() - text.trim_start().len();
    let end = text[begin..].find(char::is_whitespace).map_or(text.len(), |at| begin + at);
    let after = end + (text[end..].len() - text[end..].trim_start().len());
    let name = (begin < end).then(|| part(node, begin..end, &text[begin..end]))?;
    Some((name, (after < text.len()).then(|| part(node, after..text.len(), &text[after..]))))
}

/// Where the words are; where one is not closed, where it is opened.
fn words(text: &str) -> Result<Vec<Range<usize>>, Range<usize>> {
    let mut words = Vec::new();
    let mut begin = None;
    let mut quote: Option<(u8, usize)> = None;
    let mut templates: Vec<(&str, usize)> = Vec::new();
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        if quote.is_none() && templates.is_empty() && matches!(byte, b' ' | b'\n') {
            words.extend(begin.take().map(|begin| begin..at));
            continue;
        }
        begin.get_or_insert(at);
        let escaped = at > 0 && bytes[at - 1] == b'\\';
        if matches!(byte, b'"' | b'\'') && !escaped {
            quote = match quote {
                Some((open, _)) if open == byte => None,
                None => Some((byte, at)),
                other => other,
            };
        }
        let rest = &bytes[at..];
        if let Some((_, close)) = TEMPLATES.iter().find(|(open, _)| rest.starts_with(open.as_bytes())) {
            templates.push((close, at));
        } else if let Some(known) =
            templates.iter().rposition(|(close, open)| rest.starts_with(close.as_bytes()) && at > open + 1)
        {
            templates.remove(known);
        }
    }
    match (quote, templates.first()) {
        (Some((_, at)), _) => Err(at..at + 1),
        (None, Some((_, at))) => Err(*at..at + 2),
        (None, None) => {
            words.extend(begin.map(|begin| begin..text.len()));
            Ok(words)
        }
    }
}

const TEMPLATES: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// A `name=value` word.
fn pair(node: &Node, word: Range<usize>, only: Option<&[&str]>) -> Option<(Node, Node)> {
    let text = &node.as_str()?[word.clone()];
    let equals =
        text.match_indices('=').map(|(at, _)| at).find(|at| *at > 0 && !text[..*at].ends_with('\\'))?;
    let name = text[..equals].trim();
    let open = name.matches("{{").count() != name.matches("}}").count();
    if only.is_some_and(|only| !only.contains(&name)) || name.contains(['"', '\'']) || open {
        return None;
    }
    let value = decoded(&text[equals + 1..]);
    let key = part(node, word.start..word.start + equals, name);
    Some((key, part(node, word.start + equals + 1..word.end, unquoted(value.trim()))))
}

fn part(node: &Node, range: Range<usize>, text: &str) -> Node {
    let literal = matches!(&node.value, Value::String(text) if text.literal);
    let place = node.part(range);
    Node {
        value: Value::String(Text { text: text.into(), style: Style::Plain, literal }),
        span: place.span,
        source: place.source,
    }
}

fn unquoted(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).filter(|_| text.len() > 1).unwrap_or(text)
}

/// The text with Python's escapes resolved; what is none stays as it is.
fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let (decoded, length) = escape(&rest[at + 1..]).map_or(('\\', 0), |(c, length)| (c, length));
        out.push(decoded);
        rest = &rest[at + 1 + length..];
    }
    out + rest
}

/// The character of an escape, and how many bytes follow the backslash.
fn escape(text: &str) -> Option<(char, usize)> {
    let code = |digits: usize| {
        let number = u32::from_str_radix(text.get(1..=digits)?, 16).ok()?;
        Some((char::from_u32(number)?, digits + 1))
    };
    Some((
        match text.chars().next()? {
            'x' => return code(2),
            'u' => return code(4),
            'U' => return code(8),
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            same @ ('\\' | '\'' | '"') => same,
            _ => return None,
        },
        1,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{Source, parse};

    fn line(text: &str, only: Option<&[&str]>) -> String {
        let yaml = serde_json::to_string(text).expect("text");
        let node = parse(&Source::new("site.yml", yaml)).expect("a text");
        let line = match split(&node, only) {
            Ok(line) => line,
            Err(problem) => return problem.message,
        };
        let pairs: String = line
            .pairs
            .iter()
            .map(|(name, value)| format!("{}=<{}> ", name.as_str().unwrap(), value.as_str().unwrap()))
            .collect();
        pairs + line.rest.as_ref().and_then(Node::as_str).unwrap_or_default()
    }

    /// What ansible-core 2.19.14's `parse_kv` gives.
    #[test]
    fn words_are_split_as_ansible_splits_them() {
        for (text, wanted) in [
            ("src=a dest=/b", "src=<a> dest=</b> "),
            ("a=\"b c\" d='e f'", "a=<b c> d=<e f> "),
            ("a={{ x | default('y z') }} b=1", "a=<{{ x | default('y z') }}> b=<1> "),
            ("msg=\"{{ x }} and y\"", "msg=<{{ x }} and y> "),
            ("a=b=c", "a=<b=c> "),
            ("line='a\\tb'", "line=<a\tb> "),
            ("a=\"it's\"", "a=<it's> "),
            ("a= b", "a=<> b"),
            ("a=b\nc=d", "a=<b> c=<d> "),
            ("word a=b", "a=<b> word"),
            ("a='b", "a quote or a template is not closed in this text"),
            ("a={{ b", "a quote or a template is not closed in this text"),
        ] {
            assert_eq!(line(text, None), wanted, "{text}");
        }
    }

    #[test]
    fn commands_keep_words_that_are_none_of_their_options() {
        for (text, wanted) in [
            ("echo a=b creates=/x c", "creates=</x> echo a=b c"),
            ("chdir=/tmp ls -l", "chdir=</tmp> ls -l"),
            ("echo  two", "echo  two"),
            ("a \\\n b", "a b"),
            ("echo '{{ a }} b'", "echo '{{ a }} b'"),
            ("echo \"creates=/x y\"", "echo \"creates=/x y\""),
            ("printf 'a\\n'", "printf 'a\\n'"),
        ] {
            assert_eq!(line(text, Some(WITHIN_COMMANDS)), wanted, "{text}");
        }
    }
}
