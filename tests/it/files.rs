//! `copy`, `file`, `command`, `debug` and `assert` by the law.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::harness::World;

#[test]
fn a_file_is_written_once() {
    let world = World::new().tasks("- copy: {dest: /etc/motd, content: \"hello\\n\", mode: \"0640\"}");
    let law = world.law(&[]);
    assert_eq!(world.text("/etc/motd"), "hello\n");
    assert_eq!(
        fs::metadata(world.root("web1").join("etc/motd")).unwrap().permissions().mode() & 0o7777,
        0o640
    );
    assert_eq!(law.check.recap("web1")["state"], "changed");
    assert_eq!(law.first.recap("web1")["state"], "changed");
    assert_eq!(law.second.recap("web1")["state"], "ok");
}

#[test]
fn a_file_of_the_controller_is_copied_byte_for_byte() {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let world = World::new().file("files/blob", &bytes).tasks("- copy: {dest: /etc/blob, src: files/blob}");
    world.law(&[]);
    assert_eq!(world.read("/etc/blob"), bytes);
}

#[test]
fn what_is_there_keeps_its_mode() {
    let world =
        World::new().host_file("web1", "/etc/motd", "old\n").tasks("- copy: {dest: /etc/motd, content: new}");
    let path = world.root("web1").join("etc/motd");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    world.law(&[]);
    assert_eq!(
        (world.text("/etc/motd").as_str(), fs::metadata(path).unwrap().permissions().mode() & 0o7777),
        ("new", 0o604)
    );
}

#[test]
fn a_mode_alone_is_set() {
    let world = World::new()
        .host_file("web1", "/etc/motd", "old\n")
        .tasks("- copy: {dest: /etc/motd, content: \"old\\n\", mode: \"0600\"}");
    let law = world.law(&[]);
    assert!(law.first.plan()[0].1.contains("\"set_mode\""), "{:?}", law.first.plan());
}

#[test]
fn folders_are_made_and_removed() {
    let world = World::new().host_file("web1", "/etc/old/file", "x").tasks(
        "- file: {path: /etc/a/b/c, state: directory, mode: \"0750\"}\n\
         - file: {path: /etc/old/file, state: absent}\n\
         - file: {path: /etc/old, state: absent}\n\
         - file: {path: /etc/none, state: absent}\n\
         - copy: {dest: /etc/a/b/c/file, content: x}",
    );
    world.law(&[]);
    let root = world.root("web1");
    assert_eq!(fs::metadata(root.join("etc/a/b/c")).unwrap().permissions().mode() & 0o7777, 0o750);
    // As Ansible has it, those above that are made with it have its mode.
    assert_eq!(fs::metadata(root.join("etc/a/b")).unwrap().permissions().mode() & 0o7777, 0o750);
    assert!(!root.join("etc/old").exists());
    assert_eq!(world.text("/etc/a/b/c/file"), "x");
}

#[test]
fn a_folder_goes_with_all_that_the_plan_has_shown() {
    let world = World::new()
        .host_file("web1", "/etc/full/a b/'$(id)'", "x")
        .host_file("web1", "/etc/full/two\nlines\n", "x")
        .tasks("- file: {path: /etc/full, state: absent}");
    symlink("/etc", world.root("web1").join("etc/full/link")).unwrap();
    let law = world.law(&[]);
    let plan = &law.check.plan()[0].1;
    for shown in ["with the 4 entries below it", "-a b/'$(id)'", "-link"] {
        assert!(plan.contains(shown), "{plan}");
    }
    assert!(
        !world.root("web1").join("etc/full").exists() && world.root("web1").join("etc/os-release").exists()
    );
}

#[test]
fn a_folder_of_the_system_stays() {
    let world = World::new().tasks("- file: {path: /etc, state: absent}");
    let ran = world.events(&[]).code(3).run();
    let reason = ran.recap("web1")["reason"]["message"].clone();
    assert_eq!(reason, "`/etc` is a directory of the system; it is not removed");
}

#[test]
fn a_link_within_the_sandbox_is_followed() {
    let world = World::new()
        .host_file("web1", "/var/lib/motd", "old\n")
        .tasks("- copy: {dest: /etc/motd, content: new, follow: true}");
    symlink("../var/lib/motd", world.root("web1").join("etc/motd")).unwrap();
    world.law(&[]);
    assert_eq!(world.text("/var/lib/motd"), "new");
    assert!(world.root("web1").join("etc/motd").is_symlink());
}

#[test]
fn a_link_that_leads_out_of_the_sandbox_is_refused() {
    for (link, to) in [("etc/motd", "outside"), ("etc/docker", "")] {
        let world = World::new().file("secrets/outside", "untouched").tasks(&format!(
            "- copy: {{dest: /{link}{}, content: new}}",
            if to.is_empty() { "/outside" } else { "" }
        ));
        let path = world.root("web1").join(link);
        let _ = fs::remove_dir(&path);
        symlink(world.path("secrets").join(to), path).unwrap();
        for flags in [&["--check"][..], &[]] {
            let ran = world.events(flags).code(3).run();
            let reason = &ran.recap("web1")["reason"]["message"];
            assert!(reason.as_str().unwrap().contains("leads out of the sandbox"), "{reason}");
        }
        assert_eq!(fs::read_to_string(world.path("secrets/outside")).unwrap(), "untouched");
        assert_eq!(fs::read_dir(world.path("secrets")).unwrap().count(), 1);
    }
}

#[test]
fn a_sandbox_runs_no_commands() {
    let world = World::new().tasks("- command: touch /tmp/never-written-by-dtrctl");
    let ran = world.events(&[]).code(3).run();
    assert_eq!(ran.recap("web1")["reason"]["message"], "a sandbox runs no commands");
}

#[test]
fn a_later_task_sees_what_an_earlier_one_plans() {
    // Check mode has to answer from the overlay of planned writes.
    let world = World::new().tasks(
        "- copy: {dest: /etc/one, content: a}\n\
         - copy: {dest: /etc/one, content: b}\n\
         - file: {path: /etc/one, mode: \"0600\"}",
    );
    let check = world.events(&["--check"]).run();
    let first = world.events(&[]).run();
    crate::harness::assert_same_plan(&check, &first);
    assert_eq!(world.text("/etc/one"), "b");
}

#[test]
fn a_failed_assertion_says_so_and_stops_the_host() {
    let world = World::with(&["web1", "web2"]).tasks(
        "- assert: {that: [\"inventory_hostname == 'web2'\"], fail_msg: \"wrong host\"}\n\
         - copy: {dest: /etc/motd, content: x}",
    );
    let ran = world.events(&[]).code(3).run();
    assert_eq!(ran.recap("web1")["reason"]["message"], "wrong host");
    assert_eq!(ran.recap("web2")["state"], "changed");
    assert!(!world.root("web1").join("etc/motd").exists() && world.root("web2").join("etc/motd").exists());
}

#[test]
fn a_file_that_is_a_directory_is_refused() {
    let world = World::new().tasks("- copy: {dest: /etc/docker, content: x}");
    let ran = world.events(&[]).code(3).run();
    assert_eq!(ran.recap("web1")["reason"]["message"], "`/etc/docker` is a directory");
}
