//! Python's slices.

use super::budget::Budget;
use super::error::{Eval, type_error};
use super::ops::Num;
use super::value::Val;

/// `value[from:until:step]`.
pub(super) fn slice(value: &Val, bounds: [Option<Val>; 3], budget: &Budget) -> Eval<Val> {
    let [from, until, step] = bounds.map(bound);
    let (from, until, step) = (from?, until?, step?.unwrap_or(1));
    if step == 0 {
        return Err(type_error("the step of a slice cannot be zero"));
    }
    match value {
        Val::Str(text) => {
            budget.text(text.len() * 4)?;
            let chars: Vec<char> = text.chars().collect();
            let picked = positions(chars.len(), from, until, step).map(|i| chars[i]);
            Ok(Val::str(picked.collect::<String>()))
        }
        Val::List(seq) | Val::Tuple(seq) => {
            budget.items(seq.items.len())?;
            let picked =
                positions(seq.items.len(), from, until, step).map(|i| seq.items[i].clone()).collect();
            Ok(if matches!(value, Val::List(_)) { Val::list(picked) } else { Val::tuple(picked) })
        }
        other => Err(type_error(format!("a value of type `{}` cannot be sliced", other.type_name()))),
    }
}

fn bound(value: Option<Val>) -> Eval<Option<i128>> {
    match value {
        None | Some(Val::None) => Ok(None),
        Some(value) => match Num::of(&value) {
            Some(Num::Int(i)) => Ok(Some(i)),
            _ => Err(type_error(format!(
                "a slice needs integers, not a value of type `{}`",
                value.usable()?.type_name()
            ))),
        },
    }
}

fn positions(len: usize, from: Option<i128>, until: Option<i128>, step: i128) -> impl Iterator<Item = usize> {
    let len = len as i128;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |at: i128| if at < 0 { (at.saturating_add(len)).max(low) } else { at.min(high) };
    let first = from.map_or(if step > 0 { low } else { high }, clamp);
    let last = until.map_or(if step > 0 { high } else { low }, clamp);
    let mut at = first;
    std::iter::from_fn(move || {
        let inside = if step > 0 { at < last } else { at > last };
        let current = usize::try_from(at).ok().filter(|_| inside)?;
        at = at.saturating_add(step);
        Some(current)
    })
}
