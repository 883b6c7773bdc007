//! The list of runs.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::event::visible;
use crate::event::{Event, Recap, State};
use crate::journal::{Ending, Kept, Record};
use crate::report::fold;

/// A run in the list.
pub struct Listed {
    record: Record,
    ending: Ending,
}

impl Listed {
    /// The run with how it ended.
    pub fn of(kept: &Kept, record: Record) -> Self {
        Self { record, ending: kept.ending() }
    }

    fn ended(&self) -> String {
        match &self.ending {
            Ending::GoesOn => "still goes on".to_owned(),
            Ending::Unfinished => "unfinished".to_owned(),
            Ending::Finished(event) => match event.as_ref() {
                Event::RunFinished { hosts, exit, .. } => {
                    let counts = counts(hosts);
                    let each =
                        counts.iter().map(|(state, count)| format!("{count} {}", state.replace('_', " ")));
                    let said = each.collect::<Vec<_>>().join(", ");
                    if said.is_empty() { format!("exit {exit}") } else { format!("{said} · exit {exit}") }
                }
                _ => "unfinished".to_owned(),
            },
        }
    }

    /// The command line without the program's own name.
    fn asked(&self) -> String {
        let words = self.record.asked.argv.iter().skip(1).map(|word| visible::line(word));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// How many hosts ended in each state, the bad ones last.
fn counts(hosts: &BTreeMap<String, Recap>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    hosts.values().for_each(|recap| *counts.entry(recap.state).or_default() += 1);
    let word = |state: State| json!(state).as_str().unwrap_or_default().to_owned();
    counts.into_iter().map(|(state, count)| (word(state), count)).collect()
}

/// The list for people: two lines a run.
pub fn text(runs: &[Listed]) -> String {
    let mut text = String::new();
    for run in runs {
        let record = &run.record;
        let when = record.started.get(..19).unwrap_or(&record.started).replace('T', " ");
        let hosts = record.hosts();
        let count = if hosts.len() == 1 { "1 host".to_owned() } else { format!("{} hosts", hosts.len()) };
        let folded = if hosts.is_empty() { String::new() } else { format!(": {}", shortened(&fold(&hosts))) };
        let check = if record.asked.check { "check · " } else { "" };
        text += &format!(
            "{}  {when}  {}  {}\n    {count}{folded} · {check}{}\n",
            record.run,
            visible::line(&record.who),
            run.asked(),
            run.ended()
        );
    }
    text
}

/// A line's worth of a list of hosts.
fn shortened(hosts: &str) -> String {
    const MOST: usize = 100;
    if hosts.chars().count() <= MOST {
        return hosts.to_owned();
    }
    hosts.chars().take(MOST).chain(['…']).collect()
}

/// The list as data.
pub fn json(runs: &[Listed]) -> Json {
    let one = |run: &Listed| {
        let record = &run.record;
        let (state, hosts, exit) = match &run.ending {
            Ending::GoesOn => ("goes_on", None, None),
            Ending::Finished(event) => match event.as_ref() {
                Event::RunFinished { hosts, exit, .. } => ("finished", Some(hosts), Some(exit)),
                _ => ("unfinished", None, None),
            },
            Ending::Unfinished => ("unfinished", None, None),
        };
        json!({
            "run": record.run,
            "started": record.started,
            "ended": record.ended,
            "who": record.who,
            "directory": record.directory,
            "dtrctl": record.dtrctl,
            "command": record.asked.command,
            "argv": record.asked.argv,
            "check": record.asked.check,
            "playbooks": record.asked.playbooks,
            "inventory": record.asked.inventory,
            "resumes": record.asked.resumes,
            "hosts": record.hosts(),
            "state": state,
            "exit": exit,
            "states": hosts.map(|hosts| counts(hosts).into_iter().collect::<BTreeMap<_, _>>()),
        })
    };
    runs.iter().map(one).collect()
}
