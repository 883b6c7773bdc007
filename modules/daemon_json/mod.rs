//! `daemon_json`: keys of the Docker daemon's configuration file.

mod draft;
mod steps;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::boot2docker_profile::next_start;
use crate::contract::{
    AskFile, AskInfo, AskOwed, AskProcess, AskValidate, DaemonInfo, File, Host, HostPath, Module, OwedRecord,
    Plan, PlanError, Probe, Process, Running, Validation,
};
use crate::daemon_config::Version;
use crate::daemon_config::edit::{Edit, Lists};
use crate::platform::{Daemon, boot2docker};
use draft::Draft;

/// The record under which this module and `restart_docker` keep what daemon.json owes to the running daemon.
pub const OWED: &str = "daemon.json";

/// Sets and removes keys of the Docker daemon's configuration file (`daemon.json`). The file is edited as text where
/// something changes, and all else in it stays as it is, byte for byte. An edit that the daemon would refuse is
/// refused before the file is touched: text that is no JSON, keys and values that dockerd does not take, keys that
/// are given to the daemon as flags too, and what `dockerd --validate` (23.0 and later) says.
///
/// New settings are owed to the daemon; `restart_docker` pays. What is taken back is paid here where a reload does: the
/// daemon keeps a value whose key is gone, so an empty value is written, reloaded and seen to be in force, and only then
/// the key is removed. A file that would be left as `{}` is removed.
/// On a host without docker nothing is set, unless `path` names the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DaemonJson {
    /// Keys and values that the file shall hold. Mappings are merged deeply, lists as `lists` says, all else is
    /// replaced. Default: none.
    #[serde(default)]
    merge: Map<String, Value>,
    /// How a list of `merge` meets a list of the file. Default: `union`.
    #[serde(default)]
    lists: ListRule,
    /// What the file shall not hold: `KEY: null` removes a key, `KEY: [ITEM, …]` those items of its list, a mapping says
    /// so for the keys below. What is not there is no error. Default: nothing.
    #[serde(default)]
    remove: Map<String, Value>,
    /// The file. Default: the one that the running daemon reads, else the platform's, such as
    /// `/etc/docker/daemon.json`, or `C:\ProgramData\docker\config\daemon.json` on Windows.
    #[serde(default)]
    path: Option<HostPath>,
}

/// How a list that is wanted meets the list of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListRule {
    /// The items that are missing are appended.
    #[default]
    Union,
    /// The list is made exactly the wanted one.
    Exact,
}

/// What was found on the host.
#[derive(Debug)]
pub struct Found {
    file: File,
    /// The directory that holds it.
    directory: File,
    process: Process,
    info: Option<DaemonInfo>,
    owed: Vec<OwedRecord>,
    verdict: Option<Validation>,
    /// Boot2Docker's profile, whose flags the daemon gets when it starts.
    profile: Option<File>,
}

/// The running daemon that reads the file.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    running: &'a Running,
    info: Option<&'a DaemonInfo>,
    engine: Option<Version>,
}

impl DaemonJson {
    fn path(&self, host: &Host) -> HostPath {
        self.path.clone().unwrap_or_else(|| Daemon::assumed(host).config)
    }

    fn edit(&self) -> Edit {
        let lists = match self.lists {
            ListRule::Union => Lists::Union,
            ListRule::Exact => Lists::Exact,
        };
        Edit { merge: self.merge.clone(), lists, remove: self.remove.clone() }
    }
}

impl Found {
    /// The daemon, if one runs and this is its file.
    fn reader(&self, host: &Host) -> Option<Reader<'_>> {
        let running = self.process.running.as_ref()?;
        let info = self.info.as_ref();
        let engine = info.and_then(|info| info.version.parse().ok());
        self.is_the_daemons(host).then_some(Reader { running, info, engine })
    }

    /// Whether the host's daemon reads the file when it starts.
    fn is_the_daemons(&self, host: &Host) -> bool {
        let config = Daemon::assumed(host).config;
        self.file.path == config || self.file.target.as_ref() == Some(&config)
    }

    /// What `dockerd --validate` has to be asked, where it can be.
    fn question(&self, host: &Host, edit: &Edit) -> Option<AskValidate> {
        let reader = self.reader(host)?;
        reader.engine.filter(|engine| *engine >= Version::new(23, 0, 0))?;
        let draft = Draft::new(edit, &self.file, Some(reader)).ok().filter(|draft| draft.changed)?;
        if draft.removes_file(&self.file, host) {
            return None;
        }
        let (program, flags) = (reader.running.program.clone(), flags(&reader.running.cmdline));
        Some(AskValidate { program, flags, config: draft.text })
    }
}

/// The words of a command line after the program's name, without `--config-file` and its value.
pub(crate) fn flags(cmdline: &[String]) -> Vec<String> {
    let mut words = cmdline.iter().skip(1);
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word.trim_start_matches('-') {
            "config-file" if word.starts_with('-') => _ = words.next(),
            flag if word.starts_with('-') && flag.starts_with("config-file=") => {}
            _ => kept.push(word.clone()),
        }
    }
    kept
}

impl Module for DaemonJson {
    const NAME: &'static str = "daemon_json";
    const EXAMPLE: &'static str = "- daemon_json:\n    merge:\n      insecure-registries: [\"{{ registry }}\"]\n      log-opts: {max-size: 10m}\n- daemon_json:\n    remove:\n      insecure-registries: [\"{{ registry }}\"]\n      debug: null\n";
    type State = Found;

    fn probe(&self, host: &Host) -> Probe<Found> {
        let path = self.path(host);
        let directory = path.parent().unwrap_or_else(|| path.clone());
        let (edit, host) = (self.edit(), host.clone());
        Probe::ask(AskFile::new(path))
            .zip(Probe::ask(AskFile::stat(directory)))
            .zip(Probe::ask(AskProcess).zip(Probe::ask(AskInfo)))
            .zip(Probe::ask(AskOwed).zip(next_start::ask(&host)))
            .and_then(move |(((file, directory), (process, info)), (owed, profile))| {
                let found = Found { file, directory, process, info, owed, verdict: None, profile };
                match found.question(&host, &edit) {
                    None => Probe::ready(found),
                    Some(ask) => Probe::ask(ask).map(|verdict| Found { verdict: Some(verdict), ..found }),
                }
            })
    }

    fn plan(&self, host: &Host, found: Found) -> Result<Plan, PlanError> {
        if self.merge.is_empty() && self.remove.is_empty() {
            return Err(PlanError::new("neither `merge` nor `remove` names a key"));
        }
        // What is taken back is taken back wherever it stands, and a file that is named is meant.
        if !self.merge.is_empty() && self.path.is_none() && !found.process.installed {
            return Ok(Plan::skip("no docker daemon is installed on this host, so its file has no reader"));
        }
        let daemon = Daemon::of(host)?;
        let reader = found.reader(host);
        let draft = Draft::new(&self.edit(), &found.file, reader)?;
        let mut plan = Plan::default();
        for warning in draft.judge(&found, reader, host)? {
            plan.warn(warning);
        }
        if draft.changed && found.is_the_daemons(host) && !boot2docker::keeps_settings(&host.facts) {
            plan.warn(format!(
                "this release of Boot2Docker keeps {} in memory, and the edit goes with the next boot: `boot2docker_profile` sets what stays",
                found.file.path
            ));
        }
        if draft.changed && reader.is_none() {
            plan.info(match &found.process.running {
                Some(_) => format!("the running daemon reads {}, not this file", daemon.config),
                None => {
                    "no docker daemon runs here: the file is judged without an engine's version".to_owned()
                }
            });
        }
        plan.set("path", found.file.path.as_str());
        plan.set("keys", draft.keys());
        let (changes, effect) = steps::changes(&draft, &found, reader, host)?;
        plan.set("effect", effect);
        plan.changes = changes;
        Ok(plan)
    }
}
