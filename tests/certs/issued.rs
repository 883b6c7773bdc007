//! What `generate_cert` plans and `issue` makes, at any time of the clock: kept, renewed, refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dtrctl::issue;
use modules::certs::{self, Certificate, PrivateKey, Request, verify};
use modules::{
    Answer, Ask, Attributes, Change, Facts, File, FileKind, GenerateCertificate, Host, HostPath, Mode, Plan,
    PlanError, Step,
};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use crate::pki::now;

/// A host with nothing but files, and a clock that can be set.
struct Desk {
    files: BTreeMap<String, Vec<u8>>,
    mode: u16,
    now: OffsetDateTime,
}

fn attributes(mode: u16, size: usize) -> Attributes {
    let root = "root".to_owned();
    Attributes {
        mode: Mode::new(mode),
        uid: 0,
        gid: 0,
        owner: root.clone(),
        group: root,
        size: size as u64,
        mtime: 0,
    }
}

impl Desk {
    fn new() -> Self {
        Self { files: BTreeMap::new(), mode: 0o600, now: now() }
    }

    fn file(&self, path: &HostPath) -> File {
        let kind = match self.files.get(path.as_str()) {
            Some(content) => FileKind::File(attributes(self.mode, content.len()), Some(content.clone())),
            None if path.as_str() == "/pki" => FileKind::Directory(attributes(0o755, 0)),
            None => FileKind::Absent,
        };
        File { path: path.clone(), target: None, link: None, kind }
    }

    fn plan(&self, arguments: &Json) -> Result<Plan, PlanError> {
        let entry = modules::find("generate_cert").expect("the module");
        let task = entry.read(arguments.clone()).map_err(|error| PlanError::new(error.to_string()))?;
        let mut probe = task.start(&Host::new("localhost", Facts::default()));
        loop {
            let answer = |ask: &Ask| match ask {
                Ask::File(ask) => Answer::File(self.file(&ask.path)),
                Ask::Now(_) => Answer::Now(self.now),
                other => panic!("{other:?}"),
            };
            let answers = probe.asks().iter().map(answer).collect();
            match probe.resume(answers).expect("answers") {
                Step::Ready(plan) => return plan,
                Step::More(more) => probe = more,
            }
        }
    }

    /// Makes what is planned, which then has to be all there is to do; gives the change, made.
    fn make(&mut self, arguments: &Json) -> Box<GenerateCertificate> {
        let plan = self.plan(arguments).unwrap();
        let [Change::GenerateCertificate(change), ..] = &plan.changes[..] else { panic!("{plan:?}") };
        let mut change = change.clone();
        let made = issue::make(&change, self.now).unwrap();
        self.files.insert(change.path.to_string(), made.certificate.bytes.clone());
        if let Some(key) = &made.key {
            self.files.insert(change.key.to_string(), key.bytes.clone());
        }
        change.made = Some(made);
        let again = self.plan(arguments).unwrap();
        assert_eq!(again.changes, [], "once made, nothing is left to do");
        change
    }

    fn certificate(&self, path: &str) -> Certificate {
        certs::read(&self.files[path]).unwrap().remove(0)
    }

    fn key(&self, path: &str) -> PrivateKey {
        PrivateKey::read(&self.files[path]).unwrap()
    }

    fn reasons(&self, arguments: &Json) -> Vec<String> {
        let plan = self.plan(arguments).unwrap();
        let change = |change: &Change| match change {
            Change::GenerateCertificate(change) => change.reasons.clone(),
            _ => Vec::new(),
        };
        plan.changes.iter().flat_map(change).collect()
    }

    fn refusal(&self, arguments: &Json) -> String {
        let error = self.plan(arguments).unwrap_err();
        format!("{} {}", error.message, error.help.unwrap_or_default())
    }
}

fn with(mut arguments: Json, more: &Json) -> Json {
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    arguments
}

fn ca() -> Json {
    json!({"kind": "ca", "path": "/pki/ca.pem", "key": "/pki/ca.key", "name": "Example CA"})
}

fn server() -> Json {
    json!({"kind": "server", "path": "/pki/dtr.pem", "key": "/pki/dtr.key", "names": ["dtr.corp", "*.dtr.corp", "192.0.2.10", "::1"],
        "ca": "/pki/ca.pem", "ca_key": "/pki/ca.key"})
}

fn request() -> Json {
    json!({"kind": "request", "path": "/pki/dtr.csr", "key": "/pki/dtr.key", "names": "dtr.corp, 192.0.2.10"})
}

fn self_signed() -> Json {
    json!({"kind": "self_signed", "path": "/pki/self.pem", "key": "/pki/self.key", "names": "dtr.corp,192.0.2.10"})
}

fn accepted(certificate: &Certificate, anchor: &Certificate, hosts: &[&str], at: OffsetDateTime) {
    for host in hosts {
        let verdict = verify(certificate, &[], std::slice::from_ref(anchor), &host.parse().unwrap(), at);
        assert!(verdict.is_ok(), "{host}: {verdict:?}");
    }
}

#[test]
fn a_ca_and_what_it_signs_are_accepted_for_every_name_and_kept() {
    let mut desk = Desk::new();
    desk.make(&ca());
    let change = desk.make(&server());
    let (root, leaf) = (desk.certificate("/pki/ca.pem"), desk.certificate("/pki/dtr.pem"));
    accepted(&leaf, &root, &["dtr.corp:5000", "x.dtr.corp", "192.0.2.10", "[::1]:5000"], desk.now);
    let facts = leaf.facts();
    assert_eq!(facts.key_usage.as_deref(), Some(&["digitalSignature"][..]));
    assert_eq!(facts.extended_key_usage.as_deref(), Some(&["serverAuth".to_owned()][..]));
    assert_eq!((facts.version, facts.basic_constraints.map(|basic| basic.ca)), (3, Some(false)));
    assert_eq!((facts.not_after - facts.not_before).whole_days(), 366, "Apple's limit is 825");
    assert!(root.enters_p11_kit() && root.is_self_signed() && root.facts().go_refuses.is_none());
    assert_eq!(root.facts().basic_constraints.and_then(|basic| basic.path_len), Some(0));
    // 128 random bits.
    assert!(facts.serial.len() >= 28 && facts.serial != root.facts().serial, "{}", facts.serial);
    // The same again with other names in another order and spelling.
    let spelled =
        with(server(), &json!({"names": "::1,IP:192.0.2.10,*.DTR.corp,DNS:Dtr.corp", "name": "dtr.corp"}));
    assert_eq!(desk.reasons(&spelled), Vec::<String>::new());
    assert_eq!(change.made.unwrap().key.unwrap().bytes, desk.files["/pki/dtr.key"]);
}

#[test]
fn nothing_of_a_key_is_in_what_can_be_shown() {
    let mut desk = Desk::new();
    let mut changes = vec![desk.make(&ca()), desk.make(&server())];
    desk.now += Duration::days(350);
    changes.push(desk.make(&with(server(), &json!({"new_key": true}))));
    for change in changes {
        let change = Change::GenerateCertificate(change);
        let shown = format!("{change:?} {} {}", serde_json::to_string(&change).unwrap(), change.summary());
        for (path, content) in desk.files.iter().filter(|(path, _)| path.contains(".key")) {
            let text = String::from_utf8(content.clone()).unwrap();
            let body = text.lines().nth(1).unwrap();
            assert!(body.len() > 40 && !shown.contains(body), "{path}: {shown}");
            assert!(!shown.contains(&modules::digest(content)), "{path}: {shown}");
        }
        assert!(!shown.contains("PRIVATE KEY"), "{shown}");
    }
}

#[test]
fn a_renewal_keeps_the_key_unless_told_otherwise() {
    let mut desk = Desk::new();
    desk.make(&ca());
    desk.make(&server());
    let (leaf, key) = (desk.certificate("/pki/dtr.pem"), desk.key("/pki/dtr.key"));
    desk.now += Duration::days(334);
    assert_eq!(desk.reasons(&server()), Vec::<String>::new());
    assert_eq!(desk.reasons(&with(server(), &json!({"renew_before": 60}))).len(), 1);
    desk.now += Duration::days(2);
    let end = leaf.facts().not_after.date();
    let ends = format!("it ends on {end}, and is renewed 30 days before");
    assert_eq!(desk.reasons(&server()), [ends]);
    desk.make(&server());
    let renewed = desk.certificate("/pki/dtr.pem");
    assert!(key.fits(&renewed) && renewed != leaf);
    assert_eq!(renewed.facts().spki_sha256, leaf.facts().spki_sha256);
    // An end that is past is no end of it.
    desk.now += Duration::days(800);
    let change = desk.make(&with(server(), &json!({"new_key": true})));
    assert!(change.summary().contains("with a new key"), "{}", change.summary());
    assert!(!key.fits(&desk.certificate("/pki/dtr.pem")));
    // A CA keeps its key, so that what it has signed stays good.
    desk.now += Duration::days(3650 - 1136 - 15);
    let old_root = desk.certificate("/pki/ca.pem");
    desk.make(&server());
    let leaf = desk.certificate("/pki/dtr.pem");
    assert_eq!(leaf.facts().not_after, old_root.facts().not_after, "nothing outlives its CA");
    let plan = desk.plan(&server()).unwrap();
    assert!(
        plan.notes.iter().any(|note| note.text.contains("nothing that it signs outlives it")),
        "{plan:?}"
    );
    desk.make(&ca());
    let root = desk.certificate("/pki/ca.pem");
    assert_ne!(root, old_root);
    accepted(&leaf, &root, &["dtr.corp"], desk.now);
    accepted(&leaf, &old_root, &["dtr.corp"], desk.now);
    // And now there is something to be gained by a renewal.
    assert_eq!(desk.reasons(&server()).len(), 1);
    desk.make(&server());
}

#[test]
fn whatever_is_not_as_asked_is_made_anew_and_named() {
    let mut desk = Desk::new();
    desk.make(&ca());
    desk.make(&server());
    let (key, leaf) = (desk.key("/pki/dtr.key"), desk.files["/pki/dtr.pem"].clone());
    let cases = [
        (json!({"names": ["dtr.corp", "192.0.2.10"]}), "`DNS:*.dtr.corp` is no longer asked for"),
        (
            json!({"names": ["dtr.corp", "*.dtr.corp", "192.0.2.10", "::1", "b.corp"]}),
            "`DNS:b.corp` is missing",
        ),
        (json!({"organization": "Example"}), "its organisation `none`"),
        (json!({"name": "Another"}), "its common name is `dtr.corp`"),
        (json!({"kind": "self_signed", "ca": null, "ca_key": null}), "it does not sign itself"),
    ];
    for (more, reason) in cases {
        let asked = with(server(), &more);
        let reasons = desk.reasons(&asked).join("; ");
        assert!(reasons.contains(reason), "{more}: {reasons}");
        desk.make(&asked);
        assert!(key.fits(&desk.certificate("/pki/dtr.pem")), "{more}: the key stays");
        desk.files.insert("/pki/dtr.pem".into(), leaf.clone());
    }
    // Another CA of the same name, and one of another.
    for (name, reason) in [
        ("Example CA", "the engine would say `x509: certificate signed by"),
        ("Other", "it is signed by `CN=Example CA`"),
    ] {
        let other = with(ca(), &json!({"path": "/pki/other.pem", "key": "/pki/other.key", "name": name}));
        desk.make(&other);
        let asked = with(server(), &json!({"ca": "/pki/other.pem", "ca_key": "/pki/other.key"}));
        let reasons = desk.reasons(&asked).join("; ");
        assert!(reasons.contains(reason), "{reasons}");
        desk.make(&asked);
        desk.files.insert("/pki/dtr.pem".into(), leaf.clone());
        desk.files.remove("/pki/other.pem");
        desk.files.remove("/pki/other.key");
    }
    // Another key beside it, or none.
    desk.make(&self_signed());
    desk.files.insert("/pki/dtr.key".into(), desk.files["/pki/self.key"].clone());
    assert_eq!(desk.reasons(&server()), ["it is for another key than the one there"]);
    let change = desk.make(&server());
    assert!(change.made.unwrap().key.is_none(), "the key that is there is used");
    desk.files.remove("/pki/dtr.key");
    assert_eq!(desk.reasons(&server()), ["its key is not there"]);
    desk.make(&server());
}

#[test]
fn keys_are_of_the_kind_that_is_asked_for() {
    let mut desk = Desk::new();
    desk.make(&with(ca(), &json!({"key_type": "rsa-3072"})));
    for (kind, bits) in [("rsa-2048", 2048), ("rsa-4096", 4096)] {
        let change = desk.make(&with(server(), &json!({"key_type": kind})));
        let leaf = desk.certificate("/pki/dtr.pem");
        assert_eq!((leaf.facts().key_bits, leaf.facts().key_type.as_str()), (Some(bits), "RSA"));
        assert_eq!(leaf.facts().key_usage.as_deref(), Some(&["digitalSignature", "keyEncipherment"][..]));
        assert_eq!(leaf.facts().signature_algorithm, "SHA256-RSA");
        assert!(change.new_key.is_some());
    }
    // Nothing said: the key that is there is good enough.
    assert_eq!(desk.reasons(&server()), Vec::<String>::new());
    let plan = desk.plan(&with(server(), &json!({"key_type": "ecdsa-p256"}))).unwrap();
    assert!(
        plan.notes.iter().any(|note| note.text.contains("(RSA of 4096 bits) is overwritten")),
        "{plan:?}"
    );
}

#[test]
fn a_request_says_what_was_asked_and_is_kept() {
    let mut desk = Desk::new();
    desk.make(&with(request(), &json!({"organization": "Example"})));
    let read = Request::read(&desk.files["/pki/dtr.csr"]).unwrap();
    assert_eq!(read.subject, "CN=dtr.corp,O=Example");
    assert_eq!(
        read.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["DNS:dtr.corp", "IP:192.0.2.10"]
    );
    assert_eq!(read.key, *desk.key("/pki/dtr.key").public());
    desk.now += Duration::days(5000);
    assert_eq!(desk.reasons(&with(request(), &json!({"organization": "Example"}))), Vec::<String>::new());
    assert_eq!(desk.reasons(&request()).len(), 1);
    // A broken signature is no request.
    let text = String::from_utf8(desk.files["/pki/dtr.csr"].clone()).unwrap();
    let last = text.lines().nth_back(1).unwrap();
    let broken = text.replace(last, &format!("{}AAAA{}", &last[..4], &last[8..]));
    desk.files.insert("/pki/dtr.csr".into(), broken.into_bytes());
    assert!(desk.refusal(&request()).contains("its own key has signed"), "{}", desk.refusal(&request()));
}

#[test]
fn a_ca_is_bounded_in_names_and_addresses() {
    let mut desk = Desk::new();
    desk.make(&with(ca(), &json!({"permitted": "corp"})));
    let bounds = desk.certificate("/pki/ca.pem").facts().name_constraints.clone();
    assert_eq!(bounds, ["permitted DNS:corp", "excluded IP:0.0.0.0/0", "excluded IP:::/0"]);
    let refusal = desk.refusal(&server());
    assert!(refusal.contains("IP address \"192.0.2.10\" is excluded"), "{refusal}");
    desk.make(&with(server(), &json!({"names": "dtr.corp,*.dtr.corp"})));
    let refusal = desk.refusal(&with(server(), &json!({"names": "dtr.corp.example"})));
    assert!(refusal.contains("is not permitted by any constraint"), "{refusal}");
    assert_eq!(desk.reasons(&ca()).len(), 1, "bounds that go are a change");
    desk.make(&with(ca(), &json!({"permitted": ["corp", "192.0.2.0/24", "::1"]})));
    desk.make(&server());
}

#[test]
fn what_does_not_go_together_is_refused_with_what_to_do() {
    let mut desk = Desk::new();
    desk.make(&ca());
    for (asked, says) in [
        (json!({"kind": "ca", "path": "/pki/x", "key": "/pki/y"}), "a CA needs a `name`"),
        (with(ca(), &json!({"names": "dtr.corp"})), "a CA has no `names`"),
        (with(ca(), &json!({"new_key": true})), "keeps its key"),
        (with(ca(), &json!({"ca": "/pki/ca.pem", "ca_key": "/pki/ca.key"})), "sign a `server` alone"),
        (with(server(), &json!({"names": ""})), "`names` is empty"),
        (with(server(), &json!({"names": "dtr.corp:5000"})), "has a port"),
        (with(server(), &json!({"names": "my_reg"})), "underscore"),
        (with(server(), &json!({"ca_key": null})), "needs `ca` and `ca_key`"),
        (with(server(), &json!({"ca": "/pki/none.pem"})), "`/pki/none.pem` is not there"),
        (with(server(), &json!({"key": "/pki/dtr.pem"})), "are one file"),
        (with(server(), &json!({"path": "/none/dtr.pem"})), "`/none` is not a directory"),
        (with(server(), &json!({"days": 825})), "1 to 824"),
        (with(server(), &json!({"days": 0})), "1 to 824"),
        (with(server(), &json!({"days": 30})), "renewed at every run"),
        (with(server(), &json!({"key_mode": "0644"})), "lets everybody read"),
        (with(server(), &json!({"permitted": "corp"})), "bounds what a CA signs"),
        (with(server(), &json!({"name": "x".repeat(65)})), "longer than 64"),
    ] {
        let refusal = desk.refusal(&asked);
        assert!(refusal.contains(says), "{asked}: {refusal}");
    }
}

#[test]
fn what_is_not_understood_or_cannot_be_replaced_is_left_alone() {
    let mut desk = Desk::new();
    desk.make(&ca());
    desk.make(&server());
    desk.make(&self_signed());
    let files = desk.files.clone();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (path, content, asked, says) in [
        ("/pki/dtr.key", "hello", server(), "there is no private key"),
        ("/pki/dtr.key", encrypted, server(), "is encrypted"),
        ("/pki/dtr.pem", "hello", server(), "there is no certificate"),
        ("/pki/ca.key", encrypted, server(), "is encrypted"),
        ("/pki/ca.pem", "", server(), "the file is empty"),
        ("/pki/ca.key", "hello", ca(), "there is no private key"),
    ] {
        desk.files.insert(path.into(), content.into());
        let refusal = desk.refusal(&asked);
        assert!(refusal.contains(says) && refusal.contains(path), "{path}: {refusal}");
        desk.files.clone_from(&files);
    }
    // The key of another one, in the place of the CA's.
    desk.files.insert("/pki/ca.key".into(), files["/pki/dtr.key"].clone());
    assert!(desk.refusal(&server()).contains("is not that of the certificate"));
    assert!(desk.refusal(&ca()).contains("belongs to another certificate"));
    desk.files.remove("/pki/ca.key");
    assert!(desk.refusal(&ca()).contains("would make another CA"));
    desk.files.clone_from(&files);
    assert!(desk.refusal(&with(ca(), &json!({"key_type": "rsa-2048"}))).contains("would make another CA"));
    // A leaf signs nothing.
    let asked = with(
        server(),
        &json!({"ca": "/pki/self.pem", "ca_key": "/pki/self.key", "path": "/pki/n.pem", "key": "/pki/n.key"}),
    );
    assert!(desk.refusal(&asked).contains("may not sign"));
    // A CA that has ended signs nothing.
    desk.now += Duration::days(3651);
    assert!(desk.refusal(&server()).contains("renew it first"));
}

#[test]
fn a_key_that_others_may_read_is_shut() {
    let mut desk = Desk::new();
    desk.make(&self_signed());
    desk.mode = 0o644;
    let plan = desk.plan(&self_signed()).unwrap();
    let [Change::SetMode(set)] = &plan.changes[..] else { panic!("{plan:?}") };
    assert_eq!(set.path.as_str(), "/pki/self.key");
    desk.mode = 0o640;
    assert_eq!(desk.plan(&with(self_signed(), &json!({"key_mode": "0640"}))).unwrap().changes, []);
}

/// openssl, in a folder; its text where it succeeds.
fn openssl(at: &Path, arguments: &str) -> Option<String> {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(at).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if output.status.success() { Some(text) } else { panic!("openssl {arguments}: {text}") }
}

#[test]
fn openssl_agrees() {
    let dir = TempDir::new().unwrap();
    let at = dir.path();
    if openssl(at, "version").is_none() {
        eprintln!("skipped: openssl_agrees: openssl is not installed");
        return;
    }
    let mut desk = Desk::new();
    desk.make(&with(ca(), &json!({"permitted": "corp,192.0.2.0/24,::1"})));
    desk.make(&server());
    desk.make(&self_signed());
    desk.make(&with(request(), &json!({"key": "/pki/r.key", "key_type": "rsa-2048"})));
    let save = |desk: &Desk| {
        for (path, content) in &desk.files {
            std::fs::write(at.join(path.trim_start_matches("/pki/")), content).unwrap();
        }
    };
    save(&desk);
    for name in [
        "-verify_hostname dtr.corp",
        "-verify_hostname a.dtr.corp",
        "-verify_ip 192.0.2.10",
        "-verify_ip ::1",
    ] {
        openssl(at, &format!("verify -x509_strict -purpose sslserver -CAfile ca.pem {name} dtr.pem"));
    }
    openssl(at, "verify -x509_strict -purpose sslserver -CAfile self.pem -verify_hostname dtr.corp self.pem");
    for key in ["ca.key", "dtr.key", "self.key", "r.key"] {
        openssl(at, &format!("pkey -in {key} -noout -check"));
    }
    let text = openssl(at, "req -in dtr.csr -noout -verify -text").unwrap();
    assert!(
        text.contains("DNS:dtr.corp, IP Address:192.0.2.10") && text.contains("TLS Web Server"),
        "{text}"
    );
    // CAs as openssl makes them: another digest for the key's identifier, other kinds of text, keys in old forms.
    let subject = "/C=DE/O=Example GmbH/CN=Old CA";
    for (new, convert) in [
        ("rsa:2048", "rsa -in old.key -out old.key -traditional"),
        ("ec -pkeyopt ec_paramgen_curve:P-384", "ec -in old.key -out old.key"),
    ] {
        let output = Command::new("openssl")
            .args(
                format!("req -x509 -newkey {new} -nodes -keyout old.key -out old.pem -days 900 -subj")
                    .split(' '),
            )
            .arg(subject)
            .current_dir(at)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        openssl(at, convert);
        for name in ["old.pem", "old.key"] {
            desk.files.insert(format!("/pki/{name}"), std::fs::read(at.join(name)).unwrap());
        }
        desk.now = now();
        desk.make(&with(server(), &json!({"ca": "/pki/old.pem", "ca_key": "/pki/old.key"})));
        save(&desk);
        openssl(at, "verify -purpose sslserver -CAfile old.pem -verify_hostname dtr.corp dtr.pem");
        let identifier = |file: &str, which: &str| {
            let text = openssl(at, &format!("x509 -in {file} -noout -ext {which}")).unwrap();
            text.lines().last().unwrap().trim().trim_start_matches("keyid:").to_owned()
        };
        assert_eq!(
            identifier("dtr.pem", "authorityKeyIdentifier"),
            identifier("old.pem", "subjectKeyIdentifier")
        );
    }
}

#[test]
fn an_intermediate_that_signs_is_sent_along() {
    let mut desk = Desk::new();
    let root = crate::pki::Spec::ca("Root").self_signed();
    let middle = crate::pki::Spec::ca("Middle").signed_by(&root);
    let chain = format!("{}{}", certs::encode(&middle.certificate), certs::encode(&root.certificate));
    desk.files.insert("/pki/ca.pem".into(), chain.into_bytes());
    desk.files.insert("/pki/ca.key".into(), middle.key.serialize_pem().into_bytes());
    desk.make(&server());
    let sent = certs::read(&desk.files["/pki/dtr.pem"]).unwrap();
    assert_eq!(
        sent[1..],
        *std::slice::from_ref(&middle.certificate),
        "the host's certificate first, then the intermediate, no root"
    );
    let host = "dtr.corp".parse().unwrap();
    assert!(verify(&sent[0], &sent[1..], std::slice::from_ref(&root.certificate), &host, desk.now).is_ok());
    desk.files.insert("/pki/dtr.pem".into(), certs::encode(&sent[0]).into_bytes());
    assert!(desk.reasons(&server())[0].contains("other certificates beside it"));
}
