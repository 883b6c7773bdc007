//! What dtrctl does with a scenario, in the lines that Ansible's answer is recorded in.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::scenario::Scenario;

const HOSTS: [&str; 3] = ["h1", "h2", "h3"];
/// What stands for the scenario's own folder.
const ROOT: &str = "@ROOT@";

/// The answer to check, apply, apply. Check has to leave every file as it was.
pub fn ours(scenario: &Scenario) -> Result<String, String> {
    let world = World::new(scenario);
    let before = world.tree();
    if scenario.field("unchecked").is_none() && !world.args.iter().any(|arg| arg == "--check") {
        world.run(&["--check"]);
        if world.tree() != before {
            return Err(format!("check has written:\n{}", world.tree().join("\n")));
        }
    }
    let first = world.run(&[]);
    let mut answer = first.lines.clone();
    answer.extend(world.tree());
    if first.lines[0] == "end ok" {
        let recap = |line: &String| line.starts_with("recap ");
        answer.extend(world.run(&[]).lines.into_iter().filter(recap).map(|line| format!("again {line}")));
    }
    answer.extend(first.said);
    Ok(answer.iter().map(|line| format!("{}\n", world.without_root(line))).collect())
}

/// An answer without what was said beside it.
pub fn comparable(answer: &str) -> String {
    answer.lines().filter(|line| !line.starts_with('|')).map(|line| format!("{line}\n")).collect()
}

/// A scenario's files, laid out in a folder of their own.
struct World {
    dir: TempDir,
    args: Vec<String>,
}

/// One run: how it ended, tasks by host and recaps; and the words of a refusal.
struct Ran {
    lines: Vec<String>,
    said: Vec<String>,
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let dir = tempfile::Builder::new().prefix("dtrctl-conformance-").tempdir().unwrap();
        let mut world = Self { dir, args: Vec::new() };
        let mut inventory = String::from("all:\n  vars:\n    ansible_connection: local\n  hosts:\n");
        for host in HOSTS {
            inventory += &format!("    {host}: {{dir: {ROOT}/dirs/{host}}}\n");
            fs::create_dir_all(world.path("dirs").join(host)).unwrap();
        }
        fs::create_dir_all(world.path("home")).unwrap();
        world.file("hosts.yml", &inventory);
        for (name, text) in scenario.files() {
            world.file(name, &text);
        }
        world.args = ["apply".to_owned()].into();
        world.args.extend(words(scenario.field("playbooks").unwrap_or("site.yml")));
        let inventory = scenario.field("inventory").unwrap_or("hosts.yml");
        world.args.extend(["-i", inventory, "--format", "jsonl"].map(str::to_owned));
        let root = world.dir.path().display().to_string();
        world.args.extend(words(&scenario.field("args").unwrap_or_default().replace(ROOT, &root)));
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text.replace(ROOT, &self.dir.path().display().to_string())).unwrap();
        if text.starts_with("#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn without_root(&self, text: &str) -> String {
        text.replace(&self.dir.path().display().to_string(), ROOT)
    }

    fn run(&self, more: &[&str]) -> Ran {
        let output = Command::new("sh")
            .args(["-c", "umask 022; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_dtrctl")])
            .args(&self.args)
            .args(more)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("LC_ALL", "C.UTF-8")
            // Where this machine is a host, its records are the scenario's own.
            .env("DTRCTL_STATE", self.path("home/host-state"))
            .env("DTRCTL_RUNTIME", self.path("home/host-runtime"))
            .output()
            .unwrap();
        let events = String::from_utf8(output.stdout).unwrap();
        let events: Vec<Json> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let end = match (output.status.code(), events.is_empty()) {
            (Some(0), _) => "ok",
            (Some(3 | 5), _) => "failed",
            (Some(4), _) => "unreachable",
            (Some(1), true) => "refused",
            _ => "error",
        };
        let mut lines = vec![format!("end {end}")];
        lines.extend(task_lines(&events));
        lines.extend(recap_lines(&events));
        let stderr = String::from_utf8(output.stderr).unwrap();
        let mut said = reasons(&events);
        said.extend(stderr.lines().map(|line| format!("| {line}").trim_end().to_owned()));
        Ran { lines, said }
    }

    /// The files under the hosts' folders, with mode and text.
    fn tree(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let root = self.path("dirs");
        walk(&root, &root, &mut lines);
        lines
    }
}

/// Words as a shell has them, as far as the scenarios need it: blanks and single quotes.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in text.split('\'').enumerate() {
        if i % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn walk(root: &Path, folder: &Path, lines: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.strip_prefix(root).unwrap();
        let about = fs::symlink_metadata(&path).unwrap();
        let mode = about.permissions().mode() & 0o7777;
        if about.is_symlink() {
            lines.push(format!("file {} -> {}", name.display(), fs::read_link(&path).unwrap().display()));
        } else if about.is_dir() {
            // A host's own folder is there before the run.
            if name.components().count() > 1 {
                lines.push(format!("file {}/ {mode:04o}", name.display()));
            }
            walk(root, &path, lines);
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let text = text.replace('\\', "\\\\").replace('\n', "\\n");
            lines.push(format!("file {} {mode:04o} \"{text}\"", name.display()));
        }
    }
}

/// A line for each task of each host, in the order of each host.
fn task_lines(events: &[Json]) -> Vec<String> {
    let mut hosts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for event in events {
        let line = match event["event"].as_str() {
            Some("task_finished") if event["task"]["module"] != "meta" => task_line(event),
            Some("host_unreachable") => "unreachable".to_owned(),
            Some("host_failed") => "failed".to_owned(),
            _ => continue,
        };
        hosts.entry(event["host"].as_str().unwrap_or_default()).or_default().push(line);
    }
    hosts.iter().flat_map(|(host, lines)| lines.iter().map(move |line| format!("{host}: {line}"))).collect()
}

/// Why tasks failed, for our own answers.
fn reasons(events: &[Json]) -> Vec<String> {
    let mut reasons = Vec::new();
    for event in events {
        let Some(message) = event["reason"]["message"].as_str() else { continue };
        // Who was first to fail is no answer, and a connection's words are the system's.
        if event["event"] == "task_finished" && event["outcome"] != "skipped" {
            let (host, task) = (&event["host"], &event["task"]["name"]);
            let words = [host, task].map(|word| word.as_str().unwrap_or_default());
            // What the host's own shell says is another in every shell.
            let message = message.split(": sh: ").next().unwrap_or_default();
            reasons.push(format!("| {} {}: {}", words[0], words[1], message.replace('\n', "\\n")));
        }
    }
    reasons.sort();
    reasons
}

fn task_line(event: &Json) -> String {
    let task = &event["task"];
    let name = task["name"].as_str().unwrap_or_default();
    let outcome = match event["outcome"].as_str().unwrap_or_default() {
        "rescued" => "failed",
        outcome => outcome,
    };
    let handler = if task["handler"] == true { "handler " } else { "" };
    let item = match task["item"].as_str() {
        Some(item) if item.starts_with(['{', '[']) => " […]".to_owned(),
        Some(item) => format!(" [{item}]"),
        None => String::new(),
    };
    let speaks = match task["module"].as_str() {
        Some("debug") => ["ok", "changed"].contains(&outcome),
        Some("fail" | "assert") => outcome != "skipped",
        _ => false,
    };
    let said = if speaks { format!(" {}", spaced(said(&event["result"]))) } else { String::new() };
    format!("{handler}{name}{item}: {outcome}{said}").replace('\n', "\\n")
}

/// What was said: the message, or the variable that `debug` shows under its own name.
fn said(result: &Json) -> &Json {
    let own = |(name, _): &(&String, &Json)| !["changed", "failed", "attempts"].contains(&name.as_str());
    let variable = || result.as_object()?.iter().find(own).map(|(_, value)| value);
    result.get("msg").or_else(variable).unwrap_or(&Json::Null)
}

/// JSON as Python writes it, with a blank after each comma and colon.
fn spaced(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) => {
            let field =
                |(key, value): (&String, &Json)| format!("{}: {}", Json::from(key.as_str()), spaced(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        _ => value.to_string(),
    }
}

/// The recap as Ansible counts: a changed or ignored task is an `ok` one, too. A host without a count has no line.
fn recap_lines(events: &[Json]) -> Vec<String> {
    let Some(hosts) = events.last().and_then(|event| event["hosts"].as_object()) else { return Vec::new() };
    let line = |(host, recap): (&String, &Json)| {
        let count = |name: &str| recap[name].as_u64().unwrap_or_default();
        let mut counts = vec![("ok", count("ok") + count("changed") + count("ignored"))];
        for name in ["changed", "unreachable", "failed", "skipped", "rescued", "ignored", "unknown"] {
            counts.push((name, count(name)));
        }
        counts.retain(|(_, count)| *count > 0);
        let shown: String = counts.iter().map(|(name, count)| format!(" {name}={count}")).collect();
        (!shown.is_empty()).then(|| format!("recap {host}:{shown}"))
    };
    hosts.iter().filter_map(line).collect()
}
