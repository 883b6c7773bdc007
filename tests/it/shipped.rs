//! The shipped playbooks by the law, on hosts that are folders, with a registry's stand-in on loopback.

use dtrctl::net::stand_in::StandIn;
use serde_json::Value as Json;

use crate::harness::{World, shipped};

/// A registry that listens as long as this lives, and a world that has its root in `root.pem`.
struct Registry {
    name: String,
    _stand_in: StandIn,
    _runtime: tokio::runtime::Runtime,
}

fn registry(world: World) -> (World, Registry) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stand_in = runtime.block_on(StandIn::start()).unwrap();
    let name = format!("localhost:{}", stand_in.address.port());
    let mut world = world.file("root.pem", &stand_in.root);
    for playbook in ["trust-registry.yml", "untrust-registry.yml", "insecure-registry.yml"] {
        world = world.file(playbook, std::fs::read(shipped(playbook)).unwrap());
    }
    (world, Registry { name, _stand_in: stand_in, _runtime: runtime })
}

fn files(world: &World, host: &str) -> Vec<String> {
    world.trees()[host].contents().into_keys().collect()
}

#[test]
fn trust_and_untrust() {
    let (world, registry) = registry(World::with(&["web1", "web2"]));
    let before = world.trees()["web1"].contents();
    let name = format!("registry={}", registry.name);
    let law = world.law_of("trust-registry.yml", &["-e", &name, "-e", "registry_ca=root.pem"]);
    for host in ["web1", "web2"] {
        assert_eq!(law.first.recap(host)["state"], "changed");
        assert_eq!(law.second.recap(host)["state"], "ok");
        assert_eq!(law.second.recap(host)["trips"], 1);
    }
    let root = std::fs::read_to_string(world.path("root.pem")).unwrap();
    let folder = world.root("web1").join("etc/docker/certs.d").join(&registry.name);
    let anchors: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(anchors.len(), 1);
    assert_eq!(pem_body(&std::fs::read_to_string(&anchors[0]).unwrap()), pem_body(&root));
    world.law_of("untrust-registry.yml", &["-e", &name]);
    let left: Vec<_> = world.trees()["web1"]
        .contents()
        .into_iter()
        .filter(|(path, entry)| before.get(path) != Some(entry))
        .collect();
    eprintln!("left after untrust: {:?}", left.iter().map(|(path, _)| path).collect::<Vec<_>>());
    assert!(!files(&world, "web1").iter().any(|path| path.contains(&registry.name)));
}

/// The Base64 of the first certificate in a PEM.
fn pem_body(text: &str) -> String {
    let inside = text.split("-----").nth(2).unwrap();
    inside.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn trust_in_both_stores() {
    let (world, registry) = registry(World::new());
    let name = format!("registry={}", registry.name);
    let stores = ["-e", &name, "-e", "registry_ca=root.pem", "-e", "stores=docker,system"];
    world.law_of("trust-registry.yml", &stores);
    let root = pem_body(&std::fs::read_to_string(world.path("root.pem")).unwrap());
    let flat = |text: String| text.replace('\n', "");
    assert!(flat(world.text("/etc/ssl/certs/ca-certificates.crt")).contains(&root));
    world.law_of("untrust-registry.yml", &["-e", &name]);
    let bundle = world.root("web1").join("etc/ssl/certs/ca-certificates.crt");
    assert!(!flat(std::fs::read_to_string(bundle).unwrap_or_default()).contains(&root));
}

#[test]
fn a_root_is_needed_where_none_is_sent() {
    let (world, registry) = registry(World::new());
    let before = world.trees();
    let name = format!("registry={}", registry.name);
    let call =
        world.dtrctl(&["apply", "trust-registry.yml", "-i", "hosts.yml", "--format", "jsonl", "-e", &name]);
    let ran = call.code(3).run();
    let reason = &ran.recap("web1")["reason"];
    let said = format!("{} {}", reason["message"], reason["help"]);
    assert!(said.contains("registry_ca") || said.contains("pin"), "{said}");
    assert_eq!(before, world.trees());
}

#[test]
fn a_wrong_pin_and_a_registry_that_is_down_touch_nothing() {
    let (world, registry) = registry(World::new());
    let before = world.trees();
    let port = crate::sshd::free_port();
    let (up, down) = (format!("registry={}", registry.name), format!("registry=localhost:{port}"));
    let wrong_pin = format!("registry_pin=sha256:{}", "0".repeat(64));
    let cases: [&[&str]; 3] = [
        &["-e", &up, "-e", "registry_ca=root.pem", "-e", &wrong_pin],
        &["-e", &down, "-e", "registry_ca=root.pem"],
        &["-e", &up, "-e", "registry_ca=none.pem"],
    ];
    for case in cases {
        let call = world.dtrctl(&["apply", "trust-registry.yml", "-i", "hosts.yml", "--format", "jsonl"]);
        let ran = call.args(case).code(3).run();
        let reason = &ran.recap("web1")["reason"]["message"];
        eprintln!("{case:?}: {reason} {}", ran.recap("web1")["reason"]["help"]);
        assert!(reason.as_str().is_some_and(|text| text.len() > 20), "{reason}");
        assert_eq!(before, world.trees(), "{case:?}");
    }
}

#[test]
fn without_the_registry_nothing_begins() {
    let world = World::new();
    for playbook in ["trust-registry.yml", "untrust-registry.yml", "insecure-registry.yml"] {
        let path = shipped(playbook).display().to_string();
        let ran = world.dtrctl(&["apply", &path, "-i", "hosts.yml"]).any_stderr();
        let before = world.trees();
        let said = ran.code(3).run();
        let said = said.stdout + &said.stderr;
        assert!(said.contains("`registry` is undefined"), "{said}");
        assert_eq!(before, world.trees());
    }
}

#[test]
fn a_misspelt_variable_is_told_how_to_give_it() {
    let world = World::new();
    let path = shipped("trust-registry.yml").display().to_string();
    let ran = world.dtrctl(&["apply", &path, "-i", "hosts.yml", "-e", "registri=dtr.corp"]).any_stderr();
    let said = ran.code(3).run().stdout;
    assert!(said.contains("did you mean `registri`?") && said.contains("`-e registry=…`"), "{said}");
}

#[test]
fn a_relative_file_that_is_not_there_says_where_it_was_looked_for() {
    let (world, registry) = registry(World::new());
    let name = format!("registry={}", registry.name);
    let flags = ["-e", &name, "-e", "registry_ca=none.pem"];
    let call = world.dtrctl(&["apply", "trust-registry.yml", "-i", "hosts.yml"]).args(&flags);
    let said = call.any_stderr().code(3).run().stdout;
    let why = "none.pem` cannot be read here: No such file or directory (os error 2); a relative path begins at the playbook's directory";
    assert!(said.contains(why), "{said}");
}

#[test]
fn a_state_that_is_none_is_refused() {
    let world = World::new();
    let path = shipped("insecure-registry.yml").display().to_string();
    let args = ["apply", &path, "-i", "hosts.yml", "-e", "registry=dtr.corp", "-e", "state=gone"];
    let before = world.trees();
    let said = world.dtrctl(&args).any_stderr().code(3).run().stdout;
    assert!(said.contains("`state` is `present` or `absent`"), "{said}");
    assert_eq!(before, world.trees());
}

const DAEMON_JSON: &str = "{\n\t\"log-driver\" : \"json-file\",\r\n\t\"x-big\": 12345678901234567890123 ,\n\t\"insecure-registries\":[\"old:5000\"]\n}";

#[test]
fn an_insecure_registry_is_listed_and_taken_out() {
    let text = DAEMON_JSON.replace("\t\"x-big\": 12345678901234567890123 ,\n", "");
    let (world, registry) = registry(World::new().host_file("web1", "/etc/docker/daemon.json", &text));
    let name = format!("registry={}", registry.name);
    world.law_of("insecure-registry.yml", &["-e", &name]);
    let now = world.text("/etc/docker/daemon.json");
    let with = format!("[\"old:5000\", \"{}\"]", registry.name);
    let json: Json = serde_json::from_str(&now).unwrap();
    assert_eq!(json["insecure-registries"].to_string().replace(',', ", "), with);
    assert!(
        now.starts_with("{\n\t\"log-driver\" : \"json-file\",\r\n\t\"insecure-registries\":["),
        "{now:?}"
    );
    world.law_of("insecure-registry.yml", &["-e", &name, "-e", "state=absent"]);
    assert_eq!(world.text("/etc/docker/daemon.json"), text);
}

#[test]
fn where_there_was_no_daemon_json_there_is_none_afterwards() {
    let (world, registry) = registry(World::new());
    let before = world.trees()["web1"].contents();
    let name = format!("registry={}", registry.name);
    world.law_of("insecure-registry.yml", &["-e", &name]);
    assert!(world.text("/etc/docker/daemon.json").contains(&registry.name));
    world.law_of("insecure-registry.yml", &["-e", &name, "-e", "state=absent"]);
    assert_eq!(world.trees()["web1"].contents(), before);
}

#[test]
fn a_daemon_json_that_is_not_understood_is_refused_untouched() {
    for text in
        ["{\"insecure-registries\": \"a\"}", "{,}", "[]", "{\"a\": 1, \"a\": 2}", "{\"no-such-key\": 1}", ""]
    {
        let (world, registry) = registry(World::new().host_file("web1", "/etc/docker/daemon.json", text));
        let name = format!("registry={}", registry.name);
        let call = world.dtrctl(&[
            "apply",
            "insecure-registry.yml",
            "-i",
            "hosts.yml",
            "--format",
            "jsonl",
            "-e",
            &name,
        ]);
        let before = world.trees();
        let mut child = call.command().spawn().unwrap();
        let code = child.wait().unwrap().code();
        if code == Some(0) {
            eprintln!("taken: {text:?} -> {:?}", world.text("/etc/docker/daemon.json"));
            continue;
        }
        assert_eq!(code, Some(3), "{text:?}");
        assert_eq!(before, world.trees(), "{text:?}");
    }
}

#[test]
fn trust_on_first_use_is_remembered_beside_the_playbook() {
    // The stand-in does not send its root, so what can be accepted is the leaf alone.
    let (world, registry) = registry(World::new());
    let name = format!("registry={}", registry.name);
    let flags = ["-e", &name, "-e", "trust_on_first_use=true"];
    let call = world.dtrctl(&["apply", "trust-registry.yml", "-i", "hosts.yml", "--format", "jsonl"]);
    let ran = call.args(&flags).any_stderr();
    let mut child = ran.command().stdout(std::process::Stdio::null()).spawn().unwrap();
    let code = child.wait().unwrap().code();
    let lock = std::fs::read_to_string(world.path("dtrctl.lock")).unwrap_or_default();
    eprintln!("exit {code:?}; dtrctl.lock: {lock}");
    assert_eq!(code == Some(0), lock.contains(&registry.name));
}

#[test]
fn certificates_are_made_kept_and_taken_away() {
    let world =
        World::new().file("make-certificates.yml", std::fs::read(shipped("make-certificates.yml")).unwrap());
    let folder = world.path("pki");
    let at = format!("folder={}", folder.display());
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(&folder).into_iter().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let run = |more: &[&str]| {
        let call = world.dtrctl(&[
            "apply",
            "make-certificates.yml",
            "-i",
            "hosts.yml",
            "--format",
            "jsonl",
            "-e",
            &at,
        ]);
        call.args(&["-e", "registry=dtr.corp:5000"]).args(more).run()
    };
    let more = ["-e", "names='192.0.2.10, *.dtr.corp'"];
    run(&[&more[..], &["--check"]].concat());
    assert_eq!(names(), Vec::<String>::new(), "check makes nothing");
    assert_eq!(run(&more).recap("localhost")["state"], "changed");
    assert_eq!(names(), ["ca.key", "ca.pem", "dtr.corp.key", "dtr.corp.pem"]);
    let again = run(&more);
    assert!(again.plan().is_empty() && again.recap("localhost")["trips"] == 1, "{}", again.stdout);
    let leaf = modules::certs::read(&std::fs::read(folder.join("dtr.corp.pem")).unwrap()).unwrap().remove(0);
    let root = modules::certs::read(&std::fs::read(folder.join("ca.pem")).unwrap()).unwrap();
    let now = time::OffsetDateTime::now_utc();
    for host in ["dtr.corp:5000", "a.dtr.corp", "192.0.2.10"] {
        modules::certs::verify(&leaf, &[], &root, &host.parse().unwrap(), now).unwrap();
    }
    assert_eq!(root[0].facts().name_constraints, ["permitted DNS:dtr.corp", "permitted IP:192.0.2.10/32"]);
    run(&[&more[..], &["-e", "state=absent"]].concat());
    assert_eq!(names(), Vec::<String>::new());
    let request = ["-e", "pki=enterprise", "-e", "key_type=rsa-2048"];
    run(&request);
    assert_eq!(names(), ["dtr.corp.csr", "dtr.corp.key"]);
    assert!(run(&request).plan().is_empty());
    run(&[&request[..], &["-e", "state=absent"]].concat());
    assert_eq!(names(), Vec::<String>::new());
}
