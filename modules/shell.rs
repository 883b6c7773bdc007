//! `shell`: a user's shell text.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Host, HostPath, Module, Plan, PlanError, Probe, Run, Touches};
use crate::guards::{self, Guards, Pattern, Settled};

/// Runs a text by the host's shell, `/bin/sh`. What it does is not known beforehand: in check mode it is reported as
/// unknown, unless `creates`, `removes` or `unless` decides whether it has to run. Where a program with its arguments will do,
/// `command` is safer: values that stand in a shell's text are read by the shell, unless they go through the filter `quote`.
///
/// Words such as `creates=/srv/x`, `chdir=` and `executable=` in the text behind the module's name are arguments of the module, as in
/// Ansible. It registers what `command` registers; `cmd` is the text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shell {
    /// The text behind the module's name: the same as `cmd`.
    #[serde(default, rename = "_raw_params")]
    raw: Option<String>,
    /// The text.
    #[serde(default)]
    cmd: Option<String>,
    /// The shell, by its path. Default: `/bin/sh`.
    #[serde(default)]
    executable: Option<HostPath>,
    /// The directory to run in. Default: the login directory.
    #[serde(default)]
    chdir: Option<HostPath>,
    /// A path, or a pattern of paths; where something is there, the text does not run.
    #[serde(default)]
    creates: Option<Pattern>,
    /// A path, or a pattern of paths; where nothing is there, the text does not run.
    #[serde(default)]
    removes: Option<Pattern>,
    /// Shell text; where it exits with 0, the other does not run. It must not change anything itself. Ansible has no such
    /// argument.
    #[serde(default)]
    unless: Option<String>,
    /// Text for its standard input. Default: none.
    #[serde(default)]
    stdin: Option<String>,
    /// Whether a line end follows that text. Default: true.
    #[serde(default = "guards::yes")]
    stdin_add_newline: bool,
    /// Whether line ends at the end of its output are left out of the result. Default: true.
    #[serde(default = "guards::yes")]
    strip_empty_ends: bool,
}

impl Module for Shell {
    const NAME: &'static str = "shell";
    const EXAMPLE: &'static str = "- name: count the images\n  shell: docker images -q | sort -u | wc -l\n  register: images\n  changed_when: false\n";
    const BARE: Option<&'static str> = Some("_raw_params");
    const TOUCHES: Touches = Touches::Paths(&["creates", "removes"]);
    type State = Settled;

    fn probe(&self, _host: &Host) -> Probe<Settled> {
        self.guards().probe()
    }

    fn plan(&self, host: &Host, settled: Settled) -> Result<Plan, PlanError> {
        let text = text(self.raw.as_ref(), self.cmd.as_ref())?;
        let shell = self.executable.as_ref().map_or("/bin/sh", HostPath::as_str);
        let run = Run {
            argv: vec![shell.to_owned(), "-c".to_owned(), text.to_owned()],
            chdir: self.chdir.clone(),
            stdin: guards::input(self.stdin.as_ref(), self.stdin_add_newline),
            guarded: self.guards().given(),
            keep_ends: !self.strip_empty_ends,
            ..Run::default()
        };
        let mut plan = guards::plan(host, run, settled)?;
        plan.set("cmd", text);
        Ok(plan)
    }
}

impl Shell {
    fn guards(&self) -> Guards<'_> {
        Guards {
            creates: self.creates.as_ref(),
            removes: self.removes.as_ref(),
            unless: self.unless.as_deref(),
            chdir: self.chdir.as_ref(),
        }
    }
}

/// The one text of two places for it.
fn text<'a>(raw: Option<&'a String>, cmd: Option<&'a String>) -> Result<&'a str, PlanError> {
    let text = match (raw, cmd) {
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => return Err(PlanError::new("give the text, behind `shell:` or as `cmd`")),
        (Some(_), Some(_)) => {
            return Err(PlanError::new("the text is given twice: behind `shell:` and as `cmd`"));
        }
    };
    guards::without_nul(text)?;
    if text.trim().is_empty() {
        return Err(PlanError::new("the text is empty"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Change;
    use crate::testing::World;
    use serde_json::json;

    #[test]
    fn the_text_goes_to_the_shell_that_is_named() {
        for (arguments, argv) in [
            (json!({"_raw_params": "a | b"}), ["/bin/sh", "-c", "a | b"]),
            (json!({"cmd": "[[ x ]]", "executable": "/bin/bash"}), ["/bin/bash", "-c", "[[ x ]]"]),
        ] {
            let plan = World::new().plan::<Shell>(arguments).unwrap();
            let [Change::Run(run)] = &plan.changes[..] else { panic!("{plan:?}") };
            assert_eq!(run.argv, argv);
            assert_eq!(plan.result["cmd"], argv[2]);
        }
        for wrong in
            [json!({}), json!({"cmd": " "}), json!({"cmd": "a", "_raw_params": "b"}), json!({"cmd": "\u{0}"})]
        {
            assert!(World::new().plan::<Shell>(wrong).is_err());
        }
    }
}
