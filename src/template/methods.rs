//! Methods of Python's values.

use std::sync::Arc;

use super::call::{Args, Bound};
use super::context::Context;
use super::error::{ErrorKind, Eval, call_error, type_error, unsupported};
use super::ops::{equal, order};
use super::value::{Object, Val};
use super::{format, string_methods};

/// Methods of text that Python has; those not offered are refused by name when called.
const STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const DICT: &[&str] = &[
    "clear",
    "copy",
    "fromkeys",
    "get",
    "items",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
];
const LIST: &[&str] =
    &["append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"];
const TUPLE: &[&str] = &["count", "index"];
const LOOP: &[&str] = &["changed", "cycle"];
const INT: &[&str] = &["as_integer_ratio", "bit_count", "bit_length", "conjugate", "is_integer", "to_bytes"];
const FLOAT: &[&str] = &["as_integer_ratio", "conjugate", "fromhex", "hex", "is_integer"];
const MAPPING: &[&str] = &["get", "items", "keys", "values"];

/// Whether the value has a method of that name.
pub(super) fn exists(value: &Val, name: &str) -> bool {
    let names = match value {
        Val::Str(_) => STR,
        Val::Dict(_) => DICT,
        Val::List(_) => LIST,
        Val::Tuple(_) | Val::Range(_) => TUPLE,
        Val::Int(_) | Val::Bool(_) => INT,
        Val::Float(_) => FLOAT,
        Val::Object(Object::Loop(_)) => LOOP,
        Val::Object(Object::Hosts(_) | Object::Vars(_)) => MAPPING,
        _ => &[],
    };
    names.contains(&name)
}

/// Calls a method.
pub(super) fn call(context: &Context<'_>, owner: &Val, name: &str, args: Args) -> Eval<Val> {
    match owner {
        Val::Str(text) if name == "format" => format::format(context, text, &args).map(Val::str),
        Val::Str(text) => string_methods::call(context, text, name, args),
        Val::Dict(_) | Val::Object(Object::Hosts(_) | Object::Vars(_)) => mapping(context, owner, name, args),
        Val::List(_) | Val::Tuple(_) | Val::Range(_) => sequence(context, owner, name, args),
        Val::Object(Object::Loop(state)) => state.call(name, &args, |a, b| equal(a, b, &context.budget)),
        Val::Int(i) if name == "bit_length" => {
            args.bind("bit_length", &[], false)?;
            Ok(Val::Int(i128::from(128 - i.unsigned_abs().leading_zeros())))
        }
        other => Err(missing(other, name)),
    }
}

/// The refusal of a method that Python has.
pub(super) fn missing(owner: &Val, name: &str) -> super::TemplateError {
    let instead = match (owner, name) {
        (Val::List(_), "append" | "insert" | "extend") => "add lists with `+`; it changes the list in place",
        (Val::List(_), "sort" | "reverse") => "use the filter of that name; it changes the list in place",
        (Val::List(_), _) => "make a new list with `reject` or a slice; it changes the list in place",
        (Val::Dict(_), _) => "make a new mapping with `combine`; it changes the mapping in place",
        _ => "use a filter",
    };
    unsupported(format!("the method `{name}` of a value of type `{}`", owner.type_name()), instead)
}

fn mapping(context: &Context<'_>, owner: &Val, name: &str, args: Args) -> Eval<Val> {
    match name {
        "get" => {
            let args = args.bind("get", &["key", "default"], false)?;
            let key = args.need("key")?;
            match (owner, context.item_or_none(owner, key)?) {
                (_, Some(value)) => value.usable(),
                (..) => Ok(args.or("default", Val::None)),
            }
        }
        "keys" | "items" | "values" | "copy" => {
            args.bind("keys", &[], false)?;
            let keys = context.iterate(owner)?;
            if name == "keys" {
                return Ok(Val::list(keys));
            }
            if name == "copy" {
                return Ok(owner.clone());
            }
            let mut out = Vec::with_capacity(keys.len());
            for key in keys {
                let value = context.item_or_none(owner, &key)?.unwrap_or(Val::None);
                context.budget.items(1)?;
                let value = value.usable()?;
                out.push(if name == "values" { value } else { Val::tuple(vec![key, value]) });
            }
            Ok(Val::list(out))
        }
        _ => Err(missing(owner, name)),
    }
}

fn sequence(context: &Context<'_>, owner: &Val, name: &str, args: Args) -> Eval<Val> {
    match name {
        "copy" => {
            args.bind("copy", &[], false)?;
            Ok(owner.clone())
        }
        // Ansible's own lists do not find what they hold when they count.
        "count" if matches!(owner, Val::List(_)) => {
            Err(unsupported("the method `count` of a list", "use `select('eq', …) | length`"))
        }
        "count" | "index" => {
            let args: Bound = args.bind("index", &["value"], false)?;
            let wanted = args.need("value")?;
            let mut found = Vec::new();
            for (at, item) in context.iterate(owner)?.iter().enumerate() {
                if equal(item, wanted, &context.budget)? {
                    found.push(at);
                }
            }
            if name == "count" {
                return Ok(Val::int(found.len()));
            }
            found.first().map(|at| Val::int(*at)).ok_or_else(|| type_error("the value is not in the list"))
        }
        _ => Err(missing(owner, name)),
    }
}

/// Sorts by keys that Python can order.
pub(super) fn sort_by_key(context: &Context<'_>, items: &mut [(Val, Val)], reverse: bool) -> Eval<()> {
    let mut failure = None;
    let mut compare = |a: &(Val, Val), b: &(Val, Val)| {
        let result = order(&a.0, &b.0, &context.budget).and_then(|order| {
            order.ok_or_else(|| {
                let (a, b) = (a.0.type_name(), b.0.type_name());
                type_error(format!("values of type `{a}` and `{b}` cannot be sorted together"))
            })
        });
        match result {
            Ok(order) => order.unwrap_or(std::cmp::Ordering::Equal),
            Err(error) => {
                failure.get_or_insert(error);
                std::cmp::Ordering::Equal
            }
        }
    };
    // Python keeps the order of equal items when it sorts backwards, too.
    if reverse {
        items.reverse();
        items.sort_by(&mut compare);
        items.reverse();
    } else {
        items.sort_by(&mut compare);
    }
    failure.map_or(Ok(()), Err)
}

/// `mapping.get(key)` without the detour through attributes.
impl Context<'_> {
    fn item_or_none(&self, owner: &Val, key: &Val) -> Eval<Option<Val>> {
        if let Val::Dict(dict) = owner {
            dict.get(key)?.cloned().map(|value| self.force(value)).transpose()
        } else {
            let value = self.item(owner, key)?;
            Ok(if is_missing(&value) { None } else { Some(value) })
        }
    }
}

fn is_missing(value: &Val) -> bool {
    matches!(value, Val::Marker(error) if matches!(&*error.kind, ErrorKind::Undefined { name: None, .. }))
}

/// A method's text argument.
pub(super) fn text_argument(method: &str, value: &Val) -> Eval<Arc<str>> {
    match value {
        Val::Str(text) => Ok(text.clone()),
        other => {
            Err(call_error(method, format!("it needs text, not a value of type `{}`", other.type_name())))
        }
    }
}
