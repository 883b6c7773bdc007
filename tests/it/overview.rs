//! `trust` and `cert check` on hosts that are folders, with a registry's stand-in on loopback.

use std::path::Path;

use dtrctl::net::stand_in::StandIn;
use rcgen::KeyPair;
use serde_json::Value as Json;

use crate::harness::{Ran, World};
use crate::pki::Pki;

struct Registry {
    name: String,
    root: String,
    _stand_in: StandIn,
    _runtime: tokio::runtime::Runtime,
}

fn registry() -> Registry {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stand_in = runtime.block_on(StandIn::start()).unwrap();
    let name = format!("localhost:{}", stand_in.address.port());
    Registry { name, root: stand_in.root.clone(), _stand_in: stand_in, _runtime: runtime }
}

/// Three hosts that trust the registry, in two groups, and one that does not.
fn fleet(registry: &Registry) -> World {
    let mut world = World::with(&["web1", "web2", "build1", "db1"]);
    for host in ["web1", "web2", "build1"] {
        let path = format!("/etc/docker/certs.d/{}/corp.crt", registry.name);
        world = world.host_file(host, &path, &registry.root);
    }
    let hosts = std::fs::read_to_string(world.path("hosts.yml")).unwrap();
    world.file("hosts.yml", format!("{hosts}web:\n  hosts: {{web1: , web2: }}\n"))
}

fn trust(world: &World, registry: &str, pattern: &str, more: &[&str], code: i32) -> Ran {
    let args = ["trust", pattern, "--registry", registry, "-i", "hosts.yml"];
    world.dtrctl(&args).args(more).code(code).run()
}

fn json(ran: &Ran) -> Json {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{}: {error}", ran.stdout))
}

#[test]
fn hosts_are_folded_by_what_they_trust_and_nothing_is_written() {
    let registry = registry();
    let world = fleet(&registry);
    let before = world.trees();
    let ran = trust(&world, &registry.name, "docker", &[], 2);
    for wanted in [
        "trusted  3",
        "docker,web: web[1:2]",
        "docker: build1",
        "not trusted  1",
        "docker: db1",
        "signed by unknown authority",
        "next: install its anchor with playbooks/trust-registry.yml",
        "exit status 2: 3 trusted, 1 not trusted",
    ] {
        assert!(ran.stdout.contains(wanted), "no `{wanted}` in\n{}", ran.stdout);
    }
    let file = format!("in Docker's store: /etc/docker/certs.d/{}/corp.crt", registry.name);
    assert!(ran.stdout.contains(&file), "{}", ran.stdout);
    trust(&world, &registry.name, "web", &[], 0);
    trust(&world, &registry.name, "docker", &["-l", "web1,build1"], 0);
    assert_eq!(before, world.trees(), "it reads only");
}

#[test]
fn one_json_document_says_the_same() {
    let registry = registry();
    let world = fleet(&registry);
    let document = json(&trust(&world, &registry.name, "docker", &["--format", "json"], 2));
    assert_eq!((&document["version"], &document["exit"]), (&Json::from(1), &Json::from(2)));
    assert_eq!(document["totals"]["trusted"], 3);
    let web1 = &document["hosts"]["web1"];
    assert_eq!((&web1["status"], &web1["renewal"]["breaks"]), (&Json::from("trusted"), &Json::from("no")));
    assert!(web1["trusted_by"][0]["sha256"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(document["hosts"]["db1"]["status"], "untrusted");
    assert_eq!(document["folds"][0]["folded"], "web[1:2],build1");
    assert!(document["leaf"]["days"].as_i64().unwrap() > 0);
    // What ends later than it is asked about ends soon.
    let soon = ["--format", "json", "--expires-within", "1000000"];
    let document = json(&trust(&world, &registry.name, "web", &soon, 2));
    assert_eq!(
        (&document["totals"]["expiring"], &document["totals"]["trusted"]),
        (&Json::from(2), &Json::from(0))
    );
}

#[test]
fn the_systems_store_is_read_as_go_reads_it() {
    let registry = registry();
    let dropped = "/usr/local/share/ca-certificates/corp.crt";
    let world = World::with(&["web1", "web2", "web3"])
        .host_file("web1", "/etc/ssl/certs/hand.pem", &registry.root)
        .host_file("web2", "/etc/ssl/certs/ca-certificates.crt", &registry.root)
        .host_file("web2", dropped, &registry.root)
        .host_file("web3", dropped, &registry.root);
    let document = json(&trust(&world, &registry.name, "docker", &["--format", "json"], 2));
    let files = |host: &str| document["hosts"][host]["trusted_by"][0]["files"].clone();
    assert_eq!(files("web1"), serde_json::json!(["/etc/ssl/certs/hand.pem"]));
    assert_eq!(files("web2"), serde_json::json!([dropped, "/etc/ssl/certs/ca-certificates.crt"]));
    assert_eq!(document["hosts"]["web2"]["trusted_by"][0]["store"], "system");
    assert_eq!(document["hosts"]["web3"]["status"], "untrusted", "its tool has not run: the bundle lacks it");
}

#[test]
fn a_registry_that_is_down_leaves_an_overview_of_what_hosts_hold() {
    let registry = registry();
    let world = fleet(&registry);
    let down = format!("localhost:{}", crate::sshd::free_port());
    let folder = format!("/etc/docker/certs.d/{down}/corp.crt");
    let world = world.host_file("web1", &folder, &registry.root);
    let ran = trust(&world, &down, "web", &[], 2);
    assert!(ran.stdout.contains("the certificate that it serves is not known here"), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("in Docker's store: {folder}")), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("unknown  1") && ran.stdout.contains("nothing is installed for it"),
        "{}",
        ran.stdout
    );
}

#[test]
fn failed_and_unreachable_hosts_have_codes_of_their_own() {
    let registry = registry();
    let world = fleet(&registry);
    let hosts = std::fs::read_to_string(world.path("hosts.yml")).unwrap();
    let port = crate::sshd::free_port();
    let world = world.file(
        "hosts.yml",
        format!("{hosts}away:\n  hosts:\n    away1: {{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: {port}}}\n    odd1: {{ansible_connection: winrm}}\n"),
    );
    let ran = trust(&world, &registry.name, "web:away1", &["--format", "json", "-T", "3"], 4);
    assert_eq!(json(&ran)["hosts"]["away1"]["status"], "unreachable");
    let ran = trust(&world, &registry.name, "web:away1:odd1", &["-T", "3"], 3);
    assert!(ran.stdout.contains("2 trusted, 1 unreachable, 1 failed"), "{}", ran.stdout);
    let ran = world.dtrctl(&["trust", "nobody", "--registry", "r", "-i", "hosts.yml"]).any_stderr();
    assert!(ran.code(1).run().stderr.contains("nobody"));
    let ran = world.dtrctl(&["trust", "web", "--registry", "https://r/", "-i", "hosts.yml"]).any_stderr();
    assert!(ran.code(1).run().stderr.contains("has a scheme"));
}

/// A root and a server's certificate under it, as PEM; the latter also in a file.
fn pair(world: &World, name: &str, names: &[&str]) -> (String, String) {
    let root = Pki::new("New Root");
    let leaf = root.pair(names).certificate;
    std::fs::write(world.path(name), &leaf).unwrap();
    (root.root, leaf)
}

fn check(world: &World, args: &[&str], code: i32) -> Ran {
    world.dtrctl(&["cert", "check"]).args(args).any_stderr().code(code).run()
}

#[test]
fn a_certificate_that_is_not_served_yet_is_judged_by_itself() {
    let world = World::new();
    let (root, leaf) = pair(&world, "new.pem", &["dtr.corp"]);
    let ran = check(&world, &["new.pem", "--for", "dtr.corp"], 0);
    assert!(ran.stdout.contains("hosts have to trust `CN=New Root`"), "{}", ran.stdout);
    let ran = check(&world, &["new.pem", "--for", "other.corp", "--format", "json"], 2);
    let document = json(&ran);
    assert!(document["faults"][0]["message"].as_str().unwrap().contains("not other.corp"), "{document}");
    std::fs::write(world.path("wrong.pem"), format!("{root}{leaf}")).unwrap();
    let ran = check(&world, &["wrong.pem", "--for", "dtr.corp"], 2);
    assert!(ran.stdout.contains("the order is wrong"), "{}", ran.stdout);
    let ran = check(&world, &["new.pem", "--for", "dtr.corp", "--expires-within", "1000000"], 2);
    assert!(ran.stdout.contains("it ends soon"), "{}", ran.stdout);
    assert!(check(&world, &["none.pem", "--for", "dtr.corp"], 1).stderr.contains("none.pem"));
    std::fs::write(world.path("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(check(&world, &["key.pem", "--for", "dtr.corp"], 1).stderr.contains("PRIVATE KEY"));
}

#[test]
fn hosts_are_asked_whether_they_would_accept_it() {
    let world = World::with(&["web1", "web2"]);
    let (root, leaf) = pair(&world, "new.pem", &["dtr.corp"]);
    let world = world.host_file("web1", "/etc/docker/certs.d/dtr.corp/new.crt", &root);
    let before = world.trees();
    let inventory = ["new.pem", "--for", "dtr.corp", "-i", "hosts.yml"];
    let ran = check(&world, &[&inventory[..], &["docker"]].concat(), 2);
    for wanted in
        ["would new.pem be accepted for dtr.corp?", "accepted  1", "docker: web1", "not accepted  1"]
    {
        assert!(ran.stdout.contains(wanted), "no `{wanted}` in\n{}", ran.stdout);
    }
    check(&world, &[&inventory[..], &["-l", "web1"]].concat(), 0);
    let document = json(&check(&world, &[&inventory[..], &["-l", "web1", "--format", "json"]].concat(), 0));
    assert_eq!(
        (&document["certificate"], &document["hosts"]["web1"]["judged"]),
        (&Json::from("new.pem"), &Json::from("given"))
    );
    // What no host would accept is said before any is asked.
    std::fs::write(world.path("new.pem"), format!("{root}{leaf}")).unwrap();
    let ran = check(&world, &[&inventory[..], &["docker"]].concat(), 2);
    assert!(ran.stdout.contains("no host was asked: each would refuse it"), "{}", ran.stdout);
    assert_eq!(before, world.trees());
    assert!(Path::new(&world.path("new.pem")).exists());
}

#[test]
fn a_gate_of_a_playbook_fails_where_a_host_would_not_accept_it() {
    let world = World::with(&["web1", "web2"]);
    let (root, _) = pair(&world, "new.pem", &["dtr.corp"]);
    let world = world.host_file("web1", "/etc/docker/certs.d/dtr.corp/new.crt", &root).tasks(
        "- registry_trust: {registry: dtr.corp, certificate: new.pem, expect: accepted}\n  register: seen\n- debug: {var: seen.status}\n",
    );
    let ran = world.events(&[]).code(3).any_stderr().run();
    assert_eq!(ran.recap("web1")["state"], "ok");
    let reason = &ran.recap("web2")["reason"];
    assert!(
        reason["message"].as_str().unwrap().contains("does not accept the given certificate"),
        "{reason}"
    );
}

#[test]
fn what_stands_in_a_name_is_no_template() {
    let world = World::new();
    let args = ["trust", "docker", "--registry", "{{ 7 * 7 }}", "-i", "hosts.yml"];
    assert!(world.dtrctl(&args).any_stderr().code(1).run().stderr.contains("registry"));
}
