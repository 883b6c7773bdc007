//! Values as text, the way Python prints them.

use super::budget::{Budget, Text};
use super::error::{Eval, type_error};
use super::value::{Object, Val};

/// `str(value)`.
pub(super) fn to_text(value: &Val, budget: &Budget) -> Eval<String> {
    let mut text = Text::new(budget);
    write_str(value, &mut text)?;
    Ok(text.finish())
}

/// `repr(value)`.
pub(super) fn to_repr(value: &Val, budget: &Budget) -> Eval<String> {
    let mut text = Text::new(budget);
    write_repr(value, &mut text)?;
    Ok(text.finish())
}

/// Appends `str(value)`.
pub(super) fn write_str(value: &Val, out: &mut Text<'_>) -> Eval<()> {
    match value {
        Val::Str(s) => out.push(s),
        Val::Absent => Ok(()),
        other => write_repr(other, out),
    }
}

fn write_repr(value: &Val, out: &mut Text<'_>) -> Eval<()> {
    out.budget().work(1)?;
    match value {
        Val::None => out.push("None"),
        Val::Bool(true) => out.push("True"),
        Val::Bool(false) => out.push("False"),
        Val::Int(i) => out.push(&i.to_string()),
        Val::Float(f) => out.push(&float(*f)),
        Val::Str(s) => {
            out.budget().work(s.len() / 4)?;
            out.push(&quoted(s))
        }
        Val::List(seq) => write_items(&seq.items, "[", "]", out),
        Val::Tuple(seq) if seq.items.len() == 1 => write_items(&seq.items, "(", ",)", out),
        Val::Tuple(seq) => write_items(&seq.items, "(", ")", out),
        Val::Dict(dict) => {
            out.push("{")?;
            for (i, (key, value)) in dict.entries().iter().enumerate() {
                out.push(if i == 0 { "" } else { ", " })?;
                write_repr(key, out)?;
                out.push(": ")?;
                write_repr(value, out)?;
            }
            out.push("}")
        }
        Val::Range(steps) => {
            let stop = steps.start + steps.step * steps.count as i128;
            if steps.step == 1 {
                return out.push(&format!("range({}, {stop})", steps.start));
            }
            Err(type_error("a stepped range cannot be printed; append `| list`"))
        }
        Val::Absent => out.push("Undefined"),
        Val::Marker(error) => Err((**error).clone()),
        Val::Omit => out.push("<<Omit>>"),
        Val::Deferred(_) | Val::Object(_) => Err(unprintable(value)),
    }
}

fn unprintable(value: &Val) -> super::TemplateError {
    let hint = match value {
        Val::Object(Object::Method(method)) => format!("; call it: `{}()`", method.name),
        Val::Object(Object::Function(name)) => format!("; call it: `{name}()`"),
        _ => String::new(),
    };
    type_error(format!("a value of type `{}` cannot be printed{hint}", value.type_name()))
}

fn write_items(items: &[Val], open: &str, close: &str, out: &mut Text<'_>) -> Eval<()> {
    out.push(open)?;
    for (i, item) in items.iter().enumerate() {
        out.push(if i == 0 { "" } else { ", " })?;
        write_repr(item, out)?;
    }
    out.push(close)
}

/// Python's `repr` of a float: the shortest digits that read back as the same number.
pub(super) fn float(f: f64) -> String {
    if f.is_nan() {
        return "nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = nearest(f);
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        plain(digits, exponent)
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}

/// The shortest digits that read back as the same number; of two that are equally near, the even ones.
fn nearest(f: f64) -> String {
    let shortest = format!("{f:e}");
    let precision = shortest
        .split_once('e')
        .map_or(0, |(digits, _)| digits.chars().filter(char::is_ascii_digit).count().saturating_sub(1));
    let rounded = format!("{f:.precision$e}");
    if rounded.parse() == Ok(f) { rounded } else { shortest }
}

/// Digits such as `-1.25` times a power of ten, written out.
fn plain(digits: &str, exponent: i32) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let mut bare: String = digits.chars().filter(char::is_ascii_digit).collect();
    let Ok(whole) = usize::try_from(exponent + 1) else {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{bare}");
    };
    if whole == 0 {
        return format!("{sign}0.{bare}");
    }
    while bare.len() <= whole {
        bare.push('0');
    }
    let (head, tail) = bare.split_at(whole);
    format!("{sign}{head}.{tail}")
}

/// Python's `repr` of a string.
pub(super) fn quoted(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\') {
        return format!("'{text}'");
    }
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if printable(c) => out.push(c),
            c => out.push_str(&escape(c)),
        }
    }
    out.push(quote);
    out
}

fn escape(c: char) -> String {
    match u32::from(c) {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Whether Python prints a character as it is: no control, format, separator, private or surrogate one.
pub(super) fn printable(c: char) -> bool {
    !matches!(u32::from(c),
        0..=0x1f | 0x7f..=0xa0 | 0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2
        | 0x1680 | 0x180e | 0x2000..=0x200f | 0x2028..=0x202f | 0x205f..=0x2064 | 0x2066..=0x206f | 0x3000
        | 0xe000..=0xf8ff | 0xfeff | 0xfff0..=0xfffb | 0xfffe..=0xffff | 0x110bd | 0x110cd
        | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe00ff | 0xe01f0..)
}
