//! YAML as Python's library writes it.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::budget::{Budget, Text};
use super::super::call::Bound;
use super::super::context::Context;
use super::super::error::{Eval, call_error, type_error};
use super::super::text::float;
use super::super::value::{Dict, Val};
use super::json::sort_by_key;
use super::yaml_scalar::{Place, write_text};

/// How YAML is to be written.
struct Style {
    indent: usize,
    /// Whether collections are written in brackets: always, never, or those without collections in them.
    flow: Option<bool>,
    sort_keys: bool,
}

/// A writer that knows its column.
pub(super) struct Writer<'b> {
    out: Text<'b>,
    pub(super) column: usize,
    pub(super) width: usize,
}

impl Writer<'_> {
    pub(super) fn push(&mut self, text: &str) -> Eval<()> {
        self.column = match text.rfind('\n') {
            Some(at) => text[at + 1..].chars().count(),
            None => self.column + text.chars().count(),
        };
        self.out.push(text)
    }

    pub(super) fn line(&mut self, indent: usize) -> Eval<()> {
        self.push("\n")?;
        self.spaces(indent)
    }

    fn spaces(&mut self, count: usize) -> Eval<()> {
        self.column += count;
        self.out.repeat(" ", count)
    }
}

/// `to_yaml` and `to_nice_yaml`.
pub(super) fn to_yaml(
    context: &Context<'_>,
    value: &Val,
    args: &Bound,
    indent: usize,
    flow: Option<bool>,
) -> Eval<Val> {
    let style = Style {
        // The library takes its default where the given indent is out of range.
        indent: Some(args.count("indent", indent)?).filter(|indent| (2..10).contains(indent)).unwrap_or(2),
        flow: match args.get("default_flow_style") {
            None => flow,
            Some(Val::None) => None,
            Some(Val::Bool(flow)) => Some(*flow),
            Some(_) => return Err(call_error("to_yaml", "`default_flow_style` must be a boolean")),
        },
        sort_keys: args.flag("sort_keys", true)?,
    };
    let width = args.count("width", 80)?;
    let width = if width > style.indent * 2 { width } else { 80 };
    let mut out = Writer { out: Text::new(&context.budget), column: 0, width };
    if args.flag("explicit_start", false)? {
        out.push("---")?;
        if is_scalar(value) || style.flows(value) {
            out.push(" ")?;
        } else {
            out.push("\n")?;
        }
    }
    refuse_repeated(value, &mut HashSet::new())?;
    document(value, &style, &mut out)?;
    out.push("\n")?;
    Ok(Val::str(out.out.finish()))
}

fn document(value: &Val, style: &Style, out: &mut Writer<'_>) -> Eval<()> {
    if is_scalar(value) {
        scalar(value, Place { indent: style.indent, flow: false, key: false }, out)
    } else if style.flows(value) {
        flow(value, style, 0, out)
    } else {
        block(value, style, 0, out)
    }
}

fn is_scalar(value: &Val) -> bool {
    !matches!(value, Val::List(_) | Val::Tuple(_) | Val::Dict(_))
}

impl Style {
    fn flows(&self, value: &Val) -> bool {
        match value {
            Val::List(seq) | Val::Tuple(seq) => {
                seq.items.is_empty() || self.flow.unwrap_or_else(|| seq.items.iter().all(is_scalar))
            }
            Val::Dict(dict) => dict.len() == 0 || self.flow.unwrap_or_else(|| dict.values().all(is_scalar)),
            _ => false,
        }
    }

    fn entries<'d>(&self, dict: &'d Dict) -> Vec<(&'d Val, &'d Val)> {
        let mut entries: Vec<_> = dict.entries().iter().map(|(key, value)| (key, value)).collect();
        // The library leaves keys that cannot be ordered as they are.
        if self.sort_keys {
            let _unsorted = sort_by_key(&mut entries);
        }
        entries
    }
}

/// A collection that is not empty, one entry a line; the writer stands where its first entry begins.
fn block(value: &Val, style: &Style, indent: usize, out: &mut Writer<'_>) -> Eval<()> {
    match value {
        Val::List(seq) | Val::Tuple(seq) => {
            for (i, item) in seq.items.iter().enumerate() {
                if i > 0 {
                    out.line(indent)?;
                }
                out.push("-")?;
                entry(item, style, indent, indent + style.indent, out)?;
            }
        }
        Val::Dict(dict) => {
            for (i, (key, item)) in style.entries(dict).into_iter().enumerate() {
                if i > 0 {
                    out.line(indent)?;
                }
                let start = out.column;
                scalar(key, Place { indent, flow: false, key: true }, out)?;
                if out.column - start > 120 {
                    return Err(call_error("to_yaml", "a key is too long"));
                }
                out.push(":")?;
                let is_list = matches!(item, Val::List(_) | Val::Tuple(_));
                if is_scalar(item) || style.flows(item) {
                    entry(item, style, indent, indent + style.indent, out)?;
                } else {
                    let deeper = if is_list { indent } else { indent + style.indent };
                    out.line(deeper)?;
                    block(item, style, deeper, out)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// What follows a `-` or `key:` on the same line.
fn entry(item: &Val, style: &Style, indent: usize, deeper: usize, out: &mut Writer<'_>) -> Eval<()> {
    if is_scalar(item) {
        out.push(" ")?;
        scalar(item, Place { indent: deeper, flow: false, key: false }, out)?;
    } else if style.flows(item) {
        out.push(" ")?;
        flow(item, style, indent, out)?;
    } else {
        out.spaces(deeper - indent - 1)?;
        block(item, style, deeper, out)?;
    }
    Ok(())
}

/// A collection in brackets.
fn flow(value: &Val, style: &Style, indent: usize, out: &mut Writer<'_>) -> Eval<()> {
    let deeper = indent + style.indent;
    let next = |i: usize, out: &mut Writer<'_>| {
        if i > 0 {
            out.push(",")?;
        }
        if out.column > out.width {
            out.line(deeper)
        } else if i > 0 {
            out.push(" ")
        } else {
            Ok(())
        }
    };
    match value {
        Val::List(seq) | Val::Tuple(seq) => {
            out.push("[")?;
            for (i, item) in seq.items.iter().enumerate() {
                next(i, out)?;
                inner(item, style, deeper, out)?;
            }
            out.push("]")
        }
        Val::Dict(dict) => {
            out.push("{")?;
            for (i, (key, item)) in style.entries(dict).into_iter().enumerate() {
                next(i, out)?;
                scalar(key, Place { indent: deeper, flow: true, key: true }, out)?;
                out.push(": ")?;
                inner(item, style, deeper, out)?;
            }
            out.push("}")
        }
        _ => Ok(()),
    }
}

/// An entry of a collection in brackets.
fn inner(item: &Val, style: &Style, indent: usize, out: &mut Writer<'_>) -> Eval<()> {
    if !is_scalar(item) {
        return flow(item, style, indent, out);
    }
    scalar(item, Place { indent: indent + style.indent, flow: true, key: false }, out)
}

fn scalar(value: &Val, place: Place, out: &mut Writer<'_>) -> Eval<()> {
    let budget: &Budget = out.out.budget();
    budget.work(1)?;
    let plain = match value {
        Val::None => "null".to_owned(),
        Val::Bool(b) => b.to_string(),
        Val::Int(i) => i.to_string(),
        Val::Float(f) => yaml_float(*f),
        Val::Str(text) => {
            budget.work(text.len())?;
            return write_text(text, place, out);
        }
        Val::Marker(error) => return Err((**error).clone()),
        other => {
            return Err(type_error(format!(
                "a value of type `{}` cannot be written as YAML",
                other.type_name()
            )));
        }
    };
    out.push(&plain)
}

/// Refuses a collection that stands in the value twice: Ansible would write the second as a reference.
fn refuse_repeated(value: &Val, seen: &mut HashSet<usize>) -> Eval<()> {
    let address = match value {
        Val::List(seq) | Val::Tuple(seq) => Arc::as_ptr(seq) as usize,
        Val::Dict(dict) => Arc::as_ptr(dict) as usize,
        _ => return Ok(()),
    };
    if !seen.insert(address) {
        return Err(call_error("to_yaml", "the same collection stands in the value twice; use `to_json`"));
    }
    match value {
        Val::Tuple(seq) if seq.is_group => {
            Err(call_error("to_yaml", "a group of `groupby` cannot be written; use `list`"))
        }
        Val::List(seq) | Val::Tuple(seq) => seq.items.iter().try_for_each(|item| refuse_repeated(item, seen)),
        Val::Dict(dict) => dict.values().try_for_each(|item| refuse_repeated(item, seen)),
        _ => Ok(()),
    }
}

fn yaml_float(f: f64) -> String {
    if f.is_nan() {
        return ".nan".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = float(f);
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}
