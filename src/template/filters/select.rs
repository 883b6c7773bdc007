//! Filters that apply others to the items of a list.

use std::sync::Arc;

use super::super::call::{Args, Bound};
use super::super::checks;
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::ops::truth;
use super::super::value::Val;
use super::{Filter, find, spreading};

pub(super) const FILTERS: &[Filter] = &[
    spreading("map", &[], map),
    spreading("select", &[], |c, v, args| select(c, v, args, true)),
    spreading("reject", &[], |c, v, args| select(c, v, args, false)),
    spreading("selectattr", &["attribute"], |c, v, args| select_attribute(c, v, args, true)),
    spreading("rejectattr", &["attribute"], |c, v, args| select_attribute(c, v, args, false)),
];

/// A path of attributes, as in `a.b.0`.
pub(super) struct Getter {
    steps: Vec<Val>,
    default: Option<Val>,
}

impl Getter {
    /// The getter for an `attribute` argument.
    pub(super) fn new(attribute: &Val, default: Option<Val>) -> Eval<Self> {
        let step = |part: &str| part.parse().map_or_else(|_| Val::str(part), Val::Int);
        let steps = match attribute {
            Val::Int(i) => vec![Val::Int(*i)],
            Val::Str(path) => path.split('.').map(step).collect(),
            Val::None => Vec::new(),
            other => {
                let found = other.type_name();
                return Err(call_error(
                    "attribute",
                    format!("it must be a name or number, not of type `{found}`"),
                ));
            }
        };
        Ok(Self { steps, default: default.filter(|default| !matches!(default, Val::None)) })
    }

    pub(super) fn get(&self, context: &Context<'_>, item: &Val) -> Eval<Val> {
        let mut value = item.clone();
        for step in &self.steps {
            value = context.item(&value, step)?;
            if let (Val::Marker(error), Some(default)) = (&value, &self.default)
                && error.is_undefined()
            {
                value = default.clone();
            }
        }
        Ok(value.clone())
    }
}

/// Splits off the name that comes first among the arguments.
fn named_first(what: &'static str, rest: &Args) -> Eval<Option<(Arc<str>, Args)>> {
    match rest.plain.split_first() {
        None => Ok(None),
        Some((Val::Str(name), others)) => {
            Ok(Some((name.clone(), Args { plain: others.to_vec(), named: rest.named.clone() })))
        }
        Some(_) => Err(call_error(what, "its first argument must be a name")),
    }
}

/// The items; of anything empty, even of none, there are none.
fn iterate(context: &Context<'_>, value: &Val) -> Eval<Vec<Val>> {
    if truth(value)? { context.iterate(value) } else { Ok(Vec::new()) }
}

fn map(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let items = iterate(context, value)?;
    context.budget.items(items.len())?;
    if let Some((name, args)) = named_first("map", &args.rest)? {
        let filter = find(&name)?;
        let mapped = items.into_iter().map(|item| context.filter(filter, item, args.clone()));
        return mapped.collect::<Eval<_>>().map(Val::list);
    }
    let option = |name: &str| args.rest.named.iter().find(|(key, _)| **key == *name).map(|(_, value)| value);
    if let Some((name, _)) =
        args.rest.named.iter().find(|(name, _)| !["attribute", "default"].contains(&&**name))
    {
        return Err(call_error("map", format!("it has no argument `{name}`")));
    }
    let attribute =
        option("attribute").ok_or_else(|| call_error("map", "it needs a filter or an `attribute`"))?;
    let getter = Getter::new(attribute, option("default").cloned())?;
    items.iter().map(|item| getter.get(context, item)).collect::<Eval<_>>().map(Val::list)
}

fn select(context: &Context<'_>, value: &Val, args: &Bound, keep: bool) -> Eval<Val> {
    filter_items(context, value, &Getter::new(&Val::None, None)?, &args.rest, keep)
}

fn select_attribute(context: &Context<'_>, value: &Val, args: &Bound, keep: bool) -> Eval<Val> {
    filter_items(context, value, &Getter::new(args.need("attribute")?, None)?, &args.rest, keep)
}

fn filter_items(context: &Context<'_>, value: &Val, getter: &Getter, rest: &Args, keep: bool) -> Eval<Val> {
    let items = iterate(context, value)?;
    let test = match named_first("select", rest)? {
        Some((name, args)) => Some((checks::find(&name)?, args)),
        None => None,
    };
    let mut kept = Vec::new();
    for item in items {
        let mut subject = getter.get(context, &item)?;
        if let Some((check, args)) = &test {
            subject = context.check(check, subject, args.clone())?;
        }
        if truth(&subject)? == keep {
            kept.push(item);
        }
    }
    Ok(Val::list(kept))
}
