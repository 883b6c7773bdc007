//! `registry_tls` as its user runs it, on a host that is a folder: its files, and no registry that reads them.

use std::os::unix::fs::PermissionsExt as _;

use crate::harness::{World, shipped};
use crate::pki::self_signed;

const CONFIG: &str = "version: 0.1\nhttp:\n  addr: :5000\n  tls:\n    certificate: /etc/docker/registry/c.pem\n    key: /etc/docker/registry/k.pem\n";

/// Lines of a key that stand in nothing else.
fn lines(key: &str) -> impl Iterator<Item = &str> {
    key.lines().filter(|line| !line.starts_with("-----"))
}

#[test]
fn the_shipped_playbook_keeps_the_law_and_the_key_to_itself() {
    let (old, new) = (self_signed(&["localhost"]), self_signed(&["localhost"]));
    let port = crate::sshd::free_port();
    let world = World::new()
        .host_file("web1", "/etc/docker/registry/config.yml", CONFIG)
        .host_file("web1", "/etc/docker/registry/c.pem", &old.certificate)
        .host_file("web1", "/etc/docker/registry/k.pem", &old.key)
        .file("new.pem", &new.certificate)
        .file("new.key", &new.key)
        .file("registry-certificate.yml", std::fs::read(shipped("registry-certificate.yml")).unwrap());
    let key = world.root("web1").join("etc/docker/registry/k.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let registry = format!("registry=localhost:{port}");
    let given =
        ["-e", &registry, "-e", "certificate_file=new.pem", "-e", "key_file=new.key", "-e", "target=docker"];
    let law = world.law_of("registry-certificate.yml", &given);
    assert_eq!(world.text("/etc/docker/registry/c.pem"), new.certificate);
    assert_eq!(world.text("/etc/docker/registry/k.pem"), new.key);
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o7777, 0o600);
    let shown = [law.check, law.first, law.second].map(|ran| ran.stdout + &ran.stderr).concat();
    assert!(lines(&old.key).chain(lines(&new.key)).all(|line| !shown.contains(line)));
    // Its way back: the pair that is kept on the host.
    let kept = world.root("web1").join(format!("var/lib/dtrctl/registry-tls/localhost_{port}"));
    let names: Vec<_> = std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let restore = format!("restore={}", names[0].to_str().unwrap());
    world.law_of("registry-certificate.yml", &["-e", &registry, "-e", &restore, "-e", "target=docker"]);
    assert_eq!(
        (world.text("/etc/docker/registry/c.pem"), world.text("/etc/docker/registry/k.pem")),
        (old.certificate, old.key)
    );
}

#[test]
fn a_key_that_stands_in_the_playbook_itself_is_not_shown_with_the_mistake() {
    let made = self_signed(&["localhost"]);
    let indented: String = made.key.lines().map(|line| format!("    {line}\n")).collect();
    let world = World::new().tasks(&format!(
        "- registry_tls:\n    registry: localhost\n    certificate_file: new.pem\n    key_file: k\n    service: |\n  {}",
        indented.replace('\n', "\n  ")
    ));
    let ran = world.apply(&[]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("(a private key, not shown)"), "{}", ran.stderr);
    assert!(lines(&made.key).all(|line| !ran.stderr.contains(line)), "{}", ran.stderr);
}

#[test]
fn a_key_whose_line_ends_are_lost_is_refused_with_the_cause() {
    let made = self_signed(&["localhost"]);
    let task =
        "- registry_tls: {registry: localhost, certificate_file: new.pem, key_file: new.key, service: r}\n";
    for (key, why) in [
        (made.key.replace('\n', " "), "a PEM block stands on one line"),
        (made.key.replace('\n', "\r"), "end with a lone CR"),
        (
            made.key[..made.key.len() - 30].to_owned(),
            "the block `PRIVATE KEY` that begins here has no `-----END` line",
        ),
    ] {
        let world = World::new()
            .host_file("web1", "/etc/docker/registry/config.yml", CONFIG)
            .file("new.pem", &made.certificate)
            .file("new.key", key)
            .tasks(task);
        let ran = world.apply(&[]).code(3).any_stderr().run();
        let said = ran.stdout + &ran.stderr;
        assert!(said.contains(why), "{said}");
        assert!(lines(&made.key).all(|line| !said.contains(line)), "{said}");
    }
}

#[test]
fn a_key_that_is_given_in_the_place_of_its_file_is_not_repeated() {
    let made = self_signed(&["localhost"]);
    let (certificate, key) = (made.certificate, made.key);
    let world = World::new()
        .host_file("web1", "/etc/docker/registry/config.yml", CONFIG)
        .file("new.pem", &certificate)
        .file("vars.json", serde_json::json!({"key_file": key, "secret": key}).to_string())
        .tasks(
            "- name: as a file\n  registry_tls: {registry: localhost, certificate_file: new.pem, key_file: '{{ key_file }}', service: r}\n  \
             ignore_errors: true\n- name: as a name\n  registry_tls: {registry: localhost, certificate_file: new.pem, key_file: k, service: '{{ secret }}'}\n  \
             when: inventory_hostname is defined\n",
        );
    let given = ["-e", "@vars.json", "--events", "events.jsonl", "--junit", "report.xml"];
    for format in ["human", "jsonl"] {
        let ran = world.apply(&given).args(&["--format", format]).code(3).any_stderr().run();
        let files =
            ["events.jsonl", "report.xml"].map(|name| std::fs::read_to_string(world.path(name)).unwrap());
        let shown = ran.stdout + &ran.stderr + &files.concat();
        assert!(shown.contains("(a private key, not shown)"), "{shown}");
        assert!(lines(&key).all(|line| !shown.contains(line)), "{shown}");
    }
}
