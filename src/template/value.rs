//! The values a template computes with: Python's, as far as templates see them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value as Json;

use super::budget::Budget;
use super::error::{Eval, TemplateError, type_error};
use super::looping::Loop;
use super::macros::Macro;
use super::scope::{Hosts, Scope};
use crate::keys::Key as JsonKey;

/// A value inside a template.
#[derive(Clone)]
pub(super) enum Val {
    None,
    /// What an inline `if` without `else` leaves behind: prints as nothing, but is no value.
    Absent,
    Omit,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    List(Arc<Seq>),
    Tuple(Arc<Seq>),
    Dict(Arc<Dict>),
    Range(Steps),
    /// An error that harms only whoever uses it.
    Marker(Arc<TemplateError>),
    /// Text of a variable that is a template and has not been needed yet.
    Deferred(Arc<Deferred>),
    Object(Object),
}

/// What has no counterpart in data.
#[derive(Clone)]
pub(super) enum Object {
    Function(&'static str),
    Method(Arc<Method>),
    Macro(Arc<Macro>),
    Namespace(Arc<Mutex<HashMap<Arc<str>, Val>>>),
    Loop(Arc<Loop>),
    Hosts(Arc<dyn Hosts>),
    Vars(Arc<Scope>),
}

/// The items of a list or tuple, and how deep they are nested.
pub(super) struct Seq {
    pub(super) items: Vec<Val>,
    depth: u16,
    /// Whether it is a pair made by `groupby`, whose parts have names.
    pub(super) is_group: bool,
}

/// `range(start, stop, step)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) start: i128,
    pub(super) step: i128,
    pub(super) count: usize,
}

impl Steps {
    pub(super) fn contains(self, i: i128) -> bool {
        let offset = i - self.start;
        offset % self.step == 0 && (0..self.count as i128).contains(&(offset / self.step))
    }

    pub(super) fn values(self) -> impl Iterator<Item = Val> {
        (0..self.count as i128).map(move |i| Val::Int(self.start + i * self.step))
    }
}

/// A method together with the value it belongs to.
pub(super) struct Method {
    pub(super) owner: Val,
    pub(super) name: Arc<str>,
}

/// A template in a variable, with the variables it may use.
pub(super) struct Deferred {
    pub(super) text: Arc<str>,
    pub(super) scope: Arc<Scope>,
    pub(super) via: Arc<str>,
    pub(super) done: OnceLock<Val>,
}

/// What may be a key of a dictionary; equal numbers are the same key, as in Python.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    None,
    Int(i128),
    Float(u64),
    Str(Arc<str>),
    Tuple(Vec<Key>),
}

impl Key {
    pub(super) fn of(value: &Val) -> Eval<Self> {
        Ok(match value {
            Val::None => Self::None,
            Val::Bool(b) => Self::Int(i128::from(*b)),
            Val::Int(i) => Self::Int(*i),
            Val::Float(f) => float_key(*f),
            Val::Str(s) => Self::Str(s.clone()),
            Val::Tuple(t) => Self::Tuple(t.items.iter().map(Self::of).collect::<Eval<_>>()?),
            Val::Marker(error) => return Err((**error).clone()),
            other => return Err(type_error(format!("unhashable type: `{}`", other.type_name()))),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "only whole floats within range are turned into integers"
)]
fn float_key(f: f64) -> Key {
    if f.fract() == 0.0 && f.abs() < 1e38 { Key::Int(f as i128) } else { Key::Float(f.to_bits()) }
}

/// A dictionary in the order of insertion.
#[derive(Default)]
pub(super) struct Dict {
    entries: Vec<(Val, Val)>,
    index: HashMap<Key, usize>,
    depth: u16,
}

impl Dict {
    pub(super) fn insert(&mut self, key: Val, value: Val) -> Eval<()> {
        self.depth = self.depth.max(value.depth());
        if let Some(&at) = self.index.get(&Key::of(&key)?) {
            self.entries[at].1 = value;
        } else {
            self.index.insert(Key::of(&key)?, self.entries.len());
            self.entries.push((key, value));
        }
        Ok(())
    }

    fn insert_key(&mut self, key: JsonKey<'_>, value: Val) {
        let key = match key {
            JsonKey::Text(text) => return self.insert_str(text, value),
            JsonKey::Null => Val::None,
            JsonKey::Bool(b) => Val::Bool(b),
            JsonKey::Int(i) => Val::Int(i),
            JsonKey::Float(f) => Val::Float(f),
        };
        // Each of these can be a key.
        _ = self.insert(key, value);
    }

    pub(super) fn insert_str(&mut self, key: &str, value: Val) {
        let key: Arc<str> = key.into();
        self.depth = self.depth.max(value.depth());
        if let Some(&at) = self.index.get(&Key::Str(key.clone())) {
            self.entries[at].1 = value;
        } else {
            self.index.insert(Key::Str(key.clone()), self.entries.len());
            self.entries.push((Val::Str(key), value));
        }
    }

    pub(super) fn get(&self, key: &Val) -> Eval<Option<&Val>> {
        Ok(self.index.get(&Key::of(key)?).map(|&at| &self.entries[at].1))
    }

    pub(super) fn get_str(&self, key: &str) -> Option<&Val> {
        self.index.get(&Key::Str(key.into())).map(|&at| &self.entries[at].1)
    }

    pub(super) fn get_mut(&mut self, key: &Val) -> Eval<Option<&mut Val>> {
        Ok(self.index.get(&Key::of(key)?).map(|&at| &mut self.entries[at].1))
    }

    /// Takes an entry out; those behind it keep their order.
    pub(super) fn remove(&mut self, key: &Val) -> Eval<Option<Val>> {
        let Some(at) = self.index.remove(&Key::of(key)?) else { return Ok(None) };
        self.index.values_mut().filter(|place| **place > at).for_each(|place| *place -= 1);
        Ok(Some(self.entries.remove(at).1))
    }

    /// Takes note of how deep one of its values is by now.
    pub(super) fn deepen(&mut self, depth: u16) {
        self.depth = self.depth.max(depth);
    }

    pub(super) fn entries(&self) -> &[(Val, Val)] {
        &self.entries
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Val> {
        self.entries.iter().map(|(key, _)| key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Val> {
        self.entries.iter().map(|(_, value)| value)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Val {
    pub(super) fn str(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(Seq::new(items)))
    }

    pub(super) fn tuple(items: Vec<Self>) -> Self {
        Self::Tuple(Arc::new(Seq::new(items)))
    }

    /// A pair made by `groupby`.
    pub(super) fn group(key: Self, items: Vec<Self>) -> Self {
        Self::Tuple(Arc::new(Seq { is_group: true, ..Seq::new(vec![key, Self::list(items)]) }))
    }

    pub(super) fn dict(dict: Dict) -> Self {
        Self::Dict(Arc::new(dict))
    }

    pub(super) fn int(count: usize) -> Self {
        Self::Int(count as i128)
    }

    pub(super) fn marker(error: TemplateError) -> Self {
        Self::Marker(Arc::new(error))
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// The value, unless it is an error in waiting.
    pub(super) fn usable(self) -> Eval<Self> {
        match self {
            Self::Marker(error) => Err((*error).clone()),
            other => Ok(other),
        }
    }

    pub(super) fn depth(&self) -> u16 {
        match self {
            Self::List(seq) | Self::Tuple(seq) => seq.depth.saturating_add(1),
            Self::Dict(dict) => dict.depth.saturating_add(1),
            _ => 0,
        }
    }

    /// Python's name of the value's type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Absent | Self::Marker(_) => "Undefined",
            Self::Omit => "Omit",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Str(_) | Self::Deferred(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) | Self::Object(Object::Hosts(_) | Object::Vars(_)) => "dict",
            Self::Range(_) => "range",
            Self::Object(Object::Function(_) | Object::Method(_)) => "function",
            Self::Object(Object::Macro(_)) => "Macro",
            Self::Object(Object::Namespace(_)) => "Namespace",
            Self::Object(Object::Loop(_)) => "LoopContext",
        }
    }

    /// Data as a value whose text is never a template. Keys that are no text are marked, as by [`Val::to_json`].
    pub(super) fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::None,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => number(n),
            Json::String(s) => Self::str(s.as_str()),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(map) => {
                let mut dict = Dict::default();
                for (key, value) in map {
                    dict.insert_key(JsonKey::of(key), Self::from_json(value));
                }
                Self::dict(dict)
            }
        }
    }

    /// The value as data: what is undefined raises its error, what is omitted is left out, keys that are no text are marked
    /// ([`crate::keys`]).
    pub(super) fn to_json(&self, budget: &Budget) -> Eval<Json> {
        budget.work(1)?;
        Ok(match self {
            Self::None => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Int(i) => json_int(*i)?,
            Self::Float(f) => json_float(*f)?,
            Self::Str(s) => {
                budget.text(s.len())?;
                Json::String(s.to_string())
            }
            Self::List(seq) | Self::Tuple(seq) => {
                budget.items(seq.items.len())?;
                let kept = seq.items.iter().filter(|item| !matches!(item, Self::Omit));
                Json::Array(kept.map(|item| item.to_json(budget)).collect::<Eval<_>>()?)
            }
            Self::Dict(dict) => {
                budget.items(dict.len())?;
                json_object(dict, budget)?
            }
            Self::Marker(error) => return Err((**error).clone()),
            other => {
                return Err(type_error(format!(
                    "a value of type `{}` cannot be a result; {}",
                    other.type_name(),
                    other.remedy()
                )));
            }
        })
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Absent => "give the inline `if` an `else`",
            Self::Range(_) => "append `| list`",
            Self::Object(Object::Function(_) | Object::Method(_) | Object::Macro(_)) => "call it with `()`",
            _ => "use one of its parts",
        }
    }
}

impl Seq {
    fn new(items: Vec<Val>) -> Self {
        let depth = items.iter().map(Val::depth).max().unwrap_or(0);
        Self { items, depth, is_group: false }
    }

    /// Takes note of how deep one of its items is by now.
    pub(super) fn deepen(&mut self, depth: u16) {
        self.depth = self.depth.max(depth);
    }
}

fn number(n: &serde_json::Number) -> Val {
    n.as_i64()
        .map(i128::from)
        .or_else(|| n.as_u64().map(i128::from))
        .map_or_else(|| Val::Float(n.as_f64().unwrap_or(f64::NAN)), Val::Int)
}

fn json_int(i: i128) -> Eval<Json> {
    i64::try_from(i)
        .map(Json::from)
        .or_else(|_| u64::try_from(i).map(Json::from))
        .map_err(|_| type_error(format!("the integer `{i}` does not fit 64 bits")))
}

fn json_float(f: f64) -> Eval<Json> {
    serde_json::Number::from_f64(f)
        .map(Json::Number)
        .ok_or_else(|| type_error(format!("the number `{f}` cannot be data; only finite numbers can")))
}

fn json_object(dict: &Dict, budget: &Budget) -> Eval<Json> {
    let mut map = serde_json::Map::new();
    for (key, value) in dict.entries() {
        if matches!(value, Val::Omit) {
            continue;
        }
        let name = json_key(key)?;
        let kind = match key {
            Val::None => JsonKey::Null,
            Val::Bool(b) => JsonKey::Bool(*b),
            Val::Int(i) => JsonKey::Int(*i),
            Val::Float(f) => JsonKey::Float(*f),
            _ => JsonKey::Text(&name),
        };
        map.insert(kind.marked(&name), value.to_json(budget)?);
    }
    Ok(Json::Object(map))
}

/// A key as JSON writes it: numbers, booleans and null by their JSON names.
pub(super) fn json_key(key: &Val) -> Eval<String> {
    Ok(match key {
        Val::Str(s) => s.to_string(),
        Val::Int(i) => i.to_string(),
        Val::Bool(b) => b.to_string(),
        Val::None => "null".to_owned(),
        Val::Float(f) => super::text::float(*f),
        other => {
            return Err(type_error(format!("a key of type `{}` cannot be data", other.type_name())));
        }
    })
}

impl fmt::Debug for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}
