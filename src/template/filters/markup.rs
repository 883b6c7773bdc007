//! Filters that Jinja has for HTML. What they mark as safe escapes whatever it is joined with, so their result is taken only
//! as it is (`Filter::markup`).

use std::collections::VecDeque;

use super::super::call::{Bound, hard_text, soft_text};
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::strings::is_space;
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

/// The value as Python writes it. Ansible's own lists and mappings are never laid out; a text or a tuple is, if a line of 80 is too short.
fn pprint(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    let text = super::super::text::to_repr(value, &context.budget)?;
    if matches!(value, Val::Str(_) | Val::Tuple(_)) && text.chars().count() > 79 {
        return Err(call_error("pprint", "a long text or tuple is not broken into lines; print it as it is"));
    }
    Ok(Val::str(text))
}

/// Lines of so many characters, broken at spaces, and within words that are longer.
fn wordwrap(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = hard_text(value)?;
    context.budget.text(text.len().saturating_mul(4))?;
    let width = args.count("width", 79)?;
    let newline = args.text("wrapstring")?.unwrap_or_else(|| "\n".into());
    if width == 0 {
        return Err(call_error("wordwrap", "the width must be 1 at least"));
    }
    if text.contains('-') && args.flag("break_on_hyphens", true)? {
        return Err(call_error("wordwrap", "hyphens are not broken at; write `break_on_hyphens=false`"));
    }
    let lines = super::super::strings::lines(&text);
    let odd = |c: char| is_space(c) && c != ' ';
    if lines.iter().any(|line| line.contains(odd)) {
        return Err(call_error("wordwrap", "white space but spaces is not broken at"));
    }
    let breaks_words = args.flag("break_long_words", true)?;
    let mut out = Vec::new();
    for line in lines {
        wrap(line, width, breaks_words, context, &mut out)?;
    }
    context.budget.text(out.len().saturating_mul(newline.len()))?;
    Ok(Val::str(out.join(&newline)))
}

/// Appends the rows of `textwrap.wrap`, and one at least.
fn wrap(
    line: &str,
    width: usize,
    breaks_words: bool,
    context: &Context<'_>,
    rows: &mut Vec<String>,
) -> Eval<()> {
    let first = rows.len();
    let mut chunks = chunks(line);
    while !chunks.is_empty() {
        context.budget.items(1)?;
        if rows.len() > first && chunks.front().is_some_and(|chunk| chunk.starts_with(' ')) {
            chunks.pop_front();
        }
        let row = row(&mut chunks, width, breaks_words);
        if !row.is_empty() {
            rows.push(row);
        }
    }
    if rows.len() == first {
        rows.push(String::new());
    }
    Ok(())
}

/// The words of a line and the spaces between them.
fn chunks(line: &str) -> VecDeque<&str> {
    let mut out = VecDeque::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| (c == ' ') != (first == ' ')).unwrap_or(rest.len());
        out.push_back(&rest[..end]);
        rest = &rest[end..];
    }
    out
}

/// The chunks that fit one line, without spaces at its end.
fn row(chunks: &mut VecDeque<&str>, width: usize, breaks_words: bool) -> String {
    let (mut row, mut used) = (Vec::new(), 0);
    let mut long = None;
    while let Some(chunk) = chunks.pop_front() {
        // More than the width is long, however much: a word of a million characters is not counted for each row.
        let length = chunk.chars().take(width.saturating_add(1)).count();
        if used + length > width {
            chunks.push_front(chunk);
            long = (length > width).then_some(chunk);
            break;
        }
        used += length;
        row.push(chunk);
    }
    match long {
        Some(word) if breaks_words => {
            let end = word.char_indices().nth(width - used).map_or(word.len(), |(at, _)| at);
            row.push(&word[..end]);
            chunks[0] = &word[end..];
        }
        Some(_) if row.is_empty() => row.extend(chunks.pop_front()),
        _ => {}
    }
    // Python drops the last chunk only: where no room is left for a part of a word, that is nothing, and the space before stays.
    if row.last().is_some_and(|last| last.trim_matches(' ').is_empty()) {
        row.pop();
    }
    row.concat()
}
