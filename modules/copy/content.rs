//! The content that a task gives, and where a file shall stand, as they are written.

use std::borrow::Cow;
use std::fmt::Write as _;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::contract::HostPath;

/// Text, or a mapping or list, which becomes JSON.
#[derive(Debug, Clone)]
pub struct GivenContent(pub Vec<u8>);

impl<'de> Deserialize<'de> for GivenContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::String(text) => text.into_bytes(),
            Value::Null => return Err(de::Error::custom("it is empty; write `\"\"` for an empty file")),
            Value::Bool(true) => b"True".to_vec(),
            Value::Bool(false) => b"False".to_vec(),
            other => json(&other).into_bytes(),
        }))
    }
}

impl JsonSchema for GivenContent {
    fn schema_name() -> Cow<'static, str> {
        "Content".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object", "array", "number", "boolean"],
            "description": "text; a mapping or list becomes JSON",
        })
    }
}

/// JSON as Python writes it: a space after `,` and `:`, nothing but ASCII.
fn json(value: &Value) -> String {
    let joined = |items: Vec<String>| items.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", joined(items.iter().map(json).collect())),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", quoted(key), json(value));
            format!("{{{}}}", joined(map.iter().map(entry).collect()))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in Value::from(text).to_string().chars() {
        if c.is_ascii() && c != '\u{7f}' {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.replace('\u{7f}', "\\u007f")
}

/// A path that may end in a slash: then it is a directory's.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The path.
    pub path: HostPath,
    /// Whether it was written with a slash at its end.
    pub is_directory: bool,
}

impl<'de> Deserialize<'de> for Destination {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let path = HostPath::new(&text).map_err(de::Error::custom)?;
        let is_directory = text.ends_with('/') || (path.is_windows() && text.ends_with('\\'));
        Ok(Self { path, is_directory })
    }
}

impl JsonSchema for Destination {
    fn schema_name() -> Cow<'static, str> {
        "Destination".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "an absolute path on the host; a slash at its end says that it is a directory's"})
    }
}
