use serde_json::{Value, json};

use super::InstallAnchor;
use crate::certs::Certificate;
use crate::contract::{Bundle, Change, FileKind, Need, Plan, PlanError, Stray};
use crate::platform::path;
use crate::testing::{Authority, World, bundle, expired, pem, self_signed};

const HOST: &str = "dtr.example.com";
const REGISTRY: &str = "dtr.example.com:5000";
const DIRECTORY: &str = "/etc/docker/certs.d/dtr.example.com:5000";
const DROP: &str = "/usr/local/share/ca-certificates";

/// The arguments, beside the registry.
fn with(mut arguments: Value) -> Value {
    if arguments.get("registry").is_none() {
        arguments["registry"] = json!(REGISTRY);
    }
    arguments
}

fn apply(world: &mut World, arguments: Value) -> Result<Plan, PlanError> {
    world.apply::<InstallAnchor>(with(arguments))
}

#[expect(clippy::needless_pass_by_value, reason = "it is written out where it is given")]
fn given(anchors: &[&Certificate], more: Value) -> Value {
    let mut arguments = json!({"certificate": pem(anchors)});
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    arguments
}

fn summaries(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(Change::summary).collect()
}

fn says(plan: &Plan, text: &str) -> bool {
    plan.notes.iter().any(|note| note.text.contains(text))
}

fn short(certificate: &Certificate) -> &str {
    crate::stores::names::short(certificate)
}

fn in_certs_d(certificate: &Certificate) -> String {
    format!("{DIRECTORY}/dtrctl-{}.crt", short(certificate))
}

fn in_drop(certificate: &Certificate) -> String {
    format!("{DROP}/dtrctl-dtr.example.com_5000-{}.crt", short(certificate))
}

/// A host on which an earlier run has installed this in the system's store.
fn with_system(anchor: &Certificate) -> World {
    let mut world = World::new();
    world.put(&in_drop(anchor), pem(&[anchor]));
    world.trust.bundle = Some(bundle(&[anchor]));
    world
}

#[test]
fn dockers_store_is_written_once_and_owes_nothing() {
    let anchor = self_signed(&[HOST]);
    let mut world = World::new();
    let plan = apply(&mut world, given(&[&anchor], json!({"stores": ""}))).unwrap();
    let expected = [format!("create directory {DIRECTORY}"), format!("create {}", in_certs_d(&anchor))];
    assert_eq!(summaries(&plan), expected);
    assert!(
        matches!(&plan.changes[1], Change::WriteFile(w) if w.content.bytes == pem(&[&anchor]).into_bytes())
    );
    assert!(says(&plan, "no reload, no restart, and no container stops"));
    assert!(says(&plan, "adds `CN=dtr.example.com`, sha256:"));
    assert_eq!(plan.result["files"], json!([in_certs_d(&anchor)]));
    assert_eq!((&plan.result["docker"], &plan.result["system"]), (&json!("installed"), &json!(null)));
    assert_eq!(plan.result["owed"], json!(null));
    let again = apply(&mut world, given(&[&anchor], json!({}))).unwrap();
    assert_eq!(again.result["docker"], "present");
}

#[test]
fn both_spellings_of_the_default_port_get_a_directory() {
    let anchor = self_signed(&[HOST]);
    let mut arguments = given(&[&anchor], json!({}));
    arguments["registry"] = json!(HOST);
    let plan = apply(&mut World::new(), arguments).unwrap();
    let made =
        |name: &str| summaries(&plan).contains(&format!("create directory /etc/docker/certs.d/{name}"));
    assert!(made("dtr.example.com") && made("dtr.example.com:443"), "{:?}", summaries(&plan));
}

#[test]
fn a_file_of_ours_that_was_changed_is_put_right() {
    let anchor = self_signed(&[HOST]);
    let mut world = World::new();
    world.put(&in_certs_d(&anchor), "something else");
    let plan = apply(&mut world, given(&[&anchor], json!({}))).unwrap();
    assert_eq!(summaries(&plan), [format!("change {}", in_certs_d(&anchor))]);
}

#[test]
fn old_and_new_stand_together_until_one_is_taken_out() {
    let (old, new) = (self_signed(&[HOST]), self_signed(&[HOST]));
    let mut world = World::new();
    apply(&mut world, given(&[&old], json!({}))).unwrap();
    let plan = apply(&mut world, given(&[&new], json!({}))).unwrap();
    assert_eq!(summaries(&plan), [format!("create {}", in_certs_d(&new))]);
    assert!(says(&plan, "stays beside it"));
    let plan = apply(&mut world, given(&[&new], json!({"exclusive": true}))).unwrap();
    assert_eq!(summaries(&plan), [format!("remove {}", in_certs_d(&old))]);
}

#[test]
fn a_certificate_that_is_given_twice_is_written_once() {
    let (anchor, other) = (self_signed(&[HOST]), self_signed(&["other.example.com"]));
    let mut world = World::new();
    let plan = apply(&mut world, given(&[&anchor, &other, &anchor], json!({}))).unwrap();
    let written: Vec<String> = plan
        .changes
        .iter()
        .filter(|change| matches!(change, Change::WriteFile(_)))
        .map(Change::summary)
        .collect();
    assert_eq!(
        written,
        [format!("create {}", in_certs_d(&anchor)), format!("create {}", in_certs_d(&other))]
    );
}

#[test]
fn one_of_two_can_be_taken_out_by_name() {
    let (old, new) = (self_signed(&[HOST]), self_signed(&[HOST]));
    let mut world = World::new();
    apply(&mut world, given(&[&old, &new], json!({}))).unwrap();
    let plan = apply(&mut world, given(&[&old], json!({"state": "absent"}))).unwrap();
    assert_eq!(summaries(&plan), [format!("remove {}", in_certs_d(&old))]);
}

#[test]
fn absent_takes_back_what_present_made_and_nothing_else() {
    let anchor = self_signed(&[HOST]);
    let mut world = World::new();
    apply(&mut world, given(&[&anchor], json!({}))).unwrap();
    let plan = apply(&mut world, json!({"state": "absent", "certificate": ""})).unwrap();
    let expected = [
        format!("remove {}", in_certs_d(&anchor)),
        format!("remove directory {DIRECTORY}"),
        "remove directory /etc/docker/certs.d".to_owned(),
    ];
    assert_eq!(summaries(&plan), expected);
    assert_eq!(apply(&mut world, json!({"state": "absent"})).unwrap().result["docker"], "absent");

    let mut world = World::new();
    world.put(&format!("{DIRECTORY}/ca.crt"), pem(&[&self_signed(&[HOST])]));
    apply(&mut world, given(&[&anchor], json!({}))).unwrap();
    let plan = apply(&mut world, json!({"state": "absent"})).unwrap();
    assert_eq!(summaries(&plan), [format!("remove {}", in_certs_d(&anchor))]);
    assert!(says(&plan, "ca.crt` is not dtrctl's and stays"));
}

#[test]
fn a_host_that_trusts_the_registry_already_is_left_alone() {
    let root = Authority::root("Root");
    let leaf = root.leaf(&[HOST]);
    let chain = json!({"chain": pem(&[&leaf, &root.certificate])});
    let mut world = World::new();
    // The server's own certificate, as the old recipe installs it.
    world.put(&format!("{DIRECTORY}/ca.crt"), pem(&[&leaf]));
    let plan = apply(&mut world, given(&[&root.certificate], chain.clone())).unwrap();
    assert_eq!((plan.changes.len(), &plan.result["docker"]), (0, &json!("trusted_already")));
    assert!(says(&plan, "already, by /etc/docker/certs.d/dtr.example.com:5000/ca.crt"), "{:?}", plan.notes);
    // The CA that the registry is about to change to is still installed.
    let next = Authority::root("Next");
    let plan = apply(&mut world, given(&[&root.certificate, &next.certificate], chain)).unwrap();
    assert_eq!(summaries(&plan), [format!("create {}", in_certs_d(&next.certificate))]);
}

#[test]
fn the_systems_bundle_counts_as_far_as_the_running_daemon_has_read_it() {
    let root = Authority::root("Root");
    let leaf = root.leaf(&[HOST]);
    let arguments = || given(&[&root.certificate], json!({"chain": pem(&[&leaf])}));
    let mut world = World::new();
    world.trust.bundle = Some(bundle(&[&root.certificate]));
    assert_eq!(apply(&mut world, arguments()).unwrap().result["docker"], "trusted_already");
    let mut later = World::new();
    let mut newer = bundle(&[&root.certificate]);
    newer.mtime = later.process.running.as_ref().unwrap().started;
    later.trust.bundle = Some(newer);
    assert_eq!(apply(&mut later, arguments()).unwrap().result["docker"], "installed");
    let mut own = World::new();
    own.trust.bundle = Some(bundle(&[&root.certificate]));
    own.process.running.as_mut().unwrap().environ.push(("SSL_CERT_FILE".into(), "/ca.pem".into()));
    assert_eq!(apply(&mut own, arguments()).unwrap().result["docker"], "installed");
}

#[test]
fn what_dtrctl_put_into_the_system_for_another_registry_does_not_count() {
    let root = Authority::root("Root");
    let leaf = root.leaf(&[HOST]);
    let mut world = World::new();
    world.put(
        &format!("{DROP}/dtrctl-other.example.com-{}.crt", short(&root.certificate)),
        pem(&[&root.certificate]),
    );
    world.trust.bundle = Some(bundle(&[&root.certificate]));
    let both = json!({"chain": pem(&[&leaf]), "stores": "docker, system"});
    let plan = apply(&mut world, given(&[&root.certificate], both)).unwrap();
    assert_eq!((&plan.result["docker"], &plan.result["system"]), (&json!("installed"), &json!("installed")));
    assert!(!summaries(&plan).iter().any(|line| line.contains("owe")), "{:?}", summaries(&plan));
    // It leaves, and the other registry's file keeps it trusted.
    let plan = apply(&mut world, json!({"state": "absent", "stores": ["docker", "system"]})).unwrap();
    assert!(says(&plan, "goes on trusting"), "{:?}", plan.notes);
    assert!(plan.changes.iter().any(|c| matches!(c, Change::RefreshTrustStore(r) if r.absent.is_empty())));
    assert_eq!(plan.owed, None);
}

#[test]
fn the_systems_store_owes_a_restart_where_dockers_does_not_cover_it() {
    let root = Authority::root("Root");
    let mut world = World::new();
    world.put(&format!("{DROP}/.keep"), "");
    let plan = apply(&mut world, given(&[&root.certificate], json!({"stores": ["system"]}))).unwrap();
    assert!(
        matches!(&plan.changes[0], Change::Owe(owed) if owed.need == Need::Restart),
        "{:?}",
        summaries(&plan)
    );
    assert_eq!(summaries(&plan)[1], format!("create {}", in_drop(&root.certificate)));
    assert!(
        matches!(&plan.changes[2], Change::RefreshTrustStore(r) if r.present.len() == 1 && r.command == ["update-ca-certificates"])
    );
    assert!(says(&plan, "trusted for every site"));
    assert_eq!(plan.result["owed"], "restart");
    // It stays owed until it is paid.
    assert!(
        apply(&mut world, given(&[&root.certificate], json!({"stores": ["system"]}))).unwrap().owed.is_some()
    );

    let owes = |world: &mut World, stores: &str| {
        let plan = apply(world, given(&[&root.certificate], json!({"stores": stores}))).unwrap();
        plan.owed.is_some()
    };
    assert!(!owes(&mut World::new(), "docker,system"));
    let mut covered = World::new();
    covered.put(&format!("{DIRECTORY}/ca.crt"), pem(&[&root.certificate]));
    assert!(!owes(&mut covered, "system"));
    let mut stopped = World::new();
    stopped.process.running = None;
    assert!(!owes(&mut stopped, "system"));
}

#[test]
fn a_file_that_is_not_in_the_bundle_is_refreshed() {
    let root = Authority::root("Root");
    let mut world = with_system(&root.certificate);
    world.trust.bundle = Some(bundle(&[]));
    let plan = apply(&mut world, given(&[&root.certificate], json!({"stores": "system"}))).unwrap();
    assert!(
        matches!(&plan.changes[..], [Change::Owe(_), Change::RefreshTrustStore(_)]),
        "{:?}",
        summaries(&plan)
    );
}

#[test]
fn absence_from_the_systems_store_is_not_done_before_a_restart() {
    let root = Authority::root("Root");
    let mut world = with_system(&root.certificate);
    world.trust.strays.push(Stray {
        path: path("/etc/ssl/certs/old.pem"),
        content: pem(&[&root.certificate]).into_bytes(),
        mtime: 0,
    });
    let plan = apply(&mut world, json!({"state": "absent", "stores": "system"})).unwrap();
    assert!(matches!(&plan.changes[..], [Change::Owe(_), Change::Remove(_), Change::RefreshTrustStore(r)]
        if r.absent.len() == 1 && r.command == ["update-ca-certificates", "--fresh"]));
    assert!(says(&plan, "`/etc/ssl/certs/old.pem` holds"));
    assert_eq!(plan.result["system"], "removed");
}

#[test]
fn a_removal_that_was_cut_off_is_finished() {
    let root = Authority::root("Root");
    let mut world = World::new();
    world.trust.bundle = Some(bundle(&[&root.certificate]));
    let link = format!("/etc/ssl/certs/dtrctl-dtr.example.com_5000-{}.pem", short(&root.certificate));
    world.trust.dangling.push(path(&link));
    let plan = apply(&mut world, json!({"state": "absent", "stores": "system"})).unwrap();
    assert!(
        matches!(&plan.changes[..], [Change::Owe(_), Change::RefreshTrustStore(r)] if r.absent.len() == 1)
    );
}

#[test]
fn a_certificate_that_the_distribution_ships_too_is_not_expected_to_go() {
    let root = Authority::root("Root");
    let mut world = with_system(&root.certificate);
    world.trust.bundle = Some(bundle(&[&root.certificate, &root.certificate]));
    let plan = apply(&mut world, json!({"state": "absent", "stores": "system"})).unwrap();
    assert!(says(&plan, "by another source"));
    assert_eq!(plan.owed, None);
}

#[test]
fn the_systems_store_refuses_what_does_not_belong_there() {
    let refused = |id: &str, arguments: Value| {
        let mut world = World::new();
        world.host.facts.id = id.into();
        let error = apply(&mut world, arguments).unwrap_err();
        assert!(error.help.as_deref().unwrap().contains("stores"), "{error:?}");
        error.message
    };
    let root = Authority::root("Root");
    let system = || json!({"stores": "docker,system"});
    let first = json!({"stores": "system", "first_use": true});
    assert!(refused("debian", given(&[&root.certificate], first)).contains("first use"));
    assert!(refused("debian", given(&[&root.leaf(&[HOST])], system())).contains("server's certificate"));
    assert!(refused("nixos", given(&[&root.certificate], system())).contains("`nixos` is not known"));
    let mut bare = World::new();
    bare.trust.bundle = None;
    let error = apply(&mut bare, given(&[&root.certificate], system())).unwrap_err();
    assert!(error.help.unwrap().contains("`ca-certificates`"));
}

#[test]
fn what_the_systems_store_would_leave_out_goes_into_dockers() {
    let leaf = self_signed(&[HOST]);
    let root = Authority::root("Root");
    let mut world = World::new();
    world.host.facts.id = "rocky".into();
    world.trust.bundle = Some(Bundle { path: path("/etc/pki/tls/certs/ca-bundle.crt"), ..bundle(&[]) });
    let arguments = || given(&[&leaf, &root.certificate], json!({"stores": "system"}));
    let plan = apply(&mut world, arguments()).unwrap();
    assert!(says(&plan, "leaves `CN=dtr.example.com` out without a word"), "{:?}", plan.notes);
    assert!(says(&plan, "Docker's store is taken instead"));
    assert_eq!(
        (plan.result["docker"].clone(), plan.result["system"].clone()),
        ("installed".into(), "installed".into())
    );
    let done = summaries(&plan);
    assert!(done.contains(&format!("create {}", in_certs_d(&leaf))), "{done:?}");
    assert!(!done.iter().any(|line| line.contains("/anchors/") && line.contains(short(&leaf))));
    assert!(done.iter().any(|line| line.contains("/anchors/") && line.contains(short(&root.certificate))));
    // A leaf alone.
    let only = given(&[&leaf], json!({"stores": "system"}));
    assert_eq!(world.plan::<InstallAnchor>(with(only)).unwrap().result["system"], "redirected");
    // The way back finds what was put elsewhere.
    let back = apply(&mut world, json!({"state": "absent", "stores": "system"})).unwrap();
    assert!(summaries(&back).contains(&format!("remove {}", in_certs_d(&leaf))), "{:?}", back.changes);
    // Without docker nobody would read it.
    world.process.installed = false;
    let error = world.plan::<InstallAnchor>(with(arguments())).unwrap_err();
    assert!(error.message.contains("without a word"), "{error:?}");
}

#[test]
fn builders_with_a_trust_of_their_own_are_named() {
    let mut world = World::new();
    world.builders = vec!["ci".to_owned()];
    let plan = apply(&mut world, given(&[&self_signed(&[HOST])], json!({}))).unwrap();
    assert!(says(&plan, "the buildx builder `ci` has a trust of its own and stays untouched"));
    assert_eq!(plan.result["builders"], json!(["ci"]));
}

#[test]
fn an_unknown_system_is_known_by_its_directories() {
    let root = Authority::root("Root");
    let mut world = World::new();
    world.host.facts.id = "homegrown".into();
    world.put("/usr/local/share/ca-certificates/keep", "");
    let plan =
        world.plan::<InstallAnchor>(with(given(&[&root.certificate], json!({"stores": "system"})))).unwrap();
    assert!(summaries(&plan).iter().any(|line| line.starts_with("run update-ca-certificates")));
}

#[test]
fn files_of_others_that_break_a_reader_are_named_and_do_not_count() {
    let anchor = self_signed(&[HOST]);
    let mut world = World::new();
    world.put(&format!("{DIRECTORY}/ca.crt"), pem(&[&anchor]));
    world.put(&format!("{DIRECTORY}/ca.cert"), pem(&[&anchor]));
    world.put(&format!("{DIRECTORY}/marked.crt"), format!("\u{feff}{}", pem(&[&anchor])));
    world.put(&format!("{DIRECTORY}/hosts.toml"), "");
    world.put("/etc/docker/certs.d/dtr.example.com_5000_/ca.crt", "");
    world.put("/etc/docker/certs.d/_default/ca.crt", "");
    world.files.insert(path(&format!("{DIRECTORY}/gone.crt")), (true, FileKind::Absent));
    let plan = apply(&mut world, given(&[&anchor], json!({}))).unwrap();
    assert_eq!(summaries(&plan), [format!("create {}", in_certs_d(&anchor))]);
    for text in [
        "`ca.key` is missing",
        "marked.crt` holds no certificate",
        "gone.crt` is a link",
        "hosts.toml",
        "_5000_` stands before",
        "_default",
    ] {
        assert!(says(&plan, text), "{text}: {:?}", plan.notes);
    }
}

#[test]
fn without_a_daemon_dockers_store_is_skipped_aloud() {
    let root = Authority::root("Root");
    let mut world = World::new();
    world.process.installed = false;
    world.process.running = None;
    let plan = apply(&mut world, given(&[&root.certificate], json!({}))).unwrap();
    assert!(plan.skipped.unwrap().contains("no docker daemon is installed"));
    let plan = apply(&mut world, given(&[&root.certificate], json!({"stores": "docker,system"}))).unwrap();
    assert_eq!((&plan.result["docker"], &plan.result["system"]), (&json!("skipped"), &json!("installed")));
}

#[test]
fn what_is_no_use_is_said() {
    let ended = expired(&[HOST]);
    assert!(says(&apply(&mut World::new(), given(&[&ended], json!({}))).unwrap(), "ended on"));
    let stranger = json!({"chain": pem(&[&self_signed(&[HOST])])});
    let plan = apply(&mut World::new(), given(&[&self_signed(&[HOST])], stranger)).unwrap();
    assert!(says(&plan, "does not lead to the given"));
    let error = apply(&mut World::new(), json!({})).unwrap_err();
    assert!(error.message.contains("no certificate to install"));
    let mut world = World::new();
    let anchor = self_signed(&[HOST]);
    world.put(&format!("{}/inside", in_certs_d(&anchor)), "");
    let error = apply(&mut world, given(&[&anchor], json!({}))).unwrap_err();
    assert!(error.message.contains("no regular file"), "{error}");
}

const COPY: &str = "/var/lib/boot2docker/dtrctl/certs.d/dtr.example.com:5000";
const BOOTSYNC: &str = "/var/lib/boot2docker/bootsync.sh";
const CERTS: &str = "/var/lib/boot2docker/certs";

fn boot2docker(version: &str) -> World {
    let mut world = World::new();
    "boot2docker".clone_into(&mut world.host.facts.id);
    version.clone_into(&mut world.host.facts.version_id);
    "boot2docker".clone_into(&mut world.host.facts.init);
    world
}

/// The text that a plan writes to a path.
fn written(plan: &Plan, at: &str) -> Option<String> {
    plan.changes.iter().find_map(|change| match change {
        Change::WriteFile(write) if write.path == path(at) => {
            Some(String::from_utf8_lossy(&write.content.bytes).into_owned())
        }
        _ => None,
    })
}

#[test]
fn boot2docker_keeps_dockers_store_since_1_10() {
    let anchor = self_signed(&[HOST]);
    let plan = apply(&mut boot2docker("1.10.0"), given(&[&anchor], json!({}))).unwrap();
    let expected = [format!("create directory {DIRECTORY}"), format!("create {}", in_certs_d(&anchor))];
    assert_eq!(summaries(&plan), expected);
    assert!(says(&plan, "`/etc/docker` is no link"), "where it is in memory, that is said");
}

#[test]
fn an_older_boot2docker_gets_a_copy_that_bootsync_puts_back() {
    let anchor = self_signed(&[HOST]);
    for existing in [None, Some("#!/bin/sh\necho mine\nexit 0\n")] {
        let mut world = boot2docker("1.9.1");
        if let Some(text) = existing {
            world.put(BOOTSYNC, text);
        }
        let plan = apply(&mut world, given(&[&anchor], json!({}))).unwrap();
        let copy = written(&plan, &format!("{COPY}/dtrctl-{}.crt", short(&anchor)));
        assert_eq!(copy, Some(pem(&[&anchor])));
        let script = written(&plan, BOOTSYNC).unwrap();
        assert!(script.starts_with("#!/bin/sh\n# dtrctl: begin") && script.contains("cp -R"), "{script}");
        assert!(
            existing.is_none_or(|text| script.ends_with(text.trim_start_matches("#!/bin/sh\n"))),
            "{script}"
        );
        let plan = apply(&mut world, json!({"state": "absent"})).unwrap();
        match existing {
            Some(text) => assert_eq!(written(&plan, BOOTSYNC).as_deref(), Some(text)),
            None => assert!(summaries(&plan).contains(&format!("remove {BOOTSYNC}"))),
        }
        let last = summaries(&plan);
        let gone = [
            format!("remove {COPY}/dtrctl-{}.crt", short(&anchor)),
            format!("remove directory {COPY}"),
            "remove directory /var/lib/boot2docker/dtrctl/certs.d".to_owned(),
            "remove directory /var/lib/boot2docker/dtrctl".to_owned(),
        ];
        assert!(gone.iter().all(|line| last.contains(line)), "{last:?}");
    }
}

#[test]
fn two_registries_share_the_block_and_the_last_takes_it_away() {
    let anchor = self_signed(&[HOST]);
    let mut world = boot2docker("1.8.0");
    apply(&mut world, given(&[&anchor], json!({}))).unwrap();
    let other = || json!("dtr.example.com:6000");
    let plan = apply(&mut world, given(&[&anchor], json!({"registry": other()}))).unwrap();
    assert_eq!(written(&plan, BOOTSYNC), None, "it is there already");
    let plan = apply(&mut world, json!({"state": "absent"})).unwrap();
    assert!(!summaries(&plan).iter().any(|line| line.contains("bootsync")), "{:?}", summaries(&plan));
    let plan = apply(&mut world, json!({"state": "absent", "registry": other()})).unwrap();
    assert!(summaries(&plan).contains(&format!("remove {BOOTSYNC}")), "{:?}", summaries(&plan));
}

#[test]
fn a_copy_that_was_lost_is_made_again() {
    let anchor = self_signed(&[HOST]);
    let mut world = boot2docker("1.9.1");
    world.put(&in_certs_d(&anchor), pem(&[&anchor]));
    let plan = apply(&mut world, given(&[&anchor], json!({}))).unwrap();
    assert!(written(&plan, &format!("{COPY}/dtrctl-{}.crt", short(&anchor))).is_some());
    assert_eq!(plan.result["docker"], "present");
}

#[test]
fn boot2dockers_bundle_is_made_as_its_boot_makes_it() {
    let root = Authority::root("root").certificate;
    let file = format!("{CERTS}/dtrctl-dtr.example.com_5000-{}.pem", short(&root));
    for (version, how, block) in [
        ("1.5.0", "append", true),
        ("1.6.1", "append", true),
        ("1.6.2", "append", false),
        ("18.06.1-ce", "append", false),
        ("18.09.0", "link", false),
        ("19.03.12", "link", false),
    ] {
        let mut world = boot2docker(version);
        let plan = apply(&mut world, given(&[&root], json!({"stores": "system"}))).unwrap();
        assert_eq!(written(&plan, &file), Some(pem(&[&root])), "{version}");
        let run = format!("run boot2docker_certificates {how} and look for the effect in");
        assert!(
            summaries(&plan).iter().any(|line| line.starts_with(&run)),
            "{version}: {:?}",
            summaries(&plan)
        );
        assert_eq!(written(&plan, BOOTSYNC).is_some(), block, "{version}");
        assert_eq!(plan.result["owed"], "restart", "{version}");
        assert!(!summaries(&plan).iter().any(|line| line.contains("server.pem")));
        let plan = apply(&mut world, json!({"stores": "system", "state": "absent"})).unwrap();
        let last = summaries(&plan);
        assert!(
            last.contains(&format!("remove {file}")) && last.contains(&format!("remove directory {CERTS}"))
        );
        assert_eq!(last.contains(&format!("remove {BOOTSYNC}")), block, "{version}: {last:?}");
    }
}

#[test]
fn a_bootsync_that_is_not_executable_is_made_so_where_boot_runs_it_itself() {
    let anchor = self_signed(&[HOST]);
    for (version, made) in [("1.6.0", true), ("1.8.0", false)] {
        let mut world = boot2docker(version);
        world.put(BOOTSYNC, "echo mine\n");
        let plan = apply(&mut world, given(&[&anchor], json!({}))).unwrap();
        let mode = plan.changes.iter().find_map(|change| match change {
            Change::WriteFile(write) if write.path == path(BOOTSYNC) => Some(write.ownership.mode.is_some()),
            _ => None,
        });
        assert_eq!(mode, Some(made), "{version}");
    }
}

#[test]
fn a_block_without_its_end_is_refused() {
    let anchor = self_signed(&[HOST]);
    let mut world = boot2docker("1.9.1");
    world.put(BOOTSYNC, "#!/bin/sh\n# dtrctl: begin\necho x\n");
    let error = apply(&mut world, given(&[&anchor], json!({}))).unwrap_err();
    assert!(error.message.starts_with(&format!("{BOOTSYNC}:2: ")), "{error}");
}
