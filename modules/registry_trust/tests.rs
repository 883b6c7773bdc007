use serde_json::{Value, json};
use time::macros::datetime;

use super::RegistryTrust;
use crate::certs::Certificate;
use crate::contract::{
    AskError, DaemonKind, DaemonSite, Distribution, Level, Need, OwedRecord, Plan, PlanError, Stray,
};
use crate::platform::path;
use crate::testing::{Authority, NOW, World, bundle, expired, pem, self_signed};

const HOST: &str = "dtr.example.com";
const REGISTRY: &str = "dtr.example.com:5000";
const DIRECTORY: &str = "/etc/docker/certs.d/dtr.example.com:5000";
const STARTED: i64 = 1_780_000_000;

fn look(world: &mut World, mut arguments: Value) -> Result<Plan, PlanError> {
    if arguments.get("registry").is_none() {
        arguments["registry"] = json!(REGISTRY);
    }
    let plan = world.plan::<RegistryTrust>(arguments);
    if let Ok(plan) = &plan {
        assert!(plan.changes.is_empty(), "it reads only");
    }
    plan
}

fn seen(world: &mut World) -> Plan {
    look(world, json!({})).expect("a plan")
}

fn says(plan: &Plan, text: &str) -> bool {
    plan.notes.iter().any(|note| note.text.contains(text))
}

fn status(plan: &Plan) -> &str {
    plan.result["status"].as_str().expect("a status")
}

/// A host whose daemon answers, and a registry that serves a chain.
fn world(chain: &[&Certificate]) -> World {
    let mut world = World::new();
    world.served = Ok(chain.iter().copied().cloned().collect());
    world.info = Some(json!({"DriverStatus": [["Backing Filesystem", "extfs"]], "RegistryConfig": {}}));
    world.distribution =
        Distribution { status: 500, message: "no basic auth credentials".into(), pull: None };
    world.host.facts.uid = 0;
    world
}

fn containerd(world: &mut World) {
    world.info.as_mut().expect("a daemon")["DriverStatus"] =
        json!([["driver-type", "io.containerd.snapshotter.v1"]]);
}

fn anchor(world: &mut World, name: &str, certificate: &Certificate) {
    world.put(&format!("{DIRECTORY}/{name}"), pem(&[certificate]));
}

#[test]
fn an_anchor_in_dockers_store_is_found_with_its_end_and_the_daemon_confirms_it() {
    let root = Authority::root("Corp Root");
    let leaf = root.leaf(&[HOST]);
    let mut world = world(&[&leaf]);
    anchor(&mut world, "corp.crt", &root.certificate);
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "trusted");
    assert!(world.asked_the_daemon.get());
    let by = &plan.result["trusted_by"][0];
    assert_eq!((&by["store"], &by["kind"]), (&json!("docker"), &json!("root")));
    assert_eq!(by["files"], json!([format!("{DIRECTORY}/corp.crt")]));
    assert_eq!(by["sha256"], json!(format!("sha256:{}", root.certificate.facts().sha256)));
    assert_eq!(plan.result["days"], json!((datetime!(2027-06-01 0:00 UTC) - NOW).whole_days()));
    assert_eq!(plan.result["renewal"]["breaks"], "no");
    assert_eq!(plan.result["daemon"]["status"], "trusted");
    assert_eq!(plan.result["expiring"], json!(false));
    assert_eq!(plan.result["next"], Value::Null);
}

#[test]
fn nothing_installed_is_untrusted_and_the_daemon_is_left_alone() {
    let root = Authority::root("Corp Root");
    let mut world = world(&[&root.leaf(&[HOST])]);
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "untrusted");
    assert!(plan.result["reason"].as_str().is_some_and(|text| text.contains("unknown authority")));
    assert!(plan.result["next"].as_str().is_some_and(|text| text.contains("trust-registry.yml")));
    assert!(!world.asked_the_daemon.get(), "the request would make the daemon read the system's store");
    let refused = look(&mut world, json!({"expect": "accepted"})).expect_err("it is not accepted");
    assert!(refused.message.contains("does not accept") && refused.help.is_some(), "{refused}");
    assert_eq!(refused.result["status"], "untrusted");
}

#[test]
fn a_renewal_breaks_what_rests_on_the_leaf_or_ends_with_its_anchor() {
    let root = Authority::root("Corp Root");
    let between = root.intermediate("Corp Servers");
    let leaf = between.leaf(&[HOST]);
    let renewal = |anchors: &[&Certificate], chain: &[&Certificate]| {
        let mut world = world(chain);
        for (at, certificate) in anchors.iter().enumerate() {
            anchor(&mut world, &format!("{at}.crt"), certificate);
        }
        let plan = seen(&mut world);
        assert_eq!(status(&plan), "trusted");
        (plan.result["renewal"]["breaks"].clone(), plan.result["renewal"]["reason"].clone())
    };
    let chain = [&leaf, &between.certificate];
    assert_eq!(renewal(&[&leaf], &chain), (json!("yes"), json!("leaf")));
    assert_eq!(renewal(&[&between.certificate], &chain), (json!("maybe"), json!("intermediate")));
    assert_eq!(renewal(&[&root.certificate], &chain), (json!("no"), json!("root")));
    assert_eq!(renewal(&[&root.certificate, &between.certificate], &chain), (json!("no"), json!("root")));
    assert_eq!(renewal(&[&leaf, &root.certificate], &chain), (json!("no"), json!("root")), "the root stays");
    let own = self_signed(&[HOST]);
    assert_eq!(renewal(&[&own], &[&own]), (json!("yes"), json!("leaf")));
    let short = Authority::root_until("Old Root", datetime!(2027-01-01 0:00 UTC));
    let leaf = short.leaf(&[HOST]);
    assert_eq!(renewal(&[&short.certificate], &[&leaf]), (json!("yes"), json!("anchor_ends")));
}

#[test]
fn what_ends_soon_says_when_and_what_to_do() {
    let soon = Authority::root_until("Old Root", datetime!(2026-06-21 12:00 UTC));
    let leaf = soon.leaf(&[HOST]);
    let mut world = world(&[&leaf]);
    anchor(&mut world, "old.crt", &soon.certificate);
    let plan = seen(&mut world);
    assert_eq!((status(&plan), &plan.result["days"]), ("trusted", &json!(20)));
    assert_eq!(plan.result["expiring"], json!(true));
    assert_eq!(plan.result["ends_first"], "CN=Old Root");
    assert!(says(&plan, "ends on 2026-06-21, in 20 days"), "{:?}", plan.notes);
    let plan = look(&mut world, json!({"expires_within": 20})).expect("a plan");
    assert_eq!(plan.result["expiring"], json!(false));
    let past = expired(&[HOST]);
    world.served = Ok(vec![past.clone()]);
    anchor(&mut world, "past.crt", &past);
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "untrusted");
    assert!(plan.result["reason"].as_str().is_some_and(|text| text.contains("has expired")));
}

#[test]
fn an_anchor_that_the_daemon_may_not_have_read_is_unknown_and_it_is_not_asked() {
    let root = Authority::root("Corp Root");
    let leaf = root.leaf(&[HOST]);
    let mut world = world(&[&leaf]);
    world.trust.bundle = Some(bundle(&[&root.certificate]));
    world.put("/usr/local/share/ca-certificates/corp.crt", pem(&[&root.certificate]));
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "trusted", "the bundle is older than the daemon");
    assert!(world.asked_the_daemon.get());
    let files = plan.result["trusted_by"][0]["files"].as_array().expect("files").clone();
    assert_eq!(files[0], "/usr/local/share/ca-certificates/corp.crt");
    assert_eq!(plan.result["trusted_by"][0]["store"], "system");

    world.asked_the_daemon.set(false);
    for mtime in [STARTED, STARTED + 5] {
        world.trust.bundle.as_mut().expect("a bundle").mtime = mtime;
        let plan = seen(&mut world);
        assert_eq!(status(&plan), "unknown", "written at {mtime}");
        assert!(plan.result["reason"].as_str().is_some_and(|text| text.contains("since the daemon started")));
        assert!(plan.result["restart"].is_string());
        assert!(look(&mut world, json!({"expect": "accepted"})).is_err());
        assert!(!world.asked_the_daemon.get(), "the request would decide what it asks");
    }
    // Docker's store has it as well: it is trusted, and still the daemon is left alone.
    anchor(&mut world, "corp.crt", &root.certificate);
    let plan = seen(&mut world);
    assert_eq!((status(&plan), &plan.result["daemon"]["status"]), ("trusted", &json!("not_asked")));
    assert!(!world.asked_the_daemon.get());
}

#[test]
fn an_owed_restart_is_unknown_too() {
    let root = Authority::root("Corp Root");
    let leaf = root.leaf(&[HOST]);
    let owed = |id: &str| OwedRecord {
        id: id.into(),
        need: Need::Restart,
        reason: "it has read the system's certificates".into(),
    };
    let mut world = world(&[&leaf]);
    world.trust.bundle = Some(bundle(&[&root.certificate]));
    world.owed = vec![owed("trust:other.example.com")];
    assert_eq!(status(&seen(&mut world)), "trusted");
    world.asked_the_daemon.set(false);
    world.owed = vec![owed("trust:DTR.example.com:5000")];
    let plan = seen(&mut world);
    assert!(!world.asked_the_daemon.get());
    assert_eq!(plan.result["restart"], "it has read the system's certificates");
    // Taken out of the store, and the daemon may go on trusting it.
    world.trust.bundle = Some(bundle(&[]));
    assert_eq!(status(&seen(&mut world)), "unknown");
    assert!(!world.asked_the_daemon.get());
}

#[test]
fn the_two_readers_are_told_apart() {
    let root = Authority::root("Corp Root");
    let leaf = root.leaf(&[HOST]);
    let mut world = world(&[&leaf]);
    anchor(&mut world, "corp.crt", &root.certificate);
    world.put(&format!("{DIRECTORY}/bad.crt"), "no certificate\n");
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "trusted", "the reader of this store passes over it");
    assert!(says(&plan, "bad.crt"));
    containerd(&mut world);
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "untrusted");
    assert!(plan.result["reason"].as_str().is_some_and(|text| text.contains("bad.crt")));
    assert_eq!(plan.result["image_store"], "containerd");
    world.files.remove(&path(&format!("{DIRECTORY}/bad.crt")));
    assert_eq!(status(&seen(&mut world)), "trusted");
    // The directory that containerd looks into first hides the other; login does not read it.
    world.put("/etc/docker/certs.d/dtr.example.com_5000_/other.crt", pem(&[&self_signed(&["x"])]));
    assert_eq!(status(&seen(&mut world)), "untrusted");
    world.put("/etc/docker/certs.d/dtr.example.com_5000_/hosts.toml", "server = \"https://x\"\n");
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "trusted", "the daemon's own pull decides: {:?}", plan.result["reason"]);
    world.distribution.pull =
        Some("tls: failed to verify certificate: x509: certificate signed by unknown authority".into());
    assert_eq!(status(&seen(&mut world)), "untrusted");
    let mut world = self::world(&[&leaf]);
    containerd(&mut world);
    world.put("/etc/docker/certs.d/_default/corp.crt", pem(&[&root.certificate]));
    assert_eq!(status(&seen(&mut world)), "untrusted", "login does not read `_default`");
}

#[test]
fn the_daemons_own_word_counts_against_its_files() {
    let root = Authority::root("Corp Root");
    let leaf = root.leaf(&[HOST]);
    let mut world = world(&[&leaf]);
    anchor(&mut world, "corp.crt", &root.certificate);
    world.distribution.message =
        "Get \"https://r/v2/\": x509: certificate signed by unknown authority".into();
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "untrusted");
    assert!(plan.result["next"].as_str().is_some_and(|text| text.contains("proxy")));
    world.distribution.message = "dial tcp 192.0.2.1:5000: connect: connection refused".into();
    let plan = seen(&mut world);
    assert_eq!((status(&plan), &plan.result["daemon"]["status"]), ("trusted", &json!("failed")));
    assert!(says(&plan, "could not prove it"));
}

#[test]
fn insecure_is_said_by_name_and_by_network() {
    let root = Authority::root("Corp Root");
    let mut world = world(&[&root.leaf(&[HOST])]);
    let config = &mut world.info.as_mut().expect("a daemon")["RegistryConfig"];
    *config = json!({"IndexConfigs": {REGISTRY: {"Secure": false}}});
    let plan = seen(&mut world);
    assert_eq!((status(&plan), &plan.result["insecure"]), ("insecure", &json!(REGISTRY)));
    assert!(look(&mut world, json!({"expect": "accepted"})).is_ok(), "it would accept anything");
    let config = &mut world.info.as_mut().expect("a daemon")["RegistryConfig"];
    *config = json!({"InsecureRegistryCIDRs": ["10.0.0.0/8", "127.0.0.0/8"]});
    assert_eq!(status(&seen(&mut world)), "untrusted");
    world.resolved.addresses = vec!["10.1.2.3".parse().expect("an address")];
    assert_eq!(seen(&mut world).result["insecure"], "10.0.0.0/8");
    assert!(!world.asked_the_daemon.get());
    // A daemon that does not run will do what its file says; one that does may not have read it.
    world.resolved.addresses.clear();
    world.put("/etc/docker/daemon.json", format!("{{\"insecure-registries\": [\"{REGISTRY}\"]}}"));
    assert!(says(&seen(&mut world), "has not read that yet"));
    world.info = None;
    world.process.running = None;
    assert_eq!(status(&seen(&mut world)), "insecure");
}

#[test]
fn a_registry_that_is_down_leaves_what_hosts_hold() {
    let root = Authority::root("Corp Root");
    let mut world = world(&[]);
    world.served = Err("connection refused".into());
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "unknown");
    assert_eq!(plan.result["holds"], json!([]));
    assert!(!world.asked_the_daemon.get());
    anchor(&mut world, "corp.crt", &root.certificate);
    world.distribution.message = "dial tcp 192.0.2.1:5000: connect: connection refused".into();
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "unknown");
    assert_eq!(plan.result["holds"][0]["subject"], "CN=Corp Root");
    assert!(plan.result["served_error"].is_string());
    // It may be the controller alone that does not get there.
    world.distribution.message = "no basic auth credentials".into();
    assert_eq!(status(&seen(&mut world)), "trusted");
}

#[test]
fn a_certificate_that_is_not_served_yet_is_judged_without_the_daemon() {
    let (old, new) = (Authority::root("Old Root"), Authority::root("New Root"));
    let mut world = world(&[&old.leaf(&[HOST])]);
    anchor(&mut world, "old.crt", &old.certificate);
    let next = new.leaf(&[HOST]);
    let given = json!({"certificate": pem(&[&next]), "expect": "accepted"});
    let refused = look(&mut world, given.clone()).expect_err("its root is missing");
    assert!(refused.message.contains("the given certificate"), "{refused}");
    anchor(&mut world, "new.crt", &new.certificate);
    let plan = look(&mut world, given).expect("both stand there");
    assert_eq!((status(&plan), &plan.result["judged"]), ("trusted", &json!("given")));
    assert_eq!(plan.result["leaf"]["sha256"], json!(format!("sha256:{}", next.facts().sha256)));
    assert!(!world.asked_the_daemon.get());
    world.local.insert("new.pem".into(), pem(&[&next]).into_bytes());
    assert_eq!(status(&look(&mut world, json!({"certificate": "new.pem"})).expect("a file")), "trusted");
    world.local.insert("key.pem".into(), b"-----BEGIN PRIVATE KEY-----\n".to_vec());
    let refused = look(&mut world, json!({"certificate": "key.pem"})).expect_err("a key");
    assert!(refused.message.contains("`key.pem`") && refused.message.contains("PRIVATE KEY"));
}

#[test]
fn what_the_daemons_environment_names_counts_in_place_of_the_bundle() {
    let root = Authority::root("Corp Root");
    let leaf = root.leaf(&[HOST]);
    let mut world = world(&[&leaf]);
    world.trust.bundle = Some(bundle(&[&root.certificate]));
    let running = world.process.running.as_mut().expect("a daemon");
    running.environ = vec![("SSL_CERT_FILE".into(), "/opt/ca.pem".into())];
    let plan = seen(&mut world);
    assert_eq!(status(&plan), "untrusted");
    assert!(says(&plan, "SSL_CERT_FILE=/opt/ca.pem"));
    world.put("/opt/ca.pem", pem(&[&root.certificate]));
    let plan = seen(&mut world);
    assert_eq!((status(&plan), &plan.result["trusted_by"][0]["files"]), ("trusted", &json!(["/opt/ca.pem"])));
    let running = world.process.running.as_mut().expect("a daemon");
    running.environ = vec![("SSL_CERT_DIR".into(), "/opt/certs:/opt/more".into())];
    world.trust.bundle = Some(bundle(&[]));
    assert_eq!(status(&seen(&mut world)), "untrusted");
    world.put("/opt/more/ca.pem", pem(&[&root.certificate]));
    assert_eq!(status(&seen(&mut world)), "trusted");
}

#[test]
fn a_file_beside_the_bundle_counts_by_its_own_age() {
    let root = Authority::root("Corp Root");
    let mut world = world(&[&root.leaf(&[HOST])]);
    let stray = |mtime| Stray {
        path: path("/etc/ssl/certs/hand.pem"),
        content: pem(&[&root.certificate]).into_bytes(),
        mtime,
    };
    world.trust.strays = vec![stray(STARTED - 1)];
    assert_eq!(status(&seen(&mut world)), "trusted");
    world.trust.strays = vec![stray(STARTED + 1)];
    assert_eq!(status(&seen(&mut world)), "unknown");
}

#[test]
fn a_large_file_is_read_by_itself_and_another_spelling_is_named() {
    let root = Authority::root("Corp Root");
    let mut world = world(&[&root.leaf(&[HOST])]);
    let large = format!("{}{}", "# a comment\n".repeat(6000), pem(&[&root.certificate]));
    world.put("/etc/docker/certs.d/dtr.example.com/all.crt", large);
    let plan = look(&mut world, json!({"registry": HOST})).expect("a plan");
    assert_eq!(status(&plan), "trusted");
    assert!(says(&plan, "spell it `dtr.example.com:443` are not trusted"), "{:?}", plan.notes);
    let plan = look(&mut world, json!({"registry": "dtr.example.com:443"})).expect("a plan");
    assert_eq!(status(&plan), "untrusted");
}

#[test]
fn who_cannot_see_is_told_what_is_missing() {
    let root = Authority::root("Corp Root");
    let mut world = world(&[&root.leaf(&[HOST])]);
    world.host.facts.uid = 1000;
    world.host.facts.user = "ops".into();
    let refused =
        world.ask::<RegistryTrust>(json!({"registry": REGISTRY})).map(|_| ()).expect_err("not root");
    assert!(matches!(&refused, AskError::Host(text) if text.contains("`-b`") && text.contains("`ops`")));
    world.host.facts.daemons = vec![DaemonSite {
        kind: DaemonKind::Rootless,
        user: "ops".into(),
        uid: 1000,
        socket: path("/run/user/1000/docker.sock"),
        config: None,
        config_home: None,
    }];
    assert!(world.ask::<RegistryTrust>(json!({"registry": REGISTRY})).is_ok(), "its own daemon");
    let mut world = self::world(&[]);
    world.process.installed = false;
    assert!(seen(&mut world).skipped.is_some_and(|why| why.contains("no docker daemon")));
}

#[test]
fn a_name_that_the_host_does_not_know_is_said() {
    let root = Authority::root("Corp Root");
    let mut world = world(&[&root.leaf(&[HOST])]);
    world.resolved.known = Some(false);
    let plan = seen(&mut world);
    assert!(
        plan.notes.iter().any(|note| note.level == Level::Warning && note.text.contains("does not resolve"))
    );
}
