//! The text edits that carry out an edit, at the spans of what they touch.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Lists;
use super::fault::{Fault, Wrong};
use super::layout::{Layout, line_indent};
use super::syntax::{Kind, Member, Node};
use super::value::{child, join, missing, noun};
use crate::daemon_config::rules::keys;

/// One replacement.
#[derive(Debug)]
struct Patch {
    span: Range<usize>,
    text: String,
}

/// A text as read, and the replacements gathered so far. They never overlap: each lies within one value, and a
/// mapping's own lie between its members.
pub(crate) struct Patches<'a> {
    text: &'a str,
    root: &'a Node,
    layout: Layout,
    made: Vec<Patch>,
    /// The lists that a removal has emptied.
    pub(crate) emptied: Vec<Vec<String>>,
}

type Patched = Result<(), Wrong>;

impl<'a> Patches<'a> {
    pub(crate) fn new(text: &'a str, root: &'a Node) -> Self {
        Self { text, root, layout: Layout::of(text, root), made: Vec::new(), emptied: Vec::new() }
    }

    /// The text with all replacements made.
    pub(crate) fn splice(mut self) -> String {
        self.made.sort_by_key(|patch| patch.span.start);
        let mut out = String::with_capacity(self.text.len());
        let mut at = 0;
        for patch in &self.made {
            out.push_str(&self.text[at..patch.span.start]);
            out.push_str(&patch.text);
            at = patch.span.end;
        }
        out.push_str(&self.text[at..]);
        out
    }

    fn put(&mut self, span: Range<usize>, text: String) {
        self.made.push(Patch { span, text });
    }

    pub(crate) fn merge(
        &mut self,
        value: &Map<String, Value>,
        want: &Map<String, Value>,
        lists: Lists,
    ) -> Patched {
        self.merge_mapping(self.root, value, want, lists, &[])
    }

    fn merge_mapping(
        &mut self,
        node: &Node,
        value: &Map<String, Value>,
        want: &Map<String, Value>,
        lists: Lists,
        path: &[String],
    ) -> Patched {
        let mut added = Map::new();
        for (key, wanted) in want {
            let path = child(path, key);
            if let Some((member, existing)) = find(node, value, key) {
                self.merge_value(&member.value, existing, wanted, lists, &path)?;
            } else {
                other_case(node, key)?;
                added.insert(key.clone(), wanted.clone());
            }
        }
        self.add_members(node, &added);
        Ok(())
    }

    fn merge_value(
        &mut self,
        node: &Node,
        value: &Value,
        wanted: &Value,
        lists: Lists,
        path: &[String],
    ) -> Patched {
        type_of_known_key(node, value, path)?;
        match (value, wanted) {
            _ if value == wanted => Ok(()),
            (Value::Object(value), Value::Object(want)) => self.merge_mapping(node, value, want, lists, path),
            (Value::Array(items), Value::Array(wanted)) => {
                match lists {
                    Lists::Union => self.append(node, &missing(items, wanted)),
                    Lists::Exact => self.exactly(node, items, wanted),
                }
                Ok(())
            }
            (Value::Array(_) | Value::Object(_), _) => wrong_type(node, value, noun(wanted), path),
            (Value::Null, _) | (_, Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                let indent = line_indent(self.text, node.span.start);
                let text = self.layout.value(wanted, indent);
                self.put(node.span.clone(), text);
                Ok(())
            }
            _ => wrong_type(node, value, noun(wanted), path),
        }
    }

    fn add_members(&mut self, node: &Node, added: &Map<String, Value>) {
        let parts = node.parts();
        if added.is_empty() {
            return;
        }
        let Some(last) = parts.last() else {
            let indent = line_indent(self.text, node.span.start);
            let text = self.layout.value(&Value::Object(added.clone()), indent);
            return self.put(node.span.clone(), text);
        };
        let separator = self.layout.separator(self.text, node);
        let indent = self.layout.indent_of_next(self.text, node);
        let members = added.iter().map(|(key, value)| self.layout.member(key, value, &indent));
        let text: Vec<String> = members.flat_map(|member| [separator.clone(), member]).collect();
        self.put(last.end..last.end, text.concat());
    }

    fn append(&mut self, node: &Node, new: &[Value]) {
        let parts = node.parts();
        if new.is_empty() {
            return;
        }
        let Some(last) = parts.last() else { return self.refill(node, new) };
        let text = self.items(node, new).concat();
        self.put(last.end..last.end, text);
    }

    fn refill(&mut self, node: &Node, items: &[Value]) {
        let text = self.layout.refill(self.text, &node.span, &Value::Array(items.to_vec()));
        self.put(node.span.clone(), text);
    }

    /// Each item with the separator that goes before it.
    fn items(&self, node: &Node, items: &[Value]) -> Vec<String> {
        let separator = self.layout.separator(self.text, node);
        let indent = self.layout.indent_of_next(self.text, node);
        items.iter().map(|item| format!("{separator}{}", self.layout.value(item, &indent))).collect()
    }

    fn exactly(&mut self, node: &Node, items: &[Value], wanted: &[Value]) {
        if let Some(kept) = subsequence(items, wanted) {
            let new = &wanted[kept.len()..];
            if new.is_empty() {
                return self.keep(node, &kept);
            }
            if kept.len() == items.len() {
                return self.append(node, new);
            }
        }
        self.rebuild(node, items, wanted);
    }

    /// Takes the list apart and puts it together anew, with the text of the items that stay.
    fn rebuild(&mut self, node: &Node, items: &[Value], wanted: &[Value]) {
        let parts = node.parts();
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            return self.refill(node, wanted);
        };
        let separator = self.layout.separator(self.text, node);
        let indent = self.layout.indent_of_next(self.text, node);
        let texts: Vec<String> = wanted
            .iter()
            .map(|item| match items.iter().position(|old| old == item) {
                Some(i) => self.text[parts[i].clone()].to_owned(),
                None => self.layout.value(item, &indent),
            })
            .collect();
        let span = first.start..last.end;
        self.put(span, texts.join(&separator));
    }

    /// Removes all parts but those with these indices.
    fn keep(&mut self, node: &Node, kept: &[usize]) {
        let parts = node.parts();
        if kept.len() == parts.len() {
            return;
        }
        let (Some(_), Some(&last)) = (kept.first(), kept.last()) else {
            return self.put(node.span.start + 1..node.span.end - 1, String::new());
        };
        let mut from = 0;
        for &i in kept {
            if i > from {
                self.put(parts[from].start..parts[i].start, String::new());
            }
            from = i + 1;
        }
        if last + 1 < parts.len() {
            self.put(parts[last].end..parts[parts.len() - 1].end, String::new());
        }
    }

    pub(crate) fn remove(&mut self, value: &Map<String, Value>, unwanted: &Map<String, Value>) -> Patched {
        self.remove_from(self.root, value, unwanted, &[])
    }

    fn remove_from(
        &mut self,
        node: &Node,
        value: &Map<String, Value>,
        unwanted: &Map<String, Value>,
        path: &[String],
    ) -> Patched {
        let Kind::Mapping(members) = &node.kind else { return Ok(()) };
        let mut kept = Vec::new();
        for (i, member) in members.iter().enumerate() {
            let (Some(unwanted), Some(existing)) = (unwanted.get(&member.key), value.get(&member.key)) else {
                kept.push(i);
                continue;
            };
            if unwanted.is_null() {
                continue;
            }
            kept.push(i);
            self.remove_within(&member.value, existing, unwanted, &child(path, &member.key))?;
        }
        self.keep(node, &kept);
        Ok(())
    }

    fn remove_within(&mut self, node: &Node, value: &Value, unwanted: &Value, path: &[String]) -> Patched {
        type_of_known_key(node, value, path)?;
        match (value, unwanted) {
            (Value::Object(value), Value::Object(unwanted)) => self.remove_from(node, value, unwanted, path),
            (Value::Array(items), Value::Array(unwanted)) => {
                let kept: Vec<usize> = (0..items.len()).filter(|&i| !unwanted.contains(&items[i])).collect();
                if kept.is_empty() && !items.is_empty() {
                    self.emptied.push(path.to_vec());
                }
                self.keep(node, &kept);
                Ok(())
            }
            (Value::Null, _) => Ok(()),
            _ => wrong_type(node, value, noun(unwanted), path),
        }
    }
}

/// The indices of `items` that `wanted` begins with, in order: all that stay, if nothing has to move.
fn subsequence(items: &[Value], wanted: &[Value]) -> Option<Vec<usize>> {
    let mut kept = Vec::new();
    for (i, item) in items.iter().enumerate() {
        if wanted.get(kept.len()) == Some(item) {
            kept.push(i);
        }
    }
    let moved = wanted[kept.len()..].iter().any(|item| items.contains(item));
    (!moved).then_some(kept)
}

fn find<'n, 'v>(node: &'n Node, value: &'v Map<String, Value>, key: &str) -> Option<(&'n Member, &'v Value)> {
    let Kind::Mapping(members) = &node.kind else { return None };
    let member = members.iter().find(|member| member.key == key)?;
    Some((member, value.get(key)?))
}

/// Go reads the keys of nested structures without regard to case, so one more in another case would count twice.
fn other_case(node: &Node, key: &str) -> Patched {
    let Kind::Mapping(members) = &node.kind else { return Ok(()) };
    let same = |member: &&Member| member.key.to_lowercase() == key.to_lowercase();
    members.iter().find(same).map_or(Ok(()), |member| {
        let fault = Fault::WrongCase { key: member.key.clone(), known: key.to_owned() };
        Err(Wrong { at: member.key_span.start, fault })
    })
}

fn type_of_known_key(node: &Node, value: &Value, path: &[String]) -> Patched {
    let [key] = path else { return Ok(()) };
    match keys::find(key) {
        Some(known) if !known.kind.takes(value) => wrong_type(node, value, known.kind.noun(), path),
        _ => Ok(()),
    }
}

fn wrong_type(node: &Node, found: &Value, wanted: &'static str, path: &[String]) -> Patched {
    let fault = Fault::WrongType { path: join(path), found: noun(found), wanted };
    Err(Wrong { at: node.span.start, fault })
}
