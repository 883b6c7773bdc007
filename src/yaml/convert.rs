//! From the tree to JSON values, as Python's `json` writes them.

use serde_json::{Map, Number, Value as Json};

use super::{Node, Problem, Problems, Text, Value};

impl Node {
    /// The value without its places. A key that is not text becomes text as Python's `json` does it.
    ///
    /// # Errors
    /// It holds a vault value, an infinite number, or two keys that are the same as text.
    pub fn to_json(&self) -> Result<Json, Problems> {
        let mut problems = Problems::new();
        let json = self.convert(plain, &mut problems);
        problems.or(json)
    }

    /// The same for whoever reads templates in it: `!unsafe` text that looks like one is written as a template that gives
    /// exactly that text.
    ///
    /// # Errors
    /// As [`Node::to_json`].
    pub fn to_source(&self) -> Result<Json, Problems> {
        let mut problems = Problems::new();
        let json = self.convert(quoted, &mut problems);
        problems.or(json)
    }

    fn convert(&self, text_of: fn(&Text) -> String, problems: &mut Problems) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::Number(integer(*value)),
            Value::Float(value) => self.float(*value, problems),
            Value::String(text) => Json::String(text_of(text)),
            Value::Seq(items) => {
                Json::Array(items.iter().map(|item| item.convert(text_of, problems)).collect())
            }
            Value::Map(entries) => Json::Object(object(entries, text_of, problems)),
            Value::Vault(_) => {
                let message = "the value is encrypted with ansible-vault, and no vault password is at hand";
                problems.push(Problem::new(message, self.place()).label("this value"));
                Json::Null
            }
        }
    }

    fn float(&self, value: f64, problems: &mut Problems) -> Json {
        Number::from_f64(value).map_or_else(
            || {
                let problem =
                    Problem::new(format!("the number `{}` has no JSON form", self.written()), self.place());
                problems.push(problem.help("put it in quotes if text is meant"));
                Json::Null
            },
            Json::Number,
        )
    }

    /// The text that a key is in JSON; none for a float that Python would write in another way.
    #[must_use]
    pub fn key_text(&self) -> Option<String> {
        match &self.value {
            Value::Null => Some("null".to_owned()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) if *value == 0.0 || (1e-4..1e16).contains(&value.abs()) => {
                Some(format!("{value:?}"))
            }
            Value::String(text) => Some(text.text.to_string()),
            _ => None,
        }
    }
}

fn plain(text: &Text) -> String {
    text.text.to_string()
}

/// Literal text that would be read as a template, as a template in which each brace is an expression; other text as it
/// is. A string in an expression has no escapes that could say the same.
fn quoted(text: &Text) -> String {
    if text.literal && text.has_marks() { text.text.replace('{', "{{ '{' }}") } else { plain(text) }
}

/// Every integer in a tree fits: the resolver has refused the others.
fn integer(value: i128) -> Number {
    i64::try_from(value)
        .map(Number::from)
        .or_else(|_| u64::try_from(value).map(Number::from))
        .unwrap_or_else(|_| 0.into())
}

fn object(
    entries: &[(Node, Node)],
    text_of: fn(&Text) -> String,
    problems: &mut Problems,
) -> Map<String, Json> {
    let mut object = Map::with_capacity(entries.len());
    for (key, value) in entries {
        let json = value.convert(text_of, problems);
        let Some(text) = key.key_text() else {
            problems.push(Problem::new("this key has no JSON form", key.place()).help("put it in quotes"));
            continue;
        };
        if object.insert(text, json).is_some() {
            let message =
                format!("the key `{}` is the same as an earlier one once it is text", key.written());
            problems.push(Problem::new(message, key.place()).label("again here"));
        }
    }
    object
}
