//! Python's `'…'.format(…)`.

use super::budget::Text;
use super::call::Args;
use super::context::Context;
use super::error::{Eval, type_error};
use super::numbers::{NumberFormat, float_digits, int_digits, is_negative};
use super::ops::Num;
use super::text;
use super::value::Val;

/// `template.format(*args, **named)`.
pub(super) fn format(context: &Context<'_>, template: &str, args: &Args) -> Eval<String> {
    let mut out = Text::new(&context.budget);
    let mut fields = Fields { context, args, next: 0 };
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push(&rest[..at])?;
        let brace = &rest[at..=at];
        let tail = &rest[at + 1..];
        if let Some(tail) = tail.strip_prefix(brace) {
            out.push(brace)?;
            rest = tail;
            continue;
        }
        if brace == "}" {
            return Err(type_error("the format has a single `}`; write `}}`"));
        }
        let (field, tail) =
            tail.split_once('}').ok_or_else(|| type_error("the format has a single `{`; write `{{`"))?;
        fields.write(field, &mut out)?;
        rest = tail;
    }
    out.push(rest)?;
    Ok(out.finish())
}

struct Fields<'f, 'a> {
    context: &'f Context<'a>,
    args: &'f Args,
    next: usize,
}

impl Fields<'_, '_> {
    fn write(&mut self, field: &str, out: &mut Text<'_>) -> Eval<()> {
        if field.contains('{') {
            return Err(type_error("nested fields in a format are not supported; compute the width first"));
        }
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').unwrap_or((name, ""));
        let mut value = self.value(name)?.usable()?;
        value = match conversion {
            "" => value,
            "s" => Val::str(text::to_text(&value, &self.context.budget)?),
            "r" => Val::str(text::to_repr(&value, &self.context.budget)?),
            other => {
                return Err(type_error(format!("the conversion `!{other}` in a format is not supported")));
            }
        };
        write_value(&value, spec, out)
    }

    fn value(&mut self, name: &str) -> Eval<Val> {
        let head = name.find(['.', '[']).unwrap_or(name.len());
        let mut value = self.start(&name[..head])?;
        let mut path = &name[head..];
        while !path.is_empty() {
            if let Some(tail) = path.strip_prefix('[') {
                let (key, tail) =
                    tail.split_once(']').ok_or_else(|| type_error("the format misses a `]`"))?;
                let key = key.parse().map_or_else(|_| Val::str(key), Val::Int);
                value = self.context.item(&value, &key)?;
                path = tail;
            } else {
                let tail = &path[1..];
                let end = tail.find(['.', '[']).unwrap_or(tail.len());
                value = self.context.attribute(&value, &tail[..end])?;
                path = &tail[end..];
            }
        }
        Ok(value)
    }

    fn start(&mut self, name: &str) -> Eval<Val> {
        let missing = || type_error(format!("the format names `{name}`, which was not given"));
        let index = if name.is_empty() {
            self.next += 1;
            self.next - 1
        } else if let Ok(index) = name.parse() {
            index
        } else {
            let named = self.args.named.iter().find(|(key, _)| **key == *name);
            return named.map(|(_, value)| value.clone()).ok_or_else(missing);
        };
        self.args.plain.get(index).cloned().ok_or_else(missing)
    }
}

/// `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    group: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

fn parse(spec: &str) -> Eval<Spec> {
    let mut out = Spec::default();
    let mut chars: Vec<char> = spec.chars().collect();
    let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '^' | '='));
    if is_align(chars.get(1)) {
        out.fill = Some(chars.remove(0));
    }
    if is_align(chars.first()) {
        out.align = Some(chars.remove(0));
    }
    let mut rest = chars.into_iter().peekable();
    out.sign = rest.next_if(|c| matches!(c, '+' | '-' | ' '));
    out.alternate = rest.next_if_eq(&'#').is_some();
    out.zero = rest.next_if_eq(&'0').is_some();
    let digits = |rest: &mut std::iter::Peekable<std::vec::IntoIter<char>>| -> Eval<Option<usize>> {
        let mut text = String::new();
        while let Some(digit) = rest.next_if(char::is_ascii_digit) {
            text.push(digit);
        }
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| type_error("a width in the format is too large"))
    };
    out.width = digits(&mut rest)?.unwrap_or(0);
    out.group = rest.next_if(|c| matches!(c, ',' | '_'));
    if rest.next_if_eq(&'.').is_some() {
        out.precision = Some(digits(&mut rest)?.ok_or_else(|| type_error("the format misses a precision"))?);
    }
    out.kind = rest.next();
    match rest.next() {
        None => Ok(out),
        Some(_) => Err(type_error(format!("the format `{spec}` is unknown"))),
    }
}

fn write_value(value: &Val, spec: &str, out: &mut Text<'_>) -> Eval<()> {
    if spec.is_empty() {
        return text::write_str(value, out);
    }
    let parsed = parse(spec)?;
    out.budget().text(parsed.precision.unwrap_or(0))?;
    match (value, parsed.kind) {
        (Val::Str(text), None | Some('s')) => {
            if parsed.sign.is_some() || parsed.alternate || parsed.group.is_some() {
                return Err(type_error(format!("the format `{spec}` does not suit text")));
            }
            let cut: String = text.chars().take(parsed.precision.unwrap_or(usize::MAX)).collect();
            let align = if parsed.zero { parsed.align.or(Some('<')) } else { parsed.align };
            pad("", &cut, align.unwrap_or('<'), &parsed, out)
        }
        (Val::Int(_) | Val::Bool(_) | Val::Float(_), _) => number(value, spec, &parsed, out),
        _ => Err(type_error(format!(
            "the format `{spec}` does not suit a value of type `{}`",
            value.type_name()
        ))),
    }
}

fn number(value: &Val, spec: &str, parsed: &Spec, out: &mut Text<'_>) -> Eval<()> {
    let Some(number) = Num::of(value) else { return Err(type_error("the format needs a number")) };
    let kind = parsed.kind.unwrap_or(if matches!(number, Num::Int(_)) { 'd' } else { 'r' });
    let format = NumberFormat {
        kind: kind.to_ascii_lowercase(),
        precision: parsed.precision,
        upper: kind.is_ascii_uppercase(),
        alternate: parsed.alternate,
    };
    if parsed.alternate && (parsed.zero || parsed.align == Some('=')) {
        return Err(type_error(
            "`#` with zeros in a format is not supported; write the prefix before the `{`",
        ));
    }
    let (negative, mut body) = match (number, kind) {
        (Num::Int(i), 'd' | 'x' | 'X' | 'o' | 'b') if parsed.precision.is_none() => {
            (i < 0, int_digits(i, format))
        }
        (number, 'f' | 'F' | 'e' | 'E' | 'g' | 'G') if !parsed.alternate => {
            (is_negative(number.float()), float_digits(number.float(), format))
        }
        (number, '%') => {
            let percent = number.float() * 100.0;
            (is_negative(percent), float_digits(percent, NumberFormat { kind: 'f', ..format }) + "%")
        }
        (Num::Float(f), 'r') if parsed.precision.is_none() => (is_negative(f), text::float(f.abs())),
        _ => return Err(type_error(format!("the format `{spec}` does not suit `{}`", value.type_name()))),
    };
    if let Some(separator) = parsed.group {
        if parsed.zero || !matches!(kind, 'd' | 'f' | 'F') {
            return Err(type_error(format!("the format `{spec}` is not supported")));
        }
        body = grouped(&body, separator);
    }
    let sign = match (negative, parsed.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let align = parsed.align.unwrap_or(if parsed.zero { '=' } else { '>' });
    pad(sign, &body, align, parsed, out)
}

fn grouped(digits: &str, separator: char) -> String {
    let (whole, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    let mut out = String::new();
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(c);
    }
    out + fraction
}

fn pad(sign: &str, body: &str, align: char, spec: &Spec, out: &mut Text<'_>) -> Eval<()> {
    let fill = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' }).to_string();
    let missing = spec.width.saturating_sub(sign.len() + body.chars().count());
    let (before, inside, after) = match align {
        '<' => (0, 0, missing),
        '^' => (missing / 2, 0, missing - missing / 2),
        '=' => (0, missing, 0),
        _ => (missing, 0, 0),
    };
    out.repeat(&fill, before)?;
    out.push(sign)?;
    out.repeat(&fill, inside)?;
    out.push(body)?;
    out.repeat(&fill, after)
}
