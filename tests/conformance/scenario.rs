//! A scenario's file: a header of `field: text` lines, then files and answers, each under a line `-- name --`.

use std::fs;
use std::path::{Path, PathBuf};

const ANSWER: &str = "answer";
const AGAIN: &str = "again";
const OURS: &str = "ours";

/// How our answer stands to Ansible's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the same.
    Same,
    /// It differs, for a reason.
    Better,
    /// We refuse the playbook before any host is touched, for a reason.
    Refused,
    /// It differs, and should not.
    Differs,
}

/// One playbook with the answers to it.
pub struct Scenario {
    /// Its folder and name, such as `handlers/order`.
    pub name: String,
    /// What it shows.
    pub says: String,
    pub verdict: Verdict,
    /// Why our answer is another one; empty where it is not.
    pub reason: String,
    /// Our own answer where it is another one.
    pub ours: String,
    path: PathBuf,
    text: String,
}

impl Scenario {
    /// All that there are, by name.
    pub fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/scenarios");
        let mut found = Vec::new();
        for group in fs::read_dir(&root).unwrap() {
            for file in fs::read_dir(group.unwrap().path()).unwrap() {
                found.push(Self::read(&root, file.unwrap().path()));
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }

    fn read(root: &Path, path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root).unwrap().with_extension("").display().to_string();
        let mut scenario = Self {
            name,
            says: String::new(),
            verdict: Verdict::Same,
            reason: String::new(),
            ours: String::new(),
            path,
            text,
        };
        scenario.says = scenario.field("says").expect("a scenario says what it shows").to_owned();
        for (word, verdict) in
            [("better", Verdict::Better), ("refused", Verdict::Refused), ("differs", Verdict::Differs)]
        {
            if let Some(reason) = scenario.field(word) {
                (scenario.verdict, scenario.reason) = (verdict, reason.to_owned());
            }
        }
        scenario.ours = scenario.section(OURS).unwrap_or_default();
        scenario
    }

    /// The folder it lies in.
    pub fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// A line of the header.
    pub fn field(&self, name: &str) -> Option<&str> {
        let head = self.text.lines().take_while(|line| !line.starts_with("-- "));
        head.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name).map(|(_, text)| text)
    }

    /// Names and texts, in order.
    fn sections(&self) -> Vec<(&str, String)> {
        let mut sections: Vec<(&str, String)> = Vec::new();
        for line in self.text.lines() {
            let name = line.strip_prefix("-- ").and_then(|rest| rest.strip_suffix(" --"));
            match (name, sections.last_mut()) {
                (Some(name), _) => sections.push((name, String::new())),
                (None, Some((_, text))) => *text += &format!("{line}\n"),
                (None, None) => {}
            }
        }
        sections
    }

    fn section(&self, name: &str) -> Option<String> {
        self.sections().into_iter().find(|(key, _)| *key == name).map(|(_, text)| text)
    }

    /// The controller's files.
    pub fn files(&self) -> Vec<(&str, String)> {
        let mut files = self.sections();
        files.retain(|(name, _)| ![ANSWER, AGAIN, OURS].contains(name));
        files
    }

    /// Ansible's answer to the first run, and the recap of the second. How it words an error is no answer.
    pub fn theirs(&self) -> String {
        let first = self.section(ANSWER).unwrap_or_else(|| panic!("{} is not recorded", self.name));
        let end = |line: &str| match line.split_once(": ") {
            Some((end @ ("end refused" | "end error"), _)) => format!("{end}\n"),
            _ => format!("{line}\n"),
        };
        let again: String =
            self.section(AGAIN).unwrap_or_default().lines().map(|line| format!("again {line}\n")).collect();
        self.compared(&(first.lines().map(end).collect::<String>() + &again))
    }

    /// The lines of an answer that are compared: how the run ended, and the hosts that the field `compared` names. Without it
    /// all are.
    pub fn compared(&self, answer: &str) -> String {
        let Some(hosts) = self.field("compared") else { return answer.to_owned() };
        let of_them = |line: &&str| {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let host = |word: &str| hosts.split(' ').any(|host| word.trim_end_matches(':') == host);
            words[0] == "end" || words.iter().take(2).any(|word| host(word))
        };
        answer.lines().filter(of_them).map(|line| format!("{line}\n")).collect()
    }

    /// Writes our own answer down.
    pub fn keep_ours(&mut self, ours: &str) {
        let marker = format!("-- {OURS} --\n");
        let kept = self.text.split(&marker).next().unwrap_or_default();
        self.text = format!("{kept}{marker}{ours}");
        ours.clone_into(&mut self.ours);
        fs::write(&self.path, &self.text).unwrap();
    }
}
