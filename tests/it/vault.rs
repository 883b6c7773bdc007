//! What `ansible-vault` encrypted (by ansible-core 2.19.14, password `swordfish`): it gets to hosts, and nowhere else.

use std::os::unix::fs::PermissionsExt as _;

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
