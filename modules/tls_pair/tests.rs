use serde_json::Value;
use time::macros::datetime;

use super::{Given, Pair, continuity};
use crate::certs::{Certificate, RegistryHost};
use crate::contract::{Level, Plan};
use crate::testing::{Authority, NOW, pem, self_signed_pair};

const NAME: &str = "dtr.example.com";

fn given(name: &str, text: &str) -> Given {
    Given { name: format!("`{name}`"), bytes: text.as_bytes().to_vec() }
}

fn registry() -> RegistryHost {
    "dtr.example.com:5000".parse().expect("a name")
}

/// What is said of a certificate's and a key's text: the error with its help, or the notes.
fn said(certificate: &str, key: &str, ca: &[Certificate]) -> Result<Vec<String>, String> {
    let mut plan = Plan::default();
    Pair::read(given("new.pem", certificate), given("new.key", key))
        .and_then(|pair| pair.judge(&registry(), ca, NOW, &mut plan))
        .map(|()| plan.notes.into_iter().map(|note| note.text).collect())
        .map_err(|error| format!("{} | {}", error.message, error.help.unwrap_or_default()))
}

#[track_caller]
fn refused(certificate: &str, key: &str, ca: &[Certificate], words: &[&str]) {
    let error = said(certificate, key, ca).expect_err("it is refused");
    for word in words {
        assert!(error.contains(word), "no `{word}` in: {error}");
    }
    let secret = key.lines().nth(1).unwrap_or("\u{1}");
    assert!(!error.contains(secret), "the key is shown: {error}");
}

#[test]
fn a_good_pair_is_taken_with_and_without_its_root() {
    let root = Authority::root("Root");
    let middle = root.intermediate("Middle");
    let (leaf, key) = middle.pair(&[NAME]);
    let cas = [root.certificate.clone()];
    assert_eq!(said(&pem(&[&leaf, &middle.certificate]), &key, &cas), Ok(vec![]));
    assert_eq!(said(&pem(&[&leaf, &middle.certificate, &root.certificate]), &key, &cas), Ok(vec![]));
    assert_eq!(said(&pem(&[&leaf, &middle.certificate, &root.certificate]), &key, &[]), Ok(vec![]));
    // Cross-signed: two intermediates may sign the same certificate.
    let other = Authority::root("Other");
    let (own, own_key) = self_signed_pair(&[NAME]);
    assert_eq!(said(&pem(&[&own]), &own_key, &[]), Ok(vec![]));
    let notes = said(&pem(&[&leaf, &middle.certificate]), &key, &[]).expect("it is taken");
    assert!(notes[0].contains("CN=Middle") && notes[0].contains("was not checked"), "{notes:?}");
    refused(
        &pem(&[&leaf, &middle.certificate]),
        &key,
        &[other.certificate],
        &["unknown authority", "CN=Middle", "as `ca`"],
    );
}

#[test]
fn order_is_named_certificate_by_certificate() {
    let root = Authority::root("Root");
    let middle = root.intermediate("Middle");
    let (leaf, key) = middle.pair(&[NAME]);
    let (m, r) = (&middle.certificate, &root.certificate);
    let right = "`CN=dtr.example.com`, then `CN=Middle`, then `CN=Root`";
    refused(
        &pem(&[m, &leaf, r]),
        &key,
        &[],
        &["wrong order", "certificate 2", "private key does not match public key", right],
    );
    refused(&pem(&[r, m, &leaf]), &key, &[], &["certificate 3", right]);
    refused(&pem(&[&leaf, r, m]), &key, &[], &["wrong order", "certificate 2, `CN=Root`", right]);
    refused(&pem(&[&leaf, m, m]), &key, &[], &["twice", "CN=Middle"]);
    let stranger = Authority::root("Stranger").certificate;
    refused(
        &pem(&[&leaf, m, &stranger]),
        &key,
        &[],
        &["certificate 3", "CN=Stranger", "signs none", "take it out"],
    );
    refused(&pem(&[&leaf, r]), &key, &[], &["CN=Root", "signs none", "intermediate that is missing"]);
}

#[test]
fn a_key_that_is_not_its_own_is_named() {
    let root = Authority::root("Root");
    let (leaf, key) = root.pair(&[NAME]);
    let (_, other) = root.pair(&[NAME]);
    refused(
        &pem(&[&leaf]),
        &other,
        &[],
        &["`new.key`", "ECDSA P-256", "CN=dtr.example.com", "private key does not match"],
    );
    refused(&(pem(&[&leaf]) + &key), &key, &[], &["`new.pem`, line", "private key stands among", "key_file"]);
    refused(&pem(&[&leaf]), &pem(&[&leaf]), &[], &["`new.key`", "there is no private key"]);
    refused("", &key, &[], &["`new.pem`", "empty"]);
    refused(&pem(&[&leaf]), "", &[], &["`new.key`", "there is no private key"]);
}

#[test]
fn a_certificate_that_only_we_can_read_is_refused() {
    let (leaf, key) = self_signed_pair(&[NAME]);
    let binary = Given { name: "`new.der`".to_owned(), bytes: leaf.der().to_vec() };
    let error = Pair::read(binary, given("new.key", &key)).expect_err("a registry cannot read it");
    assert!(error.message.contains("`new.der`: the file is binary (DER)"), "{}", error.message);
    assert!(error.help.is_some_and(|help| help.contains("openssl x509 -inform DER")));
    // Text before the blocks may begin with the very byte that DER does.
    assert_eq!(said(&format!("0 s:CN = x\n{}", pem(&[&leaf])), &key, &[]), Ok(vec![]));
}

#[test]
fn names_dates_and_uses_are_judged_as_clients_will() {
    let root = Authority::root("Root");
    let cas = [root.certificate.clone()];
    let (other, key) = root.pair(&["other.example.com"]);
    refused(
        &pem(&[&other]),
        &key,
        &cas,
        &["no certificate for `dtr.example.com:5000`", "valid for other.example.com"],
    );
    let (nameless, key) = root.pair(&[]);
    refused(&pem(&[&nameless]), &key, &cas, &["legacy Common Name", "subjectAltName"]);
    let (ended, key) = root.pair_until(&[NAME], datetime!(2026-05-31 0:00 UTC));
    refused(&pem(&[&ended]), &key, &cas, &["ended on 2026-05-31", "issued again"]);
    let (ends, key) = root.pair_until(&[NAME], datetime!(2026-06-11 12:00 UTC));
    let notes = said(&pem(&[&ends]), &key, &cas).expect("it is taken");
    assert!(notes[0].contains("in 10 days"), "{notes:?}");
}

/// What is said of a change from one chain to another.
fn change(old: &[&Certificate], new: &[&Certificate], ca: &[&Certificate]) -> Vec<(Level, String)> {
    let own = |list: &[&Certificate]| list.iter().map(|&one| one.clone()).collect::<Vec<_>>();
    let mut plan = Plan::default();
    continuity(&own(old), &own(new), &own(ca), NOW, &mut plan);
    plan.notes.into_iter().map(|note| (note.level, note.text)).collect()
}

#[track_caller]
fn holds(notes: &[(Level, String)], level: Level, word: &str) {
    let found = notes.iter().any(|(found, text)| *found == level && text.contains(word));
    assert!(found, "no `{word}` in {notes:?}");
}

#[test]
fn clients_of_today_are_thought_of() {
    let root = Authority::root("Root");
    let middle = root.intermediate("Middle");
    let (old, new) = (middle.leaf(&[NAME]), middle.leaf(&[NAME]));
    let renewed = change(&[&old, &middle.certificate], &[&new, &middle.certificate], &[]);
    holds(&renewed, Level::Info, "hosts that trust `CN=Middle`");
    holds(&renewed, Level::Info, "hold today's certificate itself (sha256:");
    assert!(!renewed.iter().any(|(level, _)| *level == Level::Warning), "{renewed:?}");
    assert_eq!(change(&[&old], &[&old], &[]), []);
    let next = root.intermediate("Next");
    let reissued = next.leaf(&[NAME]);
    let moved = change(&[&old, &middle.certificate], &[&reissued, &next.certificate], &[&root.certificate]);
    holds(&moved, Level::Info, "hosts that trust `CN=Root`");
    holds(&moved, Level::Warning, "by `CN=Middle`");
    let foreign = Authority::root("Foreign");
    let switched = change(&[&old, &middle.certificate], &[&foreign.leaf(&[NAME])], &[]);
    holds(&switched, Level::Warning, "bring them its anchor first");
    let bare = change(&[&root.leaf(&[NAME])], &[&foreign.leaf(&[NAME])], &[]);
    holds(&bare, Level::Warning, "from `CN=Root`, the new one from `CN=Foreign`");
    let (own, _) = self_signed_pair(&[NAME]);
    let from_own = change(&[&own], &[&foreign.leaf(&[NAME])], &[]);
    holds(&from_own, Level::Warning, "will refuse the new certificate");
    assert_eq!(Value::from(from_own.len()), 1);
}
