//! A secret gets to the host, and not into a plan: there it is a size and a keyed digest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{apply, planned, reason, saved};
use crate::harness::World;

const VALUE: &str = include_str!("../vault/value.vault");

/// No copy of these may stand in a plan: the vault's value, what `no_log` hides, a key, an old content, what is on standard
/// input.
const CANARIES: [&str; 5] = ["canary-one", "canary-hidden", "canary-key", "canary-old", "canary-stdin"];

const TASKS: &str = "\
- name: vault
  copy: {dest: /etc/vault, content: \"x {{ one }}\\n\"}
- name: hidden
  copy: {dest: /etc/hidden, content: \"canary-hidden\\n\"}
  no_log: true
- name: key
  copy: {dest: /etc/key, content: \"-----BEGIN PRIVATE KEY-----\\ncanary-key\\n-----END PRIVATE KEY-----\\n\"}
- name: open
  copy: {dest: /etc/open, content: \"open\\n\"}
";

fn world() -> World {
    let vault: String = VALUE.lines().map(|line| format!("  {line}\\n")).collect();
    let vault = vault.replace("\\n", "\n");
    World::new()
        .tasks(TASKS)
        .file("group_vars/docker/plain.yml", format!("one: !vault |\n{vault}"))
        .file("pass", "swordfish\n")
        .host_file("web1", "/etc/hidden", "canary-old\n")
}

/// Where the key lies where nobody says otherwise.
const KEY: &str = "home/.local/state/dtrctl/plan.key";

const PASSWORD: [&str; 2] = ["--vault-password-file", "pass"];

#[test]
fn a_plan_holds_no_secret_and_no_digest_that_could_be_guessed() {
    let world = world();
    planned(&world, &PASSWORD);
    let text = fs::read_to_string(world.path("plan.json")).unwrap();
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary}");
    }
    for guess in ["canary-hidden\n", "canary-old\n", "x canary-one {{ x }}\n"] {
        assert!(
            !text.contains(&modules::digest(guess.as_bytes())),
            "the digest of {guess:?} stands in the plan"
        );
    }
    let plan = saved(&world);
    let tasks = plan["hosts"]["web1"]["tasks"].as_array().unwrap();
    for task in &tasks[..3] {
        let change = &task["changes"][0];
        for name in ["seal", "to"] {
            assert!(change[name].as_str().unwrap().starts_with("hmac-sha256:"), "{change:#}");
        }
        assert_eq!(change["content"]["secret"], true, "{change:#}");
    }
    assert!(tasks[1]["changes"][0]["from"].as_str().unwrap().starts_with("hmac-sha256:"));
    assert!(tasks[3]["changes"][0]["seal"].as_str().unwrap().starts_with("sha256:"));
    let key = world.path(KEY);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    apply(&world, &PASSWORD).run();
    assert_eq!(world.text("/etc/hidden"), "canary-hidden\n");
    assert!(world.text("/etc/vault").starts_with("x canary-one"));
}

#[test]
fn a_secret_that_has_changed_is_found_out_and_not_shown() {
    let world = world();
    planned(&world, &PASSWORD);
    let world = world.host_file("web1", "/etc/hidden", "canary-new\n");
    let ran = apply(&world, &PASSWORD).code(3).run();
    let why = reason(&ran, "web1");
    assert!(
        why.starts_with("/etc/hidden: its content is another than the plan starts from (keyed digest "),
        "{why}"
    );
    assert!(!ran.stdout.contains("canary"), "{}", ran.stdout);
    let world = self::world();
    planned(&world, &PASSWORD);
    let world = world.tasks(&TASKS.replace("canary-hidden", "canary-other"));
    let ran = apply(&world, &PASSWORD).code(3).run();
    assert!(reason(&ran, "web1").starts_with("/etc/hidden: what it is to hold is another (keyed digest "));
    assert!(!ran.stdout.contains("canary"), "{}", ran.stdout);
}

#[test]
fn the_key_goes_from_the_job_that_plans_to_the_one_that_applies() {
    let world = world();
    let plan = |key: &str| {
        world
            .dtrctl(&["plan", "site.yml", "-i", "hosts.yml", "-o", "plan.json"])
            .args(&PASSWORD)
            .env("DTRCTL_PLAN_KEY", key)
    };
    plan("here.key").run();
    assert!(!world.path(KEY).exists(), "no other key is made");
    let ran = apply(&world, &PASSWORD).code(1).any_stderr().run();
    assert!(
        ran.stderr.contains("sealed with a key, and there is no `$WORLD/home/.local/state/dtrctl/plan.key`"),
        "{}",
        ran.stderr
    );
    fs::write(world.path("other.key"), [7; 32]).unwrap();
    fs::set_permissions(world.path("other.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let ran = apply(&world, &PASSWORD).args(&["--plan-key", "other.key"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("sealed with another key than `other.key`"), "{}", ran.stderr);
    apply(&world, &PASSWORD).args(&["--plan-key", "here.key"]).run();
    assert_eq!(world.text("/etc/open"), "open\n");
    fs::set_permissions(world.path("here.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let ran = plan("here.key").code(1).any_stderr().run();
    assert!(ran.stderr.contains("others may read"), "{}", ran.stderr);
}

#[test]
fn a_secret_of_the_command_line_is_refused() {
    let world = world().tasks(
        "- copy: {dest: /etc/x, content: \"{{ word }}{{ db_password | default('') }}\"}\n  no_log: true\n",
    );
    let plan = |more: &[&str]| {
        world
            .dtrctl(&["plan", "site.yml", "-i", "hosts.yml", "-o", "plan.json"])
            .args(more)
            .code(1)
            .any_stderr()
            .run()
    };
    // By its name, before a host is asked; or because it is used as one.
    for (more, name) in [
        ("db_password=x", "db_password"),
        ("word=canary-word", "word"),
        ("{\"a\": 1, \"word\": \"canary\"}", "word"),
    ] {
        let ran = plan(&["-e", more]);
        assert!(ran.stderr.contains(&format!("`-e {name}` is a secret")), "{}", ran.stderr);
        assert!(!world.path("plan.json").exists());
    }
    let world = world.file("vars.yml", "word: canary-word\n");
    planned(&world, &["-e", "@vars.yml"]);
    let text = fs::read_to_string(world.path("plan.json")).unwrap();
    assert!(!text.contains("canary") && text.contains("/vars.yml\""), "{text}");
    apply(&world, &[]).run();
    assert_eq!(world.text("/etc/x"), "canary-word");
}

#[test]
fn a_command_hides_what_it_reads_and_a_request_what_it_sends() {
    let world = World::new()
        .file("hosts.yml", "docker: {hosts: {web1: {ansible_connection: local}}}\n")
        .tasks("- command: {argv: [cat], stdin: canary-stdin}\n  no_log: true\n- uri: {url: \"http://127.0.0.1:1/x\", method: POST, headers: {X-Token: canary-key}, url_username: u, url_password: canary-old}\n  ignore_errors: true\n");
    planned(&world, &[]);
    let text = fs::read_to_string(world.path("plan.json")).unwrap();
    assert!(!text.contains("canary"), "{text}");
    let ran = apply(&world, &["--allow-unknown"]).run();
    assert_eq!(ran.recap("web1")["state"], "changed", "{}", ran.recap("web1"));
    // What is not shown is compared all the same.
    let play = fs::read_to_string(world.path("site.yml")).unwrap();
    for (old, new) in
        [("canary-stdin", "canary-other"), ("canary-key", "canary-other"), ("canary-old", "canary-other")]
    {
        let world = World::new()
            .file("hosts.yml", "docker: {hosts: {web1: {ansible_connection: local}}}\n")
            .playbook(&play);
        planned(&world, &[]);
        let world = world.playbook(&play.replace(old, new));
        let ran = apply(&world, &["--allow-unknown"]).code(3).run();
        assert!(reason(&ran, "web1").contains("in what is not shown"), "{}", reason(&ran, "web1"));
        assert!(!ran.stdout.contains("canary"), "{}", ran.stdout);
    }
}
