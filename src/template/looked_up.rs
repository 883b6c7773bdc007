//! Lookups that make lists from what they are given, and ask nobody.

use std::sync::Arc;

use super::budget::Budget;
use super::context::Context;
use super::error::{Eval, call_error};
use super::ops::truth;
use super::scope::Scope;
use super::value::{Dict, Val};
use modules::pyregex::{Flags, Pattern};

/// Options by name.
pub(super) type Options = [(Arc<str>, Val)];

/// The names of these lookups.
pub(super) const NAMES: [&str; 10] = [
    "items",
    "list",
    "dict",
    "indexed_items",
    "nested",
    "together",
    "subelements",
    "sequence",
    "varnames",
    "vars",
];

/// The answer of a lookup of [`NAMES`].
pub(super) fn answer(
    context: &Context<'_>,
    scope: &Arc<Scope>,
    plugin: &str,
    terms: Vec<Val>,
    options: &Options,
) -> Eval<Vec<Val>> {
    context.budget.items(terms.len())?;
    if !["vars", "sequence"].contains(&plugin)
        && let Some((name, _)) = options.first()
    {
        return Err(call_error(plugin, format!("it has no option `{name}`")));
    }
    match plugin {
        "items" => flat(context, &terms),
        "dict" => pairs(context, &terms),
        "indexed_items" => {
            let items = flat(context, &terms)?.into_iter().enumerate();
            Ok(items.map(|(at, item)| Val::tuple(vec![Val::int(at), item])).collect())
        }
        "nested" => nested(context, &terms),
        "together" => together(context, &terms),
        "subelements" => subelements(context, &terms),
        "sequence" => sequence(context, terms, options),
        "varnames" => names(context, scope, &terms),
        "vars" => variables(context, scope, &terms, options),
        _ => Ok(terms),
    }
}

/// The items, and the items of those that are lists.
fn flat(context: &Context<'_>, terms: &[Val]) -> Eval<Vec<Val>> {
    let mut out = Vec::new();
    for term in terms {
        match term {
            Val::List(seq) | Val::Tuple(seq) => {
                context.budget.items(seq.items.len())?;
                out.extend(seq.items.iter().cloned());
            }
            other => out.push(other.clone()),
        }
    }
    Ok(out)
}

fn pairs(context: &Context<'_>, terms: &[Val]) -> Eval<Vec<Val>> {
    let mut out = Vec::new();
    for term in terms {
        let Val::Dict(dict) = term else {
            let found = term.type_name();
            return Err(call_error("dict", format!("it needs a mapping, not a value of type `{found}`")));
        };
        context.budget.items(dict.len().saturating_mul(3))?;
        for (key, value) in dict.entries() {
            let mut pair = Dict::default();
            pair.insert_str("key", key.clone());
            pair.insert_str("value", value.clone());
            out.push(Val::dict(pair));
        }
    }
    Ok(out)
}

/// Every item of the first list with every item of the next, and so on.
fn nested(context: &Context<'_>, terms: &[Val]) -> Eval<Vec<Val>> {
    let Some((first, more)) = terms.split_first() else {
        return Err(call_error("nested", "it needs one list at least"));
    };
    let mut rows: Vec<Val> = context.iterate(first)?;
    for list in more {
        let items = context.iterate(list)?;
        let mut longer = Vec::new();
        for row in &rows {
            for item in &items {
                context.budget.items(2)?;
                longer.push(Val::list(flat(context, &[row.clone(), item.clone()])?));
            }
        }
        rows = longer;
    }
    rows.iter().map(|row| Ok(Val::list(flat(context, &context.iterate(row)?)?))).collect()
}

/// The first items of all lists, the second ones, and so on; what is missing is none.
fn together(context: &Context<'_>, terms: &[Val]) -> Eval<Vec<Val>> {
    if terms.is_empty() {
        return Err(call_error("together", "it needs one list at least"));
    }
    let lists = terms.iter().map(|list| context.iterate(list)).collect::<Eval<Vec<_>>>()?;
    let length = lists.iter().map(Vec::len).max().unwrap_or(0);
    context.budget.items(length.saturating_mul(lists.len()))?;
    let row = |at: usize| -> Vec<Val> {
        lists.iter().map(|list| list.get(at).cloned().unwrap_or(Val::None)).collect()
    };
    (0..length).map(|at| Ok(Val::list(flat(context, &row(at))?))).collect()
}

fn subelements(context: &Context<'_>, terms: &[Val]) -> Eval<Vec<Val>> {
    let refuse = |what: &str| call_error("subelements", what);
    let (elements, path, flags) = match terms {
        [elements, Val::Str(path)] => (elements, path, None),
        [elements, Val::Str(path), flags] => (elements, path, Some(flags)),
        _ => return Err(refuse("it needs a list, the path to a list in its items, and flags if need be")),
    };
    let skip_missing = match flags {
        None => false,
        Some(Val::Dict(flags)) => flags.get_str("skip_missing").map_or(Ok(false), truth)?,
        Some(_) => return Err(refuse("the flags must be a mapping")),
    };
    let skipped = |dict: &Dict| dict.get_str("skipped").is_some_and(|v| !matches!(v, Val::Bool(false)));
    let elements = match elements {
        Val::Dict(dict) if skipped(dict) => Vec::new(),
        Val::Dict(dict) => dict.values().cloned().collect(),
        Val::List(seq) => seq.items.clone(),
        _ => return Err(refuse("the first term must be a list or a mapping")),
    };
    let path: Vec<&str> = path.split('.').collect();
    let mut out = Vec::new();
    for element in &elements {
        let Val::Dict(dict) = element else { return Err(refuse("an item of the list is no mapping")) };
        if skipped(dict) {
            continue;
        }
        let (rest, found) = without(context, dict, &path, skip_missing)?;
        for item in found {
            context.budget.items(2)?;
            out.push(Val::tuple(vec![rest.clone(), item]));
        }
    }
    Ok(out)
}

/// The mapping without the list that a path leads to, and that list.
fn without(context: &Context<'_>, dict: &Dict, path: &[&str], skip_missing: bool) -> Eval<(Val, Vec<Val>)> {
    let refuse = |what: String| call_error("subelements", what);
    let Some((step, more)) = path.split_first() else { return Ok((Val::None, Vec::new())) };
    context.budget.items(dict.len())?;
    let mut copy = Dict::default();
    dict.entries().iter().try_for_each(|(key, value)| copy.insert(key.clone(), value.clone()))?;
    let found = match (dict.get_str(step), more.is_empty()) {
        (Some(Val::List(seq)), true) => {
            copy.remove(&Val::str(*step))?;
            seq.items.clone()
        }
        (Some(_), true) => return Err(refuse(format!("`{step}` must lead to a list"))),
        (Some(Val::Dict(inner)), false) => {
            let (rest, found) = without(context, inner, more, skip_missing)?;
            copy.insert_str(step, rest);
            found
        }
        _ if skip_missing => Vec::new(),
        _ => return Err(refuse(format!("an item has no `{step}`"))),
    };
    Ok((Val::dict(copy), found))
}

/// `start=1 end=9 stride=2 format=x%02d`, or `1-9/2:x%02d`.
#[derive(Clone)]
struct Sequence {
    start: i128,
    end: Option<i128>,
    count: Option<i128>,
    stride: i128,
    format: String,
}

fn sequence(context: &Context<'_>, mut terms: Vec<Val>, options: &Options) -> Eval<Vec<Val>> {
    let mut base = Sequence { start: 1, end: None, count: None, stride: 1, format: "%d".to_owned() };
    for (name, value) in options {
        base.set(name, &super::text::to_text(value, &context.budget)?)?;
    }
    if terms.is_empty() && !options.is_empty() {
        terms.push(Val::str(""));
    }
    let mut out = Vec::new();
    for term in terms {
        let text = super::text::to_text(&term, &context.budget)?;
        let mut sequence = base.clone();
        if !sequence.read_short(&text)? {
            for word in words(&text)? {
                let (name, value) = word.split_once('=').ok_or_else(|| wrong(&text))?;
                sequence.set(name, value)?;
            }
        }
        sequence.write(&context.budget, &mut out)?;
    }
    Ok(out)
}

fn wrong(text: &str) -> super::TemplateError {
    call_error("sequence", format!("`{text}` is neither `start=1 end=9` nor `1-9`"))
}

/// Words apart by spaces; quotes keep a word together.
fn words(text: &str) -> Eval<Vec<String>> {
    if text.contains('\\') {
        return Err(wrong(text));
    }
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c.is_whitespace() => words.push(String::new()),
            _ => words.iter_mut().last().unwrap_or(&mut String::new()).push(c),
        }
    }
    if quote.is_some() {
        return Err(wrong(text));
    }
    words.retain(|word| !word.is_empty());
    Ok(words)
}

impl Sequence {
    fn set(&mut self, name: &str, value: &str) -> Eval<()> {
        let number = || value.trim().parse::<i64>().map(i128::from).map_err(|_| wrong(value));
        match name {
            "start" => self.start = number()?,
            "end" => self.end = Some(number()?),
            "count" => self.count = Some(number()?),
            "stride" => self.stride = number()?,
            "format" => value.clone_into(&mut self.format),
            _ => return Err(call_error("sequence", format!("it has no option `{name}`"))),
        }
        Ok(())
    }

    /// Reads `[start-]end[/stride][:format]`; false if the text is no such thing.
    fn read_short(&mut self, text: &str) -> Eval<bool> {
        let (numbers, format) = text.split_once(':').map_or((text, None), |(n, f)| (n, Some(f)));
        let (range, stride) = numbers.split_once('/').map_or((numbers, None), |(r, s)| (r, Some(s)));
        let (start, end) = range.split_once('-').map_or((None, range), |(start, end)| (Some(start), end));
        let number = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'x' | b'X'))
        };
        let parts = [start, Some(end), stride];
        if !parts.into_iter().flatten().all(number) || format == Some("") {
            return Ok(false);
        }
        for (name, part) in ["start", "end", "stride"].into_iter().zip(parts) {
            part.map_or(Ok(()), |part| self.set(name, part))?;
        }
        if let Some(format) = format {
            format.clone_into(&mut self.format);
        }
        Ok(true)
    }

    fn write(mut self, budget: &Budget, out: &mut Vec<Val>) -> Eval<()> {
        let refuse = |what: &str| Err(call_error("sequence", what));
        let end = match (self.count, self.end) {
            (None, None) => return refuse("it needs `count` or `end`"),
            (Some(_), Some(_)) => return refuse("it takes `count` or `end`, not both"),
            (Some(0), None) => return Ok(()),
            (Some(count), None) => self.start + count * self.stride - 1,
            (None, Some(end)) => end,
        };
        if self.stride > 0 && end < self.start {
            return refuse("to count backwards, make `stride` negative");
        }
        if self.stride < 0 && end > self.start {
            return refuse("to count forwards, make `stride` positive");
        }
        if self.stride == 0 {
            return Ok(());
        }
        if self.format.matches('%').count() != 1 {
            return refuse("the format must have one `%`");
        }
        while if self.stride > 0 { self.start <= end } else { self.start >= end } {
            // A number takes longer to write than an item to keep.
            budget.work(20)?;
            budget.items(1)?;
            let number = Val::tuple(vec![Val::Int(self.start)]);
            out.push(Val::str(super::percent::format(&self.format, &number, budget)?));
            self.start += self.stride;
        }
        Ok(())
    }
}

/// The names of variables that a regular expression finds.
fn names(context: &Context<'_>, scope: &Scope, terms: &[Val]) -> Eval<Vec<Val>> {
    let mut out = Vec::new();
    for term in terms {
        let Val::Str(pattern) = term else {
            return Err(call_error("varnames", "it needs regular expressions"));
        };
        let pattern = Pattern::new(pattern, Flags::default())?;
        for name in scope.names() {
            if pattern.search(name, &context.budget)?.is_some() {
                out.push(Val::str(name));
            }
        }
    }
    Ok(out)
}

fn variables(context: &Context<'_>, scope: &Arc<Scope>, terms: &[Val], options: &Options) -> Eval<Vec<Val>> {
    let mut values = Vec::new();
    for term in terms {
        let Val::Str(name) = term else { return Err(call_error("vars", "it needs the names of variables")) };
        match (context.variable(scope, name)?, options) {
            (Some(value), _) => values.push(context.deep(value)?.usable()?),
            (None, [(option, default)]) if &**option == "default" => values.push(default.clone()),
            (None, _) => return Err(Context::undefined_variable(scope, name)),
        }
    }
    Ok(values)
}

/// The terms of a `with_…` loop: what is no list is one term.
pub(super) fn terms_of(value: Val) -> Vec<Val> {
    match value {
        Val::List(seq) | Val::Tuple(seq) => seq.items.clone(),
        other => vec![other],
    }
}
