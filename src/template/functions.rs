//! Functions that every template has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::call::Args;
use super::context::Context;
use super::error::{ErrorKind, Eval, call_error, closest, type_error, unsupported};
use super::eval::Interpreter;
use super::files::Home;
use super::looked_up::{self, Options};
use super::lookups::{self, Request};
use super::ops::{Num, truth};
use super::options::Reading;
use super::scope::Scope;
use super::value::{Dict, Object, Steps, Val};

const FUNCTIONS: [&str; 10] =
    ["range", "dict", "lookup", "query", "q", "namespace", "undef", "now", "cycler", "joiner"];

/// A name that is always defined.
pub(super) fn global(name: &str, scope: &Arc<Scope>) -> Option<Val> {
    match name {
        "omit" => Some(Val::Omit),
        "vars" => Some(Val::Object(Object::Vars(scope.clone()))),
        _ => {
            let known = FUNCTIONS.iter().find(|known| **known == name)?;
            Some(Val::Object(Object::Function(known)))
        }
    }
}

/// Calls a function.
pub(super) fn call(context: &Context<'_>, scope: &Arc<Scope>, name: &str, args: Args) -> Eval<Val> {
    if let Some(marker) = args.first_marker(&Val::None) {
        return Ok(marker);
    }
    match name {
        "range" => range(&args),
        "dict" => dict(context, &args),
        "namespace" => namespace(context, &args),
        "undef" => {
            let hint = args.bind("undef", &["hint"], false)?.text("hint")?;
            let what =
                hint.map_or_else(|| "the value has not been given".to_owned(), |hint| hint.to_string());
            Ok(Val::marker(ErrorKind::Undefined { name: None, what, closest: None }.into()))
        }
        "lookup" => lookup(context, scope, args, false),
        "query" | "q" => lookup(context, scope, args, true),
        "now" => Err(unsupported("`now()`", "use a fact, or pass the time with `-e`")),
        other => Err(unsupported(format!("`{other}()`"), "use `loop` and `namespace()`")),
    }
}

fn range(args: &Args) -> Eval<Val> {
    let int = |value: &Val| match Num::of(value) {
        Some(Num::Int(i)) => {
            i64::try_from(i).map(i128::from).map_err(|_| type_error("the range is too large"))
        }
        _ => Err(type_error(format!("`range` needs integers, not a value of type `{}`", value.type_name()))),
    };
    let (from, until, step) = match (args.plain.as_slice(), args.named.is_empty()) {
        ([until], true) => (0, int(until)?, 1),
        ([from, until], true) => (int(from)?, int(until)?, 1),
        ([from, until, step], true) => (int(from)?, int(until)?, int(step)?),
        _ => return Err(call_error("range", "it takes one, two or three numbers")),
    };
    if step == 0 {
        return Err(call_error("range", "the step cannot be zero"));
    }
    let span = if step > 0 { until - from } else { from - until };
    let count = if span <= 0 { 0 } else { (span - 1) / step.abs() + 1 };
    let count = usize::try_from(count).map_err(|_| type_error("the range is too large"))?;
    Ok(Val::Range(Steps { start: from, step, count }))
}

/// `dict(…)`: pairs, a mapping, and names.
pub(super) fn dict(context: &Context<'_>, args: &Args) -> Eval<Val> {
    let mut out = Dict::default();
    match args.plain.as_slice() {
        [] => {}
        [Val::Dict(given)] => {
            for (key, value) in given.entries() {
                out.insert(key.clone(), value.clone())?;
            }
        }
        [pairs] => {
            for pair in context.iterate(pairs)? {
                match context.iterate(&pair)?.as_slice() {
                    [key, value] => out.insert(key.clone(), value.clone())?,
                    other => {
                        return Err(call_error("dict", format!("it needs pairs, not {} items", other.len())));
                    }
                }
            }
        }
        _ => return Err(call_error("dict", "it takes one list of pairs")),
    }
    for (name, value) in &args.named {
        out.insert_str(name, value.clone());
    }
    Ok(Val::dict(out))
}

fn namespace(context: &Context<'_>, args: &Args) -> Eval<Val> {
    let Val::Dict(fields) = dict(context, args)? else { return Ok(Val::None) };
    let mut map = HashMap::new();
    for (key, value) in fields.entries() {
        if let Val::Str(key) = key {
            map.insert(key.clone(), value.clone());
        }
    }
    Ok(Val::Object(Object::Namespace(Arc::new(Mutex::new(map)))))
}

fn lookup(context: &Context<'_>, scope: &Arc<Scope>, args: Args, wants_list: bool) -> Eval<Val> {
    let mut plain = args.plain.into_iter();
    let Some(Val::Str(plugin)) = plain.next() else {
        return Err(call_error("lookup", "its first argument must be the lookup's name"));
    };
    let plugin = plugin.strip_prefix("ansible.builtin.").unwrap_or(&plugin);
    let terms: Vec<Val> = plain.collect();
    let (mut wants_list, mut ignore_errors) = (wants_list, false);
    let mut options = Vec::new();
    for (name, value) in args.named {
        match (&*name, &value) {
            ("wantlist", value) => wants_list = wants_list || truth(value)?,
            ("errors", Val::Str(mode)) if &**mode == "strict" => {}
            ("errors", Val::Str(mode)) if ["ignore", "warn"].contains(&&**mode) => ignore_errors = true,
            ("errors", _) => {
                return Err(unsupported("this `errors` of a lookup", "write `ignore`, `warn` or `strict`"));
            }
            _ => options.push((name, value)),
        }
    }
    match looked_up(context, scope, plugin, terms, &options) {
        Ok(values) => combine(context, values, wants_list),
        Err(error) if ignore_errors && !error.is_fatal() => {
            Ok(if wants_list { Val::list(Vec::new()) } else { Val::None })
        }
        Err(error) => Err(error),
    }
}

/// The answer of a lookup: from its terms, from the variables, or from outside.
pub(super) fn looked_up(
    context: &Context<'_>,
    scope: &Arc<Scope>,
    plugin: &str,
    terms: Vec<Val>,
    options: &Options,
) -> Eval<Vec<Val>> {
    if looked_up::NAMES.contains(&plugin) {
        return looked_up::answer(context, scope, plugin, terms, options);
    }
    if plugin == "template" {
        return terms.iter().map(|term| template(context, scope, term, options)).collect();
    }
    ask(context, scope, plugin, &terms, options)
}

/// `lookup('template', file)`.
fn template(context: &Context<'_>, scope: &Arc<Scope>, term: &Val, options: &Options) -> Eval<Val> {
    let refuse = |what: String| call_error("template", what);
    let Val::Str(name) = term else { return Err(refuse("it needs the names of files".to_owned())) };
    let mut reading = Reading::default();
    let mut scope = scope.clone();
    for (option, value) in options {
        let marks = &mut reading.delimiters;
        match (&**option, value) {
            ("variable_start_string", Val::Str(text)) => marks.variable.0 = text.to_string(),
            ("variable_end_string", Val::Str(text)) => marks.variable.1 = text.to_string(),
            ("comment_start_string", Val::Str(text)) => marks.comment.0 = text.to_string(),
            ("comment_end_string", Val::Str(text)) => marks.comment.1 = text.to_string(),
            ("trim_blocks", value) => reading.trim_blocks = truth(value)?,
            ("template_vars", Val::Dict(vars)) => scope = with_variables(context, &scope, vars)?,
            _ => return Err(refuse(format!("it has no option `{option}` of that type"))),
        }
    }
    let found = context.templater.lookups().template_at(name, scope.directories()).map_err(refuse)?;
    let file = found.ok_or_else(|| call_error("template", format!("the file `{name}` is not found")))?;
    context.budget.text(file.text.len())?;
    let home = Home { directory: file.directory, reading: Arc::new(reading) };
    let value = Interpreter::render_file(context, &file.text.into(), home, &scope)?;
    context.deep(value)?.usable()
}

/// The variables with some more that are data.
fn with_variables(context: &Context<'_>, scope: &Arc<Scope>, vars: &Dict) -> Eval<Arc<Scope>> {
    let mut inner = Scope::child(scope);
    for (name, value) in vars.entries() {
        if let Val::Str(name) = name {
            inner.set_literal(&**name, &value.to_json(&context.budget)?);
        }
    }
    Ok(context.keep(Arc::new(inner)))
}

fn ask(
    context: &Context<'_>,
    scope: &Scope,
    plugin: &str,
    terms: &[Val],
    options: &[(Arc<str>, Val)],
) -> Eval<Vec<Val>> {
    let Some(known) = lookups::KNOWN.iter().find(|known| **known == plugin) else {
        if let Some((_, instead)) = lookups::LEFT_OUT.iter().find(|(name, _)| *name == plugin) {
            return Err(unsupported(format!("the lookup `{plugin}`"), *instead));
        }
        let known = lookups::KNOWN.iter().chain(&looked_up::NAMES).copied();
        let closest = closest(plugin, known);
        return Err(ErrorKind::NoSuch { what: "lookup", name: plugin.to_owned(), closest }.into());
    };
    let terms = terms.iter().map(|term| term.to_json(&context.budget)).collect::<Eval<Vec<_>>>()?;
    let mut map = serde_json::Map::new();
    for (name, value) in options {
        map.insert(name.to_string(), value.to_json(&context.budget)?);
    }
    let request = Request { plugin: known, terms: &terms, options: &map, directories: scope.directories() };
    let found = context.templater.lookups().lookup(&request).map_err(|message| call_error(known, message))?;
    Ok(found.iter().map(Val::from_json).collect())
}

/// One result is given as it is, several texts are joined by commas, other lists stay lists.
fn combine(context: &Context<'_>, mut values: Vec<Val>, wants_list: bool) -> Eval<Val> {
    if wants_list || values.is_empty() {
        return Ok(Val::list(values));
    }
    if values.len() == 1 {
        return Ok(values.swap_remove(0));
    }
    let texts: Option<Vec<&str>> = values.iter().map(Val::as_str).collect();
    match texts {
        Some(texts) => {
            let joined = texts.join(",");
            context.budget.text(joined.len())?;
            Ok(Val::str(joined))
        }
        None => Ok(Val::list(values)),
    }
}
