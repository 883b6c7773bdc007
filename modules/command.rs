//! `command`: a program with its arguments.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::Word;
use crate::contract::{Host, HostPath, Module, Plan, PlanError, Probe, Run, Touches};
use crate::guards::{self, Guards, Pattern, Settled};
use crate::words::split;

/// Runs a program with its arguments, without a shell. What it does is not known beforehand: in check mode it is
/// reported as unknown, unless `creates`, `removes` or `unless` decides whether it has to run.
///
/// Its arguments can be given as text behind the module's name, as in `command: echo hello`; words such as
/// `creates=/srv/x`, `removes=`, `chdir=` and `stdin=` in that text are arguments of the module. As in Ansible, `$NAME`,
/// `${NAME}` and a leading `~` of a word are replaced by the host's values, and nothing else is: there is no shell.
///
/// It registers `rc`, `stdout`, `stderr`, both as `_lines` too, `cmd`, `start`, `end` and `delta`. Unlike Ansible, check mode
/// registers no `rc` of 0 for a command that has not run: its result is unknown, and so is what depends on it. A program that
/// is not there ends with status 127.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The text behind the module's name: the same as `cmd`.
    #[serde(default, rename = "_raw_params")]
    raw: Option<String>,
    /// The program and its arguments as one line, split at spaces with quotes as Python's shlex reads them. Give this or
    /// `argv`.
    #[serde(default)]
    cmd: Option<String>,
    /// The program and its arguments as a list. Give this or `cmd`.
    #[serde(default)]
    argv: Option<Vec<Word>>,
    /// The directory to run in. Default: the login directory.
    #[serde(default)]
    chdir: Option<HostPath>,
    /// A path, or a pattern of paths; where something is there, the command does not run.
    #[serde(default)]
    creates: Option<Pattern>,
    /// A path, or a pattern of paths; where nothing is there, the command does not run.
    #[serde(default)]
    removes: Option<Pattern>,
    /// Shell text; where it exits with 0, the command does not run. It must not change anything itself. Ansible has no such
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
    /// Whether `$NAME` and a leading `~` are replaced. Default: true.
    #[serde(default = "guards::yes")]
    expand_argument_vars: bool,
}

impl Module for Command {
    const NAME: &'static str = "command";
    const EXAMPLE: &'static str = "- name: unpack the images that come with the host\n  command:\n    argv: [docker, load, -i, /srv/images.tar]\n    creates: /srv/.images-loaded\n- command: docker pull dtr.example.com/base creates=/srv/.base\n";
    const BARE: Option<&'static str> = Some("_raw_params");
    const TOUCHES: Touches = Touches::Paths(&["creates", "removes"]);
    type State = Settled;

    fn probe(&self, _host: &Host) -> Probe<Settled> {
        self.guards().probe()
    }

    fn plan(&self, host: &Host, settled: Settled) -> Result<Plan, PlanError> {
        let argv = self.words()?;
        let run = Run {
            argv: argv.clone(),
            chdir: self.chdir.clone(),
            stdin: guards::input(self.stdin.as_ref(), self.stdin_add_newline),
            guarded: self.guards().given(),
            expand: self.expand_argument_vars
                && argv.iter().any(|word| word.contains('$') || word.starts_with('~')),
            keep_ends: !self.strip_empty_ends,
            ..Run::default()
        };
        let mut plan = guards::plan(host, run, settled)?;
        plan.set("cmd", argv);
        Ok(plan)
    }
}

impl Command {
    fn guards(&self) -> Guards<'_> {
        Guards {
            creates: self.creates.as_ref(),
            removes: self.removes.as_ref(),
            unless: self.unless.as_deref(),
            chdir: self.chdir.as_ref(),
        }
    }

    fn words(&self) -> Result<Vec<String>, PlanError> {
        let argv = match (self.raw.as_ref().or(self.cmd.as_ref()), &self.argv) {
            (Some(_), None) if self.raw.is_some() && self.cmd.is_some() => {
                return Err(PlanError::new("the command is given twice: as text and as `cmd`"));
            }
            (Some(cmd), None) => split(cmd)?,
            (None, Some(argv)) => argv.iter().map(|word| word.0.clone()).collect(),
            _ => return Err(PlanError::new("give the command as text, or as either `cmd` or `argv`")),
        };
        argv.iter().try_for_each(|word| guards::without_nul(word))?;
        match argv.first() {
            Some(program) if program.starts_with('-') => {
                Err(PlanError::new(format!("`{program}` is no program: its name begins with `-`")))
            }
            Some(program) if !program.is_empty() => Ok(argv),
            _ => Err(PlanError::new("the command is empty")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Change;
    use crate::testing::World;
    use serde_json::{Value, json};

    fn run(arguments: Value) -> Result<Run, String> {
        let plan = World::new().plan::<Command>(arguments).map_err(|error| error.message)?;
        match &plan.changes[..] {
            [Change::Run(run)] => Ok(run.clone()),
            other => Err(format!("{other:?} {:?}", plan.result["msg"])),
        }
    }

    #[test]
    fn arguments_are_those_of_ansible() {
        assert_eq!(run(json!({"argv": ["sleep", 5, true]})).unwrap().argv, ["sleep", "5", "True"]);
        let given = run(json!({"_raw_params": "cat", "stdin": "x", "chdir": "/tmp"})).unwrap();
        assert_eq!((given.stdin.as_deref(), given.guarded, given.expand), (Some("x\n"), false, false));
        assert_eq!(
            run(json!({"cmd": "cat", "stdin": "x", "stdin_add_newline": false})).unwrap().stdin.unwrap(),
            "x"
        );
        assert!(
            run(json!({"cmd": "echo $HOME"})).unwrap().expand && run(json!({"cmd": "ls ~"})).unwrap().expand
        );
        assert!(!run(json!({"cmd": "echo $HOME", "expand_argument_vars": false})).unwrap().expand);
        for (wrong, message) in [
            (json!({}), "either `cmd` or `argv`"),
            (json!({"cmd": "a", "argv": ["b"]}), "either `cmd` or `argv`"),
            (json!({"cmd": "a", "_raw_params": "b"}), "given twice"),
            (json!({"cmd": " "}), "empty"),
            (json!({"cmd": "-a b"}), "begins with `-`"),
            (json!({"argv": ["a\u{0}"]}), "NUL"),
        ] {
            assert!(run(wrong.clone()).unwrap_err().contains(message), "{wrong}");
        }
    }

    #[test]
    fn a_guard_decides_and_its_path_begins_at_chdir() {
        let mut world = World::new();
        world.put("/srv/done", "");
        let mut settled = |arguments: Value| {
            let plan = world.plan::<Command>(arguments).unwrap();
            assert_eq!(plan.changes.is_empty(), plan.result.get("rc") == Some(&json!(0)));
            plan.changes.is_empty()
        };
        assert!(settled(json!({"cmd": "x", "creates": "/srv/done"})));
        assert!(settled(json!({"cmd": "x", "creates": "done", "chdir": "/srv"})));
        assert!(!settled(json!({"cmd": "x", "creates": "/srv/other"})));
        assert!(settled(json!({"cmd": "x", "removes": "/srv/other"})));
        assert!(!settled(json!({"cmd": "x", "removes": "/srv/done"})));
    }
}
