//! Private keys in every form that openssl writes, against the certificates that they belong to.

use std::path::Path;
use std::process::{Command, Stdio};

use modules::certs::{Certificate, PemError, PrivateKey, PrivateKeyError, read};

/// `sh -c`, in a folder; its standard output.
fn sh(folder: &Path, script: &str) -> Vec<u8> {
    let output =
        Command::new("sh").args(["-ec", script]).current_dir(folder).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn has_openssl() -> bool {
    let found = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: keys: no openssl");
    }
    found
}

/// A key and its self-signed certificate, made by a command that writes `key`.
fn made(folder: &Path, command: &str) -> (Vec<u8>, Certificate) {
    sh(folder, command);
    sh(folder, "openssl req -x509 -new -key key -subj /CN=x -days 9 -out certificate 2>/dev/null");
    let certificate = read(&std::fs::read(folder.join("certificate")).unwrap()).unwrap().remove(0);
    (std::fs::read(folder.join("key")).unwrap(), certificate)
}

const RSA: &str = "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key 2>/dev/null";
const KINDS: &[(&str, &str)] = &[
    ("RSA 2048", RSA),
    ("ECDSA P-256", "openssl ecparam -name prime256v1 -genkey -out key"),
    ("ECDSA P-384", "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key"),
    ("ECDSA P-521", "openssl ecparam -name secp521r1 -genkey -noout -out key"),
    ("Ed25519", "openssl genpkey -algorithm ED25519 -out key"),
];

#[test]
fn every_form_of_a_key_is_known_as_its_certificates() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made: Vec<_> = KINDS.iter().map(|(kind, command)| (kind, made(folder.path(), command))).collect();
    for (kind, (text, certificate)) in &made {
        std::fs::write(folder.path().join("key"), text).unwrap();
        let mut forms = vec![text.clone()];
        forms.push(sh(folder.path(), "openssl pkcs8 -topk8 -nocrypt -in key"));
        if **kind != "Ed25519" {
            forms.push(sh(folder.path(), "openssl pkey -traditional -in key"));
        }
        forms.push(String::from_utf8(text.clone()).unwrap().replace('\n', "\r\n").into_bytes());
        forms.push([b"a note of somebody's\n", &text[..]].concat());
        for form in forms {
            let key = PrivateKey::read(&form).unwrap_or_else(|error| panic!("{kind}: {error}"));
            assert_eq!(key.kind(), **kind);
            assert!(key.fits(certificate), "{kind}");
            let others = made.iter().filter(|(other, _)| other != kind);
            assert!(others.into_iter().all(|(_, (_, other))| !key.fits(other)), "{kind}");
        }
    }
    // A certificate may hold its point compressed, which Go reads, too.
    let compressed = "openssl ecparam -name prime256v1 -genkey -noout -conv_form compressed -out key";
    let (text, certificate) = self::made(folder.path(), compressed);
    assert!(PrivateKey::read(&text).unwrap().fits(&certificate));
    let (_, other) = self::made(folder.path(), RSA);
    assert!(!PrivateKey::read(&made[0].1.0).unwrap().fits(&other), "another key of the same kind");
}

#[test]
fn what_a_registry_could_not_read_is_refused_by_name_and_without_a_word_of_it() {
    if !has_openssl() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    sh(at, RSA);
    let plain = std::fs::read(at.join("key")).unwrap();
    let refused = |input: &[u8]| {
        let error = PrivateKey::read(input).unwrap_err();
        let text = format!("{error} {}", error.advice());
        let secret = String::from_utf8(plain.clone()).unwrap();
        let secret = secret.lines().nth(3).unwrap().to_owned();
        assert!(!text.contains(&secret) && text.len() > 40, "{text}");
        error
    };
    for command in [
        "openssl pkcs8 -topk8 -in key -passout pass:abcd",
        "openssl rsa -traditional -aes128 -in key -passout pass:abcd 2>/dev/null",
    ] {
        assert!(matches!(refused(&sh(at, command)), PrivateKeyError::Encrypted { line: 1 }), "{command}");
    }
    assert!(matches!(refused(&sh(at, "openssl pkey -in key -outform DER")), PrivateKeyError::Binary));
    assert!(matches!(refused(b" \n"), PrivateKeyError::None));
    assert!(matches!(refused(b"hello\n"), PrivateKeyError::None));
    let marked = [b"\xef\xbb\xbf", &plain[..]].concat();
    assert!(matches!(refused(&marked), PrivateKeyError::Pem(PemError::ByteOrderMark)));
    assert!(matches!(refused(&[&plain[..], &plain[..]].concat()), PrivateKeyError::Several { line: 29 }));
    assert!(matches!(refused(&sh(at, "openssl pkey -in key -pubout")), PrivateKeyError::None));
    let cut = refused(&plain[..plain.len() - 30]);
    assert!(matches!(&cut, PrivateKeyError::Pem(PemError::Unclosed { .. })));
    assert!(cut.to_string().contains("PRIVATE KEY"), "what is not closed is named: {cut}");
    assert!(matches!(
        refused(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        PrivateKeyError::Unknown { line: 1 }
    ));
    let curve = sh(at, "openssl ecparam -name secp224r1 -genkey -noout");
    assert!(matches!(refused(&curve), PrivateKeyError::Kind { .. }));
    let damaged = "openssl pkey -in key -outform DER | (head -c 60; printf X; tail -c +62) | openssl base64 | \
                   (echo '-----BEGIN PRIVATE KEY-----'; cat; echo '-----END PRIVATE KEY-----')";
    let damaged = damaged.replace("| (head", ">der; (head").replace("tail -c +62)", "tail -c +62 der)");
    let damaged = damaged.replace("head -c 60;", "head -c 60 der;");
    assert!(matches!(refused(&sh(at, &damaged)), PrivateKeyError::Damaged { .. }));
}
