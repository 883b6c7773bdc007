//! Who trusts what, until when: hosts with equal answers together, by group.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Map, Value, json};

use super::page::{Page, Tone};
use super::{Look, Progress, Report, ReportError, Sink, fold};
use crate::event::overview::{Answer, Overview, Standing};
use crate::event::{Event, Reason};

/// What the report is about.
pub struct Question {
    /// The registry.
    pub registry: String,
    /// The file with a certificate that is not served yet; none where the one that is served is judged.
    pub certificate: Option<String>,
    /// The groups of each host.
    pub groups: BTreeMap<String, Vec<String>>,
    /// The exit code: of the hosts' standings, and of the run itself.
    pub exit: fn(&Overview, u8) -> u8,
}

/// The report.
pub struct Trust {
    out: Sink,
    look: Look,
    progress: Progress,
    json: bool,
    question: Question,
    overview: Overview,
    exit: u8,
}

impl Trust {
    /// A report to `out`: for people, or one JSON document.
    #[must_use]
    pub fn new(
        out: Box<dyn Write + Send>,
        look: Look,
        progress: Progress,
        json: bool,
        question: Question,
    ) -> Self {
        let overview = Overview::default();
        Self { out: Sink::new("report", out), look, progress, json, question, overview, exit: 0 }
    }

    /// The exit code, once the run is over.
    #[must_use]
    pub const fn exit(&self) -> u8 {
        self.exit
    }
}

impl Report for Trust {
    fn on(&mut self, event: &Event) {
        self.overview.on(event);
        match event {
            Event::HostFinished { .. } => {
                self.progress.at(self.overview.answers.len(), self.overview.order.len(), None);
            }
            Event::RunFinished { exit, .. } => {
                self.exit = (self.question.exit)(&self.overview, *exit);
                let text = if self.json { self.document() } else { self.page() };
                self.progress.clear();
                self.out.write(text.as_bytes());
            }
            _ => {}
        }
    }

    fn finish(&mut self) -> Result<(), ReportError> {
        self.progress.clear();
        self.out.finish()
    }
}

/// Hosts with equal answers.
struct Fold<'a> {
    answer: &'a Answer,
    hosts: Vec<&'a str>,
}

impl Trust {
    /// The good ones first; within them in the play's order.
    fn folds(&self) -> Vec<Fold<'_>> {
        let mut folds: Vec<(String, Fold<'_>)> = Vec::new();
        for host in self.hosts() {
            let Some(answer) = self.overview.answers.get(host) else { continue };
            let key = key(answer);
            match folds.iter_mut().find(|(known, _)| *known == key) {
                Some((_, fold)) => fold.hosts.push(host),
                None => folds.push((key, Fold { answer, hosts: vec![host] })),
            }
        }
        folds.sort_by_key(|(_, fold)| fold.answer.standing);
        folds.into_iter().map(|(_, fold)| fold).collect()
    }

    fn hosts(&self) -> Vec<&str> {
        let ordered = self.overview.order.iter().map(String::as_str);
        let others = self.overview.answers.keys().map(String::as_str);
        let mut seen = std::collections::HashSet::new();
        ordered.chain(others).filter(|host| seen.insert(*host)).collect()
    }

    /// The hosts of a fold, each set of groups by itself.
    fn by_group<'a>(&self, hosts: &[&'a str]) -> Vec<(String, Vec<&'a str>)> {
        let mut all: Vec<(String, Vec<&str>)> = Vec::new();
        for host in hosts {
            let groups = self.question.groups.get(*host).map(|groups| groups.join(",")).unwrap_or_default();
            match all.iter_mut().find(|(known, _)| *known == groups) {
                Some((_, members)) => members.push(host),
                None => all.push((groups, vec![host])),
            }
        }
        all
    }

    fn page(&self) -> String {
        let mut page = Page::new(self.look);
        self.head(&mut page);
        for fold in self.folds() {
            page.gap();
            self.fold(&mut page, &fold);
        }
        page.gap();
        self.totals(&mut page);
        page.into_text()
    }

    fn head(&self, page: &mut Page) {
        let registry = &self.question.registry;
        let hosts = self.hosts();
        let count = format!("{} {}", hosts.len(), if hosts.len() == 1 { "host" } else { "hosts" });
        let what = match &self.question.certificate {
            Some(file) => format!("would {file} be accepted for {registry}? · {count}: "),
            None => format!("trust in {registry} · {count}: "),
        };
        page.headed(0, &[(Tone::Strong, &what)], 2, Tone::Plain, &fold(&hosts));
        if let Some(leaf) = self.overview.shared("leaf") {
            let line = format!(
                "{} `{}`, {}, issued by `{}`, until {}",
                if self.question.certificate.is_some() {
                    "the given certificate is"
                } else {
                    "its certificate is"
                },
                text(leaf, "subject"),
                text(leaf, "sha256"),
                text(leaf, "issuer"),
                date(leaf),
            );
            page.put(2, Tone::Plain, &line);
        } else if self.overview.shared("served_error").is_some() {
            page.put(2, Tone::Changed, "the certificate that it serves is not known here");
        }
    }

    fn fold(&self, page: &mut Page, fold: &Fold<'_>) {
        let answer = fold.answer;
        let (word, tone) = said(answer.standing, self.question.certificate.is_some());
        let number = format!("  {}", fold.hosts.len());
        page.headed(0, &[(tone, word), (Tone::Strong, &number)], 2, Tone::Plain, "");
        for (groups, hosts) in self.by_group(&fold.hosts) {
            let head = if groups.is_empty() { String::new() } else { format!("{groups}: ") };
            page.headed(2, &[(Tone::Quiet, &head)], 4, Tone::Strong, &super::fold(&hosts));
        }
        if let Some(reason) = answer.reason.as_ref().filter(|_| answer.result.get("status").is_none()) {
            because(page, reason);
            return;
        }
        details(page, &answer.result);
        for warning in &answer.warnings {
            page.headed(2, &[(Tone::Changed, "warning: ")], 4, Tone::Plain, warning);
        }
        if let Some(next) = answer.result.get("next").and_then(Value::as_str) {
            page.headed(2, &[(Tone::Help, "next: ")], 4, Tone::Plain, next);
        }
    }

    fn totals(&self, page: &mut Page) {
        let counts = ALL.iter().filter_map(|standing| {
            let count = self.overview.count(*standing);
            let word = said(*standing, self.question.certificate.is_some()).0;
            (count > 0).then(|| format!("{count} {word}"))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        page.put(0, Tone::Plain, &format!("exit status {}: {counts}", self.exit));
    }

    fn document(&self) -> String {
        let folds = self.folds();
        let folded: Vec<Value> = folds.iter().map(|one| json!({
            "status": one.answer.standing,
            "hosts": one.hosts,
            "folded": fold(&one.hosts),
            "groups": self.by_group(&one.hosts).iter().map(|(groups, hosts)| (groups.clone(), Value::from(fold(hosts)))).collect::<Map<_, _>>(),
        })).collect();
        let totals: Map<String, Value> = ALL
            .iter()
            .map(|standing| (word(*standing), Value::from(self.overview.count(*standing))))
            .collect();
        let hosts: Map<String, Value> = self
            .hosts()
            .into_iter()
            .filter_map(|host| Some((host.to_owned(), self.host(host, self.overview.answers.get(host)?))))
            .collect();
        let document = json!({
            "version": 1,
            "registry": self.question.registry,
            "certificate": self.question.certificate,
            "leaf": self.overview.shared("leaf"),
            "served_error": self.overview.shared("served_error"),
            "hosts": hosts,
            "folds": folded,
            "totals": totals,
            "exit": self.exit,
        });
        format!("{document:#}\n")
    }

    fn host(&self, name: &str, answer: &Answer) -> Value {
        let mut host = answer.result.clone();
        for noise in ["changed", "failed", "msg", "registry", "leaf", "served_error"] {
            host.remove(noise);
        }
        host.insert("status".to_owned(), json!(answer.standing));
        host.insert("groups".to_owned(), json!(self.question.groups.get(name)));
        host.insert("warnings".to_owned(), json!(answer.warnings));
        if let Some(reason) = answer.reason.as_ref().filter(|_| !answer.result.contains_key("status")) {
            host.insert("reason".to_owned(), json!(reason.message));
            host.insert("next".to_owned(), json!(reason.help));
        }
        Value::Object(host)
    }
}

const ALL: [Standing; 9] = [
    Standing::Trusted,
    Standing::Expiring,
    Standing::Skipped,
    Standing::Insecure,
    Standing::Unknown,
    Standing::Untrusted,
    Standing::NotAttempted,
    Standing::Unreachable,
    Standing::Failed,
];

/// What makes two answers equal.
fn key(answer: &Answer) -> String {
    let reason = answer.reason.as_ref().map(|reason| (&reason.message, &reason.help));
    json!([answer.standing, answer.result, answer.warnings, reason]).to_string()
}

fn word(standing: Standing) -> String {
    json!(standing).as_str().unwrap_or_default().to_owned()
}

const fn said(standing: Standing, given: bool) -> (&'static str, Tone) {
    match standing {
        Standing::Trusted if given => ("accepted", Tone::Good),
        Standing::Trusted => ("trusted", Tone::Good),
        Standing::Expiring if given => ("accepted, ending soon", Tone::Changed),
        Standing::Expiring => ("trusted, ending soon", Tone::Changed),
        Standing::Skipped => ("without docker", Tone::Quiet),
        Standing::Insecure => ("insecure", Tone::Changed),
        Standing::Unknown => ("unknown", Tone::Open),
        Standing::Untrusted if given => ("not accepted", Tone::Bad),
        Standing::Untrusted => ("not trusted", Tone::Bad),
        Standing::NotAttempted => ("not attempted", Tone::Bad),
        Standing::Unreachable => ("unreachable", Tone::Bad),
        Standing::Failed => ("failed", Tone::Bad),
    }
}

fn because(page: &mut Page, reason: &Reason) {
    page.put(2, Tone::Plain, &reason.message);
    super::task::help(page, 2, reason);
}

/// The lines of one answer.
fn details(page: &mut Page, result: &Map<String, Value>) {
    let status = result.get("status").and_then(Value::as_str).unwrap_or_default();
    if status != "trusted" {
        page.put(2, Tone::Plain, result.get("reason").and_then(Value::as_str).unwrap_or_default());
    }
    let by = list(result, "trusted_by");
    for anchor in by {
        let lead = if status == "trusted" { "by" } else { "it would be by" };
        certificate(page, lead, anchor);
    }
    if by.is_empty() {
        list(result, "holds").iter().for_each(|held| certificate(page, "it holds", held));
    }
    if let (Some(days), Some(until)) = (result.get("days").and_then(Value::as_i64), result.get("until")) {
        let ends = result.get("ends_first").and_then(Value::as_str).unwrap_or_default();
        let tone =
            if result.get("expiring") == Some(&Value::Bool(true)) { Tone::Changed } else { Tone::Plain };
        page.put(2, tone, &format!("until {}, in {days} days, when `{ends}` ends", day(until)));
    }
    if let Some(renewal) = result.get("renewal").filter(|renewal| renewal.is_object()) {
        let (head, tone) = match text(renewal, "breaks") {
            "no" => ("renewal keeps it: ", Tone::Good),
            "maybe" => ("renewal may break it: ", Tone::Changed),
            _ => ("renewal breaks it: ", Tone::Bad),
        };
        page.headed(2, &[(tone, head)], 4, Tone::Plain, text(renewal, "why"));
    }
    if let Some(daemon) = result.get("daemon") {
        let (head, message) = match text(daemon, "status") {
            "not_asked" => ("the docker daemon was not asked: ", text(daemon, "message")),
            _ => ("the docker daemon: ", text(daemon, "message")),
        };
        page.headed(2, &[(Tone::Quiet, head)], 4, Tone::Quiet, message);
    }
}

fn certificate(page: &mut Page, lead: &str, held: &Value) {
    let head = format!("{lead} ");
    let body = format!(
        "`{}` ({}), {}, until {} ({} days)",
        text(held, "subject"),
        text(held, "kind"),
        text(held, "sha256"),
        date(held),
        held["days"]
    );
    page.headed(2, &[(Tone::Plain, &head)], 4, Tone::Plain, &body);
    let store =
        if text(held, "store") == "docker" { "in Docker's store: " } else { "in the system's store: " };
    let files = held["files"].as_array().map_or(&[][..], Vec::as_slice);
    let files: Vec<&str> = files.iter().filter_map(Value::as_str).collect();
    page.headed(4, &[(Tone::Quiet, store)], 6, Tone::Plain, &files.join(", "));
}

fn list<'a>(result: &'a Map<String, Value>, field: &str) -> &'a [Value] {
    result.get(field).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn date(value: &Value) -> &str {
    day(&value["not_after"])
}

/// The day of an instant.
fn day(value: &Value) -> &str {
    let instant = value.as_str().unwrap_or_default();
    instant.split('T').next().unwrap_or(instant)
}
