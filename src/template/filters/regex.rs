//! Filters with regular expressions.

use modules::pyregex::{Flags, Pattern, Replacement, escape};

use super::super::call::{Bound, soft_text};
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::value::Val;
use super::{Filter, filter, spreading};

pub(super) const FILTERS: &[Filter] = &[
    filter(
        "regex_replace",
        &["pattern", "replacement", "ignorecase", "multiline", "count", "mandatory_count"],
        regex_replace,
    ),
    spreading("regex_search", &["regex"], regex_search),
    filter("regex_findall", &["regex", "multiline", "ignorecase"], regex_findall),
    filter("regex_escape", &["re_type"], regex_escape),
];

fn regex_replace(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    let flags = Flags {
        ignore_case: args.flag("ignorecase", false)?,
        multiline: args.flag("multiline", false)?,
        ..Flags::default()
    };
    let pattern = Pattern::new(&args.text("pattern")?.unwrap_or_default(), flags)?;
    let replacement = Replacement::new(&args.text("replacement")?.unwrap_or_default(), &pattern)?;
    let (out, found) = pattern.replace(&text, &replacement, args.count("count", 0)?, &context.budget)?;
    let wanted = args.count("mandatory_count", 0)?;
    if wanted != 0 && wanted != found {
        return Err(call_error(
            "regex_replace",
            format!("the pattern should match {wanted} times, not {found}"),
        ));
    }
    Ok(Val::str(out))
}

fn regex_search(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    let mut flags = Flags::default();
    for (name, value) in &args.rest.named {
        let on = super::super::ops::truth(value)?;
        match &**name {
            "ignorecase" => flags.ignore_case = on,
            "multiline" => flags.multiline = on,
            other => return Err(call_error("regex_search", format!("it has no argument `{other}`"))),
        }
    }
    let pattern = Pattern::new(&args.need_text("regex")?, flags)?;
    let mut groups = Vec::new();
    for group in &args.rest.plain {
        let Val::Str(group) = group else { return Err(call_error("regex_search", "a group must be text")) };
        groups.push(pattern.group(group)?);
    }
    let Some(found) = pattern.search(&text, &context.budget)? else { return Ok(Val::None) };
    let group = |at: usize| found.get(at).copied().flatten().map_or(Val::None, Val::str);
    if groups.is_empty() {
        return Ok(group(0));
    }
    Ok(Val::list(groups.into_iter().map(group).collect()))
}

fn regex_findall(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    let flags = Flags {
        ignore_case: args.flag("ignorecase", false)?,
        multiline: args.flag("multiline", false)?,
        ..Flags::default()
    };
    let pattern = Pattern::new(&args.need_text("regex")?, flags)?;
    let mut out = Vec::new();
    for found in pattern.find_all(&text, &context.budget)? {
        let group = |at: usize| Val::str(found.get(at).copied().flatten().unwrap_or_default());
        out.push(match found.len() {
            1 => group(0),
            2 => group(1),
            count => Val::tuple((1..count).map(group).collect()),
        });
    }
    Ok(Val::list(out))
}

fn regex_escape(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    context.budget.text(text.len().saturating_mul(2))?;
    match args.text("re_type")?.as_deref() {
        None | Some("python") => Ok(Val::str(escape(&text))),
        Some("posix_basic") => {
            let special = |c: char| "].[^$*\\".contains(c);
            Ok(Val::str(text.chars().fold(String::new(), |mut out, c| {
                if special(c) {
                    out.push('\\');
                }
                out.push(c);
                out
            })))
        }
        Some(other) => Err(call_error("regex_escape", format!("the type `{other}` is unknown"))),
    }
}
