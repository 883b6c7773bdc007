//! What dockerd reads under a key, and whether a value is that.

use std::net::IpAddr;

use serde_json::{Map, Value};

/// The type of a key's value. Null is taken everywhere but for a size, and means that the key is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string that holds an IP address, or nothing.
    Address,
    /// A string such as `64M`; a bare number is refused.
    Size,
    /// `true` or `false`.
    Bool,
    /// A whole number, written without fraction and exponent.
    Int,
    /// A list of strings.
    Texts,
    /// A list of IP addresses.
    Addresses,
    /// Strings by name: `"max-file": "3"`, not `3`.
    TextMap,
    /// Mappings of strings by name.
    TextMaps,
    /// Booleans by name.
    BoolMap,
    /// `default-ulimits`.
    Ulimits,
    /// `runtimes`.
    Runtimes,
    /// `default-address-pools`.
    Pools,
    /// `builder`.
    Builder,
    /// `proxies`.
    Proxies,
    /// Any mapping.
    Mapping,
    /// A list of garbage-collection rules within `builder`.
    Policies,
    /// What such a rule spares: a list of `name=value`, or values by name, each with a boolean.
    Filter,
}

/// A value, or one within it, of another type than dockerd wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistyped {
    pub(crate) path: Vec<String>,
    pub(crate) wanted: &'static str,
    pub(crate) found: String,
}

/// Go reads the names of a structure's fields without regard to case, and skips those it does not know.
type Fields = &'static [(&'static str, Kind)];

const ULIMIT: Fields = &[("name", Kind::Text), ("hard", Kind::Int), ("soft", Kind::Int)];
const RUNTIME: Fields = &[
    ("path", Kind::Text),
    ("runtimeargs", Kind::Texts),
    ("runtimetype", Kind::Text),
    ("options", Kind::Mapping),
];
const POOL: Fields = &[("base", Kind::Text), ("size", Kind::Int)];
const BUILDER: Fields = &[("gc", Kind::Mapping), ("entitlements", Kind::Mapping)];
const GC: Fields = &[("enabled", Kind::Bool), ("policy", Kind::Policies), ("defaultkeepstorage", Kind::Text)];
const ENTITLEMENTS: Fields = &[("network-host", Kind::Bool), ("security-insecure", Kind::Bool)];
const POLICY: Fields = &[
    ("all", Kind::Bool),
    ("filter", Kind::Filter),
    ("keepstorage", Kind::Text),
    ("reservedspace", Kind::Text),
    ("maxusedspace", Kind::Text),
    ("minfreespace", Kind::Text),
];
const PROXIES: Fields = &[("http-proxy", Kind::Text), ("https-proxy", Kind::Text), ("no-proxy", Kind::Text)];

impl Kind {
    /// What is wanted, for a message.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Address => "an IP address in a string",
            Self::Size => "a size in a string, such as `\"64M\"`",
            Self::Bool => "`true` or `false`",
            Self::Int => "a whole number",
            Self::Texts | Self::Filter => "a list of strings",
            Self::Addresses => "a list of IP addresses",
            Self::TextMap => "a mapping of strings",
            Self::BoolMap => "a mapping of booleans",
            Self::Pools | Self::Policies => "a list of mappings",
            Self::TextMaps
            | Self::Ulimits
            | Self::Runtimes
            | Self::Builder
            | Self::Proxies
            | Self::Mapping => "a mapping",
        }
    }

    /// Whether the value is of this type, its contents left aside.
    #[must_use]
    pub fn takes(self, value: &Value) -> bool {
        match self {
            Self::Size => value.is_string(),
            _ if value.is_null() => true,
            Self::Text | Self::Address => value.is_string(),
            Self::Bool => value.is_boolean(),
            Self::Int => value.is_i64(),
            Self::Texts | Self::Addresses | Self::Pools | Self::Policies => value.is_array(),
            Self::Filter => value.is_array() || value.is_object(),
            _ => value.is_object(),
        }
    }

    /// Everything in the value that is of another type than dockerd wants.
    pub(crate) fn check(self, value: &Value, path: &[String], out: &mut Vec<Mistyped>) {
        if !self.takes(value) {
            return out.push(Mistyped { path: path.to_vec(), wanted: self.noun(), found: shown(value) });
        }
        match (self, value) {
            (Self::Size, Value::String(text)) if !is_size(text) => {
                out.push(Mistyped { path: path.to_vec(), wanted: self.noun(), found: format!("`{text}`") });
            }
            (Self::Address, Value::String(text)) if !text.is_empty() => address(text, self, path, out),
            (Self::Addresses, Value::Array(_)) => each(value, path, |value, path| match value {
                Value::String(text) => address(text.trim(), Self::Address, path, out),
                Value::Null => address("", Self::Address, path, out),
                other => Self::Text.check(other, path, out),
            }),
            (Self::Texts | Self::Filter, Value::Array(_)) | (Self::TextMap, Value::Object(_)) => {
                each(value, path, |value, path| Self::Text.check(value, path, out));
            }
            (Self::BoolMap, Value::Object(_)) => {
                each(value, path, |value, path| Self::Bool.check(value, path, out));
            }
            (Self::TextMaps, Value::Object(_)) => {
                each(value, path, |value, path| Self::TextMap.check(value, path, out));
            }
            (Self::Filter, Value::Object(_)) => {
                each(value, path, |value, path| Self::BoolMap.check(value, path, out));
            }
            (Self::Ulimits, Value::Object(_)) => structures(value, ULIMIT, path, out),
            (Self::Runtimes, Value::Object(_)) => structures(value, RUNTIME, path, out),
            (Self::Pools, Value::Array(_)) => structures(value, POOL, path, out),
            (Self::Policies, Value::Array(_)) => structures(value, POLICY, path, out),
            (Self::Proxies, Value::Object(fields)) => structure(fields, PROXIES, path, out),
            (Self::Builder, Value::Object(fields)) => builder(fields, path, out),
            _ => {}
        }
    }
}

fn address(text: &str, kind: Kind, path: &[String], out: &mut Vec<Mistyped>) {
    if text.parse::<IpAddr>().is_err() {
        out.push(Mistyped { path: path.to_vec(), wanted: kind.noun(), found: format!("`{text}`") });
    }
}

/// A number, an optional space and an optional unit: `64M`, `1.5 GiB`, `100b`.
fn is_size(text: &str) -> bool {
    let unit = text.trim_end_matches(['b', 'B']);
    let unit = if text.len() - unit.len() > 1 { return false } else { unit };
    let unit = unit.strip_suffix(['i', 'I']).unwrap_or(unit);
    let unit = unit.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G', 't', 'T', 'p', 'P']).unwrap_or(unit);
    let number = unit.strip_suffix(' ').unwrap_or(unit);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(fraction)
}

fn each(value: &Value, path: &[String], mut check: impl FnMut(&Value, &[String])) {
    let below = |name: String| path.iter().cloned().chain([name]).collect::<Vec<_>>();
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| check(item, &below(i.to_string())));
        }
        Value::Object(members) => members.iter().for_each(|(key, value)| check(value, &below(key.clone()))),
        _ => {}
    }
}

fn structures(value: &Value, fields: Fields, path: &[String], out: &mut Vec<Mistyped>) {
    each(value, path, |value, path| match value {
        Value::Object(members) => structure(members, fields, path, out),
        other => Kind::Mapping.check(other, path, out),
    });
}

fn structure(members: &Map<String, Value>, fields: Fields, path: &[String], out: &mut Vec<Mistyped>) {
    for (key, value) in members {
        if let Some((_, kind)) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
            kind.check(value, &path, out);
        }
    }
}

fn builder(members: &Map<String, Value>, path: &[String], out: &mut Vec<Mistyped>) {
    structure(members, BUILDER, path, out);
    for (key, value) in members {
        let Value::Object(fields) = value else { continue };
        let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
        match key.to_ascii_lowercase().as_str() {
            "gc" => structure(fields, GC, &path, out),
            "entitlements" => structure(fields, ENTITLEMENTS, &path, out),
            _ => {}
        }
    }
}

/// A value for a message. Strings are not repeated: one of them may hold a password.
fn shown(value: &Value) -> String {
    match value {
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        scalar => format!("`{scalar}`"),
    }
}
