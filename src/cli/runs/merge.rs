//! `dtrctl runs merge`

use std::collections::BTreeMap;

use clap::Args;

use crate::cli::journal::JournalOptions;
use crate::cli::mode::{self, Shown};
use crate::cli::{Done, output};
use crate::error::{End, Failure, exit_code};
use crate::event::{Event, Reason, Recap, State, Summary, VERSION};
use crate::journal::{Ending, Kept, Record, Store};
use crate::playbook::Shard;
use crate::report::Report as _;

/// One report and one exit status of runs that did a playbook together, each with its shard of the hosts.
///
/// A shard that was cut off, or of which no run is kept, is named with what to do; its hosts count as not done.
#[derive(Debug, Args)]
pub struct Merge {
    /// The runs, one a shard. Without any: of each shard the newest run, of the rollout that began last.
    #[arg(value_name = "RUN")]
    runs: Vec<String>,
    /// Of this rollout, as its runs were told by `--rollout`.
    #[arg(long, value_name = "NAME", env = "DTRCTL_ROLLOUT", conflicts_with = "runs")]
    rollout: Option<String>,
    /// Exit status 2 where something is pending, owed or unknown.
    #[arg(long)]
    detailed_exitcode: bool,
    /// `human`, or `jsonl`, one JSON object an event.
    #[arg(long, value_enum, default_value_t = mode::Format::Human)]
    format: mode::Format,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    journal: JournalOptions,
}

/// A shard's run.
struct Part {
    shard: Shard,
    kept: Kept,
    record: Record,
}

/// What the runs of one rollout have in common.
#[derive(PartialEq)]
struct Rollout {
    count: usize,
    name: Option<String>,
    check: bool,
    playbooks: Vec<String>,
}

impl Part {
    /// A run, where it is a shard's.
    fn of(kept: Kept, record: Record) -> Option<Self> {
        let shard = record.asked.options["shard"].as_str()?.parse().ok()?;
        Some(Self { shard, kept, record })
    }

    fn rollout(&self) -> Rollout {
        let asked = &self.record.asked;
        Rollout {
            count: self.shard.count(),
            name: asked.options["rollout"].as_str().map(str::to_owned),
            check: asked.check,
            playbooks: asked.playbooks.iter().map(|playbook| playbook.digest.clone()).collect(),
        }
    }
}

impl Merge {
    pub fn run(&self) -> Done {
        let store = self.journal.kept()?;
        let parts = if self.runs.is_empty() { self.newest(&store)? } else { self.named(&store)? };
        let Some(first) = parts.values().next() else {
            return Err(Failure::said(format!("no run of a shard is kept in `{}`", store.directory().display()))
                .help("runs are shards of a rollout where they were begun with `--shard I/N`, and merged where they share `--journal DIR`"));
        };
        let (count, check) = (first.shard.count(), first.record.asked.check);
        let mut merged = Merged::default();
        for number in 1..=count {
            match parts.get(&number) {
                Some(part) => merged.add(&store, part)?,
                None => merged.miss(number, count, &store),
            }
        }
        let names: Vec<&str> = parts.values().map(|part| part.kept.name.as_str()).collect();
        let exit = merged.exit(check, self.detailed_exitcode);
        let mut reports = self.shown.reports(check, self.format)?;
        reports.on(&Event::RunStarted {
            version: VERSION,
            run: names.join("+"),
            playbooks: first.record.asked.playbooks.iter().map(|playbook| playbook.path.clone()).collect(),
            check,
            dtrctl: first.record.dtrctl.clone(),
        });
        merged.events.iter().for_each(|event| reports.on(event));
        let summary = Summary::of(&merged.hosts, check);
        reports.on(&Event::RunFinished { hosts: merged.hosts, summary, exit, connections: None });
        reports.finish().map_err(|error| Failure::said(error.to_string()))?;
        merged.open.iter().for_each(|line| output::note(line));
        Ok(exit)
    }

    /// The runs that were named.
    fn named(&self, store: &Store) -> Result<BTreeMap<usize, Part>, Failure> {
        let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
        for name in &self.runs {
            let kept = store.find(name)?;
            let record = kept.record()?;
            let part = Part::of(kept, record).ok_or_else(|| {
                Failure::said(format!("run {name} is no shard's")).help("it was begun without `--shard I/N`")
            })?;
            if let Some(other) = parts.values().find(|other| other.rollout() != part.rollout()) {
                return Err(Failure::said(format!(
                    "runs {} and {} are of different rollouts",
                    other.kept.name, part.kept.name
                ))
                .help("the shards of one have the same playbooks, the same N and the same `--rollout`"));
            }
            if let Some(other) = parts.insert(part.shard.number(), part) {
                return Err(Failure::said(format!(
                    "run {} is of shard {}, as another one is",
                    other.kept.name, other.shard
                ))
                .help("name one run a shard: those that went on with it are found by themselves"));
            }
        }
        Ok(parts)
    }

    /// The newest run of each shard, of the rollout of which a run began last. One that goes on with another is found by that.
    fn newest(&self, store: &Store) -> Result<BTreeMap<usize, Part>, Failure> {
        let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
        let mut wanted: Option<Rollout> = None;
        for kept in store.runs() {
            let Ok(record) = kept.record() else { continue };
            let Some(part) = Part::of(kept, record) else { continue };
            let rollout = part.rollout();
            if self.rollout.is_some() && self.rollout != rollout.name {
                continue;
            }
            if *wanted.get_or_insert_with(|| part.rollout()) == rollout {
                parts.entry(part.shard.number()).or_insert(part);
            }
        }
        if let (Some(name), true) = (&self.rollout, parts.is_empty()) {
            return Err(Failure::said(format!("no run is of the rollout `{name}`")));
        }
        Ok(parts)
    }
}

/// What all shards have said.
#[derive(Default)]
struct Merged {
    events: Vec<Event>,
    hosts: BTreeMap<String, Recap>,
    /// What is still to be done, for people.
    open: Vec<String>,
    is_interrupted: bool,
    is_stopped: bool,
    lacks_one: bool,
}

impl Merged {
    fn add(&mut self, store: &Store, part: &Part) -> Result<(), Failure> {
        let left = store.left(&part.kept.name)?;
        // A check has no family: nothing goes on with it.
        let chain = if left.family.is_empty() { vec![part.kept.clone()] } else { left.family };
        for kept in &chain {
            let told = kept.told()?;
            let own = |event: &Event| !matches!(event, Event::RunStarted { .. } | Event::RunFinished { .. });
            self.events.extend(told.events.into_iter().filter(own));
            match kept.ending() {
                Ending::Finished(event) => {
                    if let Event::RunFinished { hosts, exit, .. } = *event {
                        self.hosts.extend(hosts);
                        if kept.name == chain[chain.len() - 1].name {
                            self.is_interrupted |= exit == 130;
                            self.is_stopped |= exit == 5;
                        }
                    }
                }
                ending => self.lose(kept, part.shard, matches!(ending, Ending::GoesOn))?,
            }
        }
        let last = &chain[chain.len() - 1];
        match last.ending() {
            Ending::Finished(_) => {}
            Ending::GoesOn => {
                self.open.push(format!("shard {}: run {} still goes on", part.shard, last.name));
            }
            Ending::Unfinished => self.open.push(format!(
                "shard {}: run {} was cut off; `dtrctl resume {}` goes on with it",
                part.shard, last.name, last.name
            )),
        }
        Ok(())
    }

    /// Nobody knows how the hosts of a run have ended that has not.
    fn lose(&mut self, kept: &Kept, shard: Shard, goes_on: bool) -> Result<(), Failure> {
        let why = if goes_on { "still goes on" } else { "was cut off" };
        for host in kept.record()?.hosts() {
            let message = format!("run {} of shard {shard} {why}", kept.name);
            let help = (!goes_on).then(|| format!("`dtrctl resume {}` goes on with it", kept.name));
            let reason = Reason { kind: "shard".to_owned(), message, help, place: None };
            let recap = Recap { state: State::Aborted, reason: Some(reason), ..Recap::default() };
            self.hosts.insert(host.to_owned(), recap);
        }
        Ok(())
    }

    fn miss(&mut self, number: usize, count: usize, store: &Store) {
        self.lacks_one = true;
        let place = store.directory().display();
        let text = format!("shard {number}/{count} is missing: no run of it is kept in `{place}`");
        self.events.push(Event::Said { text, warning: true });
        self.open.push(format!("shard {number}/{count}: begin it with `--shard {number}/{count}`"));
    }

    fn exit(&self, check: bool, detailed: bool) -> u8 {
        let end = match (self.is_interrupted, self.is_stopped) {
            (true, _) => End::Interrupt,
            (false, true) => End::Gate,
            (false, false) => End::Through,
        };
        match exit_code(&self.hosts, end, check, detailed) {
            // Its hosts are nobody's, and not done.
            0 | 2 if self.lacks_one => 5,
            code => code,
        }
    }
}
