//! Filters that treat lists as sets.
//!
//! The order of Ansible's results is that of Python's hash table: fixed for numbers, different in every run
//! for text. Here numbers come in Python's order; other items keep the order of their lists, in a union
//! those that only the second list has first.

use std::collections::HashSet;

use super::super::call::Bound;
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::ops::equal;
use super::super::pyset::{Number, PySet};
use super::super::value::{Key, Val};
use super::select::Getter;
use super::sequences::folded;
use super::{Filter, filter};

pub(super) const FILTERS: &[Filter] = &[
    filter("unique", &["case_sensitive", "attribute"], unique),
    filter("union", &["b"], |c, v, args| combine(c, v, args, Mode::Union)),
    filter("intersect", &["b"], |c, v, args| combine(c, v, args, Mode::Intersect)),
    filter("difference", &["b"], |c, v, args| combine(c, v, args, Mode::Difference)),
    filter("symmetric_difference", &["b"], |c, v, args| combine(c, v, args, Mode::Symmetric)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Union,
    Intersect,
    Difference,
    Symmetric,
}

fn unique(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let items = context.usable_items(value)?;
    let case_sensitive = args.flag("case_sensitive", false)?;
    let getter = Getter::new(&args.or("attribute", Val::None), None)?;
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in &items {
        let key = folded(getter.get(context, item)?.usable()?, case_sensitive);
        match Key::of(&key) {
            Ok(key) => {
                if seen.insert(key) {
                    kept.push(item.clone());
                }
            }
            // Lists and mappings cannot be hashed: Ansible then compares each with each.
            Err(_)
                if args.given("attribute")
                    || matches!(args.get("case_sensitive"), Some(Val::Bool(false))) =>
            {
                return Err(call_error("unique", "lists and mappings can only be compared as they are"));
            }
            Err(_) => return distinct(context, items).map(Val::list),
        }
    }
    Ok(Val::list(kept))
}

fn distinct(context: &Context<'_>, items: Vec<Val>) -> Eval<Vec<Val>> {
    let mut kept: Vec<Val> = Vec::new();
    for item in items {
        if !within(context, &item, &kept)? {
            kept.push(item);
        }
    }
    Ok(kept)
}

fn within(context: &Context<'_>, item: &Val, list: &[Val]) -> Eval<bool> {
    for candidate in list {
        if equal(candidate, item, &context.budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn combine(context: &Context<'_>, value: &Val, args: &Bound, mode: Mode) -> Eval<Val> {
    let (a, b) = (context.usable_items(value)?, context.usable_items(args.need("b")?)?);
    let keys = |items: &[Val]| items.iter().map(Key::of).collect::<Eval<Vec<Key>>>().ok();
    if let (Some(a), Some(b)) = (numbers(&a), numbers(&b)) {
        let (a, b) = (PySet::new(a), PySet::new(b));
        let result = match mode {
            Mode::Union => a.union(&b),
            Mode::Intersect => a.intersection(&b),
            Mode::Difference => a.difference(&b),
            Mode::Symmetric => a.symmetric_difference(&b),
        };
        return Ok(Val::list(result.keys().map(Number::value).collect()));
    }
    match (keys(&a), keys(&b)) {
        (Some(a_keys), Some(b_keys)) => Ok(Val::list(hashed(&(a, a_keys), &(b, b_keys), mode))),
        _ => compared(context, a, b, mode).map(Val::list),
    }
}

/// The items, if all are numbers.
fn numbers(items: &[Val]) -> Option<Vec<Number>> {
    items.iter().map(Number::of).collect()
}

/// Items and their hash keys.
type Keyed = (Vec<Val>, Vec<Key>);

/// Sets of items that can be hashed.
fn hashed(a: &Keyed, b: &Keyed, mode: Mode) -> Vec<Val> {
    let set = |keys: &[Key]| keys.iter().cloned().collect::<HashSet<Key>>();
    let (in_a, in_b) = (set(&a.1), set(&b.1));
    let pick = |(items, keys): &Keyed, other: &HashSet<Key>, inside: bool| {
        let mut seen = HashSet::new();
        let pairs = items.iter().zip(keys).filter(|(_, key)| other.contains(*key) == inside);
        pairs
            .filter(|(_, key)| seen.insert((*key).clone()))
            .map(|(item, _)| item.clone())
            .collect::<Vec<Val>>()
    };
    match mode {
        // Python walks the smaller set.
        Mode::Intersect if in_b.len() > in_a.len() => pick(a, &in_b, true),
        Mode::Intersect => pick(b, &in_a, true),
        Mode::Difference => pick(a, &in_b, false),
        Mode::Symmetric => [pick(a, &in_b, false), pick(b, &in_a, false)].concat(),
        Mode::Union => [pick(b, &in_a, false), pick(a, &HashSet::new(), false)].concat(),
    }
}

/// Lists with items that can only be compared, such as mappings.
fn compared(context: &Context<'_>, a: Vec<Val>, b: Vec<Val>, mode: Mode) -> Eval<Vec<Val>> {
    let keep = |items: &[Val], other: &[Val], inside: bool| {
        let mut kept = Vec::new();
        for item in items {
            if within(context, item, other)? == inside {
                kept.push(item.clone());
            }
        }
        distinct(context, kept)
    };
    match mode {
        Mode::Intersect => keep(&a, &b, true),
        Mode::Difference => keep(&a, &b, false),
        Mode::Union => distinct(context, [a, b].concat()),
        Mode::Symmetric => {
            let common = keep(&a, &b, true)?;
            let all = distinct(context, [a, b].concat())?;
            keep(&all, &common, false)
        }
    }
}
