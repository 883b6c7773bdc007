//! What `ansible-vault` encrypted (by ansible-core 2.19.14, password `swordfish`): it gets to hosts, and nowhere else.

use std::os::unix::fs::PermissionsExt as _;

use crate::figure::figure;
use crate::harness::{Ran, World};

const VALUE: &str = include_str!("vault/value.vault");
const VARS: &str = include_str!("vault/vars.vault");
const FILE: &str = include_str!("vault/file.vault");

/// What the three hold: `canary-one {{ x }}`; `two`, `nested` and `some_number`; and a file.
const COPIED: &str = "canary-one {{ x }} canary-two spaced canary-three 31337133\n";

const TASKS: &str = "\
- name: with {{ two }}
  copy:
    dest: /etc/copied
    content: \"{{ one }} {{ two }} {{ nested.list[0] }} {{ some_number }}\\n\"
- copy:
    dest: /etc/file
    src: secret.txt
- copy:
    dest: /etc/looked
    content: \"{{ lookup('file', 'secret.txt') }}\\n\"
- debug:
    msg: \"{{ nested }}\"
- debug:
    msg: \"{{ one }}\"
  loop: [\"{{ two }}\"]
- assert:
    that: one == two
    fail_msg: \"{{ one }} is not {{ two }}\"
  ignore_errors: true
- copy:
    dest: /etc/wrong
    content: x
    mode: \"{{ two }}\"
  ignore_errors: true
";

fn world() -> World {
    let world = World::new()
        .tasks(TASKS)
        .file("group_vars/docker/plain.yml", format!("one: !vault |\n{}", indented(VALUE)))
        .file("group_vars/docker/vault.yml", VARS)
        .file("secret.txt", FILE)
        .file("pass", "swordfish\n")
        .file("ask", "#!/bin/sh\necho swordfish\n");
    std::fs::set_permissions(world.path("ask"), std::fs::Permissions::from_mode(0o700)).unwrap();
    world
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn shows_nothing(ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("canary") && !text.contains("31337133"), "{text}");
    }
}

#[test]
fn secrets_get_to_the_host_and_are_shown_in_no_format() {
    let world = world();
    let password = ["--vault-password-file", "pass"];
    for more in [&["--check"][..], &["--check", "--format", "jsonl", "--junit", "junit.xml"]] {
        let ran = world.apply(&password).args(more).run();
        shows_nothing(&ran);
        assert!(ran.stdout.contains("***"), "{}", ran.stdout);
    }
    let junit = std::fs::read_to_string(world.path("junit.xml")).unwrap();
    assert!(!junit.contains("canary"), "{junit}");
    shows_nothing(&world.apply(&["--vault-id", "dev@ask", "--diff=full"]).any_stderr().run());
    assert_eq!(world.text("/etc/copied"), COPIED);
    assert_eq!(world.text("/etc/file"), "line a of canary-four\nshort\n");
    assert_eq!(world.text("/etc/looked"), "line a of canary-four\nshort\n");
    let again = world.events(&[]).env("ANSIBLE_VAULT_PASSWORD_FILE", "pass").run();
    assert_eq!(again.recap("web1")["changed"], 0);
    figure("S6", "secrets_get_to_the_host_and_are_shown_in_no_format", "shown=0 of=5 formats=4");
}

#[test]
fn a_text_that_stays_closed_is_shown_where_it_stands() {
    let world = world();
    let none = world.apply(&[]).code(1).any_stderr().run().stderr;
    assert!(
        none.contains("the file is encrypted with ansible-vault, and no vault password is given"),
        "{none}"
    );
    assert!(none.contains("vault.yml:1:1"), "{none}");
    let wrong = world.apply(&["--vault-password-file", "site.yml"]).code(1).any_stderr().run().stderr;
    assert!(wrong.contains("and the vault password does not fit"), "{wrong}");
    let gone = world.apply(&["--vault-password-file", "gone"]).code(1).any_stderr().run().stderr;
    assert!(gone.contains("the vault password file `gone` cannot be read"), "{gone}");
}

#[test]
fn a_listing_of_the_inventory_keeps_values_encrypted() {
    let world = world();
    let args = ["inventory", "-i", "hosts.yml", "--host", "web1", "--vault-password-file", "pass"];
    let shown = world.dtrctl(&args).run().stdout;
    let vars: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(vars["one"], serde_json::json!({ "__ansible_vault": VALUE }));
}

#[test]
fn a_mistake_in_an_encrypted_file_shows_its_place_and_not_its_lines() {
    let world = world().playbook("- hosts: docker\n  tasks:\n    - debug: {msg: '{{ two.gone }}'}\n");
    let ran = world.apply(&["--vault-password-file", "pass"]).code(3).any_stderr().run();
    shows_nothing(&ran);
}

/// What is meant to be secret without being encrypted: passwords and headers of requests, the environment, and all of `no_log`.
const HIDDEN: &str = "\
- hosts: docker
  gather_facts: false
  environment: {TOKEN: canary-env}
  tasks:
  - {uri: {url: 'http://127.0.0.1:9/x', url_username: a, url_password: canary-url, headers: {X-Token: canary-head}}, ignore_errors: true}
  - {uri: {url: 'http://127.0.0.1:9/x', method: POST, body: shown, headers: {Authorization: canary-head}}, ignore_errors: true}
  - {get_url: {url: 'http://127.0.0.1:9/x', dest: '{{ root }}/tmp/x', url_username: a, url_password: canary-url}, ignore_errors: true}
  - {copy: {dest: '{{ root }}/tmp/f', content: canary-content}, no_log: true}
  - {lineinfile: {path: '{{ root }}/tmp/f', line: canary-line}, no_log: true}
  - {shell: 'echo canary-out $TOKEN; echo canary-err >&2; exit 3', no_log: true, ignore_errors: true, register: ran}
  - {debug: {msg: 'canary-said {{ ran.stdout | default(0) }}'}, no_log: true}
  - {debug: {msg: x}, loop: [canary-item], no_log: true}
  - {assert: {that: false, fail_msg: canary-fail}, no_log: true, ignore_errors: true}
  - {set_fact: {kept: canary-fact}, no_log: true}
  - {shell: 'echo canary-again', no_log: true, until: false, retries: 1, delay: 0, ignore_errors: true}
";

#[test]
fn what_is_said_to_be_secret_is_in_no_output_and_is_not_remembered() {
    let world = World::new().playbook(HIDDEN);
    let root = world.root("web1").display().to_string();
    let hosts = format!("docker:\n  hosts: {{web1: {{ansible_connection: local, root: '{root}'}}}}\n");
    let world = world.file("hosts.yml", hosts);
    for more in
        [&["--check"][..], &["--check", "--format", "jsonl"], &["--diff=full"], &["--format", "jsonl"]]
    {
        let beside = ["--events", "events.jsonl", "--junit", "junit.xml"];
        shows_nothing(&world.apply(more).args(&beside).any_stderr().run());
        for file in ["events.jsonl", "junit.xml"] {
            let text = std::fs::read_to_string(world.path(file)).unwrap();
            assert!(text.contains("get_url") && !text.contains("canary"), "{more:?} {file}: {text}");
        }
    }
    assert_eq!(world.text("/tmp/f"), "canary-content\ncanary-line\n");
    for entry in std::fs::read_dir(world.path("cache/dtrctl/hosts")).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        assert!(!text.contains("canary"), "{text}");
    }
    let test = "what_is_said_to_be_secret_is_in_no_output_and_is_not_remembered";
    figure("S6", test, "shown=0 of=11 formats=6");
}
