//! Tests, as in `x is defined`.

use modules::pyregex::{Anchor, Flags, Pattern};

use super::call::{Bound, hard_text, soft_text};
use super::context::Context;
use super::error::{ErrorKind, Eval, call_error, closest, type_error, unsupported};
use super::filters::strip_collection;
use super::lookups::Local;
use super::ops::{self, Num, contains, equal, truth};
use super::syntax::{Op, Relation};
use super::value::{Key, Object, Val};
use super::{filters, text, versions};

/// A test.
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) params: &'static [&'static str],
    /// Whether it wants to see undefined values, instead of passing them on.
    pub(super) takes_markers: bool,
    pub(super) run: Run,
}

/// What a test does.
pub(super) type Run = fn(&Context<'_>, &Val, &Bound) -> Eval<bool>;

const fn check(name: &'static str, params: &'static [&'static str], run: Run) -> Check {
    Check { name, params, takes_markers: false, run }
}

const PATTERN: &[&str] = &["pattern", "ignorecase", "multiline"];
const VERSION: &[&str] = &["version", "operator", "strict", "version_type"];
const OTHER: &[&str] = &["other"];

const CHECKS: &[Check] = &[
    Check { name: "defined", params: &[], takes_markers: true, run: |_, v, _| defined(v) },
    Check { name: "undefined", params: &[], takes_markers: true, run: |_, v, _| defined(v).map(|d| !d) },
    check("none", &[], |_, v, _| Ok(matches!(v, Val::None))),
    check("boolean", &[], |_, v, _| Ok(matches!(v, Val::Bool(_)))),
    check("true", &[], |_, v, _| Ok(matches!(v, Val::Bool(true)))),
    check("false", &[], |_, v, _| Ok(matches!(v, Val::Bool(false)))),
    check("integer", &[], |_, v, _| Ok(matches!(v, Val::Int(_)))),
    check("float", &[], |_, v, _| Ok(matches!(v, Val::Float(_)))),
    check("number", &[], |_, v, _| Ok(Num::of(v).is_some())),
    check("string", &[], |_, v, _| Ok(matches!(v, Val::Str(_)))),
    check("mapping", &[], |_, v, _| Ok(is_mapping(v))),
    check("sequence", &[], |_, v, _| Ok(is_sequence(v))),
    check("iterable", &[], |_, v, _| Ok(is_sequence(v) || matches!(v, Val::Absent))),
    check("callable", &[], |_, v, _| {
        Ok(matches!(v, Val::Object(Object::Function(_) | Object::Method(_) | Object::Macro(_))))
    }),
    check("lower", &[], |c, v, _| cased(c, v, char::is_lowercase, char::is_uppercase)),
    check("upper", &[], |c, v, _| cased(c, v, char::is_uppercase, char::is_lowercase)),
    check("odd", &[], |c, v, _| remainder(c, v, &Val::Int(2), &Val::Int(1))),
    check("even", &[], |c, v, _| remainder(c, v, &Val::Int(2), &Val::Int(0))),
    check("divisibleby", &["num"], |c, v, args| remainder(c, v, args.need("num")?, &Val::Int(0))),
    check("in", &["seq"], |c, v, args| contains(args.need("seq")?, v, &c.budget)),
    check("contains", &["value"], |c, v, args| contains(v, args.need("value")?, &c.budget)),
    check("sameas", OTHER, |c, v, args| same(c, v, args.need("other")?)),
    check("filter", &[], |_, v, _| Ok(filters::find(&hard_text(v)?).is_ok())),
    check("test", &[], |_, v, _| Ok(find(&hard_text(v)?).is_ok())),
    check("eq", OTHER, |c, v, args| relation(c, v, args, Relation::Eq)),
    check("equalto", OTHER, |c, v, args| relation(c, v, args, Relation::Eq)),
    check("==", OTHER, |c, v, args| relation(c, v, args, Relation::Eq)),
    check("ne", OTHER, |c, v, args| relation(c, v, args, Relation::Ne)),
    check("!=", OTHER, |c, v, args| relation(c, v, args, Relation::Ne)),
    check("lt", OTHER, |c, v, args| relation(c, v, args, Relation::Lt)),
    check("lessthan", OTHER, |c, v, args| relation(c, v, args, Relation::Lt)),
    check("<", OTHER, |c, v, args| relation(c, v, args, Relation::Lt)),
    check("le", OTHER, |c, v, args| relation(c, v, args, Relation::Le)),
    check("<=", OTHER, |c, v, args| relation(c, v, args, Relation::Le)),
    check("gt", OTHER, |c, v, args| relation(c, v, args, Relation::Gt)),
    check("greaterthan", OTHER, |c, v, args| relation(c, v, args, Relation::Gt)),
    check(">", OTHER, |c, v, args| relation(c, v, args, Relation::Gt)),
    check("ge", OTHER, |c, v, args| relation(c, v, args, Relation::Ge)),
    check(">=", OTHER, |c, v, args| relation(c, v, args, Relation::Ge)),
    check("match", PATTERN, |c, v, args| matches(c, v, args, Anchor::Start)),
    check("search", PATTERN, |c, v, args| matches(c, v, args, Anchor::Anywhere)),
    check("regex", &["pattern", "ignorecase", "multiline", "match_type"], regex),
    check("version", VERSION, version),
    check("version_compare", VERSION, version),
    check("truthy", &["convert_bool"], truthy),
    check("falsy", &["convert_bool"], |c, v, args| truthy(c, v, args).map(|t| !t)),
    check("all", &[], |c, v, _| every(c, v, false).map(|found| !found)),
    check("any", &[], |c, v, _| every(c, v, true)),
    check("subset", &["b"], |c, v, args| subset(c, v, args.need("b")?)),
    check("issubset", &["b"], |c, v, args| subset(c, v, args.need("b")?)),
    check("superset", &["b"], |c, v, args| subset(c, args.need("b")?, v)),
    check("issuperset", &["b"], |c, v, args| subset(c, args.need("b")?, v)),
    check("nan", &[], |_, v, _| Ok(Num::of(v).is_some_and(|n| n.float().is_nan()))),
    check("isnan", &[], |_, v, _| Ok(Num::of(v).is_some_and(|n| n.float().is_nan()))),
    check("abs", &[], |_, v, _| Ok(hard_text(v)?.starts_with('/'))),
    check("is_abs", &[], |_, v, _| Ok(hard_text(v)?.starts_with('/'))),
    check("uri", &["schemes"], uri),
    check("url", &["schemes"], |c, v, args| Ok(uri(c, v, args)? && has_place(v))),
    check("urn", &[], |_, v, _| {
        Ok(v.as_str().and_then(filters::split_url).is_some_and(|url| url.scheme == "urn"))
    }),
    check("exists", &[], |c, v, _| local(c, v, Local::Exists)),
    check("link_exists", &[], |c, v, _| local(c, v, Local::LinkExists)),
    check("file", &[], |c, v, _| local(c, v, Local::IsFile)),
    check("is_file", &[], |c, v, _| local(c, v, Local::IsFile)),
    check("directory", &[], |c, v, _| local(c, v, Local::IsDirectory)),
    check("is_dir", &[], |c, v, _| local(c, v, Local::IsDirectory)),
    check("link", &[], |c, v, _| local(c, v, Local::IsLink)),
    check("is_link", &[], |c, v, _| local(c, v, Local::IsLink)),
    check("mount", &[], |c, v, _| local(c, v, Local::IsMount)),
    check("is_mount", &[], |c, v, _| local(c, v, Local::IsMount)),
    check("finished", &[], |_, v, _| field_or(v, "finished", true)),
    check("started", &[], |_, v, _| field_or(v, "started", true)),
    check("timedout", &[], |_, v, _| timed_out(v)),
    check("vault_encrypted", &[], |_, _, _| Ok(false)),
    check("failed", &[], |_, v, _| field(v, "failed")),
    check("failure", &[], |_, v, _| field(v, "failed")),
    check("succeeded", &[], |_, v, _| field(v, "failed").map(|failed| !failed)),
    check("success", &[], |_, v, _| field(v, "failed").map(|failed| !failed)),
    check("successful", &[], |_, v, _| field(v, "failed").map(|failed| !failed)),
    check("skipped", &[], |_, v, _| field(v, "skipped")),
    check("skip", &[], |_, v, _| field(v, "skipped")),
    check("unreachable", &[], |_, v, _| field(v, "unreachable")),
    check("reachable", &[], |_, v, _| field(v, "unreachable").map(|lost| !lost)),
    check("changed", &[], |c, v, _| changed(c, v)),
    check("change", &[], |c, v, _| changed(c, v)),
];

/// The test of a name.
pub(super) fn find(name: &str) -> Eval<&'static Check> {
    let short = strip_collection(name);
    if let Some(check) = CHECKS.iter().find(|check| check.name == short) {
        return Ok(check);
    }
    if ["same_file", "is_same_file", "vaulted_file"].contains(&short) {
        return Err(unsupported(format!("the test `{name}`"), "use `stat` on the host and its result"));
    }
    if ["escaped"].contains(&short) {
        return Err(unsupported(format!("the test `{name}`"), "look at the fields of the result"));
    }
    let closest = closest(name, CHECKS.iter().map(|check| check.name));
    Err(ErrorKind::NoSuch { what: "test", name: name.to_owned(), closest }.into())
}

fn defined(value: &Val) -> Eval<bool> {
    match value {
        Val::Marker(error) if error.is_undefined() => Ok(false),
        Val::Marker(error) => Err((**error).clone()),
        Val::Absent => Ok(false),
        _ => Ok(true),
    }
}

fn is_mapping(value: &Val) -> bool {
    matches!(value, Val::Dict(_) | Val::Object(Object::Hosts(_) | Object::Vars(_)))
}

fn is_sequence(value: &Val) -> bool {
    matches!(value, Val::Str(_) | Val::List(_) | Val::Tuple(_) | Val::Range(_)) || is_mapping(value)
}

fn cased(
    context: &Context<'_>,
    value: &Val,
    wanted: fn(char) -> bool,
    other: fn(char) -> bool,
) -> Eval<bool> {
    let text = text::to_text(value, &context.budget)?;
    Ok(text.chars().any(wanted) && !text.chars().any(other))
}

fn remainder(context: &Context<'_>, value: &Val, by: &Val, wanted: &Val) -> Eval<bool> {
    if matches!(value, Val::Str(_)) {
        return Err(type_error("it needs a number, not text; use `| int`"));
    }
    equal(&ops::binary(Op::Rem, value, by, &context.budget)?, wanted, &context.budget)
}

/// Identity, for the values that there is only one of.
fn same(context: &Context<'_>, value: &Val, other: &Val) -> Eval<bool> {
    match (value, other) {
        (Val::None | Val::Bool(_), _) | (_, Val::None | Val::Bool(_)) => {
            Ok(value.type_name() == other.type_name() && equal(value, other, &context.budget)?)
        }
        _ => Err(type_error("`sameas` only tells none, true and false apart; use `==`")),
    }
}

fn relation(context: &Context<'_>, value: &Val, args: &Bound, relation: Relation) -> Eval<bool> {
    ops::compare(relation, value, args.need("other")?, &context.budget)
}

fn matches(context: &Context<'_>, value: &Val, args: &Bound, anchor: Anchor) -> Eval<bool> {
    let text = soft_text(value, &context.budget)?;
    let flags = Flags {
        ignore_case: args.flag("ignorecase", false)?,
        multiline: args.flag("multiline", false)?,
        ..Flags::default()
    };
    Pattern::new(&args.text("pattern")?.unwrap_or_default(), flags)?.matches(&text, anchor, &context.budget)
}

fn regex(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<bool> {
    let anchor = match args.text("match_type")?.as_deref() {
        None | Some("search") => Anchor::Anywhere,
        Some("match") => Anchor::Start,
        Some("fullmatch") => Anchor::Whole,
        Some(other) => return Err(call_error("regex", format!("the match type `{other}` is unknown"))),
    };
    matches(context, value, args, anchor)
}

fn version(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<bool> {
    let wanted = args.need("version")?;
    if !truth(value)? || !truth(wanted)? {
        return Err(call_error("version", "a version is empty"));
    }
    if args.given("strict") && args.given("version_type") {
        return Err(call_error("version", "`strict` and `version_type` exclude each other"));
    }
    let kind = if args.flag("strict", false)? { Some("strict".into()) } else { args.text("version_type")? };
    let order = versions::compare(
        &text::to_text(value, &context.budget)?,
        &text::to_text(wanted, &context.budget)?,
        kind.as_deref().unwrap_or("loose"),
    )?;
    let operator = args.text("operator")?.unwrap_or_else(|| "eq".into());
    Ok(match &*operator {
        "==" | "=" | "eq" => order.is_eq(),
        "<" | "lt" => order.is_lt(),
        "<=" | "le" => order.is_le(),
        ">" | "gt" => order.is_gt(),
        ">=" | "ge" => order.is_ge(),
        "!=" | "<>" | "ne" => order.is_ne(),
        other => return Err(call_error("version", format!("the operator `{other}` is unknown; use `>=`"))),
    })
}

fn truthy(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<bool> {
    if args.flag("convert_bool", false)?
        && let Val::Str(text) = value
    {
        let word = text.to_lowercase();
        match word.trim() {
            "y" | "yes" | "on" | "1" | "true" | "t" => return Ok(true),
            "n" | "no" | "off" | "0" | "false" | "f" => return Ok(false),
            _ => {}
        }
    }
    truth(value)
}

/// Whether an item has that truth.
fn every(context: &Context<'_>, value: &Val, wanted: bool) -> Eval<bool> {
    for item in context.iterate(value)? {
        if truth(&item)? == wanted {
            return Ok(true);
        }
    }
    Ok(false)
}

fn subset(context: &Context<'_>, small: &Val, large: &Val) -> Eval<bool> {
    let keys = |value: &Val| {
        context.iterate(value)?.iter().map(Key::of).collect::<Eval<std::collections::HashSet<Key>>>()
    };
    Ok(keys(small)?.is_subset(&keys(large)?))
}

fn uri(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<bool> {
    // Python reads nothing at all as an empty URL.
    if !matches!(value, Val::Str(_)) && !args.given("schemes") && !truth(value)? {
        return Ok(true);
    }
    let Some(url) = value.as_str().and_then(filters::split_url) else { return Ok(false) };
    match args.get("schemes") {
        Some(schemes) if truth(schemes)? => contains(schemes, &Val::str(url.scheme), &context.budget),
        _ => Ok(true),
    }
}

/// A question on a path of this machine.
fn local(context: &Context<'_>, value: &Val, question: Local) -> Eval<bool> {
    let path = match value {
        Val::Str(path) => path.clone(),
        other => return Err(type_error(format!("a value of type `{}` is no path", other.type_name()))),
    };
    let answer = context.templater.lookups().local(question, &path);
    answer.map(|answer| answer == true).map_err(|message| call_error(question.name(), message))
}

fn has_place(value: &Val) -> bool {
    let url = value.as_str().and_then(filters::split_url);
    url.is_some_and(|url| !url.netloc.is_empty() || url.scheme == "file")
}

/// A field of a task's result, which is false where it is missing.
fn field(value: &Val, name: &str) -> Eval<bool> {
    field_or(value, name, false)
}

/// A field of a task's result. A task that is not asynchronous has no `started` or `finished`, and counts as both.
fn field_or(value: &Val, name: &str, missing: bool) -> Eval<bool> {
    match value {
        Val::Dict(dict) => dict.get_str(name).map_or(Ok(missing), truth),
        other => {
            Err(type_error(format!("it needs a task's result, not a value of type `{}`", other.type_name())))
        }
    }
}

/// Whether a result says after how many seconds its time was over.
fn timed_out(value: &Val) -> Eval<bool> {
    match value {
        Val::Dict(dict) if field(value, "timedout")? => {
            field(dict.get_str("timedout").unwrap_or(value), "period")
        }
        _ => field(value, "timedout"),
    }
}

fn changed(context: &Context<'_>, value: &Val) -> Eval<bool> {
    let Val::Dict(dict) = value else { return field(value, "changed") };
    match (dict.get_str("changed"), dict.get_str("results")) {
        (None, Some(results @ Val::List(_))) => {
            for result in context.iterate(results)? {
                if field(&result, "changed")? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => field(value, "changed"),
    }
}
