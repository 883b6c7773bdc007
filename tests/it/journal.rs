//! Runs are kept as they go on, found again, and said again word by word.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::harness::{Ran, World};

const RUNS: &str = "home/.local/state/dtrctl/runs";

/// The runs that are kept, the oldest first.
fn kept(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.path(RUNS)).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn record(path: &Path) -> Json {
    serde_json::from_slice(&fs::read(path.join("run.json")).unwrap()).unwrap()
}

/// Every byte that a journal holds.
fn all_bytes(directory: &Path) -> String {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let each = entries.map(|entry| {
        if entry.path().is_dir() {
            all_bytes(&entry.path())
        } else {
            String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned()
        }
    });
    each.collect()
}

/// Tasks of every outcome, with a loop, a handler, notes and a diff.
const TASKS: &str = "\
- name: the greeting
  copy: {dest: /etc/motd, content: \"hello {{ inventory_hostname }}\\n\"}
  notify: told
- file: {path: \"/etc/{{ item }}\", state: directory}
  loop: [a, b]
- debug: {msg: \"a \\u001b[31mred\\u001b[0m word\"}
- debug: {msg: never}
  when: false
- fail: {msg: this one is out}
  when: inventory_hostname == 'web2'
- fail: {msg: let through}
  ignore_errors: true
";

fn world() -> World {
    let tasks: String = TASKS.lines().map(|line| format!("    {line}\n")).collect();
    World::with(&["web1", "web2", "web3"]).playbook(&format!(
        "- hosts: docker\n  tasks:\n{tasks}  handlers:\n    - name: told\n      debug: {{msg: done}}\n"
    ))
}

fn assert_said_again(run: &Ran, again: &Ran) {
    assert_eq!(again.stdout, run.stdout);
    assert_eq!(again.stderr, run.stderr);
}

#[test]
fn a_run_is_said_again_byte_by_byte() {
    let world = world();
    let options: [&[&str]; 6] = [
        &[],
        &["--diff"],
        &["--diff=full", "-v"],
        &["--diff=stat"],
        &["--format", "jsonl"],
        &["-v", "--junit", "report.xml", "--events", "events.jsonl"],
    ];
    for check in [true, false] {
        for options in options {
            let check: &[&str] = if check { &["--check"] } else { &[] };
            let run = world.apply(check).args(options).code(3).any_stderr().run();
            let files =
                ["report.xml", "events.jsonl"].map(|name| fs::read(world.path(name)).unwrap_or_default());
            let again = world.dtrctl(&["runs", "last"]).args(options).any_stderr().run();
            assert_said_again(&run, &again);
            let then =
                ["report.xml", "events.jsonl"].map(|name| fs::read(world.path(name)).unwrap_or_default());
            assert_eq!(files, then);
        }
    }
    assert_eq!(kept(&world).len(), 12);
}

#[test]
fn timings_say_where_the_time_of_each_host_and_task_went() {
    let world = world();
    let events = |ran: &Ran| -> Vec<Json> {
        let lines = ran.stdout.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        lines.filter(|event| event["event"] == "timed").collect()
    };
    let ran = world.apply(&["--timings", "--format", "jsonl"]).code(3).any_stderr().run();
    for host in ["web1", "web2", "web3"] {
        let own: Vec<Json> = events(&ran).into_iter().filter(|event| event["host"] == host).collect();
        let names: Vec<_> =
            own.iter().map(|event| event["task"]["name"].as_str().unwrap_or("(end)")).collect();
        // web2 leaves at the task that fails; the handler comes last.
        let whole = ["the greeting", "file", "file", "debug", "debug", "fail", "fail", "told", "(end)"];
        let expected = if host == "web2" { [&whole[..6], &["(end)"]].concat() } else { whole.to_vec() };
        assert_eq!(names, expected, "{host}");
        let of = |part: &str| own.iter().map(|event| event[part].as_u64().unwrap()).sum::<u64>();
        assert!(of("host_us") > 1000 && of("controller_us") > 0, "{own:?}");
    }
    assert_eq!(events(&world.apply(&["--format", "jsonl"]).code(3).any_stderr().run()), Vec::<Json>::new());
    let human = world.apply(&["--timings"]).code(3).any_stderr().run();
    let again = world.dtrctl(&["runs", "last"]).any_stderr().run();
    assert_said_again(&human, &again);
    let tables = human.stdout.split("timings, in seconds").nth(1).unwrap();
    for word in ["the greeting", "connecting", "web3", "slowest"] {
        assert!(tables.contains(word), "{tables}");
    }
}

#[test]
fn an_ad_hoc_run_is_kept_and_what_only_looks_is_not() {
    let world = World::new();
    let run = world.dtrctl(&["run", "web1", "file", "path=/etc/x", "state=touch", "-i", "hosts.yml"]).run();
    assert_said_again(&run, &world.dtrctl(&["runs", "last"]).run());
    world.dtrctl(&["run", "web1", "ping", "-i", "hosts.yml", "--journal", "none"]).run();
    world.dtrctl(&["hosts", "web1", "-i", "hosts.yml"]).run();
    world.dtrctl(&["apply", "site.yml", "-i", "hosts.yml", "--list-tasks"]).any_code().any_stderr().run();
    let found = kept(&world);
    assert_eq!(found.len(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&found[0]), 0o700);
    assert_eq!(mode(&found[0].join("run.json")), 0o600);
    assert_eq!(mode(&found[0].join("events.jsonl")), 0o600);
    let record = record(&found[0]);
    assert_eq!(record["command"], "run");
    assert_eq!(record["plays"][0]["hosts"], serde_json::json!(["web1"]));
    assert_eq!(record["exit"], 0);
    assert!(record["ended"].is_string());
}

#[test]
fn what_may_be_secret_on_a_command_line_is_not_in_the_journal() {
    let world = World::new()
        .file("more.yml", "other: nightingale-in-a-file\n")
        .tasks("- copy: {dest: /etc/x, content: \"{{ token | length }}\"}");
    let forms: [&[&str]; 5] = [
        &["-e", "token=nightingale"],
        &["-etoken=nightingale"],
        &["--extra-vars=token=nightingale"],
        &["-be", "{\"token\": \"nightingale\"}"],
        &["-e", "token=nightingale other=nightingale", "-e", "@more.yml"],
    ];
    for form in forms {
        world.apply(form).run();
    }
    world.dtrctl(&["run", "web1", "debug", "msg=nightingale", "-i", "hosts.yml", "--format", "jsonl"]).run();
    for run in kept(&world) {
        let text = fs::read_to_string(run.join("run.json")).unwrap();
        assert!(!text.contains("nightingale"), "{text}");
        assert!(text.contains("(hidden)"), "{text}");
    }
    let list = world.dtrctl(&["runs"]).run().stdout;
    assert!(list.contains("-e token=(hidden)") && !list.contains("nightingale"), "{list}");
}

#[test]
fn what_no_log_and_a_vault_hide_is_not_in_the_journal() {
    const VALUE: &str = include_str!("vault/value.vault");
    let value: String = VALUE.lines().map(|line| format!("    {line}\n")).collect();
    let world =
        World::new().file("password", "swordfish").file("vars.yml", format!("one: !vault |\n{value}"));
    let world = world.playbook(
        "- hosts: docker\n  vars_files: [vars.yml]\n  tasks:\n    \
         - copy: {dest: /etc/hidden, content: canary-two}\n      no_log: true\n    \
         - copy: {dest: /etc/one, content: \"{{ one }}\"}\n    \
         - debug: {msg: \"{{ one }}\"}\n",
    );
    let vault = ["--vault-password-file", "password"];
    let run = world.apply(&["--diff", "-v"]).args(&vault).run();
    let all = all_bytes(&world.path(RUNS));
    assert!(all.contains("***"), "{all}");
    assert!(!all.contains("canary-") && !all.contains("swordfish"), "{all}");
    // The vault is closed by then.
    assert_said_again(&run, &world.dtrctl(&["runs", "last", "--diff", "-v"]).run());
}

#[test]
fn runs_are_found_by_host_path_and_time() {
    let world = World::with(&["web1", "web2"]).tasks("- copy: {dest: \"/etc/{{ f }}\", content: a}");
    world.apply(&["-e", "f=one", "-l", "web1"]).run();
    world.apply(&["-e", "f=two", "-l", "web2", "--check"]).run();
    let named = |more: &[&str]| {
        let list = world.dtrctl(&["runs", "--format", "json"]).args(more).run().stdout;
        let list: Vec<Json> = serde_json::from_str(&list).unwrap();
        let hosts = list.iter().map(|run| run["hosts"][0].as_str().unwrap().to_owned());
        hosts.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(&[]), "web2 web1");
    assert_eq!(named(&["--host", "web1"]), "web1");
    assert_eq!(named(&["--host", "w*2"]), "web2");
    assert_eq!(named(&["--host", "db*"]), "");
    assert_eq!(named(&["--path", "/etc/one"]), "web1");
    assert_eq!(named(&["--path", "/etc/two"]), "web2");
    assert_eq!(named(&["--path", "/etc"]), "");
    assert_eq!(named(&["--since", "2h", "--until", "2200-01-01"]), "web2 web1");
    assert_eq!(named(&["--until", "2020-01-01"]), "");
    let list = world.dtrctl(&["runs"]).run().stdout;
    assert!(list.contains("apply site.yml -i hosts.yml -e f=(hidden) -l web1"), "{list}");
    assert!(list.contains("1 host: web1 · 1 changed · exit 0"), "{list}");
    assert!(list.contains("1 host: web2 · check · 1 changed · exit 0"), "{list}");
}

#[test]
fn a_run_is_named_by_its_beginning_and_mistakes_are_said() {
    let world = World::new().tasks("- debug: {msg: hi}");
    let none = world.dtrctl(&["runs", "last"]).code(1).any_stderr().run().stderr;
    assert!(none.contains("no run is kept in `$WORLD/home/.local/state/dtrctl/runs`"), "{none}");
    assert_eq!(world.dtrctl(&["runs"]).run().stdout, "");
    let run = world.apply(&[]).run();
    world.apply(&[]).run();
    let runs = kept(&world);
    let wanted = runs.iter().map(|path| name(path)).find(|id| run.stdout.contains(id)).unwrap();
    assert_said_again(&run, &world.dtrctl(&["runs", wanted]).run());
    assert_said_again(&run, &world.dtrctl(&["runs", &wanted[..22]]).any_stderr().run());
    for (args, said) in [
        (&["2"][..], "`2` begins the names of 2 runs"),
        (&["yesterday"], "is named `yesterday`"),
        (&["last", "--host", "web1"], "`--host` selects from the list of runs"),
        (&["last", "--format", "json"], "a run has no `--format json`"),
        (&["--format", "jsonl"], "a list has no `--format jsonl`"),
        (&["--since", "yesterday"], "it has to be a day"),
        (&["--journal", "none"], "`--journal none` keeps no run to look at"),
    ] {
        let stderr = world.dtrctl(&["runs"]).args(args).code(1).any_stderr().run().stderr;
        assert!(stderr.contains(said), "{args:?}: {stderr}");
    }
}

#[test]
fn a_run_that_was_cut_off_keeps_what_it_said() {
    let world = World::new().tasks("- debug: {msg: first}\n- debug: {msg: second}");
    let run = world.events(&[]).run();
    let directory = kept(&world).remove(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    let whole = format!("{}\n", lines[..lines.len() - 3].join("\n"));
    let torn = format!("{whole}{}", &lines[lines.len() - 3][..10]);
    fs::write(directory.join("events.jsonl"), torn).unwrap();
    let mut record = record(&directory);
    (record["ended"], record["exit"]) = (Json::Null, Json::Null);
    fs::write(directory.join("run.json"), record.to_string()).unwrap();
    let again = world.dtrctl(&["runs", "last", "--format", "jsonl"]).any_stderr().run();
    assert_eq!(again.stdout, whole);
    assert!(again.stderr.contains("the last event was cut off while it was written"), "{}", again.stderr);
    assert!(again.stderr.contains("was cut off here; `dtrctl resume"), "{}", again.stderr);
    let list = world.dtrctl(&["runs"]).run().stdout;
    assert!(list.contains("· unfinished"), "{list}");
    let list = world.dtrctl(&["runs", "--format", "json"]).run().stdout;
    assert!(list.contains("\"state\": \"unfinished\""), "{list}");
}

#[test]
fn what_another_version_wrote_is_refused_by_name() {
    let world = World::new().tasks("- debug: {msg: first}");
    world.apply(&[]).run();
    let directory = kept(&world).remove(0);
    let (events, run) = (directory.join("events.jsonl"), directory.join("run.json"));
    let (told, record) = (fs::read_to_string(&events).unwrap(), fs::read_to_string(&run).unwrap());
    let own = env!("CARGO_PKG_VERSION");
    let refused = |said: &str| {
        let stderr = world.dtrctl(&["runs", "last"]).code(1).any_stderr().run().stderr;
        assert!(stderr.contains(said), "{stderr}");
    };
    fs::write(&events, told.replacen("\"version\":1", "\"version\":7", 1)).unwrap();
    refused(&format!(
        "line 1: its events have version 7, written by dtrctl \"{own}\", and this dtrctl reads version 1"
    ));
    fs::write(&events, told.replacen("task_finished", "task_dreamt", 1)).unwrap();
    refused("unknown variant `task_dreamt`");
    fs::write(&run, record.replacen(own, "9.9.9", 1)).unwrap();
    refused(&format!("it was written by dtrctl 9.9.9, and this is {own}"));
    fs::write(&run, record.replacen("\"version\": 1", "\"version\": 2", 1)).unwrap();
    refused("it has version 2, and this dtrctl reads version 1");
}

#[test]
fn a_journal_that_cannot_be_begun_stops_what_changes_hosts_alone() {
    let world = World::new().tasks("- copy: {dest: /etc/x, content: a}").file("blocked", "");
    let there = ["--journal", "blocked/runs"];
    let stderr = world.apply(&there).code(1).any_stderr().run().stderr;
    assert!(stderr.contains("the run cannot be recorded in `blocked/runs`"), "{stderr}");
    assert!(stderr.contains("--journal none"), "{stderr}");
    assert!(!world.root("web1").join("etc/x").exists());
    let check = world.apply(&there).args(&["--check"]).any_stderr().run();
    assert!(check.stderr.starts_with("warning: this check is not kept\n"), "{}", check.stderr);
    assert!(check.stdout.contains("would change"), "{}", check.stdout);
    world.apply(&[]).env("DTRCTL_JOURNAL", "none").run();
    assert_eq!(world.text("/etc/x"), "a");
    assert!(kept(&world).is_empty());
    world.apply(&[]).env("DTRCTL_JOURNAL", "elsewhere").run();
    world.dtrctl(&["runs", "last", "--journal", "elsewhere"]).run();
}

#[test]
fn the_newest_runs_are_kept_and_nothing_else_is_touched() {
    let world = World::new().tasks("- debug: {msg: hi}");
    for number in 0..203 {
        let run = format!("{RUNS}/20200101T000000Z-{number:06}/events.jsonl");
        fs::create_dir_all(world.path(&run).parent().unwrap()).unwrap();
        fs::write(world.path(&run), "").unwrap();
    }
    fs::create_dir_all(world.path(&format!("{RUNS}/mine"))).unwrap();
    world.apply(&[]).run();
    let names: Vec<String> = kept(&world).iter().map(|path| name(path).to_owned()).collect();
    assert_eq!(names.len(), 201);
    assert_eq!((names[0].as_str(), names[200].as_str()), ("20200101T000000Z-000004", "mine"));
}

#[test]
fn a_playbook_stands_in_its_commit() {
    let world = World::new().tasks("- debug: {msg: hi}");
    let git = |args: &[&str]| {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-C"])
            .arg(world.path(""))
            .args(args)
            .output();
        done.ok().map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let playbook = |world: &World| record(kept(world).last().unwrap())["playbooks"][0].clone();
    world.apply(&[]).env("PATH", "/nonexistent").any_code().any_stderr().run();
    let without = kept(&world).pop().map(|path| record(&path)["playbooks"][0].clone()).unwrap();
    assert_eq!(without["no_commit"], "git is not there to ask");
    if git(&["init", "-q"]).is_none() {
        eprintln!("skipped: there is no git here");
        return;
    }
    fs::remove_dir_all(world.path(RUNS)).unwrap();
    git(&["add", "site.yml", "hosts.yml"]);
    fs::write(world.path(".gitignore"), "/home\n/cache\n/hosts\n/.gitignore\n").unwrap();
    git(&["commit", "-q", "-m", "first"]);
    world.apply(&[]).run();
    let commit = git(&["rev-parse", "HEAD"]).unwrap();
    let clean = playbook(&world);
    assert_eq!((&clean["commit"], &clean["dirty"]), (&Json::from(commit.trim()), &Json::Bool(false)));
    fs::remove_dir_all(world.path(RUNS)).unwrap();
    let world = world.tasks("- debug: {msg: changed}");
    world.apply(&[]).run();
    let dirty = playbook(&world);
    assert_eq!((&dirty["commit"], &dirty["dirty"]), (&Json::from(commit.trim()), &Json::Bool(true)));
    assert_ne!(dirty["digest"], clean["digest"]);
}

#[test]
fn the_demo_leaves_no_run_behind() {
    let world = World::new();
    world.dtrctl(&["demo"]).any_stderr().run();
    assert_eq!(fs::read_dir(world.path("home")).unwrap().count(), 0);
}
