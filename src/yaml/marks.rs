//! What JSON has in the place of YAML's tags: `{"__ansible_unsafe": TEXT}` and `{"__ansible_vault": TEXT}`.

use super::{Node, Style, Text, Value};

/// The tree with the marks resolved.
pub(super) fn resolved(node: Node) -> Node {
    let value = match node.value {
        Value::Seq(items) => Value::Seq(items.into_iter().map(resolved).collect()),
        Value::Map(entries) => marked(&entries).unwrap_or_else(|| {
            Value::Map(entries.into_iter().map(|(key, value)| (key, resolved(value))).collect())
        }),
        other => other,
    };
    Node { value, ..node }
}

fn marked(entries: &[(Node, Node)]) -> Option<Value> {
    let [(key, value)] = entries else { return None };
    let text = value.as_str()?.into();
    match key.as_str()? {
        "__ansible_unsafe" => Some(Value::String(Text { text, style: Style::DoubleQuoted, literal: true })),
        "__ansible_vault" => Some(Value::Vault(text)),
        _ => None,
    }
}
