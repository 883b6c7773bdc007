//! The report for people: results on standard output, progress and diagnostics on standard error.

use std::collections::HashMap;
use std::io::Write;

use super::batch::{Batch, Part, TaskRun};
use super::page::{Page, Tone};
use super::recap::{self, Ending};
use super::task::{self, Setting};
use super::timings::Costs;
use super::{Look, Progress, Report, ReportError, Sink, fold};
use crate::event::{Event, Outcome, RAN};

/// The report for people.
pub struct Human {
    out: Sink,
    err: Sink,
    look: Look,
    progress: Progress,
    check: bool,
    /// Whether a task has run in check mode.
    ran: bool,
    play: Vec<String>,
    batch: Batch,
    order: HashMap<String, usize>,
    failed: HashMap<String, String>,
    /// What tasks and hosts have cost, where that is said.
    costs: Costs,
    /// Why a gate has closed, and how to go on.
    closed: Option<(String, String)>,
    /// Whether the block before has more than a line; none after a heading.
    block: Option<bool>,
}

impl Human {
    /// A report: results to `out`, diagnostics to `err`, where `progress` is drawn too.
    #[must_use]
    pub fn new(
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
        look: Look,
        progress: Progress,
    ) -> Self {
        Self {
            out: Sink::new("report", out),
            err: Sink::new("diagnostics", err),
            look,
            progress,
            check: false,
            ran: false,
            play: Vec::new(),
            batch: Batch::default(),
            order: HashMap::new(),
            failed: HashMap::new(),
            costs: Costs::default(),
            closed: None,
            block: None,
        }
    }

    fn print(&mut self, fill: impl FnOnce(&mut Page)) {
        let text = self.laid_out(fill);
        self.progress.around(|| self.out.write(text.as_bytes()));
    }

    fn laid_out(&self, fill: impl FnOnce(&mut Page)) -> String {
        let mut page = Page::new(self.look);
        fill(&mut page);
        page.into_text()
    }

    fn start(&mut self, run: &str, playbooks: &[String], check: bool) {
        self.check = check;
        let what = if check { "check of " } else { "apply " };
        let tail = if check { ": nothing is changed" } else { "" };
        let text = format!("{what}{}{tail} · run {run}", playbooks.join(", "));
        self.print(|page| page.put(0, Tone::Quiet, &text));
    }

    fn play(&mut self, play: &str, hosts: &[String]) {
        for host in hosts {
            let next = self.order.len();
            self.order.entry(host.clone()).or_insert(next);
        }
        self.play = hosts.to_vec();
        self.block = None;
        self.print(|page| {
            page.gap();
            let head = [(Tone::Strong, "play "), (Tone::Strong, play), (Tone::Quiet, " · ")];
            page.headed(0, &head, 2, Tone::Plain, &many(hosts));
        });
    }

    fn batch(&mut self, hosts: &[String]) {
        self.batch = Batch::new(hosts.to_vec());
        self.block = None;
        self.flush(false);
        if hosts.len() < self.play.len() {
            self.print(|page| {
                page.gap();
                page.headed(
                    0,
                    &[(Tone::Strong, "batch"), (Tone::Quiet, " · ")],
                    2,
                    Tone::Plain,
                    &many(hosts),
                );
            });
        }
    }

    /// Prints the tasks that are through; at the batch's end, all that are left.
    fn flush(&mut self, end: bool) {
        let setting = Setting { check: self.check, all: self.batch.hosts().len() };
        while let Some(run) = if end { self.batch.pop() } else { self.batch.next() } {
            self.print_task(&run, setting);
        }
        if end {
            self.print_lost(setting);
        }
        let batch = &self.batch;
        self.progress.at(batch.left(), setting.all, batch.current());
    }

    fn print_task(&mut self, run: &TaskRun, setting: Setting) {
        // A host that is lost is said before the first task that it has no part in.
        if run.hosts.len() < setting.all {
            self.print_lost(setting);
        }
        if !run.hosts.is_empty() {
            self.print_block(|page| task::print(page, run, setting));
        }
    }

    fn print_lost(&mut self, setting: Setting) {
        let lost = self.batch.take_lost();
        if !lost.is_empty() {
            self.print_block(|page| task::print_lost(page, &lost, setting));
        }
    }

    /// Prints a block. It stands off from the one before where either has more than a line.
    fn print_block(&mut self, fill: impl FnOnce(&mut Page)) {
        let text = self.laid_out(fill);
        let long = text.lines().count() > 1;
        let before = self.block.replace(long);
        let gap = if before.is_some_and(|before| before || long) { "\n" } else { "" };
        let text = format!("{gap}{text}");
        self.progress.around(|| self.out.write(text.as_bytes()));
    }

    fn say(&mut self, text: &str, warning: bool) {
        let text = self.laid_out(|page| {
            if warning { task::warning(page, 0, text) } else { page.put(0, Tone::Plain, text) }
        });
        self.progress.around(|| self.err.write(text.as_bytes()));
    }
}

impl Report for Human {
    fn pause(&mut self) {
        self.progress.pause();
    }

    fn on(&mut self, event: &Event) {
        self.progress.go_on();
        match event {
            Event::RunStarted { run, playbooks, check, .. } => self.start(run, playbooks, *check),
            Event::PlayStarted { play, hosts } => self.play(play, hosts),
            Event::BatchStarted { hosts, .. } => self.batch(hosts),
            Event::Planned { host, task, changes } => self.batch.planned(host, task, changes),
            Event::TaskFinished { host, task, outcome, result, notes, owed, reason } => {
                if *outcome == Outcome::Failed {
                    self.failed.insert(host.clone(), task.name.clone());
                }
                self.ran |= self.check && notes.iter().any(|note| note.text == RAN);
                let (notes, owed, reason) = (notes.clone(), owed.clone(), reason.clone());
                let shown = || serde_json::to_string(result).unwrap_or_default();
                // One that is hidden is empty.
                let result = (self.look.results && !result.is_empty()).then(shown);
                let end = Part { outcome: Some(*outcome), notes, owed, reason, result, ..Part::default() };
                self.batch.finished(host, task, end);
                self.flush(false);
            }
            Event::Retried { host, task, attempts, most, message } => {
                let why = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
                self.say(
                    &format!("{host}: `{}` is done again, {attempts} of {most} times so far{why}", task.name),
                    false,
                );
            }
            Event::HostUnreachable { host, reason } => {
                self.batch.lose(host, reason.clone(), false);
                self.flush(false);
            }
            Event::HostFailed { host, reason } => {
                self.batch.lose(host, reason.clone(), true);
                self.flush(false);
            }
            Event::HostFinished { host } => {
                self.batch.leave(host);
                self.flush(false);
            }
            Event::BatchFinished => self.flush(true),
            Event::Said { text, warning } => self.say(text, *warning),
            Event::HostStarted { .. } => {}
            Event::Timed { host, task, cost } => self.costs.take(host, task.as_ref(), *cost),
            Event::GateClosed { message, help, .. } => {
                self.say(message, true);
                self.closed = Some((message.clone(), help.clone()));
            }
            Event::RunFinished { hosts, summary, exit, connections } => {
                // A run that was stopped may not have closed its batch.
                self.flush(true);
                self.progress.clear();
                let (order, failed) = (std::mem::take(&mut self.order), std::mem::take(&mut self.failed));
                let closed = self.closed.take();
                let ending = Ending {
                    hosts,
                    exit: *exit,
                    check: self.check,
                    ran: self.ran,
                    order: &order,
                    failed: &failed,
                    summary,
                    closed: closed.as_ref(),
                    connections: *connections,
                };
                self.print(|page| recap::print(page, &ending));
                let costs = std::mem::take(&mut self.costs);
                self.print(|page| costs.print(page));
            }
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.flush(true);
        self.progress.clear();
        self.out.finish().and(self.err.finish())
    }
}

/// Hosts with their number, where one does not see it at once.
fn many(hosts: &[String]) -> String {
    match hosts {
        [] => "no hosts".to_owned(),
        [host] => host.clone(),
        hosts => format!("{} hosts: {}", hosts.len(), fold(hosts)),
    }
}
