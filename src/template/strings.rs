//! Python's ideas of words, lines and letters.

/// Whether Python strips the character as white space.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// `text.splitlines()`.
pub(super) fn lines(text: &str) -> Vec<&str> {
    whole_lines(text).into_iter().map(without_end).collect()
}

fn without_end(line: &str) -> &str {
    line.strip_suffix("\r\n").or_else(|| line.strip_suffix(ends_line)).unwrap_or(line)
}

/// `text.splitlines(True)`: the lines with their ends.
pub(super) fn whole_lines(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(ends_line) {
        let end = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        let (line, tail) = rest.split_at(at + end);
        out.push(line);
        rest = tail;
    }
    if !rest.is_empty() {
        out.push(rest);
    }
    out
}

/// `text.split()` with at most `limit` cuts.
pub(super) fn words(text: &str, limit: Option<usize>) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        if limit.is_some_and(|limit| out.len() >= limit) {
            out.push(rest);
            break;
        }
        let end = rest.find(is_space).unwrap_or(rest.len());
        out.push(&rest[..end]);
        rest = rest[end..].trim_start_matches(is_space);
    }
    out
}

/// `text.rsplit()` with at most `limit` cuts.
pub(super) fn words_from_end(text: &str, limit: Option<usize>) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text.trim_end_matches(is_space);
    while !rest.is_empty() {
        if limit.is_some_and(|limit| out.len() >= limit) {
            out.push(rest);
            break;
        }
        let start =
            rest.char_indices().rev().find(|(_, c)| is_space(*c)).map_or(0, |(at, c)| at + c.len_utf8());
        out.push(&rest[start..]);
        rest = rest[..start].trim_end_matches(is_space);
    }
    out.reverse();
    out
}

/// `text.capitalize()`: Python gives the first letter its title case.
pub(super) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return String::new() };
    title_case(first) + &chars.as_str().to_lowercase()
}

/// A letter in title case: of a ligature only the first part is upper case.
pub(super) fn title_case(c: char) -> String {
    match c {
        'ǆ' | 'Ǆ' => "ǅ".to_owned(),
        'ǉ' | 'Ǉ' => "ǈ".to_owned(),
        'ǌ' | 'Ǌ' => "ǋ".to_owned(),
        'ǳ' | 'Ǳ' => "ǲ".to_owned(),
        _ => {
            let mut upper = c.to_uppercase();
            let head: String = upper.next().into_iter().collect();
            head + &upper.flat_map(char::to_lowercase).collect::<String>()
        }
    }
}

/// `text.title()`: every letter after something that is no letter.
pub(super) fn title(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase());
        } else {
            out.push_str(&title_case(c));
        }
        inside = c.is_alphabetic();
    }
    out
}

/// `text.center(width, fill)`: how many fill characters stand before and after.
pub(super) fn centered(length: usize, width: usize) -> (usize, usize) {
    let missing = width.saturating_sub(length);
    let before = missing / 2 + (missing & width & 1);
    (before, missing - before)
}
