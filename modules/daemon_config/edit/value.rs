//! What an edit makes of a value: the expectation that the edited text is held against.

use serde_json::{Map, Value};

use super::{EditError, Lists};

pub(crate) fn join(path: &[String]) -> String {
    if path.is_empty() { "the file".to_owned() } else { path.join(".") }
}

pub(crate) fn child(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

/// What a value is, for a message.
pub(crate) fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// `merge` without nulls and, for a union, without repeated items.
pub(crate) fn prepare(
    merge: &Map<String, Value>,
    lists: Lists,
    path: &[String],
) -> Result<Map<String, Value>, EditError> {
    let prepared = merge.iter().map(|(key, value)| {
        let path = child(path, key);
        let value = match value {
            Value::Null => return Err(EditError::NullInMerge(join(&path))),
            Value::Object(inner) => Value::Object(prepare(inner, lists, &path)?),
            Value::Array(items) if lists == Lists::Union => Value::Array(missing(&[], items)),
            other => other.clone(),
        };
        Ok((key.clone(), value))
    });
    prepared.collect()
}

/// The items of `wanted` that are not among `present`, each once.
pub(crate) fn missing(present: &[Value], wanted: &[Value]) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for item in wanted {
        if !present.contains(item) && !out.contains(item) {
            out.push(item.clone());
        }
    }
    out
}

pub(crate) fn merge(into: &mut Map<String, Value>, want: &Map<String, Value>, lists: Lists) {
    for (key, wanted) in want {
        match (into.get_mut(key), wanted) {
            (Some(Value::Object(inner)), Value::Object(wanted)) => merge(inner, wanted, lists),
            (Some(Value::Array(items)), Value::Array(wanted)) if lists == Lists::Union => {
                let new = missing(items, wanted);
                items.extend(new);
            }
            _ => {
                into.insert(key.clone(), wanted.clone());
            }
        }
    }
}

pub(crate) fn remove(from: &mut Map<String, Value>, unwanted: &Map<String, Value>) {
    for (key, unwanted) in unwanted {
        match (from.get_mut(key), unwanted) {
            (Some(_), Value::Null) => {
                from.shift_remove(key);
            }
            (Some(Value::Array(items)), Value::Array(unwanted)) => {
                items.retain(|item| !unwanted.contains(item));
            }
            (Some(Value::Object(inner)), Value::Object(unwanted)) => remove(inner, unwanted),
            _ => {}
        }
    }
}

/// The first key whose value differs.
pub(crate) fn difference(a: &Value, b: &Value, path: &[String]) -> Option<Vec<String>> {
    if a == b {
        return None;
    }
    let (Value::Object(left), Value::Object(right)) = (a, b) else { return Some(path.to_vec()) };
    let keys = left.keys().chain(right.keys());
    for key in keys {
        let path = child(path, key);
        match (left.get(key), right.get(key)) {
            (Some(a), Some(b)) => {
                if let Some(found) = difference(a, b, &path) {
                    return Some(found);
                }
            }
            _ => return Some(path),
        }
    }
    None
}
