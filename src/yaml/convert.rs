//! From the tree to JSON values, as Python's `json` writes them.

use serde_json::{Map, Number, Value as Json, json};

use super::{Node, Problem, Problems, Style, Text, Value};
use crate::keys::Key;
use crate::vault;

/// What a tree is converted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    /// Templates will see it.
    Data,
    /// The same, and templates in it will be read.
    Source,
    /// The same as `Data` of text that a host may have said: nothing in it is decrypted.
    Foreign,
    /// It will be printed: `!vault` and `!unsafe` as Ansible writes them in JSON.
    Listed,
    /// It will be printed, and only vault values are marked.
    HostListed,
}

impl Form {
    fn is_listing(self) -> bool {
        matches!(self, Self::Listed | Self::HostListed | Self::Foreign)
    }

    /// Whether keys that are no text are told from those that are.
    fn marks_keys(self) -> bool {
        matches!(self, Self::Data | Self::Source | Self::Foreign)
    }

    fn text(self, text: &Text) -> String {
        if self == Self::Source { quoted(text) } else { text.text.to_string() }
    }
}

impl Node {
    /// The value without its places. A key that is not text becomes text as Python's `json` does it.
    ///
    /// # Errors
    /// It holds a vault value that no password opens, an infinite number, or two keys that are the same as text.
    pub fn to_json(&self) -> Result<Json, Problems> {
        self.in_form(Form::Plain)
    }

    /// The value for templates, which tell a key that is not text from one that is ([`crate::keys`]).
    ///
    /// # Errors
    /// It holds a vault value that no password opens, or an infinite number.
    pub fn to_data(&self) -> Result<Json, Problems> {
        self.in_form(Form::Data)
    }

    /// The same, with vault values still encrypted.
    ///
    /// # Errors
    /// It holds an infinite number.
    pub fn to_foreign_data(&self) -> Result<Json, Problems> {
        self.in_form(Form::Foreign)
    }

    /// The value for whoever reads templates in it: `!unsafe` text that looks like one is written as a template that gives
    /// exactly that text.
    ///
    /// # Errors
    /// As [`Node::to_data`].
    pub fn to_source(&self) -> Result<Json, Problems> {
        self.in_form(Form::Source)
    }

    /// The same for a listing of the inventory: vault values stay encrypted. `whole` marks `!unsafe` texts, too.
    ///
    /// # Errors
    /// As [`Node::to_json`], but for vault values.
    pub fn to_listing(&self, whole: bool) -> Result<Json, Problems> {
        self.in_form(if whole { Form::Listed } else { Form::HostListed })
    }

    fn in_form(&self, form: Form) -> Result<Json, Problems> {
        let mut problems = Problems::new();
        let json = self.convert(form, &mut problems);
        problems.or(json)
    }

    fn convert(&self, form: Form, problems: &mut Problems) -> Json {
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::Number(integer(*value)),
            Value::Float(value) => self.float(*value, problems),
            Value::String(text) if text.literal && form == Form::Listed => {
                json!({ "__ansible_unsafe": &*text.text })
            }
            Value::String(text) => Json::String(form.text(text)),
            Value::Seq(items) => Json::Array(items.iter().map(|item| item.convert(form, problems)).collect()),
            Value::Map(entries) => Json::Object(object(entries, form, problems)),
            Value::Vault(armoured) if form.is_listing() => json!({ "__ansible_vault": &**armoured }),
            // As in Ansible, what is encrypted on its own is no template, whatever it holds.
            Value::Vault(_) => {
                let opened = problems.take(self.opened());
                opened.map_or(Json::Null, |text| Json::String(form.text(&text)))
            }
        }
    }

    /// What a vault value holds: text that is never a template, and is masked wherever it would be printed.
    ///
    /// # Errors
    /// It is no vault value, or no password opens it.
    pub fn opened(&self) -> Result<Text, Problem> {
        let Value::Vault(armoured) = &self.value else {
            return Err(Problem::new(format!("a vault value is needed, not {}", self.kind()), self.place()));
        };
        let text = vault::keyring().open_value(armoured).map_err(|why| {
            Problem::new(format!("the value is encrypted with ansible-vault, and {why}"), self.place())
                .label("this value")
                .help(why.help())
        })?;
        Ok(Text { text: text.into(), style: Style::Literal, literal: true })
    }

    /// Masks every value in the tree, but for those that are short, wherever it would be printed.
    pub(super) fn hide(&self) {
        match &self.value {
            Value::String(text) => vault::keyring().hide_value(&text.text),
            Value::Int(number) => vault::keyring().hide_value(&number.to_string()),
            Value::Seq(items) => items.iter().for_each(Self::hide),
            Value::Map(entries) => entries.iter().for_each(|(_, value)| value.hide()),
            _ => {}
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

    /// What a key is, where that is more than text.
    fn kind_of_key(&self) -> Key<'_> {
        match &self.value {
            Value::Null => Key::Null,
            Value::Bool(value) => Key::Bool(*value),
            Value::Int(value) => Key::Int(*value),
            Value::Float(value) => Key::Float(*value),
            _ => Key::Text(""),
        }
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

/// Literal text that would be read as a template, as a template in which each brace is an expression; other text as it
/// is. A string in an expression has no escapes that could say the same.
fn quoted(text: &Text) -> String {
    if text.literal && text.has_marks() { text.text.replace('{', "{{ '{' }}") } else { text.text.to_string() }
}

/// Every integer in a tree fits: the resolver has refused the others.
fn integer(value: i128) -> Number {
    i64::try_from(value)
        .map(Number::from)
        .or_else(|_| u64::try_from(value).map(Number::from))
        .unwrap_or_else(|_| 0.into())
}

fn object(entries: &[(Node, Node)], form: Form, problems: &mut Problems) -> Map<String, Json> {
    let mut object = Map::with_capacity(entries.len());
    for (key, value) in entries {
        let json = value.convert(form, problems);
        let Some(text) = key.key_text() else {
            problems.push(Problem::new("this key has no JSON form", key.place()).help("put it in quotes"));
            continue;
        };
        let text = if form.marks_keys() { key.kind_of_key().marked(&text) } else { text };
        if object.insert(text, json).is_some() {
            let message =
                format!("the key `{}` is the same as an earlier one once it is text", key.written());
            problems.push(Problem::new(message, key.place()).label("again here"));
        }
    }
    object
}
