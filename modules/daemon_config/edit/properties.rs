//! Properties that hold for every text and every edit.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Writes a value with white space and escapes as the noise says.
struct Writer<'a> {
    noise: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    out: String,
}

impl Writer<'_> {
    fn pick<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        let noise = usize::from(*self.noise.next().expect("noise without end"));
        choices[noise % choices.len()]
    }

    fn blank(&mut self) {
        let blank = self.pick(&["", "", "", " ", " ", "\n  ", "\n    ", "\r\n\t", "\t", "\n\n", "\r", "  "]);
        self.out.push_str(blank);
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match self.pick(&["plain", "plain", "plain", "escaped"]) {
                "escaped" if (c as u32) < 0x10000 => {
                    write!(self.out, "\\u{:04x}", c as u32).expect("a string takes it");
                }
                _ if c == '/' => self.out.push_str("\\/"),
                _ => {
                    let quoted = Value::String(c.to_string()).to_string();
                    self.out.push_str(&quoted[1..quoted.len() - 1]);
                }
            }
        }
        self.out.push('"');
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Array(items) => self.all(['[', ']'], items.iter(), Writer::value),
            Value::Object(members) => self.all(['{', '}'], members.iter(), |writer, (key, value)| {
                writer.string(key);
                writer.blank();
                writer.out.push(':');
                writer.blank();
                writer.value(value);
            }),
            Value::String(text) => self.string(text),
            other => self.out.push_str(&other.to_string()),
        }
    }

    fn all<T>(&mut self, [open, close]: [char; 2], parts: impl Iterator<Item = T>, each: fn(&mut Self, T)) {
        self.out.push(open);
        self.blank();
        for (i, part) in parts.enumerate() {
            if i > 0 {
                self.blank();
                self.out.push(',');
                self.blank();
            }
            each(self, part);
        }
        self.blank();
        self.out.push(close);
    }
}

fn written(value: &Value, noise: &[u8]) -> String {
    let mut writer = Writer { noise: noise.iter().cycle(), out: String::new() };
    writer.blank();
    writer.value(value);
    writer.blank();
    writer.out
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        item(),
    ]
}

/// Few enough that lists share items.
fn item() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => prop::sample::select(vec!["a", "b:5000", "c/d", "é😀", "", "x\"\\y\n"]).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ]
}

fn list() -> impl Strategy<Value = Value> {
    prop::collection::vec(item(), 0..5).prop_map(Value::from)
}

/// Keys whose first letter says what they hold, so that edits meet values of their own type.
fn mapping(depth: u32) -> BoxedStrategy<Value> {
    let lists = prop::sample::select(vec!["lists", "insecure-registries", "l2"]);
    let member = prop_oneof![
        (prop::sample::select(vec!["s1", "s2", "sé"]), scalar()),
        (lists, list()),
        (
            prop::sample::select(vec!["m1", "m2"]),
            if depth == 0 { Just(json!({})).boxed() } else { mapping(depth - 1) }
        ),
    ];
    prop::collection::vec(member, 0..6)
        .prop_map(|members| members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        .boxed()
}

/// What to remove: some of the keys of a mapping wholly, some of their items.
fn removal(value: &Value, noise: &mut dyn Iterator<Item = u8>) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        let unwanted = match (noise.next().unwrap_or(0) % 4, value) {
            (0, _) => Value::Null,
            (1 | 2, Value::Array(items)) => items
                .iter()
                .filter(|_| noise.next().unwrap_or(0).is_multiple_of(2))
                .cloned()
                .collect::<Vec<_>>()
                .into(),
            (1 | 2, Value::Object(_)) => removal(value, noise).into(),
            _ => continue,
        };
        out.insert(key.clone(), unwanted);
    }
    out
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no mapping"),
    }
}

/// The text of each member at the top, and what stands before and after the mapping.
fn raw(text: &str) -> (Vec<(String, String)>, String, String) {
    let (_, root) = syntax::parse(text.as_bytes()).expect("JSON");
    let Kind::Mapping(members) = &root.kind else { panic!("a mapping") };
    let members = members.iter().map(|member| (member.key.clone(), text[member.span()].to_owned())).collect();
    (members, text[..root.span.start].to_owned(), text[root.span.end..].to_owned())
}

fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn untouched_members_keep_their_bytes_and_their_order(
        before in mapping(2), want in mapping(2), noise in prop::collection::vec(any::<u8>(), 64), exact: bool,
    ) {
        let text = written(&before, &noise);
        let lists = if exact { Lists::Exact } else { Lists::Union };
        let mut unwanted = removal(&before, &mut noise.iter().copied());
        unwanted.retain(|key, _| want.get(key).is_none());
        let edit = Edit { merge: object(want), lists, remove: unwanted };
        let edited = apply(Some(text.as_bytes()), &edit).expect("an edit");
        let after = String::from_utf8(edited.text.clone()).expect("UTF-8");
        let touched = |key: &str| edit.merge.contains_key(key) || edit.remove.contains_key(key);
        let (old, start, end) = raw(&text);
        let (new, new_start, new_end) = raw(&after);
        prop_assert_eq!((start, end), (new_start, new_end));
        let only = |members: Vec<(String, String)>| -> Vec<(String, String)> {
            members.into_iter().filter(|(key, _)| !touched(key)).collect()
        };
        prop_assert_eq!(only(old), only(new));
        prop_assert_eq!(read(&edited.text).expect("JSON"), edited.value);
        let again = apply(Some(&edited.text), &edit).expect("a second edit");
        prop_assert!(!again.changed && again.text == edited.text);
    }

    #[test]
    fn what_is_wanted_is_there_and_what_is_not_is_gone(
        before in mapping(1), want in mapping(1), noise in prop::collection::vec(any::<u8>(), 64),
    ) {
        let text = written(&before, &noise);
        let edited = apply(Some(text.as_bytes()), &Edit { merge: object(want.clone()), ..Edit::default() });
        let value = edited.expect("an edit").value;
        for (key, wanted) in want.as_object().expect("a mapping") {
            match wanted {
                Value::Array(items) => {
                    let old = before.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
                    let new = value[key].as_array().expect("a list");
                    prop_assert_eq!(&new[..old.len()], &old[..]);
                    prop_assert!(items.iter().all(|item| new.contains(item)));
                }
                Value::Object(inner) => {
                    prop_assert!(inner.iter().filter(|(_, v)| !v.is_array()).all(|(k, v)| v.is_object() || &value[key][k] == v));
                }
                scalar => prop_assert_eq!(&value[key], scalar),
            }
        }
        let unwanted = removal(&before, &mut noise.iter().copied());
        let edited = apply(Some(text.as_bytes()), &Edit { remove: unwanted.clone(), ..Edit::default() });
        let value = edited.expect("an edit").value;
        for (key, unwanted) in &unwanted {
            match unwanted {
                Value::Null => prop_assert!(value.get(key).is_none()),
                Value::Array(items) => {
                    let left = value[key].as_array().expect("a list");
                    prop_assert!(left.iter().all(|item| !items.contains(item)));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn one_new_item_is_one_insertion(before in mapping(2), noise in prop::collection::vec(any::<u8>(), 64)) {
        let text = written(&before, &noise);
        let merge = object(json!({"insecure-registries": ["new.example:5000"]}));
        let edited = apply(Some(text.as_bytes()), &Edit { merge, ..Edit::default() }).expect("an edit");
        let old = text.as_bytes();
        let filled = before.as_object().is_some_and(|map| !map.is_empty())
            && before.get("insecure-registries") != Some(&json!([]));
        if filled {
            let prefix = shared(old, &edited.text);
            let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<_>>();
            let suffix = shared(&reversed(old), &reversed(&edited.text));
            prop_assert!(prefix + suffix >= old.len());
        }
    }

    #[test]
    fn an_edit_of_nothing_changes_nothing(before in mapping(2), noise in prop::collection::vec(any::<u8>(), 64)) {
        let text = written(&before, &noise);
        let edited = apply(Some(text.as_bytes()), &Edit::default()).expect("an edit");
        prop_assert!(!edited.changed && edited.text == text.as_bytes());
        prop_assert_eq!(&edited.value, &before);
        let same = Edit { merge: object(before), ..Edit::default() };
        // A union with itself adds nothing, unless a list of the file repeats an item.
        prop_assert!(!apply(Some(text.as_bytes()), &same).expect("an edit").changed);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in prop::collection::vec(any::<u8>(), 0..64), json in "[\\[\\]{}\":,\\\\ u0d8a1e.\\-tr\n]{0,40}") {
        let edit = Edit { merge: object(json!({"dns": ["1.1.1.1"]})), ..Edit::default() };
        for text in [text.as_slice(), json.as_bytes()] {
            let ours = strict_json(text).ok();
            if let Some(ours) = ours {
                prop_assert_eq!(Some(ours), serde_json::from_slice::<Value>(text).ok());
            }
            let _ = apply(Some(text), &edit);
        }
    }

    #[test]
    fn what_serde_json_reads_we_read(json in "[\\[\\]{}\":,\\\\ u0d8a1e.\\-tr\n]{0,12}") {
        prop_assert_eq!(strict_json(json.as_bytes()).is_ok(), serde_json::from_str::<Value>(&json).is_ok());
    }
}
