//! Words that quote themselves. Only these can be put into shell text.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::path::HostPath;

/// Permission bits, `0` to `0o7777`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct Mode(u16);

impl Mode {
    /// Permission bits from a number.
    #[must_use]
    pub const fn new(bits: u16) -> Self {
        Self(bits & 0o7777)
    }

    /// The bits as a number.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl FromStr for Mode {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let octal = !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
        match u16::from_str_radix(text, 8) {
            Ok(bits) if octal && bits <= 0o7777 => Ok(Self(bits)),
            _ => Err(format!("`{text}` is no mode; write octal digits in quotes, such as \"0644\"")),
        }
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text.parse().map_err(de::Error::custom),
            // YAML has already read `0644` as an octal number; `644` without the zero is decimal, and a mistake.
            serde_json::Value::Number(number) => match number.as_u64().and_then(|n| u16::try_from(n).ok()) {
                Some(bits) if bits <= 0o777 => Ok(Self(bits)),
                _ => Err(de::Error::custom(format!(
                    "`{number}` is no mode; write octal digits in quotes, such as \"0644\""
                ))),
            },
            other => Err(de::Error::custom(format!("`{other}` is no mode; write it as \"0644\""))),
        }
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "integer"], "description": "permission bits in octal, such as \"0644\""})
    }
}

/// The name of a user or group on a host, or its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Account(String);

impl Account {
    /// Reads a name of up to 32 characters: letters, digits, `_`, `.`, `-`, not beginning with `-`.
    ///
    /// # Errors
    /// The sentence that says what a name may hold.
    pub fn new(text: &str) -> Result<Self, String> {
        let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if text.is_empty() || text.len() > 32 || text.starts_with('-') || !text.bytes().all(fine) {
            return Err(format!("`{text}` is no user or group name; use letters, digits, `_`, `.` and `-`"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// An argument of a call to a function of the host's script library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// A path: printed under the sandbox's root, which is empty on a real host.
    Path(HostPath),
    /// Any text, handed over literally.
    Word(String),
    /// Bytes, handed over in the escapes that `printf %b` undoes.
    Bytes(Vec<u8>),
    /// A number.
    Number(u64),
}

/// A call to a function of the host's script library: the only shell text that Rust writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The function's name.
    pub function: &'static str,
    /// What it is given.
    pub args: Vec<Arg>,
}

impl Call {
    /// A call without arguments.
    #[must_use]
    pub const fn new(function: &'static str) -> Self {
        Self { function, args: Vec::new() }
    }

    /// The same call with one more path.
    #[must_use]
    pub fn path(mut self, path: &HostPath) -> Self {
        self.args.push(Arg::Path(path.clone()));
        self
    }

    /// The same call with one more word.
    #[must_use]
    pub fn word(mut self, word: impl Into<String>) -> Self {
        self.args.push(Arg::Word(word.into()));
        self
    }

    /// The same call with more words.
    #[must_use]
    pub fn words<S: Into<String>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(words.into_iter().map(|word| Arg::Word(word.into())));
        self
    }

    /// The same call with bytes for `printf %b`.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.args.push(Arg::Bytes(bytes.to_vec()));
        self
    }

    /// The same call with one more number.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.args.push(Arg::Number(number));
        self
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function)?;
        self.args.iter().try_for_each(|arg| write!(f, " {arg}"))
    }
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "\"$R\"{}", quote(path.as_str())),
            Self::Word(word) => f.write_str(&quote(word)),
            Self::Bytes(bytes) => f.write_str(&percent_b(bytes)),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// A word in shell text that stands for exactly `text`, whatever it holds but NUL, which no argument can hold:
/// the wire refuses a script with one.
///
/// The wire is ASCII, because shells differ in what they do to other bytes in their own source; other text goes through
/// `printf %b` on the host. Newlines at its end, which `$(…)` drops, are put behind it.
fn quote(text: &str) -> String {
    let plain = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    if text.is_ascii() {
        return plain(text);
    }
    let body = text.trim_end_matches('\n');
    let newlines = &text[body.len()..];
    format!("\"$(printf %b {})\"{}", percent_b(body.as_bytes()), plain(newlines))
}

/// Bytes as one single-quoted ASCII word in the escapes of `printf %b`.
fn percent_b(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8 + 2);
    out.push('\'');
    for &byte in bytes {
        match byte {
            b'\n' => out.push('\n'),
            b'\\' => out.push_str("\\\\"),
            b'\'' => out.push_str("\\0047"),
            b' '..=b'~' => out.push(byte as char),
            // Four digits always, so that a digit that follows is not taken into the escape.
            _ => _ = write!(out, "\\0{byte:03o}"),
        }
    }
    out.push('\'');
    out
}
