//! Mappings: keys once, and `<<`.

use std::collections::HashMap;

use super::{Key, Node, Problem, Problems, Style, Value};

type Entry = (Node, Node);

/// Checks the keys of a mapping and unfolds its `<<`: what is merged comes first, what is written here wins.
pub(super) fn entries(written: Vec<Entry>, problems: &mut Problems) -> Vec<Entry> {
    let mut keys: HashMap<Key, usize> = HashMap::with_capacity(written.len());
    let mut own: Vec<Entry> = Vec::with_capacity(written.len());
    let mut merged = None;
    for (key, value) in written {
        if is_merge(&key) {
            if merged.replace(value).is_some() {
                problems.push(duplicate(&key, None));
            }
            continue;
        }
        let Some(identity) = key.key() else {
            problems.push(unhashable(&key));
            continue;
        };
        if let Some(&first) = keys.get(&identity) {
            if !problems.is_full() {
                problems.push(duplicate(&key, own.get(first).map(|(key, _)| key)));
            }
            continue;
        }
        keys.insert(identity, own.len());
        own.push((key, value));
    }
    match merged {
        Some(value) => over(mappings(value, problems), own),
        None => own,
    }
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.value, Value::String(text) if text.style == Style::Plain && &*text.text == "<<")
}

/// The entries that a `<<` brings in, in the order in which they are named.
fn mappings(value: Node, problems: &mut Problems) -> Vec<Vec<Entry>> {
    match value.value {
        Value::Map(entries) => vec![entries],
        Value::Seq(items) => items.into_iter().filter_map(|item| mapping(item, problems)).collect(),
        _ => mapping(value, problems).into_iter().collect(),
    }
}

fn mapping(node: Node, problems: &mut Problems) -> Option<Vec<Entry>> {
    if let Value::Map(entries) = node.value {
        return Some(entries);
    }
    let message = format!("`<<` merges mappings, and this is {}", node.kind());
    problems.push(Problem::new(message, node.place()).help("refer to an anchored mapping: `<<: *name`"));
    None
}

/// Lays the entries over what is merged: of several mappings the first wins, and what is
/// written here wins over all. A key keeps its first position.
fn over(layers: Vec<Vec<Entry>>, own: Vec<Entry>) -> Vec<Entry> {
    let mut positions: HashMap<Key, usize> = HashMap::new();
    let mut result: Vec<Entry> = Vec::new();
    let merged = layers.into_iter().flatten().map(|entry| (entry, false));
    for ((key, value), wins) in merged.chain(own.into_iter().map(|entry| (entry, true))) {
        let Some(identity) = key.key() else { continue };
        if let Some(&position) = positions.get(&identity) {
            if !wins {
                continue;
            }
            let entry = &mut result[position];
            entry.1 = value;
            // Of keys that are equal and written differently, such as `1` and `1.0`, the first stays.
            if entry.0.key_text() == key.key_text() {
                entry.0 = key;
            }
        } else {
            positions.insert(identity, result.len());
            result.push((key, value));
        }
    }
    result
}

fn unhashable(key: &Node) -> Problem {
    let problem = Problem::new(format!("{} cannot be the key of a mapping", key.kind()), key.place());
    if key.written().starts_with('{') {
        problem.label("braces begin a mapping").help("put the template in quotes: `\"{{ … }}\"`")
    } else {
        problem
    }
}

fn duplicate(key: &Node, first: Option<&Node>) -> Problem {
    let problem = Problem::new(format!("the key `{}` is written twice", key.written()), key.place())
        .label("again here");
    match first {
        Some(first) => problem
            .help(format!("it first stands in line {}; remove one of them", first.place().line_column().0)),
        None => problem.help("merge several mappings with one `<<: [*first, *second]`"),
    }
}
