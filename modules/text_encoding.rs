//! Text as bytes of a file.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::contract::PlanError;

/// How text stands in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// A byte a character: ISO 8859-1.
    Latin1,
    /// The first 128 of them.
    Ascii,
}

/// A byte that is no UTF-8 stands for a character of its own behind this one, which no text holds.
const ODD: u32 = 0x0010_ff00;

impl Encoding {
    /// The bytes of a text. What [`decode`](Self::decode) could not read comes out as it was.
    ///
    /// # Errors
    /// [`PlanError`] where it holds a character that the encoding has not.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, PlanError> {
        let mut bytes = Vec::with_capacity(text.len());
        for c in text.chars() {
            let code = u32::from(c);
            match self {
                Self::Utf8 if code >= ODD => bytes.extend(u8::try_from(code - ODD).ok()),
                Self::Utf8 => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Self::Latin1 | Self::Ascii => match u8::try_from(code) {
                    Ok(byte) if self == Self::Latin1 || byte.is_ascii() => bytes.push(byte),
                    _ => {
                        let name = self.name();
                        return Err(PlanError::new(format!("`{c}` cannot be written in `{name}`")));
                    }
                },
            }
        }
        Ok(bytes)
    }

    /// The text of bytes.
    ///
    /// # Errors
    /// [`PlanError`] where they are none of the encoding.
    pub fn decode(self, bytes: &[u8]) -> Result<String, PlanError> {
        match self {
            Self::Latin1 => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
            Self::Ascii if bytes.is_ascii() => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Self::Ascii => Err(PlanError::new("the file is not in `ascii`")
                .help("say its `encoding`, such as `utf-8` or `latin-1`")),
            Self::Utf8 => {
                let mut text = String::with_capacity(bytes.len());
                for chunk in bytes.utf8_chunks() {
                    if chunk.valid().chars().any(|c| u32::from(c) >= ODD) {
                        return Err(PlanError::new("the file holds a character that no text has"));
                    }
                    text.push_str(chunk.valid());
                    let odd = chunk.invalid().iter().map(|byte| char::from_u32(ODD + u32::from(*byte)));
                    text.extend(odd.flatten());
                }
                Ok(text)
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Latin1 => "latin-1",
            Self::Ascii => "ascii",
        }
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "utf-8" | "utf8" => Ok(Self::Utf8),
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Ok(Self::Latin1),
            "ascii" | "us-ascii" => Ok(Self::Ascii),
            _ => Err(de::Error::custom(format!(
                "`{text}` is not supported; it can be `utf-8`, `latin-1` or `ascii`"
            ))),
        }
    }
}

impl JsonSchema for Encoding {
    fn schema_name() -> Cow<'static, str> {
        "Encoding".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "the encoding of a file"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_comes_out_as_it_was() {
        let bytes: Vec<u8> = (0..=255).chain("é\u{1f600}".bytes()).chain([0xc3]).collect();
        for encoding in [Encoding::Utf8, Encoding::Latin1] {
            assert_eq!(encoding.encode(&encoding.decode(&bytes).unwrap()).unwrap(), bytes);
        }
        assert!(Encoding::Ascii.decode(&bytes).is_err());
        assert!(Encoding::Latin1.encode("\u{20ac}").is_err());
        assert!(Encoding::Utf8.decode("\u{10ff41}".as_bytes()).is_err());
    }
}
