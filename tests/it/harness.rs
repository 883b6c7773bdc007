//! The built binary as its user runs it, in a world of its own: a folder with a playbook, an inventory and hosts that
//! are folders. Nothing outside that folder is read or written.
//!
//! The law stands in [`World::law`]: check writes nothing, its plan is what apply does, and a second apply finds nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::tree::Tree;

const OS_RELEASE: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";

/// A controller's folder and its hosts.
pub struct World {
    dir: TempDir,
    hosts: Vec<String>,
}

/// One run of the binary, before and after.
pub struct Call<'w> {
    world: &'w World,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Option<String>,
    code: Option<i32>,
    silent: bool,
}

/// What a run left.
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
}

/// The three runs of the law.
pub struct Law {
    pub check: Ran,
    pub first: Ran,
    pub second: Ran,
}

impl World {
    /// With the host `web1`, in the group `docker`.
    pub fn new() -> Self {
        Self::with(&["web1"])
    }

    /// With these hosts, all in the group `docker`.
    pub fn with(hosts: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("dtrctl-it-").tempdir().unwrap();
        let world = Self { dir, hosts: hosts.iter().map(ToString::to_string).collect() };
        let mut inventory = String::from("docker:\n  hosts:\n");
        for host in hosts {
            let root = world.root(host);
            for folder in
                ["etc/docker", "etc/ssl/certs", "usr/local/share/ca-certificates", "run", "tmp", "var/lib"]
            {
                fs::create_dir_all(root.join(folder)).unwrap();
            }
            fs::write(root.join("etc/os-release"), OS_RELEASE).unwrap();
            inventory += &format!("    {host}:\n      ansible_sandbox_root: {}\n", root.display());
        }
        inventory += "  vars:\n    ansible_connection: sandbox\n";
        fs::create_dir_all(world.path("home")).unwrap();
        world.file("hosts.yml", inventory)
    }

    /// Writes a file of the controller's folder.
    pub fn file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// The playbook `site.yml`.
    pub fn playbook(self, text: &str) -> Self {
        self.file("site.yml", text)
    }

    /// `site.yml` with one play for all hosts, and these tasks.
    pub fn tasks(self, tasks: &str) -> Self {
        let indented: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
        self.playbook(&format!("- hosts: docker\n  tasks:\n{indented}"))
    }

    /// A file of a host.
    pub fn host_file(self, host: &str, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.root(host).join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Its hosts, in order.
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn root(&self, host: &str) -> PathBuf {
        self.path("hosts").join(host)
    }

    /// A file of the host `web1`.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let path = self.root("web1").join(path.trim_start_matches('/'));
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn text(&self, path: &str) -> String {
        String::from_utf8(self.read(path)).unwrap()
    }

    /// All hosts' trees.
    pub fn trees(&self) -> BTreeMap<String, Tree> {
        self.hosts.iter().map(|host| (host.clone(), Tree::of(&self.root(host)))).collect()
    }

    pub fn dtrctl(&self, args: &[&str]) -> Call<'_> {
        Call {
            world: self,
            args: args.iter().map(ToString::to_string).collect(),
            env: Vec::new(),
            stdin: None,
            code: Some(0),
            silent: true,
        }
    }

    /// `apply site.yml -i hosts.yml`, and more.
    pub fn apply(&self, more: &[&str]) -> Call<'_> {
        self.dtrctl(&["apply", "site.yml", "-i", "hosts.yml"]).args(more)
    }

    /// The same, with events.
    pub fn events(&self, more: &[&str]) -> Call<'_> {
        self.apply(more).args(&["--format", "jsonl"])
    }

    /// Check, apply, apply.
    pub fn law(&self, more: &[&str]) -> Law {
        self.law_of("site.yml", more)
    }

    /// Check, apply, apply of a playbook.
    pub fn law_of(&self, playbook: &str, more: &[&str]) -> Law {
        let run = |flags: &[&str]| {
            let call = self.dtrctl(&["apply", playbook, "-i", "hosts.yml", "--format", "jsonl"]);
            call.args(more).args(flags).run()
        };
        let before = self.trees();
        let check = run(&["--check"]);
        for (host, tree) in self.trees() {
            assert_eq!(before[&host].differences(&tree), Vec::<String>::new(), "check has written to {host}");
        }
        let first = run(&[]);
        assert_same_plan(&check, &first);
        let between = self.trees();
        let second = run(&[]);
        let planned = second.plan();
        assert!(planned.is_empty(), "the second apply still plans {planned:#?}");
        for (host, tree) in self.trees() {
            assert_eq!(
                between[&host].differences(&tree),
                Vec::<String>::new(),
                "the second apply has touched {host}"
            );
        }
        Law { check, first, second }
    }
}

/// Check's plan is apply's, byte for byte, but for what check has reported as unknown.
pub fn assert_same_plan(check: &Ran, apply: &Ran) {
    let unknown = check.tasks_with("unknown");
    let known = |(key, _): &(String, String)| !unknown.contains(key);
    let planned: Vec<_> = check.plan().into_iter().filter(known).collect();
    let done: Vec<_> = apply.plan().into_iter().filter(known).collect();
    assert_eq!(planned, done, "check's plan is not apply's");
}

impl Call<'_> {
    pub fn args(mut self, more: &[&str]) -> Self {
        self.args.extend(more.iter().map(ToString::to_string));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// The expected exit status; 0 where nothing is said.
    pub fn code(mut self, code: i32) -> Self {
        self.code = Some(code);
        self
    }

    /// Whatever the exit status is left to the test.
    pub fn any_code(mut self) -> Self {
        self.code = None;
        self
    }

    /// Whatever standard error says is left to the test; otherwise it has to be silent.
    pub fn any_stderr(mut self) -> Self {
        self.silent = false;
        self
    }

    /// The command, for a test that runs it itself.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dtrctl"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .args(&self.args)
            .current_dir(self.world.dir.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.world.path("home"))
            .env("XDG_CACHE_HOME", self.world.path("cache"))
            // Where this machine is a host, its records are the test's own.
            .env("DTRCTL_STATE", self.world.path("host-state"))
            .env("DTRCTL_RUNTIME", self.world.path("host-runtime"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(self) -> Ran {
        let mut child = self.command().spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // One that does not read its input may have gone already.
        let _ = stdin.write_all(self.stdin.as_deref().unwrap_or_default().as_bytes());
        drop(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let folder = self.world.dir.path().display().to_string();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&folder, "$WORLD");
        let ran = Ran { stdout: text(stdout), stderr: text(stderr) };
        let said = format!("{:?}\n--- stdout\n{}--- stderr\n{}", self.args, ran.stdout, ran.stderr);
        assert!(self.code.is_none_or(|code| status.code() == Some(code)), "{status}: {said}");
        assert!(!self.silent || ran.stderr.is_empty(), "{said}");
        ran
    }
}

impl Ran {
    /// The report for people, without what no two runs share.
    pub fn report(&self) -> String {
        let id = regex::Regex::new("run [0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}").unwrap();
        id.replace_all(&self.stdout, "run ID").into_owned()
    }

    pub fn events(&self) -> Vec<Json> {
        let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        self.stdout.lines().map(read).collect()
    }

    /// The last event's recap of a host.
    pub fn recap(&self, host: &str) -> Json {
        self.events().last().expect("events")["hosts"][host].clone()
    }

    /// The outcome of each task of a host, as `name: outcome`.
    pub fn outcomes(&self, host: &str) -> Vec<String> {
        let word = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let line = |event: &Json| {
            let item = event["task"]["item"].as_str().map(|item| format!("[{item}]")).unwrap_or_default();
            format!("{}{item}: {}", word(&event["task"]["name"]), word(&event["outcome"]))
        };
        self.finished(host).iter().map(line).collect()
    }

    /// The `task_finished` events of a host.
    pub fn finished(&self, host: &str) -> Vec<Json> {
        let mut events = self.events();
        events.retain(|event| event["event"] == "task_finished" && event["host"] == host);
        events
    }

    /// What `debug` has said, and whatever else has a `msg`.
    pub fn messages(&self, host: &str) -> Vec<Json> {
        self.finished(host).iter().map(|event| event["result"]["msg"].clone()).collect()
    }

    /// Each planned event: its host and task, and its changes as they were printed. Sorted, as hosts run side by side.
    pub fn plan(&self) -> Vec<(String, String)> {
        let events = self.events();
        let planned = events.iter().filter(|event| event["event"] == "planned");
        let mut plan: Vec<_> = planned.map(|event| (key(event), event["changes"].to_string())).collect();
        plan.sort();
        plan
    }

    fn tasks_with(&self, outcome: &str) -> Vec<String> {
        let events = self.events();
        let found = events.iter().filter(|event| event["outcome"] == outcome);
        found.map(key).collect()
    }
}

fn key(event: &Json) -> String {
    format!("{} {}", event["host"], event["task"])
}

/// The folder of the shipped playbooks.
pub fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("playbooks").join(name)
}

/// `dtrctl apply site.yml -i hosts.ini` in a folder, with this machine as a host whose records are the folder's own. A run that
/// goes round in circles has to end its test, not to hold it.
pub fn apply_in(folder: &Path, seconds: u32) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["-k", "1", &seconds.to_string(), env!("CARGO_BIN_EXE_dtrctl"), "apply", "site.yml"])
        .args(["-i", "hosts.ini", "--cache", "cache", "--format", "jsonl", "--journal", "journal"])
        .current_dir(folder)
        .env("DTRCTL_STATE", folder.join("host-state"))
        .env("DTRCTL_RUNTIME", folder.join("host-runtime"));
    command
}
