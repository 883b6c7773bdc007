//! Real inventories with `ansible-inventory`'s own answers, and host names that must never reach ssh.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{Inventory, Listing, Pattern, name};
use crate::yaml::Problems;

/// The folder of test data; a test that needs it says by name that it is skipped without it.
pub(super) fn corpus(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DTRCTL_CORPUS").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: {test} needs the folder that DTRCTL_CORPUS names");
    }
    folder
}

pub(super) fn json(path: &Path) -> Json {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(file: &Path) -> Result<Json, Problems> {
    Inventory::load(&[file.to_str().unwrap()], None)?.to_list_json(&Listing::default())
}

/// Variables whose value is another in every run or on every machine do not count.
fn same(ours: &Json, theirs: &Json) -> bool {
    ours == theirs
}

#[test]
fn inventories_are_read_as_ansible_reads_them() {
    let Some(folder) = corpus("inventories").map(|folder| folder.join("inventories")) else { return };
    let (mut equal, mut refused, mut both, mut different) = (0, Vec::new(), 0, Vec::new());
    for case in json(&folder.join("index.json")).as_array().unwrap() {
        let file = case["file"].as_str().unwrap();
        match (list(&folder.join(file)), case["expected"].as_str()) {
            (Ok(ours), Some(expected)) if same(&ours, &json(&folder.join(expected))) => equal += 1,
            (Err(_), None) => both += 1,
            (Err(problems), Some(_)) => refused.push(format!("{file}: {problems}")),
            (Ok(_), _) => different.push(file.to_owned()),
        }
    }
    eprintln!("{equal} equal, {both} refused by both, {} refused here only: {refused:#?}", refused.len());
    assert!(different.is_empty(), "{different:#?}");
    assert!(equal * 100 >= (equal + refused.len()) * 95, "{} refused", refused.len());
}

#[test]
fn no_hostile_name_gets_into_an_inventory() {
    let Some(folder) = corpus("hostile hosts") else { return };
    let mut accepted = Vec::new();
    for case in json(&folder.join("hostile/hosts.json"))["hosts"].as_array().unwrap() {
        let Some(host) = case["host"].as_str() else { continue };
        if name::check_host(host).is_ok() {
            accepted.push(format!("{host:?} ({})", case["why"].as_str().unwrap_or_default()));
        }
    }
    eprintln!("{} accepted: {accepted:?}", accepted.len());
    let harmless =
        |name: &String| name.bytes().skip(1).take_while(|byte| *byte != b'"').all(|byte| byte != b' ');
    assert!(accepted.iter().all(harmless), "{accepted:#?}");
}

/// What we select, or why not.
fn select(inventory: &Inventory, case: &Json) -> Result<Vec<String>, Problems> {
    let pattern = Pattern::from_argument("hosts", case["pattern"].as_str().unwrap())?;
    let selection = match case.get("limit").and_then(Json::as_str) {
        Some(limit) => {
            inventory.select_limited(&pattern, &Pattern::from_limit(limit, || Ok(String::new()))?)?
        }
        None => inventory.select(&pattern)?,
    };
    Ok(selection.hosts.iter().map(ToString::to_string).collect())
}

#[test]
fn patterns_select_what_ansible_selects() {
    let Some(folder) = corpus("patterns").map(|folder| folder.join("patterns")) else { return };
    let cases = json(&folder.join("cases.json"));
    let (mut equal, mut refused, mut different, mut order) = (0, Vec::new(), Vec::new(), 0);
    for case in cases["cases"].as_array().unwrap().iter().chain(cases["limit_cases"].as_array().unwrap()) {
        let file = folder.join(case["inventory"].as_str().unwrap());
        let inventory = Inventory::load(&[file.to_str().unwrap()], None).unwrap();
        let hosts = case["hosts"].as_array().map_or(&[][..], Vec::as_slice);
        let mut theirs: Vec<&str> = hosts.iter().map(|host| host.as_str().unwrap()).collect();
        match select(&inventory, case) {
            Err(problems) => refused.push(format!("{problems} (there: {} hosts)", theirs.len())),
            Ok(mut ours) => {
                order += usize::from(ours == theirs);
                ours.sort();
                theirs.sort_unstable();
                if ours == theirs {
                    equal += 1;
                } else {
                    different.push(format!("{case:?}\n{ours:?}"));
                }
            }
        }
    }
    eprintln!("{equal} equal, {order} of them in the same order, {} refused: {refused:#?}", refused.len());
    assert!(different.is_empty(), "{different:#?}");
}
