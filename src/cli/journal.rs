//! What is kept of a run, and where: for every subcommand that changes hosts or says what would change.

use std::collections::HashMap;
use std::path::{Path, PathBuf, absolute};
use std::sync::Arc;

use clap::Args;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::options::InventoryOptions;
use super::output;
use super::playbooks;
use super::settings::settings;
use crate::engine::{RunName, Selected};
use crate::error::Failure;
use crate::journal::{Asked, Checkout, History, Kept, Play, Record, Recorder, Store, VERSION, checkout};
use crate::playbook::Playbook;
use crate::vault;

/// Where runs are kept.
#[derive(Debug, Clone, Default, Args)]
pub struct JournalOptions {
    /// Where runs are kept, for `runs`, `resume` and `undo`; `none` keeps nothing. Default: `dtrctl/runs` in the user's
    /// state directory.
    #[arg(long, value_name = "DIR", env = "DTRCTL_JOURNAL")]
    pub journal: Option<PathBuf>,
}

const CHOOSE: &str = "name another directory with `--journal DIR`, or keep nothing with `--journal none`";

impl JournalOptions {
    /// The journal; none where nothing is to be kept.
    pub fn store(&self) -> Result<Option<Store>, Failure> {
        match &self.journal {
            Some(path) if path == Path::new("none") => Ok(None),
            Some(path) if !path.as_os_str().is_empty() => Ok(Some(Store::new(path.clone()))),
            _ => default_directory().map(|directory| Some(Store::new(directory))),
        }
    }

    /// The journal, for a command that reads it.
    pub fn kept(&self) -> Result<Store, Failure> {
        self.store()?.ok_or_else(|| {
            Failure::said("`--journal none` keeps no run to look at").help("name the journal's directory")
        })
    }

    /// The same for a command that goes to where a run was begun: paths are that run's from there on, and the journal's own is not
    /// among them.
    pub fn kept_from_anywhere(&self) -> Result<Store, Failure> {
        let store = self.kept()?;
        Ok(absolute(store.directory()).map_or(store, Store::new))
    }
}

fn default_directory() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    state.map(|state| state.join("dtrctl/runs")).ok_or_else(|| {
        Failure::said("there is no place for the journal: neither XDG_STATE_HOME nor HOME is set")
            .help(CHOOSE)
    })
}

/// What may be a secret on a command line.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Sealed {
    /// `-e`, as it was given.
    pub extra_vars: Vec<String>,
    /// The arguments of a module.
    pub words: Vec<String>,
    /// The same as one text.
    pub args: Option<String>,
}

impl Sealed {
    /// What a run has sealed.
    pub fn of(kept: &Kept, record: &Record) -> Result<Self, Failure> {
        let secrets = kept.secrets(record)?.unwrap_or_default();
        Ok(serde_json::from_str(&secrets).unwrap_or_default())
    }
}

/// What is to be kept of a run that has not begun.
pub struct Draft {
    store: Result<Option<Store>, Failure>,
    asked: Asked,
    secrets: Option<String>,
    /// What earlier runs have done, where it goes on with them.
    pub history: Option<Arc<History>>,
}

impl Draft {
    /// Of a subcommand with its options.
    pub fn new(
        journal: &JournalOptions,
        command: &str,
        check: bool,
        options: &impl Serialize,
    ) -> Result<Self, Failure> {
        let options = serde_json::to_value(options)
            .map_err(|error| Failure::said(format!("the options cannot be kept: {error}")))?;
        let argv = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        let asked = Asked {
            command: command.to_owned(),
            argv,
            check,
            becomes: false,
            playbooks: Vec::new(),
            inventory: Vec::new(),
            plays: Vec::new(),
            resumes: None,
            options,
            sealed: None,
        };
        Ok(Self { store: journal.store(), asked, secrets: None, history: None })
    }

    /// Takes note of the playbooks, and of the commits that they stand in.
    pub fn playbooks(&mut self, playbooks: &[Playbook]) {
        if matches!(self.store, Ok(None)) {
            return;
        }
        let mut known: HashMap<PathBuf, Checkout> = HashMap::new();
        for playbook in playbooks {
            let directory = playbook.path.parent().unwrap_or(Path::new("")).to_path_buf();
            let checkout = known.entry(directory).or_insert_with_key(|directory| checkout(directory)).clone();
            self.asked.playbooks.push(crate::journal::Playbook {
                path: playbook.path.display().to_string(),
                digest: playbooks::digest(playbook),
                checkout,
            });
        }
    }

    /// Takes note of where the hosts come from.
    pub fn inventory(&mut self, inventory: &InventoryOptions) -> Result<(), Failure> {
        self.asked.inventory.clone_from(&inventory.inventory);
        if self.asked.inventory.is_empty() {
            self.asked.inventory.clone_from(&settings()?.inventory);
        }
        Ok(())
    }

    /// Seals what may be a secret, and takes it out of the command line that people see.
    pub fn seal(&mut self, sealed: &Sealed) {
        let texts = sealed.extra_vars.iter().chain(&sealed.words).chain(&sealed.args);
        let texts: Vec<&String> = texts.filter(|text| !text.is_empty() && !text.starts_with('@')).collect();
        for word in self.asked.argv.iter_mut().skip(1) {
            if let Some(text) = texts.iter().find(|text| is_it(word, text)) {
                let before = word.len() - text.len();
                *word = format!("{}{}", &word[..before], hidden(text));
            }
            *word = vault::masked(word).into_owned();
        }
        self.secrets = serde_json::to_string(sealed).ok();
    }

    /// Takes note of whether a task becomes another user, where the plays do not say it.
    pub const fn becomes(&mut self, becomes: bool) {
        self.asked.becomes = becomes;
    }

    /// What was asked.
    pub const fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Says which run this one goes on with.
    pub fn resumes(&mut self, run: &str, history: Arc<History>) {
        self.asked.resumes = Some(run.to_owned());
        self.history = Some(history);
    }

    /// Begins the run's journal. Where it cannot be begun, a run that changes hosts does not begin either.
    pub fn begin(
        mut self,
        name: &RunName,
        selected: &[Selected],
        now: OffsetDateTime,
    ) -> Result<Option<Recorder>, Failure> {
        let check = self.asked.check;
        let play = |selected: &Selected| Play {
            name: selected.play.shown_name().to_owned(),
            hosts: selected.hosts.clone(),
        };
        self.asked.plays = selected.iter().map(play).collect();
        let mut tasks =
            selected.iter().flat_map(|selected| selected.play.tasks().chain(&selected.play.handlers));
        self.asked.becomes |= tasks.any(|task| task.keywords.identity.wanted.is_some());
        match self.try_begin(name, now) {
            Err(failure) if check => {
                output::note("warning: this check is not kept");
                output::fail(&failure);
                Ok(None)
            }
            begun => begun,
        }
    }

    fn try_begin(self, name: &RunName, now: OffsetDateTime) -> Result<Option<Recorder>, Failure> {
        let Some(store) = self.store? else { return Ok(None) };
        let directory = std::env::current_dir().unwrap_or_default();
        let now = now.replace_nanosecond(now.microsecond() * 1000).unwrap_or(now);
        let record = Record {
            version: VERSION,
            run: name.id.clone(),
            who: name.who.clone(),
            machine: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            directory: directory.to_string_lossy().into_owned(),
            dtrctl: env!("CARGO_PKG_VERSION").to_owned(),
            started: now.format(&Rfc3339).unwrap_or_default(),
            ended: None,
            exit: None,
            asked: self.asked,
        };
        refuse_again(&store, &record, self.secrets.as_deref())?;
        let place = store.directory().display().to_string();
        let begun = store.begin(record, self.secrets.as_deref());
        begun.map(|begun| Some(begun.recorder)).map_err(|error| {
            Failure::said(format!("the run cannot be recorded in `{place}`: {error}")).help(CHOOSE)
        })
    }
}

/// Refuses a shard that was begun already: what runs jobs may begin one again that has died, and its commands would be run twice.
fn refuse_again(store: &Store, record: &Record, secrets: Option<&str>) -> Result<(), Failure> {
    let Some(before) = store.begun_before(record, secrets) else { return Ok(()) };
    let said = |name: &str| record.asked.options[name].as_str().unwrap_or_default();
    let (became, is_left) = store.became(&before);
    let name = &before.name;
    let failure = Failure::said(format!(
        "shard {} of the rollout `{}` was begun already: run {name} {became}",
        said("shard"),
        said("rollout"),
    ));
    let again = "to do all of it once more, give it another `--rollout`";
    Err(failure.help(if is_left {
        format!("`dtrctl resume {name}` goes on with it; {again}")
    } else {
        again.to_owned()
    }))
}

/// Whether a word of the command line is this text, or a flag with it.
fn is_it(word: &str, text: &str) -> bool {
    word == text || (word.starts_with('-') && word.ends_with(text))
}

/// What people see of a text that may hold a secret: the name before it.
fn hidden(text: &str) -> String {
    let name = text.split_once('=').map(|(name, _)| name);
    let is_name = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.filter(is_name).map_or("(hidden)".to_owned(), |name| format!("{name}=(hidden)"))
}
