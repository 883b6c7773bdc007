//! The list of promises, `promises.tsv`, and the tests that measure each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A promise with its measures.
pub struct Promise {
    pub id: String,
    pub text: String,
    pub measures: Vec<Measure>,
}

/// One test that measures a promise.
pub struct Measure {
    /// What cargo calls it: `it`, `lib`, `modules:daemon_config`.
    pub target: String,
    /// What it needs to say a figure: `-`, or some of `corpus`, `root`, and names of programs.
    pub needs: Vec<String>,
    /// The path of the test within its target.
    pub test: String,
    /// How it measures.
    pub how: String,
}

/// What a run has said of a measure.
pub struct Figure {
    pub figure: String,
    pub form: String,
}

/// Promises by the order of the list.
pub fn promises() -> Vec<Promise> {
    let mut promises: Vec<Promise> = Vec::new();
    let lines = include_str!("promises.tsv").lines().filter(|line| !line.starts_with('#'));
    for line in lines.filter(|line| !line.is_empty()) {
        match line.split('\t').collect::<Vec<_>>()[..] {
            [id, text] => promises.push(Promise { id: id.into(), text: text.into(), measures: Vec::new() }),
            ["", target, needs, test, how] => {
                let needs = needs.split(',').filter(|need| *need != "-").map(str::to_owned).collect();
                let measure = Measure { target: target.into(), needs, test: test.into(), how: how.into() };
                promises.last_mut().expect("a promise before its measures").measures.push(measure);
            }
            _ => panic!("promises.tsv: neither a promise nor a measure: {line:?}"),
        }
    }
    promises
}

impl Measure {
    /// The name under which its figure is reported.
    pub fn name(&self) -> &str {
        self.test.rsplit("::").next().unwrap_or(&self.test)
    }

    /// The folder of the project, or the file, that its test stands in.
    pub fn source(&self, root: &Path) -> PathBuf {
        match self.target.split_once(':') {
            Some((_, test)) => {
                let folder = root.join("modules/tests").join(test);
                if folder.is_dir() { folder } else { folder.with_extension("rs") }
            }
            None if self.target == "lib" => root.join("src"),
            None => root.join("tests").join(&self.target),
        }
    }

    /// What it needs and is not here.
    pub fn missing(&self) -> Option<&str> {
        self.needs.iter().map(String::as_str).find(|need| match *need {
            "corpus" => std::env::var_os("DTRCTL_CORPUS").is_none(),
            "heavy" => false,
            "root" => !rustix::process::geteuid().is_root(),
            // Its test is still to be written, or needs hosts that are not always up.
            "later" | "lab" => true,
            program => !["/bin", "/usr/bin", "/sbin", "/usr/sbin"]
                .iter()
                .any(|folder| Path::new(folder).join(program).exists()),
        })
    }
}

/// The figures of a report by promise and test; of several the last one counts.
pub fn figures(report: &str) -> BTreeMap<(String, String), Figure> {
    let mut figures = BTreeMap::new();
    for line in report.lines() {
        let mut words = line.split(' ');
        let promise = words.next().unwrap_or_default().to_owned();
        let (mut by, mut form, mut rest) = (String::new(), "short".to_owned(), Vec::new());
        for word in words {
            match word.split_once('=') {
                Some(("by", test)) => test.clone_into(&mut by),
                Some(("form", name)) => name.clone_into(&mut form),
                _ => rest.push(word),
            }
        }
        figures.insert((promise, by), Figure { figure: in_words(&rest), form });
    }
    figures
}

/// `torn=0 of=100 slowest<9s` as `0 torn of 100, slowest below 9s`.
fn in_words(words: &[&str]) -> String {
    let mut said = String::new();
    for word in words {
        let word = match (word.split_once('='), word.split_once('<')) {
            (Some(("of", number)), _) => format!(" of {number}"),
            (Some((name, number)), _) => format!(", {number} {}", name.replace('_', " ")),
            (None, Some((name, bound))) => format!(", {} below {bound}", name.replace('_', " ")),
            (None, None) => format!(" {word}"),
        };
        said += &word;
    }
    said.trim_start_matches([',', ' ']).to_owned()
}
