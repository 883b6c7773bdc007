//! PEM as it comes: read, or refused with what to do about it.

use modules::certs::{CertError, Held, Pem, PemError, PrivateKey, encode, inspect, read, read_bundle};

use base64::Engine as _;

use crate::forge::{ECDSA_SHA256, Forged, all, common_name, der, extension, oid, time};
use crate::pki::{self, Spec};

fn pem() -> String {
    encode(&Spec::server(&["dtr.example.com"]).self_signed().certificate)
}

fn error(text: &[u8]) -> PemError {
    read(text).unwrap_err()
}

#[test]
fn what_varies_without_harm_is_read() {
    let pem = pem();
    let one = read(pem.as_bytes()).unwrap();
    let crlf = pem.replace('\n', "\r\n");
    let no_end = pem.trim_end();
    let commented = format!("# the registry's CA\nsubject=CN = x: y\n{pem}\n\nbye");
    let trailing = pem.replace("-----\n", "-----  \t\n");
    let lines: Vec<&str> = pem.lines().collect();
    let last = lines.len() - 1;
    let wide = format!("{}\n{}\n{}\n", lines[0], lines[1..last].concat(), lines[last]);
    for text in [&pem, &crlf, no_end, &commented, &trailing, &wide] {
        assert_eq!(read(text.as_bytes()).as_ref(), Ok(&one), "{text}");
    }
    assert_eq!(read(one[0].der()).as_ref(), Ok(&one));
    assert_eq!(read(format!("{pem}{pem}").as_bytes()).unwrap().len(), 2);
    assert_eq!(encode(&one[0]), pem);
}

#[test]
fn keys_are_refused_loudly_and_never_shown() {
    let pem = pem();
    for label in
        ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"]
    {
        let key = format!("-----BEGIN {label}-----\nc2VjcmV0\n-----END {label}-----\n");
        for text in [format!("{key}{pem}"), format!("{pem}{key}"), format!("x {key}"), format!("  {key}")] {
            let error = error(text.as_bytes());
            assert!(matches!(error, PemError::PrivateKey { .. }), "{error:?}");
            assert!(!error.to_string().contains("c2Vj"), "{error}");
        }
    }
    // Cut short, as a careless copy leaves it.
    assert!(matches!(error(b"-----BEGIN PRIVATE KEY-----"), PemError::PrivateKey { line: 1 }));
    let key = rcgen::KeyPair::generate().unwrap().serialize_der();
    assert!(error(&key).to_string().contains("private key or a PKCS#12"), "{}", error(&key));
}

#[test]
fn what_has_lost_its_line_ends_is_named_and_not_repeated() {
    let pem = pem();
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let body = key.lines().nth(1).unwrap();
    let long = format!("-----BEGIN {}-----\n", body.repeat(2));
    for (ends, whole) in
        [(" ", "on one line"), ("\t", "on one line"), ("\\n", "on one line"), ("\r", "a lone CR")]
    {
        let (one, secret) = (pem.replace('\n', ends), key.replace('\n', ends));
        assert!(error(one.as_bytes()).to_string().contains(whole), "{one}");
        assert!(matches!(error(format!("{pem}{secret}").as_bytes()), PemError::PrivateKey { .. }));
        let text = format!("{pem}{secret}\n{long}{one}\n");
        let bundle = read_bundle(text.as_bytes());
        assert_eq!(bundle.certificates.len(), 1);
        assert!(bundle.skipped.iter().any(|bad| bad.reason.contains(whole)), "{:?}", bundle.skipped);
        let found = inspect(text.as_bytes());
        assert!(found.iter().any(|item| matches!(item.held, Held::PrivateKey(_))), "{found:?}");
        let said = format!("{:?} {:?}", bundle.skipped, found);
        assert!(said.contains(whole) && !said.contains(body), "{said}");
        let unread = PrivateKey::read(secret.as_bytes()).unwrap_err().to_string();
        assert!(unread.contains(whole) && !unread.contains(body), "{unread}");
    }
}

#[test]
fn other_things_are_refused_with_their_name() {
    let pem = pem();
    assert_eq!(error(b""), PemError::Empty);
    assert_eq!(error(b" \r\n\t\n"), PemError::Empty);
    assert_eq!(error(b"<html>Login</html>"), PemError::NotPem);
    assert_eq!(error(format!("\u{feff}{pem}").as_bytes()), PemError::ByteOrderMark);
    let wide: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(error(&wide), PemError::Utf16);
    for label in [
        "TRUSTED CERTIFICATE",
        "X509 CERTIFICATE",
        "X509 CRL",
        "PKCS7",
        "CERTIFICATE REQUEST",
        "DH PARAMETERS",
        "certificate",
    ] {
        let other = pem.replace("CERTIFICATE", label);
        let found = error(format!("{pem}{other}").as_bytes());
        assert!(matches!(&found, PemError::Label { label: found, .. } if found == label), "{found:?}");
    }
    let lines: Vec<&str> = pem.lines().collect();
    let without_end = lines[..lines.len() - 1].join("\n");
    let unclosed = PemError::Unclosed { line: 1, label: "CERTIFICATE".to_owned() };
    assert_eq!(error(without_end.as_bytes()), unclosed);
    assert_eq!(error(format!("{without_end}\n{pem}").as_bytes()), unclosed);
    assert_eq!(error(lines[1..].join("\n").as_bytes()), PemError::Boundary { line: lines.len() - 1 });
    let indented = format!("  {}\n", lines.join("\n  "));
    assert_eq!(error(indented.as_bytes()), PemError::Boundary { line: 1 });
    assert_eq!(error(format!("{pem}{indented}").as_bytes()), PemError::Boundary { line: lines.len() + 1 });
    assert_eq!(
        error(pem.replace("-----BEGIN CERTIFICATE-----", "----BEGIN CERTIFICATE----").as_bytes()),
        PemError::Boundary { line: lines.len() }
    );
    assert_eq!(error(pem.replacen('M', "!", 1).as_bytes()), PemError::Base64 { line: 1 });
    let headers = pem.replacen("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n\n", 1);
    assert_eq!(error(headers.as_bytes()), PemError::Headers { line: 1 });
    assert_eq!(error(format!("{pem}\0\n").as_bytes()), PemError::Binary { line: lines.len() + 1 });
    let short = b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    assert!(matches!(error(short), PemError::Certificate { line: 1, source: CertError::Structure(_) }));
    let der = [read(pem.as_bytes()).unwrap()[0].der(), b"x"].concat();
    assert_eq!(error(&der), PemError::Der("1 byte follows the certificate".to_owned()));
}

#[test]
fn what_is_no_certificate_is_called_what_it_is() {
    let key = rcgen::KeyPair::generate().unwrap();
    let signed = |parts: &[Vec<u8>]| {
        let algorithm = all(0x30, &[oid(ECDSA_SHA256)]);
        all(0x30, &[all(0x30, parts), algorithm, der(3, &[0, 1])])
    };
    let (number, list) = (der(2, &[0]), all(0x30, &[]));
    let whole = Forged::new(&common_name("a"), &key).sign(&key);
    for (bytes, says) in [
        (key.serialize_der(), "it is a private key"),
        (signed(&[number.clone(), list.clone(), list.clone(), der(0xa0, &[])]), "it is the request for one"),
        (
            signed(&[der(2, &[1]), list.clone(), list, time("20260101000000Z")]),
            "a list of revoked certificates",
        ),
        (rcgen::PublicKeyData::subject_public_key_info(&key), "a bare public key"),
        (whole[..whole.len() - 48].to_vec(), "it ends too early, 48 bytes are missing"),
        (all(0x30, &[number]), "damaged"),
        (vec![0x30, 0x80, 0, 0], "damaged"),
    ] {
        let text = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            base64::engine::general_purpose::STANDARD.encode(&bytes)
        );
        let said = error(text.as_bytes()).to_string();
        assert!(said.contains(says) && !said.contains("rror"), "{says}: {said}");
    }
}

/// Each is what Go 1.19 itself says.
#[test]
fn what_go_cannot_parse_is_said_to_be_so() {
    let key = rcgen::KeyPair::generate().unwrap();
    let names = |uri: &[u8]| all(0x30, &[der(0x82, b"dtr.example.com"), der(0x86, uri)]);
    let uri = |uri: &str| {
        let mut forged = Forged::new(&common_name("a"), &key);
        forged.extensions = vec![extension(&[2, 5, 29, 17], false, &names(uri.as_bytes()))];
        forged
    };
    let with = |change: fn(&mut Forged)| {
        let mut forged = uri("http://a.example/");
        change(&mut forged);
        forged
    };
    assert_eq!(pki::read(&with(|_| ()).sign(&key)).facts().go_refuses, None);
    for (forged, says) in [
        (uri("http://[bad"), "malformed"),
        (uri("http://1.2.3.4:x/"), "malformed"),
        // A class of its own, a number that never ends, what is no set, what is no sequence, and what is cut short.
        (with(|it| it.extensions[0][2] |= 0x80), "malformed extension OID field"),
        (with(|it| it.extensions[0][6] |= 0x80), "malformed extension OID field"),
        (with(|it| it.subject[2] = 0x71), "invalid RDNSequence"),
        (with(|it| it.subject[4] = 0x7a), "invalid RDNSequence: invalid attribute"),
        (with(|it| it.issuer[5] = 0x7f), "invalid RDNSequence: invalid attribute"),
        (with(|it| it.key[13] = 0x6f), "invalid ECDSA parameters"),
        (with(|it| it.outer_algorithm[2] |= 0x40), "algorithm identifiers don't match"),
        (
            with(|it| it.extensions.push(extension(&[2, 5, 29, 19], true, &[0x30, 3, 1, 1, 0x6d]))),
            "invalid basic constraints",
        ),
    ] {
        let der = forged.sign(&key);
        let refused = modules::certs::Certificate::from_der(&der).map(|read| read.facts().go_refuses.clone());
        match refused {
            Ok(said) => assert!(said.as_ref().is_some_and(|said| said.contains(says)), "{says}: {said:?}"),
            Err(error) => panic!("{says}: {error}"),
        }
    }
}

#[test]
fn a_bundle_gives_what_go_takes_from_it() {
    let pem = pem();
    let bad = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let der = read(pem.as_bytes()).unwrap()[0].der().to_vec();
    let text = format!(
        "# one\n{pem}# two\n{bad}{}\u{feff}{pem}{pem}",
        pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE")
    );
    let bundle = read_bundle(&[text.as_bytes(), &der, b"\n", pem.as_bytes()].concat());
    assert_eq!(bundle.certificates.len(), 3);
    assert!(bundle.skipped.len() >= 3, "{:?}", bundle.skipped);
    assert!(read_bundle(b"").certificates.is_empty());
}

#[test]
fn a_playbook_gives_pem_as_text() {
    let text = serde_json::to_string(&pem()).unwrap();
    assert_eq!(serde_json::from_str::<Pem>(&text).unwrap().0.len(), 1);
    let error = serde_json::from_str::<Pem>("\"/etc/ssl/ca.pem\"").unwrap_err();
    assert!(error.to_string().contains("no line is"), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400), at in 0_usize..600, with in 0_u8..255) {
        let _ = read(&bytes);
        let _ = read_bundle(&bytes);
        let mut der = DER.clone();
        let at = at % der.len();
        der[at] = with;
        if let Ok(found) = read(&der) {
            let _ = modules::certs::verify(&found[0], &found, &found, &"a".parse().unwrap(), crate::pki::now());
        }
    }
}

static DER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let constraints = rcgen::NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.com".into())],
        excluded_subtrees: vec![rcgen::GeneralSubtree::DnsName("example.org".into())],
    };
    Spec::ca("root").constrained(constraints).self_signed().certificate.der().to_vec()
});
