//! What decides whether a command has to run: `creates`, `removes`, `unless`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::contract::{
    AskError, AskFile, AskGlob, AskShell, Change, Host, HostPath, Plan, PlanError, Probe, Run,
};

/// A path, or a pattern of paths with `*`, `?` or `[…]`; a relative one begins at `chdir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || text.starts_with('~') {
            return Err(D::Error::custom(format!(
                "`{text}` is no path that can be looked for; write it whole, from `/`"
            )));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "a path, or a pattern of paths"})
    }
}

/// The arguments that decide.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guards<'a> {
    pub creates: Option<&'a Pattern>,
    pub removes: Option<&'a Pattern>,
    pub unless: Option<&'a str>,
    pub chdir: Option<&'a HostPath>,
}

/// Why a command does not have to run; none where it has to.
pub type Settled = Option<String>;

impl Guards<'_> {
    /// Whether any is given.
    pub const fn given(&self) -> bool {
        self.creates.is_some() || self.removes.is_some() || self.unless.is_some()
    }

    /// Asks whether the command has to run.
    pub fn probe(&self) -> Probe<Settled> {
        let creates = self.found(self.creates).map(|found| match found {
            Some((path, true)) => Some(format!("`{path}` is there")),
            _ => None,
        });
        let removes = self.found(self.removes).map(|found| match found {
            Some((path, false)) => Some(format!("`{path}` is not there")),
            _ => None,
        });
        let unless = match self.unless {
            Some(script) => Probe::ask(AskShell::new(script))
                .map(|output| (output.status == 0).then(|| "`unless` says that it is done".to_owned())),
            None => Probe::ready(None),
        };
        creates.zip(removes).zip(unless).map(|((creates, removes), unless)| creates.or(removes).or(unless))
    }

    /// The path, and whether something is there.
    fn found(&self, pattern: Option<&Pattern>) -> Probe<Option<(String, bool)>> {
        let Some(Pattern(text)) = pattern else { return Probe::ready(None) };
        let shown = text.clone();
        let path = match self.whole(text) {
            Ok(path) => path,
            Err(error) => return Probe::refuse(AskError::Host(error)),
        };
        if AskGlob::is_pattern(text) {
            return Probe::ask(AskGlob { pattern: path }).map(|found| Some((shown, !found.is_empty())));
        }
        Probe::ask(AskFile::stat(path)).map(|file| Some((shown, !file.is_absent())))
    }

    fn whole(&self, text: &str) -> Result<HostPath, String> {
        match self.chdir {
            Some(chdir) if !text.starts_with('/') => HostPath::new(&format!("{chdir}/{text}")),
            _ => HostPath::new(text),
        }
        .map_err(|error| error.to_string())
    }
}

/// The plan of a command.
///
/// # Errors
/// [`PlanError`] where its host runs no commands.
pub fn plan(host: &Host, run: Run, settled: Settled) -> Result<Plan, PlanError> {
    if host.facts.sandbox {
        return Err(PlanError::new("a sandbox runs no commands")
            .help("try this playbook on a host that is reached by ssh or `ansible_connection: local`"));
    }
    let Some(reason) = settled else { return Ok(Plan::new(vec![Change::Run(run)])) };
    let mut plan = Plan::default();
    plan.info(reason.clone());
    plan.set("msg", reason);
    plan.set("rc", 0);
    for name in ["stdout", "stderr"] {
        plan.set(name, "");
        plan.set(&format!("{name}_lines"), Vec::<String>::new());
    }
    for name in ["start", "end", "delta"] {
        plan.set(name, serde_json::Value::Null);
    }
    Ok(plan)
}

/// What a command reads: with a line end after it, unless that is not wanted.
pub fn input(stdin: Option<&String>, newline: bool) -> Option<String> {
    stdin.map(|text| if newline { format!("{text}\n") } else { text.clone() })
}

/// A text that no program can be given.
///
/// # Errors
/// [`PlanError`] where it holds a NUL byte.
pub fn without_nul(text: &str) -> Result<(), PlanError> {
    if text.contains('\0') {
        return Err(PlanError::new("the command holds a NUL byte, which no program can be given"));
    }
    Ok(())
}

pub const fn yes() -> bool {
    true
}
