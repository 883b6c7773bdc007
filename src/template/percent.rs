//! Python's `'…' % values`.

use super::budget::{Budget, Text};
use super::error::{Eval, TemplateError, type_error};
use super::numbers::{NumberFormat, float_digits, int_digits, is_negative};
use super::ops::Num;
use super::text;
use super::value::Val;

/// One `%…` of a format.
#[derive(Default)]
struct Spec {
    left: bool,
    zero: bool,
    alternate: bool,
    /// What stands before a number that is not negative.
    sign: &'static str,
    width: usize,
    precision: Option<usize>,
}

/// The values a format takes, one by one or by name.
struct Values<'v> {
    all: &'v Val,
    next: usize,
}

impl<'v> Values<'v> {
    fn take(&mut self) -> Eval<&'v Val> {
        let value = match self.all {
            Val::Tuple(seq) => seq.items.get(self.next),
            one => (self.next == 0).then_some(one),
        };
        self.next += 1;
        value.ok_or_else(|| type_error("the format has more places than there are values"))
    }

    fn named(&mut self, name: &str) -> Eval<&'v Val> {
        let Val::Dict(dict) = self.all else { return Err(type_error("the format needs a mapping")) };
        self.next = 1;
        dict.get_str(name).ok_or_else(|| type_error(format!("the format's mapping has no `{name}`")))
    }

    fn finished(&self) -> bool {
        match self.all {
            Val::Tuple(seq) => self.next >= seq.items.len(),
            // Python takes these for mappings, of which not every key has to be used.
            Val::Dict(_) | Val::List(_) | Val::Range(_) => true,
            _ => self.next == 1,
        }
    }
}

/// `format % values`.
pub(super) fn format(format: &str, values: &Val, budget: &Budget) -> Eval<String> {
    let mut out = Text::new(budget);
    let mut values = Values { all: values, next: 0 };
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        out.push(&rest[..at])?;
        rest = one(&rest[at + 1..], &mut values, &mut out)?;
    }
    out.push(rest)?;
    if values.finished() {
        Ok(out.finish())
    } else {
        Err(type_error("the format has fewer places than there are values"))
    }
}

fn one<'f>(mut rest: &'f str, values: &mut Values<'_>, out: &mut Text<'_>) -> Eval<&'f str> {
    let mut named = None;
    if let Some(tail) = rest.strip_prefix('(') {
        let (name, tail) = tail.split_once(')').ok_or_else(incomplete)?;
        named = Some(values.named(name)?);
        rest = tail;
    }
    let mut spec = Spec::default();
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => spec.left = true,
            '+' => spec.sign = "+",
            ' ' if spec.sign.is_empty() => spec.sign = " ",
            ' ' => {}
            '0' => spec.zero = true,
            '#' => spec.alternate = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    (spec.width, rest) = number(rest, values, &mut spec.left)?.unwrap_or((0, rest));
    if let Some(tail) = rest.strip_prefix('.') {
        let (precision, tail) = number(tail, values, &mut false)?.unwrap_or((0, tail));
        (spec.precision, rest) = (Some(precision), tail);
    }
    let rest = rest.trim_start_matches(['h', 'l', 'L']);
    let kind = rest.chars().next().ok_or_else(incomplete)?;
    if kind == '%' && (spec.width > 0 || spec.precision.is_some()) {
        return Err(type_error("a width before `%%` in a format is not supported"));
    }
    if kind == '%' {
        out.push("%")?;
    } else {
        let value = match named {
            Some(value) => value,
            None => values.take()?,
        };
        write(value, kind, &spec, out)?;
    }
    Ok(&rest[kind.len_utf8()..])
}

fn incomplete() -> TemplateError {
    type_error("the format ends in the middle of a `%`; write `%%` for a percent sign")
}

fn number<'f>(text: &'f str, values: &mut Values<'_>, left: &mut bool) -> Eval<Option<(usize, &'f str)>> {
    if let Some(tail) = text.strip_prefix('*') {
        let Some(Num::Int(width)) = Num::of(values.take()?) else {
            return Err(type_error("`*` in a format needs an integer"));
        };
        *left = *left || width < 0;
        return Ok(Some((usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX), tail)));
    }
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if digits == 0 {
        return Ok(None);
    }
    let width = text[..digits].parse().map_err(|_| type_error("a width in the format is too large"))?;
    Ok(Some((width, &text[digits..])))
}

fn write(value: &Val, kind: char, spec: &Spec, out: &mut Text<'_>) -> Eval<()> {
    let value = value.clone().usable()?;
    out.budget().text(spec.precision.unwrap_or(0))?;
    let (negative, body) = match kind {
        's' | 'r' => {
            let budget = out.budget();
            let full =
                if kind == 's' { text::to_text(&value, budget)? } else { text::to_repr(&value, budget)? };
            let cut = spec.precision.map_or(full.clone(), |p| full.chars().take(p).collect());
            return pad("", &cut, &Spec { zero: false, ..*spec }, out);
        }
        'c' => return pad("", &character(&value)?, &Spec { zero: false, ..*spec }, out),
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => integer(&value, kind, spec)?,
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' => float(&value, kind, spec)?,
        other => return Err(type_error(format!("the format `%{other}` is unknown"))),
    };
    pad(if negative { "-" } else { spec.sign }, &body, spec, out)
}

fn character(value: &Val) -> Eval<String> {
    match value {
        Val::Str(text) if text.chars().count() == 1 => Ok(text.to_string()),
        other => match Num::of(other) {
            Some(Num::Int(code)) => u32::try_from(code).ok().and_then(char::from_u32).map(String::from),
            _ => None,
        }
        .ok_or_else(|| type_error("`%c` needs a character or its code")),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "checked against the range of the integers")]
fn integer(value: &Val, kind: char, spec: &Spec) -> Eval<(bool, String)> {
    let int = match (Num::of(value), kind) {
        (Some(Num::Int(i)), _) => i,
        (Some(Num::Float(f)), 'd' | 'i' | 'u') if f.abs() < 1e38 => f as i128,
        _ => {
            return Err(type_error(format!(
                "`%{kind}` needs an integer, not a value of type `{}`",
                value.type_name()
            )));
        }
    };
    if spec.alternate && (spec.zero || spec.precision.is_some()) {
        return Err(type_error(
            "`#` with zeros in a format is not supported; write the prefix before the `%`",
        ));
    }
    let format = NumberFormat {
        kind: kind.to_ascii_lowercase(),
        precision: None,
        upper: kind == 'X',
        alternate: spec.alternate,
    };
    let digits = int_digits(int, format);
    let width = spec.precision.unwrap_or(0);
    Ok((int < 0, format!("{digits:0>width$}")))
}

fn float(value: &Val, kind: char, spec: &Spec) -> Eval<(bool, String)> {
    let Some(number) = Num::of(value) else {
        return Err(type_error(format!(
            "`%{kind}` needs a number, not a value of type `{}`",
            value.type_name()
        )));
    };
    if spec.alternate {
        return Err(type_error(format!("`#` in a format of `%{kind}` is not supported")));
    }
    let number = number.float();
    let format = NumberFormat {
        kind: kind.to_ascii_lowercase(),
        precision: spec.precision,
        upper: kind.is_ascii_uppercase(),
        alternate: spec.alternate,
    };
    Ok((is_negative(number), float_digits(number, format)))
}

fn pad(sign: &str, body: &str, spec: &Spec, out: &mut Text<'_>) -> Eval<()> {
    let missing = spec.width.saturating_sub(sign.len() + body.chars().count());
    if spec.left {
        out.push(sign)?;
        out.push(body)?;
        return out.repeat(" ", missing);
    }
    if spec.zero {
        out.push(sign)?;
        out.repeat("0", missing)?;
        return out.push(body);
    }
    out.repeat(" ", missing)?;
    out.push(sign)?;
    out.push(body)
}
