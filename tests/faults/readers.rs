//! Everything that reads text of others, each as a function of bytes: for the fuzz targets in `fuzz/` and for the mutations of
//! `tests/it/faults/bytes.rs`. What is refused is fine; only a panic, a hang or too much memory is not.

use dtrctl::inventory::{Inventory, Pattern};
use dtrctl::yaml::{Source, parse};
use modules::daemon_config::edit::{Edit, apply, read, strict_json};
use modules::{Answer, Ask, Attributes, Facts, File, FileKind, Host, Mode, Process, Step, Validation, certs};
use serde_json::json;

/// A reader of bytes.
pub type Reader = fn(&[u8]);

/// YAML, as playbooks are written in it.
pub fn yaml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(node) = parse(&Source::new("any.yml", text)) {
        _ = node.to_json();
    }
}

fn inventory(bytes: &[u8], ending: &str) {
    let file = tempfile::Builder::new().suffix(ending).tempfile().expect("a temporary file");
    std::fs::write(file.path(), bytes).expect("a temporary file");
    if let Ok(inventory) = Inventory::load(&[file.path().to_string_lossy()], None) {
        _ = inventory.hosts().count();
    }
}

/// An inventory in Ansible's INI.
pub fn ini(bytes: &[u8]) {
    inventory(bytes, "");
}

/// An inventory in YAML or JSON.
pub fn yaml_inventory(bytes: &[u8]) {
    inventory(bytes, ".yml");
}

/// JSON, and Docker's `daemon.json` that is edited.
pub fn daemon_json(bytes: &[u8]) {
    _ = strict_json(bytes);
    let merge = json!({"insecure-registries": ["registry.example:5000"], "log-opts": {"max-size": "10m"}});
    let edit = Edit { merge: merge.as_object().expect("a mapping").clone(), ..Edit::default() };
    if read(bytes).is_ok()
        && let Ok(edited) = apply(Some(bytes), &edit)
    {
        let again = apply(Some(&edited.text), &edit).expect("what was edited can be edited");
        assert!(!again.changed, "the second edit changes something");
    }
}

/// A profile of `Boot2Docker`, to which a flag is added.
pub fn profile(bytes: &[u8]) {
    let entry = modules::find("boot2docker_profile").expect("the module is listed");
    let facts = Facts { id: "boot2docker".into(), version_id: "19.03.5".into(), ..Facts::default() };
    let task = entry.read(json!({"flags": ["--label=x=y"]})).expect("the arguments are read");
    let mut probe = task.start(&Host::new("b2d", facts));
    loop {
        let answers = probe.asks().iter().map(|ask| answer(ask, bytes)).collect();
        match probe.resume(answers).expect("every ask is answered") {
            Step::Ready(_) => return,
            Step::More(next) => probe = next,
        }
    }
}

fn answer(ask: &Ask, profile: &[u8]) -> Answer {
    let owner = || "root".to_owned();
    let attributes = Attributes {
        mode: Mode::new(0o644),
        uid: 0,
        gid: 0,
        owner: owner(),
        group: owner(),
        size: 0,
        mtime: 0,
    };
    match ask {
        Ask::File(ask) if ask.path.as_str() == "/var/lib/boot2docker/profile" => Answer::File(File {
            path: ask.path.clone(),
            target: None,
            link: None,
            kind: FileKind::File(attributes, Some(profile.to_vec())),
        }),
        Ask::File(ask) => {
            Answer::File(File { path: ask.path.clone(), target: None, link: None, kind: FileKind::Absent })
        }
        Ask::Process(_) => Answer::Process(Process { installed: true, running: None, units: Vec::new() }),
        Ask::Owed(_) => Answer::Owed(Vec::new()),
        Ask::Syntax(_) => Answer::Syntax(Validation { accepted: true, message: String::new() }),
        other => panic!("nobody has said what to answer to {other:?}"),
    }
}

/// Certificates, in PEM and what stands around it.
pub fn pem(bytes: &[u8]) {
    _ = certs::read(bytes);
    for certificate in certs::read_bundle(bytes).certificates {
        _ = certificate.facts();
        _ = certs::encode(&certificate);
    }
    _ = certs::inspect(bytes);
}

/// A pattern of hosts.
pub fn pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    _ = Pattern::from_argument("hosts", text);
    _ = Pattern::from_limit(text, || Ok(String::new()));
}
