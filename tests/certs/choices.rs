//! What is installed for which server and which proof.

use modules::certs::{Certificate, Choice, ChooseError, Fault, Pin, Proof, Proven, Scope, Warning};
use rcgen::IsCa;

use crate::cases::HOST;
use crate::pki::{Made, Spec};
use crate::proofs::{decide, first_use, given, only, pinned};

fn anchors(choice: &Choice) -> Vec<Certificate> {
    choice.anchors.clone()
}

struct Pki {
    root: Made,
    middle: Made,
    leaf: Made,
}

fn pki() -> Pki {
    let root = Spec::ca("root").self_signed();
    let middle = Spec::ca("middle").signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&middle);
    Pki { root, middle, leaf }
}

#[test]
fn nothing_is_installed_without_proof() {
    let Pki { root, middle, leaf } = pki();
    let error = decide(&[&leaf, &middle, &root], &Proof::default()).unwrap_err();
    let ChooseError::Unproven { path } = &error else { panic!("{error:?}") };
    assert_eq!(path.len(), 3);
    assert!(error.to_string().contains(&root.certificate.facts().sha256), "{error}");
    assert_eq!(decide(&[], &first_use()).unwrap_err(), ChooseError::NoCertificate);
}

#[test]
fn first_use_takes_the_topmost_ca_that_is_sent() {
    let Pki { root, middle, leaf } = pki();
    let choice = decide(&[&leaf, &middle, &root], &first_use()).unwrap();
    assert_eq!((anchors(&choice), &choice.proven), (only(&root), &Proven::FirstUse));
    assert_eq!((choice.scope, &choice.warnings[..]), (Scope::AnyStore, &[][..]));
    let choice = decide(&[&leaf, &middle], &first_use()).unwrap();
    assert_eq!(anchors(&choice), only(&middle));
    assert!(matches!(&choice.warnings[..], [Warning::IntermediateAsAnchor { .. }]), "{:?}", choice.warnings);
    let other = Spec::server(&["other.example.com"]).signed_by(&root);
    let error = decide(&[&other, &root], &first_use()).unwrap_err();
    assert!(matches!(error, ChooseError::FirstUseName { .. }), "{error:?}");
}

#[test]
fn a_self_signed_certificate_is_its_own_anchor() {
    let leaf = Spec::server(&[HOST]).self_signed();
    let choice = decide(&[&leaf], &pinned(&[&leaf])).unwrap();
    assert_eq!((anchors(&choice), choice.scope), (only(&leaf), Scope::AnyStore));
    assert!(choice.warnings.contains(&Warning::LeafAsAnchor));
    assert!(choice.warnings.iter().any(|it| matches!(it, Warning::NotForP11Kit { .. })));
    assert!(!leaf.certificate.enters_p11_kit());
    let ca =
        Spec::server(&[HOST]).with(|params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
    let ca = ca.self_signed();
    let choice = decide(&[&ca], &pinned(&[&ca])).unwrap();
    assert_eq!(choice.warnings, [Warning::LeafAsAnchor]);
    assert!(ca.certificate.enters_p11_kit());
}

#[test]
fn the_name_is_a_warning_where_the_anchor_is_proved() {
    let leaf = Spec::common_name(HOST).self_signed();
    for proof in [pinned(&[&leaf]), first_use()] {
        let choice = decide(&[&leaf], &proof).unwrap();
        let Warning::Name { verdict, wanted } = &choice.warnings[0] else { panic!("{:?}", choice.warnings) };
        assert_eq!((&verdict.fault, wanted.as_str()), (&Fault::CommonNameOnly, "DNS:dtr.example.com"));
        assert!(choice.warnings[0].to_string().contains("20.10.7"), "{}", choice.warnings[0]);
    }
}

#[test]
fn a_pin_selects_the_highest_pinned_ca() {
    let Pki { root, middle, leaf } = pki();
    let sent = [&leaf, &middle, &root];
    let take = |proof: &Proof| anchors(&decide(&sent, proof).unwrap());
    assert_eq!(take(&pinned(&[&root])), only(&root));
    assert_eq!(take(&pinned(&[&middle])), only(&middle));
    assert_eq!(take(&pinned(&[&middle, &root])), only(&root));
    // A pinned leaf vouches for the CA that signed it.
    assert_eq!(take(&pinned(&[&leaf])), only(&root));
    let key: Pin = format!("spki:{}", root.certificate.facts().spki_sha256).parse().unwrap();
    let choice = decide(&sent, &Proof { pins: vec![key.clone()], ..Proof::default() }).unwrap();
    assert_eq!(choice.proven, Proven::Pin(key, root.certificate.clone()));
}

#[test]
fn an_appended_stranger_proves_nothing() {
    let Pki { root, middle, leaf } = pki();
    let real = Spec::ca("the real root").self_signed();
    let error = decide(&[&leaf, &middle, &root, &real], &pinned(&[&real])).unwrap_err();
    assert!(matches!(error, ChooseError::PinnedStranger { .. }), "{error:?}");
    // Not even under the right name: the signature decides.
    let namesake = Spec::ca("root").self_signed();
    let error = decide(&[&leaf, &middle, &namesake], &pinned(&[&namesake])).unwrap_err();
    assert!(matches!(error, ChooseError::PinnedStranger { .. }), "{error:?}");
    let choice = decide(&[&leaf, &middle, &namesake], &first_use()).unwrap();
    assert_eq!(anchors(&choice), only(&middle));
    assert!(choice.warnings.iter().any(|it| matches!(it, Warning::Stranger { .. })));
    // A self-signed server that sends the real root along.
    let fake = Spec::server(&[HOST]).self_signed();
    let error = decide(&[&fake, &real], &pinned(&[&real])).unwrap_err();
    assert!(matches!(error, ChooseError::PinnedStranger { .. }), "{error:?}");
    let error = decide(&[&leaf, &middle], &pinned(&[&real])).unwrap_err();
    assert!(matches!(error, ChooseError::PinMismatch { .. }), "{error:?}");
}

#[test]
fn a_given_root_is_what_is_installed() {
    let Pki { root, middle, leaf } = pki();
    let choice = decide(&[&leaf, &middle], &given(&[&root])).unwrap();
    assert_eq!((anchors(&choice), &choice.warnings[..]), (only(&root), &[][..]));
    assert_eq!(choice.proven, Proven::Root(root.certificate.clone()));
    let stranger = Spec::ca("stranger").self_signed();
    let choice = decide(&[&leaf, &middle], &given(&[&stranger, &root])).unwrap();
    assert_eq!(anchors(&choice), only(&root));
    assert!(matches!(&choice.warnings[..], [Warning::RootNotUsed { .. }]), "{:?}", choice.warnings);
    let error = decide(&[&leaf, &middle], &given(&[&stranger])).unwrap_err();
    assert!(matches!(error, ChooseError::NotUnderRoots { .. }), "{error:?}");
    let error = decide(&[&leaf], &given(&[&root])).unwrap_err();
    assert!(error.to_string().contains("leaves out the intermediate `CN=middle`"), "{error}");
}

#[test]
fn an_intermediate_that_is_not_sent_is_installed_along() {
    let Pki { root, middle, leaf } = pki();
    let choice = decide(&[&leaf], &given(&[&root, &middle])).unwrap();
    assert_eq!(anchors(&choice), [middle.certificate.clone(), root.certificate.clone()]);
    assert!(matches!(&choice.warnings[..], [Warning::IntermediateNotSent { .. }]), "{:?}", choice.warnings);
    let choice = decide(&[&leaf], &given(&[&middle])).unwrap();
    assert_eq!(anchors(&choice), only(&middle));
    assert!(matches!(&choice.warnings[..], [Warning::IntermediateAsAnchor { .. }]), "{:?}", choice.warnings);
    let choice = decide(&[&leaf, &middle], &given(&[&root, &middle])).unwrap();
    assert_eq!(anchors(&choice), only(&root));
}

#[test]
fn a_leaf_alone_needs_permission_and_stays_in_dockers_store() {
    let Pki { leaf, .. } = pki();
    for proof in [pinned(&[&leaf]), first_use(), given(&[&leaf])] {
        let error = decide(&[&leaf], &proof).unwrap_err();
        // Its own certificate given as its root says whose it is, and of which CA nothing.
        let named = match &error {
            ChooseError::IssuerNotSent { issuer, .. } => proof.roots.is_empty() && issuer == "CN=middle",
            ChooseError::LeafGiven { .. } => !proof.roots.is_empty(),
            _ => false,
        };
        assert!(named, "{error:?}");
        let choice = decide(&[&leaf], &Proof { leaf_alone: true, ..proof }).unwrap();
        assert_eq!((anchors(&choice), choice.scope), (only(&leaf), Scope::DockerOnly));
        assert!(choice.warnings.contains(&Warning::LeafAsAnchor));
    }
}

#[test]
fn what_no_engine_accepts_is_not_installed() {
    let Pki { root, .. } = pki();
    let unfit = |leaf: &Made, fault: fn(&Fault) -> bool| {
        for proof in [pinned(&[leaf]), given(&[&root]), first_use()] {
            let error = decide(&[leaf, &root], &proof).unwrap_err();
            assert!(matches!(&error, ChooseError::Unfit { verdict } if fault(&verdict.fault)), "{error:?}");
        }
    };
    let expired = Spec::server(&[HOST]).days(-9, -1).signed_by(&root);
    unfit(&expired, |fault| matches!(fault, Fault::Expired { .. }));
    let client = Spec::server(&[HOST]).usage(&[rcgen::ExtendedKeyUsagePurpose::ClientAuth]).signed_by(&root);
    unfit(&client, |fault| *fault == Fault::IncompatibleUsage);
    let soon = Spec::server(&[HOST]).days(-9, 12).signed_by(&root);
    let choice = decide(&[&soon, &root], &pinned(&[&root])).unwrap();
    assert!(
        matches!(&choice.warnings[..], [Warning::EndsSoon { days: 11..=12, .. }]),
        "{:?}",
        choice.warnings
    );
}

#[test]
fn cross_signed_chains_lead_to_the_pinned_root() {
    let root = Spec::ca("root").self_signed();
    let old = Spec::ca("old root").self_signed();
    let cross = Spec::ca("root").signed_with(&old, root.key_again());
    let middle = Spec::ca("middle").signed_by(&root);
    let leaf = Spec::server(&[HOST]).signed_by(&middle);
    let sent = [&leaf, &cross, &middle, &old, &root, &middle];
    assert_eq!(anchors(&decide(&sent, &pinned(&[&old])).unwrap()), only(&old));
    assert_eq!(anchors(&decide(&sent, &pinned(&[&root])).unwrap()), only(&root));
    assert_eq!(anchors(&decide(&sent, &given(&[&old])).unwrap()), only(&old));
    let choice = decide(&sent, &first_use()).unwrap();
    assert!(choice.path.anchor().is_self_signed());
    assert_eq!(choice.path.certificates[0], leaf.certificate);
}

#[test]
fn pins_and_roots_have_to_agree() {
    let Pki { root, middle, leaf } = pki();
    let both = |pin: &Made| Proof { pins: pinned(&[pin]).pins, ..given(&[&root]) };
    assert_eq!(anchors(&decide(&[&leaf, &middle], &both(&root)).unwrap()), only(&root));
    let stranger = Spec::ca("stranger").self_signed();
    let error = decide(&[&leaf, &middle], &both(&stranger)).unwrap_err();
    assert!(matches!(error, ChooseError::PinMismatch { .. }), "{error:?}");
}
