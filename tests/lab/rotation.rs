//! A registry changes its certificate while hosts pull from it.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::lab::{Lab, difference};

/// What pulls of a host say, again and again until they are told to end.
fn pulls(host: &str, image: &str, end: &Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<String>> {
    let (host, image, end) = (host.to_owned(), image.to_owned(), Arc::clone(end));
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // Bounded, whatever becomes of the test.
        for _ in 0..2_000 {
            if end.load(Ordering::Relaxed) {
                break;
            }
            let command = format!("docker rmi -f {image} >/dev/null 2>&1; docker pull -q {image}");
            let output = Lab::lab(&["exec", &host, "sh", "-c", &command]);
            said.push(
                String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr),
            );
        }
        said
    })
}

#[test]
fn a_registry_changes_its_certificate_under_a_loop_of_pulls() {
    let wanted = ["web", "deb26", "deb28", "reg1"];
    let Some(lab) = Lab::up("a_registry_changes_its_certificate_under_a_loop_of_pulls", &wanted) else {
        return;
    };
    let hosts = &lab.hosts()[..3];
    let registry = lab.get("REG");
    let pki = |name: &str| format!("{}/{name}", lab.get("PKI"));
    let named = format!("registry={registry}");
    let target = format!("target={}", hosts.join(","));
    let common = ["-e", &named, "-e", &target];
    let old_root = format!("registry_ca={}", pki("root.pem"));
    lab.apply(&Lab::playbook("trust-registry.yml"), &[&common[..], &["-e", &old_root]].concat()).good();
    let trusted: Vec<Vec<String>> = hosts.iter().map(|host| lab.snapshot(host)).collect();

    let playbook = Lab::playbook("rotate-registry.yml");
    let (root, certificate, key) = (
        format!("registry_ca={}", pki("next.pem")),
        format!("certificate_file={}", pki("reg1-next.chain.pem")),
        format!("key_file={}", pki("reg1-next.key")),
    );
    let new = [&common[..], &["-e", &root, "-e", &certificate, "-e", &key]].concat();
    let run = |tag: &str, more: &[&str]| lab.apply(&playbook, &[&new[..], &["-t", tag], more].concat());
    // Before it is announced nobody accepts it, so the registry does not switch.
    run("switch", &[]).ends(3).says("any_errors_fatal");
    assert!(
        lab.on("reg1", "cat /etc/docker/registry/server.crt")
            == fs::read_to_string(pki("reg1.chain.pem")).expect("the old chain")
    );

    let end = Arc::new(AtomicBool::new(false));
    let image = format!("{registry}/idle:1");
    let loops: Vec<_> = hosts.iter().map(|host| pulls(host, &image, &end)).collect();
    run("announce", &[]).good();
    run("announce", &["--check", "--detailed-exitcode"]).good();
    let retired_too_early = run("retire", &[]);
    let switched = run("switch", &[]);
    let retired = run("retire", &[]);
    end.store(true, Ordering::Relaxed);
    let said: Vec<String> = loops.into_iter().flat_map(|pulls| pulls.join().expect("pulls")).collect();

    // The canary cannot prove it, and the others are not tried.
    retired_too_early.ends(5).says("unknown authority").says("the canary has not ended well");
    switched.good().says("was down");
    retired.good();
    let untrusted: Vec<&String> = said.iter().filter(|line| line.contains("x509")).collect();
    assert_eq!(untrusted, Vec::<&String>::new(), "no pull fails for want of trust");
    let failed: Vec<&String> = said.iter().filter(|line| !line.starts_with(registry)).collect();
    for line in &failed {
        assert!(
            ["connection refused", "connection reset", "EOF"].iter().any(|felt| line.contains(felt)),
            "only the restart itself is felt: {line}"
        );
    }
    println!("{} pulls, {} while the registry restarted", said.len(), failed.len());
    assert!(said.len() > hosts.len() * 3, "pulls went on: {}", said.len());

    // The old anchor is gone, and the way back is the same playbook.
    for (host, before) in hosts.iter().zip(&trusted) {
        let changed = difference(before, &lab.snapshot(host));
        assert_eq!(
            changed.iter().filter(|line| line.contains("/certs.d/")).count(),
            2,
            "{host}: {changed:?}"
        );
    }
    let (certificate, key) =
        (format!("certificate_file={}", pki("reg1.chain.pem")), format!("key_file={}", pki("reg1.key")));
    let old = [&common[..], &["-e", &old_root, "-e", &certificate, "-e", &key]].concat();
    lab.apply(&playbook, &old).good();
    for (host, before) in hosts.iter().zip(&trusted) {
        let changed = difference(before, &lab.snapshot(host));
        assert!(!changed.iter().any(|line| line.contains("/certs.d/")), "{host}: {changed:?}");
    }
}

#[test]
fn a_host_that_would_lose_the_registry_is_left_behind_only_by_name() {
    let wanted = ["web", "web", "reg1"];
    let Some(lab) = Lab::up("a_host_that_would_lose_the_registry_is_left_behind_only_by_name", &wanted)
    else {
        return;
    };
    let (first, second) = (lab.host(0), lab.host(1));
    let missing = format!("missing={second}");
    let registry = lab.get("REG");
    let pki = |name: &str| format!("{}/{name}", lab.get("PKI"));
    let given = [
        format!("registry={registry}"),
        format!("registry_ca={}", pki("next.pem")),
        format!("certificate_file={}", pki("reg1-next.chain.pem")),
        format!("key_file={}", pki("reg1-next.key")),
    ];
    let args: Vec<&str> = given.iter().flat_map(|text| ["-e", text.as_str()]).collect();
    let playbook = Lab::playbook("rotate-registry.yml");
    let run = |more: &[&str]| lab.apply(&playbook, &[&args[..], more].concat());
    run(&["-t", "announce", "-l", first]).good();
    run(&["-t", "switch"]).ends(3).says(second).says("any_errors_fatal");
    run(&["-t", "switch", "-e", "missing=web999"]).ends(1).says("web999");
    run(&["-t", "switch", "-e", &missing]).good();
    run(&["-t", "switch", "-e", &missing]).good();
}

#[test]
fn the_whole_story_with_certificates_of_our_own() {
    let Some(lab) = Lab::up("the_whole_story_with_certificates_of_our_own", &["deb26", "reg1"]) else {
        return;
    };
    let registry = lab.get("REG");
    let folder = |name: &str| lab.home.path().join(name).display().to_string();
    let run = |playbook: &str, given: &[String]| {
        let named = [format!("registry={registry}"), "target=deb26".to_owned()];
        let args: Vec<&str> = named.iter().chain(given).flat_map(|text| ["-e", text.as_str()]).collect();
        let of_registry: &[&str] =
            if playbook == "registry-certificate.yml" { &["-e", "target=reg1"] } else { &[] };
        lab.apply(&Lab::playbook(playbook), &[&args[..], of_registry].concat())
    };
    let tagged = |tag: &str, pki: &str, more: &[&str]| {
        let given = [
            format!("registry={registry}"),
            "target=deb26".to_owned(),
            format!("registry_ca={pki}/ca.pem"),
            format!("certificate_file={pki}/reg1.lab.pem"),
            format!("key_file={pki}/reg1.lab.key"),
        ];
        let args: Vec<&str> = given.iter().flat_map(|text| ["-e", text.as_str()]).collect();
        lab.apply(
            &Lab::playbook("rotate-registry.yml"),
            &[&args[..], &["-t", tag, "--format", "jsonl"], more].concat(),
        )
    };
    let pull = || {
        let image = format!("{registry}/idle:1");
        lab.on("deb26", &format!("docker rmi -f {image} >/dev/null 2>&1; docker pull -q {image}"))
    };
    let anchors = || lab.on("deb26", &format!("ls /etc/docker/certs.d/{registry} 2>/dev/null"));
    let first = folder("first");

    // A CA and a certificate, to the registry, and to a host.
    let before = lab.snapshot("deb26");
    run("make-certificates.yml", &[format!("folder={first}")]).good();
    run(
        "registry-certificate.yml",
        &[
            format!("certificate_file={first}/reg1.lab.pem"),
            format!("key_file={first}/reg1.lab.key"),
            format!("registry_ca={first}/ca.pem"),
        ],
    )
    .good();
    assert!(pull().contains("unknown authority"));
    run("trust-registry.yml", &[format!("registry_ca={first}/ca.pem")]).good();
    assert!(pull().starts_with(registry));

    // A renewal by the same CA: the hosts notice nothing.
    let held = anchors();
    let file = |name: &str| format!("{first}/{name}");
    let (ca, pem) = (file("ca.pem"), file("reg1.lab.pem"));
    let renew = ["cert", "generate", "--for", registry, "--san", "mirror.reg1.lab", "--ca", &ca, "-o", &pem];
    lab.dtrctl(&renew).good().says("made");
    assert_eq!(tagged("announce", &first, &[]).good().recap("deb26")["changed"], 0);
    let switched = tagged("switch", &first, &[]).good();
    assert_eq!(
        (&switched.recap("reg1")["changed"], &switched.recap("deb26")["changed"]),
        (&1.into(), &0.into())
    );
    assert_eq!(tagged("retire", &first, &[]).good().recap("deb26")["changed"], 0);
    assert!(pull().starts_with(registry));
    assert_eq!(anchors(), held);

    // Another CA: its anchor beside the old one, the switch, and the old one goes.
    let second = folder("second");
    run("make-certificates.yml", &[format!("folder={second}")]).good();
    tagged("switch", &second, &[]).ends(3);
    // Check sees the registry as it will be after the switch, though another host's play plans that.
    let whole = tagged("announce,switch,retire", &second, &["--check"]).good();
    assert_eq!(whole.recap("reg1")["changed"], 1);
    assert_eq!(whole.recap("deb26")["failed"], 0);
    tagged("announce", &second, &[]).good();
    assert_eq!(anchors().lines().count(), 2);
    assert!(pull().starts_with(registry));
    tagged("switch", &second, &[]).good();
    assert!(pull().starts_with(registry));
    tagged("retire", &second, &[]).good();
    assert!(pull().starts_with(registry));
    assert!(anchors().lines().count() == 1 && anchors() != held);
    for tag in ["announce", "switch", "retire"] {
        assert_eq!(
            tagged(tag, &second, &[]).good().planned(),
            Vec::<serde_json::Value>::new(),
            "{tag} again"
        );
    }

    // And back.
    run("untrust-registry.yml", &[]).good();
    assert!(pull().contains("unknown authority"));
    let changed = difference(&before, &lab.snapshot("deb26"));
    assert!(!changed.iter().any(|line| line.contains("certs.d")), "{changed:?}");
    for pki in [first, second] {
        run("make-certificates.yml", &[format!("folder={pki}"), "state=absent".to_owned()]).good();
        assert_eq!(fs::read_dir(pki).expect("the folder stays").count(), 0);
    }
}
