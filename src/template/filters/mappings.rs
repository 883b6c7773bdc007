//! Filters on mappings.

use super::super::call::Bound;
use super::super::context::Context;
use super::super::error::{Eval, call_error, type_error};
use super::super::methods::sort_by_key;
use super::super::ops::{contains, equal, truth};
use super::super::value::{Dict, Val};
use super::sequences::{flatten_into, folded};
use super::{Filter, filter, spreading};

pub(super) const FILTERS: &[Filter] = &[
    filter("dict2items", &["key_name", "value_name"], dict2items),
    filter("items2dict", &["key_name", "value_name"], items2dict),
    filter("items", &[], |_, v, _| match v {
        Val::Dict(dict) => Ok(pairs(dict)),
        other => Err(type_error(format!("it needs a mapping, not a value of type `{}`", other.type_name()))),
    }),
    filter("dictsort", &["case_sensitive", "by", "reverse"], dictsort),
    spreading("combine", &[], combine),
    filter("subelements", &["subelements", "skip_missing"], subelements),
    filter("extract", &["container", "morekeys"], extract),
    filter("rekey_on_member", &["key", "duplicates"], rekey_on_member),
];

fn pairs(dict: &Dict) -> Val {
    Val::list(
        dict.entries().iter().map(|(key, value)| Val::tuple(vec![key.clone(), value.clone()])).collect(),
    )
}

fn need_dict(value: &Val) -> Eval<&Dict> {
    match value {
        Val::Dict(dict) => Ok(dict),
        Val::Marker(error) => Err((**error).clone()),
        other => Err(type_error(format!("it needs a mapping, not a value of type `{}`", other.type_name()))),
    }
}

fn dict2items(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let dict = need_dict(value)?;
    context.budget.items(dict.len().saturating_mul(2))?;
    let (key_name, value_name) =
        (args.or("key_name", Val::str("key")), args.or("value_name", Val::str("value")));
    let mut out = Vec::with_capacity(dict.len());
    for (key, value) in dict.entries() {
        let mut item = Dict::default();
        item.insert(key_name.clone(), key.clone())?;
        item.insert(value_name.clone(), value.clone())?;
        out.push(Val::dict(item));
    }
    Ok(Val::list(out))
}

fn items2dict(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    if !matches!(value, Val::List(_) | Val::Tuple(_)) {
        return Err(type_error(format!("it needs a list, not a value of type `{}`", value.type_name())));
    }
    let (key_name, value_name) =
        (args.or("key_name", Val::str("key")), args.or("value_name", Val::str("value")));
    let mut out = Dict::default();
    for item in context.iterate(value)? {
        let dict = need_dict(&item)?;
        let (Some(key), Some(value)) = (dict.get(&key_name)?, dict.get(&value_name)?) else {
            return Err(call_error("items2dict", "a mapping in the list lacks the key or the value"));
        };
        out.insert(key.clone(), value.clone())?;
    }
    Ok(Val::dict(out))
}

fn dictsort(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let dict = need_dict(value)?;
    let case_sensitive = args.flag("case_sensitive", false)?;
    let by = args.text("by")?.unwrap_or_else(|| "key".into());
    if !["key", "value"].contains(&&*by) {
        return Err(call_error("dictsort", "`by` must be `key` or `value`"));
    }
    let mut keyed: Vec<(Val, Val)> = Vec::with_capacity(dict.len());
    for (key, value) in dict.entries() {
        let sort_by = if &*by == "key" { key } else { value };
        keyed.push((folded(sort_by.clone(), case_sensitive), Val::tuple(vec![key.clone(), value.clone()])));
    }
    sort_by_key(context, &mut keyed, args.flag("reverse", false)?)?;
    Ok(Val::list(keyed.into_iter().map(|(_, pair)| pair).collect()))
}

/// How lists under the same key are merged.
#[derive(Clone, Copy)]
struct Merge<'m> {
    recursive: bool,
    lists: &'m str,
}

fn combine(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let mut merge = Merge { recursive: false, lists: "replace" };
    for (name, value) in &args.rest.named {
        match (&**name, value) {
            ("recursive", value) => merge.recursive = truth(value)?,
            ("list_merge", Val::Str(mode)) => merge.lists = mode,
            _ => return Err(call_error("combine", format!("it has no argument `{name}` of that type"))),
        }
    }
    if !["replace", "keep", "append", "prepend", "append_rp", "prepend_rp"].contains(&merge.lists) {
        return Err(call_error("combine", format!("`list_merge` cannot be `{}`", merge.lists)));
    }
    let mut terms = vec![value.clone()];
    terms.extend(args.rest.plain.iter().cloned());
    let mut dicts = Vec::new();
    flatten_into(context, &Val::list(terms), Some(1), true, &mut dicts)?;
    let mut high_to_low = dicts.into_iter().rev();
    let Some(mut result) = high_to_low.next() else { return Ok(Val::dict(Dict::default())) };
    need_dict(&result)?;
    for low in high_to_low {
        result = merged(context, &low, &result, merge)?;
    }
    Ok(result)
}

fn merged(context: &Context<'_>, low: &Val, high: &Val, merge: Merge<'_>) -> Eval<Val> {
    let (a, b) = (need_dict(low)?, need_dict(high)?);
    context.budget.items(a.len() + b.len())?;
    if a.len() == 0 || equal(low, high, &context.budget)? {
        return Ok(high.clone());
    }
    let mut out = Dict::default();
    for (key, value) in a.entries() {
        out.insert(key.clone(), value.clone())?;
    }
    for (key, above) in b.entries() {
        let value = match out.get(key)? {
            Some(below) => merged_value(context, below, above, merge)?,
            None => above.clone(),
        };
        out.insert(key.clone(), value)?;
    }
    Ok(Val::dict(out))
}

fn merged_value(context: &Context<'_>, below: &Val, above: &Val, merge: Merge<'_>) -> Eval<Val> {
    match (below, above) {
        (Val::Dict(_), Val::Dict(_)) if merge.recursive => merged(context, below, above, merge),
        (Val::List(low), Val::List(high)) => {
            context.budget.items(low.items.len() + high.items.len())?;
            let rest = || {
                let mut kept = Vec::new();
                for item in &low.items {
                    if !contains(above, item, &context.budget)? {
                        kept.push(item.clone());
                    }
                }
                Ok::<_, super::super::TemplateError>(kept)
            };
            Ok(match merge.lists {
                "keep" => below.clone(),
                "append" => Val::list([low.items.as_slice(), &high.items].concat()),
                "prepend" => Val::list([high.items.as_slice(), &low.items].concat()),
                "append_rp" => Val::list([rest()?.as_slice(), &high.items].concat()),
                "prepend_rp" => Val::list([high.items.as_slice(), &rest()?].concat()),
                _ => above.clone(),
            })
        }
        _ => Ok(above.clone()),
    }
}

fn subelements(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let elements = match value {
        Val::Dict(dict) => dict.values().cloned().collect(),
        Val::List(seq) => seq.items.clone(),
        other => {
            return Err(type_error(format!(
                "it needs a list or mapping, not a value of type `{}`",
                other.type_name()
            )));
        }
    };
    let path: Vec<Val> = match args.need("subelements")? {
        Val::Str(path) => path.split('.').map(Val::str).collect(),
        Val::List(seq) => seq.items.clone(),
        _ => return Err(call_error("subelements", "the path must be a list or text")),
    };
    let skip_missing = args.flag("skip_missing", false)?;
    let mut out = Vec::new();
    for element in elements {
        let mut values = Some(element.clone().usable()?);
        for step in &path {
            let Some(current) = values else { break };
            values = need_dict(&current)?.get(step)?.cloned();
            if values.is_none() && !skip_missing {
                return Err(call_error("subelements", "a key of the path is missing in an item"));
            }
        }
        match values {
            Some(Val::List(seq)) => {
                context.budget.items(seq.items.len().saturating_mul(2))?;
                out.extend(seq.items.iter().map(|item| Val::tuple(vec![element.clone(), item.clone()])));
            }
            Some(_) => return Err(call_error("subelements", "the path must lead to a list")),
            None => {}
        }
    }
    Ok(Val::list(out))
}

fn extract(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let mut keys = vec![value.clone()];
    match args.get("morekeys") {
        None | Some(Val::None) => {}
        Some(Val::List(seq)) => keys.extend(seq.items.iter().cloned()),
        Some(key) => keys.push(key.clone()),
    }
    keys.iter().try_fold(args.need("container")?.clone(), |value, key| context.item(&value, key))
}

fn rekey_on_member(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let duplicates = args.text("duplicates")?.unwrap_or_else(|| "error".into());
    if !["error", "overwrite"].contains(&&*duplicates) {
        return Err(call_error("rekey_on_member", "`duplicates` must be `error` or `overwrite`"));
    }
    let items = match value {
        Val::Dict(dict) => dict.values().cloned().collect(),
        Val::Str(_) => return Err(type_error("it needs a list or mapping, not text")),
        other => context.iterate(other)?,
    };
    let key = args.need("key")?;
    let mut out = Dict::default();
    for item in items {
        let member = need_dict(&item)?.get(key)?.cloned();
        let member = member.ok_or_else(|| call_error("rekey_on_member", "an item lacks the key"))?;
        if &*duplicates == "error" && out.get(&member)?.is_some() {
            return Err(call_error("rekey_on_member", "two items have the same key"));
        }
        out.insert(member, item)?;
    }
    Ok(Val::dict(out))
}
