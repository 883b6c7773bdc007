use serde_json::{Value, json};

use super::RegistryCheck;
use crate::contract::{Distribution, HostCheck, HttpAnswer, Plan, PlanError, Resolved};
use crate::testing::{World, answered, pem, self_signed};

fn check(world: &mut World, mut arguments: Value) -> Result<Plan, PlanError> {
    arguments["registry"] = json!("dtr.example.com:5000");
    world.apply::<RegistryCheck>(arguments)
}

fn curl(exit: i32, status: u16, body: &str) -> HostCheck {
    HostCheck { resolves: Some(true), curl: Some(exit), status, body: body.into() }
}

fn daemon(status: u16, message: &str) -> Distribution {
    Distribution { status, message: message.into(), pull: None }
}

/// A host that trusts the registry in every way.
fn trusting() -> World {
    let mut world = World::new();
    world.verified = Ok(answered(401));
    world.insecure = Ok(answered(401));
    world.https = curl(0, 401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}");
    world.distribution = daemon(500, "no basic auth credentials");
    world.info =
        Some(json!({"RegistryConfig": {"IndexConfigs": {}, "InsecureRegistryCIDRs": ["127.0.0.0/8"]}}));
    world
}

fn status(plan: &Plan) -> [&str; 3] {
    ["controller", "host", "daemon"].map(|from| plan.result[from]["status"].as_str().unwrap_or("-"))
}

fn says(plan: &Plan, text: &str) -> bool {
    plan.notes.iter().any(|note| note.text.contains(text))
}

/// The message and the help.
fn refused(world: &mut World, arguments: Value) -> String {
    let error = check(world, arguments).unwrap_err();
    format!("{} / {}", error.message, error.help.unwrap_or_default())
}

fn trust() -> String {
    pem(&[&self_signed(&["dtr.example.com"])])
}

#[test]
fn a_registry_that_is_trusted_everywhere_passes() {
    let plan = check(&mut trusting(), json!({"trust": trust()})).unwrap();
    assert_eq!(status(&plan), ["trusted"; 3]);
    assert!(says(&plan, "401 UNAUTHORIZED"));
    let plan = check(&mut trusting(), json!({"from": "daemon", "trust": ""})).unwrap();
    assert_eq!(status(&plan), ["-", "-", "trusted"]);
    let plan = check(&mut trusting(), json!({"from": ["controller"]})).unwrap();
    assert_eq!(status(&plan), ["alive", "-", "-"]);
}

#[test]
fn a_host_whose_store_leaves_the_certificate_out_is_not_blamed() {
    let mut world = trusting();
    world.host.facts.id = "rocky".into();
    world.https = curl(60, 0, "curl: (60) SSL certificate problem: self signed certificate");
    let plan = check(&mut world, json!({"trust": trust()})).unwrap();
    assert_eq!(status(&plan), ["trusted", "skipped", "trusted"]);
    assert!(says(&plan, "takes CAs alone"));
}

#[test]
fn the_answers_of_a_daemon_that_trusts_are_known() {
    for (status, message) in [
        (404, "manifest unknown: manifest unknown"),
        (500, "unauthorized: authentication required"),
        (403, "denied: requested access to the resource is denied"),
        (1, "Error response from daemon: failed to resolve reference \"r/dtrctl-probe:none\": not found"),
    ] {
        let mut world = trusting();
        world.distribution = daemon(status, message);
        assert_eq!(
            self::status(&check(&mut world, json!({"from": "daemon"})).unwrap())[2],
            "trusted",
            "{message}"
        );
    }
}

#[test]
fn the_answers_of_a_daemon_that_does_not_are_told_apart() {
    let said = |status, message: &str| {
        let mut world = trusting();
        world.distribution = daemon(status, message);
        refused(&mut world, json!({"from": "daemon"}))
    };
    assert!(said(500, "Get \"https://r/v2/\": tls: failed to verify certificate: x509: certificate signed by unknown authority").contains("trust-registry.yml"));
    assert!(
        said(500, "x509: certificate relies on legacy Common Name field, use SANs instead")
            .contains("DNS:dtr.example.com")
    );
    assert!(said(500, "http: server gave HTTP response to HTTPS client").contains("insecure-registry.yml"));
    assert!(
        said(500, "dial tcp 192.0.2.1:5000: connect: connection refused")
            .contains("nothing listens on port 5000")
    );
    assert!(said(500, "dial tcp: lookup dtr.example.com: no such host").contains("spelled right"));
    assert!(said(1, "permission denied while trying to connect to the docker API").contains("log"));
    assert!(said(1, "sh: docker: not found").contains("log"));
    let mut old = trusting();
    old.distribution = daemon(404, "404 page not found");
    assert!(check(&mut old, json!({"from": "daemon"})).unwrap().skipped.is_some());
}

#[test]
fn the_two_answers_of_curl_are_told_apart() {
    let mut world = trusting();
    world.https =
        curl(60, 0, "curl: (60) SSL certificate problem: self-signed certificate\nMore details here");
    let text = refused(&mut world, json!({}));
    assert!(text.contains("error 60, SSL certificate problem: self-signed certificate"), "{text}");
    assert!(
        text.contains("the system's store does not vouch for it") && text.contains("trust-registry.yml"),
        "{text}"
    );
    assert!(check(&mut world, json!({"from": ["controller", "daemon"]})).is_ok());
    world.https = curl(7, 0, "curl: (7) Failed to connect to dtr.example.com port 5000");
    assert!(refused(&mut world, json!({"from": "host"})).contains("nothing listens"));
    world.https = curl(0, 404, "");
    assert!(refused(&mut world, json!({"from": "host"})).contains("something else listens"));
    world.https = HostCheck { curl: None, ..curl(0, 0, "") };
    assert!(check(&mut world, json!({"from": "host"})).unwrap().skipped.unwrap().contains("no curl"));
    world.https.resolves = Some(false);
    assert!(refused(&mut world, json!({"from": "host"})).contains("does not resolve"));
}

#[test]
fn every_outcome_of_curl_is_explained_in_its_own_words() {
    let said = |exit, status, body: &str| {
        let mut world = trusting();
        world.https = curl(exit, status, body);
        refused(&mut world, json!({"from": "host"}))
    };
    let self_signed = said(60, 0, "curl: (60) SSL certificate problem: self signed certificate");
    assert!(
        self_signed.contains("reads the system's store alone")
            || self_signed.contains("read the system's store alone"),
        "{self_signed}"
    );
    assert!(self_signed.contains("stores=docker,system"), "{self_signed}");
    let name = said(
        60,
        0,
        "curl: (60) SSL: no alternative certificate subject name matches target host name 'dtr.example.com'",
    );
    assert!(
        name.contains("a certificate for another name")
            && name.contains("use a name that the certificate has"),
        "{name}"
    );
    let old_name = said(
        51,
        0,
        "curl: (51) SSL: certificate subject name 'x' does not match target host name 'dtr.example.com'",
    );
    assert!(old_name.contains("a certificate for another name"), "{old_name}");
    let time = said(60, 0, "curl: (60) SSL certificate problem: certificate has expired");
    assert!(time.contains("its time is over") && time.contains("renew the certificate"), "{time}");
    let plain = said(35, 0, "curl: (35) error:0A00010B:SSL routines::wrong version number");
    assert!(plain.contains("speaks HTTP without TLS"), "{plain}");
    assert!(
        said(35, 0, "curl: (35) gnutls_handshake() failed: An unexpected TLS packet was received.")
            .contains("speaks HTTP without TLS")
    );
    assert!(
        said(6, 0, "curl: (6) Could not resolve host: dtr.example.com")
            .contains("does the resolver there know it")
    );
    assert!(said(7, 0, "curl: (7) Failed to connect").contains("nothing listens"));
    assert!(said(28, 0, "curl: (28) Connection timed out").contains("firewall"));
    assert!(said(56, 0, "curl: (56) CONNECT tunnel failed, response 407").contains("proxy"));
    assert!(said(77, 0, "curl: (77) error setting certificate file").contains("ca-certificates"));
    assert!(said(0, 404, "Not found").contains("something else listens"));
    assert!(said(0, 407, "").contains("proxy"));
    assert!(said(0, 200, "<!DOCTYPE html><p>Welcome").contains("a page for people"));
}

#[test]
fn the_daemon_that_meets_no_registry_or_a_stricter_reader_says_so() {
    let said = |message: &str, pull: Option<&str>| {
        let mut world = trusting();
        world.distribution = Distribution { pull: pull.map(str::to_owned), ..daemon(500, message) };
        refused(&mut world, json!({"from": "daemon"}))
    };
    let page = "error parsing HTTP 404 response body: invalid character '<' looking for beginning of value";
    assert!(said(page, None).contains("something else than a registry answers"));
    assert!(
        said("proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused", None)
            .contains("NO_PROXY")
    );
    let strict =
        "Error response from daemon: unable to load CA cert \"/etc/docker/certs.d/r/bad.crt\": invalid";
    let text = said("no basic auth credentials", Some(strict));
    assert!(
        text.contains("a pull by the containerd image store does not")
            && text.contains("breaks the daemon's reader"),
        "{text}"
    );
}

#[test]
fn the_hosts_own_resolver_is_asked_by_itself() {
    let from = json!({"from": "resolver", "insecure": true});
    let mut world = trusting();
    world.resolved = Resolved { known: Some(true), addresses: vec!["192.0.2.7".parse().unwrap()] };
    let plan = check(&mut world, from.clone()).unwrap();
    assert_eq!(plan.result["resolver"]["status"], "alive");
    assert!(says(&plan, "it knows `dtr.example.com`: 192.0.2.7"));
    assert!(!world.asked_the_daemon.get());
    world.resolved = Resolved { known: Some(false), addresses: vec![] };
    let text = refused(&mut world, from.clone());
    assert!(
        text.contains("the host's resolver: it does not know `dtr.example.com`")
            && text.contains("/etc/hosts"),
        "{text}"
    );
    world.resolved = Resolved::default();
    assert!(check(&mut world, from).unwrap().skipped.unwrap().contains("getent"));
}

#[test]
fn untrusted_is_proven_as_trusted_is() {
    let untrusted = json!({"from": "host,daemon", "expect": "untrusted"});
    let mut world = trusting();
    let text = refused(&mut world, untrusted.clone());
    assert!(text.contains("the docker daemon still trusts") && text.contains("restart=true"), "{text}");
    world.https = curl(60, 0, "curl: (60) SSL certificate problem: unable to get local issuer certificate");
    world.distribution = daemon(500, "x509: certificate signed by unknown authority");
    let plan = check(&mut world, untrusted.clone()).unwrap();
    assert_eq!(status(&plan), ["-", "untrusted", "untrusted"]);
    world.https = curl(7, 0, "curl: (7) Failed to connect");
    world.distribution = daemon(500, "dial tcp 192.0.2.1:5000: connect: connection refused");
    assert!(says(&check(&mut world, untrusted).unwrap(), "connection refused; not checked"));
}

#[test]
fn an_insecure_registry_is_proven_by_the_daemons_own_configuration() {
    let insecure = json!({"insecure": true});
    let mut world = trusting();
    world.insecure = Ok(HttpAnswer { plain: true, ..answered(200) });
    world.https = curl(35, 0, "curl: (35) error:0A00010B:SSL routines::wrong version number");
    world.http = curl(0, 200, "{}");
    world.distribution = daemon(404, "manifest unknown");
    assert!(refused(&mut world, insecure.clone()).contains("not among its insecure registries"));
    world.info.as_mut().unwrap()["RegistryConfig"]["IndexConfigs"] =
        json!({"dtr.example.com:5000": {"Name": "dtr.example.com:5000", "Secure": false}});
    let plan = check(&mut world, insecure.clone()).unwrap();
    assert_eq!(status(&plan), ["alive", "alive", "insecure"]);
    // The same daemon proves no trust.
    let plan = check(&mut world, json!({"from": "daemon"})).unwrap();
    assert!(says(&plan, "this proves no trust"), "{:?}", plan.notes);
    // Without the entry, plain HTTP is a fault.
    assert!(refused(&mut world, json!({"from": "controller"})).contains("plain HTTP"));
    assert!(refused(&mut world, json!({"from": "host"})).contains("speaks HTTP without TLS"));
    world.info = None;
    assert!(refused(&mut world, insecure).contains("`GET /info`"));
}

#[test]
fn where_no_daemon_runs_nothing_is_claimed() {
    let mut world = trusting();
    world.distribution = daemon(0, "no docker daemon runs on this host");
    let plan = check(&mut world, json!({"trust": trust()})).unwrap();
    assert_eq!(status(&plan), ["trusted", "trusted", "skipped"]);
    assert!(says(&plan, "no docker daemon runs on this host; not checked"));
    world.host.facts.sandbox = true;
    let plan = check(&mut world, json!({"trust": trust()})).unwrap();
    assert_eq!((status(&plan), world.trips), (["trusted", "skipped", "skipped"], 0));
    assert!(check(&mut world, json!({"from": "daemon"})).unwrap().skipped.unwrap().contains("sandbox"));
}

#[test]
fn a_missing_header_is_a_warning_and_a_wrong_certificate_an_error() {
    let mut world = trusting();
    world.verified = Ok(HttpAnswer { api_version: None, ..answered(200) });
    let plan = check(&mut world, json!({"trust": trust()})).unwrap();
    assert!(says(&plan, "docker-distribution-api-version"));
    world.verified =
        Err("the server's certificate is not accepted: x509: certificate is valid for a, not b".into());
    assert!(refused(&mut world, json!({"trust": trust()})).contains("use a name that the certificate has"));
    world.verified = Ok(answered(503));
    assert!(refused(&mut world, json!({"trust": trust()})).contains("503"));
}
