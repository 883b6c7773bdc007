//! `dtrctl undo`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::journal::{Draft, JournalOptions, Sealed};
use super::mode::Mode;
use super::options::InventoryOptions;
use super::run::{ConnectionOptions, Job};
use super::{Done, output, playbooks};
use crate::engine::{Renderer, Selected, plays};
use crate::error::Failure;
use crate::event::Event;
use crate::journal::{Kept, Record};
use crate::plan::Planning;

/// Puts back what a run has changed on hosts, where nothing has moved on since.
///
/// Each host has a record of what stood there before. A path that is no longer as the run left it stays as it is, and is
/// said. What commands have done is not taken back. It is a run as any other: checked with --check, kept, and undone in
/// its turn.
#[derive(Debug, Args)]
pub struct Undo {
    /// The run: its id, what its id begins with, or `last`.
    #[arg(value_name = "RUN")]
    run: String,
    /// Only hosts that this pattern selects too, of those that the run has changed.
    #[arg(short, long, value_name = "PATTERN")]
    limit: Option<String>,
    /// What may become of running containers, where the docker daemon has to be restarted.
    #[arg(long, value_enum, default_value_t = Containers::Keep, value_name = "WHAT")]
    containers: Containers,
    #[command(flatten)]
    mode: Mode,
    #[command(flatten)]
    connection: ConnectionOptions,
    #[command(flatten)]
    journal: JournalOptions,
}

/// What may become of running containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Containers {
    /// A restart that would stop one is not done, and stays owed.
    Keep,
    /// They may stop.
    Stop,
}

/// The options that undoing takes from the run that is undone, and keeps for one that undoes it.
#[derive(Debug, Serialize, Deserialize)]
struct Options {
    inventory: InventoryOptions,
    connection: ConnectionOptions,
    /// Where the playbook stands that is undone: how to connect may be said beside it.
    #[serde(default)]
    beside: PathBuf,
}

impl Undo {
    pub fn run(self) -> Done {
        let store = self.journal.kept_from_anywhere()?;
        let kept = store.find(&self.run)?;
        let record = kept.record()?;
        if record.asked.check {
            return Err(Failure::said(format!("run {} was a check: there is nothing to undo", kept.name)));
        }
        let changed = changed(&kept)?;
        if changed.is_empty() {
            return Err(Failure::said(format!("run {} has changed nothing on any host", kept.name)));
        }
        let mut options: Options = serde_json::from_value(record.asked.options.clone()).map_err(|error| {
            Failure::said(format!("the options of run {} cannot be read: {error}", kept.name))
                .help("give `dtrctl run PATTERN undo run=ID -i INVENTORY`, which is the same")
        })?;
        let sealed = Sealed::of(&kept, &record)?;
        enter(&record)?;
        // A plan, or ansible.cfg, may have named them.
        if options.inventory.inventory.is_empty() {
            options.inventory.inventory.clone_from(&record.asked.inventory);
        }
        if let Some(playbook) = record.asked.playbooks.first() {
            options.beside = Path::new(&playbook.path).parent().unwrap_or(Path::new("")).to_path_buf();
        }
        options.inventory.limit.clone_from(&self.limit);
        options.inventory.extra_vars = sealed.extra_vars;
        options.connection = self.connection.clone().over(options.connection);
        self.go(&kept.name, &record, &changed, &options, store.directory().to_owned())
    }

    fn go(
        &self,
        run: &str,
        record: &Record,
        changed: &BTreeSet<String>,
        options: &Options,
        journal: PathBuf,
    ) -> Done {
        let playbook = playbooks::of_text(self.playbook(run, record.asked.becomes))?;
        let inventory = Arc::new(options.inventory.load(Some(&options.beside))?);
        let mut hosts = options.inventory.hosts(&inventory, "all")?;
        hosts.extend(
            crate::inventory::LOCALHOST
                .iter()
                .filter(|name| !inventory.has_host(name))
                .map(ToString::to_string),
        );
        hosts.retain(|host| changed.contains(host));
        if let Some(gone) =
            changed.iter().find(|host| !inventory.has_host(host)).filter(|_| self.limit.is_none())
        {
            output::note(&format!(
                "warning: `{gone}`, which run {run} has changed, is no longer in the inventory"
            ));
        }
        if hosts.is_empty() {
            return Err(Failure::said(format!("none of the hosts that run {run} has changed is selected"))
                .help("look at `-l`, and whether they are still in the inventory"));
        }
        let selected = plays(&[playbook]).into_iter().map(|play| Selected {
            play,
            hosts: hosts.clone(),
            listed: hosts.clone(),
        });
        let mut draft =
            Draft::new(&JournalOptions { journal: Some(journal) }, "undo", self.mode.check, options)?;
        draft.inventory(&options.inventory)?;
        draft.becomes(record.asked.becomes);
        draft.seal(&Sealed { extra_vars: options.inventory.extra_vars.clone(), ..Sealed::default() });
        let mut reports = self.mode.reports()?;
        let job = Job {
            planning: Planning::default(),
            options: self.mode.options(&options.inventory, &options.connection)?,
            renderer: Renderer::with_lookups(
                PathBuf::new(),
                Some(Arc::clone(&inventory)),
                options.connection.becomes()?,
            ),
            inventory,
            connection: &options.connection,
            selected: selected.collect(),
            playbooks: vec![format!("undo {run}")],
            detailed: self.mode.detailed_exitcode,
            journal: Some(draft),
        };
        job.run(&mut reports)
    }

    /// The play. Where the run became root, or a daemon's own user, the record of that user is the one that counts; what it
    /// did as the user of the login has a record of its own.
    fn playbook(&self, run: &str, becomes: bool) -> String {
        let containers = if self.containers == Containers::Stop { "stop" } else { "keep" };
        let undo = |optional: bool| json!({"run": run, "optional": optional});
        let name = json!(format!("undo {run}"));
        let head = format!("- hosts: all\n  name: {name}\n  gather_facts: false\n");
        if !becomes {
            return format!(
                "{head}  tasks:\n    - undo: !unsafe {}\n    - restart_docker: {{containers: {containers}}}\n",
                undo(false)
            );
        }
        let user = "\"{{ (docker_daemon | default('')).partition('rootless:')[2] or 'root' }}\"";
        let fail = json!({"msg": format!("this host has no record of run {run}: it has changed no file here, or its record has gone: the newest ten runs are kept")});
        format!(
            "{head}  tasks:\n    \
             - undo: !unsafe {undo}\n      become: true\n      become_user: {user}\n      register: dtrctl_undone\n    \
             - undo: !unsafe {undo}\n      register: dtrctl_undone_too\n    \
             - fail: !unsafe {fail}\n      when: not (dtrctl_undone.found or dtrctl_undone_too.found)\n    \
             - restart_docker: {{containers: {containers}}}\n      become: true\n      become_user: {user}\n",
            undo = undo(true)
        )
    }
}

/// Goes to where the run was begun: its paths are meant from there.
pub(super) fn enter(record: &Record) -> Result<(), Failure> {
    std::env::set_current_dir(&record.directory).map_err(|error| {
        Failure::said(format!("`{}`, where the run was begun, cannot be entered: {error}", record.directory))
    })
}

/// The hosts on which a run has begun to change something.
fn changed(kept: &Kept) -> Result<BTreeSet<String>, Failure> {
    let events = kept.told()?.events;
    let host = |event| match event {
        Event::Planned { host, .. } => Some(host),
        _ => None,
    };
    Ok(events.into_iter().filter_map(host).collect())
}
