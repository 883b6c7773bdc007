//! A made-up Boot2Docker host, and what real shells make of its profile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use modules::{
    Answer, Ask, Attributes, Change, Facts, File, FileKind, Host, HostPath, Mode, Plan, PlanError, Process,
    Running, Step, Validation,
};
use serde_json::{Value, json};

pub const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"]];
pub const HOST: &str = "dtr.example.com:5000";

/// A directory of this test's own, which goes with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("dtrctl-profile-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

/// A Boot2Docker host: its profile, and its daemon.json.
#[derive(Clone)]
pub struct World {
    pub profile: Option<Vec<u8>>,
    pub config: Option<Vec<u8>>,
    pub cmdline: Option<Vec<String>>,
}

impl World {
    pub fn with(profile: &[u8]) -> Self {
        Self { profile: Some(profile.to_vec()), config: None, cmdline: None }
    }

    pub fn plan(&self, arguments: &Value) -> Result<Plan, PlanError> {
        let entry = modules::find("boot2docker_profile").expect("the module is listed");
        let facts = Facts { id: "boot2docker".into(), version_id: "19.03.5".into(), ..Facts::default() };
        let task = entry.read(arguments.clone()).expect("the arguments are read");
        let mut probe = task.start(&Host::new("b2d", facts));
        loop {
            let answers = probe.asks().iter().map(|ask| self.answer(ask)).collect();
            match probe.resume(answers).expect("every ask is answered") {
                Step::Ready(plan) => return plan,
                Step::More(next) => probe = next,
            }
        }
    }

    fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::File(ask) => {
                let profile = ask.path.as_str() == "/var/lib/boot2docker/profile";
                let content = if profile { &self.profile } else { &self.config };
                let kind =
                    content.clone().map_or(FileKind::Absent, |text| FileKind::File(attributes(), Some(text)));
                Answer::File(File { path: ask.path.clone(), target: None, link: None, kind })
            }
            Ask::Process(_) => Answer::Process(Process {
                installed: true,
                running: self.cmdline.clone().map(running),
                units: Vec::new(),
            }),
            Ask::Owed(_) => Answer::Owed(Vec::new()),
            Ask::Syntax(ask) => Answer::Syntax(syntax(&ask.text)),
            other => panic!("nobody has said what to answer to {other:?}"),
        }
    }

    /// The world once the plan is applied; the same task must then find nothing to do.
    pub fn apply(&self, arguments: &Value) -> Result<Self, PlanError> {
        let mut done = self.clone();
        for change in self.plan(arguments)?.changes {
            match change {
                Change::WriteFile(write) => done.profile = Some(write.content.bytes),
                Change::Remove(_) => done.profile = None,
                Change::CheckSyntax(check) => assert!(syntax(&check.text).accepted),
                Change::Owe(_) => {}
                other => panic!("{other:?}"),
            }
        }
        let again = done.plan(arguments).expect("what was written is read");
        let left: Vec<_> = again.changes.iter().filter(|change| !matches!(change, Change::Owe(_))).collect();
        assert!(left.is_empty(), "{left:?}");
        Ok(done)
    }
}

fn attributes() -> Attributes {
    let owner = || "root".to_owned();
    Attributes { mode: Mode::new(0o644), uid: 0, gid: 0, owner: owner(), group: owner(), size: 0, mtime: 0 }
}

fn running(cmdline: Vec<String>) -> Running {
    Running {
        pid: 1,
        start: "boot:1".into(),
        started: 1,
        cmdline,
        program: HostPath::new("/usr/local/bin/dockerd").expect("a path"),
        environ: Vec::new(),
    }
}

/// Whether every shell here takes a text.
pub fn syntax(text: &[u8]) -> Validation {
    let folder = Folder::new(&format!("n{:?}", std::thread::current().id()).replace(['(', ')'], ""));
    let file = folder.0.join("text");
    fs::write(&file, text).expect("a file");
    for shell in SHELLS {
        let output = Command::new(shell[0]).args(&shell[1..]).arg("-n").arg(&file).output().expect("a shell");
        if !output.status.success() {
            return Validation {
                accepted: false,
                message: String::from_utf8_lossy(&output.stderr).into_owned(),
            };
        }
    }
    Validation { accepted: true, message: String::new() }
}

/// What a shell makes of a profile: every name in it with its value, and the words of `EXTRA_ARGS`.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    pub variables: BTreeMap<String, Option<Vec<u8>>>,
    pub words: Vec<Vec<u8>>,
}

/// Names in a text, in any place.
fn names(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let mut names: Vec<String> = parts
        // A process's number is another each time.
        .filter(|_| !text.contains("$$"))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .filter(|name| {
            !matches!(*name, "EXTRA_ARGS" | "_" | "LINENO" | "RANDOM" | "SECONDS" | "PPID" | "PATH")
        })
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

pub fn read(shell: &[&str], folder: &Path, text: &[u8]) -> Read {
    const SOURCE: &str = ". ./profile >/dev/null 2>&1 </dev/null; \
        printf 'read\\0'; set -f; for dtrctl_w in $EXTRA_ARGS; do printf 'w%s\\0' \"$dtrctl_w\"; done; \
        for dtrctl_n in $DTRCTL_NAMES; do eval \"printf '%s\\\\0%s\\\\0' \\\"n$dtrctl_n\\\" \\\"\\${$dtrctl_n-(unset)}\\\"\"; done";
    fs::write(folder.join("profile"), text).expect("a file");
    let names = names(text).join(" ");
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    let program = String::from_utf8(Command::new("which").arg(shell[0]).output().expect("which").stdout)
        .expect("UTF-8");
    let output = Command::new(program.trim())
        .args(&shell[1..])
        .arg("-c")
        .arg(SOURCE)
        .current_dir(folder)
        .env_clear()
        // Nothing that a profile names is run.
        .env("PATH", &bin)
        .env("DTRCTL_NAMES", names)
        .output()
        .expect("a shell");
    let mut parts = output.stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec);
    assert_eq!(
        parts.next().as_deref(),
        Some(&b"read"[..]),
        "{shell:?} stops while it reads {:?}: {}",
        String::from_utf8_lossy(text),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut found = Read { variables: BTreeMap::new(), words: Vec::new() };
    while let Some(part) = parts.next() {
        match part.split_first() {
            Some((b'w', word)) => found.words.push(word.to_vec()),
            Some((b'n', name)) => {
                let value = parts.next().filter(|value| value != b"(unset)");
                found.variables.insert(String::from_utf8_lossy(name).into_owned(), value);
            }
            _ => {}
        }
    }
    found
}

/// Every shell reads the second text as the first, but for the words.
pub fn same_but(folder: &Path, old: &[u8], new: &[u8], words: impl Fn(Vec<String>) -> Vec<String>) {
    for shell in SHELLS {
        let (mut before, after) = (read(shell, folder, old), read(shell, folder, new));
        let text = |word: &Vec<u8>| String::from_utf8_lossy(word).into_owned();
        let expected = words(before.words.iter().map(text).collect());
        assert_eq!(
            after.words.iter().map(text).collect::<Vec<_>>(),
            expected,
            "{shell:?}\n{}\n---\n{}",
            String::from_utf8_lossy(old),
            String::from_utf8_lossy(new)
        );
        before.variables.retain(|name, _| after.variables.contains_key(name));
        let mut rest = after.variables;
        rest.retain(|name, _| before.variables.contains_key(name));
        assert_eq!(rest, before.variables, "{shell:?}\n{}", String::from_utf8_lossy(old));
    }
}

pub fn plus(more: &[&str]) -> impl Fn(Vec<String>) -> Vec<String> {
    move |mut words| {
        words.extend(more.iter().map(|&word| word.to_owned()));
        words
    }
}

pub fn corpus(test: &str) -> Option<PathBuf> {
    let folder = env::var_os("DTRCTL_CORPUS").map(PathBuf::from).filter(|folder| folder.is_dir());
    if folder.is_none() {
        eprintln!("skipped {test}: no corpus (set DTRCTL_CORPUS)");
    }
    folder
}

pub fn profiles(test: &str) -> Vec<(String, Vec<u8>, Value)> {
    let Some(folder) = corpus(test).map(|corpus| corpus.join("boot2docker_profiles")) else {
        return Vec::new();
    };
    let index = fs::read(folder.join("index.json")).expect("an index");
    let index: Vec<Value> = serde_json::from_slice(&index).expect("JSON");
    let one = |entry: &Value| {
        let name = entry["file"].as_str().expect("a name").to_owned();
        let text = fs::read(folder.join(&name)).expect("a file");
        (name, text, entry.clone())
    };
    index.iter().map(one).collect()
}

/// The flag added, seen, and taken away again, with every byte as before.
pub fn round_trip(folder: &Path, text: &[u8], arguments: &Value, added: &[&str]) -> Result<(), PlanError> {
    let world = World::with(text);
    let done = world.apply(arguments)?;
    let new = done.profile.clone().expect("a file");
    same_but(folder, text, &new, plus(added));
    let mut absent = arguments.clone();
    absent["state"] = json!("absent");
    assert_eq!(done.apply(&absent)?.profile.as_deref(), Some(text), "{:?}", String::from_utf8_lossy(text));
    assert_eq!(done.apply(&json!({"state": "absent"}))?.profile.as_deref(), Some(text));
    Ok(())
}
