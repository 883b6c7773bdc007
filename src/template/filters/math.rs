//! Filters on numbers.

use super::super::call::Bound;
use super::super::context::Context;
use super::super::error::{Eval, call_error, type_error};
use super::super::ops::Num;
use super::super::value::Val;
use super::{Filter, filter};

pub(super) const FILTERS: &[Filter] = &[
    filter("int", &["default", "base"], int),
    filter("float", &["default"], |_, v, args| {
        ascii_digits("float", v)?;
        Ok(to_float(v).map_or_else(|| args.or("default", Val::Float(0.0)), Val::Float))
    }),
    filter("abs", &[], |_, v, _| match Num::of(v) {
        Some(Num::Int(i)) => {
            i.checked_abs().map(Val::Int).ok_or_else(|| type_error("the integer is too large"))
        }
        Some(Num::Float(f)) => Ok(Val::Float(f.abs())),
        None => Err(type_error(format!("it needs a number, not a value of type `{}`", v.type_name()))),
    }),
    filter("round", &["precision", "method"], round),
    filter("log", &["base"], log),
    filter("pow", &["y"], |_, v, args| {
        let (base, exponent) = (number(v)?, number(args.need("y")?)?);
        let result = base.powf(exponent);
        if result.is_finite() {
            Ok(Val::Float(result))
        } else {
            Err(type_error("the result is no finite number"))
        }
    }),
    filter("root", &["base"], root),
    filter("human_readable", &["isbits", "unit"], human_readable),
    filter("human_to_bytes", &["default_unit", "isbits"], human_to_bytes),
];

fn number(value: &Val) -> Eval<f64> {
    Num::of(value)
        .map(Num::float)
        .ok_or_else(|| type_error(format!("it needs numbers, not a value of type `{}`", value.type_name())))
}

/// Whether a number is exactly that one.
pub(super) fn is(number: f64, wanted: f64) -> bool {
    number.total_cmp(&wanted).is_eq()
}

/// `float(value)`, if it can be read as one.
pub(super) fn to_float(value: &Val) -> Option<f64> {
    match value {
        Val::Str(text) => parse_float(text),
        other => Num::of(other).map(Num::float),
    }
}

/// Refuses the digits of other scripts, which Python reads, too.
fn ascii_digits(filter: &str, value: &Val) -> Eval<()> {
    match value {
        Val::Str(text) if text.chars().any(|c| c.is_numeric() && !c.is_ascii()) => {
            Err(call_error(filter, "only ASCII digits are read"))
        }
        _ => Ok(()),
    }
}

fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(super::super::strings::is_space);
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'e' | 'E');
    let bare = text.trim_start_matches(['+', '-']).to_ascii_lowercase();
    let named = text.len() - bare.len() <= 1 && ["nan", "inf", "infinity"].contains(&&*bare);
    let cleaned = without_underscores(text)?;
    (named || cleaned.chars().all(digits)).then(|| cleaned.parse().ok()).flatten()
}

/// The digits without the single underscores that Python allows between them.
fn without_underscores(text: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let misplaced = chars.iter().enumerate().any(|(i, c)| {
        let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_hexdigit);
        *c == '_' && !(digit(i.checked_sub(1)) && digit(Some(i + 1)))
    });
    (!misplaced).then(|| text.replace('_', ""))
}

fn parse_int(text: &str, base: u32) -> Option<i128> {
    let text = text.trim_matches(super::super::strings::is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase();
    let prefix = match base {
        16 => "0x",
        8 => "0o",
        2 => "0b",
        _ => "",
    };
    let digits = lower.strip_prefix(prefix).filter(|_| !prefix.is_empty()).unwrap_or(&lower);
    let digits = without_underscores(
        digits.strip_prefix('_').filter(|_| digits.len() < lower.len()).unwrap_or(digits),
    )?;
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits, base).ok()?;
    Some(if negative { -magnitude } else { magnitude })
}

#[expect(clippy::cast_possible_truncation, reason = "checked against the range of the integers")]
fn truncated(f: f64) -> Option<i128> {
    (f.is_finite() && f.abs() < 1e38).then_some(f as i128)
}

fn int(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let base = args.int("base")?.unwrap_or(10);
    let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
    let base = base.ok_or_else(|| call_error("int", "the base must be 2 to 36"))?;
    let found = match value {
        Val::Str(text) => {
            ascii_digits("int", value)?;
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            if digits > 38 && text.bytes().all(|b| b.is_ascii_digit()) {
                return Err(call_error("int", "the number has more than 38 digits"));
            }
            parse_int(text, base).or_else(|| to_float(value).and_then(truncated))
        }
        other => match Num::of(other) {
            Some(Num::Int(i)) => Some(i),
            Some(Num::Float(f)) => truncated(f),
            None => None,
        },
    };
    Ok(found.map_or_else(|| args.or("default", Val::Int(0)), Val::Int))
}

fn round(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let precision = args.int("precision")?.unwrap_or(0);
    let method = args.text("method")?.unwrap_or_else(|| "common".into());
    let Some(number) = Num::of(value) else {
        return Err(type_error(format!("it needs a number, not a value of type `{}`", value.type_name())));
    };
    let places = usize::try_from(precision)
        .ok()
        .filter(|places| *places <= 300)
        .ok_or_else(|| call_error("round", "the precision must be 0 to 300"))?;
    match (&*method, number) {
        ("common", Num::Int(i)) => Ok(Val::Int(i)),
        ("common", Num::Float(f)) if f.is_finite() => {
            let rounded = format!("{f:.places$}").parse();
            rounded.map(Val::Float).map_err(|_| type_error("the number cannot be rounded"))
        }
        ("common", Num::Float(f)) => Ok(Val::Float(f)),
        ("ceil" | "floor", number) => {
            let scale = 10_f64.powi(i32::try_from(places).unwrap_or(0));
            let scaled = number.float() * scale;
            let whole = if &*method == "ceil" { scaled.ceil() } else { scaled.floor() };
            if whole.is_finite() {
                Ok(Val::Float(whole / scale + 0.0))
            } else {
                Err(type_error("the number is not finite"))
            }
        }
        _ => Err(call_error("round", "the method must be `common`, `ceil` or `floor`")),
    }
}

fn log(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let number = number(value)?;
    if number <= 0.0 {
        return Err(call_error("log", "the number is not positive"));
    }
    let result = match args.get("base") {
        None => number.ln(),
        Some(base) => {
            let base = number_base(base)?;
            if is(base, 10.0) { number.log10() } else { number.ln() / base.ln() }
        }
    };
    Ok(Val::Float(result))
}

fn number_base(base: &Val) -> Eval<f64> {
    let base = number(base)?;
    if base > 0.0 && !is(base, 1.0) {
        Ok(base)
    } else {
        Err(call_error("log", "the base must be positive and not 1"))
    }
}

fn root(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let number = number(value)?;
    let base = args.get("base").map_or(Some(2.0), to_float);
    let base = base
        .filter(|base| *base != 0.0)
        .ok_or_else(|| call_error("root", "the base must be a number but 0"))?;
    let result = if is(base, 2.0) { number.sqrt() } else { number.powf(1.0 / base) };
    if result.is_finite() {
        Ok(Val::Float(result))
    } else {
        Err(call_error("root", "the number has no such root"))
    }
}

const UNITS: [(&str, i32); 9] =
    [("Y", 8), ("Z", 7), ("E", 6), ("P", 5), ("T", 4), ("G", 3), ("M", 2), ("K", 1), ("B", 0)];

fn human_readable(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let size = number(value)?;
    let bits = args.flag("isbits", false)?;
    let unit = args.text("unit")?;
    let fits = |(name, power): &(&str, i32)| match &unit {
        None => size >= 1024_f64.powi(*power),
        Some(unit) => unit.to_uppercase() == *name,
    };
    let (name, power) = UNITS.into_iter().find(|unit| fits(unit)).unwrap_or(("B", 0));
    let suffix = match (power, bits) {
        (0, false) => "Bytes".to_owned(),
        (0, true) => "bits".to_owned(),
        (_, false) => format!("{name}B"),
        (_, true) => format!("{name}b"),
    };
    Ok(Val::str(format!("{:.2} {suffix}", size / 1024_f64.powi(power))))
}

fn human_to_bytes(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = super::super::text::to_text(value, &context.budget)?;
    let refuse = |what: &str| call_error("human_to_bytes", format!("`{text}` is not a size: {what}"));
    let trimmed = text.trim_end_matches(super::super::strings::is_space);
    let end = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len();
    let (digits, given) = trimmed.split_at(end);
    let digits =
        if given.is_empty() { digits } else { digits.trim_end_matches(super::super::strings::is_space) };
    let plain = !digits.is_empty()
        && !digits.ends_with('.')
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    let size: f64 = digits.parse().ok().filter(|_| plain).ok_or_else(|| refuse("it needs a number"))?;
    let bits = args.flag("isbits", false)?;
    let default = args.text("default_unit")?;
    let unit = if given.is_empty() { default.as_deref() } else { Some(given) };
    let power = match unit {
        None | Some("") => 0,
        Some(unit) => unit_power(unit, bits).ok_or_else(|| refuse("the unit is unknown"))?,
    };
    let bytes = size * 1024_f64.powi(power);
    truncated(bytes.round_ties_even()).map(Val::Int).ok_or_else(|| refuse("it is too large"))
}

fn unit_power(unit: &str, bits: bool) -> Option<i32> {
    let (name, power) = UNITS.into_iter().find(|(name, _)| unit.to_uppercase().starts_with(name))?;
    if unit.len() == 1 {
        return Some(power);
    }
    let long = ["yotta", "zetta", "exa", "peta", "tera", "giga", "mega", "kilo", ""];
    let word = format!("{}{}", long[usize::try_from(8 - power).ok()?], if bits { "bit" } else { "byte" });
    let short = match (power, bits) {
        (0, true) => "b".to_owned(),
        (0, false) => "B".to_owned(),
        (_, true) => format!("{name}b"),
        (_, false) => format!("{name}B"),
    };
    (unit.to_lowercase() == word || unit == short).then_some(power)
}
