//! Filters on URLs.

use super::super::call::{Bound, hard_text, soft_text};
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::value::{Dict, Val};
use super::{Filter, filter};

pub(super) const FILTERS: &[Filter] = &[
    filter("urlencode", &[], urlencode),
    filter("urldecode", &[], urldecode),
    filter("urlsplit", &["query"], urlsplit),
];

fn percent_encoded(text: &str, query: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' if query => out.push('+'),
            b'/' if !query => out.push('/'),
            b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.extend([format!("%{byte:02X}")]),
        }
    }
    out
}

fn urlencode(context: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    let encode = |value: &Val, query: bool| {
        let text = soft_text(value, &context.budget)?;
        context.budget.text(text.len().saturating_mul(3))?;
        Ok::<_, super::super::TemplateError>(percent_encoded(&text, query))
    };
    let pairs = match value {
        Val::Dict(dict) => dict.entries().to_vec(),
        Val::List(_) | Val::Tuple(_) | Val::Range(_) => {
            let mut pairs = Vec::new();
            for pair in context.iterate(value)? {
                match context.iterate(&pair)?.as_slice() {
                    [key, value] => pairs.push((key.clone(), value.clone())),
                    _ => return Err(call_error("urlencode", "a list must hold pairs")),
                }
            }
            pairs
        }
        other => return encode(other, false).map(Val::str),
    };
    let parts = pairs.iter().map(|(key, value)| {
        Ok::<_, super::super::TemplateError>(format!("{}={}", encode(key, true)?, encode(value, true)?))
    });
    Ok(Val::str(parts.collect::<Eval<Vec<_>>>()?.join("&")))
}

fn urldecode(_: &Context<'_>, value: &Val, _: &Bound) -> Eval<Val> {
    let text = hard_text(value)?.replace('+', " ");
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let digits = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let code = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    Ok(Val::str(String::from_utf8_lossy(&out)))
}

/// The five parts of a URL.
pub(in super::super) struct Url<'u> {
    pub(in super::super) scheme: String,
    pub(in super::super) netloc: &'u str,
    path: &'u str,
    query: &'u str,
    fragment: &'u str,
}

/// Splits a URL as Python does; none if a bracket of an IPv6 address is missing.
pub(in super::super) fn split(url: &str) -> Option<Url<'_>> {
    let scheme_end = url.find(':').filter(|at| {
        url.starts_with(|c: char| c.is_ascii_alphabetic())
            && url[..*at].bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    let (scheme, rest) = scheme_end.map_or(("", url), |at| (&url[..at], &url[at + 1..]));
    let (netloc, rest) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    if netloc.contains('[') != netloc.contains(']') {
        return None;
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    Some(Url { scheme: scheme.to_ascii_lowercase(), netloc, path, query, fragment })
}

fn urlsplit(_: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = hard_text(value)?;
    if text.chars().any(char::is_control) || text.starts_with(' ') || !text.is_ascii() {
        return Err(call_error("urlsplit", "the URL holds characters that do not belong in one"));
    }
    let url = split(&text).ok_or_else(|| call_error("urlsplit", "the address in brackets is not closed"))?;
    let (login, host_port) = url.netloc.rsplit_once('@').map_or((None, url.netloc), |(l, h)| (Some(l), h));
    let (user, password) = match login {
        Some(login) => login.split_once(':').map_or((Some(login), None), |(u, p)| (Some(u), Some(p))),
        None => (None, None),
    };
    let (host, port) = match host_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => host_port.split_once(':').map_or((host_port, None), |(host, port)| (host, Some(port))),
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => {
            let number: Option<u16> =
                port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok()).flatten();
            Val::Int(number.ok_or_else(|| call_error("urlsplit", format!("`{port}` is no port")))?.into())
        }
        None => Val::None,
    };
    let maybe = |text: Option<&str>| text.map_or(Val::None, Val::str);
    let host = if host.is_empty() { Val::None } else { Val::str(host.to_lowercase()) };
    let mut dict = Dict::default();
    let parts = [
        ("fragment", Val::str(url.fragment)),
        ("hostname", host),
        ("netloc", Val::str(url.netloc)),
        ("password", maybe(password)),
        ("path", Val::str(url.path)),
        ("port", port),
        ("query", Val::str(url.query)),
        ("scheme", Val::str(url.scheme)),
        ("username", maybe(user)),
    ];
    for (name, part) in parts {
        dict.insert_str(name, part);
    }
    match args.text("query")?.filter(|query| !query.is_empty()) {
        Some(name) => dict
            .get_str(&name)
            .cloned()
            .ok_or_else(|| call_error("urlsplit", format!("a URL has no part `{name}`"))),
        None => Ok(Val::dict(dict)),
    }
}
