//! A change with what a reader sees of it.

use modules::{Change, Content, MakeLink, Replaced, Run};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{diff, masked, visible};
use crate::vault;

/// What stands in the place of a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// A change with what a reader sees of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// One line.
    pub summary: String,
    /// The change as data: what is kept and read again must not hold what only the running task may know.
    #[serde(flatten)]
    pub change: Map<String, Value>,
    /// Its unified diff, where it is about a file's content; sizes alone where that may not be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// By what a plan file knows it again; only where one is made or applied.
    #[serde(skip)]
    pub sealed: Option<Sealed>,
}

/// By what a plan file knows a change again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// A digest of what will run, with everything that it is given.
    pub seal: String,
    /// What it starts from, where that is one thing: a digest, `absent`, or where a link leads.
    pub from: Option<String>,
    /// What it leads to, likewise.
    pub to: Option<String>,
}

impl PlannedChange {
    /// The change as it is shown. Under `no_log` its values are hidden; what it does stays. What was encrypted is masked
    /// before it becomes text.
    #[must_use]
    pub fn new(change: &Change, no_log: bool) -> Self {
        let mut change = if no_log { without_values(change) } else { change.clone() };
        if let Change::Run(run) = &mut change {
            // It is where secrets are handed over.
            run.environment.iter_mut().for_each(|(_, value)| HIDDEN.clone_into(value));
        }
        let (mut summary, mut diff) = (visible::line(&change.summary()), diff::diff(&change));
        if vault::has_secrets() {
            masked::hide(&mut change);
            masked::text(&mut summary);
            diff.iter_mut().for_each(masked::text);
        }
        // A change is a struct of text, numbers and lists, which JSON can always say.
        let data = match serde_json::to_value(&change) {
            Ok(Value::Object(data)) => data,
            _ => Map::new(),
        };
        Self { summary, change: data, diff, sealed: None }
    }
}

fn without_values(change: &Change) -> Change {
    let hide = |content: &mut Content| content.secret = true;
    let mut change = change.clone();
    match &mut change {
        Change::WriteFile(write) => {
            hide(&mut write.content);
            if let Some(before) = &mut write.before {
                hide(&mut before.content);
            }
        }
        Change::Remove(remove) => hide(&mut remove.before.content),
        Change::MakeLink(MakeLink { before: Replaced::File(before), .. }) => hide(&mut before.content),
        Change::SetDtrTls(set) => {
            hide(&mut set.certificate);
            set.before.iter_mut().chain(&mut set.ca).for_each(hide);
        }
        Change::ReplaceRegistryTls(replace) => {
            hide(&mut replace.certificate.content);
            if let Some(before) = &mut replace.certificate.before {
                hide(&mut before.content);
            }
        }
        Change::Run(run) => mask_run(run),
        Change::Own(own) => [&mut own.before, &mut own.after].into_iter().for_each(hide),
        Change::Request(request) => request.request.body.iter_mut().for_each(hide),
        _ => {}
    }
    change
}

/// The program stays, so that a reader knows what runs.
fn mask_run(run: &mut Run) {
    if run.argv.len() > 1 {
        run.argv.truncate(1);
        run.argv.push(HIDDEN.to_owned());
    }
    for (_, value) in &mut run.environment {
        HIDDEN.clone_into(value);
    }
    if let Some(script) = &mut run.script {
        script.content.secret = true;
    }
    if let Some(stdin) = &mut run.stdin {
        HIDDEN.clone_into(stdin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modules::{Before, HostPath, Mode, Ownership, Remove, WriteFile};

    const SECRET: &str = "hunter2";

    fn shown(change: &Change) -> String {
        serde_json::to_string(&PlannedChange::new(change, true)).expect("a change is JSON")
    }

    #[test]
    fn no_log_hides_values_and_keeps_what_is_done() {
        let owner = "root".to_owned();
        let attributes = modules::Attributes {
            mode: Mode::new(0o600),
            uid: 0,
            gid: 0,
            owner: owner.clone(),
            group: owner,
            size: 7,
            mtime: 0,
        };
        let content = Content::new(SECRET.as_bytes().to_vec());
        let before = Before { content: content.clone(), attributes };
        let path = HostPath::new("/etc/token").expect("an absolute path");
        let ownership = Ownership::default();
        let write = WriteFile::new(path.clone(), Some(before.clone()), content, ownership);
        let run = Run {
            argv: vec!["login".to_owned(), SECRET.to_owned()],
            stdin: Some(SECRET.to_owned()),
            environment: vec![("TOKEN".to_owned(), SECRET.to_owned())],
            ..Run::default()
        };
        let changes = [Change::WriteFile(write), Change::Remove(Remove { path, before }), Change::Run(run)];
        for (change, kept) in
            changes.iter().zip(["change /etc/token", "remove /etc/token", "run login (hidden)"])
        {
            let text = shown(change);
            assert!(text.contains(kept) && !text.contains(SECRET), "{text}");
        }
    }
}
