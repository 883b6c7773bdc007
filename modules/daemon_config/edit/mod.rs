//! Edits of daemon.json as text: at the spans of what changes, every other byte as it was.
//!
//! The text is read by a strict reader that knows where each thing stands; `serde_json` reads it too, and
//! reads the edited text: it has to say the expected value, else the edit is refused.

mod fault;
mod layout;
mod patch;
mod syntax;
mod value;

use serde_json::{Map, Value};

use fault::Wrong;
pub use fault::{EditError, Fault, Place};
use layout::Layout;
use patch::Patches;
use syntax::{Kind, Node};

use super::rules::keys;

/// What becomes of a list that is there and a list that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lists {
    /// The items that are missing are appended, in order.
    #[default]
    Union,
    /// The list is made exactly the wanted one.
    Exact,
}

/// What is to change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edit {
    /// Merged into the file: mappings deeply, lists by `lists`, scalars replaced.
    pub merge: Map<String, Value>,
    /// How lists of `merge` meet lists of the file.
    pub lists: Lists,
    /// Removed from the file: null removes the key, a list removes those items, a mapping says so for the keys
    /// below. What is not there is no error.
    pub remove: Map<String, Value>,
}

/// The text after an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The whole text; the same bytes if nothing changed, none if there was no file and nothing is wanted.
    pub text: Vec<u8>,
    /// Whether the text differs.
    pub changed: bool,
    /// The lists that `remove` has emptied, by the keys that lead to them. They stand as `[]`, because dockerd
    /// keeps the old items on a reload when the key is absent; [`remove_key`] takes the key away afterwards.
    pub emptied_lists: Vec<Vec<String>>,
    /// Whether the file now holds `{}`, so that it could be removed.
    pub empty: bool,
    /// The value before; an absent file counts as `{}`.
    pub before: Value,
    /// The value of the text.
    pub value: Value,
}

struct Document<'a> {
    text: &'a str,
    root: Node,
    value: Map<String, Value>,
}

fn at(text: &[u8], wrong: Wrong) -> EditError {
    EditError::Text { place: Place::of(text, wrong.at), fault: wrong.fault }
}

/// Reads a JSON text strictly, whatever its root. Duplicate keys are let through, and the last one counts.
///
/// # Errors
/// With the place of what is not JSON.
pub fn strict_json(text: &[u8]) -> Result<Value, EditError> {
    let (text, root) = syntax::parse(text).map_err(|wrong| at(text, wrong))?;
    let mut value = serde_json::from_str(text).map_err(|error| EditError::CrossCheck(error.to_string()))?;
    whole_zeros(&mut value, &root, text);
    Ok(value)
}

/// `-0` is a whole number to dockerd, and `-0.0` is none; `serde_json` reads both as the second.
fn whole_zeros(value: &mut Value, node: &syntax::Node, text: &str) {
    match (&node.kind, value) {
        (syntax::Kind::Scalar, value) if &text[node.span.clone()] == "-0" => *value = 0.into(),
        (syntax::Kind::List(items), Value::Array(values)) => {
            items.iter().zip(values).for_each(|(item, value)| whole_zeros(value, item, text));
        }
        (syntax::Kind::Mapping(members), Value::Object(values)) => {
            for member in members {
                if let Some(value) = values.get_mut(&member.key) {
                    whole_zeros(value, &member.value, text);
                }
            }
        }
        _ => {}
    }
}

/// Reads a daemon.json as [`apply`] does, with all that it refuses whatever the edit.
///
/// # Errors
/// With the place of the fault.
pub fn read(text: &[u8]) -> Result<Value, EditError> {
    Document::read(text).map(|document| Value::Object(document.value))
}

impl<'a> Document<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, EditError> {
        let value = strict_json(bytes)?;
        let (text, root) = syntax::parse(bytes).map_err(|wrong| at(bytes, wrong))?;
        let Value::Object(value) = value else {
            let fault = if value.is_null() { Fault::NullRoot } else { Fault::Root(value::noun(&value)) };
            return Err(at(bytes, Wrong { at: root.span.start, fault }));
        };
        match syntax::duplicate(bytes, &root).or_else(|| wrong_case(&root)) {
            Some(wrong) => Err(at(bytes, wrong)),
            None => Ok(Self { text, root, value }),
        }
    }

    /// Makes the patches of one step and reads the text that they give.
    fn patched(&self, step: impl FnOnce(&mut Patches) -> Result<(), Wrong>) -> Result<Patched, EditError> {
        let mut patches = Patches::new(self.text, &self.root);
        step(&mut patches).map_err(|wrong| at(self.text.as_bytes(), wrong))?;
        let emptied = std::mem::take(&mut patches.emptied);
        Ok(Patched { text: patches.splice(), emptied })
    }
}

struct Patched {
    text: String,
    emptied: Vec<Vec<String>>,
}

fn wrong_case(root: &Node) -> Option<Wrong> {
    let Kind::Mapping(members) = &root.kind else { return None };
    members.iter().find_map(|member| {
        let known = keys::other_case(&member.key)?.to_owned();
        Some(Wrong { at: member.key_span.start, fault: Fault::WrongCase { key: member.key.clone(), known } })
    })
}

/// Applies an edit to the text of a daemon.json, or to an absent one. An empty file is refused, as older
/// engines do; a caller who wants it treated as absent passes `None`.
///
/// # Errors
/// When the text has a fault or cannot take the edit, or the edit contradicts itself. Nothing is half done.
pub fn apply(text: Option<&[u8]>, edit: &Edit) -> Result<Edited, EditError> {
    let merge = value::prepare(&edit.merge, edit.lists, &[])?;
    check_remove(&edit.remove, &[])?;
    let mut edited = match text {
        Some(text) => patch(text, &merge, edit)?,
        None => fresh(merge.clone(), edit)?,
    };
    contradiction(&edited.value, &merge, edit)?;
    cross_check(&mut edited)?;
    Ok(edited)
}

fn patch(bytes: &[u8], merge: &Map<String, Value>, edit: &Edit) -> Result<Edited, EditError> {
    let document = Document::read(bytes)?;
    let merged = document.patched(|patches| patches.merge(&document.value, merge, edit.lists))?.text;
    let between = Document::read(merged.as_bytes())?;
    let removed = between.patched(|patches| patches.remove(&between.value, &edit.remove))?;
    let mut value = document.value.clone();
    value::merge(&mut value, merge, edit.lists);
    value::remove(&mut value, &edit.remove);
    let text = removed.text.into_bytes();
    Ok(Edited {
        changed: text != bytes,
        text,
        emptied_lists: removed.emptied,
        empty: value.is_empty(),
        before: Value::Object(document.value),
        value: Value::Object(value),
    })
}

fn fresh(mut value: Map<String, Value>, edit: &Edit) -> Result<Edited, EditError> {
    value::remove(&mut value, &edit.remove);
    let empty = value.is_empty();
    let value = Value::Object(value);
    let text =
        if empty { Vec::new() } else { format!("{}\n", Layout::default().value(&value, "")).into_bytes() };
    if !empty {
        read(&text)?;
    }
    let before = Value::Object(Map::new());
    Ok(Edited { changed: !empty, text, emptied_lists: Vec::new(), empty, before, value })
}

/// Takes one key away: the second of two steps, after the daemon has taken its emptied list.
///
/// # Errors
/// When the text has a fault.
pub fn remove_key(text: &[u8], path: &[String]) -> Result<Edited, EditError> {
    let unwanted = path
        .iter()
        .rev()
        .fold(Value::Null, |below, key| Value::Object(Map::from_iter([(key.clone(), below)])));
    let Value::Object(remove) = unwanted else {
        return Err(EditError::BadRemove { path: value::join(path), found: "no key" });
    };
    apply(Some(text), &Edit { remove, ..Edit::default() })
}

fn check_remove(remove: &Map<String, Value>, path: &[String]) -> Result<(), EditError> {
    for (key, unwanted) in remove {
        let path = value::child(path, key);
        match unwanted {
            Value::Null | Value::Array(_) => {}
            Value::Object(inner) => check_remove(inner, &path)?,
            other => {
                return Err(EditError::BadRemove { path: value::join(&path), found: value::noun(other) });
            }
        }
    }
    Ok(())
}

/// A second application has to find nothing to do.
fn contradiction(value: &Value, merge: &Map<String, Value>, edit: &Edit) -> Result<(), EditError> {
    let mut again = value.as_object().cloned().unwrap_or_default();
    value::merge(&mut again, merge, edit.lists);
    value::remove(&mut again, &edit.remove);
    let mut merged = value.as_object().cloned().unwrap_or_default();
    value::merge(&mut merged, merge, edit.lists);
    let difference = value::difference(value, &Value::Object(merged), &[])
        .or_else(|| value::difference(value, &Value::Object(again), &[]));
    difference.map_or(Ok(()), |path| Err(EditError::Contradiction(value::join(&path))))
}

/// The edited text, read anew by both readers, has to say what was expected.
fn cross_check(edited: &mut Edited) -> Result<(), EditError> {
    if edited.text.is_empty() {
        return Ok(());
    }
    let found = read(&edited.text)?;
    match value::difference(&edited.value, &found, &[]) {
        None => {
            // The text's own order of keys.
            edited.value = found;
            Ok(())
        }
        Some(path) => Err(EditError::CrossCheck(format!("`{}` differs", value::join(&path)))),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
