//! `dtrctl resume`

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::Args;
use serde::de::DeserializeOwned;

use super::ad_hoc;
use super::apply::Apply;
use super::journal::{Draft, JournalOptions, Sealed};
use super::mode::Mode;
use super::run::ConnectionOptions;
use super::undo::enter;
use super::{Done, output};
use crate::engine::Selected;
use crate::error::Failure;
use crate::journal::{History, Left, Playbook, Store};

/// Goes on with a run: the same playbooks, with the same inventory, variables and tags, for the hosts that did not end well.
///
/// What the run has done is found done. A command or request that it has finished is not made again: its recorded result
/// stands for it. Handlers that it has not come to are run.
#[derive(Debug, Args)]
pub struct Resume {
    /// The run: its id, what its id begins with, or `last`. Default: the newest one of which something is left.
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// Only hosts that this pattern selects too, of those that are left.
    #[arg(short, long, value_name = "PATTERN")]
    limit: Option<String>,
    /// Goes on though the playbook has changed since: a step is known again by its place, its module and its name.
    #[arg(long)]
    changed_playbook: bool,
    #[command(flatten)]
    mode: Mode,
    #[command(flatten)]
    connection: ConnectionOptions,
    #[command(flatten)]
    journal: JournalOptions,
}

/// How long it takes at most until a host is put back whose run was killed, in seconds.
const PUT_BACK: u64 = 90;

/// What an earlier run has left.
pub struct Resumed {
    run: String,
    /// The hosts that are left.
    hosts: BTreeSet<String>,
    /// Of each play, the hosts that were selected for it.
    plays: Vec<BTreeSet<String>>,
    /// `-l` of that run, as templates see it.
    pub limit: Option<String>,
    history: Arc<History>,
    playbooks: Vec<Playbook>,
    changed_playbook: bool,
}

impl Resume {
    pub fn run(self) -> Done {
        let store = self.journal.kept_from_anywhere()?;
        let left = self.left(&store)?;
        let name = left.kept.name.clone();
        let sealed = Sealed::of(&left.kept, &left.record)?;
        let journal = JournalOptions { journal: Some(store.directory().to_owned()) };
        let options = left.record.asked.options.clone();
        let mut connection = self.connection.clone();
        // A run that was killed may not be put back everywhere yet.
        connection.lock_timeout.get_or_insert(PUT_BACK);
        match left.record.asked.command.as_str() {
            "apply" => {
                let mut apply: Apply = read(&name, options)?;
                let resumed = self.resumed(left, apply.inventory.limit.take())?;
                apply.inventory.limit = self.limit;
                apply.inventory.extra_vars = sealed.extra_vars;
                apply.connection = connection.over(apply.connection);
                apply.allow_empty = true;
                (apply.mode, apply.journal) = (self.mode, journal);
                apply.resume(Some(&resumed))
            }
            "run" => {
                let mut run: ad_hoc::Run = read(&name, options)?;
                let resumed = self.resumed(left, run.inventory.limit.take())?;
                run.inventory.limit = self.limit;
                run.inventory.extra_vars = sealed.extra_vars;
                (run.words, run.args) = (sealed.words, sealed.args);
                run.connection = connection.over(run.connection);
                (run.mode, run.journal) = (self.mode, journal);
                run.go(Some(&resumed))
            }
            other => Err(Failure::said(format!("run {name} is a `dtrctl {other}`, which is not resumed"))
                .help("give that command again: what is done already is left alone")),
        }
    }

    /// The run to go on with.
    fn left(&self, store: &Store) -> Result<Left, Failure> {
        let left = match &self.run {
            Some(wanted) => store.left(wanted)?,
            None => store.newest_left()?.ok_or_else(|| {
                Failure::said("of no run that is kept anything is left to do")
                    .help("`dtrctl runs` lists the runs; name one to go on with it")
            })?,
        };
        let name = &left.kept.name;
        if left.goes_on {
            return Err(
                Failure::said(format!("run {name} still goes on")).help("wait for its end, or stop it")
            );
        }
        if left.record.asked.check {
            return Err(Failure::said(format!("run {name} was a check: it has done nothing to go on with"))
                .help("give its command again"));
        }
        if left.hosts.is_empty() {
            return Err(Failure::said(format!("all hosts of run {name} have ended well")));
        }
        Ok(left)
    }

    /// What it has left, and what was done; the process goes to where the run was begun.
    fn resumed(&self, left: Left, limit: Option<String>) -> Result<Resumed, Failure> {
        let record = left.record;
        let mut history = History::new(!self.changed_playbook);
        for run in &left.family {
            history.take(&run.name, &run.told()?.events);
        }
        enter(&record)?;
        output::note(&format!("going on with run {} for {} of its hosts", left.kept.name, left.hosts.len()));
        let of_play = |play: crate::journal::Play| play.hosts.into_iter().collect();
        Ok(Resumed {
            run: left.kept.name,
            hosts: left.hosts,
            plays: record.asked.plays.into_iter().map(of_play).collect(),
            limit,
            history: Arc::new(history),
            playbooks: record.asked.playbooks,
            changed_playbook: self.changed_playbook,
        })
    }
}

/// The options of a run, as this dtrctl has them.
fn read<T: DeserializeOwned>(run: &str, options: serde_json::Value) -> Result<T, Failure> {
    serde_json::from_value(options).map_err(|error| {
        Failure::said(format!("the options of run {run} cannot be read by this version of dtrctl: {error}"))
            .help("give its command again: what is done already is found done, but commands are run again")
    })
}

impl Resumed {
    /// Leaves in the plays the hosts that are left, and says in the journal which run this one goes on with.
    pub fn narrow(&self, draft: &mut Draft, plays: &mut [Selected]) -> Result<(), Failure> {
        self.refuse_changed(&draft.asked().playbooks)?;
        if plays.len() != self.plays.len() && !self.changed_playbook {
            return Err(self.changed("it has other plays"));
        }
        for (number, play) in plays.iter_mut().enumerate() {
            let selected = self.plays.get(number);
            let keeps = |host: &String| {
                self.hosts.contains(host) && selected.is_none_or(|selected| selected.contains(host))
            };
            play.hosts.retain(keeps);
            play.listed.retain(keeps);
        }
        let there: BTreeSet<&String> = plays.iter().flat_map(|play| &play.hosts).collect();
        if there.is_empty() {
            return Err(Failure::said(format!(
                "none of the hosts that are left of run {} is selected",
                self.run
            ))
            .help("look at `-l`, and whether they are still in the inventory"));
        }
        draft.resumes(&self.run, Arc::clone(&self.history));
        Ok(())
    }

    fn refuse_changed(&self, now: &[Playbook]) -> Result<(), Failure> {
        let changed = self.playbooks.iter().zip(now).find(|(then, now)| then.digest != now.digest);
        match changed {
            Some((then, _)) if !self.changed_playbook => {
                Err(self.changed(&format!("`{}` is not the same", then.path)))
            }
            _ => Ok(()),
        }
    }

    fn changed(&self, what: &str) -> Failure {
        Failure::said(format!("the playbook has changed since run {}: {what}", self.run)).help(
            "go on all the same with `--changed-playbook`, if its commands may be taken for done where their places and names \
             are the same; or run it from the beginning with `apply`",
        )
    }
}
