//! A playbook done by several runs, each with its shard of the hosts, and what they come to together.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::harness::{Ran, World, shipped};

const HOSTS: [&str; 5] = ["web1", "web2", "web3", "web4", "web5"];
const RUNS: &str = "home/.local/state/dtrctl/runs";

fn world() -> World {
    World::with(&HOSTS).tasks(
        "- {copy: {dest: /etc/x, content: \"{{ inventory_hostname }} of {{ ansible_play_hosts | length }}\"}}\n\
         - {fail: {msg: no}, when: inventory_hostname == lost | default('')}",
    )
}

fn newest(world: &World) -> PathBuf {
    let runs = fs::read_dir(world.path(RUNS)).unwrap().map(|entry| entry.unwrap().path());
    let began = |run: &PathBuf| {
        let text = fs::read_to_string(run.join("run.json")).unwrap();
        serde_json::from_str::<Json>(&text).unwrap()["started"].as_str().unwrap().to_owned()
    };
    runs.filter(|path| path.is_dir()).max_by_key(began).unwrap()
}

fn name(run: &Path) -> String {
    run.file_name().unwrap().to_str().unwrap().to_owned()
}

/// What a merge says of each host.
fn states(ran: &Ran) -> Vec<(String, String)> {
    let last: Json = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    let hosts = last["hosts"].as_object().unwrap();
    hosts.iter().map(|(host, recap)| (host.clone(), recap["state"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn shards_part_the_hosts_and_are_merged_to_one_report() {
    let world = world();
    for shard in ["1/2", "2/2"] {
        world.apply(&["--shard", shard]).run();
    }
    let done = |host| fs::read_to_string(world.root(host).join("etc/x")).unwrap();
    // In the inventory's order, one by one; each shard's play has its own hosts alone.
    assert_eq!(HOSTS.map(done), ["web1 of 3", "web2 of 2", "web3 of 3", "web4 of 2", "web5 of 3"]);
    let merged = world.dtrctl(&["runs", "merge", "--format", "jsonl"]).run();
    let all: Vec<_> = HOSTS.map(|host| (host.to_owned(), "changed".to_owned())).into();
    assert_eq!(states(&merged), all);
    let count = |what: &str| merged.stdout.matches(&format!("\"event\":\"{what}\"")).count();
    assert_eq!((count("run_started"), count("run_finished"), count("host_finished")), (1, 1, 5));
    let human = world.dtrctl(&["runs", "merge"]).run();
    assert!(human.stdout.contains("changed  5  web[1:5]"), "{}", human.stdout);
    // The worse of the two is the exit status, and which runs are meant can be said.
    world.apply(&["--shard", "1/2", "-e", "lost=web3"]).code(3).any_stderr().run();
    let one = name(&newest(&world));
    world.dtrctl(&["runs", "merge"]).code(3).any_stderr().run();
    world.apply(&["--shard", "2/2"]).run();
    let two = name(&newest(&world));
    world.dtrctl(&["runs", "merge", &one, &two]).code(3).any_stderr().run();
    let ran = world.dtrctl(&["runs", "merge", &one, &one]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("is of shard 1/2, as another one is"), "{}", ran.stderr);
}

#[test]
fn a_shard_that_has_died_is_seen_and_only_its_part_is_resumed() {
    let world = world();
    let rollout = ["--rollout", "tuesday"];
    world.apply(&["--shard", "1/3"]).args(&rollout).run();
    world.apply(&["--shard", "2/3"]).args(&rollout).run();
    // It was killed: its last events were never written.
    let dead = newest(&world);
    let events = fs::read_to_string(dead.join("events.jsonl")).unwrap();
    let half = events.lines().take(events.lines().count() / 2).map(|line| format!("{line}\n"));
    fs::write(dead.join("events.jsonl"), half.collect::<String>()).unwrap();
    let merge = |code| {
        world.dtrctl(&["runs", "merge", "--format", "jsonl"]).args(&rollout).code(code).any_stderr().run()
    };
    let ran = merge(5);
    let resume = format!("shard 2/3: run {0} was cut off; `dtrctl resume {0}` goes on with it", name(&dead));
    assert!(ran.stderr.contains(&resume), "{}", ran.stderr);
    assert!(ran.stderr.contains("shard 3/3: begin it with `--shard 3/3`"), "{}", ran.stderr);
    assert!(ran.stdout.contains("shard 3/3 is missing"), "{}", ran.stdout);
    let state = |ran: &Ran, host: &str| {
        states(ran).into_iter().find(|(name, _)| name == host).map(|(_, state)| state)
    };
    assert_eq!(state(&ran, "web2").as_deref(), Some("aborted"));
    assert_eq!((state(&ran, "web1").as_deref(), state(&ran, "web3")), (Some("changed"), None));
    let resumed = world.dtrctl(&["resume", &name(&dead), "--format", "jsonl"]).any_stderr().run();
    assert!(!resumed.stdout.contains("web1") && resumed.stdout.contains("web5"), "{}", resumed.stdout);
    world.apply(&["--shard", "3/3"]).args(&rollout).run();
    let ran = merge(0);
    assert_eq!(states(&ran).len(), HOSTS.len(), "{}", ran.stdout);
    // Another rollout is none of it.
    world.apply(&["--shard", "1/2", "--rollout", "wednesday"]).run();
    assert_eq!(states(&merge(0)).len(), HOSTS.len());
    let ran = world.dtrctl(&["runs", "merge", "--rollout", "thursday"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("no run is of the rollout `thursday`"), "{}", ran.stderr);
}

#[test]
fn what_shards_cannot_share_is_refused_before_anything_is_done() {
    for (keys, more, said) in [
        ("serial: 2", &[][..], "`serial: 2` of this play cannot be shared by 3 shards"),
        ("max_fail: 1", &[], "`max_fail: 1` of this play cannot be shared by 3 shards"),
        ("window: 3", &["--max-unreachable", "2"], "`max_unreachable: 2` of this play cannot be shared"),
        ("serial: [5, 2]", &[], "`serial: 2`"),
    ] {
        let world = World::with(&HOSTS).playbook(&format!(
            "- hosts: docker\n  {keys}\n  tasks:\n    - copy: {{dest: /etc/x, content: x}}\n"
        ));
        let ran = world.apply(&["--shard", "2/3"]).args(more).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(!world.root("web2").join("etc/x").exists());
    }
    let world = World::with(&HOSTS).playbook(
        "- hosts: docker\n  serial: 3\n  max_fail: 50%\n  tasks:\n    - copy: {dest: /etc/x, content: x}\n",
    );
    let ran = world.apply(&["--shard", "1/3", "--format", "jsonl"]).run();
    assert_eq!(ran.stdout.matches("\"event\":\"batch_started\"").count(), 2, "one host at a time");
    let ran = world.apply(&["--shard", "4/3"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("I/N with I from 1 to N"), "{}", ran.stderr);
    let ran = world
        .apply(&["--shard", "6/6", "--max-fail", "6"])
        .env("DTRCTL_ROLLOUT", "x")
        .code(1)
        .any_stderr()
        .run();
    assert!(ran.stderr.contains("`serial: 3`"), "{}", ran.stderr);
    // Two shards are missing.
    world.dtrctl(&["runs", "merge", "last"]).code(5).any_stderr().run();
}

#[test]
fn a_shard_of_a_named_rollout_is_not_begun_twice() {
    let world = world();
    let named = ["--shard", "1/2", "--rollout", "friday", "-e", "lost=web3"];
    let refused = |said: &str| {
        let ran = world.apply(&named).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    };
    world.apply(&named).code(3).any_stderr().run();
    let first = newest(&world);
    let run = name(&first);
    refused(&format!(
        "shard 1/2 of the rollout `friday` was begun already: run {run} has ended, and not well on all"
    ));
    refused(&format!("`dtrctl resume {run}` goes on with it; to do all of it once more, give it another"));
    // One that was killed.
    let events = fs::read_to_string(first.join("events.jsonl")).unwrap();
    let last = events.trim_end().rfind('\n').unwrap();
    fs::write(first.join("events.jsonl"), &events[..=last]).unwrap();
    refused(&format!("run {run} was cut off"));
    // One that still goes on, and holds its events.
    let held = fs::File::options().write(true).open(first.join("events.jsonl")).unwrap();
    held.lock().unwrap();
    refused(&format!("run {run} still goes on"));
    drop(held);
    world.dtrctl(&["resume", &run]).code(3).any_stderr().run();
    refused("not well on all");
    // What is asked otherwise is another thing: a check, other hosts, other variables, another shard, no name at all.
    world.apply(&named).args(&["--check"]).code(3).any_stderr().run();
    world.apply(&named).args(&["-l", "web1"]).run();
    world.apply(&["--shard", "1/2", "--rollout", "friday", "-e", "lost=web9"]).run();
    let ran =
        world.apply(&["--shard", "1/2", "--rollout", "friday", "-e", "lost=web9"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("has done all of it"), "{}", ran.stderr);
    world.apply(&["--shard", "2/2", "--rollout", "friday", "-e", "lost=web9"]).run();
    for _ in 0..2 {
        world.apply(&["--shard", "1/2"]).run();
    }
    // And so is a playbook that was mended.
    let world = world.tasks("- {copy: {dest: /etc/x, content: mended}}");
    world.apply(&named).run();
}

#[test]
fn the_command_of_the_manifest_for_kubernetes_does_its_index() {
    let manifest = fs::read_to_string(shipped("../deploy/kubernetes-job.yml")).unwrap();
    let manifest: serde_yaml::Value = serde_yaml::from_str(&manifest).unwrap();
    let container = &manifest["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], serde_yaml::from_str::<serde_yaml::Value>("[sh, -c]").unwrap());
    let count = usize::try_from(manifest["spec"]["completions"].as_u64().unwrap()).unwrap();
    // With the gates of the playbook that it names.
    let gates = fs::read_to_string(shipped("trust-registry.yml")).unwrap();
    let gates =
        gates.lines().filter(|line| ["  canary: ", "  max_"].iter().any(|gate| line.starts_with(gate)));
    let gates = gates.map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(gates.lines().count(), 3);
    let world = World::with(&HOSTS).playbook(&format!(
        "- hosts: docker\n{gates}  tasks:\n    - copy: {{dest: /etc/x, content: \"{{{{ registry }}}}\"}}\n"
    ));
    let command = container["args"][0].as_str().unwrap();
    let command = command
        .replace("/files/trust-registry.yml", "site.yml")
        .replace("/files/", "")
        .replace("--journal /runs", "--journal runs");
    let tool = Path::new(env!("CARGO_BIN_EXE_dtrctl")).parent().unwrap().display();
    let path = format!("{tool}:{}", std::env::var("PATH").unwrap());
    for index in 0..count {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(world.path(""))
            .env_clear()
            .env("PATH", &path)
            .env("HOME", world.path("home"))
            .env("JOB_COMPLETION_INDEX", index.to_string())
            .env("ROLLOUT", "dtrctl-rollout")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "index {index}: {said}");
    }
    let merge = ["runs", "merge", "--rollout", "dtrctl-rollout", "--journal", "runs", "--format", "jsonl"];
    let merged = world.dtrctl(&merge).run();
    assert_eq!(states(&merged), HOSTS.map(|host| (host.to_owned(), "changed".to_owned())));
    let written = fs::read_to_string(world.root("web5").join("etc/x")).unwrap();
    assert_eq!(written, "registry.example.com:5000");
}
