//! `undo`: puts back what a run has changed.

mod plan;
#[cfg(test)]
mod tests;
mod trust;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{
    AskDir, AskFile, AskInfo, AskOwed, AskProcess, AskStat, AskUndo, Checksum, DaemonInfo, Dir, Entity,
    EntityKind, File, Host, KeptPath, Module, OwedRecord, Plan, PlanError, Probe, Process, Stat, UndoRecord,
    guard,
};
use crate::platform::{self, Daemon};
use crate::stores::system::System;

/// Puts back what a run has changed on a host, by the record that the run has left there: files, links, directories, their
/// owners and permissions. A path that has moved on since is left alone, and said. `dtrctl undo RUN` is this module, followed
/// by `restart_docker`.
///
/// A host keeps the records of its newest ten runs, of each user that they changed something as. Files of more than 1 MiB,
/// and what a command has done, are not put back. Where anchors leave the system's trust store or come back to it, the store
/// is built anew; where the docker daemon has to take notice, that is owed.
///
/// Registered: `found` (whether there is a record), `restored` and `left` (the paths).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Undo {
    /// The run's id, as `dtrctl runs` lists it.
    run: String,
    /// Whether a host may be without a record of that run. Default: false.
    #[serde(default)]
    optional: bool,
}

/// A path of the record with what stands there now.
pub struct Place {
    kept: KeptPath,
    now: Option<Entity>,
    /// A file's content, where it was read.
    file: Option<File>,
    /// A directory's entries.
    dir: Option<Dir>,
}

/// What was found on the host.
pub struct Found {
    record: UndoRecord,
    places: Vec<Place>,
    process: Process,
    info: Option<DaemonInfo>,
    owed: Vec<OwedRecord>,
    store: Option<System>,
}

/// Files longer than this are not read.
const READABLE: u64 = 1 << 20;

impl Module for Undo {
    const NAME: &'static str = "undo";
    const EXAMPLE: &'static str =
        "- undo:\n    run: 20261124T101500Z-a1b2c3\n  become: true\n- restart_docker: {}\n  become: true\n";
    type State = Found;

    fn probe(&self, host: &Host) -> Probe<Found> {
        let row = platform::of(&host.facts);
        let config = Daemon::assumed(host).config;
        // What is no id is asked of no host.
        let record = if is_id(&self.run) {
            Probe::ask(AskUndo { record: guard::record(&self.run, &host.name) })
        } else {
            Probe::ready(UndoRecord::default())
        };
        record.and_then(move |record| {
            let in_store = |kept: &KeptPath| row.is_some_and(|row| trust::is_anchor(row, &kept.path));
            // A user who may not ask the daemon has changed nothing that it reads.
            let concerns = record.paths.iter().any(|kept| kept.path == config || in_store(kept));
            let daemon = if concerns {
                Probe::ask(AskProcess).zip(Probe::ask(AskInfo)).zip(Probe::ask(AskOwed))
            } else {
                Probe::ready(((Process::default(), None), Vec::new()))
            };
            let store = match row.filter(|_| record.paths.iter().any(in_store)) {
                Some(row) => System::probe(row),
                None => Probe::ready(None),
            };
            let stats = record.paths.iter().map(|kept| Probe::ask(stat(kept))).collect();
            Probe::all(stats).zip(store).zip(daemon).and_then(move |((stats, store), daemon)| {
                let ((process, info), owed) = daemon;
                let places = record.paths.iter().cloned().zip(stats).map(|(kept, stat)| place(kept, stat));
                Probe::all(places.collect()).map(move |places| Found {
                    record,
                    places,
                    process,
                    info,
                    owed,
                    store,
                })
            })
        })
    }

    fn plan(&self, host: &Host, found: Found) -> Result<Plan, PlanError> {
        if !is_id(&self.run) {
            return Err(PlanError::new(format!("`{}` is no run's id", self.run))
                .help("`dtrctl runs` lists them, such as `20261124T101500Z-a1b2c3`"));
        }
        if !found.record.known && !self.optional {
            return Err(PlanError::new(format!("this host has no record of run {}", self.run)).help(
                "it has changed no file here as this user, or its record has gone: the newest ten runs are kept",
            ));
        }
        Ok(plan::plan(&found, host))
    }
}

/// Whether a text is shaped as a run's id: it becomes the name of a directory.
fn is_id(text: &str) -> bool {
    text.len() >= 8 && text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn stat(kept: &KeptPath) -> AskStat {
    AskStat { path: kept.path.clone(), follow: false, checksum: Some(Checksum::Sha256), times: false }
}

/// What stands at a path now, with what it holds where that may have to be replaced.
fn place(kept: KeptPath, stat: Stat) -> Probe<Place> {
    let Some(now) = stat.entry else {
        return Probe::ready(Place { kept, now: None, file: None, dir: None });
    };
    let path = kept.path.clone();
    let is_ours = kept.after.as_ref().is_some_and(|after| plan::is_so(Some(&now), after));
    let known = Place { kept, now: Some(now.clone()), file: None, dir: None };
    match now.kind {
        EntityKind::File if is_ours && now.size.is_none_or(|size| size <= READABLE) => {
            Probe::ask(AskFile::new(path)).map(|file| Place { file: Some(file), ..known })
        }
        EntityKind::Directory if is_ours => {
            Probe::ask(AskDir { path }).map(|dir| Place { dir: Some(dir), ..known })
        }
        _ => Probe::ready(known),
    }
}
