//! `dtrctl vars`: what a variable is, why, and until when.

use serde_json::Value as Json;

use crate::harness::World;

fn world() -> World {
    World::new()
        .playbook(
            "- name: the play\n  hosts: docker\n  vars:\n    a: play\n    c: '{{ a }} on {{ inventory_hostname }}'\n  vars_files: [vars/more.yml]\n  roles: [r]\n  tasks:\n    - name: later\n      set_fact: {a: fact, b: fact}\n    - name: kept\n      command: 'true'\n      register: out\n    - debug:\n        msg: '{{ a }} {{ d }} {{ e }} {{ f }}'\n      vars: {a: task}\n",
        )
        .file("group_vars/all.yml", "a: all\nb: all\nd: all\ne:\n  - all\nf: all\n")
        .file("group_vars/docker.yml", "b: docker\n")
        .file("host_vars/web1.yml", "f: '{{ gone }}'\n")
        .file("vars/more.yml", "d: more\n")
        .file("roles/r/defaults/main.yml", "d: default\nr: default\n")
        .file("roles/r/vars/main.yml", "e: role\n")
        .file("roles/r/tasks/main.yml", "- debug: {msg: 'x'}\n")
}

fn vars(world: &World, more: &[&str]) -> String {
    let ran = world.dtrctl(&["vars", "--host", "web1", "-i", "hosts.yml"]).args(more).run();
    ran.stdout.replace(&format!("{}/", world.path("").display()).replace("//", "/"), "")
}

#[test]
fn the_winner_the_beaten_and_what_may_change_it_are_shown_with_their_places() {
    let world = world();
    insta::assert_snapshot!(vars(&world, &["--playbook", "site.yml", "a"]), @r#"
    play `the play` (site.yml:1:3):
    a = "play"
      set at site.yml:4:5: `vars` of the play
      over group_vars/all.yml:1:1: group_vars of `all` beside the inventory: "all"
      may change at site.yml:10:18: `set_fact` of the task `later`
      may change at site.yml:16:14: `vars` around the task `debug`
    "#);
    insta::assert_snapshot!(vars(&world, &["b"]), @r#"
    b = "docker"
      set at group_vars/docker.yml:1:1: group_vars of `docker` beside the inventory
      over group_vars/all.yml:2:1: group_vars of `all` beside the inventory: "all"
    "#);
    insta::assert_snapshot!(vars(&world, &["--playbook", "site.yml", "-e", "a=given", "c"]), @r#"
    play `the play` (site.yml:1:3):
    c = "given on web1"
      set at site.yml:5:5: `vars` of the play
    "#);
    let all = vars(&world, &["--playbook", "site.yml"]);
    for line in [
        "d = \"more\"  (vars/more.yml:1:1)",
        "e = \"role\"  (roles/r/vars/main.yml:1:1)",
        "f: `gone` is undefined  (host_vars/web1.yml:1:1)",
        "out: not set before the play runs  (site.yml:11:7)",
        "r = \"default\"  (roles/r/defaults/main.yml:2:1)",
    ] {
        assert!(all.lines().any(|shown| shown == line), "{line}\n{all}");
    }
}

#[test]
fn what_is_not_there_is_an_error_with_the_nearest_name() {
    let world = world();
    let said = |args: &[&str]| world.dtrctl(args).code(1).any_stderr().run().stderr;
    let host = said(&["vars", "--host", "web2", "-i", "hosts.yml"]);
    assert!(host.contains("no host `web2`") && host.contains("did you mean `web1`?"), "{host}");
    let name = said(&["vars", "--host", "web1", "-i", "hosts.yml", "ansible_conection"]);
    assert!(name.contains("did you mean `ansible_connection`?"), "{name}");
}

/// The value is the one that the first task sees.
#[test]
fn the_value_is_the_one_that_the_run_has() {
    let world = world();
    let shown: Json =
        serde_json::from_str(&vars(&world, &["--playbook", "site.yml", "--format", "json"])).unwrap();
    let variables = &shown["plays"][0]["variables"];
    let world = world.file(
        "first.yml",
        "- hosts: docker\n  vars:\n    a: play\n    c: '{{ a }} on {{ inventory_hostname }}'\n  vars_files: [vars/more.yml]\n  roles: [r]\n  tasks:\n    - debug:\n        msg: '{{ [a, b, c, d, e, r] }}'\n",
    );
    let ran = world.dtrctl(&["apply", "first.yml", "-i", "hosts.yml", "--check", "--format", "jsonl"]).run();
    let seen = ran.finished("web1").last().unwrap()["result"]["msg"].clone();
    let ours: Vec<&Json> = ["a", "b", "c", "d", "e", "r"].map(|name| &variables[name]["value"]).to_vec();
    assert_eq!(serde_json::json!(ours), seen);
    assert_eq!(variables["out"]["no_value"], "not set before the play runs");
    assert_eq!(
        variables["a"]["set"],
        serde_json::json!({
            "file": "site.yml", "line": 4, "column": 5, "layer": "`vars` of the play", "written": "play",
        })
    );
}
