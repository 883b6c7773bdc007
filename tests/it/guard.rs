//! The guard of a host: it is the host's lock, keeps what was there, and puts it back where a run does not end well.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::{Call, Ran, World};
use crate::sshd::eventually;
use crate::tree::Tree;

const QUICK: [&str; 2] = ["--guard-timeout", "3"];
const LOCK: &str = "run/dtrctl/guard";

/// Changes of every kind, then a long time in which nothing happens.
const CHANGES: &str = "
- copy: {dest: /etc/old, content: \"new\\n\", mode: '0600'}
- copy: {dest: /etc/link, content: \"through the link\\n\"}
- file: {path: /etc/a/b c/d, state: directory}
- copy: {dest: '/etc/a/b c/d/e', content: \"e\\n\"}
- file: {path: /etc/gone, state: absent}
- file: {path: /etc/tree, state: absent}
- file: {path: /etc/moded, mode: '0600'}
- file: {path: /etc/away, state: absent}
- file: {path: /etc/soft, state: link, src: /etc/old}
";

fn world(shell: &[&str]) -> (World, TempDir) {
    let world = World::new()
        .host_file("web1", "etc/old", "old, with 'quotes' and $x\n")
        .host_file("web1", "etc/target", "the target\n")
        .host_file("web1", "etc/gone", "it is there\n")
        .host_file("web1", "etc/tree/x/y", "y\n")
        .host_file("web1", "etc/moded", "m\n");
    let root = world.root("web1");
    std::os::unix::fs::symlink("target", root.join("etc/link")).unwrap();
    std::os::unix::fs::symlink("nowhere", root.join("etc/away")).unwrap();
    fs::set_permissions(root.join("etc/old"), fs::Permissions::from_mode(0o640)).unwrap();
    (world, shell_first(shell))
}

/// A folder in which `sh` is this shell.
fn shell_first(shell: &[&str]) -> TempDir {
    let bin = tempfile::tempdir().unwrap();
    let found = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", shell[0]]).output().unwrap();
    let program = String::from_utf8(found.stdout).unwrap();
    assert!(!program.is_empty(), "{} is not installed", shell[0]);
    std::os::unix::fs::symlink(program.trim(), bin.path().join("sh")).unwrap();
    bin
}

fn with_shell<'w>(call: Call<'w>, bin: &TempDir) -> Call<'w> {
    let path = std::env::var("PATH").unwrap_or_default();
    call.env("PATH", &format!("{}:{path}", bin.path().display()))
}

/// What stands on the host, but for the records of runs.
fn state(world: &World) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut all = Tree::of(&world.root("web1")).contents();
    all.retain(|path, _| !path.starts_with("var") && !path.starts_with("run"));
    all
}

fn start(call: &Call<'_>) -> Child {
    let mut child = call.command().spawn().unwrap();
    drop(child.stdin.take());
    child
}

fn end(child: Child) -> (Ran, Option<i32>) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (Ran { stdout: text(stdout), stderr: text(stderr) }, status.code())
}

/// The only record of a run on the host.
fn record(world: &World) -> std::path::PathBuf {
    let runs = world.root("web1").join("var/lib/dtrctl/runs");
    let mut records: Vec<_> = fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

/// The processes of this machine that name a path: the guard's own among them.
fn processes(named: &Path) -> Vec<String> {
    let named = named.display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        if command.contains(&named) && command.contains("guard.sh") {
            found.push(command);
        }
    }
    found
}

#[test]
fn a_host_whose_run_was_killed_is_put_back() {
    for shell in [&["dash"][..], &["busybox"], &["bash"]] {
        let (world, bin) = world(shell);
        let world = world.tasks(&format!("{CHANGES}- pause: {{seconds: 60}}\n"));
        let before = state(&world);
        let call = with_shell(world.events(&QUICK), &bin);
        let mut child = start(&call);
        let last = world.root("web1").join("etc/soft");
        assert!(eventually(60, || last.is_symlink()), "{shell:?}: the changes are made");
        assert_ne!(state(&world), before);
        child.kill().unwrap();
        child.wait().unwrap();
        let lock = world.root("web1").join(LOCK);
        assert!(eventually(60, || !lock.is_symlink()), "{shell:?}: the guard ends by itself");
        assert_eq!(state(&world), before, "{shell:?}: all is as it was");
        let outcome = fs::read_to_string(record(&world).join("outcome")).unwrap();
        assert!(outcome.starts_with("rolled_back\nnobody has confirmed"), "{outcome}");
        assert!(eventually(10, || processes(&world.root("web1")).is_empty()), "nothing is left over");
        // The next run hears of it, once.
        let world =
            world.file("again.yml", "- hosts: all\n  tasks:\n    - copy: {dest: /etc/z, content: z}\n");
        let again = world.dtrctl(&["apply", "again.yml", "-i", "hosts.yml"]);
        let said = with_shell(again, &bin).any_stderr().run().stderr;
        assert!(
            said.contains("an earlier run was cut off here, and what it had changed was put back"),
            "{said}"
        );
    }
}

#[test]
fn a_run_that_ends_well_leaves_its_record_and_nothing_else() {
    let (world, bin) = world(&["dash"]);
    let world = world.tasks(CHANGES);
    with_shell(world.events(&[]), &bin).run();
    let root = world.root("web1");
    assert!(!root.join(LOCK).is_symlink());
    assert_eq!(processes(&root), Vec::<String>::new());
    let record = record(&world);
    let mode = fs::metadata(&record).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "before-images may be secrets");
    assert_eq!(fs::read_to_string(record.join("outcome")).unwrap(), "confirmed\n");
    let entries = fs::read_to_string(record.join("entries")).unwrap();
    let kinds: Vec<&str> = entries.lines().map(|line| line.split(' ').nth(2).unwrap()).collect();
    assert_eq!(
        kinds,
        ["file", "link", "absent", "absent", "absent", "absent", "file", "tree", "file", "link", "absent"],
        "{entries}"
    );
    let mut names: Vec<_> = fs::read_dir(&record)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.contains(".image"));
    names.sort();
    assert_eq!(names, ["entries", "number", "outcome", "who"]);
    // A run that finds nothing to do asks, and leaves not even that.
    with_shell(world.events(&[]), &bin).run();
    self::record(&world);
}

#[test]
fn two_runs_do_not_mix_on_one_host() {
    let (world, bin) = world(&["dash"]);
    let world = world
        .file("first.yml", "- hosts: all\n  tasks:\n    - copy: {dest: /etc/x, content: one}\n    - pause: {seconds: 4}\n    - copy: {dest: /etc/y, content: one}\n")
        .file("second.yml", "- hosts: all\n  tasks:\n    - copy: {dest: /etc/x, content: two}\n    - copy: {dest: /etc/y, content: two}\n");
    let first = start(&with_shell(
        world.dtrctl(&["apply", "first.yml", "-i", "hosts.yml", "--format", "jsonl"]),
        &bin,
    ));
    let x = world.root("web1").join("etc/x");
    assert!(eventually(30, || x.exists()));
    let args = ["apply", "second.yml", "-i", "hosts.yml", "--format", "jsonl"];
    let refused = with_shell(world.dtrctl(&args), &bin).code(3).run();
    let reason = refused.recap("web1")["reason"].clone();
    assert_eq!(reason["kind"], "locked", "{reason}");
    assert!(
        reason["message"].as_str().unwrap().starts_with("another run is changing this host: 20"),
        "{reason}"
    );
    assert_eq!(fs::read_to_string(&x).unwrap(), "one", "the loser has touched nothing");
    // One that waits goes on where the other has ended, from what it finds then.
    let waited = with_shell(world.dtrctl(&args), &bin).args(&["--lock-timeout", "60"]).run();
    assert_eq!(waited.recap("web1")["changed"], 2);
    let (first, code) = end(first);
    assert_eq!(code, Some(0), "{}", first.stderr);
    for name in ["x", "y"] {
        let text = fs::read_to_string(world.root("web1").join("etc").join(name)).unwrap();
        assert_eq!(text, "two", "{name}: the second run came after the first");
    }
}

#[test]
fn a_lock_whose_holder_is_dead_is_found_out() {
    let (world, bin) = world(&["dash"]);
    let root = world.root("web1");
    fs::create_dir_all(root.join("run/dtrctl")).unwrap();
    // This process lives, but it began at another time than the lock says.
    let holder = format!("{}:not-this-boot:1:20200101T000000Z-abcdef-123456", std::process::id());
    std::os::unix::fs::symlink(holder, root.join(LOCK)).unwrap();
    let cut = root.join("var/lib/dtrctl/runs/20200101T000000Z-abcdef-123456");
    fs::create_dir_all(&cut).unwrap();
    // Of the two that its script had begun one was written whole.
    let ours = root.join("etc/ours");
    fs::write(&ours, "ours").unwrap();
    let digest = modules::digest(b"ours");
    let begun = "1 b:L2V0Yy9vbGQ= absent - -\n2 p:/etc/ours absent - -\n";
    for (name, text) in [
        ("who", "alice@control\n"),
        ("begun", begun),
        ("wrote", &format!("1 file:{digest}:\n2 file:{digest}:\n")),
        ("1.path", "/etc/old."),
        ("2.path", &format!("{}.", ours.display())),
    ] {
        fs::write(cut.join(name), text).unwrap();
    }
    let world = world.tasks("- copy: {dest: /etc/x, content: x}\n");
    let ran = with_shell(world.events(&[]), &bin).any_stderr().run();
    assert_eq!(ran.recap("web1")["changed"], 1);
    assert!(ran.stdout.contains("its guard with it, so that what it had changed stands: 20200101T000000Z-abcdef of alice@control: /etc/old"), "{}", ran.stdout);
    assert!(!root.join(LOCK).is_symlink());
    let found = fs::metadata(&ours).unwrap();
    let stands = format!("file:{digest}:{:o},{},{}", found.mode() & 0o7777, found.uid(), found.gid());
    assert_eq!(
        fs::read_to_string(cut.join("entries")).unwrap(),
        format!("1 b:L2V0Yy9vbGQ= absent - - ?\n2 p:/etc/ours absent - - {stands}\n")
    );
}

#[test]
fn a_host_that_waits_for_long_is_not_put_back() {
    let (world, bin) = world(&["dash"]);
    let world = world.tasks(
        "- copy: {dest: /etc/x, content: x}\n- pause: {seconds: 8}\n- copy: {dest: /etc/y, content: y}\n",
    );
    let ran = with_shell(world.events(&QUICK), &bin).run();
    assert_eq!(ran.recap("web1")["changed"], 2);
    assert!(world.root("web1").join("etc/x").exists());
}

#[test]
fn ended_twice_at_once_it_is_put_back() {
    let (world, bin) = world(&["dash"]);
    let world = world.tasks(&format!("{CHANGES}- wait_for: {{path: /etc/never, timeout: 15}}\n"));
    let before = state(&world);
    let call = with_shell(world.events(&QUICK), &bin);
    let child = start(&call);
    let last = world.root("web1").join("etc/soft");
    assert!(eventually(60, || last.is_symlink()));
    // By then it waits.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).unwrap();
    // The second one counts once the first was heard.
    std::thread::sleep(std::time::Duration::from_millis(300));
    kill_process(pid, Signal::INT).unwrap();
    let (_, code) = end(child);
    assert_eq!(code, Some(130));
    let lock = world.root("web1").join(LOCK);
    assert!(eventually(90, || !lock.is_symlink()));
    let outcome = fs::read_to_string(record(&world).join("outcome")).unwrap();
    if outcome == "confirmed\n" {
        eprintln!("it had ended after the first signal already");
    } else {
        assert_eq!(state(&world), before, "{outcome}");
    }
}

#[test]
fn what_cannot_be_kept_is_not_changed() {
    let (world, bin) = world(&["dash"]);
    let world = world
        .host_file("web1", "var/lib/dtrctl", "a file, where a directory belongs\n")
        .tasks("- copy: {dest: /etc/old, content: x}\n");
    let before = state(&world);
    let ran = with_shell(world.events(&[]), &bin).code(3).run();
    assert_eq!(ran.recap("web1")["reason"]["kind"], "guard");
    assert_eq!(state(&world), before);
}
