//! What a host says leads nowhere else, and what names a registry stays in its directory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value as Json, json};

use crate::figure::figure;
use crate::harness::World;

/// Names by which Ansible's users say where and how a host is reached.
const NAMES: &[&str] = &[
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_ssh_host",
    "ansible_ssh_port",
    "ansible_connection",
    "ansible_ssh_private_key_file",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_ssh_executable",
    "ansible_ssh_pipelining",
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_become",
    "ansible_become_user",
    "ansible_become_method",
    "ansible_become_password",
    "ansible_become_exe",
    "ansible_become_flags",
    "ansible_shell_type",
    "ansible_shell_executable",
    "ansible_python_interpreter",
    "ansible_sandbox_root",
    "ansible_delegated_vars",
    "inventory_hostname",
];

/// Where the trap would lead.
const TRAP: &str = "/trap-of-dtrctl";

/// Ways in which a host's words may become variables.
const WAYS: &[&str] = &[
    "- {set_fact: {NAME: \"{{ said.NAME }}\"}, ignore_errors: true}",
    "- {set_fact: {NAME: \"{{ said.NAME }}\", cacheable: true}, ignore_errors: true}",
    "- {set_fact: \"{{ said }}\", ignore_errors: true}",
    "- {debug: {msg: x}, register: NAME, ignore_errors: true}",
    "- {include_vars: {file: said.yml}, ignore_errors: true}",
];

fn said() -> Json {
    let value = |name: &&str| {
        let value = if name.ends_with("port") { json!(1) } else { json!(TRAP) };
        ((*name).to_owned(), value)
    };
    Json::Object(NAMES.iter().map(value).collect())
}

#[test]
fn facts_named_like_connection_variables_lead_nowhere() {
    let test = "facts_named_like_connection_variables_lead_nowhere";
    let (mut count, mut refused) = (0, 0);
    for way in WAYS {
        for name in NAMES {
            let tasks = format!(
                "- {{slurp: {{src: /etc/said.json}}, register: raw}}\n\
                 - {{set_fact: {{said: \"{{{{ raw.content | b64decode | from_json }}}}\"}}}}\n\
                 {}\n- {{copy: {{dest: /etc/reached, content: x}}}}",
                way.replace("NAME", name)
            );
            let world = World::new()
                .host_file("web1", "/etc/said.json", said().to_string())
                .file("said.yml", said().to_string())
                .tasks(&tasks);
            let ran = world.events(&[]).any_code().any_stderr().run();
            // Refused before anything is done, or the same host as before is reached.
            if ran.stdout.is_empty() {
                refused += 1;
            } else if world.root("web1").join("etc/reached").exists() {
                assert_eq!(ran.recap("web1")["unreachable"], 0, "{way} {name}");
            } else {
                let recap = ran.recap("web1");
                assert_eq!(recap["state"], "failed", "{way} {name}: {recap}");
            }
            assert!(!std::path::Path::new(TRAP).exists(), "{way} {name}");
            count += 1;
        }
    }
    eprintln!("{count} tried, {refused} of them refused before anything is done");
    figure("S2", test, &format!("taken=0 of={count}"));
}

/// `ssh` is one that only writes down its arguments.
#[test]
fn what_a_host_says_is_no_argument_of_ssh() {
    let test = "what_a_host_says_is_no_argument_of_ssh";
    let world = World::new();
    let (bin, argv) = (world.path("bin"), world.path("argv"));
    fs::create_dir_all(&bin).unwrap();
    let text = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >>{}\nexit 255\n", argv.display());
    fs::write(bin.join("ssh"), text).unwrap();
    fs::set_permissions(bin.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let root = world.root("web1").display().to_string();
    let playbook = "\
- hosts: web1
  tasks:
    - {slurp: {src: /etc/said.json}, register: raw}
    - {set_fact: {said: \"{{ raw.content | b64decode | from_json }}\"}}
- hosts: far
  gather_facts: false
  tasks:
    - {copy: {dest: /etc/x, content: \"{{ hostvars.web1.said }}\"}}
";
    let world = world
        .host_file("web1", "/etc/said.json", said().to_string())
        .file("hosts.yml", format!("all:\n  hosts:\n    web1: {{ansible_connection: sandbox, ansible_sandbox_root: {root}}}\n    far: {{ansible_host: 192.0.2.1, ansible_user: me}}\n"))
        .playbook(playbook);
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    world.events(&["-T", "2"]).env("PATH", &path).any_code().any_stderr().run();
    let recorded = fs::read_to_string(&argv).unwrap();
    assert!(recorded.contains("192.0.2.1") && !recorded.contains("trap-of-dtrctl"), "{recorded}");
    figure("S2", test, &format!("taken=0 of={}", NAMES.len()));
}

fn registries() -> Vec<String> {
    let mut names: Vec<String> = [
        "../../etc",
        "..",
        ".",
        "a/../../b",
        "/etc/passwd",
        "a\0b",
        "a:5000",
        "a:",
        ":5000",
        "a:99999",
        "[::1]:5000",
        "::1",
        "[fd00::1]",
        "a b",
        "-rf",
        "a\nb",
        "$(id)",
        "*.example",
        "A.EXAMPLE",
        "a..b",
        "a_b",
        "%2e%2e",
        "a%00",
        "~",
        "é.example",
    ]
    .map(str::to_owned)
    .to_vec();
    names.extend([
        "a".repeat(63),
        "a".repeat(64),
        "a".repeat(253),
        "a".repeat(255),
        "a".repeat(300),
        "a.".repeat(130),
    ]);
    if let Some(corpus) = std::env::var_os("DTRCTL_CORPUS") {
        let file = std::path::Path::new(&corpus).join("hostile/values.json");
        let cases: Vec<Json> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        names.extend(
            cases
                .iter()
                .step_by(crate::form::times(10, 1))
                .map(|case| case["value"].as_str().unwrap().to_owned()),
        );
    }
    names
}

#[test]
fn names_of_registries_stay_in_their_directory() {
    let test = "names_of_registries_stay_in_their_directory";
    let names = registries();
    let certificate = crate::pki::Pki::new("registry").root;
    let world = World::new().file("names.json", json!(names).to_string()).file("ca.pem", certificate).tasks(
        "- install_anchor: {registry: \"{{ item }}\", certificate: \"{{ lookup('file', 'ca.pem') }}\", stores: 'docker,system'}\n  \
         loop: \"{{ lookup('file', 'names.json') | from_json }}\"\n  ignore_errors: true",
    );
    let before = world.trees()["web1"].contents();
    world.events(&[]).any_code().any_stderr().run();
    let after = world.trees()["web1"].contents();
    let new: Vec<&String> = after.keys().filter(|path| !before.contains_key(*path)).collect();
    let inside = |path: &&&String| {
        let allowed =
            ["etc/docker/certs.d", "usr/local/share/ca-certificates/dtrctl-", "etc/ssl/certs", "run/dtrctl"];
        allowed.iter().any(|folder| path.starts_with(folder))
            // One directory for a registry, and files of ours in it.
            && path.strip_prefix("etc/docker/certs.d/").is_none_or(|rest| rest.split('/').count() <= 2)
    };
    let outside: Vec<_> = new.iter().filter(|path| !inside(path)).collect();
    assert!(outside.is_empty(), "{outside:?}");
    assert!(
        new.iter().any(|path| path.starts_with("etc/docker/certs.d") || path.starts_with("usr/local")),
        "{new:?}"
    );
    figure("S9", test, &format!("outside=0 of={}", names.len()));
}
