//! The modules about files on this machine itself, by the law, and what they do that a sandbox does not.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use serde_json::json;

use crate::harness::World;

/// A world whose host is this machine; `HERE` in its tasks is a folder of it.
fn here(tasks: &str) -> World {
    let world = World::new().file("hosts.yml", "docker: {hosts: {web1: {ansible_connection: local}}}\n");
    let folder = folder(&world);
    fs::create_dir_all(&folder).unwrap();
    world.tasks(&tasks.replace("HERE", folder.to_str().unwrap()))
}

fn folder(world: &World) -> PathBuf {
    world.root("web1").join("here")
}

fn mode(path: PathBuf) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_folder_of_the_controller_is_copied_with_all_that_is_in_it() {
    for (src, to) in [("tree/", ""), ("tree", "tree/")] {
        let world = here(&format!(
            "- copy: {{src: {src}, dest: HERE/to, mode: preserve, directory_mode: \"0750\"}}\n"
        ))
        .file("tree/a", "a\n")
        .file("tree/sub/it's \"b\" $x", [0, 255, 10, 13])
        .file("tree/sub/deep/c", "");
        fs::create_dir(world.path("tree/empty")).unwrap();
        symlink("a", world.path("tree/link")).unwrap();
        fs::set_permissions(world.path("tree/a"), fs::Permissions::from_mode(0o755)).unwrap();
        world.law(&[]);
        let to = folder(&world).join("to").join(to);
        assert_eq!(fs::read(to.join("sub/it's \"b\" $x")).unwrap(), [0, 255, 10, 13]);
        assert_eq!(fs::read_to_string(to.join("link")).unwrap(), "a\n");
        assert!(to.join("empty").is_dir() && !to.join("link").is_symlink());
        assert_eq!([mode(to.join("a")), mode(to.join("sub/deep"))], [0o755, 0o750]);
    }
}

#[test]
fn a_folder_of_the_host_is_copied_there() {
    let world = here("- copy: {src: HERE/from/, dest: HERE/to/, remote_src: true}\n");
    let from = folder(&world).join("from");
    fs::create_dir_all(from.join("sub")).unwrap();
    fs::write(from.join("sub/x"), "x").unwrap();
    fs::set_permissions(from.join("sub/x"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(from.join("sub"), fs::Permissions::from_mode(0o700)).unwrap();
    world.law(&[]);
    let to = folder(&world).join("to/sub");
    assert_eq!(fs::read_to_string(to.join("x")).unwrap(), "x");
    assert_eq!([mode(to.clone()), mode(to.join("x"))], [0o700, 0o755]);
}

#[test]
fn a_file_goes_into_a_folder_by_its_own_name() {
    let world = here(
        "- copy: {src: one, dest: HERE}\n\
         - copy: {src: one, dest: HERE/new/deep/, directory_mode: \"0700\"}\n\
         - copy: {src: HERE/one, dest: HERE/two, remote_src: true, mode: preserve}\n\
         - copy: {content: {b: [1, é], a: null}, dest: HERE/json}\n",
    )
    .file("one", "1");
    fs::set_permissions(world.path("one"), fs::Permissions::from_mode(0o640)).unwrap();
    world.law(&[]);
    let read = |name: &str| fs::read_to_string(folder(&world).join(name)).unwrap();
    assert_eq!([read("one"), read("new/deep/one"), read("two")], ["1", "1", "1"]);
    assert_eq!(["new", "new/deep"].map(|name| mode(folder(&world).join(name))), [0o700, 0o700]);
    assert_eq!(read("json"), "{\"b\": [1, \"\\u00e9\"], \"a\": null}");
}

#[test]
fn what_a_program_does_not_accept_is_not_written() {
    let world = here("- copy: {dest: HERE/x, content: \"new\\n\", validate: \"grep -q 'o l d' %s\"}\n");
    let file = folder(&world).join("x");
    fs::write(&file, "o l d\n").unwrap();
    let ran = world.events(&[]).code(3).run();
    let reason = ran.recap("web1")["reason"]["message"].as_str().unwrap().to_owned();
    assert!(reason.contains("grep does not accept it: rc:1"), "{reason}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "o l d\n");
    assert_eq!(fs::read_dir(folder(&world)).unwrap().count(), 1, "no stray file");
    let accepted = here("- copy: {dest: HERE/x, content: \"new\\n\", validate: \"grep -q new %s\"}\n");
    accepted.law(&[]);
    assert_eq!(fs::read_to_string(folder(&accepted).join("x")).unwrap(), "new\n");
}

#[test]
fn the_old_file_is_kept_where_that_is_asked_for() {
    let world = here(
        "- lineinfile: {path: HERE/x, line: b, backup: true}\n  register: first\n\
         - copy: {dest: HERE/x, content: c, backup: true}\n",
    );
    let file = folder(&world).join("x");
    fs::write(&file, "a\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let ran = world.events(&[]).run();
    for (event, kept) in ran.finished("web1").iter().zip(["a\n", "a\nb\n"]) {
        let copy = event["result"]["backup_file"].as_str().unwrap().replace("$WORLD/", "");
        let copy = world.path(&copy);
        assert_eq!((fs::read_to_string(&copy).unwrap().as_str(), mode(copy)), (kept, 0o600));
    }
}

#[test]
fn a_link_is_replaced_or_followed() {
    for (follow, stays) in [(false, false), (true, true)] {
        let world = here(&format!("- copy: {{dest: HERE/link, content: new, follow: {follow}}}\n"));
        let (link, target) = (folder(&world).join("link"), folder(&world).join("target"));
        fs::write(&target, "old").unwrap();
        symlink("target", &link).unwrap();
        world.law(&[]);
        assert_eq!(link.is_symlink(), stays);
        assert_eq!(fs::read_to_string(&link).unwrap(), "new");
        assert_eq!(fs::read_to_string(&target).unwrap(), if stays { "new" } else { "old" });
    }
}

#[test]
fn links_are_made_changed_and_removed() {
    let world = here(
        "- file: {path: HERE/soft, src: target, state: link}\n\
         - file: {path: HERE/moved, src: HERE/folder, state: link}\n\
         - file: {path: HERE/nowhere, src: \"../it's $gone\", state: link, force: true}\n\
         - file: {path: HERE/hard, src: HERE/target, state: hard}\n\
         - file: {path: HERE/old, state: absent}\n\
         - file: {path: HERE/was, src: target, state: link, force: true}\n",
    );
    let at = |name: &str| folder(&world).join(name);
    fs::write(at("target"), "x").unwrap();
    fs::create_dir(at("folder")).unwrap();
    fs::create_dir(at("other")).unwrap();
    fs::write(at("was"), "a file").unwrap();
    symlink("other", at("moved")).unwrap();
    symlink("folder", at("old")).unwrap();
    world.law(&[]);
    let led = |name: &str| fs::read_link(at(name)).unwrap().to_str().unwrap().to_owned();
    assert_eq!([led("soft"), led("nowhere"), led("was")], ["target", "../it's $gone", "target"]);
    assert_eq!(led("moved"), at("folder").to_str().unwrap());
    assert_eq!(fs::metadata(at("hard")).unwrap().ino(), fs::metadata(at("target")).unwrap().ino());
    assert!(!at("old").is_symlink() && at("folder").is_dir());
    assert_eq!(fs::read_dir(at("other")).unwrap().count(), 0, "nothing was put into the old target");
}

#[test]
fn a_link_that_would_lead_nowhere_or_hide_a_file_is_refused() {
    for (task, message) in [
        ("{path: HERE/link, src: gone, state: link}", "`src` does not exist: `gone`"),
        ("{path: HERE/file, src: file2, state: link}", "is a file; it is not made a link"),
        ("{path: HERE/full, src: file2, state: link, force: true}", "is not empty; it is not made a link"),
        ("{path: HERE/link, src: HERE/gone, state: hard, force: true}", "`src` does not exist"),
        ("{path: HERE/file, recurse: true, state: file}", "`recurse` needs `state: directory`"),
        ("{path: HERE/file, recurse: true}", "`recurse` needs `state: directory`"),
        ("{path: HERE/file, src: x}", "`src` needs `state: link`"),
        ("{path: HERE/gone, mode: \"0644\"}", "is not there"),
        ("{path: HERE/file, state: directory}", "is a file, not a directory"),
    ] {
        let world = here(&format!("- file: {task}\n"));
        let at = |name: &str| folder(&world).join(name);
        fs::create_dir(at("full")).unwrap();
        for file in ["file", "file2", "full/x"] {
            fs::write(at(file), "").unwrap();
        }
        for flags in [&["--check"][..], &[]] {
            let ran = world.events(flags).code(3).run();
            let reason = ran.recap("web1")["reason"]["message"].as_str().unwrap().to_owned();
            assert!(reason.contains(message), "{task}: {reason}");
        }
    }
}

#[test]
fn what_is_below_a_folder_gets_its_mode() {
    let world = here("- file: {path: HERE/tree, state: directory, recurse: true, mode: \"u=rwX,g=rX,o=\"}\n");
    let at = |name: &str| folder(&world).join(name);
    fs::create_dir_all(at("tree/sub")).unwrap();
    for (file, mode) in [("tree/a", 0o666), ("tree/sub/pro gram", 0o777)] {
        fs::write(at(file), "").unwrap();
        fs::set_permissions(at(file), fs::Permissions::from_mode(mode)).unwrap();
    }
    world.law(&[]);
    let modes = ["tree", "tree/sub", "tree/a", "tree/sub/pro gram"].map(|name| mode(at(name)));
    assert_eq!(modes, [0o750, 0o750, 0o640, 0o750]);
}

#[test]
fn of_a_link_that_is_followed_the_target_gets_the_mode() {
    for (follow, bits) in [(true, 0o600), (false, 0o644)] {
        let world = here(&format!("- file: {{path: HERE/link, mode: \"0600\", follow: {follow}}}\n"));
        fs::write(folder(&world).join("target"), "").unwrap();
        symlink("target", folder(&world).join("link")).unwrap();
        world.law(&[]);
        assert_eq!(mode(folder(&world).join("target")), bits);
    }
}

#[test]
fn a_touch_makes_a_file_and_is_a_change_each_time() {
    let world = here(
        "- file: {path: HERE/kept, state: touch, access_time: preserve, modification_time: preserve}\n\
         - file: {path: HERE/old, state: touch, mode: \"0600\"}\n",
    );
    fs::write(folder(&world).join("old"), "text").unwrap();
    for outcomes in [["changed", "changed"], ["ok", "changed"]] {
        let ran = world.events(&[]).run();
        let found: Vec<_> = ran.finished("web1").iter().map(|event| event["outcome"].clone()).collect();
        assert_eq!(found, outcomes);
    }
    assert_eq!(fs::read_to_string(folder(&world).join("old")).unwrap(), "text");
    assert_eq!(mode(folder(&world).join("old")), 0o600);
}

#[test]
fn stat_and_slurp_tell_what_is_there_and_what_will_be() {
    let tasks = "- copy: {dest: HERE/new, content: \"a\\n\", mode: \"0751\"}\n\
         - stat: {path: HERE/new}\n  register: new\n\
         - slurp: {path: HERE/new}\n  register: content\n\
         - stat: {path: HERE/link, checksum: md5}\n  register: link\n\
         - stat: {path: HERE/link, follow: true, checksum_algorithm: sha256}\n  register: followed\n\
         - stat: {path: HERE/none}\n  register: missing\n\
         - debug:\n    msg:\n      - \"{{ new.stat.exists }} {{ new.stat.isreg }} {{ new.stat.mode }} {{ new.stat.size }} {{ new.stat.checksum }} {{ new.stat.xoth }}{{ new.stat.rgrp }}\"\n      - \"{{ content.content }} {{ content.encoding }}\"\n      - \"{{ link.stat.islnk }} {{ link.stat.lnk_target }} {{ link.stat.lnk_source | basename }} {{ link.stat.checksum is defined }}\"\n      - \"{{ followed.stat.isreg }} {{ followed.stat.checksum }} {{ followed.stat.readable }}\"\n      - \"{{ missing.stat }}\"\n";
    let world = here(tasks);
    fs::write(folder(&world).join("target"), [0xff, 0]).unwrap();
    symlink("target", folder(&world).join("link")).unwrap();
    let law = world.law(&[]);
    let said = json!([
        "True True 0751 2 3f786850e387550fdab836ed7e6dc881de23001b TrueTrue",
        "YQo= base64",
        "True target target False",
        "True ea5dbf9596d187e9500f23e9a680109475341cf4e81f7e043f7d97152c10772f True",
        {"exists": false},
    ]);
    for ran in [&law.check, &law.first, &law.second] {
        assert_eq!(ran.messages("web1").last(), Some(&said));
    }
}

#[test]
fn files_are_edited_and_all_else_in_them_stays() {
    let world = here(
        "- lineinfile: {dest: HERE/x, regex: '^b=', value: b=2}\n\
         - blockinfile: {name: HERE/x, block: \"one\\ntwo\", insertbefore: BOF}\n\
         - replace: {path: HERE/x, regexp: 'c+', replace: 'e', after: 'b=2'}\n\
         - lineinfile: {path: HERE/made/new, line: \"it's \\\"$x\\\"\", create: true, mode: u=rw}\n",
    );
    let file = folder(&world).join("x");
    fs::write(&file, b"c\xff\0\r\nb=1\nd cc").unwrap();
    world.law(&[]);
    let blocked = "# BEGIN ANSIBLE MANAGED BLOCK\none\ntwo\n# END ANSIBLE MANAGED BLOCK\n";
    assert_eq!(fs::read(&file).unwrap(), [blocked.as_bytes(), b"c\xff\0\r\nb=2\nd e"].concat());
    assert_eq!(fs::read_to_string(folder(&world).join("made/new")).unwrap(), "it's \"$x\"\n");
}

#[test]
fn an_expression_that_finds_what_it_has_put_in_is_refused_untouched() {
    let world = here("- replace: {path: HERE/x, regexp: a, replace: aa}\n");
    let file = folder(&world).join("x");
    fs::write(&file, "a").unwrap();
    let ran = world.events(&[]).code(3).run();
    let reason = ran.recap("web1")["reason"]["message"].clone();
    assert_eq!(reason, "each run would change the file again: what is put in is found again");
    assert_eq!(fs::read_to_string(&file).unwrap(), "a");
}

#[test]
fn an_argument_of_ansibles_that_is_left_out_says_what_to_do() {
    let world = World::new().tasks(
        "- copy: {dest: /x, content: x, unsafe_writes: true}\n\
         - file: {path: /x, name: /y}\n",
    );
    let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("`copy` has no argument `unsafe_writes`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("help: every file is written beside its target"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`path` is given twice"), "{}", ran.stderr);
}
