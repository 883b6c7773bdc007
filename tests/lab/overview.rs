//! The first look: who trusts what, on real daemons, without changing anything.

use serde_json::Value;

use crate::lab::{Lab, Run};

const UNKNOWN: &str = "x509: certificate signed by unknown authority";
const TRUSTED: &str = "no basic auth credentials";

fn look(lab: &Lab, hosts: &str, registry: &str, more: &[&str]) -> Run {
    let args = ["trust", hosts, "--registry", registry, "-b", "-i", lab.get("INVENTORY"), "--ssh-config"];
    lab.dtrctl(&[&args[..], &[lab.get("SSH_CONFIG")], more].concat())
}

fn answers(lab: &Lab, hosts: &str, registry: &str, code: i32) -> Value {
    let run = look(lab, hosts, registry, &["--format", "json"]).ends(code);
    serde_json::from_str(&run.stdout).expect("one JSON document")
}

/// What one host answers.
fn answer(lab: &Lab, host: &str, registry: &str, code: i32) -> Value {
    answers(lab, host, registry, code)["hosts"][host].clone()
}

/// Puts a file of this machine onto a host.
fn put(lab: &Lab, host: &str, from: &str, to: &str) {
    let content = std::fs::read_to_string(from).unwrap_or_else(|error| panic!("{from}: {error}"));
    let folder = to.rsplit_once('/').expect("a path").0;
    let said = lab.on(host, &format!("mkdir -p '{folder}' && printf '%s' '{content}' > '{to}'"));
    assert!(said.is_empty(), "{said}");
}

fn pull(lab: &Lab, host: &str, registry: &str) -> String {
    lab.on(host, &format!("docker pull {registry}/x:none"))
}

fn install_into_the_system(lab: &Lab, host: &str) {
    put(lab, host, lab.get("ROOT_CA"), "/usr/local/share/ca-certificates/lab.crt");
    lab.on(host, "update-ca-certificates");
}

#[test]
fn three_hosts_in_three_states_are_told_apart_and_nothing_is_written() {
    let Some(lab) = Lab::up("three_hosts_in_three_states", &["web", "deb26", "deb28"]) else { return };
    let registry = lab.get("REGISTRY");
    let (web, hosts) = (lab.host(0), lab.hosts());
    let three = hosts.join(":");
    let folder = format!("/etc/docker/certs.d/{registry}");
    put(&lab, web, lab.get("ROOT_CA"), &format!("{folder}/lab.crt"));
    put(&lab, "deb26", &format!("{}/registry.pem", lab.get("PKI")), &format!("{folder}/lab.crt"));
    let before: Vec<_> = hosts.iter().map(|host| lab.snapshot(host)).collect();
    let document = answers(&lab, &three, registry, 2);
    let status = |host: &str| document["hosts"][host]["status"].clone();
    assert_eq!([status(web), status("deb26"), status("deb28")], ["trusted", "trusted", "untrusted"]);
    assert_eq!(document["hosts"][web]["renewal"]["breaks"], "no");
    assert_eq!(document["hosts"][web]["daemon"]["status"], "trusted", "the daemon itself was asked");
    assert_eq!(document["hosts"]["deb26"]["renewal"]["reason"], "leaf");
    assert_eq!(document["hosts"]["deb28"]["daemon"]["status"], "not_asked");
    look(&lab, &three, registry, &[]).ends(2).says("2 trusted, 1 not trusted").says("renewal breaks it");
    look(&lab, web, registry, &[]).good().says("renewal keeps it");
    look(&lab, web, registry, &["--expires-within", "100000"]).ends(2).says("trusted, ending soon");
    assert_eq!(hosts.iter().map(|host| lab.snapshot(host)).collect::<Vec<_>>(), before, "it reads only");
    assert!(pull(&lab, web, registry).contains(TRUSTED) && pull(&lab, "deb26", registry).contains(TRUSTED));
    assert!(pull(&lab, "deb28", registry).contains(UNKNOWN));
    // Without root most of it cannot be seen, and that is said.
    let args = [
        "trust",
        web,
        "--registry",
        registry,
        "-i",
        lab.get("INVENTORY"),
        "--ssh-config",
        lab.get("SSH_CONFIG"),
    ];
    lab.dtrctl(&args).ends(3).says("become root (`-b`");
}

#[test]
fn the_daemons_store_of_roots_is_not_primed() {
    let Some(lab) = Lab::up("the_daemons_store_of_roots_is_not_primed", &["web"]) else { return };
    let web = lab.host(0);
    let registry = lab.get("REGISTRY");
    // What would happen: any request of the daemon's own makes it read the system's store, once in its life.
    assert!(pull(&lab, web, registry).contains(UNKNOWN));
    install_into_the_system(&lab, web);
    assert!(pull(&lab, web, registry).contains(UNKNOWN), "a restart is needed from now on");
    assert_eq!(answer(&lab, web, registry, 2)["status"], "unknown", "and nothing on the host tells");

    lab.reset(web);
    assert_eq!(answer(&lab, web, registry, 2)["status"], "untrusted");
    install_into_the_system(&lab, web);
    let pending = answer(&lab, web, registry, 2);
    assert_eq!((&pending["status"], &pending["daemon"]["status"]), (&"unknown".into(), &"not_asked".into()));
    assert!(pending["restart"].is_string() && pending["trusted_by"][0]["store"] == "system", "{pending}");
    look(&lab, web, registry, &[]).ends(2).says("unknown 1").says("restart the daemon");
    assert!(pull(&lab, web, registry).contains(TRUSTED), "the daemon has read it without a restart");
    // Times of files are told in seconds.
    lab.on(web, "sleep 1; systemctl reset-failed docker docker.socket; systemctl restart docker");
    let trusted = answer(&lab, web, registry, 0);
    assert_eq!((&trusted["status"], &trusted["daemon"]["status"]), (&"trusted".into(), &"trusted".into()));
    let file = "/usr/local/share/ca-certificates/lab.crt";
    assert_eq!(trusted["trusted_by"][0]["files"][0], file);
}

#[test]
fn insecure_expired_and_absent_registries_are_told_apart() {
    let Some(lab) = Lab::up("insecure_expired_and_absent_registries", &["deb26"]) else { return };
    let registry = lab.get("REGISTRY");
    for entry in [registry, "198.18.0.0/24"] {
        let text = format!("{{\"insecure-registries\": [\"{entry}\"]}}");
        lab.on(
            "deb26",
            &format!("printf '%s' '{text}' > /etc/docker/daemon.json; systemctl reload docker; sleep 1"),
        );
        let seen = answer(&lab, "deb26", registry, 2);
        assert_eq!((&seen["status"], &seen["insecure"]), (&"insecure".into(), &entry.into()), "{seen}");
    }
    lab.reset("deb26");
    let expired = lab.get("EXPIRED");
    put(
        &lab,
        "deb26",
        &format!("{}/expired.pem", lab.get("PKI")),
        &format!("/etc/docker/certs.d/{expired}/e.crt"),
    );
    let seen = answer(&lab, "deb26", expired, 2);
    assert_eq!(seen["status"], "untrusted");
    assert!(seen["reason"].as_str().is_some_and(|text| text.contains("has expired")), "{seen}");
    look(&lab, "deb26", "nosuch.lab:5000", &[])
        .ends(2)
        .says("the certificate that it serves is not known here")
        .says("this host does not resolve `nosuch.lab`");
    let plain = answer(&lab, "deb26", lab.get("PLAIN"), 2);
    assert_eq!(plain["status"], "unknown");
    assert!(plain["next"].as_str().is_some_and(|text| text.contains("insecure-registry.yml")), "{plain}");
}

#[test]
fn the_containerd_image_store_is_asked_by_a_pull() {
    let Some(lab) = Lab::up("the_containerd_image_store_is_asked_by_a_pull", &["deb28"]) else { return };
    let registry = lab.get("REGISTRY");
    let folder = format!("/etc/docker/certs.d/{registry}");
    put(&lab, "deb28", lab.get("ROOT_CA"), &format!("{folder}/lab.crt"));
    lab.on("deb28", &format!("echo garbage > {folder}/bad.crt"));
    let seen = answer(&lab, "deb28", registry, 0);
    assert_eq!((&seen["status"], &seen["image_store"]), (&"trusted".into(), &"graphdriver".into()));
    lab.on("deb28", "echo '{\"features\":{\"containerd-snapshotter\":true}}' > /etc/docker/daemon.json; systemctl reset-failed docker docker.socket; systemctl restart docker");
    let seen = answer(&lab, "deb28", registry, 2);
    assert_eq!((&seen["status"], &seen["image_store"]), (&"untrusted".into(), &"containerd".into()));
    assert!(pull(&lab, "deb28", registry).contains("unable to load CA cert"), "as it is");
    // The daemon's question alone would not have seen it.
    let playbook = lab.file("check.yml", &format!("- hosts: deb28\n  become: true\n  tasks:\n    - registry_check: {{registry: '{registry}', from: daemon}}\n"));
    let playbook = playbook.display().to_string();
    lab.apply(&playbook, &[]).ends(3).says("a pull by the containerd image store does not").says("bad.crt");
    lab.on("deb28", &format!("rm {folder}/bad.crt"));
    let seen = answer(&lab, "deb28", registry, 0);
    assert_eq!((&seen["status"], &seen["daemon"]["status"]), (&"trusted".into(), &"trusted".into()));
    lab.apply(&playbook, &[]).good();
    // containerd looks into this one first; login does not.
    lab.on("deb28", &format!("mkdir '{}_'", folder.replace(":5000", "_5000")));
    assert_eq!(answer(&lab, "deb28", registry, 2)["status"], "untrusted");
    assert!(pull(&lab, "deb28", registry).contains("x509: "), "as it is");
}

#[test]
fn a_certificate_that_is_not_served_yet_is_asked_about() {
    let Some(lab) = Lab::up("a_certificate_that_is_not_served_yet", &["web"]) else { return };
    let web = lab.host(0);
    let (pki, registry) = (lab.get("PKI"), lab.get("REG"));
    let next = format!("{pki}/reg1-next.chain.pem");
    let ask = |more: &[&str]| {
        let args =
            ["cert", "check", &next, "--for", registry, "-b", "-i", lab.get("INVENTORY"), "--ssh-config"];
        lab.dtrctl(&[&args[..], &[lab.get("SSH_CONFIG")], more].concat())
    };
    lab.dtrctl(&["cert", "check", &next, "--for", registry]).good().says("hosts have to trust");
    ask(&[web]).ends(2).says("not accepted 1").says(UNKNOWN);
    put(&lab, web, &format!("{pki}/next.pem"), &format!("/etc/docker/certs.d/{registry}/next.crt"));
    ask(&["-l", web]).good().says("accepted 1").says("it can be asked only about what the registry serves");
    lab.dtrctl(&["cert", "check", &next, "--for", "other.lab"]).ends(2).says("not other.lab");
}

#[test]
fn a_name_that_the_host_does_not_know_stops_insecure_mode_before_anything_is_written() {
    let Some(lab) = Lab::up("a_name_that_the_host_does_not_know", &["deb26"]) else { return };
    let before = lab.snapshot("deb26");
    let args = ["-e", "registry=nosuch.lab:5000", "-e", "target=deb26"];
    for check in [&["--check"][..], &[]] {
        lab.apply(&Lab::playbook("insecure-registry.yml"), &[&args[..], check].concat())
            .ends(3)
            .says("the host's resolver: it does not know `nosuch.lab`");
    }
    assert_eq!(lab.snapshot("deb26"), before);
}
