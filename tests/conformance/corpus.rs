//! The corpus's inventories, patterns, templates and YAML values, counted for the table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dtrctl::inventory::{Inventory, Listing, Pattern};
use dtrctl::template::{NoLookups, Scope, Templater};
use dtrctl::yaml::{Node, Source, Style, Value, parse};
use serde_json::{Value as Json, json};

/// What came of the cases of one kind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counts {
    /// The same value, or an error on both sides.
    pub equal: usize,
    /// An error here, with a reason, and a value there.
    pub refused: usize,
    /// Another value.
    pub different: usize,
}

/// The kinds by name; none where no folder is named.
pub fn counted() -> Option<Vec<(&'static str, Counts)>> {
    let Some(folder) = std::env::var_os("DTRCTL_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: the corpus is not counted, because DTRCTL_CORPUS names no folder");
        return None;
    };
    Some(vec![
        ("inventories", inventories(&folder.join("inventories"))),
        ("patterns", patterns(&folder.join("patterns"))),
        ("templates", templates(&folder.join("templates/cases.json"))),
        ("YAML values", yaml_values(&folder.join("yaml_values/cases.json"))),
    ])
}

impl Counts {
    /// `None` is an error, on either side.
    fn count(&mut self, ours: Option<&Json>, theirs: Option<&Json>) {
        let count = match (ours, theirs) {
            (None, Some(_)) => &mut self.refused,
            _ if ours == theirs => &mut self.equal,
            _ => &mut self.different,
        };
        *count += 1;
    }
}

fn read(path: &Path) -> Json {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn list(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Json) -> &str {
    value.as_str().expect("a text")
}

fn inventories(folder: &Path) -> Counts {
    let mut counts = Counts::default();
    for case in list(&read(&folder.join("index.json"))) {
        let file = folder.join(text(&case["file"]));
        let ours = Inventory::load(&[file.to_str().unwrap()], None)
            .and_then(|inventory| inventory.to_list_json(&Listing::default()));
        let theirs = case["expected"].as_str().map(|expected| read(&folder.join(expected)));
        counts.count(ours.ok().as_ref(), theirs.as_ref());
    }
    counts
}

/// Hosts are compared as a set.
fn patterns(folder: &Path) -> Counts {
    let mut counts = Counts::default();
    let cases = read(&folder.join("cases.json"));
    for case in list(&cases["cases"]).chain(list(&cases["limit_cases"])) {
        let file = folder.join(text(&case["inventory"]));
        let inventory = Inventory::load(&[file.to_str().unwrap()], None).expect("the corpus's inventory");
        let mut theirs: Vec<&str> = list(&case["hosts"]).map(text).collect();
        theirs.sort_unstable();
        counts.count(select(&inventory, case).as_ref(), Some(&json!(theirs)));
    }
    counts
}

fn select(inventory: &Inventory, case: &Json) -> Option<Json> {
    let pattern = Pattern::from_argument("hosts", text(&case["pattern"])).ok()?;
    let selection = match case["limit"].as_str() {
        Some(limit) => {
            let limit = Pattern::from_limit(limit, || Ok(String::new())).ok()?;
            inventory.select_limited(&pattern, &limit).ok()?
        }
        None => inventory.select(&pattern).ok()?,
    };
    let mut hosts: Vec<String> = selection.hosts.iter().map(ToString::to_string).collect();
    hosts.sort();
    Some(json!(hosts))
}

fn templates(file: &Path) -> Counts {
    let yaml = |text: &str| serde_yaml::from_str(text).map_err(|error: serde_yaml::Error| error.to_string());
    let templater = Templater::new(Arc::new(NoLookups), yaml);
    let mut counts = Counts::default();
    for case in list(&read(file)["cases"]) {
        let mut scope = Scope::new();
        for (name, value) in case["vars"].as_object().into_iter().flatten() {
            scope.set_literal(name, value);
        }
        let ours = templater.render_value(&case["template"], &Arc::new(scope));
        counts.count(ours.ok().as_ref(), case.get("expected"));
    }
    counts
}

fn yaml_values(file: &Path) -> Counts {
    let mut counts = Counts::default();
    let cases = read(file);
    for case in list(&cases["scalars"]).chain(list(&cases["documents"])) {
        let root = parse(&Source::new("case.yml", text(&case["document"]))).ok();
        let node = root
            .as_ref()
            .and_then(|root| if case.get("scalar").is_some() { root.get("v") } else { Some(root) });
        let typed = |value: Json, kind: &str| json!({ "value": value, "type": kind });
        let theirs = case.get("error").is_none().then(|| {
            let kind = case.get("type").and_then(Json::as_str);
            typed(case["value"].clone(), kind.or_else(|| node.map(kind_of)).unwrap_or_default())
        });
        let ours = node.map(|node| typed(shown(node), kind_of(node)));
        counts.count(ours.as_ref(), theirs.as_ref());
    }
    counts
}

/// Infinite numbers as the corpus writes them.
fn shown(node: &Node) -> Json {
    match &node.value {
        Value::Float(value) if value.is_nan() => json!({"__float__": "nan"}),
        Value::Float(value) if value.is_infinite() => {
            json!({"__float__": if *value > 0.0 { "inf" } else { "-inf" }})
        }
        _ => node.to_json().unwrap(),
    }
}

/// The type's name on Ansible's side.
fn kind_of(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::String(text) if text.style == Style::Date => "_AnsibleTaggedDate",
        Value::String(_) => "str",
        Value::Seq(_) => "list",
        Value::Map(_) => "dict",
        Value::Vault(_) => "vault",
    }
}
