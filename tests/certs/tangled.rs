//! Complicated chains: cross-signed, out of order, incomplete, with strangers. The right anchor is chosen, whatever the order, or
//! the defect is named; and OpenSSL accepts what was chosen.

use std::path::Path;
use std::process::Command;

use modules::certs::{Certificate, Choice, ChooseError, Proof, Warning, encode, verify};
use rcgen::{GeneralSubtree, NameConstraints};

use crate::cases::HOST;
use crate::pki::{Made, Spec, now};
use crate::proofs::{decide, first_use, given, only, pinned};

fn key_pinned(made: &Made) -> Proof {
    let pin = format!("spki:{}", made.certificate.facts().spki_sha256).parse().unwrap();
    Proof { pins: vec![pin], ..Proof::default() }
}

/// Every order of a list.
fn orders<'a>(list: &[&'a Made]) -> Vec<Vec<&'a Made>> {
    if list.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (at, first) in list.iter().enumerate() {
        let rest: Vec<&Made> =
            list.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, made)| *made).collect();
        for mut order in orders(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}

/// The anchors that are chosen in every order of what is sent behind the leaf; they are the same in each.
fn in_every_order(leaf: &Made, rest: &[&Made], proof: &Proof) -> Choice {
    let mut first: Option<Choice> = None;
    for order in orders(rest) {
        let chain: Vec<&Made> = std::iter::once(leaf).chain(order).collect();
        let choice = decide(&chain, proof).unwrap_or_else(|error| panic!("{error}"));
        let host = HOST.parse().unwrap();
        let sent: Vec<Certificate> = chain[1..].iter().map(|made| made.certificate.clone()).collect();
        verify(&leaf.certificate, &sent, &choice.anchors, &host, now()).unwrap();
        // OpenSSL ends at the first root that is sent, and does not find the way to one behind it; Go does.
        let ends_early = |sent: &&Certificate| sent.is_self_signed() && !choice.anchors.contains(sent);
        if !sent.iter().any(|sent| ends_early(&sent)) {
            openssl_agrees(leaf, &sent, &choice.anchors);
        }
        if let Some(first) = &first {
            assert_eq!(first.anchors, choice.anchors, "the order decides nothing");
        }
        first.get_or_insert(choice);
    }
    first.expect("an order")
}

/// What is chosen is enough for OpenSSL, as curl calls it.
fn openssl_agrees(leaf: &Made, sent: &[Certificate], anchors: &[Certificate]) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, list: &[Certificate]| {
        std::fs::write(folder.path().join(name), list.iter().map(encode).collect::<String>()).unwrap();
    };
    write("leaf.pem", std::slice::from_ref(&leaf.certificate));
    write("sent.pem", sent);
    write("anchors.pem", anchors);
    let root = anchors.iter().all(Certificate::is_self_signed);
    let partial: &[&str] = if root { &[] } else { &["-partial_chain"] };
    let untrusted: &[&str] = if sent.is_empty() { &[] } else { &["-untrusted", "sent.pem"] };
    let output = Command::new("openssl")
        .args([
            "verify",
            "-no-CAfile",
            "-no-CApath",
            "-CAfile",
            "anchors.pem",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            HOST,
        ])
        .args(partial)
        .args(untrusted)
        .arg("leaf.pem")
        .current_dir(folder.path())
        .output();
    match output {
        Err(_) => eprintln!("skipped: openssl is not installed"),
        Ok(output) => assert!(
            output.status.success(),
            "{sent:?} under {anchors:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
    assert!(Path::new(&folder.path().join("leaf.pem")).exists());
}

struct Pki {
    /// The old root, the new one, the new one's key under the old one's signature.
    old: Made,
    new: Made,
    cross: Made,
    middle: Made,
    leaf: Made,
}

fn pki() -> Pki {
    let old = Spec::ca("old root").days(-2, 200).self_signed();
    let new = Spec::ca("root").self_signed();
    let cross = Spec::ca("root").days(-2, 100).signed_with(&old, new.key_again());
    let middle = Spec::ca("middle").signed_by(&new);
    let leaf = Spec::server(&[HOST]).days(-2, 90).signed_by(&middle);
    Pki { old, new, cross, middle, leaf }
}

#[test]
fn cross_signed_roots_in_every_order() {
    let Pki { old, new, cross, middle, leaf } = pki();
    let sent = [&middle, &cross, &new, &old];
    // Of two roots, the one whose path holds longer.
    assert_eq!(in_every_order(&leaf, &sent, &first_use()).anchors, only(&new));
    assert_eq!(in_every_order(&leaf, &sent, &given(&[&new])).anchors, only(&new));
    assert_eq!(in_every_order(&leaf, &sent, &given(&[&old])).anchors, only(&old));
    assert_eq!(in_every_order(&leaf, &sent, &pinned(&[&old])).anchors, only(&old));
    assert_eq!(in_every_order(&leaf, &sent, &pinned(&[&new])).anchors, only(&new));
    assert_eq!(in_every_order(&leaf, &sent, &pinned(&[&leaf])).anchors, only(&new));
    assert_eq!(in_every_order(&leaf, &sent, &pinned(&[&cross])).anchors, only(&cross), "as pinned");
    // A key is the root's and the cross-signed certificate's; the root is what every program takes.
    assert_eq!(in_every_order(&leaf, &sent, &key_pinned(&new)).anchors, only(&new));
    // Without the roots, as is usual.
    let sent = [&middle, &cross];
    assert_eq!(in_every_order(&leaf, &sent, &given(&[&new])).anchors, only(&new));
    assert_eq!(in_every_order(&leaf, &sent, &given(&[&old])).anchors, only(&old));
    assert_eq!(in_every_order(&leaf, &sent, &key_pinned(&new)).anchors, only(&cross), "it is all there is");
    assert_eq!(in_every_order(&leaf, &sent, &first_use()).anchors, only(&cross));
}

#[test]
fn a_file_with_many_certificates_gives_the_one_that_does() {
    let Pki { old, new, cross, middle, leaf } = pki();
    let stranger = Spec::ca("stranger").self_signed();
    let namesake = Spec::ca("root").self_signed();
    let all = [&stranger, &old, &namesake, &cross, &middle, &new, &leaf];
    for order in orders(&all[..5]).into_iter().step_by(7) {
        let file: Vec<&Made> = order.into_iter().chain([&new, &leaf]).collect();
        for sent in [&[&middle][..], &[&middle, &cross], &[&middle, &old, &cross]] {
            let choice = in_every_order(&leaf, sent, &given(&file));
            assert_eq!(choice.anchors, only(&new), "one root, and no intermediate where the server sends it");
            let says = |text: &str| choice.warnings.iter().any(|warning| warning.to_string().contains(text));
            assert!(
                says("`CN=stranger` was given as a root and signs nothing here"),
                "{:?}",
                choice.warnings
            );
            assert!(!says("`CN=old root` was given as a root and signs nothing"), "it would do, too");
        }
        // Nothing is sent along: the file has what is missing, and the root is still the new one.
        let choice = in_every_order(&leaf, &[], &given(&file));
        assert!(choice.anchors.contains(&middle.certificate), "{choice:?}");
        assert!(choice.warnings.iter().any(|it| matches!(it, Warning::IntermediateNotSent { .. })));
    }
}

#[test]
fn an_expired_cross_signature_is_passed_over() {
    let Pki { old, new, middle, leaf, .. } = pki();
    let expired = Spec::ca("root").days(-20, -10).signed_with(&old, new.key_again());
    let sent = [&expired, &middle, &new];
    let choice = in_every_order(&leaf, &sent, &first_use());
    assert_eq!(choice.anchors, only(&new));
    let ended = |choice: &Choice| choice.warnings.iter().any(|it| matches!(it, Warning::Ended { .. }));
    assert!(ended(&choice), "{:?}", choice.warnings);
    assert_eq!(in_every_order(&leaf, &[&expired, &middle], &given(&[&new])).anchors, only(&new));
    let choice = in_every_order(&leaf, &[&middle], &given(&[&expired, &new]));
    assert_eq!(choice.anchors, only(&new));
    assert!(ended(&choice), "{:?}", choice.warnings);
    // With the old root alone there is no way any more.
    let error = decide(&[&leaf, &middle, &expired], &given(&[&old])).unwrap_err();
    assert!(matches!(error, ChooseError::NotUnderRoots { .. }), "{error:?}");
    assert!(error.to_string().contains("has expired"), "{error}");
    // An old root that has ended beside the new one, with the same name and key.
    let ended_root = Spec::ca("root").days(-20, -10).signed_with(&new, new.key_again());
    let choice = in_every_order(&leaf, &[&middle, &ended_root], &given(&[&new]));
    assert_eq!(choice.anchors, only(&new));
}

#[test]
fn names_and_keys_that_are_shared_confuse_nobody() {
    let root = Spec::ca("root").self_signed();
    let right = Spec::ca("middle").signed_by(&root);
    let wrong = Spec::ca("middle").signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&right);
    // Two intermediates of one name, with different keys.
    let sent = [&wrong, &right, &root];
    assert_eq!(in_every_order(&leaf, &sent, &first_use()).anchors, only(&root));
    assert_eq!(in_every_order(&leaf, &[&wrong, &right], &first_use()).anchors, only(&right));
    assert_eq!(in_every_order(&leaf, &[], &given(&[&wrong, &right])).anchors, only(&right));
    let error = decide(&[&leaf, &wrong], &pinned(&[&wrong])).unwrap_err();
    assert!(matches!(error, ChooseError::PinnedStranger { .. }), "{error:?}");
    // One key under two names: the issuer's name decides.
    let renamed = Spec::ca("another name").signed_with(&root, right.key_again());
    let choice = in_every_order(&leaf, &[&renamed, &right, &root], &first_use());
    assert_eq!(choice.anchors, only(&root));
    assert!(choice.warnings.iter().any(|it| matches!(it, Warning::Stranger { .. })), "{:?}", choice.warnings);
    let error = decide(&[&leaf, &renamed, &root], &given(&[&root])).unwrap_err();
    assert!(error.to_string().contains("leaves out the intermediate `CN=middle`"), "{error}");
}

#[test]
fn duplicates_and_strangers_between_change_nothing() {
    let Pki { new, middle, leaf, .. } = pki();
    let other = Spec::ca("other root").self_signed();
    let other_middle = Spec::ca("other middle").signed_by(&other);
    let other_leaf = Spec::server(&["other.example.com"]).signed_by(&other_middle);
    let sent = [&other_middle, &middle, &other_leaf, &middle, &leaf];
    let choice = in_every_order(&leaf, &sent, &given(&[&new]));
    assert_eq!(choice.anchors, only(&new));
    let strangers = choice.warnings.iter().filter(|it| matches!(it, Warning::Stranger { .. })).count();
    assert_eq!(strangers, 2, "{:?}", choice.warnings);
    assert_eq!(in_every_order(&leaf, &[&other, &new, &middle], &first_use()).anchors, only(&new));
}

#[test]
fn what_is_missing_is_named() {
    let root = Spec::ca("root").self_signed();
    let upper = Spec::ca("upper").signed_by(&root);
    let lower = Spec::ca("lower").signed_by(&upper);
    let leaf = Spec::server(&[HOST]).signed_by(&lower);
    let other = Spec::ca("other").self_signed();
    let says = |chain: &[&Made], proof: &Proof, text: &str| {
        let error = decide(chain, proof).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    };
    says(&[&leaf], &first_use(), "without the CA `CN=lower` that signed it");
    says(&[&leaf, &upper], &first_use(), "without the CA `CN=lower` that signed it");
    says(&[&leaf], &given(&[&root]), "leaves out the intermediate `CN=lower`");
    says(&[&leaf, &lower], &given(&[&root]), "leaves out the intermediate `CN=upper`");
    says(&[&leaf, &other, &lower], &given(&[&root]), "leaves out the intermediate `CN=upper`");
    says(
        &[&leaf, &upper, &lower, &root],
        &given(&[&other]),
        "what the server sends ends in the root `CN=root`",
    );
    // Given what is missing, all of it is installed, and the server's file is to be repaired.
    let choice = in_every_order(&leaf, &[&lower], &given(&[&root, &upper]));
    assert_eq!(choice.anchors.len(), 2, "{choice:?}");
    says(&[&leaf, &lower, &upper], &given(&[&leaf]), "is the server's own certificate, not its CA's");
    let alone = Proof { leaf_alone: true, ..given(&[&leaf]) };
    assert_eq!(decide(&[&leaf, &lower, &upper], &alone).unwrap().anchors, only(&leaf));
}

#[test]
fn what_is_wrong_is_named() {
    let root = Spec::ca("root").self_signed();
    let says = |middle: &Made, texts: &[&str]| {
        let leaf = Spec::server(&[HOST]).signed_by(middle);
        for sent in [&[&leaf, middle, &root][..], &[&leaf, &root, middle]] {
            let error = decide(sent, &pinned(&[&leaf])).unwrap_err().to_string();
            assert!(texts.iter().all(|text| error.contains(text)), "{error}");
            let error = decide(sent, &first_use()).unwrap_err().to_string();
            assert!(texts.iter().all(|text| error.contains(text)), "{error}");
            // With the permission, the server's own certificate is accepted by every engine.
            let alone = Proof { leaf_alone: true, ..first_use() };
            assert_eq!(decide(sent, &alone).unwrap().anchors, only(&leaf));
        }
    };
    says(&Spec::ca("middle").days(-20, -10).signed_by(&root), &["has expired", "`CN=middle` ended on "]);
    says(&Spec::ca("middle").days(10, 20).signed_by(&root), &["not yet valid", "`CN=middle` begins on "]);
    let elsewhere = NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("example.org".into())],
        excluded_subtrees: vec![],
    };
    says(
        &Spec::ca("middle").constrained(elsewhere).signed_by(&root),
        &["is not permitted by any constraint"],
    );
}

/// Numbers that are the same in every run.
fn roll(state: &mut u64, sides: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap_or_default() % sides
}

#[test]
fn of_random_families_the_choice_is_good_and_does_not_depend_on_the_order() {
    let keys: Vec<Made> = (0..4).map(|at| Spec::ca(&format!("CA {at}")).self_signed()).collect();
    let mut state = 7;
    let mut chosen = 0;
    for round in 0..60 {
        // Each CA signs others, itself, with its own key and name, for a while or not any more.
        let family: Vec<Made> = (0..6)
            .map(|_| {
                let (own, above) = (roll(&mut state, 4), roll(&mut state, 4));
                let days = [(-2, 300), (-2, 100), (-2, 700), (-20, -10)][roll(&mut state, 4)];
                let name = format!("CA {own}");
                Spec::ca(&name).days(days.0, days.1).signed_with(&keys[above], keys[own].key_again())
            })
            .collect();
        let leaf = Spec::server(&[HOST]).signed_by(&keys[roll(&mut state, 4)]);
        let sent: Vec<&Made> = family.iter().filter(|_| roll(&mut state, 2) == 0).collect();
        let file: Vec<&Made> = family.iter().filter(|_| roll(&mut state, 3) == 0).collect();
        for proof in [first_use(), given(&file), key_pinned(&keys[0]), pinned(&[&leaf])] {
            if proof.roots.is_empty() && !proof.first_use && proof.pins.is_empty() {
                continue;
            }
            let order = |shift: usize| {
                let mut chain = sent.clone();
                chain.rotate_left(shift % sent.len().max(1));
                if shift % 2 == 1 {
                    chain.reverse();
                }
                chain.insert(0, &leaf);
                decide(&chain, &proof)
            };
            let first = order(0);
            for shift in 1..4 {
                match (&first, order(shift)) {
                    (Ok(first), Ok(other)) => {
                        let ends = |choice: &Choice| {
                            let anchor = &choice.anchors[0];
                            (
                                choice.anchors.len(),
                                anchor.is_self_signed(),
                                anchor.facts().spki_sha256.clone(),
                            )
                        };
                        assert_eq!(ends(first), ends(&other), "round {round}");
                    }
                    (Err(_), Err(_)) => {}
                    (first, other) => panic!("round {round}: {first:?} and {other:?}"),
                }
            }
            if let Ok(choice) = first {
                chosen += 1;
                let sent: Vec<Certificate> = sent.iter().map(|made| made.certificate.clone()).collect();
                let host = HOST.parse().unwrap();
                verify(&leaf.certificate, &sent, &choice.anchors, &host, now()).unwrap();
                if !sent.iter().any(|sent| sent.is_self_signed() && !choice.anchors.contains(sent)) {
                    openssl_agrees(&leaf, &sent, &choice.anchors);
                }
            }
        }
    }
    assert!(chosen > 40, "{chosen} choices");
}
