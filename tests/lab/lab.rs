//! The lab as a test sees it: its settings, the hosts that are the test's own for now, and dtrctl run against them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;

use crate::hosts::Hosts;

/// A lab that is up.
pub struct Lab {
    settings: BTreeMap<String, String>,
    pub home: tempfile::TempDir,
    test: &'static str,
    hosts: Hosts,
    begin: Instant,
}

/// Seconds; more than anything here takes. What takes longer hangs: it is ended, and the test sees what it has said.
const PATIENCE: &str = "900";

/// What a run of dtrctl gave.
pub struct Run {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a snapshot leaves out: dockerd writes its own key whenever it likes, a user's own keeps its images below the home, and
/// the records of runs are there to stay.
const OTHERS: [&str; 5] = [
    "/etc/docker/key.json",
    "/.local/share/docker",
    "/var/lib/dtrctl",
    "/var/lib/boot2docker/dtrctl-state",
    "/.local/state",
];

#[expect(clippy::unused_self, reason = "only a lab that is up can be asked")]
impl Lab {
    /// The lab with these hosts as `lab up` makes them, nobody else's until the test ends; waits for them. `web` is any of the
    /// web hosts. None where the lab is not up; says so then.
    pub fn up(test: &'static str, wanted: &[&str]) -> Option<Self> {
        if std::env::var_os("DTRCTL_LAB").is_none() {
            eprintln!("skipped: {test}: needs the lab; `tests/run` brings it up (as root)");
            return None;
        }
        let output = Self::lab(&["env"]);
        assert!(output.status.success(), "the lab is not up: {}", text(&output.stderr));
        let unquote = |value: &str| value.trim_matches('\'').to_owned();
        let mut settings: BTreeMap<_, _> = text(&output.stdout)
            .lines()
            .filter_map(|line| line.split_once('=').map(|(name, value)| (name.to_owned(), unquote(value))))
            .collect();
        let home = tempfile::tempdir().expect("a folder");
        let webs: Vec<_> = settings["DTRCTL_LAB_HOSTS"].split_whitespace().map(str::to_owned).collect();
        let hosts = Hosts::take(wanted, &webs);
        let begin = Instant::now();
        let inventory = home.path().join("inventory/hosts.yml");
        write_inventory(&settings["DTRCTL_LAB_INVENTORY"], hosts.names(), &inventory);
        settings.insert("DTRCTL_LAB_INVENTORY".to_owned(), inventory.display().to_string());
        Some(Self { settings, home, test, hosts, begin })
    }

    /// The test's hosts, in the order in which it wanted them.
    pub fn hosts(&self) -> &[String] {
        self.hosts.names()
    }

    /// One of them.
    pub fn host(&self, number: usize) -> &str {
        &self.hosts()[number]
    }

    /// A setting, without its `DTRCTL_LAB_`.
    pub fn get(&self, name: &str) -> &str {
        &self.settings[&format!("DTRCTL_LAB_{name}")]
    }

    /// Whether there is a setting of this name, without its `DTRCTL_LAB_`.
    pub fn has(&self, name: &str) -> bool {
        self.settings.contains_key(&format!("DTRCTL_LAB_{name}"))
    }

    /// A command of the lab's script; its standard output.
    pub fn lab(args: &[&str]) -> Output {
        patiently(root().join("tests/lab/lab")).args(args).output().expect("the lab's script runs")
    }

    /// Throws a host away and starts it anew, in the middle of a test.
    pub fn reset(&self, host: &str) {
        Hosts::reset(host);
    }

    /// What a command on a host prints, both streams.
    pub fn on(&self, host: &str, command: &str) -> String {
        let output = Self::lab(&["exec", host, "sh", "-c", command]);
        text(&output.stdout) + &text(&output.stderr)
    }

    /// Everything on a host that dtrctl might touch: path, mode, owner, digest.
    pub fn snapshot(&self, host: &str) -> Vec<String> {
        let output = Self::lab(&["snapshot", host]);
        assert!(output.status.success(), "a snapshot of {host}: {}", text(&output.stderr));
        text(&output.stdout)
            .lines()
            .filter(|line| !OTHERS.iter().any(|other| line.contains(other)))
            .map(str::to_owned)
            .collect()
    }

    /// The same without what is owed, which is said in a directory of its own.
    pub fn files(&self, host: &str) -> Vec<String> {
        let mut lines = self.snapshot(host);
        lines.retain(|line| !line.starts_with("/run/dtrctl"));
        lines
    }

    /// Sessions that sshd of a host has logged.
    pub fn sessions(&self, host: &str) -> usize {
        text(&Self::lab(&["logs", host]).stdout).matches("Starting session: command").count()
    }

    /// A file in the test's own folder.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).expect("a file can be written");
        path
    }

    /// A shipped playbook.
    pub fn playbook(name: &str) -> String {
        root().join("playbooks").join(name).display().to_string()
    }

    /// `dtrctl apply` with an inventory of the test's hosts and the lab's ssh configuration.
    pub fn apply(&self, playbook: &str, args: &[&str]) -> Run {
        let mut all =
            vec!["apply", playbook, "-i", self.get("INVENTORY"), "--ssh-config", self.get("SSH_CONFIG")];
        all.extend(args);
        self.dtrctl(&all)
    }

    /// dtrctl with any arguments, with a home of its own, for a test that runs it itself.
    pub fn command(&self, args: &[&str]) -> Command {
        self.at_home(Command::new(env!("CARGO_BIN_EXE_dtrctl")), args)
    }

    /// The same, run to its end.
    pub fn dtrctl(&self, args: &[&str]) -> Run {
        let output =
            self.at_home(patiently(env!("CARGO_BIN_EXE_dtrctl")), args).output().expect("dtrctl runs");
        let code = output.status.code().unwrap_or(-1);
        Run { code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn at_home(&self, mut command: Command, args: &[&str]) -> Command {
        command
            .args(args)
            .env("HOME", self.home.path())
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("DTRCTL_INVENTORY");
        command
    }

    /// Check, apply, apply on one host: check's plan is apply's plan and writes nothing, the second apply is empty and one
    /// trip. Gives the applied run.
    pub fn law(&self, host: &str, playbook: &str, args: &[&str]) -> Run {
        let mut args = args.to_vec();
        args.extend(["-l", host, "--format", "jsonl"]);
        let before = self.snapshot(host);
        let mut checked = args.clone();
        checked.push("--check");
        let check = self.apply(playbook, &checked).good();
        assert_eq!(self.snapshot(host), before, "check writes nothing");
        let applied = self.apply(playbook, &args).good();
        let unknown = check.unknown_tasks();
        let known = |run: &Run| -> Vec<Value> {
            run.planned().into_iter().filter(|event| !unknown.contains(&event["task"]["place"])).collect()
        };
        assert_eq!(known(&check), known(&applied), "check's plan is apply's plan");
        let after = self.snapshot(host);
        let sessions = self.sessions(host);
        let again = self.apply(playbook, &args).good();
        assert_eq!(again.planned(), Vec::<Value>::new(), "the second apply is empty");
        assert_eq!(self.snapshot(host), after, "the second apply writes nothing");
        assert_eq!(self.sessions(host) - sessions, 1, "a converged host is asked once, by sshd's own log");
        assert_eq!(again.recap(host)["trips"], 1);
        applied
    }
}

fn patiently(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "30", PATIENCE]).arg(program);
    command
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Not by a macro: what those print is shown of failed tests only.
        let line = format!("lab: {}: {} s\n", self.test, self.begin.elapsed().as_secs());
        _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// The lab's inventory with these hosts only, so that `hosts: all` is nobody else's.
fn write_inventory(from: &str, hosts: &[String], to: &Path) {
    let all = std::fs::read_to_string(from).expect("the lab's inventory");
    let mut groups: serde_yaml::Mapping = serde_yaml::from_str(&all).expect("YAML");
    groups.retain(|_, group| {
        let members = group["hosts"].as_mapping_mut().expect("hosts");
        members.retain(|name, _| hosts.iter().any(|host| name == host.as_str()));
        !members.is_empty()
    });
    std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
    std::fs::write(to, serde_yaml::to_string(&groups).expect("YAML")).expect("an inventory");
}

impl Run {
    /// The same run, which has ended with 0.
    #[track_caller]
    pub fn good(self) -> Self {
        self.ends(0)
    }

    /// The same run, which has ended with a code.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The same run, whose output, both streams, holds a text.
    #[track_caller]
    pub fn says(self, wanted: &str) -> Self {
        // A report breaks long lines; what matters is the words.
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let output = flat(&format!("{} {}", self.stdout, self.stderr));
        assert!(output.contains(&flat(wanted)), "no `{wanted}` in\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// All events.
    pub fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The `planned` events.
    pub fn planned(&self) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == "planned").collect()
    }

    /// The places of the tasks that check could not foresee.
    pub fn unknown_tasks(&self) -> Vec<Value> {
        let unknown = |event: &Value| event["event"] == "task_finished" && event["outcome"] == "unknown";
        self.events().into_iter().filter(unknown).map(|event| event["task"]["place"].clone()).collect()
    }

    /// What became of a host.
    pub fn recap(&self, host: &str) -> Value {
        let last = self.events().pop().expect("a last event");
        assert_eq!(last["event"], "run_finished");
        last["hosts"][host].clone()
    }
}

/// The lines that one listing has and the other has not, each with its sign.
pub fn difference(old: &[String], new: &[String]) -> Vec<String> {
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("-{line}"));
    let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+{line}"));
    gone.chain(come).collect()
}
