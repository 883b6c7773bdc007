//! `script`: a script of the controller, run on the host.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{
    AskLocalFile, Content, Host, HostPath, Module, Plan, PlanError, Probe, Run, SentScript, Touches,
};
use crate::guards::{self, Guards, Pattern, Settled};
use crate::words::split;

/// Sends a script of the controller to the host and runs it there: from a directory of its own that only its user can look
/// into, and which is removed afterwards. The file is the first word, looked for as `copy` looks for its `src`; what follows are its
/// arguments, read by the host's shell. In check mode it is unknown, unless `creates`, `removes` or `unless` decides whether it
/// has to run; where they say that it is done the task is skipped, as in Ansible.
///
/// It registers `rc`, `stdout`, `stderr` and both as `_lines`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The text behind the module's name: the same as `cmd`.
    #[serde(default, rename = "_raw_params")]
    raw: Option<String>,
    /// The script's path on the controller, and its arguments.
    #[serde(default)]
    cmd: Option<String>,
    /// What runs it, such as `/bin/bash` or `python3 -u`. Default: what its first line says.
    #[serde(default)]
    executable: Option<String>,
    /// The directory to run in. Default: the login directory.
    #[serde(default)]
    chdir: Option<HostPath>,
    /// A path, or a pattern of paths; where something is there, the script does not run.
    #[serde(default)]
    creates: Option<Pattern>,
    /// A path, or a pattern of paths; where nothing is there, the script does not run.
    #[serde(default)]
    removes: Option<Pattern>,
    /// Shell text; where it exits with 0, the script does not run. Ansible has no such argument.
    #[serde(default)]
    unless: Option<String>,
}

/// Whether it has to run, and its text.
type State = (Settled, Vec<u8>);

impl Module for Script {
    const NAME: &'static str = "script";
    const EXAMPLE: &'static str =
        "- script: warm-up.sh --registry {{ registry | quote }} creates=/var/lib/warmed-up\n";
    const BARE: Option<&'static str> = Some("_raw_params");
    const TOUCHES: Touches = Touches::Paths(&["creates", "removes"]);
    type State = State;

    fn probe(&self, _host: &Host) -> Probe<State> {
        // What is wrong with the line is said by the plan.
        let file = match self.parts() {
            Ok((path, _)) => Probe::ask(AskLocalFile::new(path)),
            Err(_) => Probe::ready(Vec::new()),
        };
        self.guards().probe().zip(file)
    }

    fn plan(&self, host: &Host, (settled, content): State) -> Result<Plan, PlanError> {
        let (path, arguments) = self.parts()?;
        if let Some(reason) = settled {
            return Ok(Plan::skip(reason));
        }
        let name = path.rsplit('/').next().unwrap_or(&path);
        if name.is_empty() || name.starts_with('-') {
            return Err(PlanError::new(format!("`{path}` names no script")));
        }
        let before = self.executable.as_ref().map(|program| format!("{program} ")).unwrap_or_default();
        let text = format!("{before}\"$0\" {arguments}").trim_end().to_owned();
        let run = Run {
            argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), text],
            chdir: self.chdir.clone(),
            guarded: self.guards().given(),
            script: Some(SentScript { name: name.to_owned(), content: Content::new(content) }),
            keep_ends: true,
            ..Run::default()
        };
        guards::plan(host, run, None)
    }
}

impl Script {
    fn guards(&self) -> Guards<'_> {
        Guards {
            creates: self.creates.as_ref(),
            removes: self.removes.as_ref(),
            unless: self.unless.as_deref(),
            chdir: self.chdir.as_ref(),
        }
    }

    /// The script's path, and its arguments as they are written.
    fn parts(&self) -> Result<(String, String), PlanError> {
        let line = match (&self.raw, &self.cmd) {
            (Some(line), None) | (None, Some(line)) => line.trim(),
            _ => return Err(PlanError::new("give the script, either behind `script:` or as `cmd`")),
        };
        guards::without_nul(line)?;
        let end = first_word(line);
        let path = split(&line[..end])?.pop().ok_or_else(|| PlanError::new("the script's name is empty"))?;
        Ok((path, line[end..].trim().to_owned()))
    }
}

/// Where the first word ends; quotes and backslashes hide spaces.
fn first_word(line: &str) -> usize {
    let (mut open, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        match (open, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (Some(quote), c) if c == quote => open = None,
            (None, '\'' | '"') => open = Some(c),
            (None, ' ' | '\t' | '\r' | '\n') => return at,
            _ => {}
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Change;
    use crate::testing::World;
    use serde_json::{Value, json};

    #[test]
    fn the_script_is_the_first_word_and_the_shell_reads_the_rest() {
        let mut world = World::new();
        world.local.insert("my script.sh".into(), b"#!/bin/sh\n".to_vec());
        world.put("/done", "");
        let mut text = |arguments: Value| {
            let plan = world.plan::<Script>(arguments).map_err(|error| error.message)?;
            match &plan.changes[..] {
                [Change::Run(run)] => Ok(run.argv[2].clone()),
                _ => Err(format!("skipped: {}", plan.skipped.unwrap_or_default())),
            }
        };
        assert_eq!(
            text(json!({"_raw_params": "'my script.sh' $HOME \"a b\""})).unwrap(),
            "\"$0\" $HOME \"a b\""
        );
        assert_eq!(
            text(json!({"cmd": "my\\ script.sh", "executable": "python3 -u"})).unwrap(),
            "python3 -u \"$0\""
        );
        let guarded = json!({"cmd": "'my script.sh'", "creates": "/done"});
        assert!(text(guarded).unwrap_err().starts_with("skipped"));
        assert!(text(json!({})).is_err());
    }
}
