//! What a plain scalar is: `PyYAML`'s resolvers for YAML 1.1, which is what Ansible reads by.
//!
//! They differ from YAML 1.2 where it hurts: `yes` and `on` are booleans, `0644` is octal, `1:30` is 90, while `1e3`,
//! `0o14` and `08` are strings.

use std::sync::LazyLock;

use regex::Regex;
use time::{Date, macros::format_description};

use super::Value;

/// What a plain scalar resolves to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved {
    /// A value other than text.
    Value(Value),
    /// Text as it stands.
    Text,
    /// A date, which prints as it stands.
    Date,
    /// `<<`.
    Merge,
    /// `=`, which only a key may be.
    Default,
    /// Looks like a value but is none, or none that can be kept: the reason.
    Refused(&'static str),
}

static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$",
    )
});
static INT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^[-+]?(?:0b[0-1_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$")
});
static TIMESTAMP: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^[0-9]{4}-[0-9][0-9]?-[0-9][0-9]?(?:[Tt]|[ \t]+)[0-9][0-9]?:[0-9][0-9]:[0-9][0-9](?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9][0-9]?(?::[0-9][0-9])?))?$",
    )
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant")
}

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Value(Value::Null),
        "<<" => return Resolved::Merge,
        "=" => return Resolved::Default,
        _ => {}
    }
    if let Some(value) = boolean(text) {
        return Resolved::Value(Value::Bool(value));
    }
    if !text.starts_with(|first: char| matches!(first, '-' | '+' | '.' | '0'..='9')) {
        return Resolved::Text;
    }
    number(text).unwrap_or_else(|| timestamp(text))
}

/// A boolean, in the three spellings of case that YAML 1.1 has.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// What a scalar with an explicit tag is; none if its text does not suit the tag.
pub(super) fn tagged(tag: &str, text: &str) -> Option<Value> {
    let value = match number(text) {
        Some(Resolved::Value(value)) => Some(value),
        _ => None,
    };
    match (tag, value) {
        ("int", Some(value @ Value::Int(_))) | ("float", Some(value @ Value::Float(_))) => Some(value),
        // A decimal of few digits is the same number as a float.
        ("float", Some(Value::Int(_))) => decimal(text).map(Value::Float),
        ("bool", None) => boolean(&text.to_lowercase()).map(Value::Bool),
        ("null", None) => matches!(resolve(text), Resolved::Value(Value::Null)).then_some(Value::Null),
        _ => None,
    }
}

fn decimal(text: &str) -> Option<f64> {
    let (_, digits) = signed(text);
    let plain = digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// An integer or a float; none if the text is neither.
pub(super) fn number(text: &str) -> Option<Resolved> {
    if let Some(value) = special_float(text) {
        return Some(Resolved::Value(Value::Float(value)));
    }
    if FLOAT.is_match(text) {
        return Some(Resolved::Value(Value::Float(float(text))));
    }
    if INT.is_match(text) {
        return Some(integer(text));
    }
    None
}

fn special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let (sign, rest) = signed(text);
    matches!(rest, ".inf" | ".Inf" | ".INF").then_some(if sign { f64::NEG_INFINITY } else { f64::INFINITY })
}

/// Whether it is negative, and what follows the sign.
fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn float(text: &str) -> f64 {
    let plain = text.replace('_', "");
    let (negative, rest) = signed(&plain);
    // The pattern has made sure that every part is a number that Rust reads as Python does; the order of the sum is
    // Python's as well, because it decides the last bit.
    let add =
        |(sum, base): (f64, f64), part: &str| (sum + part.parse().unwrap_or(f64::NAN) * base, base * 60.0);
    let (value, _) = rest.rsplit(':').fold((0.0, 1.0), add);
    if negative { -value } else { value }
}

fn integer(text: &str) -> Resolved {
    let plain = text.replace('_', "");
    let (negative, rest) = signed(&plain);
    let parsed = match rest {
        "0" => Some(0),
        _ if rest.starts_with("0b") => i128::from_str_radix(&rest[2..], 2).ok(),
        _ if rest.starts_with("0x") => i128::from_str_radix(&rest[2..], 16).ok(),
        _ if rest.starts_with('0') => i128::from_str_radix(rest, 8).ok(),
        _ if rest.contains(':') => sexagesimal(rest),
        _ => rest.parse().ok(),
    };
    let signed = parsed.map(|value| if negative { -value } else { value });
    match signed.filter(|value| (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(value)) {
        Some(value) => Resolved::Value(Value::Int(value)),
        None => Resolved::Refused("it does not fit into 64 bits"),
    }
}

fn sexagesimal(text: &str) -> Option<i128> {
    text.split(':').try_fold(0_i128, |sum, part| sum.checked_mul(60)?.checked_add(part.parse().ok()?))
}

fn timestamp(text: &str) -> Resolved {
    if TIMESTAMP.is_match(text) {
        return Resolved::Refused("it is a point in time, which prints differently from how it is written");
    }
    if text.len() != 10 || !text.bytes().enumerate().all(|(at, byte)| date_byte(at, byte)) {
        return Resolved::Text;
    }
    match Date::parse(text, format_description!("[year]-[month]-[day]")) {
        Ok(date) if date.year() > 0 => Resolved::Date,
        _ => Resolved::Refused("there is no such day"),
    }
}

fn date_byte(at: usize, byte: u8) -> bool {
    if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_yaml_1_1_says() {
        let cases = [
            ("0644", Resolved::Value(Value::Int(420))),
            ("1_000", Resolved::Value(Value::Int(1000))),
            ("1:30", Resolved::Value(Value::Int(90))),
            ("-1:30", Resolved::Value(Value::Int(-90))),
            ("0b101", Resolved::Value(Value::Int(5))),
            ("-0x1_F", Resolved::Value(Value::Int(-31))),
            ("0_", Resolved::Value(Value::Int(0))),
            ("1:30.5", Resolved::Value(Value::Float(90.5))),
            ("1_0.5e+3", Resolved::Value(Value::Float(10500.0))),
            ("0o14", Resolved::Text),
            ("1e3", Resolved::Text),
            ("1.5e3", Resolved::Text),
            ("y", Resolved::Text),
            ("08", Resolved::Text),
            ("2026-01-31", Resolved::Date),
            ("2026-02-31", Resolved::Refused("there is no such day")),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }
}
