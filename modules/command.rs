//! `command`: a program with its arguments.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{AskFile, AskShell, Change, File, Host, HostPath, Module, Plan, PlanError, Probe, Run};
use crate::words;

/// Runs a program with its arguments, without a shell. What it does is not known beforehand: in check mode it is
/// reported as unknown, unless `creates`, `removes` or `unless` decides whether it has to run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments as one line, split at spaces with quotes as a shell reads them. Give this or
    /// `argv`.
    #[serde(default)]
    cmd: Option<String>,
    /// The program and its arguments as a list. Give this or `cmd`.
    #[serde(default)]
    argv: Option<Vec<String>>,
    /// The directory to run in. Default: the login directory.
    #[serde(default)]
    chdir: Option<HostPath>,
    /// A path; where something is there, the command does not run.
    #[serde(default)]
    creates: Option<HostPath>,
    /// A path; where nothing is there, the command does not run.
    #[serde(default)]
    removes: Option<HostPath>,
    /// Shell text; where it exits with 0, the command does not run. It must not change anything itself.
    #[serde(default)]
    unless: Option<String>,
    /// Text for its standard input. Default: none.
    #[serde(default)]
    stdin: Option<String>,
}

/// What decides whether it has to run.
pub struct Guards {
    creates: Option<File>,
    removes: Option<File>,
    unless: Option<i32>,
}

impl Module for Command {
    const NAME: &'static str = "command";
    const EXAMPLE: &'static str = "- name: unpack the images that come with the host\n  command:\n    argv: [docker, load, -i, /srv/images.tar]\n    creates: /srv/.images-loaded\n";
    const BARE: Option<&'static str> = Some("cmd");
    type State = Guards;

    fn probe(&self, _host: &Host) -> Probe<Guards> {
        let stat = |path: &Option<HostPath>| match path.clone() {
            Some(path) => Probe::ask(AskFile::stat(path)).map(Some),
            None => Probe::ready(None),
        };
        let unless = match self.unless.clone() {
            Some(script) => Probe::ask(AskShell { script }).map(|output| Some(output.status)),
            None => Probe::ready(None),
        };
        stat(&self.creates).zip(stat(&self.removes)).zip(unless).map(|((creates, removes), unless)| Guards {
            creates,
            removes,
            unless,
        })
    }

    fn plan(&self, host: &Host, state: Guards) -> Result<Plan, PlanError> {
        let argv = self.argv()?;
        if host.facts.sandbox {
            return Err(PlanError::new("a sandbox runs no commands")
                .help("try this playbook on a host that is reached by ssh or `ansible_connection: local`"));
        }
        if let Some(reason) = state.settled() {
            let mut plan = Plan::default();
            plan.info(reason.clone());
            plan.set("msg", reason);
            plan.set("rc", 0);
            return Ok(plan);
        }
        let guarded = self.creates.is_some() || self.removes.is_some() || self.unless.is_some();
        let run = Run {
            argv,
            chdir: self.chdir.clone(),
            stdin: self.stdin.clone(),
            guarded,
            environment: Vec::new(),
        };
        Ok(Plan::new(vec![Change::Run(run)]))
    }
}

impl Guards {
    /// Why it does not have to run.
    fn settled(&self) -> Option<String> {
        match self {
            Self { creates: Some(file), .. } if !file.is_absent() => {
                Some(format!("`{}` is there", file.path))
            }
            Self { removes: Some(file), .. } if file.is_absent() => {
                Some(format!("`{}` is not there", file.path))
            }
            Self { unless: Some(0), .. } => Some("`unless` says that it is done".to_owned()),
            _ => None,
        }
    }
}

impl Command {
    fn argv(&self) -> Result<Vec<String>, PlanError> {
        let argv = match (&self.cmd, &self.argv) {
            (Some(cmd), None) => words::split(cmd)?,
            (None, Some(argv)) => argv.clone(),
            _ => return Err(PlanError::new("give either `cmd` or `argv`")),
        };
        if argv.iter().any(|word| word.contains('\0')) {
            return Err(PlanError::new("an argument holds a NUL byte, which no program can be given"));
        }
        if argv.first().is_none_or(String::is_empty) {
            return Err(PlanError::new("the command is empty"));
        }
        Ok(argv)
    }
}
