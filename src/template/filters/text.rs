//! Filters on text.

use super::super::budget::Text;
use super::super::call::{Bound, hard_text, soft_text};
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::string_methods::{self, replace};
use super::super::strings::{capitalize, is_space, lines};
use super::super::value::Val;
use super::super::{call::Args, percent, text};
use super::{Filter, filter, spreading};

pub(super) const FILTERS: &[Filter] = &[
    filter("upper", &[], |c, v, _| Ok(Val::str(soft_text(v, &c.budget)?.to_uppercase()))),
    filter("lower", &[], |c, v, _| Ok(Val::str(soft_text(v, &c.budget)?.to_lowercase()))),
    filter("capitalize", &[], |c, v, _| Ok(Val::str(capitalize(&soft_text(v, &c.budget)?)))),
    filter("title", &[], |c, v, _| Ok(Val::str(title(&soft_text(v, &c.budget)?)))),
    filter("string", &[], |c, v, _| Ok(Val::Str(soft_text(v, &c.budget)?))),
    filter("trim", &["chars"], trim),
    filter("replace", &["old", "new", "count"], replace_all),
    filter("indent", &["width", "first", "blank"], indent),
    filter("truncate", &["length", "killwords", "end", "leeway"], truncate),
    filter("wordcount", &[], wordcount),
    filter("center", &["width"], center),
    filter("split", &["sep", "maxsplit"], split),
    filter("quote", &[], quote),
    spreading("format", &[], format),
    spreading("comment", &["style"], comment),
    filter("filesizeformat", &["binary"], filesizeformat),
];

/// Jinja's title case: words start after white space, brackets and hyphens only.
fn title(text: &str) -> String {
    let mut out = String::new();
    let mut first = true;
    for c in text.chars() {
        let boundary = is_space(c) || matches!(c, '-' | '(' | '{' | '[' | '<');
        if first && !boundary {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        first = boundary;
    }
    out
}

fn trim(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    let chars = args.text("chars")?;
    let unwanted = |c: char| chars.as_ref().map_or_else(|| is_space(c), |chars| chars.contains(c));
    Ok(Val::str(text.trim_matches(unwanted)))
}

fn replace_all(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let budget = &context.budget;
    let text = soft_text(value, budget)?;
    let (old, new) = (soft_text(args.need("old")?, budget)?, soft_text(args.need("new")?, budget)?);
    let limit = args.int("count")?.and_then(|count| usize::try_from(count).ok());
    replace(&text, &old, &new, limit, budget).map(Val::str)
}

fn indent(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = hard_text(value)?;
    let width = if let Some(Val::Str(text)) = args.get("width") {
        text.to_string()
    } else {
        let count = args.count("width", 4)?;
        context.budget.text(count)?;
        " ".repeat(count)
    };
    let blank = args.flag("blank", false)?;
    let mut out = Text::new(&context.budget);
    if args.flag("first", false)? {
        out.push(&width)?;
    }
    // Jinja appends a line end first, so that an empty last line is a line, too.
    for (i, line) in lines(&format!("{text}\n")).into_iter().enumerate() {
        if i > 0 {
            out.push("\n")?;
            out.push(if blank || !line.is_empty() { &width } else { "" })?;
        }
        out.push(line)?;
    }
    Ok(Val::str(out.finish()))
}

fn truncate(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = hard_text(value)?;
    let (length, leeway) = (args.count("length", 255)?, args.count("leeway", 5)?);
    let end = args.text("end")?.unwrap_or_else(|| "...".into());
    let keep = length
        .checked_sub(end.chars().count())
        .ok_or_else(|| call_error("truncate", "the length is less than that of the end"))?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let head: String = text.chars().take(keep).collect();
    let head = if args.flag("killwords", false)? {
        &*head
    } else {
        head.rsplit_once(' ').map_or(&*head, |(h, _)| h)
    };
    Ok(Val::str([head, &end].concat()))
}

fn wordcount(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    Ok(Val::int(words.filter(|word| !word.is_empty()).count()))
}

fn center(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = soft_text(value, &context.budget)?;
    let width = args.or("width", Val::Int(80));
    string_methods::call(context, &text, "center", Args::of(vec![width]))
}

fn split(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = hard_text(value)?;
    let given = vec![args.or("sep", Val::None), args.or("maxsplit", Val::Int(-1))];
    string_methods::call(context, &text, "split", Args::of(given))
}

fn quote(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    let text = if matches!(value, Val::None) { "".into() } else { soft_text(value, &context.budget)? };
    let safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return Ok(Val::Str(text));
    }
    context.budget.text(text.len().saturating_mul(5))?;
    Ok(Val::str(format!("'{}'", text.replace('\'', "'\"'\"'"))))
}

fn format(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let format = soft_text(value, &context.budget)?;
    let values = match (args.rest.plain.is_empty(), args.rest.named.is_empty()) {
        (false, false) => return Err(call_error("format", "it takes values either by place or by name")),
        (true, false) => {
            let mut dict = super::super::value::Dict::default();
            args.rest.named.iter().for_each(|(name, value)| dict.insert_str(name, value.clone()));
            Val::dict(dict)
        }
        _ => Val::tuple(args.rest.plain.clone()),
    };
    percent::format(&format, &values, &context.budget).map(Val::str)
}

fn filesizeformat(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let bytes =
        super::math::to_float(value).ok_or_else(|| call_error("filesizeformat", "it needs a number"))?;
    let binary = args.flag("binary", false)?;
    let (base, mark) = if binary { (1024.0, "iB") } else { (1000.0, "B") };
    if super::math::is(bytes, 1.0) {
        return Ok(Val::str("1 Byte"));
    }
    if bytes < base {
        // A fraction below zero is no minus zero.
        return Ok(Val::str(format!("{} Bytes", bytes.trunc() + 0.0)));
    }
    let mut scaled = bytes / base;
    let mut units = ["k", "M", "G", "T", "P", "E", "Z", "Y"].into_iter().peekable();
    let mut unit = units.next().unwrap_or_default();
    while (scaled >= base || scaled.is_nan()) && units.peek().is_some() {
        scaled /= base;
        unit = units.next().unwrap_or_default();
    }
    let unit = if binary { unit.to_uppercase() } else { unit.to_owned() };
    let number = format!("{scaled:.1}").to_lowercase();
    Ok(Val::str(format!("{number} {unit}{mark}")))
}

fn comment(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = hard_text(value)?;
    let style = args.text("style")?.unwrap_or_else(|| "plain".into());
    let (beginning, decoration, end) = match &*style {
        "plain" => ("", "# ", ""),
        "erlang" => ("", "% ", ""),
        "c" => ("", "// ", ""),
        "cblock" => ("/*", " * ", " */"),
        "xml" => ("<!--", " - ", "-->"),
        other => return Err(call_error("comment", format!("the style `{other}` is unknown"))),
    };
    let option = |name: &str| args.rest.named.iter().find(|(key, _)| **key == *name).map(|(_, value)| value);
    let known =
        ["newline", "beginning", "prefix", "prefix_count", "decoration", "postfix", "postfix_count", "end"];
    if let Some((name, _)) = args.rest.named.iter().find(|(name, _)| !known.contains(&&**name)) {
        return Err(call_error("comment", format!("it has no argument `{name}`")));
    }
    let words = |name: &str, default: &str| {
        option(name).map_or_else(|| Ok(default.to_owned()), |value| text::to_text(value, &context.budget))
    };
    let count = |name: &str| match option(name) {
        None => Ok(1),
        Some(Val::Int(i)) => Ok(usize::try_from(*i).unwrap_or(0)),
        Some(_) => Err(call_error("comment", format!("`{name}` must be an integer"))),
    };
    let (newline, decoration) = (words("newline", "\n")?, words("decoration", decoration)?);
    let bare = decoration.trim_end_matches(is_space);
    let (prefix, postfix) = (words("prefix", bare)?, words("postfix", bare)?);
    let (beginning, end) = (words("beginning", beginning)?, words("end", end)?);
    let mut out = Text::new(&context.budget);
    if !beginning.is_empty() {
        out.push(&format!("{beginning}{newline}"))?;
    }
    if !prefix.is_empty() {
        let line = if prefix == newline { newline.clone() } else { format!("{prefix}{newline}") };
        out.repeat(&line, count("prefix_count")?)?;
    }
    let budget = &context.budget;
    let body = replace(&text, &newline, &format!("{newline}{decoration}"), None, budget)?;
    let body = format!("{decoration}{body}");
    out.push(&replace(&body, &format!("{decoration}{newline}"), &format!("{bare}{newline}"), None, budget)?)?;
    out.repeat(&format!("{newline}{postfix}"), count("postfix_count")?)?;
    if !end.is_empty() {
        out.push(&format!("{newline}{end}"))?;
    }
    Ok(Val::str(out.finish()))
}
