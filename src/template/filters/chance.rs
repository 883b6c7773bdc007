//! Filters that choose. They need a seed: a run must plan what it applies.

use super::super::call::Bound;
use super::super::context::Context;
use super::super::error::{Eval, call_error, unsupported};
use super::super::ops::truth;
use super::super::pyrandom::Random;
use super::super::value::Val;
use super::{Filter, filter};

pub(super) const FILTERS: &[Filter] =
    &[filter("random", &["start", "step", "seed"], random), filter("shuffle", &["seed"], shuffle)];

fn generator(name: &str, args: &Bound) -> Eval<Random> {
    match args.get("seed") {
        None | Some(Val::None) => Err(unsupported(
            format!("`{name}` without a seed"),
            "give one, such as `seed=inventory_hostname`: a run must plan what it applies",
        )),
        // Ansible shuffles by chance then.
        Some(seed) if name == "shuffle" && !truth(seed)? => {
            Err(call_error(name, "the seed must not be empty or 0"))
        }
        Some(seed) => Random::new(seed),
    }
}

fn below(random: &mut Random, limit: i128) -> Eval<i128> {
    match u64::try_from(limit) {
        Ok(limit) if limit > 0 => Ok(random.below(limit).into()),
        _ => Err(call_error("random", "there is nothing to choose from")),
    }
}

fn random(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let mut generator = generator("random", args)?;
    let (start, step) = (args.int("start")?, args.int("step")?);
    if let Val::Int(end) = value {
        let start = start.unwrap_or(0);
        let step = step.filter(|step| *step != 0).unwrap_or(1);
        let width = end - start;
        let count = if step > 0 { (width + step - 1).div_euclid(step) } else { (width + step + 1) / step };
        return Ok(Val::Int(start + step * below(&mut generator, count)?));
    }
    if start.is_some_and(|start| start != 0) || step.is_some_and(|step| step != 0) {
        return Err(call_error("random", "`start` and `step` are for numbers only"));
    }
    let items = match value {
        Val::List(_) | Val::Tuple(_) | Val::Str(_) => context.usable_items(value)?,
        other => {
            let found = other.type_name();
            return Err(call_error("random", format!("it needs a list or a number, not of type `{found}`")));
        }
    };
    let at = below(&mut generator, items.len() as i128)?;
    Ok(usize::try_from(at).ok().and_then(|at| items.get(at).cloned()).unwrap_or(Val::None))
}

fn shuffle(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let mut generator = generator("shuffle", args)?;
    let mut items = context.usable_items(value)?;
    for last in (1..items.len()).rev() {
        let other = usize::try_from(generator.below(last as u64 + 1)).unwrap_or(0);
        items.swap(last, other);
    }
    Ok(Val::list(items))
}
