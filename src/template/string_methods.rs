//! Methods of text.

use std::sync::Arc;

use super::budget::Budget;
use super::call::{Args, Bound};
use super::context::Context;
use super::error::{Eval, call_error};
use super::methods::{missing, text_argument};
use super::ops::truth;
use super::slice;
use super::strings::{capitalize, centered, is_space, lines, title, whole_lines, words, words_from_end};
use super::value::Val;

/// Calls a method of text.
pub(super) fn call(context: &Context<'_>, text: &Arc<str>, name: &str, args: Args) -> Eval<Val> {
    let budget = &context.budget;
    budget.text(text.len().saturating_mul(2))?;
    let plain = |value: String| Ok(Val::str(value));
    if ["upper", "lower", "capitalize", "title", "swapcase"].contains(&name)
        && !(args.plain.is_empty() && args.named.is_empty())
    {
        return Err(call_error(name, "it takes no arguments"));
    }
    if let Some(answer) = question(text, name) {
        args.bind("is…", &[], false)?;
        return Ok(Val::Bool(answer));
    }
    match name {
        "upper" => plain(text.to_uppercase()),
        "lower" => plain(text.to_lowercase()),
        "capitalize" => plain(capitalize(text)),
        "title" => plain(title(text)),
        "swapcase" => plain(swapcase(text)),
        "strip" | "lstrip" | "rstrip" => strip(text, name, args),
        "split" | "rsplit" => split(text, name, args, budget),
        "splitlines" => {
            let keep =
                args.bind("splitlines", &["keepends"], false)?.get("keepends").map_or(Ok(false), truth)?;
            list(if keep { whole_lines(text) } else { lines(text) }, budget)
        }
        "startswith" | "endswith" => affix(text, name, args, budget),
        "replace" => {
            let args = args.bind("replace", &["old", "new", "count"], false)?;
            let limit = args.int("count")?.and_then(|count| usize::try_from(count).ok());
            replace(text, &args.need_text("old")?, &args.need_text("new")?, limit, budget).map(Val::str)
        }
        "removeprefix" => {
            let affix = args.bind("removeprefix", &["prefix"], false)?.need_text("prefix")?;
            plain(text.strip_prefix(&*affix).unwrap_or(text).to_owned())
        }
        "removesuffix" => {
            let affix = args.bind("removesuffix", &["suffix"], false)?.need_text("suffix")?;
            plain(text.strip_suffix(&*affix).unwrap_or(text).to_owned())
        }
        "find" | "rfind" | "index" | "rindex" | "count" => search(text, name, args, budget),
        "join" => {
            let args = args.bind("join", &["items"], false)?;
            join(context, text, args.need("items")?)
        }
        "center" | "ljust" | "rjust" | "zfill" => pad(text, name, args, budget),
        "partition" | "rpartition" => partition(text, name, args),
        _ => Err(missing(&Val::Str(text.clone()), name)),
    }
}

fn list(items: Vec<&str>, budget: &Budget) -> Eval<Val> {
    budget.items(items.len())?;
    Ok(Val::list(items.into_iter().map(Val::str).collect()))
}

fn question(text: &str, name: &str) -> Option<bool> {
    let all = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
    let cased =
        |test: fn(char) -> bool, other: fn(char) -> bool| text.chars().any(test) && !text.chars().any(other);
    Some(match name {
        "isdigit" | "isdecimal" | "isnumeric" if text.is_ascii() => all(|c| c.is_ascii_digit()),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(is_space),
        "isascii" => text.is_ascii(),
        "isprintable" => text.chars().all(super::text::printable),
        "isupper" => cased(char::is_uppercase, char::is_lowercase),
        "islower" => cased(char::is_lowercase, char::is_uppercase),
        _ => return None,
    })
}

fn swapcase(text: &str) -> String {
    let swap =
        |c: char| if c.is_uppercase() { c.to_lowercase().to_string() } else { c.to_uppercase().to_string() };
    text.chars().map(swap).collect()
}

fn strip(text: &str, name: &str, args: Args) -> Eval<Val> {
    let args = args.bind("strip", &["chars"], false)?;
    let chars = args.text("chars")?;
    let unwanted = |c: char| chars.as_ref().map_or_else(|| is_space(c), |chars| chars.contains(c));
    Ok(Val::str(match name {
        "lstrip" => text.trim_start_matches(unwanted),
        "rstrip" => text.trim_end_matches(unwanted),
        _ => text.trim_matches(unwanted),
    }))
}

fn split(text: &str, name: &str, args: Args, budget: &Budget) -> Eval<Val> {
    let args = args.bind("split", &["sep", "maxsplit"], false)?;
    let limit = args.int("maxsplit")?.and_then(|limit| usize::try_from(limit).ok());
    let Some(separator) = args.text("sep")? else {
        let parts = if name == "split" { words(text, limit) } else { words_from_end(text, limit) };
        return list(parts, budget);
    };
    if separator.is_empty() {
        return Err(call_error(name, "the separator is empty"));
    }
    let parts = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
    let mut parts: Vec<&str> = if name == "split" {
        text.splitn(parts, &*separator).collect()
    } else {
        text.rsplitn(parts, &*separator).collect()
    };
    if name == "rsplit" {
        parts.reverse();
    }
    list(parts, budget)
}

fn affix(text: &str, name: &str, args: Args, budget: &Budget) -> Eval<Val> {
    let args = args.bind("startswith", &["affix", "start", "end"], false)?;
    let text = window(text, &args, budget)?;
    let affixes = match args.need("affix")? {
        Val::Tuple(seq) => seq.items.clone(),
        one => vec![one.clone()],
    };
    for affix in affixes {
        let affix = text_argument(name, &affix)?;
        if if name == "startswith" { text.starts_with(&*affix) } else { text.ends_with(&*affix) } {
            return Ok(Val::Bool(true));
        }
    }
    Ok(Val::Bool(false))
}

/// The part of the text that `start` and `end` leave.
fn window(text: &str, args: &Bound, budget: &Budget) -> Eval<Arc<str>> {
    if !args.given("start") && !args.given("end") {
        return Ok(text.into());
    }
    let bounds = [args.get("start").cloned(), args.get("end").cloned(), None];
    match slice::slice(&Val::str(text), bounds, budget)? {
        Val::Str(part) => Ok(part),
        _ => Ok(text.into()),
    }
}

/// `text.replace(old, new, limit)`.
pub(super) fn replace(
    text: &str,
    old: &str,
    new: &str,
    limit: Option<usize>,
    budget: &Budget,
) -> Eval<String> {
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() };
    let count = limit.map_or(found, |limit| limit.min(found));
    budget.text(text.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(text.replacen(old, new, count))
}

fn search(text: &str, name: &str, args: Args, budget: &Budget) -> Eval<Val> {
    let args = args.bind("find", &["sub", "start", "end"], false)?;
    let part = args.need_text("sub")?;
    if name == "count" {
        let text = window(text, &args, budget)?;
        let count = if part.is_empty() { text.chars().count() + 1 } else { text.matches(&*part).count() };
        return Ok(Val::int(count));
    }
    if args.given("start") || args.given("end") {
        return Err(call_error(name, "`start` and `end` are not supported; slice the text first"));
    }
    let found = if name.starts_with('r') { text.rfind(&*part) } else { text.find(&*part) };
    match found {
        Some(at) => Ok(Val::int(text[..at].chars().count())),
        None if name.ends_with("find") => Ok(Val::Int(-1)),
        None => Err(call_error(name, "the text does not hold it")),
    }
}

fn join(context: &Context<'_>, separator: &str, items: &Val) -> Eval<Val> {
    let mut out = super::budget::Text::new(&context.budget);
    for (i, item) in context.iterate(items)?.into_iter().enumerate() {
        out.push(if i == 0 { "" } else { separator })?;
        out.push(&text_argument("join", &item.usable()?)?)?;
    }
    Ok(Val::str(out.finish()))
}

fn pad(text: &str, name: &str, args: Args, budget: &Budget) -> Eval<Val> {
    let args = args.bind("center", &["width", "fillchar"], false)?;
    if matches!(args.need("width")?, Val::None) {
        return Err(call_error(name, "the width must be an integer"));
    }
    if name == "zfill" && args.given("fillchar") {
        return Err(call_error(name, "it takes one argument"));
    }
    let width = args.count("width", 0)?;
    let fill =
        args.text("fillchar")?.unwrap_or_else(|| if name == "zfill" { "0".into() } else { " ".into() });
    if fill.chars().count() != 1 {
        return Err(call_error(name, "the fill must be one character"));
    }
    let length = text.chars().count();
    let missing = width.saturating_sub(length);
    budget.text(missing.saturating_mul(fill.len()))?;
    let (before, after) = match name {
        "center" => centered(length, width),
        "ljust" => (0, missing),
        _ => (missing, 0),
    };
    let sign = if name == "zfill" && text.starts_with(['+', '-']) { &text[..1] } else { "" };
    let body = &text[sign.len()..];
    Ok(Val::str([sign, &fill.repeat(before), body, &fill.repeat(after)].concat()))
}

fn partition(text: &str, name: &str, args: Args) -> Eval<Val> {
    let separator = args.bind("partition", &["sep"], false)?.need_text("sep")?;
    if separator.is_empty() {
        return Err(call_error(name, "the separator is empty"));
    }
    let found =
        if name == "partition" { text.split_once(&*separator) } else { text.rsplit_once(&*separator) };
    let parts = match found {
        Some((before, after)) => [before, &separator, after],
        None if name == "partition" => [text, "", ""],
        None => ["", "", text],
    };
    Ok(Val::tuple(parts.into_iter().map(Val::str).collect()))
}
