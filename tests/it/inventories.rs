//! Inventories of every kind, as a run meets them.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::World;

/// A machine of docker-machine's store, with this address.
fn machine(address: &str) -> String {
    format!(
        r#"{{"ConfigVersion": 3, "DriverName": "hyperv", "Driver": {{"IPAddress": "{address}", "SSHPort": 22, "SSHUser": "docker"}}}}"#
    )
}

fn program(world: World, name: &str, text: &str) -> World {
    let world = world.file(name, format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(world.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    world
}

/// The sandbox hosts `web1` and `web2` as a program lists them.
fn listing(world: &World) -> String {
    let host = |name: &str| serde_json::json!({ "ansible_connection": "sandbox", "ansible_sandbox_root": world.root(name), "who": name });
    let vars = serde_json::json!({ "web1": host("web1"), "web2": host("web2") });
    serde_json::json!({ "docker": { "hosts": ["web1", "web2"] }, "_meta": { "hostvars": vars } }).to_string()
}

const TASK: &str = "- copy:\n    dest: /etc/who\n    content: \"{{ who }}\\n\"\n";

#[test]
fn a_machine_without_an_address_is_unreachable_and_the_others_go_on() {
    let world = World::new()
        .tasks("- copy:\n    dest: /etc/x\n    content: x\n")
        .file("store/machines/down/config.json", machine(""));
    let ran = world.events(&["-i", "store", "--check"]).code(4).any_stderr().run();
    assert_eq!(ran.recap("web1")["state"], "changed");
    let down = ran.recap("down");
    assert_eq!((&down["state"], &down["unreachable"]), (&"unreachable".into(), &1.into()));
    assert!(down["reason"]["place"].as_str().unwrap().contains("config.json:1"), "{down}");
}

#[test]
fn a_host_with_a_foreign_connection_is_unsupported_in_every_kind_of_inventory() {
    let plain = "a ansible_connection=winrm\nb ansible_connection=docker\n";
    let world = World::new().tasks("- copy:\n    dest: /etc/x\n    content: x\n");
    let world = world
        .file("more.ini", format!("[docker]\n{plain}"))
        .file("more.yml", "docker:\n  hosts:\n    a: {ansible_connection: winrm}\n    b: {ansible_connection: docker}\n")
        .file("more.json", r#"{"_meta": {"hostvars": {"a": {"ansible_connection": "winrm"}, "b": {"ansible_connection": "docker"}}}, "docker": {"hosts": ["a", "b"]}}"#);
    for more in ["more.ini", "more.yml", "more.json"] {
        let ran = world.events(&["-i", more, "--check"]).code(3).any_stderr().run();
        let states = ["a", "b", "web1"].map(|host| ran.recap(host)["state"].clone());
        assert_eq!(states, ["unsupported", "unsupported", "changed"], "{more}");
    }
}

#[test]
fn a_program_and_its_saved_output_give_the_same_run() {
    let world = World::with(&["web1", "web2"]).tasks(TASK);
    let text = listing(&world);
    let world = program(world.file("saved.json", &text), "hosts.sh", &format!("cat <<'.'\n{text}\n."));
    let plan = |inventory: &str| {
        let args = ["apply", "site.yml", "--check", "--format", "jsonl", "-i", inventory];
        world.dtrctl(&args).run().plan()
    };
    assert_eq!(plan("hosts.sh").len(), 2);
    assert_eq!(plan("hosts.sh"), plan("saved.json"));
    world.dtrctl(&["apply", "site.yml"]).env("ANSIBLE_INVENTORY", "hosts.sh").any_stderr().run();
    assert_eq!(world.text("/etc/who"), "web1\n");
}

#[test]
fn a_configuration_gives_what_the_command_line_leaves_open_and_names_the_rest() {
    let world = World::new().tasks("- copy:\n    dest: /etc/x\n    content: x\n");
    let world =
        world.file("ansible.cfg", "[defaults]\ninventory = hosts.yml\ngathering = smart\nnocows = 1\n");
    let ran = world.dtrctl(&["apply", "site.yml", "--check"]).any_stderr().run();
    assert_eq!(ran.stderr.matches("not used by dtrctl: `gathering`, `nocows`").count(), 1, "{}", ran.stderr);
    let world = world.file("ansible.cfg", "[defaults]\nhash_behaviour = merge\n");
    let refused = world.dtrctl(&["apply", "site.yml", "--check"]).code(1).any_stderr().run();
    assert!(refused.stderr.contains("ansible.cfg:2:1"), "{}", refused.stderr);
}

/// Answers of ansible-inventory 2.19.14.
#[test]
fn extra_variables_are_read_as_ansible_reads_them() {
    let world = World::new()
        .file("h.ini", "h\n")
        .file("e.json", r#"{"a": {"__ansible_unsafe": "{{ x }}"}, "b": 1}"#)
        .file("e.yml", "a: !unsafe \"{{ x }}\"\nb: [x, yes]\n");
    for (given, vars) in [
        ("a=1 b=\"c d\"", r#"{"a": "1", "b": "c d"}"#),
        ("a=x\\ny b=C:\\path c=\\u00e9", r#"{"a": "x\ny", "b": "C:\\path", "c": "é"}"#),
        ("a={{ b | default('x y') }}", r#"{"a": "{{ b | default('x y') }}"}"#),
        ("a=x\"y\"z b=c=d e=", r#"{"a": "x\"y\"z", "b": "c=d", "e": ""}"#),
        ("{a: 1, b: [yes]}", r#"{"a": 1, "b": [true]}"#),
        ("@e.json", r#"{"a": {"__ansible_unsafe": "{{ x }}"}, "b": 1}"#),
        ("@e.yml", r#"{"a": {"__ansible_unsafe": "{{ x }}"}, "b": ["x", true]}"#),
    ] {
        let ran = world.dtrctl(&["inventory", "-i", "h.ini", "--list", "-e", given]).run();
        let list: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let vars: serde_json::Value = serde_json::from_str(vars).unwrap();
        assert_eq!(list["_meta"]["hostvars"]["h"], vars, "{given}");
    }
    for (given, said) in [
        ("a", "`a` is not `NAME=VALUE`"),
        ("a=b c", "`c` is not `NAME=VALUE`"),
        ("a: 1", "`a: 1` is not `NAME=VALUE`"),
        ("[1]", "have to be `NAME=VALUE` or a mapping"),
        ("ansible_host=x", "does not reach the connection"),
    ] {
        let ran =
            world.dtrctl(&["inventory", "-i", "h.ini", "--list", "-e", given]).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said), "{given}: {}", ran.stderr);
    }
}

#[test]
fn the_tree_shows_variables_as_ansible_inventory_does() {
    let world = World::new().file(
        "h.yml",
        "g:\n  hosts:\n    h: {a: !unsafe '{{ x }}', c: [\"it's\", 1, yes, null]}\n    i:\n  vars: {v: {k: 1.5}}\n",
    );
    let ran = world.dtrctl(&["inventory", "-i", "h.yml", "--graph", "--vars", "g"]).run();
    insta::assert_snapshot!(ran.stdout, @r#"
    @g:
      |--h
      |  |--{a = {{ x }}}
      |  |--{c = ["it's", 1, True, None]}
      |  |--{v = {'k': 1.5}}
      |--i
      |  |--{v = {'k': 1.5}}
      |--{v = {'k': 1.5}}
    "#);
    let given = "{\"a\": !unsafe \"{{ y }}\", \"c\": [1.0e-6, 1.0e+16, 0.0001, 123456.75], \"v\": 2.5e-7}";
    let ran = world.dtrctl(&["inventory", "-i", "h.yml", "--graph", "--vars", "g", "-e", given]).run();
    insta::assert_snapshot!(ran.stdout, @r"
    @g:
      |--h
      |  |--{a = {{ y }}}
      |  |--{c = [1e-06, 1e+16, 0.0001, 123456.75]}
      |  |--{v = 2.5e-07}
      |--i
      |  |--{a = {{ y }}}
      |  |--{c = [1e-06, 1e+16, 0.0001, 123456.75]}
      |  |--{v = 2.5e-07}
      |--{v = {'k': 1.5}}
    ");
    let export = world.dtrctl(&["inventory", "-i", "h.yml", "--list", "--export", "-l", "!h"]).run();
    assert!(!export.stdout.contains("it's") && export.stdout.contains("\"v\""), "{}", export.stdout);
}

/// Answers of ansible-inventory 2.19.14.
#[test]
fn without_a_playbook_the_working_directory_has_variables_too() {
    let world = World::new()
        .file("inventory/hosts", "[g]\nh x=1\n")
        .file("inventory/group_vars/g.yml", "a: inventory\n")
        .file("group_vars/g.yml", "a: here\nb: 1\n")
        .file("host_vars/h.yml", "c: 1\n");
    let said = |args: &[&str]| world.dtrctl(args).args(&["-i", "inventory/hosts"]).run().stdout;
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let vars = serde_json::json!({ "a": "here", "b": 1, "c": 1, "x": 1 });
    assert_eq!(json(said(&["inventory", "--host", "h"])), vars);
    assert_eq!(json(said(&["inventory", "--list"]))["_meta"]["hostvars"]["h"], vars);
    let exported = json(said(&["inventory", "--list", "--export"]));
    assert_eq!(exported["_meta"]["hostvars"]["h"], serde_json::json!({ "x": 1 }));
    assert_eq!(exported["g"]["vars"], serde_json::json!({ "a": "inventory" }));
    insta::assert_snapshot!(said(&["inventory", "--graph", "--vars", "g", "-e", "e=1"]), @r"
    @g:
      |--h
      |  |--{a = here}
      |  |--{b = 1}
      |  |--{c = 1}
      |  |--{e = 1}
      |  |--{x = 1}
      |--{a = inventory}
    ");
    let implicit = serde_json::json!({ "ansible_connection": "local" });
    assert_eq!(json(said(&["inventory", "--host", "localhost"])), implicit);
    assert_eq!(said(&["eval", "a", "--host", "h"]), "\"here\"\n");
    assert!(said(&["vars", "a", "--host", "h"]).contains("group_vars/g.yml:1:1"));
}

#[test]
fn a_working_directory_that_is_the_inventorys_is_read_once() {
    let world = World::new()
        .file("inventory", "h\n")
        .file("host_vars/h.yml", "a: 1\n")
        .file("group_vars/all", "b: 2\n");
    let said = world.dtrctl(&["vars", "a", "--host", "h", "-i", "inventory"]).run().stdout;
    assert!(!said.contains("over"), "{said}");
    let world = world.file("host_vars/h.json", "{}\n");
    let refused = world.dtrctl(&["inventory", "--list", "-i", "inventory"]).code(1).any_stderr().run();
    assert_eq!(refused.stderr.matches("both hold variables of `h`").count(), 1, "{}", refused.stderr);
}

/// Only the files beside the playbook, or in the working directory, say here how to connect.
#[test]
fn a_module_is_run_and_a_run_undone_with_the_variables_beside_it() {
    let world = World::new();
    let way = format!(
        "{{ansible_connection: sandbox, ansible_sandbox_root: {}}}",
        serde_json::json!(world.root("web1"))
    );
    let world = world.file("bare/hosts", "web1\n").file("books/host_vars/web1.yml", &way).file(
        "books/site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - copy: {dest: /etc/x, content: x}\n",
    );
    let undone = || {
        world.dtrctl(&["undo", "last"]).any_stderr().run();
        assert!(!world.root("web1").join("etc/x").exists());
    };
    world.dtrctl(&["apply", "books/site.yml", "-i", "bare/hosts"]).any_stderr().run();
    undone();
    world.dtrctl(&["undo", "last"]).any_stderr().run();
    assert_eq!(world.text("/etc/x"), "x");
    let world = world.file("host_vars/web1.yml", &way);
    std::fs::remove_dir_all(world.path("books")).unwrap();
    world.dtrctl(&["run", "all", "copy", "dest=/etc/x", "content=y", "-i", "bare/hosts"]).any_stderr().run();
    assert_eq!(world.text("/etc/x"), "y");
    world.dtrctl(&["undo", "last"]).any_stderr().run();
    assert_eq!(world.text("/etc/x"), "x");
}
