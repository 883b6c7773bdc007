//! Arguments as playbooks hand them on: a variable that may be empty, a list that `-e` gives as one text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, Error, IntoDeserializer as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Items: a list, one item, or several in one text with commas between them. Empty text and null are no items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T>(pub Vec<T>);

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Items(PhantomData)).map(Self)
    }
}

struct Items<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, or text with commas between the items")
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(one).collect()
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Vec<T>, E> {
        T::deserialize(number.into_deserializer()).map(|item| vec![item])
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Vec<T>, E> {
        T::deserialize(number.into_deserializer()).map(|item| vec![item])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}

fn one<T: DeserializeOwned, E: Error>(text: &str) -> Result<T, E> {
    let text: StrDeserializer<'_, E> = text.into_deserializer();
    T::deserialize(text)
}

impl<T: JsonSchema> JsonSchema for Listed<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Listed_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<T>();
        json_schema!({
            "description": "a list, or text with commas between the items; empty for none",
            "anyOf": [{"type": "array", "items": item}, {"type": ["string", "number", "null"]}],
        })
    }
}

/// A word of a command: text, or a number or boolean, which becomes the text that Python prints for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word(pub String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Bool(value) => Ok(Self(if value { "True" } else { "False" }.to_owned())),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            _ => Err(D::Error::custom("a word has to be text or a number")),
        }
    }
}

impl JsonSchema for Word {
    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "text or a number", "type": ["string", "number", "boolean"]})
    }
}

/// A whole number; what is behind its point is dropped, and text that is a number counts, as in Ansible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let number = match &value {
            serde_json::Value::String(text) => text.trim().parse().ok(),
            #[expect(clippy::cast_possible_truncation, reason = "that is what is asked for")]
            serde_json::Value::Number(number) => {
                number.as_i64().or_else(|| number.as_f64().map(|n| n as i64))
            }
            _ => None,
        };
        number.map(Self).ok_or_else(|| D::Error::custom(format!("{value} is no number")))
    }
}

impl JsonSchema for Whole {
    fn schema_name() -> Cow<'static, str> {
        "Whole".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "a whole number", "type": ["integer", "number", "string"]})
    }
}

/// What is said: text, a list of lines, or any value as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Lines(serde_json::Value);

impl Lines {
    /// As text.
    pub fn text(&self) -> String {
        let line =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match &self.0 {
            serde_json::Value::Array(lines) => lines.iter().map(line).collect::<Vec<_>>().join("\n"),
            value => line(value),
        }
    }

    /// As it was given.
    pub fn value(&self) -> serde_json::Value {
        self.0.clone()
    }
}

impl JsonSchema for Lines {
    fn schema_name() -> Cow<'static, str> {
        "Lines".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "text, or a list of lines"})
    }
}

/// Text that stands for a value; empty text and null are none.
///
/// # Errors
/// Those of the value's own reader.
pub fn filled<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.trim().is_empty() => one(&text).map(Some),
        _ => Ok(None),
    }
}

/// The default of an argument that is true unless it is said otherwise.
pub const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::{Pem, Pin};

    fn pins(value: serde_json::Value) -> Result<usize, String> {
        serde_json::from_value::<Listed<Pin>>(value)
            .map(|list| list.0.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_several_and_none_are_read_alike() {
        let pin = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(pins(serde_json::json!(pin)), Ok(1));
        assert_eq!(pins(serde_json::json!([pin, pin])), Ok(2));
        assert_eq!(pins(serde_json::json!(format!(" {pin}, {pin} ,"))), Ok(2));
        for none in [serde_json::json!(""), serde_json::json!([]), serde_json::json!(null)] {
            assert_eq!(pins(none), Ok(0));
        }
        assert!(pins(serde_json::json!("sha1:00")).unwrap_err().contains("weaker digests"));
        assert!(pins(serde_json::json!(7)).is_err());
        assert!(pins(serde_json::json!(true)).unwrap_err().contains("a list, or text"));
        let numbers = |value| serde_json::from_value::<Listed<Whole>>(value).map(|list| list.0).ok();
        assert_eq!(numbers(serde_json::json!(7)), numbers(serde_json::json!("7")));
    }

    #[test]
    fn empty_text_is_no_certificate_and_wrong_text_is_an_error() {
        let read = |value| filled::<Pem, serde_json::Value>(value).map(|pem| pem.map(|pem| pem.0.len()));
        assert_eq!(read(serde_json::json!("")).unwrap(), None);
        assert_eq!(read(serde_json::json!(null)).unwrap(), None);
        assert!(
            read(serde_json::json!("hello")).unwrap_err().to_string().contains("there is no certificate")
        );
    }
}
