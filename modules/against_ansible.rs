//! Edits of files beside the answers that Ansible 2.19 gave to the same tasks: `tests/fixtures/edits.json`. Contents are
//! written a character a byte.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::blockinfile::BlockInFile;
use crate::contract::{Change, PlanError};
use crate::lineinfile::LineInFile;
use crate::replace::Replace;
use crate::testing::World;

#[derive(Debug, Deserialize)]
struct Case {
    module: String,
    args: Value,
    before: Option<String>,
    answer: Recorded,
    /// Whether Ansible changed the file again in a second run.
    again: bool,
    /// Why the answer here is another.
    #[serde(default)]
    differs: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Recorded {
    changed: bool,
    failed: bool,
    msg: String,
    after: Option<String>,
}

const PATH: &str = "/etc/edited";

fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).expect("a byte")).collect()
}

fn ours(case: &Case) -> Result<(bool, String, Option<Vec<u8>>), PlanError> {
    let mut world = World::new();
    world.put("/etc/other", "");
    let before = case.before.as_deref().map(bytes);
    if let Some(before) = &before {
        world.put(PATH, before);
    }
    let mut args = case.args.clone();
    args["path"] = json!(PATH);
    let plan = match case.module.as_str() {
        "lineinfile" => world.apply::<LineInFile>(args)?,
        "blockinfile" => world.apply::<BlockInFile>(args)?,
        _ => world.apply::<Replace>(args)?,
    };
    let written = plan.changes.iter().find_map(|change| match change {
        Change::WriteFile(write) => Some(write.content.bytes.clone()),
        _ => None,
    });
    let msg = plan.result.get("msg").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((!plan.changes.is_empty(), msg, written.or(before)))
}

fn agree(case: &Case) -> Result<(), String> {
    let recorded = &case.answer;
    match ours(case) {
        Err(error) if recorded.failed => {
            drop(error);
            Ok(())
        }
        Err(error) if case.again && error.message.contains("each run would change") => Ok(()),
        Err(error) => Err(error.message),
        Ok(_) if recorded.failed => Err("it is accepted".to_owned()),
        Ok((changed, msg, after)) => {
            if changed != recorded.changed {
                return Err(format!("changed: {changed}"));
            }
            let wanted = recorded.after.as_deref().map(bytes);
            if after != wanted {
                let after = after.map(|after| after.iter().map(|byte| char::from(*byte)).collect::<String>());
                return Err(format!("after: {after:?}"));
            }
            let same = msg == recorded.msg || recorded.msg.contains("not present");
            let same = same || recorded.msg.starts_with("Pattern for before/after");
            if same { Ok(()) } else { Err(format!("msg: {msg}")) }
        }
    }
}

#[test]
fn edits_come_out_as_ansibles() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("tests/fixtures/edits.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        match (agree(case), &case.differs) {
            (Err(_), Some(_)) | (Ok(()), None) => {}
            (Ok(()), Some(reason)) => wrong.push(format!("no difference ({reason}): {case:?}")),
            (Err(problem), None) => wrong.push(format!("{problem}: {case:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
