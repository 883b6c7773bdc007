//! A registry's own certificate and key, on a real host: Debian's unit, a container, and a command.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::lab::{Lab, Run};

const HOST: &str = "reg1";
const FILES: &str = "cd /etc/docker/registry && stat -c '%n %a %U %G' server.crt server.key && sha256sum server.crt server.key";
const DROP_IN: &str = "/etc/systemd/system/docker-registry.service.d";

/// A lab with the registry's host as it was made.
fn fresh(test: &'static str) -> Option<Lab> {
    let lab = Lab::up(test, &[HOST])?;
    if !lab.has("REG") {
        eprintln!("skipped: {test}: this lab has no host that is a registry");
        return None;
    }
    Some(lab)
}

fn pki(lab: &Lab, name: &str) -> PathBuf {
    PathBuf::from(lab.get("PKI")).join(name)
}

/// `-e` and what gives the registry a pair of the lab's own PKI, and its root.
fn pair(lab: &Lab, registry: &str, name: &str, root: &str) -> Vec<String> {
    [
        format!("registry={registry}"),
        format!("certificate_file={}", pki(lab, &format!("{name}.chain.pem")).display()),
        format!("key_file={}", pki(lab, &format!("{name}.key")).display()),
        format!("registry_ca={}", pki(lab, root).display()),
    ]
    .into_iter()
    .flat_map(|value| ["-e".to_owned(), value])
    .collect()
}

fn next(lab: &Lab) -> Vec<String> {
    pair(lab, lab.get("REG"), "reg1-next", "next.pem")
}

fn old(lab: &Lab) -> Vec<String> {
    pair(lab, lab.get("REG"), "reg1", "root.pem")
}

fn refs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn apply(lab: &Lab, args: &[String], more: &[&str]) -> Run {
    lab.apply(&Lab::playbook("registry-certificate.yml"), &[&refs(args)[..], &["-l", HOST], more].concat())
}

/// Whether a client that trusts this root is content with the registry.
fn is_trusted(lab: &Lab, registry: &str, root: &str) -> bool {
    let url = format!("https://{registry}/v2/");
    let status = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "--max-time", "10", "--cacert"])
        .arg(pki(lab, root))
        .arg(url)
        .status()
        .expect("curl runs");
    status.success()
}

/// The process of the unit, which a restart replaces.
fn pid(lab: &Lab) -> String {
    lab.on(HOST, "systemctl show -p MainPID --value docker-registry")
}

/// Lines of a key that stand in nothing else.
fn secret_lines(lab: &Lab, name: &str) -> Vec<String> {
    let text = fs::read_to_string(pki(lab, name)).expect("a key");
    text.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned).collect()
}

fn result(run: &Run) -> Value {
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut finished =
        events.filter(|event| event["task"]["module"] == "registry_tls" && event["result"].is_object());
    finished.next().expect("a finished task")["result"].clone()
}

#[test]
fn a_new_pair_goes_live_and_comes_back() {
    let Some(lab) = fresh("a_new_pair_goes_live_and_comes_back") else { return };
    let registry = lab.get("REG");
    assert!(is_trusted(&lab, registry, "root.pem"));
    let before = lab.on(HOST, FILES);
    let applied = lab.law(HOST, &Lab::playbook("registry-certificate.yml"), &refs(&next(&lab)));
    assert!(is_trusted(&lab, registry, "next.pem") && !is_trusted(&lab, registry, "root.pem"));
    let applied = applied.says("the registry was down for").says("will refuse the new certificate");
    let told = result(&applied);
    let down = told["down_seconds"].as_f64().expect("how long it was down");
    eprintln!("the registry was down for {down} s");
    let attributes = |text: &str| text.lines().take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(attributes(&lab.on(HOST, FILES)), attributes(&before), "owner and mode stay");
    let saved = told["saved"].as_str().expect("where the old pair is").to_owned();
    assert_eq!(lab.on(HOST, &format!("stat -c %a {saved}; stat -c %a /var/lib/dtrctl")), "700\n700\n");
    // Its way back, by name: the key that was there never left the host.
    let name = saved.rsplit('/').next().expect("a name").to_owned();
    let back = vec![
        "-e".to_owned(),
        format!("registry={registry}"),
        "-e".to_owned(),
        format!("restore={name}"),
        "-e".to_owned(),
        format!("registry_ca={}", pki(&lab, "root.pem").display()),
    ];
    lab.law(HOST, &Lab::playbook("registry-certificate.yml"), &refs(&back));
    assert!(is_trusted(&lab, registry, "root.pem"));
    assert_eq!(lab.on(HOST, FILES), before);
    let left = lab.on(HOST, "find /etc /var/lib/dtrctl -name '.dtrctl*' -o -name 'unfinished*'");
    assert_eq!(left, "");
}

#[test]
fn the_key_is_seen_nowhere() {
    let Some(lab) = fresh("the_key_is_seen_nowhere") else { return };
    let events = lab.file("events.jsonl", "");
    let watch = "for i in $(seq 400); do cat /proc/[0-9]*/cmdline; sleep 0.01; done >/tmp/seen 2>/dev/null &";
    lab.on(HOST, &format!("({watch}) </dev/null >/dev/null 2>&1"));
    let run = apply(&lab, &next(&lab), &["--diff=full", "--events", &events.display().to_string()]).good();
    let seen = lab.on(HOST, "sleep 4; tr '\\0' ' ' </tmp/seen");
    assert!(seen.contains("sshd"), "the processes were watched");
    let logs = lab.on(HOST, "journalctl --no-pager -o cat");
    let all = [run.stdout, run.stderr, fs::read_to_string(&events).expect("events"), seen, logs].concat();
    for line in [secret_lines(&lab, "reg1.key"), secret_lines(&lab, "reg1-next.key")].concat() {
        assert!(!all.contains(&line), "a line of a key is seen");
    }
}

#[test]
fn what_no_registry_or_client_would_take_is_refused_untouched() {
    let Some(lab) = fresh("what_no_registry_or_client_would_take") else { return };
    let (before, process) = (lab.snapshot(HOST), pid(&lab));
    let read = |name: &str| fs::read_to_string(pki(&lab, name)).expect("a file of the PKI");
    let chain = read("reg1-next.chain.pem");
    let end = "-----END CERTIFICATE-----\n";
    let at = chain.find(end).expect("a certificate") + end.len();
    let turned = format!("{}{}", &chain[at..], &chain[..at]);
    let turned = lab.file("turned.pem", &turned).display().to_string();
    let mixed = lab.file("mixed.pem", &(chain.clone() + &read("reg1-next.key"))).display().to_string();
    let alone = lab.file("alone.pem", &chain[..at]).display().to_string();
    let locked = lab.file(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let (locked, wrong) = (locked.display().to_string(), pki(&lab, "reg1.key").display().to_string());
    let own = |name: &str| pki(&lab, name).display().to_string();
    let key = own("reg1-next.key");
    let cases: &[(&str, &str, &str)] = &[
        (&own("reg1-next.chain.pem"), &wrong, "private key does not match public key"),
        (&turned, &key, "is in the wrong order"),
        (&mixed, &key, "a private key stands among the certificates"),
        (&alone, &key, "unknown authority"),
        (&own("reg1-next.chain.pem"), &locked, "the private key is encrypted"),
        (&own("registry.chain.pem"), &own("registry.key"), "is no certificate for `reg1.lab:5000`"),
        (&own("expired.chain.pem"), &own("expired.key"), "ended on"),
        (&own("none.pem"), &key, "cannot be read here"),
    ];
    for (certificate, key, why) in cases {
        let args = [
            format!("registry={}", lab.get("REG")),
            format!("certificate_file={certificate}"),
            format!("key_file={key}"),
            format!("registry_ca={}", own("next.pem")),
        ];
        let args: Vec<String> = args.into_iter().flat_map(|value| ["-e".to_owned(), value]).collect();
        apply(&lab, &args, &[]).ends(3).says(why);
    }
    apply(&lab, &next(&lab), &["-e", "service=no-such-registry"])
        .ends(3)
        .says("has no service `no-such-registry`");
    assert_eq!((lab.snapshot(HOST), pid(&lab)), (before, process));
}

#[test]
fn a_registry_that_does_not_come_up_is_put_back() {
    let Some(lab) = fresh("a_registry_that_does_not_come_up_is_put_back") else { return };
    let before = lab.on(HOST, FILES);
    // It passes every check, and does not start with it for a reason of its own.
    let mark = fs::read_to_string(pki(&lab, "reg1-next.chain.pem")).expect("a chain");
    let mark = mark.lines().nth(2).expect("a line").to_owned();
    let guard = format!(
        "mkdir -p {DROP_IN} && printf '[Service]\\nExecStartPre=/bin/sh -c \"! grep -F {mark} /etc/docker/registry/server.crt || \
         {{ echo it is not for me >&2; exit 1; }}\"\\n' >{DROP_IN}/picky.conf && systemctl daemon-reload"
    );
    assert_eq!(lab.on(HOST, &guard), "");
    let run = apply(&lab, &next(&lab), &[]).ends(6);
    let run = run
        .says("the old pair is back and is served again; the registry was down for")
        .says("it is not for me");
    run.says("1 failed");
    assert_eq!(lab.on(HOST, FILES), before);
    assert!(is_trusted(&lab, lab.get("REG"), "root.pem"));
    assert_eq!(lab.on(HOST, "ls -A /var/lib/dtrctl 2>/dev/null"), "", "nothing is left over");
    // Once it starts with it, it is taken.
    lab.on(HOST, &format!("rm -r {DROP_IN}; systemctl daemon-reload"));
    apply(&lab, &next(&lab), &[]).good();
    assert!(is_trusted(&lab, lab.get("REG"), "next.pem"));
    // A registry that starts with neither is said to be down, with its files as they were.
    lab.on(HOST, "echo 'bogus: [' >>/etc/docker/registry/config.yml");
    let now = lab.on(HOST, FILES);
    apply(&lab, &old(&lab), &[]).ends(3).says("does not come up with it either");
    assert_eq!(lab.on(HOST, FILES), now);
}

#[test]
fn a_port_that_is_taken_is_a_failure_with_the_old_pair_in_place() {
    let Some(lab) = fresh("a_port_that_is_taken") else { return };
    let before = lab.on(HOST, FILES);
    // Another program has the port.
    let taker = "systemctl stop docker-registry; sed -e '/^  tls:/,/key:/d' /etc/docker/registry/config.yml >/tmp/taker.yml; \
                 systemd-run -q --unit taker docker-registry serve /tmp/taker.yml; sleep 2; systemctl is-active taker";
    assert_eq!(lab.on(HOST, taker), "active\n");
    apply(&lab, &next(&lab), &[]).ends(6).says("address already in use").says("did not answer before either");
    assert_eq!(lab.on(HOST, FILES), before);
    lab.on(HOST, "systemctl stop taker");
    // With the port free again nothing else is needed, the registry that was down is started.
    apply(&lab, &next(&lab), &[]).good().says("the registry does not run: it is started");
    assert!(is_trusted(&lab, lab.get("REG"), "next.pem"));
}

#[test]
fn a_restart_that_somebody_forgot_is_all_that_is_done() {
    let Some(lab) = fresh("a_restart_that_somebody_forgot") else { return };
    for (from, to) in [("reg1-next.chain.pem", "server.crt"), ("reg1-next.key", "server.key")] {
        let text = fs::read_to_string(pki(&lab, from)).expect("a file of the PKI");
        lab.on(HOST, &format!("printf '%s' '{text}' >/etc/docker/registry/{to}"));
    }
    let before = lab.on(HOST, FILES);
    let run = apply(&lab, &next(&lab), &[]).good();
    run.says("restart docker-registry: its files are right, and it still serves another certificate");
    assert_eq!(lab.on(HOST, FILES), before);
    assert!(is_trusted(&lab, lab.get("REG"), "next.pem"));
}

#[test]
fn a_container_is_restarted_and_its_files_are_found_through_its_mounts() {
    let Some(lab) = fresh("a_container_is_restarted") else { return };
    let loaded = Lab::lab(&["load", HOST, "registry:2"]);
    assert!(loaded.status.success(), "the image is loaded");
    let registry = "reg1.lab:5001";
    let start = "mkdir -p /srv/tls && cp /etc/docker/registry/server.crt /srv/tls/c.pem && \
                 cp /etc/docker/registry/server.key /srv/tls/k.pem && chmod 600 /srv/tls/k.pem && chown 0:0 /srv/tls/k.pem && \
                 docker run -d --name reg -p 5001:5000 -v /srv/tls:/tls:ro \
                 -e REGISTRY_HTTP_TLS_CERTIFICATE=/tls/c.pem -e REGISTRY_HTTP_TLS_KEY=/tls/k.pem registry:2 && sleep 2";
    let said = lab.on(HOST, start);
    assert!(is_trusted(&lab, registry, "root.pem"), "{said}");
    let args =
        [pair(&lab, registry, "reg1-next", "next.pem"), vec!["-e".to_owned(), "container=reg".to_owned()]]
            .concat();
    let applied = lab.law(HOST, &Lab::playbook("registry-certificate.yml"), &refs(&args));
    assert!(is_trusted(&lab, registry, "next.pem"));
    applied.says("/srv/tls/c.pem and /srv/tls/k.pem").says("was down for");
    assert_eq!(lab.on(HOST, "stat -c '%a %U' /srv/tls/k.pem"), "600 root\n");
    // One whose files are its own, and one that is not there.
    lab.on(HOST, "docker run -d --name inner -e REGISTRY_HTTP_TLS_CERTIFICATE=/c -e REGISTRY_HTTP_TLS_KEY=/k registry:2");
    let named = |name: &str| [&args[..args.len() - 1], &[format!("container={name}")]].concat();
    apply(&lab, &named("inner"), &[]).ends(3).says("lies in the container itself");
    apply(&lab, &named("none"), &[]).ends(3).says("has no container `none`");
}

#[test]
fn a_command_of_the_operators_own_does_it_too() {
    let Some(lab) = fresh("a_command_of_the_operators_own") else { return };
    let paths =
        "-e certificate_path=/etc/docker/registry/server.crt -e key_path=/etc/docker/registry/server.key";
    let mut args = next(&lab);
    args.extend(paths.split(' ').map(str::to_owned));
    args.extend(["-e".to_owned(), "reload_command='systemctl restart docker-registry'".to_owned()]);
    lab.law(HOST, &Lab::playbook("registry-certificate.yml"), &refs(&args));
    assert!(is_trusted(&lab, lab.get("REG"), "next.pem"));
    // One that fails changes nothing for good.
    let before = lab.on(HOST, FILES);
    let mut args = old(&lab);
    args.extend(paths.split(' ').map(str::to_owned));
    args.extend(["-e".to_owned(), "reload_command='echo no such thing >&2; exit 3'".to_owned()]);
    apply(&lab, &args, &[]).ends(6).says("could not be made to read its files: no such thing");
    assert_eq!(lab.on(HOST, FILES), before);
}

#[test]
fn a_host_without_openssl_looks_with_curl_and_one_without_both_is_looked_at() {
    let Some(lab) = fresh("a_host_without_openssl") else { return };
    lab.on(HOST, "mv /usr/bin/openssl /usr/bin/openssl.away");
    apply(&lab, &next(&lab), &[]).good().says("was down for");
    assert!(is_trusted(&lab, lab.get("REG"), "next.pem"));
    lab.on(HOST, "mv /usr/bin/curl /usr/bin/curl.away");
    apply(&lab, &old(&lab), &[]).good().says("has neither openssl nor curl 7.88");
    assert!(is_trusted(&lab, lab.get("REG"), "root.pem"));
    let again = apply(&lab, &old(&lab), &["--format", "jsonl"]).good();
    assert_eq!(again.planned(), Vec::<Value>::new());
}
