//! What a run has changed is put back, where nothing has moved on since.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modules::{Answer, Ask, AskUndo, Image, Kept, Mode, Owned, Part, Script, Standing, UndoRecord};
use serde_json::{Value as Json, json};

use crate::harness::{Ran, World};
use crate::tree::Tree;

const RUN: &str = "20261124T101500Z-a1b2c3";
const RUNS: &str = "var/lib/dtrctl/runs";

fn word(text: &str) -> String {
    format!("b:{}", STANDARD.encode(text))
}

fn digest(text: &str) -> String {
    modules::digest(text.as_bytes())
}

/// Whose files the tests make.
fn ids(root: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    let own = fs::metadata(root).unwrap();
    format!("{},{}", own.uid(), own.gid())
}

/// What stands on a host, but for what dtrctl keeps there itself.
fn standing(world: &World) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut all = Tree::of(&world.root("web1")).contents();
    all.retain(|path, _| !path.starts_with("var") && path != "run" && !path.is_empty());
    all
}

/// A record made by hand.
fn record(world: &World, entries: &[String], images: &[(u32, &str)]) {
    let folder = world.root("web1").join(RUNS).join(modules::guard::record(RUN, "web1"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("entries"), entries.iter().map(|line| format!("{line}\n")).collect::<String>())
        .unwrap();
    fs::write(folder.join("outcome"), "confirmed\n").unwrap();
    fs::write(folder.join("who"), "alice@ops\n").unwrap();
    for (number, text) in images {
        fs::write(folder.join(format!("{number}.image")), text).unwrap();
    }
}

fn undo(world: &World, more: &[&str]) -> Ran {
    let run = format!("run={RUN}");
    let call = world.dtrctl(&["run", "web1", "undo", &run, "-i", "hosts.yml", "--format", "jsonl"]);
    call.args(more).any_code().run()
}

fn result(ran: &Ran) -> Json {
    ran.finished("web1")[0].clone()
}

fn warnings(ran: &Ran) -> Vec<String> {
    let notes = result(ran)["notes"].as_array().cloned().unwrap_or_default();
    notes.iter().map(|note| note["text"].as_str().unwrap().to_owned()).collect()
}

const SITE: &str = "\
- hosts: docker
  tasks:
    - copy: {dest: /etc/file, content: new, mode: '0640'}
    - file: {path: /etc/file, mode: '0644'}
    - file: {path: /etc/deep/er, state: directory}
    - copy: {dest: /etc/deep/er/file, content: new}
    - file: {path: /etc/link, state: absent}
    - file: {path: /etc/tree, state: absent}
    - file: {path: /etc/gone, state: absent}
    - file: {path: /etc/made, src: file, state: link}
    - file: {path: /etc/turned, src: file, state: link, force: true}
    - file: {path: /etc/mode, mode: '0700'}
";

fn changed_world() -> World {
    let world = World::new()
        .playbook(SITE)
        .host_file("web1", "/etc/file", "old\n")
        .host_file("web1", "/etc/gone", "was here\n")
        .host_file("web1", "/etc/turned", "a file\n")
        .host_file("web1", "/etc/mode", "same\n")
        .host_file("web1", "/etc/tree/below/deep", "deep\n");
    let etc = world.root("web1").join("etc");
    fs::set_permissions(etc.join("file"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(etc.join("tree/below"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("file", etc.join("link")).unwrap();
    symlink("below/deep", etc.join("tree/link")).unwrap();
    world
}

#[test]
fn a_host_is_as_it_was_before_the_run_and_a_second_undo_finds_nothing() {
    let world = changed_world();
    let before = standing(&world);
    world.events(&[]).run();
    let after = standing(&world);
    assert_ne!(before, after);
    let check = world.dtrctl(&["undo", "last", "--check", "--format", "jsonl"]).run();
    assert_eq!(standing(&world), after, "check writes nothing");
    let list: Vec<Json> =
        serde_json::from_str(&world.dtrctl(&["runs", "--format", "json"]).run().stdout).unwrap();
    let run = list[1]["run"].as_str().unwrap();
    let undone = world.dtrctl(&["undo", run, "--format", "jsonl"]).run();
    crate::harness::assert_same_plan(&check, &undone);
    assert_eq!(standing(&world), before);
    let again = world.dtrctl(&["undo", run, "--format", "jsonl"]).run();
    assert!(again.plan().is_empty(), "{:#?}", again.plan());
    assert_eq!(result(&again)["result"]["left"], json!([]));
    // Undoing is a run as any other.
    let list: Vec<Json> =
        serde_json::from_str(&world.dtrctl(&["runs", "--format", "json"]).run().stdout).unwrap();
    let of_undo = list[1]["run"].as_str().unwrap();
    assert_eq!(list[1]["command"], "undo");
    world.dtrctl(&["undo", of_undo]).run();
    assert_eq!(standing(&world), after);
}

#[test]
fn what_was_private_is_not_shown() {
    let world = changed_world();
    world.events(&[]).run();
    let shown = world.dtrctl(&["undo", "last", "--check", "--diff", "-v"]).run().stdout;
    assert!(shown.contains("secret: 4 bytes, was 3 bytes"), "{shown}");
    assert!(!shown.contains("+old"), "{shown}");
    assert!(shown.contains("+was here"), "{shown}");
}

#[test]
fn what_has_moved_on_since_is_left_alone() {
    let world = changed_world();
    world.events(&[]).run();
    let etc = world.root("web1").join("etc");
    fs::write(etc.join("file"), "somebody else's\n").unwrap();
    fs::write(etc.join("deep/er/stays"), "somebody else's\n").unwrap();
    fs::write(etc.join("gone"), "there again\n").unwrap();
    fs::remove_file(etc.join("made")).unwrap();
    symlink("elsewhere", etc.join("turned.new")).unwrap();
    fs::rename(etc.join("turned.new"), etc.join("turned")).unwrap();
    fs::set_permissions(etc.join("mode"), fs::Permissions::from_mode(0o711)).unwrap();
    let undone = world.dtrctl(&["undo", "last", "--format", "jsonl"]).run();
    assert_eq!(
        warnings(&undone),
        [
            "/etc/mode is left alone: it has moved on since: its owner or its permissions are others",
            "/etc/turned is left alone: it has moved on since: it leads to elsewhere instead of file",
            "/etc/gone is left alone: it has moved on since: it is there again",
            "/etc/deep/er is left alone: it holds `stays`, which stays",
            "/etc/deep is left alone: it holds `er`, which stays",
            "/etc/file is left alone: it has moved on since: its content is another",
        ]
    );
    assert_eq!(world.text("/etc/file"), "somebody else's\n");
    assert_eq!(world.text("/etc/deep/er/stays"), "somebody else's\n");
    assert!(!etc.join("deep/er/file").exists());
    assert_eq!(world.text("/etc/tree/below/deep"), "deep\n");
    let left = ["/etc/mode", "/etc/turned", "/etc/gone", "/etc/deep/er", "/etc/deep", "/etc/file"];
    assert_eq!(result(&undone)["result"]["left"], json!(left));
}

#[test]
fn a_run_that_changed_nothing_and_a_host_without_a_record_are_said() {
    let world = World::with(&["web1", "web2"]).tasks("- debug: {msg: hi}");
    world.apply(&[]).run();
    let stderr = world.dtrctl(&["undo", "last"]).code(1).any_stderr().run().stderr;
    assert!(stderr.contains("has changed nothing on any host"), "{stderr}");
    let world = world.tasks("- copy: {dest: /etc/x, content: a}");
    world.apply(&["--check"]).run();
    let stderr = world.dtrctl(&["undo", "last"]).code(1).any_stderr().run().stderr;
    assert!(stderr.contains("was a check: there is nothing to undo"), "{stderr}");
    world.apply(&["-l", "web1"]).run();
    let stderr = world.dtrctl(&["undo", "last", "-l", "web2"]).code(1).any_stderr().run().stderr;
    assert!(stderr.contains("has changed is selected"), "{stderr}");
    fs::remove_dir_all(world.root("web1").join(RUNS)).unwrap();
    let gone = world.dtrctl(&["undo", "last", "--format", "jsonl"]).code(3).run();
    let reason = gone.recap("web1")["reason"].clone();
    assert!(reason["message"].as_str().unwrap().starts_with("this host has no record of run "), "{reason}");
    assert!(reason["help"].as_str().unwrap().contains("the newest ten runs are kept"), "{reason}");
    assert_eq!(world.text("/etc/x"), "a");
}

#[test]
fn what_became_root_is_undone_as_root() {
    let world = World::new()
        .playbook("- hosts: docker\n  become: true\n  tasks:\n    - copy: {dest: /etc/x, content: a}\n");
    world.apply(&[]).run();
    world.dtrctl(&["undo", "last"]).run();
    assert!(!world.root("web1").join("etc/x").exists());
}

#[test]
fn a_trust_store_is_built_anew_without_the_anchor() {
    let world = World::new();
    world.dtrctl(&["cert", "generate", "--ca", "--name", "Example CA"]).any_stderr().run();
    let world = world.tasks(
        "- install_anchor: {registry: 'dtr.example.com', certificate: \"{{ lookup('file', 'ca.pem') }}\", stores: [system]}",
    );
    let anchors = |world: &World| {
        fs::read_dir(world.root("web1").join("usr/local/share/ca-certificates")).unwrap().count()
    };
    world.apply(&[]).any_stderr().run();
    let bundle = world.text("/etc/ssl/certs/ca-certificates.crt");
    assert!(bundle.contains("BEGIN CERTIFICATE") && anchors(&world) == 1, "{bundle}");
    let undone = world.dtrctl(&["undo", "last", "--format", "jsonl"]).any_stderr().run();
    assert_eq!(anchors(&world), 0);
    assert!(!world.text("/etc/ssl/certs/ca-certificates.crt").contains("BEGIN CERTIFICATE"));
    assert!(undone.stdout.contains("refresh_trust_store"), "{}", undone.stdout);
}

#[test]
fn records_say_why_a_path_cannot_be_put_back() {
    let world = World::new().host_file("web1", "/etc/cut", "now").host_file("web1", "/etc/long", "now");
    let world = world.host_file("web1", "/etc/lost", "now").host_file("web1", "/etc/ours", "now");
    let etc = world.root("web1").join("etc");
    for name in ["cut", "long", "lost", "ours"] {
        fs::set_permissions(etc.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let ids = ids(&etc);
    let (old, now) = (digest("old"), digest("now"));
    let line = |number: u32, path: &str, sum: &str, after: &str| {
        format!("{number} {} file 644,{ids} {sum} {after}", word(path))
    };
    let after = format!("file:{now}:644,{ids}");
    let entries = [
        line(1, "/etc/cut", &old, "?"),
        line(2, "/etc/long", &digest(&"x".repeat(1 << 20 | 1)), &after),
        line(3, "/etc/lost", &old, &after),
        // What stood there before the first change is what counts, and what stood there after the last.
        line(4, "/etc/ours", &old, &format!("file:{}:600,{ids}", digest("between"))),
        line(5, "/etc/ours", &digest("between"), &after),
        format!("6 {} unkept - - absent", word("/etc/pipe")),
    ];
    record(&world, &entries, &[(1, "old"), (2, &"x".repeat(1 << 20 | 1)), (4, "old"), (5, "between")]);
    let undone = undo(&world, &[]);
    assert_eq!(
        warnings(&undone),
        [
            "/etc/pipe is left alone: what stood there could not be kept",
            "/etc/lost is left alone: what stood there is not in the record any more",
            "/etc/long is left alone: what stood there has 1048577 bytes, more than 1 MiB; the record holds it",
            "/etc/cut is left alone: the run was cut off while it changed it",
        ]
    );
    assert_eq!(world.text("/etc/ours"), "old");
    assert_eq!(result(&undone)["result"]["restored"], json!(["/etc/ours"]));
    let wrong = world.dtrctl(&["run", "web1", "undo", "run=../../etc", "-i", "hosts.yml"]).code(3).run();
    assert!(wrong.stdout.contains("`../../etc` is no run's id"), "{}", wrong.stdout);
}

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";
const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

/// What a host says of a record, under one shell; `BusyBox` with its own tools alone.
fn asked(shell: &[&str], root: &Path) -> Option<UndoRecord> {
    if !Command::new("which").arg(shell[0]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no {}", shell[0]);
        return None;
    }
    let tools = tempfile::tempdir().unwrap();
    let mut path = std::env::var("PATH").unwrap();
    if shell[0] == "busybox" {
        let install = Command::new("busybox").args(["--install", "-s"]).arg(tools.path()).status();
        assert!(install.unwrap().success());
        path = tools.path().display().to_string();
    }
    let ask = Ask::from(AskUndo { record: modules::guard::record(RUN, "web1") });
    let mut script = Script::new(BOUNDARY, &[]);
    script.answer(0, &ask.call().unwrap());
    let text = format!("PATH='{path}'\nR='{}'\n{}", root.display(), script.text());
    let mut command = Command::new("timeout");
    let output = command.arg("20").args(shell).arg("-c").arg(text).output().unwrap();
    let frames = script.read(&output.stdout);
    assert_eq!(frames.ends(), 1, "{shell:?}: {}", String::from_utf8_lossy(&output.stderr));
    match ask.decode(frames.get(0).unwrap(), &|_| None) {
        Answer::Undo(record) => Some(record),
        other => panic!("{shell:?}: {other:?}"),
    }
}

#[test]
fn each_shell_tells_a_record_alike() {
    let world = World::new();
    let root = fs::canonicalize(world.root("web1")).unwrap();
    let folder = root.join(RUNS).join(modules::guard::record(RUN, "web1"));
    for shell in SHELLS {
        let _ = fs::remove_dir_all(&folder);
        let Some(none) = asked(shell, &root) else { continue };
        assert!(!none.known && none.paths.is_empty());
        let hostile = "/etc/it's $(a) \"b\" `c`\n\\ ü";
        let ids = ids(&root);
        let entries = [
            format!("1 {} file 600,{ids} {} absent", word(hostile), digest("old\n")),
            format!(
                "2 {} link - {} link:{}",
                word("/etc/l"),
                word("a b"),
                word(&format!("{}/x", root.display()))
            ),
            format!("3 {} tree 755,{ids} - absent", word("/etc/t")),
            format!("4 {} absent - - dir:755,{ids}", word("/etc/d")),
            format!("5 {} absent - - ?", word(hostile)),
            "6 b:/w== absent - - absent".to_owned(),
        ];
        record(&world, &entries, &[(1, "old\n")]);
        fs::create_dir_all(folder.join("3.image/in side")).unwrap();
        fs::write(folder.join("3.image/in side/f"), "deep").unwrap();
        symlink("in side", folder.join("3.image/l")).unwrap();
        for (path, mode) in [("3.image/in side", 0o750), ("3.image/in side/f", 0o640)] {
            fs::set_permissions(folder.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let found = asked(shell, &root).unwrap();
        assert!(found.known && found.nameless == 1, "{shell:?}");
        let numbers: Vec<u32> = ids.split(',').map(|id| id.parse().unwrap()).collect();
        let owned = |mode: u16| Owned { mode: Mode::new(mode), uid: numbers[0], gid: numbers[1] };
        let paths: Vec<&str> = found.paths.iter().map(|kept| kept.path.as_str()).collect();
        assert_eq!(paths, [hostile, "/etc/l", "/etc/t", "/etc/d"], "{shell:?}");
        let file = Standing::File { sha256: digest("old\n"), owned: owned(0o600) };
        assert_eq!(found.paths[0].before, Kept::File(file, Image::Content(b"old\n".to_vec())));
        assert_eq!(found.paths[0].after, None);
        assert_eq!(found.paths[1].before, Kept::Whole(Standing::Link("a b".to_owned())));
        assert_eq!(found.paths[1].after, Some(Standing::Link("/x".to_owned())));
        assert_eq!(found.paths[3].before, Kept::Whole(Standing::Absent));
        assert_eq!(found.paths[3].after, Some(Standing::Directory(owned(0o755))));
        let Kept::Tree(own, Some(parts)) = &found.paths[2].before else { panic!("{:?}", found.paths[2]) };
        assert_eq!(*own, owned(0o755));
        let part = |path: &str| parts.iter().find(|part| part.path.as_str() == path).unwrap().what.clone();
        assert_eq!(parts.len(), 3, "{shell:?}");
        assert_eq!(part("/etc/t/in side"), Some(Part::Directory(owned(0o750))));
        assert_eq!(part("/etc/t/in side/f"), Some(Part::File(b"deep".to_vec(), owned(0o640))));
        assert_eq!(part("/etc/t/l"), Some(Part::Link("in side".to_owned())));
    }
}
