use serde_json::{Value, json};

use super::RegistryTls;
use crate::certs::Certificate;
use crate::contract::{
    Change, FileKind, LocalView, Plan, PlanError, RegistryService, RegistryTls as Found, ReplaceRegistryTls,
    SavedPair, TlsFile, digest,
};
use crate::platform::path;
use crate::testing::{Authority, World, attributes, pem};

const NAME: &str = "dtr.example.com";

/// A registry on its host, what is served, and a new pair in the controller's folder.
struct Scene {
    world: World,
    old: Certificate,
    new: Certificate,
    arguments: Value,
}

impl Scene {
    fn new() -> Self {
        let root = Authority::root("Root");
        let (old, _) = root.pair(&[NAME]);
        let (new, key) = root.pair(&[NAME]);
        let mut world = World::new();
        world.local.insert("new.pem".into(), pem(&[&new]).into_bytes());
        world.local.insert("new.key".into(), key.into_bytes());
        world.local.insert("root.pem".into(), pem(&[&root.certificate]).into_bytes());
        world.served = Ok(vec![old.clone()]);
        world.registry_tls = Some(Found {
            running: Some(true),
            user: Some("docker-registry".into()),
            problem: None,
            certificate: Some(file("/etc/tls/dtr.pem", Some(pem(&[&old]).as_bytes()), false)),
            key: Some(file("/etc/tls/dtr.key", Some(b"old key"), true)),
            served: LocalView::Chain(vec![old.facts().sha256.clone()]),
            saved: None,
            kept: Vec::new(),
        });
        let arguments = json!({
            "registry": format!("{NAME}:5000"),
            "certificate_file": "new.pem",
            "key_file": "new.key",
            "ca": "root.pem",
            "service": "docker-registry",
        });
        Self { world, old, new, arguments }
    }

    fn found(&mut self) -> &mut Found {
        self.world.registry_tls.as_mut().expect("a registry")
    }

    fn given(&self, name: &str) -> Vec<u8> {
        self.world.local[name].clone()
    }

    /// As if the new pair were in its place.
    fn written(mut self) -> Self {
        let (certificate, key) = (self.given("new.pem"), self.given("new.key"));
        let found = self.found();
        found.certificate = Some(file("/etc/tls/dtr.pem", Some(&certificate), false));
        found.key = Some(file("/etc/tls/dtr.key", Some(&key), true));
        self
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.arguments[name] = value;
        self
    }

    fn plan(&mut self) -> Result<Plan, PlanError> {
        self.world.plan::<RegistryTls>(self.arguments.clone())
    }

    #[track_caller]
    fn refused(&mut self, words: &[&str]) {
        let error = self.plan().expect_err("it is refused");
        let said = format!("{} | {}", error.message, error.help.unwrap_or_default());
        for word in words {
            assert!(said.contains(word), "no `{word}` in: {said}");
        }
    }

    /// The one change, applied; nothing is left to do then.
    fn apply(&mut self) -> (ReplaceRegistryTls, Plan) {
        let plan = self.world.apply::<RegistryTls>(self.arguments.clone()).expect("a plan");
        let [Change::ReplaceRegistryTls(replace)] = &plan.changes[..] else { panic!("{:?}", plan.changes) };
        (*replace.clone(), plan)
    }
}

/// A file of root's, mode 0640.
fn file(at: &str, content: Option<&[u8]>, key: bool) -> TlsFile {
    let kind = content.map_or(FileKind::Absent, |content| {
        let mut attributes = attributes(content.len());
        attributes.mode = crate::contract::Mode::new(0o640);
        FileKind::File(attributes, (!key).then(|| content.to_vec()))
    });
    TlsFile { path: path(at), kind, sha256: content.map(digest), holds_key: key, has_directory: true }
}

fn notes(plan: &Plan) -> String {
    plan.notes.iter().map(|note| note.text.clone() + "\n").collect()
}

#[test]
fn a_new_pair_is_one_change_and_its_key_is_nowhere_in_the_plan() {
    let mut scene = Scene::new();
    let (replace, plan) = scene.apply();
    assert!(replace.writes);
    assert_eq!(replace.service, RegistryService::Service("docker-registry".into()));
    assert_eq!(replace.addresses, ["127.0.0.1:5000", "dtr.example.com:5000"]);
    assert_eq!(replace.chain, [scene.new.facts().sha256.clone()]);
    assert_eq!(replace.certificate.content.bytes, scene.given("new.pem"));
    assert_eq!(replace.key.content.bytes, scene.given("new.key"));
    let json = serde_json::to_string(&plan).expect("a plan is JSON");
    assert!(!json.contains(&digest(b"old key")), "{json}");
    let shown = json + &format!("{plan:?}");
    let key = String::from_utf8(scene.given("new.key")).expect("text");
    assert!(!shown.contains(key.lines().nth(1).expect("a key has lines")), "{shown}");
    assert_eq!(plan.result["certificate_path"], "/etc/tls/dtr.pem");
    assert_eq!(plan.result["previous"], format!("sha256:{}", scene.old.facts().sha256));
    assert!(notes(&plan).contains("hosts that trust `CN=Root`"), "{}", notes(&plan));
    assert!(notes(&plan).contains("cut off"), "{}", notes(&plan));
    assert!(plan.changes[0].summary().contains("/etc/tls/dtr.pem and /etc/tls/dtr.key as one"));
}

#[test]
fn a_service_that_could_not_read_its_files_again_is_not_restarted() {
    let owned = |owner: &str, mode: u16| {
        let mut scene = Scene::new();
        let mut key = file("/etc/tls/dtr.key", Some(b"old key"), true);
        let FileKind::File(attributes, _) = &mut key.kind else { panic!("a file") };
        (attributes.owner, attributes.mode) = (owner.to_owned(), crate::contract::Mode::new(mode));
        scene.found().key = Some(key);
        scene
    };
    owned("root", 0o600).refused(&[
        "`/etc/tls/dtr.key` belongs to `root`",
        "runs as `docker-registry`",
        "owner: docker-registry",
    ]);
    for (owner, mode) in [("docker-registry", 0o600), ("root", 0o640), ("root", 0o604)] {
        assert_eq!(owned(owner, mode).plan().expect("a plan").changes.len(), 1, "{owner} {mode:o}");
    }
    let mut as_root = owned("root", 0o600);
    as_root.found().user = None;
    assert_eq!(as_root.plan().expect("a plan").changes.len(), 1);
}

#[test]
fn what_is_served_already_is_left_alone_however_its_file_is_written() {
    let mut scene = Scene::new().written();
    let new = scene.new.clone();
    scene.found().served = LocalView::Chain(vec![new.facts().sha256.clone()]);
    scene.world.served = Ok(vec![new.clone()]);
    assert_eq!(scene.plan().expect("a plan").changes, []);
    let with_text = [b"subject: dtr\n", &scene.given("new.pem")[..]].concat();
    scene.found().certificate = Some(file("/etc/tls/dtr.pem", Some(&with_text), false));
    assert_eq!(scene.plan().expect("a plan").changes, []);
    // The controller alone may be kept from it.
    scene.world.served = Err("no route".into());
    let plan = scene.plan().expect("a plan");
    assert!(plan.changes.is_empty() && notes(&plan).contains("is not reached: no route"), "{}", notes(&plan));
    // What stands before it is not mended by a restart.
    scene.world.served = Ok(vec![scene.old.clone()]);
    scene.refused(&["on its own host", "shows another one (`CN=dtr.example.com`)", "load balancer"]);
}

#[test]
fn a_pair_that_is_there_and_not_read_yet_is_a_restart() {
    let mut scene = Scene::new().written();
    let (replace, _) = scene.apply();
    assert!(!replace.writes && replace.reason.contains("still serves another"), "{}", replace.reason);
    assert_eq!(replace.summary().split(':').next(), Some("restart docker-registry"));
    let mut scene = Scene::new().written();
    scene.found().served = LocalView::Nobody;
    scene.found().running = Some(false);
    let (replace, plan) = scene.apply();
    assert!(replace.reason.contains("does not run") && notes(&plan).contains("it is started"));
}

#[test]
fn half_a_pair_is_written_whole() {
    let mut scene = Scene::new().written();
    scene.found().key = Some(file("/etc/tls/dtr.key", Some(b"old key"), true));
    let (replace, _) = scene.apply();
    assert!(replace.writes);
}

#[test]
fn a_host_without_eyes_is_seen_from_the_controller() {
    let mut scene = Scene::new().written();
    scene.found().served = LocalView::Blind;
    let plan = scene.plan().expect("a plan");
    assert_eq!(plan.changes.len(), 1);
    assert!(notes(&plan).contains("neither openssl nor curl"), "{}", notes(&plan));
    scene.world.served = Ok(vec![scene.new.clone()]);
    assert_eq!(scene.plan().expect("a plan").changes, []);
    scene.world.served = Err("no route".into());
    let plan = scene.plan().expect("a plan");
    assert!(plan.changes.is_empty() && notes(&plan).contains("is not known"), "{}", notes(&plan));
}

#[test]
fn a_new_key_belongs_to_the_service_alone() {
    let mut scene = Scene::new();
    scene.found().certificate = Some(file("/etc/tls/dtr.pem", None, false));
    scene.found().key = Some(file("/etc/tls/dtr.key", None, true));
    let (replace, _) = scene.apply();
    let owner = replace.key.ownership.owner.map(|owner| owner.as_str().to_owned());
    assert_eq!(owner.as_deref(), Some("docker-registry"));
    assert_eq!(replace.key.ownership.mode.map(|mode| mode.to_string()).as_deref(), Some("0600"));
}

#[test]
fn what_cannot_be_right_is_refused_before_anything_is_touched() {
    let mut scene = Scene::new();
    scene.found().certificate = Some(file("/etc/tls/dtr.pem", Some(b"key"), true));
    scene.refused(&["/etc/tls/dtr.pem", "a private key stands in it"]);
    let mut scene = Scene::new();
    scene.found().key = scene.found().certificate.clone();
    scene.refused(&["both the certificate and the key"]);
    let mut scene = Scene::new();
    let gone = TlsFile { has_directory: false, ..file("/etc/tlz/dtr.pem", None, false) };
    scene.found().certificate = Some(gone);
    scene.refused(&["/etc/tlz` is not there"]);
    let mut scene = Scene::new();
    scene.found().problem = Some(("not_mounted".into(), "/tls/c".into()));
    scene.refused(&["`/tls/c` lies in the container itself", "-v"]);
    let other = Scene::new().given("new.key");
    let mut scene = Scene::new();
    scene.world.local.insert("new.key".into(), other);
    scene.refused(&["`new.key`", "private key does not match public key"]);
    Scene::new().with("timeout", json!(0)).refused(&["`timeout: 0` is not between 1 and 600"]);
    Scene::new().with("service", json!("")).refused(&["is not said", "container: NAME"]);
    Scene::new().with("container", json!("registry")).refused(&["exclude each other"]);
    Scene::new().with("key", json!("x")).refused(&["both `key` and `key_file`"]);
    Scene::new().with("key_file", json!(null)).refused(&["there is no key", "`key_file`"]);
}

#[test]
fn names_that_would_be_options_are_no_names() {
    for name in ["-f", "a b", "$(id)", "a/b", "", "é"] {
        let mut arguments = Scene::new().arguments;
        arguments["service"] = json!(name);
        assert_eq!(serde_json::from_value::<RegistryTls>(arguments).is_err(), !name.is_empty(), "{name}");
    }
    let key = json!({"registry": "r", "key": "canary"});
    let read = serde_json::from_value::<RegistryTls>(key).expect("it is read");
    assert!(!format!("{read:?}").contains("canary"));
}

#[test]
fn a_sandbox_has_files_and_no_registry() {
    let mut scene = Scene::new();
    scene.world.host.facts.sandbox = true;
    scene.found().served = LocalView::Blind;
    let (replace, _) = scene.apply();
    assert!(replace.writes);
    let plan = scene.plan().expect("a plan");
    assert!(
        plan.changes.is_empty() && notes(&plan).contains("a sandbox has no registry"),
        "{}",
        notes(&plan)
    );
}

#[test]
fn an_old_pair_is_put_back_without_its_key_leaving_the_host() {
    let mut scene =
        Scene::new().written().with("restore", json!("20260601T120000Z-0f")).with("key_file", json!(""));
    scene.arguments["certificate_file"] = json!("");
    scene.refused(&["no old pair is kept"]);
    scene.found().kept = vec!["20260501T120000Z-0e".into()];
    scene.refused(&["no pair `20260601T120000Z-0f`", "20260501T120000Z-0e"]);
    let certificate = pem(&[&scene.old]).into_bytes();
    scene.found().saved = Some(SavedPair { certificate, key_sha256: digest(b"old key"), key_size: 7 });
    let (replace, _) = scene.apply();
    assert!(replace.writes && replace.key.content.bytes.is_empty());
    assert_eq!(replace.chain, [scene.old.facts().sha256.clone()]);
    assert!(replace.summary().starts_with("put the pair 20260601T120000Z-0f back as /etc/tls/dtr.pem"));
    scene.with("key_file", json!("new.key")).refused(&["beside a new certificate or key"]);
}
