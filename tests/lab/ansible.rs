//! Ordinary playbooks that ansible-playbook and dtrctl run unmodified on the same hosts: `ansible/record` has written what Ansible
//! did, and the hosts are looked at by the same script, `ansible/state.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use similar::TextDiff;

use crate::lab::{Lab, Run};

/// As the records name them.
const HOSTS: [&str; 2] = ["web1", "web2"];

struct Case<'a> {
    lab: &'a Lab,
    folder: PathBuf,
}

impl<'a> Case<'a> {
    /// The hosts, prepared as for Ansible.
    fn start(lab: &'a Lab, name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/ansible").join(name);
        let case = Self { lab, folder };
        std::thread::scope(|scope| {
            for (i, host) in HOSTS.iter().enumerate() {
                let case = &case;
                scope.spawn(move || case.prepare(i + 1, host));
            }
        });
        case
    }

    fn prepare(&self, number: usize, host: &str) {
        Lab::lab(&["load", host]);
        if let Ok(script) = std::fs::read_to_string(self.folder.join("before.sh")) {
            let output = Lab::lab(&["exec", host, "sh", "-c", &script, "-", &number.to_string()]);
            assert!(
                output.status.success(),
                "{host} is prepared: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        self.lab.file(&format!("{host}.before"), &(self.lab.snapshot(host).join("\n") + "\n"));
    }

    fn run(&self, more: &[&str]) -> Run {
        let playbook = self.folder.join("site.yml").display().to_string();
        let pki = format!("pki={}", self.lab.get("PKI"));
        self.lab.apply(&playbook, &[&["-e", &pki, "--format", "jsonl"], more].concat())
    }

    /// What stands on the hosts, in the lines of the record.
    fn state(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for host in HOSTS {
            let output = Command::new(self.folder.with_file_name("state.sh"))
                .arg(self.lab.home.path().join(format!("{host}.before")))
                .arg(host)
                .output()
                .expect("state.sh runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let state = String::from_utf8_lossy(&output.stdout);
            lines.extend(state.lines().map(|line| format!("{host}: {line}")));
        }
        lines
    }

    /// A run as the record has it.
    fn answer(&self, run: &Run) -> Vec<String> {
        let mut lines = vec!["end ok".to_owned()];
        for host in HOSTS {
            let of_host = |event: &Value| event["event"] == "task_finished" && event["host"] == host;
            lines.extend(
                run.events().iter().filter(|event| of_host(event)).filter_map(|event| line(host, event)),
            );
        }
        lines.extend(HOSTS.iter().map(|host| recap(host, &run.recap(host))));
        lines.extend(self.state());
        lines
    }

    /// Check, apply, apply: check writes nothing and plans no other changes than apply; task by task and file by file both
    /// runs are Ansible's.
    fn compare(&self) {
        let before = self.state();
        let check = self.run(&["--check"]).good();
        assert_eq!(self.state(), before, "check changes nothing");
        let first = self.run(&[]).good();
        let planned = |run: &Run| -> Vec<Value> {
            let mut planned = run.planned();
            planned.retain(|event| !check.unknown_tasks().contains(&event["task"]["place"]));
            planned.sort_by_key(|event| event["host"].to_string());
            planned
        };
        assert_eq!(planned(&check), planned(&first), "check's plan is apply's plan");
        let mut ours = vec!["-- first --".to_owned()];
        ours.extend(self.answer(&first));
        let again = self.run(&[]).good();
        ours.push("-- again --".to_owned());
        ours.extend(self.answer(&again));
        let ours = ours.join("\n") + "\n";
        let theirs = std::fs::read_to_string(self.folder.join("answer.txt")).expect("Ansible's answer");
        let difference = TextDiff::from_lines(&theirs, &ours).unified_diff().context_radius(2).to_string();
        assert!(theirs == ours, "{}\n{difference}", self.folder.display());
    }
}

/// A finished task: its name, its outcome, and what it says.
fn line(host: &str, event: &Value) -> Option<String> {
    let task = &event["task"];
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if task["module"] == "meta" {
        return None;
    }
    let outcome = match word(&event["outcome"]).as_str() {
        "rescued" => "failed".to_owned(),
        outcome => outcome.to_owned(),
    };
    let handler = if task["handler"] == true { "handler " } else { "" };
    let item = task["item"].as_str().map(|item| format!(" [{item}]")).unwrap_or_default();
    let says = matches!(word(&task["module"]).as_str(), "debug" | "assert") && outcome == "ok";
    let result = &event["result"];
    let own = |(name, _): &(&String, &Value)| !["changed", "failed", "attempts"].contains(&name.as_str());
    let variable = || result.as_object()?.iter().find(own).map(|(_, value)| value);
    let said = result.get("msg").or_else(variable).filter(|_| says);
    let said = said.map(|said| format!(" {}", spaced(said))).unwrap_or_default();
    Some(format!("{host}: {handler}{}{item}: {outcome}{said}", word(&task["name"])))
}

/// JSON with a blank after each comma, as Python writes it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}

/// The recap as Ansible counts: a changed or ignored task is an `ok` one, too.
fn recap(host: &str, recap: &Value) -> String {
    let count = |name: &str| recap[name].as_u64().unwrap_or_default();
    let mut line = format!("recap {host}: ok={}", count("ok") + count("changed") + count("ignored"));
    for name in ["changed", "failed", "skipped", "rescued", "ignored", "unknown"] {
        if count(name) > 0 {
            line += &format!(" {name}={}", count(name));
        }
    }
    line
}

#[test]
fn a_ca_gets_into_both_stores_as_by_ansible() {
    let Some(lab) = Lab::up("a_ca_gets_into_both_stores_as_by_ansible", &HOSTS) else { return };
    Case::start(&lab, "trust").compare();
}

#[test]
fn settings_are_merged_and_the_daemon_restarted_as_by_ansible() {
    let Some(lab) = Lab::up("settings_are_merged_and_the_daemon_restarted_as_by_ansible", &HOSTS) else {
        return;
    };
    Case::start(&lab, "settings").compare();
}

#[test]
fn a_role_with_handlers_sets_a_fleet_up_as_by_ansible() {
    let Some(lab) = Lab::up("a_role_with_handlers_sets_a_fleet_up_as_by_ansible", &HOSTS) else { return };
    Case::start(&lab, "role").compare();
}

#[test]
fn units_of_systemd_come_into_their_states_as_by_ansible() {
    let Some(lab) = Lab::up("units_of_systemd_come_into_their_states_as_by_ansible", &HOSTS) else { return };
    Case::start(&lab, "services").compare();
}
