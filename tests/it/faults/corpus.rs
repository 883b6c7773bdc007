//! Every real file of the corpus on a host of its own: check, apply, apply. What is refused is left untouched, what is edited
//! differs by what was asked, check's plan is apply's, and the second apply changes nothing: the same inode, the same time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::figure::figure;
use crate::form::times;
use crate::harness::{Ran, World, assert_same_plan};
use crate::tree::Tree;

fn corpus(test: &str, folder: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let Some(root) = std::env::var_os("DTRCTL_CORPUS") else {
        eprintln!("skipped: {test}: DTRCTL_CORPUS is not set");
        return None;
    };
    let folder = PathBuf::from(root).join(folder);
    let mut files = Vec::new();
    let folders =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    for folder in folders {
        files.extend(fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.sort();
    // In the short form each third.
    let files = files.into_iter().step_by(times(3, 1));
    let read =
        |path: PathBuf| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
    Some(files.map(read).collect())
}

/// A world in which each file has a host, which knows it as `file`.
fn world(files: &[(String, Vec<u8>)], release: Option<&str>) -> World {
    let hosts: Vec<String> = (0..files.len()).map(|n| format!("h{n}")).collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut world = World::with(&names);
    let mut inventory = String::from("docker:\n  vars: {ansible_connection: sandbox}\n  hosts:\n");
    for (host, (name, _)) in hosts.iter().zip(files) {
        let root = world.root(host).display().to_string();
        _ = writeln!(inventory, "    {host}: {{ansible_sandbox_root: {root}, file: {name}}}");
        if let Some(text) = release {
            world = world.host_file(host, "/etc/os-release", text);
        }
    }
    world.file("hosts.yml", inventory)
}

/// What the three runs have left of the hosts.
struct Done {
    first: Ran,
    before: BTreeMap<String, Tree>,
    after: BTreeMap<String, Tree>,
}

fn same(before: &BTreeMap<String, Tree>, after: &BTreeMap<String, Tree>, why: &str) {
    for (host, tree) in before {
        assert_eq!(tree.differences(&after[host]), Vec::<String>::new(), "{why}: {host}");
    }
}

/// Check, apply, apply, where some hosts may refuse their file.
fn three(world: &World) -> Done {
    let run = |flags: &[&str]| world.events(flags).args(&["--forks", "8"]).any_code().any_stderr().run();
    let before = world.trees();
    let check = run(&["--check"]);
    same(&before, &world.trees(), "check has written");
    let first = run(&[]);
    assert_same_plan(&check, &first);
    let after = world.trees();
    let second = run(&[]);
    assert_eq!(second.plan(), [], "the second apply still plans");
    same(&after, &world.trees(), "the second apply has touched");
    Done { first, before, after }
}

/// The hosts by how they ended.
fn states(done: &Done, hosts: usize) -> [usize; 3] {
    let mut counts = [0; 3];
    for host in (0..hosts).map(|n| format!("h{n}")) {
        let state = done.first.recap(&host)["state"].clone();
        counts[match state.as_str().unwrap() {
            "changed" => 0,
            "ok" => 1,
            "failed" => 2,
            other => panic!("{host}: {other}"),
        }] += 1;
        if state != "changed" {
            let touched = done.before[&host].differences(&done.after[&host]);
            assert_eq!(touched, Vec::<String>::new(), "{host} is {state}, and yet touched");
        }
    }
    counts
}

/// Whether `new` is `old` with something put in at one place.
fn is_insertion(old: &[u8], new: &[u8]) -> bool {
    let begin = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    new.len() > old.len() && begin + end >= old.len()
}

fn says(test: &str, done: &Done, hosts: usize) {
    let [changed, unchanged, refused] = states(done, hosts);
    eprintln!("{test}: {changed} changed, {unchanged} as they shall be, {refused} refused untouched");
    assert!(changed > 0);
    figure("R5", test, &format!("changed_again=0 of={hosts}"));
    figure("R6", test, &format!("plans_that_differ=0 of={hosts}"));
}

#[test]
fn each_daemon_json_is_edited_once_and_at_one_place() {
    let test = "each_daemon_json_is_edited_once_and_at_one_place";
    let Some(files) = corpus(test, "daemon_json") else { return };
    let mut world = world(&files, None).tasks(
        "- daemon_json: {path: /etc/docker/daemon.json, merge: {insecure-registries: ['registry.example:5000']}}",
    );
    for (n, (_, text)) in files.iter().enumerate() {
        world = world.host_file(&format!("h{n}"), "/etc/docker/daemon.json", text);
    }
    let done = three(&world);
    says(test, &done, files.len());
    let mut edited = 0;
    for (n, (name, old)) in files.iter().enumerate() {
        let new = fs::read(world.root(&format!("h{n}")).join("etc/docker/daemon.json")).unwrap();
        if new != *old {
            edited += 1;
            let [old, new] = [old, &new].map(|text| String::from_utf8_lossy(text).into_owned());
            assert!(is_insertion(old.as_bytes(), new.as_bytes()), "{name}: more has changed\n{old}\n{new}");
        }
    }
    let refused = files.len() - edited;
    figure("R7", test, &format!("other_bytes_changed=0 of={edited} refused_or_right_already={refused}"));
}

#[test]
fn each_anchor_is_installed_once() {
    let test = "each_anchor_is_installed_once";
    let Some(files) = corpus(test, "certs") else { return };
    let mut world = world(&files, None).tasks(
        "- install_anchor:\n    registry: registry.example:5000\n    stores: docker,system\n    \
         certificate: \"{{ lookup('file', 'certs/' ~ file) }}\"",
    );
    for (name, text) in &files {
        world = world.file(&format!("certs/{name}"), text);
    }
    says(test, &three(&world), files.len());
}

const BOOT2DOCKER: &str =
    "NAME=Boot2Docker\nVERSION=19.03.12\nID=boot2docker\nID_LIKE=tcl\nVERSION_ID=19.03.12\n";

#[test]
fn each_profile_is_edited_once() {
    let test = "each_profile_is_edited_once";
    let Some(files) = corpus(test, "boot2docker_profiles") else { return };
    let mut world = world(&files, Some(BOOT2DOCKER))
        .tasks("- boot2docker_profile: {insecure_registries: ['registry.example:5000']}");
    for (n, (_, text)) in files.iter().enumerate() {
        world = world.host_file(&format!("h{n}"), "/var/lib/boot2docker/profile", text);
    }
    says(test, &three(&world), files.len());
}
