//! Host names as an inventory writes them: `web[01:40].example.com:2222`.

use std::sync::LazyLock;

use regex::Regex;

/// More names than any fleet has; a range beyond it is a slip of the keyboard.
const MAX_NAMES: usize = 100_000;

/// A pattern without its port.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split<'a> {
    pub name: &'a str,
    pub port: Option<&'a str>,
}

static PORT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\[([^\[\]]*:[^\[\]]*:[^\[\]]*)\]|((?:[^:\[\]]|\[[^\]]*\])*)):([0-9]+)$")
        .expect("a constant")
});

/// Splits a port off: `host:22`, `[2001:db8::1]:22`.
pub(super) fn split_port(pattern: &str) -> Split<'_> {
    let Some(found) = PORT.captures(pattern) else {
        let bare = pattern.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = bare.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        return Split { name: address.unwrap_or(pattern), port: None };
    };
    let name = found.get(1).or_else(|| found.get(2)).map_or("", |name| name.as_str());
    Split { name, port: found.get(3).map(|port| port.as_str()) }
}

/// All names that a pattern with ranges stands for, the last range running fastest.
pub(super) fn expand(pattern: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = pattern;
    while let Some(open) = rest.find('[') {
        let close = rest[open..].find(']').ok_or("`[` has no `]`")? + open;
        let items = items(&rest[open + 1..close])?;
        if names.len().saturating_mul(items.len()) > MAX_NAMES {
            return Err(format!("it stands for more than {MAX_NAMES} hosts"));
        }
        let head = &rest[..open];
        names = names
            .iter()
            .flat_map(|name| items.iter().map(move |item| format!("{name}{head}{item}")))
            .collect();
        rest = &rest[close + 1..];
    }
    Ok(names.into_iter().map(|name| name + rest).collect())
}

fn items(range: &str) -> Result<Vec<String>, String> {
    let bounds: Vec<&str> = range.split(':').collect();
    let (begin, end, step) = match bounds[..] {
        [begin, end] => (begin, end, "1"),
        [begin, end, step] => (begin, end, step),
        _ => return Err(format!("the range `[{range}]` is not `[begin:end]` or `[begin:end:step]`")),
    };
    let begin = if begin.is_empty() { "0" } else { begin };
    let step = step.parse().ok().filter(|step| *step > 0);
    let step: usize =
        step.ok_or_else(|| format!("the step of the range `[{range}]` is not a positive number"))?;
    let items = match (letter(begin), letter(end)) {
        (Some(begin), Some(end)) => letters(begin, end, step),
        _ => numbers(begin, end, step).map_err(|why| format!("the range `[{range}]` {why}"))?,
    };
    if items.is_empty() {
        return Err(format!("the range `[{range}]` ends before it begins"));
    }
    Ok(items)
}

/// The order of letters in a range: the small ones come first.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn letter(text: &str) -> Option<usize> {
    if text.len() == 1 { LETTERS.find(text) } else { None }
}

fn letters(begin: usize, end: usize, step: usize) -> Vec<String> {
    LETTERS
        .chars()
        .skip(begin)
        .take((end + 1).saturating_sub(begin))
        .step_by(step)
        .map(String::from)
        .collect()
}

fn numbers(begin: &str, end: &str, step: usize) -> Result<Vec<String>, &'static str> {
    let parse = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<usize>().ok()).flatten().ok_or("is not of two numbers or two letters")
    };
    let (first, last) = (parse(begin)?, parse(end)?);
    let padded = begin.len() > 1 && begin.starts_with('0');
    if padded && begin.len() != end.len() {
        return Err("begins with a zero, so both ends need the same number of digits");
    }
    let width = if padded { begin.len() } else { 0 };
    let count = last.saturating_sub(first) / step;
    if count > MAX_NAMES {
        return Err("is too long");
    }
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_count_inclusively() {
        let cases: [(&str, &[&str]); 6] = [
            ("web[08:10].x", &["web08.x", "web09.x", "web10.x"]),
            ("n[1:9:4]", &["n1", "n5", "n9"]),
            ("[a:c]x", &["ax", "bx", "cx"]),
            ("r[1:2]s[a:b]", &["r1sa", "r1sb", "r2sa", "r2sb"]),
            ("n[:2]", &["n0", "n1", "n2"]),
            ("plain", &["plain"]),
        ];
        for (pattern, names) in cases {
            assert_eq!(expand(pattern).unwrap(), names, "{pattern}");
        }
        for pattern in ["a[1:", "a[1]", "a[9:1]", "a[01:100]", "a[1:99999999999]", "a[1:2:0]", "a[1:c]"] {
            assert!(expand(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_port_follows_a_name_or_a_bracketed_address() {
        let split = |pattern| (split_port(pattern).name, split_port(pattern).port);
        assert_eq!(split("web:22"), ("web", Some("22")));
        assert_eq!(split("web[1:3]:22"), ("web[1:3]", Some("22")));
        assert_eq!(split("web[1:3]"), ("web[1:3]", None));
        assert_eq!(split("2001:db8::1"), ("2001:db8::1", None));
        assert_eq!(split("[2001:db8::1]:22"), ("2001:db8::1", Some("22")));
    }
}
