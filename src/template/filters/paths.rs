//! Filters on POSIX paths. Most look at text only; the last few ask this machine.

use super::super::call::{Bound, hard_text};
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::lookups::Local;
use super::super::value::Val;
use super::{Filter, filter};

pub(super) const FILTERS: &[Filter] = &[
    filter("basename", &[], |_, v, _| Ok(Val::str(split(&hard_text(v)?).1))),
    filter("dirname", &[], |_, v, _| Ok(Val::str(split(&hard_text(v)?).0))),
    filter("splitext", &[], |_, v, _| {
        let (root, extension) = split_extension(&hard_text(v)?);
        Ok(Val::tuple(vec![Val::str(root), Val::str(extension)]))
    }),
    filter("path_join", &[], path_join),
    filter("normpath", &[], |_, v, _| Ok(Val::str(normalize(&hard_text(v)?)))),
    filter("relpath", &["start"], relpath),
    filter("commonpath", &[], commonpath),
    filter("realpath", &[], |c, v, _| local(c, v, Local::RealPath)),
    filter("expanduser", &[], |c, v, _| local(c, v, Local::ExpandUser)),
    filter("expandvars", &[], |c, v, _| local(c, v, Local::ExpandVars)),
    filter("fileglob", &[], |c, v, _| local(c, v, Local::Glob)),
];

fn local(context: &Context<'_>, value: &Val, question: Local) -> Eval<Val> {
    let answer = context.templater.lookups().local(question, &hard_text(value)?);
    answer.map(|json| Val::from_json(&json)).map_err(|message| call_error(question.name(), message))
}

fn split(path: &str) -> (String, String) {
    let cut = path.rfind('/').map_or(0, |at| at + 1);
    let (head, tail) = path.split_at(cut);
    let trimmed = head.trim_end_matches('/');
    let head = if trimmed.is_empty() { head } else { trimmed };
    (head.to_owned(), tail.to_owned())
}

fn split_extension(path: &str) -> (String, String) {
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let first = path[name..].find(|c| c != '.').map_or(path.len(), |at| name + at);
    let dot = path[first..].rfind('.').map_or(path.len(), |at| first + at);
    (path[..dot].to_owned(), path[dot..].to_owned())
}

fn path_join(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    if let Val::Str(_) = value {
        return Ok(value.clone());
    }
    if !matches!(value, Val::List(_) | Val::Tuple(_)) {
        return Err(call_error(
            "path_join",
            format!("it needs a list, not a value of type `{}`", value.type_name()),
        ));
    }
    let parts = context.iterate(value)?;
    if parts.is_empty() {
        return Err(call_error("path_join", "the list is empty"));
    }
    let mut out = String::new();
    for (i, part) in parts.into_iter().enumerate() {
        let part = hard_text(&part.usable()?)?;
        context.budget.text(part.len() + 1)?;
        if part.starts_with('/') || i == 0 {
            out = part.to_string();
        } else {
            if !out.is_empty() && !out.ends_with('/') {
                out.push('/');
            }
            out.push_str(&part);
        }
    }
    Ok(Val::str(out))
}

fn normalize(path: &str) -> String {
    let root = match path.len() - path.trim_start_matches('/').len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match (part, parts.last()) {
            ("..", Some(&last)) if last != ".." => {
                parts.pop();
            }
            ("..", None) if !root.is_empty() => {}
            _ => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

fn relpath(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let (path, start) = (hard_text(value)?, args.need_text("start")?);
    if !path.starts_with('/') || !start.starts_with('/') {
        return Err(call_error("relpath", "both paths must be absolute"));
    }
    let (path, start) = (normalize(&path), normalize(&start));
    let parts =
        |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (parts(&path), parts(&start));
    let common = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), start.len() - common);
    let steps: Vec<String> = up.chain(path[common..].iter().cloned()).collect();
    Ok(Val::str(if steps.is_empty() { ".".to_owned() } else { steps.join("/") }))
}

fn commonpath(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    let paths = match value {
        Val::List(_) | Val::Tuple(_) => context.iterate(value)?,
        other => {
            return Err(call_error(
                "commonpath",
                format!("it needs a list, not a value of type `{}`", other.type_name()),
            ));
        }
    };
    let paths = paths.into_iter().map(|path| hard_text(&path.usable()?)).collect::<Eval<Vec<_>>>()?;
    let Some(first) = paths.first() else { return Err(call_error("commonpath", "the list is empty")) };
    let absolute = first.starts_with('/');
    if paths.iter().any(|path| path.starts_with('/') != absolute) {
        return Err(call_error("commonpath", "some paths are absolute and some are not"));
    }
    let steps = |path: &str| {
        path.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect::<Vec<_>>()
    };
    let mut common = steps(first);
    for path in &paths[1..] {
        let same = common.iter().zip(steps(path)).take_while(|(a, b)| *a == b).count();
        common.truncate(same);
    }
    Ok(Val::str(format!("{}{}", if absolute { "/" } else { "" }, common.join("/"))))
}
