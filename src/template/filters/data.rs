//! Filters between values and the texts that stand for them.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::budget::Text;
use super::super::call::{Bound, hard_text, soft_text};
use super::super::context::Context;
use super::super::error::{Eval, call_error};
use super::super::ops::truth;
use super::super::value::Val;
use super::json::{Style, write_ordered};
use super::{Filter, digest, filter, yaml};

pub(super) const FILTERS: &[Filter] = &[
    filter("to_json", &["indent", "sort_keys", "ensure_ascii", "separators"], |c, v, args| {
        to_json(c, v, args, None, false)
    }),
    filter("to_nice_json", &["indent", "sort_keys", "ensure_ascii"], |c, v, args| {
        to_json(c, v, args, Some(4), true)
    }),
    filter("tojson", &["indent"], tojson),
    filter("from_json", &[], |c, v, _| from_json(c, v)),
    filter("from_yaml", &[], |c, v, _| from_yaml(c, v)),
    filter(
        "to_yaml",
        &["indent", "default_flow_style", "sort_keys", "width", "explicit_start"],
        |c, v, args| yaml::to_yaml(c, v, args, 2, None),
    ),
    filter(
        "to_nice_yaml",
        &["indent", "default_flow_style", "sort_keys", "width", "explicit_start"],
        |c, v, args| yaml::to_yaml(c, v, args, 4, Some(false)),
    ),
    filter("b64encode", &["encoding", "urlsafe"], b64encode),
    filter("b64decode", &["encoding", "urlsafe"], b64decode),
    filter("hash", &["hashtype"], |c, v, args| {
        let kind = args.text("hashtype")?.unwrap_or_else(|| "sha1".into());
        digest::hex(&kind, &soft_text(v, &c.budget)?).map(Val::str)
    }),
    filter("checksum", &[], |c, v, _| digest::hex("sha1", &soft_text(v, &c.budget)?).map(Val::str)),
    filter("sha1", &[], |c, v, _| digest::hex("sha1", &soft_text(v, &c.budget)?).map(Val::str)),
    filter("md5", &[], |c, v, _| digest::hex("md5", &soft_text(v, &c.budget)?).map(Val::str)),
    filter("to_uuid", &["namespace"], |_, v, args| {
        let space = args.text("namespace")?;
        digest::uuid(space.as_deref(), &hard_text(v)?).map(Val::str)
    }),
];

fn indent(args: &Bound, default: Option<usize>) -> Eval<Option<String>> {
    match args.get("indent") {
        Some(Val::Str(text)) => Ok(Some(text.to_string())),
        Some(Val::None) => Ok(None),
        Some(_) => Ok(Some(" ".repeat(args.count("indent", 0)?.min(200)))),
        None => Ok(default.map(|width| " ".repeat(width))),
    }
}

fn to_json(context: &Context<'_>, value: &Val, args: &Bound, width: Option<usize>, sort: bool) -> Eval<Val> {
    let indent = indent(args, width)?;
    let mut style = Style {
        // `to_nice_json` keeps its own, also where it is told not to indent.
        item: if indent.is_some() || width.is_some() { "," } else { ", " }.to_owned(),
        key: ": ".to_owned(),
        sort_keys: args.flag("sort_keys", sort)?,
        ascii: args.flag("ensure_ascii", true)?,
        indent,
    };
    if let Some(separators) = args.get("separators").filter(|value| !matches!(value, Val::None)) {
        match context.iterate(separators)?.as_slice() {
            [Val::Str(item), Val::Str(key)] => (style.item, style.key) = (item.to_string(), key.to_string()),
            _ => return Err(call_error("to_json", "`separators` must be two texts")),
        }
    }
    let mut out = Text::new(&context.budget);
    write_ordered(value, &style, &mut out)?;
    Ok(Val::str(out.finish()))
}

/// Jinja's own filter: sorted, and safe inside HTML.
fn tojson(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let text = to_json(context, value, args, None, true)?;
    let text = hard_text(&text)?;
    context.budget.text(text.len().saturating_mul(6))?;
    let escaped =
        text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    Ok(Val::str(escaped))
}

fn from_json(context: &Context<'_>, value: &Val) -> Eval<Val> {
    let text = hard_text(value)?;
    context.budget.text(text.len().saturating_mul(8))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| call_error("from_json", error.to_string()))?;
    if has_wide_integer(&json) {
        return Err(call_error("from_json", "a number is too large to be read exactly; quote it"));
    }
    Ok(Val::from_json(&json))
}

/// Whether a number may have been an integer that does not fit and was rounded.
fn has_wide_integer(json: &serde_json::Value) -> bool {
    match json {
        serde_json::Value::Number(number) => {
            number.is_f64() && number.as_f64().is_some_and(|f| f.abs() >= 9e18)
        }
        serde_json::Value::Array(items) => items.iter().any(has_wide_integer),
        serde_json::Value::Object(map) => map.values().any(has_wide_integer),
        _ => false,
    }
}

fn from_yaml(context: &Context<'_>, value: &Val) -> Eval<Val> {
    let Val::Str(text) = value else { return Ok(value.clone()) };
    context.budget.text(text.len().saturating_mul(8))?;
    let json = context.templater.read_yaml(text).map_err(|message| call_error("from_yaml", message))?;
    Ok(Val::from_json(&json))
}

fn engine(url_safe: bool) -> GeneralPurpose {
    let alphabet = if url_safe { alphabet::URL_SAFE } else { alphabet::STANDARD };
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&alphabet, config)
}

/// How the bytes between base64 and a text are made.
#[derive(Clone, Copy)]
enum Encoding {
    Utf8,
    /// As `PowerShell` takes it after `-EncodedCommand`.
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    fn of(args: &Bound) -> Eval<Self> {
        let Some(name) = args.text("encoding")? else { return Ok(Self::Utf8) };
        match name.to_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" => Ok(Self::Utf8),
            "utf-16-le" | "utf-16le" => Ok(Self::Utf16Le),
            "utf-16-be" | "utf-16be" => Ok(Self::Utf16Be),
            other => {
                let message = format!("the encoding `{other}` is not supported; use utf-8 or utf-16-le");
                Err(call_error("b64", message))
            }
        }
    }

    fn bytes(self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }

    fn text(self, bytes: Vec<u8>) -> Option<String> {
        let units = |of: fn([u8; 2]) -> u16| {
            let (units, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| of(*unit)).collect();
            String::from_utf16(&units).ok().filter(|_| rest.is_empty())
        };
        match self {
            Self::Utf16Le => units(u16::from_le_bytes),
            Self::Utf16Be => units(u16::from_be_bytes),
            Self::Utf8 => String::from_utf8(bytes).ok(),
        }
    }
}

fn b64encode(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let encoding = Encoding::of(args)?;
    let text = soft_text(value, &context.budget)?;
    context.budget.text(text.len().saturating_mul(4))?;
    Ok(Val::str(engine(args.flag("urlsafe", false)?).encode(encoding.bytes(&text))))
}

fn b64decode(context: &Context<'_>, value: &Val, args: &Bound) -> Eval<Val> {
    let encoding = Encoding::of(args)?;
    let text = soft_text(value, &context.budget)?;
    let url_safe = args.get("urlsafe").map_or(Ok(false), truth)?;
    // Python skips what is not of the alphabet, line ends for instance.
    let wanted = |c: &char| {
        c.is_ascii_alphanumeric() || *c == '=' || if url_safe { "-_".contains(*c) } else { "+/".contains(*c) }
    };
    let digits: String = text.chars().filter(wanted).collect();
    let bytes =
        engine(url_safe).decode(digits).map_err(|error| call_error("b64decode", error.to_string()))?;
    let text = encoding.text(bytes);
    text.map(Val::str).ok_or_else(|| call_error("b64decode", "what is encoded is not text; keep it encoded"))
}
