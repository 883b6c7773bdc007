//! Modules that run or ask things, on this machine's own shell.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::harness::apply_in;

/// A folder with a playbook; `@` in it is that folder.
pub struct Play(TempDir);

impl Play {
    /// The tasks of one play.
    pub fn new(tasks: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("dtrctl-running-").tempdir().unwrap();
        let tasks = tasks.replace('@', dir.path().to_str().unwrap());
        fs::write(dir.path().join("site.yml"), format!("- hosts: h\n  tasks:\n{tasks}")).unwrap();
        fs::write(dir.path().join("hosts.ini"), "h ansible_connection=local\n").unwrap();
        Self(dir)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The outcome and the result of each task.
    pub fn run(&self, more: &[&str]) -> Vec<(String, Json)> {
        let output = apply_in(self.0.path(), 60).args(more).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let events = stdout.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        let done: Vec<_> = events
            .filter(|event| event["event"] == "task_finished")
            .map(|event| (event["outcome"].as_str().unwrap().to_owned(), event["result"].clone()))
            .collect();
        assert!(!done.is_empty(), "{stdout}{}", String::from_utf8_lossy(&output.stderr));
        done
    }
}

pub fn outcomes(done: &[(String, Json)]) -> Vec<&str> {
    done.iter().map(|(outcome, _)| outcome.as_str()).collect()
}

#[test]
fn commands_register_what_ansible_registers() {
    let play = Play::new(
        "  - shell: echo $0; echo e >&2; echo\n  - command: echo $HOME a=b chdir=/tmp\n  - raw: echo hi\n  \
         - command: {argv: [printf, '%s', 5], stdin: x}\n  - shell: exit 3\n    ignore_errors: true\n  \
         - command: touch @/x creates=@/[x]\n  - command: touch @/x creates=@/[x]\n",
    );
    let done = play.run(&[]);
    assert_eq!(outcomes(&done), ["changed", "changed", "changed", "changed", "ignored", "changed", "ok"]);
    let fields =
        |at: usize, names: &[&str]| names.iter().map(|name| done[at].1[name].clone()).collect::<Json>();
    let names = ["rc", "stdout", "stdout_lines", "stderr", "stderr_lines", "msg", "cmd", "changed"];
    let home = std::env::var("HOME").unwrap();
    assert_eq!(
        fields(0, &names),
        json!([0, "/bin/sh", ["/bin/sh"], "e", ["e"], "", "echo $0; echo e >&2; echo", true])
    );
    let said = format!("{home} a=b");
    assert_eq!(fields(1, &names), json!([0, said, [said], "", [], "", ["echo", "$HOME", "a=b"], true]));
    assert_eq!(fields(2, &names), json!([0, "hi\n", ["hi"], "", [], "", null, true]));
    assert_eq!(fields(3, &["stdout", "cmd"]), json!(["5", ["printf", "%s", "5"]]));
    assert_eq!(
        fields(4, &["rc", "msg", "changed", "failed"]),
        json!([3, "non-zero return code", true, true])
    );
    assert_eq!(fields(6, &["rc", "stdout", "start", "delta", "changed"]), json!([0, "", null, null, false]));
}

#[test]
fn check_mode_knows_what_a_guard_decides_and_nothing_else() {
    let tasks = "  - command: touch @/x creates=@/x\n  - shell: touch @/y\n  - script: s.sh\n  - script: s.sh removes=@/x\n";
    let play = Play::new(tasks);
    fs::write(play.path("s.sh"), "#!/bin/sh\necho \"$0\" \"$@\"\n").unwrap();
    assert_eq!(outcomes(&play.run(&["--check"])), ["changed", "unknown", "unknown", "unknown"]);
    assert!(!play.path("x").exists() && !play.path("y").exists());
    assert_eq!(outcomes(&play.run(&[])), ["changed", "changed", "changed", "changed"]);
    assert_eq!(outcomes(&play.run(&["--check"])), ["ok", "unknown", "unknown", "changed"]);
}

#[test]
fn what_says_something_registers_what_ansible_registers() {
    let play = Play::new(
        "  - ping:\n  - debug: {var: 1 + 1}\n  - debug: {msg: [1, {a: b}]}\n  - debug: {msg: x, verbosity: 1}\n  \
         - assert: {that: [true, 'inventory_hostname == \"x\"'], fail_msg: nope}\n    ignore_errors: true\n  \
         - assert: {that: inventory_hostname == 'h'}\n  - pause: {seconds: 1}\n  - fail: {msg: that is it}\n",
    );
    let begin = std::time::Instant::now();
    let done = play.run(&["--check"]);
    assert!(begin.elapsed().as_secs() >= 1, "it has waited");
    assert_eq!(outcomes(&done), ["ok", "ok", "ok", "skipped", "ignored", "ok", "ok", "failed"]);
    let field = |at: usize, name: &str| done[at].1[name].clone();
    assert_eq!(field(0, "ping"), "pong");
    assert_eq!(field(1, "1 + 1"), 2);
    assert_eq!(field(2, "msg"), json!([1, {"a": "b"}]));
    assert_eq!(
        [field(4, "assertion"), field(4, "evaluated_to"), field(4, "msg")],
        [json!("inventory_hostname == \"x\""), json!(false), json!("nope")]
    );
    assert_eq!(field(5, "msg"), "All assertions passed");
    assert_eq!(field(6, "delta"), 1);
    assert_eq!(field(7, "msg"), "that is it");
}

#[test]
fn a_pause_does_not_pass_what_comes_before_it() {
    let play = Play::new("  - shell: date +%s\n  - pause: {seconds: 2}\n  - shell: date +%s\n");
    let done = play.run(&[]);
    let at = |i: usize| done[i].1["stdout"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(at(2) - at(0) >= 2, "{done:?}");
}

#[test]
fn facts_are_variables_of_their_own_too() {
    let play = Play::new(
        "  - debug: {msg: \"{{ [ansible_distribution == ansible_facts.distribution, ansible_user_id, ansible_env.HOME] }}\"}\n  \
         - setup: {filter: 'ansible_k*'}\n  - setup:\n",
    );
    let done = play.run(&[]);
    let home = std::env::var("HOME").unwrap();
    assert_eq!(done[0].1["msg"][0], true);
    assert_eq!(done[0].1["msg"][2], home.as_str());
    let kernel = &done[1].1["ansible_facts"];
    assert_eq!(kernel.as_object().unwrap().len(), 1);
    let read = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap().trim().to_owned();
    assert_eq!(kernel["ansible_kernel"], read("osrelease").as_str());
    let facts = &done[2].1["ansible_facts"];
    assert_eq!(facts["ansible_nodename"], read("hostname").as_str());
    assert!(
        facts["ansible_memtotal_mb"].as_u64() > Some(0)
            && facts["ansible_processor_vcpus"].as_u64() > Some(0)
    );
}
