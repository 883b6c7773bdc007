//! Python's operators.

use std::cmp::Ordering;

use super::budget::{Budget, Text};
use super::error::{Eval, TemplateError, limit, type_error};
use super::syntax::{Op, Relation};
use super::text;
use super::value::{Key, Object, Steps, Val};

/// A number, as arithmetic sees it.
#[derive(Clone, Copy)]
pub(super) enum Num {
    Int(i128),
    Float(f64),
}

impl Num {
    pub(super) fn of(value: &Val) -> Option<Self> {
        match value {
            Val::Bool(b) => Some(Self::Int(i128::from(*b))),
            Val::Int(i) => Some(Self::Int(*i)),
            Val::Float(f) => Some(Self::Float(*f)),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "Python rounds large integers the same way")]
    pub(super) fn float(self) -> f64 {
        match self {
            Self::Int(i) => i as f64,
            Self::Float(f) => f,
        }
    }
}

/// `bool(value)`.
pub(super) fn truth(value: &Val) -> Eval<bool> {
    Ok(match value {
        Val::None | Val::Absent => false,
        Val::Bool(b) => *b,
        Val::Int(i) => *i != 0,
        Val::Float(f) => *f != 0.0,
        Val::Str(s) => !s.is_empty(),
        Val::List(seq) | Val::Tuple(seq) => !seq.items.is_empty(),
        Val::Dict(dict) => dict.len() > 0,
        Val::Range(steps) => steps.count > 0,
        Val::Marker(error) => return Err((**error).clone()),
        Val::Omit | Val::Deferred(_) | Val::Object(_) => true,
    })
}

fn unfit(op: &str, left: &Val, right: &Val) -> TemplateError {
    type_error(format!(
        "`{op}` does not work between values of type `{}` and `{}`",
        left.type_name(),
        right.type_name()
    ))
}

fn overflow() -> TemplateError {
    limit("an integer has more than 38 digits")
}

/// An arithmetic operator.
pub(super) fn binary(op: Op, left: &Val, right: &Val, budget: &Budget) -> Eval<Val> {
    match op {
        Op::Concat => {
            let mut text = Text::new(budget);
            text::write_str(left, &mut text)?;
            text::write_str(right, &mut text)?;
            Ok(Val::str(text.finish()))
        }
        Op::Add => add(left, right, budget),
        Op::Mul => mul(left, right, budget),
        Op::Sub => arithmetic("-", left, right, i128::checked_sub, |a, b| a - b),
        Op::Div => divide(left, right),
        Op::FloorDiv | Op::Rem => floor_divide(op, left, right, budget),
        Op::Pow => power(left, right),
    }
}

fn arithmetic(
    op: &str,
    left: &Val,
    right: &Val,
    ints: fn(i128, i128) -> Option<i128>,
    floats: fn(f64, f64) -> f64,
) -> Eval<Val> {
    match (Num::of(left), Num::of(right)) {
        (Some(Num::Int(a)), Some(Num::Int(b))) => ints(a, b).map(Val::Int).ok_or_else(overflow),
        (Some(a), Some(b)) => Ok(Val::Float(floats(a.float(), b.float()))),
        _ => Err(unfit(op, left, right)),
    }
}

fn add(left: &Val, right: &Val, budget: &Budget) -> Eval<Val> {
    match (left, right) {
        (Val::Str(a), Val::Str(b)) => {
            budget.text(a.len() + b.len())?;
            Ok(Val::str([&**a, &**b].concat()))
        }
        (Val::List(a), Val::List(b)) => {
            budget.items(a.items.len() + b.items.len())?;
            Ok(Val::list([a.items.as_slice(), &b.items].concat()))
        }
        (Val::Tuple(a), Val::Tuple(b)) => {
            budget.items(a.items.len() + b.items.len())?;
            Ok(Val::tuple([a.items.as_slice(), &b.items].concat()))
        }
        _ => arithmetic("+", left, right, i128::checked_add, |a, b| a + b),
    }
}

fn mul(left: &Val, right: &Val, budget: &Budget) -> Eval<Val> {
    match (left, right) {
        (Val::Str(_) | Val::List(_) | Val::Tuple(_), Val::Int(_) | Val::Bool(_)) => {
            repeat(left, right, budget)
        }
        (Val::Int(_) | Val::Bool(_), Val::Str(_) | Val::List(_) | Val::Tuple(_)) => {
            repeat(right, left, budget)
        }
        _ => arithmetic("*", left, right, i128::checked_mul, |a, b| a * b),
    }
}

fn repeat(what: &Val, count: &Val, budget: &Budget) -> Eval<Val> {
    let Some(Num::Int(count)) = Num::of(count) else { return Err(unfit("*", what, count)) };
    let count = usize::try_from(count.max(0)).map_err(|_| overflow())?;
    Ok(match what {
        Val::Str(s) => {
            budget.text(s.len().saturating_mul(count))?;
            Val::str(s.repeat(count))
        }
        Val::List(seq) | Val::Tuple(seq) => {
            budget.items(seq.items.len().saturating_mul(count))?;
            let items = (0..count).flat_map(|_| seq.items.iter().cloned()).collect();
            if matches!(what, Val::List(_)) { Val::list(items) } else { Val::tuple(items) }
        }
        other => return Err(unfit("*", other, &Val::Int(0))),
    })
}

fn divide(left: &Val, right: &Val) -> Eval<Val> {
    match (Num::of(left), Num::of(right)) {
        (Some(a), Some(b)) if b.float() != 0.0 => Ok(Val::Float(a.float() / b.float())),
        (Some(_), Some(_)) => Err(type_error("division by zero")),
        _ => Err(unfit("/", left, right)),
    }
}

fn floor_divide(op: Op, left: &Val, right: &Val, budget: &Budget) -> Eval<Val> {
    if let (Op::Rem, Val::Str(format)) = (op, left) {
        return super::percent::format(format, right, budget).map(Val::str);
    }
    let sign = if op == Op::Rem { "%" } else { "//" };
    match (Num::of(left), Num::of(right)) {
        (Some(Num::Int(_)), Some(Num::Int(0))) => Err(type_error("division by zero")),
        (Some(Num::Int(a)), Some(Num::Int(b))) => {
            let result = if op == Op::Rem { floor_rem(a, b) } else { floor_div(a, b) };
            result.map(Val::Int).ok_or_else(overflow)
        }
        (Some(_), Some(b)) if b.float() == 0.0 => Err(type_error("division by zero")),
        (Some(a), Some(b)) => {
            let (quotient, rest) = float_div_rem(a.float(), b.float());
            Ok(Val::Float(if op == Op::Rem { rest } else { quotient }))
        }
        _ => Err(unfit(sign, left, right)),
    }
}

fn floor_div(a: i128, b: i128) -> Option<i128> {
    let quotient = a.checked_div(b)?;
    if a.checked_rem(b)? != 0 && (a < 0) != (b < 0) { quotient.checked_sub(1) } else { Some(quotient) }
}

fn floor_rem(a: i128, b: i128) -> Option<i128> {
    let rest = a.checked_rem(b)?;
    if rest != 0 && (rest < 0) != (b < 0) { rest.checked_add(b) } else { Some(rest) }
}

/// Floor division of floats with the sign rules of Python's `divmod`.
fn float_div_rem(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest == 0.0 {
        rest = 0.0_f64.copysign(b);
    } else if (rest < 0.0) != (b < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    let floored = quotient.floor();
    let quotient = if quotient - floored > 0.5 { floored + 1.0 } else { floored };
    (if quotient == 0.0 { 0.0_f64.copysign(a / b) } else { quotient }, rest)
}

fn power(left: &Val, right: &Val) -> Eval<Val> {
    match (Num::of(left), Num::of(right)) {
        (Some(Num::Int(a)), Some(Num::Int(b))) if b >= 0 => {
            let exponent = u32::try_from(b).map_err(|_| overflow());
            match a {
                0 | 1 => Ok(Val::Int(if b == 0 { 1 } else { a })),
                _ => a.checked_pow(exponent?).map(Val::Int).ok_or_else(overflow),
            }
        }
        (Some(a), Some(b)) => {
            let (base, exponent) = (a.float(), b.float());
            if base == 0.0 && exponent < 0.0 {
                return Err(type_error("zero cannot be raised to a negative power"));
            }
            let result = base.powf(exponent);
            if result.is_nan() && !base.is_nan() && !exponent.is_nan() {
                return Err(type_error("the power is a complex number"));
            }
            if result.is_infinite() && base.is_finite() && exponent.is_finite() {
                return Err(type_error("the power is too large"));
            }
            Ok(Val::Float(result))
        }
        _ => Err(unfit("**", left, right)),
    }
}

/// `-value`.
pub(super) fn negate(value: &Val) -> Eval<Val> {
    match Num::of(value) {
        Some(Num::Int(i)) => i.checked_neg().map(Val::Int).ok_or_else(overflow),
        Some(Num::Float(f)) => Ok(Val::Float(-f)),
        None => Err(type_error(format!("`-` does not work on a value of type `{}`", value.type_name()))),
    }
}

/// `+value`.
pub(super) fn positive(value: &Val) -> Eval<Val> {
    match Num::of(value) {
        Some(Num::Int(i)) => Ok(Val::Int(i)),
        Some(Num::Float(f)) => Ok(Val::Float(f)),
        None => Err(type_error(format!("`+` does not work on a value of type `{}`", value.type_name()))),
    }
}

/// A comparison.
pub(super) fn compare(relation: Relation, left: &Val, right: &Val, budget: &Budget) -> Eval<bool> {
    let order = |accept: fn(Ordering) -> bool, sign| {
        Ok(order(left, right, budget)?.ok_or_else(|| unfit(sign, left, right))?.is_some_and(accept))
    };
    match relation {
        Relation::Eq => equal(left, right, budget),
        Relation::Ne => equal(left, right, budget).map(|same| !same),
        Relation::Lt => order(Ordering::is_lt, "<"),
        Relation::Le => order(Ordering::is_le, "<="),
        Relation::Gt => order(Ordering::is_gt, ">"),
        Relation::Ge => order(Ordering::is_ge, ">="),
        Relation::In => contains(right, left, budget),
        Relation::NotIn => contains(right, left, budget).map(|found| !found),
    }
}

/// `left == right`.
pub(super) fn equal(left: &Val, right: &Val, budget: &Budget) -> Eval<bool> {
    budget.work(1)?;
    if let (Some(a), Some(b)) = (Num::of(left), Num::of(right)) {
        return Ok(numbers(a, b) == Some(Ordering::Equal));
    }
    Ok(match (left, right) {
        (Val::Marker(error), _) | (_, Val::Marker(error)) => return Err((**error).clone()),
        (Val::None, Val::None) | (Val::Absent, Val::Absent) | (Val::Omit, Val::Omit) => true,
        (Val::Str(a), Val::Str(b)) => a == b,
        (Val::List(a), Val::List(b)) | (Val::Tuple(a), Val::Tuple(b)) => {
            a.items.len() == b.items.len() && all(a.items.iter().zip(&b.items), |(a, b)| equal(a, b, budget))?
        }
        (Val::Dict(a), Val::Dict(b)) => {
            a.len() == b.len()
                && all(a.entries().iter(), |(key, value)| match b.get(key)? {
                    Some(other) => equal(value, other, budget),
                    None => Ok(false),
                })?
        }
        (Val::Range(a), Val::Range(b)) => same_range(*a, *b),
        _ => false,
    })
}

fn same_range(a: Steps, b: Steps) -> bool {
    a.count == b.count && (a.count == 0 || (a.start == b.start && (a.count == 1 || a.step == b.step)))
}

fn all<T>(items: impl Iterator<Item = T>, mut test: impl FnMut(T) -> Eval<bool>) -> Eval<bool> {
    for item in items {
        if !test(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[expect(clippy::float_cmp, reason = "the comparison tells whether the conversion was exact")]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "checked by converting back"
)]
fn numbers(a: Num, b: Num) -> Option<Ordering> {
    match (a, b) {
        (Num::Int(a), Num::Int(b)) => Some(a.cmp(&b)),
        (Num::Float(a), Num::Float(b)) => a.partial_cmp(&b),
        (Num::Int(_), Num::Float(_)) => numbers(b, a).map(Ordering::reverse),
        (Num::Float(f), Num::Int(i)) => {
            if f.trunc() == f && f.abs() < 1e38 && f != i as f64 {
                return Some((f as i128).cmp(&i));
            }
            match f.partial_cmp(&(i as f64))? {
                Ordering::Equal => Some((f as i128).cmp(&i)),
                other => Some(other),
            }
        }
    }
}

/// How two values are ordered: none if Python refuses to say, and none inside if one is not a number.
#[expect(clippy::option_option, reason = "refused and unordered are different answers")]
pub(super) fn order(left: &Val, right: &Val, budget: &Budget) -> Eval<Option<Option<Ordering>>> {
    budget.work(1)?;
    if let (Some(a), Some(b)) = (Num::of(left), Num::of(right)) {
        return Ok(Some(numbers(a, b)));
    }
    match (left, right) {
        (Val::Marker(error), _) | (_, Val::Marker(error)) => Err((**error).clone()),
        (Val::Str(a), Val::Str(b)) => Ok(Some(Some(a.cmp(b)))),
        (Val::List(a), Val::List(b)) | (Val::Tuple(a), Val::Tuple(b)) => {
            for (a, b) in a.items.iter().zip(&b.items) {
                if !equal(a, b, budget)? {
                    return order(a, b, budget);
                }
            }
            Ok(Some(Some(a.items.len().cmp(&b.items.len()))))
        }
        _ => Ok(None),
    }
}

/// `item in container`.
pub(super) fn contains(container: &Val, item: &Val, budget: &Budget) -> Eval<bool> {
    match container {
        Val::Marker(error) => Err((**error).clone()),
        Val::Str(text) => match item {
            Val::Str(part) => {
                budget.work(text.len() / 64)?;
                Ok(text.contains(&**part))
            }
            Val::Marker(error) => Err((**error).clone()),
            other => Err(type_error(format!(
                "`in` needs text on the left of a string, not a value of type `{}`",
                other.type_name()
            ))),
        },
        Val::List(seq) | Val::Tuple(seq) => {
            for candidate in &seq.items {
                if equal(candidate, item, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Val::Dict(dict) => Ok(dict.get(item)?.is_some()),
        Val::Range(steps) => Ok(match Num::of(item) {
            Some(Num::Int(i)) => steps.contains(i),
            Some(Num::Float(_)) => matches!(Key::of(item)?, Key::Int(i) if steps.contains(i)),
            None => false,
        }),
        Val::Absent => Ok(false),
        Val::Object(Object::Hosts(hosts)) => {
            Ok(item.as_str().is_some_and(|name| hosts.scope(name).is_some()))
        }
        Val::Object(Object::Vars(scope)) => Ok(item.as_str().is_some_and(|name| scope.contains(name))),
        other => Err(type_error(format!("`in` does not work on a value of type `{}`", other.type_name()))),
    }
}
