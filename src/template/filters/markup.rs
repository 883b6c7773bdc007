//! Filters that Jinja has for HTML. What they mark as safe escapes whatever it is joined with, so their result is taken only
//! as it is (`Filter::markup`).

use super::super::call::{Bound, hard_text, soft_text};
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::strings::{is_space, words};
use super::super::value::Val;
use super::{Filter, filter};

pub(super) const FILTERS: &[Filter] = &[
    filter("e", &[], escape),
    filter("escape", &[], escape),
    filter("forceescape", &[], escape),
    filter("wordwrap", &["width", "break_long_words", "wrapstring", "break_on_hyphens"], wordwrap),
    filter("pprint", &[], pprint),
    filter("attr", &["name"], |c, v, args| {
        let name = args.need_text("name")?;
        let is_item = matches!(v, Val::Dict(dict) if dict.get_str(&name).is_some());
        if is_item {
            return Err(call_error("attr", format!("`{name}` is an item; write `value.{name}`")));
        }
        c.attribute(v, &name)
    }),
];

fn escape(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    context.budget.text(text.len().saturating_mul(5))?;
    let escaped = text
        .replace('&', "&amp;")
        .replace('>', "&gt;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&#34;");
    Ok(Val::str(escaped))
}

/// Python's own layout for a value that fits a line of 80; longer ones it breaks in ways of its own.
fn pprint(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    if matches!(value, Val::Dict(_)) || value.depth() > 1 {
        return Err(call_error("pprint", "only flat values are laid out; use `to_nice_json`"));
    }
    let text = super::super::text::to_repr(value, &context.budget)?;
    if text.chars().count() > 79 {
        return Err(call_error("pprint", "only short values are laid out; use `to_nice_json`"));
    }
    Ok(Val::str(text))
}

/// Lines of so many characters, broken at spaces.
fn wordwrap(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = hard_text(value)?;
    context.budget.text(text.len().saturating_mul(4))?;
    let width = args.count("width", 79)?;
    let newline = args.text("wrapstring")?.unwrap_or_else(|| "\n".into());
    let odd = |line: &str| line.contains("  ") || line.chars().any(|c| is_space(c) && c != ' ');
    if width == 0 || text.contains('-') || super::super::strings::lines(&text).into_iter().any(odd) {
        return Err(call_error("wordwrap", "hyphens, tabs and doubled spaces are not broken at"));
    }
    let mut out = Vec::new();
    for line in super::super::strings::lines(&text) {
        if line.starts_with(' ') || line.ends_with(' ') {
            return Err(call_error("wordwrap", "spaces at an end of a line are not broken at"));
        }
        out.extend(wrapped(line, width)?);
    }
    Ok(Val::str(out.join(&newline)))
}

fn wrapped(line: &str, width: usize) -> Eval<Vec<String>> {
    let mut lines = vec![String::new()];
    for word in words(line, None) {
        let length = word.chars().count();
        if length > width {
            return Err(call_error("wordwrap", "a word is longer than the width"));
        }
        let current = lines.len() - 1;
        let used = lines[current].chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(word.to_owned());
        } else {
            if used > 0 {
                lines[current].push(' ');
            }
            lines[current].push_str(word);
        }
    }
    Ok(lines)
}
