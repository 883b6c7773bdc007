//! JSON as Python writes it.

use std::cmp::Ordering;

use super::super::budget::Text;
use super::super::error::{Eval, type_error};
use super::super::text::float;
use super::super::value::{Dict, Val, json_key};

/// How JSON is to be written.
pub(in super::super) struct Style {
    pub(in super::super) indent: Option<String>,
    pub(in super::super) sort_keys: bool,
    pub(in super::super) ascii: bool,
    pub(in super::super) item: String,
    pub(in super::super) key: String,
}

/// Appends a value as JSON.
pub(in super::super) fn write_ordered(value: &Val, style: &Style, out: &mut Text<'_>) -> Eval<()> {
    write(value, style, 0, out)
}

fn write(value: &Val, style: &Style, depth: usize, out: &mut Text<'_>) -> Eval<()> {
    out.budget().work(1)?;
    match value {
        Val::None => out.push("null"),
        Val::Bool(b) => out.push(if *b { "true" } else { "false" }),
        Val::Int(i) => out.push(&i.to_string()),
        Val::Float(f) if f.is_nan() => out.push("NaN"),
        Val::Float(f) if f.is_infinite() => out.push(if *f > 0.0 { "Infinity" } else { "-Infinity" }),
        Val::Float(f) => out.push(&float(*f)),
        Val::Str(text) => {
            out.budget().work(text.len() / 4)?;
            out.push(&quoted(text, style.ascii))
        }
        Val::List(seq) | Val::Tuple(seq) if seq.items.is_empty() => out.push("[]"),
        Val::List(seq) | Val::Tuple(seq) => {
            out.push("[")?;
            for (i, item) in seq.items.iter().enumerate() {
                out.push(if i == 0 { "" } else { &style.item })?;
                new_line(style, depth + 1, out)?;
                write(item, style, depth + 1, out)?;
            }
            new_line(style, depth, out)?;
            out.push("]")
        }
        Val::Dict(dict) if dict.len() == 0 => out.push("{}"),
        Val::Dict(dict) => {
            out.push("{")?;
            for (i, (key, value)) in entries(dict, style)?.into_iter().enumerate() {
                out.push(if i == 0 { "" } else { &style.item })?;
                new_line(style, depth + 1, out)?;
                out.push(&quoted(&json_key(key)?, style.ascii))?;
                out.push(&style.key)?;
                write(value, style, depth + 1, out)?;
            }
            new_line(style, depth, out)?;
            out.push("}")
        }
        Val::Marker(error) => Err((**error).clone()),
        other => {
            Err(type_error(format!("a value of type `{}` cannot be written as JSON", other.type_name())))
        }
    }
}

fn new_line(style: &Style, depth: usize, out: &mut Text<'_>) -> Eval<()> {
    let Some(indent) = &style.indent else { return Ok(()) };
    out.push("\n")?;
    out.repeat(indent, depth)
}

fn entries<'d>(dict: &'d Dict, style: &Style) -> Eval<Vec<(&'d Val, &'d Val)>> {
    let mut entries: Vec<(&Val, &Val)> = dict.entries().iter().map(|(key, value)| (key, value)).collect();
    if style.sort_keys {
        sort_by_key(&mut entries)?;
    }
    Ok(entries)
}

/// Sorts entries by their keys, which have to be all text or all numbers.
pub(super) fn sort_by_key(entries: &mut [(&Val, &Val)]) -> Eval<()> {
    let numeric = |value: &Val| matches!(value, Val::Int(_) | Val::Bool(_));
    if entries.iter().all(|(key, _)| matches!(key, Val::Str(_))) {
        entries.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
    } else if entries.iter().all(|(key, _)| numeric(key)) {
        let number = |value: &Val| match value {
            Val::Int(i) => *i,
            Val::Bool(b) => i128::from(*b),
            _ => 0,
        };
        entries.sort_by(|(a, _), (b, _)| number(a).cmp(&number(b)).then(Ordering::Equal));
    } else if entries.len() > 1 {
        return Err(type_error("keys of different types cannot be sorted"));
    }
    Ok(())
}

fn quoted(text: &str, ascii: bool) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\') {
        return format!("\"{text}\"");
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if c < ' ' || (ascii && c > '~') => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.extend([format!("\\u{unit:04x}")]);
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
