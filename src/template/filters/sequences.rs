//! Filters on lists.

use super::super::budget::Text;
use super::super::call::{Args, Bound};
use super::super::context::Context;
use super::super::error::{ErrorKind, Eval, call_error, type_error};
use super::super::methods::sort_by_key;
use super::super::ops::{Num, binary, equal, order};
use super::super::syntax::Op;
use super::super::text::write_str;
use super::super::value::{Object, Val};
use super::select::Getter;
use super::{Filter, filter, spreading};

pub(super) const FILTERS: &[Filter] = &[
    filter("first", &[], |c, v, _| end(c, v, "first", |items| items.into_iter().next())),
    filter("last", &[], |c, v, _| end(c, v, "last", |mut items| items.pop())),
    filter("length", &[], length),
    filter("count", &[], length),
    filter("list", &[], |c, v, _| c.usable_items(v).map(Val::list)),
    filter("sort", &["reverse", "case_sensitive", "attribute"], sort),
    filter("min", &["case_sensitive", "attribute"], |c, v, args| {
        extreme(c, v, args, std::cmp::Ordering::Less)
    }),
    filter("max", &["case_sensitive", "attribute"], |c, v, args| {
        extreme(c, v, args, std::cmp::Ordering::Greater)
    }),
    filter("sum", &["attribute", "start"], sum),
    filter("join", &["d", "attribute"], join),
    filter("reverse", &[], reverse),
    filter("batch", &["linecount", "fill_with"], batch),
    filter("slice", &["slices", "fill_with"], slices),
    filter("groupby", &["attribute", "default", "case_sensitive"], groupby),
    filter("flatten", &["levels", "skip_nulls"], flatten),
    spreading("zip", &[], |c, v, args| zip(c, v, &args.rest, None)),
    spreading("zip_longest", &[], |c, v, args| {
        let fill =
            args.rest.named.iter().find(|(name, _)| &**name == "fillvalue").map(|(_, fill)| fill.clone());
        zip(c, v, &args.rest, Some(fill.unwrap_or(Val::None)))
    }),
    spreading("product", &[], product),
    filter("combinations", &["r"], |c, v, args| choose(c, v, args, false)),
    filter("permutations", &["r"], |c, v, args| choose(c, v, args, true)),
];

fn end(context: &Context<'_>, value: &Val, which: &str, pick: fn(Vec<Val>) -> Option<Val>) -> Eval<Val> {
    let items = context.iterate(value)?;
    Ok(pick(items).unwrap_or_else(|| nothing(&format!("there is no {which} item: the list is empty"))))
}

fn nothing(what: &str) -> Val {
    Val::marker(ErrorKind::Undefined { name: None, what: what.to_owned(), closest: None }.into())
}

fn length(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    Ok(Val::int(match value {
        Val::Str(text) => text.chars().count(),
        Val::List(seq) | Val::Tuple(seq) => seq.items.len(),
        Val::Dict(dict) => dict.len(),
        Val::Range(steps) => steps.count,
        Val::Absent => 0,
        Val::Object(Object::Hosts(_) | Object::Vars(_)) => context.iterate(value)?.len(),
        other => return Err(type_error(format!("a value of type `{}` has no length", other.type_name()))),
    }))
}

/// Text without regard to case, for keys that are to be compared so.
pub(super) fn folded(value: Val, case_sensitive: bool) -> Val {
    match value {
        Val::Str(text) if !case_sensitive => Val::str(text.to_lowercase()),
        other => other,
    }
}

fn sort(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let case_sensitive = args.flag("case_sensitive", false)?;
    let getters: Vec<Getter> = match args.get("attribute") {
        Some(Val::Str(paths)) => {
            paths.split(',').map(|path| Getter::new(&Val::str(path), None)).collect::<Eval<_>>()?
        }
        Some(other) => vec![Getter::new(other, None)?],
        None => Vec::new(),
    };
    let mut keyed = Vec::new();
    for item in context.iterate(value)? {
        let item = item.usable()?;
        let key = if getters.is_empty() {
            folded(item.clone(), case_sensitive)
        } else {
            let keys = getters
                .iter()
                .map(|getter| Ok(folded(getter.get(context, &item)?.usable()?, case_sensitive)));
            Val::list(keys.collect::<Eval<_>>()?)
        };
        keyed.push((key, item));
    }
    sort_by_key(context, &mut keyed, args.flag("reverse", false)?)?;
    Ok(Val::list(keyed.into_iter().map(|(_, item)| item).collect()))
}

fn extreme(context: &Context<'_>, value: &Val, args: &Bound, wanted: std::cmp::Ordering) -> Eval<Val> {
    let case_sensitive = args.flag("case_sensitive", false)?;
    let getter = Getter::new(&args.or("attribute", Val::None), None)?;
    let mut best: Option<(Val, Val)> = None;
    for item in context.iterate(value)? {
        let key = folded(getter.get(context, &item)?.usable()?, case_sensitive);
        let better = match &best {
            None => true,
            Some((current, _)) => {
                let order = order(&key, current, &context.budget)?.ok_or_else(|| {
                    let (a, b) = (key.type_name(), current.type_name());
                    type_error(format!("values of type `{a}` and `{b}` cannot be compared"))
                })?;
                order == Some(wanted)
            }
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| nothing("the list is empty"), |(_, item)| item))
}

fn sum(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let getter = Getter::new(&args.or("attribute", Val::None), None)?;
    let start = args.or("start", Val::Int(0));
    if matches!(start, Val::Str(_)) {
        return Err(call_error("sum", "text cannot be summed; use `join`"));
    }
    context.iterate(value)?.iter().try_fold(start, |sum, item| {
        binary(Op::Add, &sum, &getter.get(context, item)?.usable()?, &context.budget)
    })
}

fn join(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let getter = Getter::new(&args.or("attribute", Val::None), None)?;
    let separator = super::super::text::to_text(&args.or("d", Val::str("")), &context.budget)?;
    let mut out = Text::new(&context.budget);
    for (i, item) in context.iterate(value)?.iter().enumerate() {
        out.push(if i == 0 { "" } else { &separator })?;
        write_str(&getter.get(context, item)?.usable()?, &mut out)?;
    }
    Ok(Val::str(out.finish()))
}

fn reverse(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    if let Val::Str(text) = value {
        return Ok(Val::str(text.chars().rev().collect::<String>()));
    }
    let mut items = context.usable_items(value)?;
    items.reverse();
    Ok(Val::list(items))
}

fn fill(args: &Bound) -> Option<Val> {
    args.get("fill_with").filter(|fill| !matches!(fill, Val::None)).cloned()
}

fn batch(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    args.need("linecount")?;
    let width = args.count("linecount", 1)?;
    if width == 0 {
        return Err(call_error("batch", "the size must be 1 at least"));
    }
    let items = context.usable_items(value)?;
    let mut rows: Vec<Vec<Val>> = items.chunks(width).map(<[Val]>::to_vec).collect();
    if let (Some(last), Some(fill)) = (rows.last_mut(), fill(args)) {
        context.budget.items(width)?;
        last.resize(width, fill);
    }
    Ok(Val::list(rows.into_iter().map(Val::list).collect()))
}

fn slices(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    args.need("slices")?;
    let count = args.count("slices", 1)?;
    let items = context.usable_items(value)?;
    if count == 0 {
        return Err(call_error("slice", "the number of slices must be 1 at least"));
    }
    context.budget.items(count)?;
    let (each, extra) = (items.len() / count, items.len() % count);
    let mut rest = items.as_slice();
    let mut out = Vec::with_capacity(count);
    for i in 0..count {
        let (head, tail) = rest.split_at(each + usize::from(i < extra));
        let mut slice = head.to_vec();
        if i >= extra {
            slice.extend(fill(args));
        }
        out.push(Val::list(slice));
        rest = tail;
    }
    Ok(Val::list(out))
}

fn groupby(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let case_sensitive = args.flag("case_sensitive", false)?;
    let getter = Getter::new(args.need("attribute")?, args.get("default").cloned())?;
    let mut keyed = Vec::new();
    for item in context.iterate(value)? {
        keyed.push((folded(getter.get(context, &item)?.usable()?, case_sensitive), item));
    }
    sort_by_key(context, &mut keyed, false)?;
    let mut groups: Vec<(Val, Vec<Val>)> = Vec::new();
    for (key, item) in keyed {
        match groups.last_mut() {
            Some((current, items)) if equal(current, &key, &context.budget)? => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let named = groups.into_iter().map(|(_, items)| {
        let key = getter.get(context, &items[0])?;
        Ok(Val::group(key, items))
    });
    named.collect::<Eval<_>>().map(Val::list)
}

fn flatten(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let mut out = Vec::new();
    flatten_into(context, value, args.int("levels")?, args.flag("skip_nulls", true)?, &mut out)?;
    Ok(Val::list(out))
}

/// Appends the items of a list, and of the lists in it down to `levels`.
pub(super) fn flatten_into(
    context: &Context<'_>,
    value: &Val,
    levels: Option<i128>,
    skip_nulls: bool,
    out: &mut Vec<Val>,
) -> Eval<()> {
    for item in context.iterate(value)? {
        let item = item.usable()?;
        let null = match &item {
            Val::None => true,
            Val::Str(text) => matches!(&**text, "None" | "null"),
            _ => false,
        };
        if skip_nulls && null {
            continue;
        }
        let deeper = levels.is_none_or(|levels| levels >= 1);
        if matches!(item, Val::List(_) | Val::Tuple(_)) && deeper {
            flatten_into(context, &item, levels.map(|levels| levels - 1), skip_nulls, out)?;
        } else {
            out.push(item);
        }
    }
    Ok(())
}

fn lists(context: &Context<'_>, value: &Val, rest: &Args) -> Eval<Vec<Vec<Val>>> {
    std::iter::once(value).chain(&rest.plain).map(|list| context.usable_items(list)).collect()
}

fn zip(context: &Context<'_>, value: &Val, rest: &Args, fill: Option<Val>) -> Eval<Val> {
    if let Some((name, _)) = rest.named.iter().find(|(name, _)| fill.is_none() || &**name != "fillvalue") {
        return Err(call_error("zip", format!("it has no argument `{name}`")));
    }
    let lists = lists(context, value, rest)?;
    let lengths = lists.iter().map(Vec::len);
    let length = if fill.is_some() { lengths.max() } else { lengths.min() }.unwrap_or(0);
    context.budget.items(length.saturating_mul(lists.len()))?;
    let fill = fill.unwrap_or(Val::None);
    let row = |i: usize| Val::tuple(lists.iter().map(|list| list.get(i).unwrap_or(&fill).clone()).collect());
    Ok(Val::list((0..length).map(row).collect()))
}

fn product(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let mut lists = lists(context, value, &args.rest)?;
    for (name, count) in &args.rest.named {
        let times = match (&**name, Num::of(count)) {
            ("repeat", Some(Num::Int(times))) => usize::try_from(times).unwrap_or(0),
            _ => return Err(call_error("product", format!("it has no argument `{name}` of that type"))),
        };
        context.budget.items(lists.len().saturating_mul(times))?;
        lists = (0..times).flat_map(|_| lists.clone()).collect();
    }
    let mut rows: Vec<Vec<Val>> = vec![Vec::new()];
    for list in lists {
        let width = rows.first().map_or(1, |row| row.len() + 1);
        context.budget.items(rows.len().saturating_mul(list.len()).saturating_mul(width))?;
        let longer = |row: Vec<Val>| {
            list.iter().map(move |item| [row.as_slice(), std::slice::from_ref(item)].concat())
        };
        rows = rows.into_iter().flat_map(longer).collect();
    }
    Ok(Val::list(rows.into_iter().map(Val::tuple).collect()))
}

/// Combinations, or permutations, of `r` items.
fn choose(context: &Context<'_>, value: &Val, args: &Bound, ordered: bool) -> Eval<Val> {
    let items = context.usable_items(value)?;
    if !ordered {
        args.need("r")?;
    }
    let size = args.count("r", items.len())?;
    let mut out = Vec::new();
    if size <= items.len() {
        pick(context, &items, size, ordered, &mut Vec::new(), &mut out)?;
    }
    Ok(Val::list(out))
}

fn pick(
    context: &Context<'_>,
    items: &[Val],
    size: usize,
    ordered: bool,
    chosen: &mut Vec<usize>,
    out: &mut Vec<Val>,
) -> Eval<()> {
    let _deeper = context.budget.descend()?;
    if chosen.len() == size {
        context.budget.items(size + 1)?;
        out.push(Val::tuple(chosen.iter().map(|at| items[*at].clone()).collect()));
        return Ok(());
    }
    let first = if ordered { 0 } else { chosen.last().map_or(0, |last| last + 1) };
    for at in first..items.len() {
        if !chosen.contains(&at) {
            chosen.push(at);
            pick(context, items, size, ordered, chosen, out)?;
            chosen.pop();
        }
    }
    Ok(())
}
