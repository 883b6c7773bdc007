//! Filters on any value.

use super::super::call::Bound;
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::ops::truth;
use super::super::value::Val;
use super::{Filter, filter, marked};

pub(super) const FILTERS: &[Filter] = &[
    marked("default", &["default_value", "boolean"], default),
    marked("d", &["default_value", "boolean"], default),
    marked("mandatory", &["msg"], mandatory),
    marked("ternary", &["true_val", "false_val", "none_val"], ternary),
    filter("bool", &[], |_, value, _| Ok(Val::Bool(to_bool(value)))),
    filter("type_debug", &[], |_, value, _| Ok(Val::str(value.type_name()))),
];

fn default(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let boolean = match args.get("boolean") {
        None => false,
        Some(Val::Bool(boolean)) => *boolean,
        Some(other) => {
            let found = other.type_name();
            return Err(call_error(
                "default",
                format!("its second argument must be a boolean, not of type `{found}`"),
            ));
        }
    };
    let replace = match value {
        Val::Marker(error) => error.is_undefined(),
        _ => false,
    };
    if replace || (boolean && !truth(value)?) {
        return Ok(args.or("default_value", Val::str("")));
    }
    Ok(value.clone())
}

fn mandatory(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    match value {
        Val::Marker(error) if error.is_undefined() => Err(call_error(
            "mandatory",
            args.text("msg")?.map_or_else(|| error.kind.to_string(), |message| message.to_string()),
        )),
        _ => Ok(value.clone()),
    }
}

fn ternary(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    if matches!(value, Val::None)
        && let Some(none) = args.get("none_val").filter(|none| !matches!(none, Val::None))
    {
        return Ok(none.clone());
    }
    args.need("false_val")?;
    args.need(if truth(value)? { "true_val" } else { "false_val" }).cloned()
}

/// What Ansible takes for true; anything it does not know is false.
fn to_bool(value: &Val) -> bool {
    match value {
        Val::Str(text) => ["yes", "on", "true", "1"].contains(&text.to_lowercase().as_str()),
        Val::Bool(flag) => *flag,
        Val::Int(i) => *i == 1,
        Val::Float(f) => super::math::is(*f, 1.0),
        _ => false,
    }
}
