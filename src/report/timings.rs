//! Where the time went, by task and by host.

use std::collections::{BTreeMap, HashMap};

use super::page::{Page, Tone};
use crate::event::{Cost, Position, TaskHead};

/// How many hosts are shown, the slowest first.
const HOSTS: usize = 10;

/// What tasks and hosts have cost.
#[derive(Default)]
pub struct Costs {
    /// By the place of the task: its name, what it has cost on all hosts, and the host on which it took longest.
    tasks: BTreeMap<Position, Task>,
    ends: Task,
    hosts: HashMap<String, Cost>,
}

#[derive(Default)]
struct Task {
    name: String,
    cost: Cost,
    slowest: Option<(u64, String)>,
}

impl Task {
    fn take(&mut self, host: &str, cost: Cost) {
        self.cost += cost;
        let total = cost.total();
        if self.slowest.as_ref().is_none_or(|(most, _)| total > *most) {
            self.slowest = Some((total, host.to_owned()));
        }
    }
}

impl Costs {
    /// Adds what a task has cost on a host.
    pub fn take(&mut self, host: &str, task: Option<&TaskHead>, cost: Cost) {
        let all = match task {
            Some(head) => self
                .tasks
                .entry(head.place.clone())
                .or_insert_with(|| Task { name: head.name.clone(), ..Task::default() }),
            None => &mut self.ends,
        };
        all.take(host, cost);
        *self.hosts.entry(host.to_owned()).or_default() += cost;
    }

    /// Prints both tables, where there is something to say.
    pub fn print(mut self, page: &mut Page) {
        if self.hosts.is_empty() {
            return;
        }
        "(the play's end)".clone_into(&mut self.ends.name);
        page.gap();
        page.put(0, Tone::Strong, "timings, in seconds of all hosts together");
        let mut rows = vec![head("task")];
        let ends = self.ends.slowest.is_some().then_some(&self.ends);
        for task in self.tasks.values().chain(ends) {
            let slowest = task.slowest.as_ref();
            let slowest = slowest.map(|(most, host)| format!("{} {host}", seconds(*most)));
            rows.push(row(&task.name, task.cost, slowest.unwrap_or_default()));
        }
        table(page, &rows);
        let mut hosts: Vec<(String, Cost)> = self.hosts.into_iter().collect();
        hosts.sort_by(|a, b| b.1.total().cmp(&a.1.total()).then_with(|| a.0.cmp(&b.0)));
        let left = hosts.len().saturating_sub(HOSTS);
        page.gap();
        let mut rows = vec![head("host")];
        rows[0][6] = String::new();
        rows.extend(hosts.iter().take(HOSTS).map(|(host, cost)| row(host, *cost, String::new())));
        table(page, &rows);
        if left > 0 {
            let text = format!("and {left} faster ones; `--format jsonl` and `--events` have all of them");
            page.put(2, Tone::Quiet, &text);
        }
    }
}

type Row = [String; 7];

fn head(first: &str) -> Row {
    let [connecting, host, turn, controller] = Cost::default().parts().map(|(name, _)| name.to_owned());
    [first.to_owned(), connecting, host, turn, controller, "all".to_owned(), "slowest".to_owned()]
}

fn row(name: &str, cost: Cost, slowest: String) -> Row {
    let [connecting, host, turn, controller] = cost.parts().map(|(_, micros)| seconds(micros));
    [name.to_owned(), connecting, host, turn, controller, seconds(cost.total()), slowest]
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds are shown")]
fn seconds(micros: u64) -> String {
    format!("{:.3}", micros as f64 / 1e6)
}

fn table(page: &mut Page, rows: &[Row]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..7).map(width).collect();
    for (number, row) in rows.iter().enumerate() {
        let mut text = format!("{:<1$}", row[0], widths[0]);
        for column in 1..6 {
            text += &format!("  {:>1$}", row[column], widths[column]);
        }
        text += &format!("  {}", row[6]);
        page.verbatim(2, if number == 0 { Tone::Quiet } else { Tone::Plain }, text.trim_end());
    }
}
