//! The main job: a host trusts the registry, and no longer does.

use crate::lab::{Lab, difference};

const TRUSTED: &str = "no basic auth credentials";
const UNKNOWN: &str = "x509: certificate signed by unknown authority";

#[test]
fn a_host_trusts_the_registry_and_nothing_else_changes() {
    let Some(lab) = Lab::up("a_host_trusts_the_registry_and_nothing_else_changes", &["web"]) else { return };
    let web = lab.host(0);
    let registry = lab.get("REGISTRY");
    Lab::lab(&["load", web]);
    lab.on(web, "docker run -d --name idle idle:1");
    let pid = lab.on(web, "docker inspect -f '{{.State.Pid}}' idle");
    let before = lab.snapshot(web);
    assert!(lab.on(web, &format!("docker pull {registry}/x")).contains(UNKNOWN));

    let ca = format!("registry_ca={}", lab.get("ROOT_CA"));
    let named = format!("registry={registry}");
    let run = lab.law(web, &Lab::playbook("trust-registry.yml"), &["-e", &named, "-e", &ca]);
    assert!(run.stdout.contains("no reload, no restart, and no container stops"), "the plan says why");

    assert!(lab.on(web, &format!("docker pull {registry}/x")).contains(TRUSTED));
    assert_eq!(lab.on(web, "docker inspect -f '{{.State.Pid}}' idle"), pid, "no container was stopped");
    let changed = difference(&before, &lab.snapshot(web));
    assert!(!changed.is_empty());
    for line in &changed {
        assert!(line.contains("/etc/docker/certs.d"), "only certs.d changes: {line}");
    }

    let back = lab.law(web, &Lab::playbook("untrust-registry.yml"), &["-e", &named]);
    assert_eq!(back.recap(web)["owed"], serde_json::json!([]), "nothing is owed for Docker's store");
    assert_eq!(difference(&before, &lab.snapshot(web)), Vec::<String>::new(), "all is as it was");
    assert!(lab.on(web, &format!("docker pull {registry}/x")).contains(UNKNOWN));
}

#[test]
fn the_systems_store_is_taken_back_with_a_restart_that_has_to_be_permitted() {
    let Some(lab) = Lab::up("the_systems_store_is_taken_back_with_a_restart", &["web"]) else { return };
    let web = lab.host(0);
    let registry = lab.get("REGISTRY");
    let named = format!("registry={registry}");
    let pin = format!("registry_pin=sha256:{}", lab.get("ROOT_SHA256"));
    let ca = format!("registry_ca={}", lab.get("ROOT_CA"));
    Lab::lab(&["load", web]);
    lab.on(web, "docker run -d --name keep idle:1; docker run -d --restart always --name always idle:1");
    let curl = format!("curl -sS https://{registry}/v2/");
    assert!(lab.on(web, &curl).contains("(60)"));
    let args = ["-e", &named, "-e", &ca, "-e", &pin, "-e", "stores=docker,system"];
    let run = lab.law(web, &Lab::playbook("trust-registry.yml"), &args);
    assert!(run.stdout.contains("trusted for every site"), "the plan says what a CA there means");
    assert!(lab.on(web, &curl).contains("UNAUTHORIZED"));

    let untrust = Lab::playbook("untrust-registry.yml");
    let daemon = lab.on(web, "cat /var/run/docker.pid");
    lab.apply(&untrust, &["-e", &named, "-l", web])
        .good()
        .says("permit it with `restart: auto` (`-e restart=true`)");
    lab.apply(&untrust, &["-e", &named, "-l", web, "-e", "restart=true"])
        .good()
        .says("it would stop 2 containers: always (starts again by policy), keep (stays down)");
    assert_eq!(lab.on(web, "cat /var/run/docker.pid"), daemon, "nothing was restarted unasked");
    lab.apply(&untrust, &["-e", &named, "-l", web, "-e", "restart=true", "-e", "containers=stop"])
        .good()
        .says("stops and starts again: always; stops and stays down: keep")
        .says("exit status 0: the changes were made");
    assert_ne!(lab.on(web, "cat /var/run/docker.pid"), daemon);
    lab.apply(&untrust, &["-e", &named, "-l", web]).good().says("nothing is owed to the daemon");
    assert!(lab.on(web, &curl).contains("(60)"));
    assert!(lab.on(web, &format!("docker pull {registry}/x")).contains(UNKNOWN));
    assert!(lab.on(web, "docker ps --format '{{.Names}}'").contains("always"));
}

#[test]
fn both_hosts_side_by_side_and_a_first_use_that_is_remembered() {
    let Some(lab) = Lab::up("both_hosts_side_by_side_and_a_first_use_that_is_remembered", &["web"]) else {
        return;
    };
    let web = lab.host(0);
    let playbook = std::fs::read_to_string(Lab::playbook("trust-registry.yml")).expect("the playbook");
    let path = lab.file("trust.yml", &playbook).display().to_string();
    let named = format!("registry={}", lab.get("SELFSIGNED"));
    let args = ["-e", &named, "-e", "trust_on_first_use=true", "-l", web];
    lab.apply(&path, &[&args[..], &["-e", "stores=system"]].concat()).ends(3);
    lab.apply(&path, &args).good();
    let lock = std::fs::read_to_string(std::path::Path::new(&path).with_file_name("dtrctl.lock"))
        .expect("a lock file");
    assert!(lock.contains(&format!("{} sha256:", lab.get("SELFSIGNED"))));
    assert!(lab.on(web, &format!("docker pull {}/x", lab.get("SELFSIGNED"))).contains("not found"));
    // Another certificate than the remembered one is refused.
    let other: String = lock
        .lines()
        .map(|line| match line.split_once(" sha256:") {
            Some((name, rest)) => format!("{name} sha256:{}{}\n", "0".repeat(64), &rest[64..]),
            None => format!("{line}\n"),
        })
        .collect();
    lab.file("dtrctl.lock", &other);
    lab.apply(&path, &args).ends(3).says("dtrctl.lock");
}
