//! `JUnit` XML: a suite a play, a case a host and task. Written whole at the end.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::{Report, ReportError, Sink};
use crate::event::{Event, Outcome, PlannedChange, Reason, Recap, State, Summary, TaskHead, visible};

/// `JUnit` XML.
pub struct Junit {
    sink: Sink,
    check: bool,
    suites: Vec<TestSuite>,
    /// Changes of a task that has not ended yet, a line each.
    planned: HashMap<String, Vec<String>>,
    /// Hosts of which a case says that they went wrong.
    wrong: HashSet<String>,
}

impl Junit {
    /// A report to this writer.
    #[must_use]
    pub fn new(to: Box<dyn Write + Send>) -> Self {
        Self {
            sink: Sink::new("JUnit file", to),
            check: false,
            suites: Vec::new(),
            planned: HashMap::new(),
            wrong: HashSet::new(),
        }
    }

    fn add(&mut self, host: &str, name: &str, status: TestCaseStatus, output: &str) {
        if matches!(status, TestCaseStatus::NonSuccess { .. }) {
            self.wrong.insert(host.to_owned());
        }
        let mut case = TestCase::new(xml(name), status);
        case.set_classname(xml(host));
        if !output.is_empty() {
            case.set_system_out(xml(output));
        }
        if self.suites.is_empty() {
            self.suites.push(TestSuite::new("run"));
        }
        if let Some(suite) = self.suites.last_mut() {
            suite.add_test_case(case);
        }
    }

    fn planned(&mut self, host: &str, changes: &[PlannedChange]) {
        let lines = changes.iter().map(|change| change.diff.as_ref().unwrap_or(&change.summary).clone());
        self.planned.insert(host.to_owned(), lines.collect());
    }

    fn finished(
        &mut self,
        host: &str,
        task: &TaskHead,
        outcome: Outcome,
        reason: Option<&Reason>,
        said: Vec<String>,
    ) {
        let name = match &task.item {
            Some(item) => format!("{} [{item}]", task.name),
            None => task.name.clone(),
        };
        let status = match outcome {
            Outcome::Ok | Outcome::Changed | Outcome::Ignored | Outcome::Rescued => TestCaseStatus::success(),
            Outcome::Failed => wrong(NonSuccessKind::Failure, reason),
            Outcome::Skipped => skipped(reason.map_or("", |reason| &reason.message)),
            Outcome::Unknown => {
                skipped(&format!("depends on apply: {}", reason.map_or("", |reason| &reason.message)))
            }
        };
        let mut lines = self.planned.remove(host).unwrap_or_default();
        if outcome == Outcome::Changed {
            lines.insert(0, if self.check { "would change" } else { "changed" }.to_owned());
        }
        match (outcome, reason) {
            (Outcome::Ignored, Some(reason)) => lines.push(format!("failed, and ignored: {}", text(reason))),
            (Outcome::Rescued, Some(reason)) => lines.push(format!("failed, and rescued: {}", text(reason))),
            _ => {}
        }
        lines.extend(said);
        self.add(host, &name, status, &lines.join("\n"));
    }

    /// A host that ended badly, though none of its tasks says so.
    fn ended(&mut self, hosts: &BTreeMap<String, Recap>) {
        let bad = hosts.iter().filter(|(_, recap)| recap.state >= State::RolledBack);
        let bad: Vec<_> = bad.filter(|(host, _)| !self.wrong.contains(*host)).collect();
        if bad.is_empty() {
            return;
        }
        self.suites.push(TestSuite::new("end state"));
        for (host, recap) in bad {
            let state = serde_json::to_value(recap.state).unwrap_or_default();
            let state = state.as_str().unwrap_or_default().replace('_', " ");
            let mut status = wrong(NonSuccessKind::Error, recap.reason.as_ref());
            if recap.reason.is_none() {
                status.set_message(xml(&state));
            }
            self.add(host, &state, status, "");
        }
    }

    /// A suite without cases, as only suites have properties: how many hosts stand how.
    fn summed_up(&mut self, summary: &Summary) {
        let mut suite = TestSuite::new("summary");
        for (name, count) in summary.counts() {
            suite.add_property(Property::new(name, count.to_string()));
        }
        self.suites.push(suite);
    }
}

/// XML cannot hold control characters, not even escaped: they are made visible.
fn xml(text: &str) -> XmlString {
    XmlString::new(visible::text(text))
}

fn wrong(kind: NonSuccessKind, reason: Option<&Reason>) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    if let Some(reason) = reason {
        status
            .set_type(xml(&reason.kind))
            .set_message(xml(&reason.message))
            .set_description(xml(&text(reason)));
    }
    status
}

fn skipped(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(xml(message));
    status
}

fn text(reason: &Reason) -> String {
    let help = reason.help.as_ref().map(|help| format!("help: {help}"));
    [Some(reason.message.clone()), reason.place.clone(), help]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

impl Report for Junit {
    fn on(&mut self, event: &Event) {
        match event {
            Event::RunStarted { check, .. } => self.check = *check,
            Event::PlayStarted { play, .. } => self.suites.push(TestSuite::new(xml(play))),
            Event::Planned { host, changes, .. } => self.planned(host, changes),
            Event::TaskFinished { host, task, outcome, notes, owed, reason, .. } => {
                let mut said: Vec<String> = notes.iter().map(|note| note.text.clone()).collect();
                said.extend(owed.iter().map(|owed| format!("owed: {owed}")));
                self.finished(host, task, *outcome, reason.as_ref(), said);
            }
            Event::HostUnreachable { host, reason } | Event::HostFailed { host, reason } => {
                self.add(host, "connection", wrong(NonSuccessKind::Error, Some(reason)), "");
            }
            Event::RunFinished { hosts, summary, .. } => {
                self.ended(hosts);
                self.summed_up(summary);
            }
            _ => {}
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        let mut report = quick_junit::Report::new("dtrctl");
        report.add_test_suites(std::mem::take(&mut self.suites));
        if let Ok(text) = report.to_string() {
            self.sink.write(text.as_bytes());
        }
        self.sink.finish()
    }
}
