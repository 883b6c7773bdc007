//! Every file of the corpus: facts equal OpenSSL's and cryptography's, or the file is refused.

use std::path::PathBuf;

use modules::certs::{Certificate, read, read_bundle};
use serde_json::Value;

use crate::figure::figure;

fn corpus() -> Option<(PathBuf, Vec<Value>)> {
    let Some(root) = std::env::var_os("DTRCTL_CORPUS") else {
        eprintln!("skipped: DTRCTL_CORPUS names no corpus");
        return None;
    };
    let folder = PathBuf::from(root).join("certs");
    let text = std::fs::read(folder.join("expected.json")).expect("the corpus has expected.json");
    let index: Value = serde_json::from_slice(&text).expect("expected.json is JSON");
    Some((folder, index["files"].as_array().expect("files").clone()))
}

/// The names of what differs.
fn differences(own: &Certificate, expected: &Value) -> Vec<String> {
    let (openssl, other) = (&expected["openssl"], &expected["cryptography"]);
    let facts = own.facts();
    let mut found = Vec::new();
    let mut same = |what: &str, own: &Value, theirs: &Value| {
        if !theirs.is_null() && own != theirs {
            found.push(format!("{what}: {own} and not {theirs}"));
        }
    };
    same("sha256", &facts.sha256.clone().into(), &expected["sha256"]);
    same("subject", &facts.subject.clone().into(), &openssl["subject"]);
    same("issuer", &facts.issuer.clone().into(), &openssl["issuer"]);
    same("serial", &facts.serial.clone().into(), &openssl["serial"]);
    let date = |time: time::OffsetDateTime| {
        let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        Value::from(time.format(format).unwrap())
    };
    same("notBefore", &date(facts.not_before), &openssl["notBefore"]);
    same("notAfter", &date(facts.not_after), &openssl["notAfter"]);
    same("version", &format!("v{}", facts.version).into(), &other["version"]);
    same("signature", &facts.signature_oid.clone().into(), &other["signature_algorithm"]);
    let kind = match facts.key_type.as_str() {
        "RSA" | "RSA-PSS" => "RSAPublicKey",
        "DSA" => "DSAPublicKey",
        key if key.starts_with("ECDSA") => "ECPublicKey",
        key => key,
    };
    same("key", &kind.into(), &other["key"]["type"]);
    same("bits", &facts.key_bits.into(), &other["key"]["bits"]);
    same("self-issued", &facts.self_issued.into(), &other["self_issued"]);
    // cryptography believes no SHA-1, MD5 or DSA; OpenSSL does not look at an anchor's own signature
    // but at its fitness to be one. Where only OpenSSL says yes, `verify -check_ss_sig` says so, too.
    let dsa = facts.key_type == "DSA";
    let spelled_out = facts.key_type == "ECDSA on an unnamed curve";
    if spelled_out {
        assert!(facts.go_refuses.is_some(), "Go reads no curve that is spelled out");
    } else if other["self_signed"] == true || (openssl["verifies_as_its_own_anchor"] == true && !dsa) {
        same("self-signed", &own.is_self_signed().into(), &true.into());
    } else if other["self_signed"] == false && !facts.signature_algorithm.contains("SHA1") {
        same("self-signed", &own.is_self_signed().into(), &false.into());
    }
    same("CA", &facts.is_ca.into(), &other["is_ca"]);
    if let Some(names) = other["sans"].as_array() {
        let mut theirs: Vec<String> =
            names.iter().map(|name| name.as_str().unwrap().replace("STREET=", "street=")).collect();
        let dns = facts.dns_names.iter().map(|name| format!("DNS:{name}"));
        let ip = facts.ip_addresses.iter().map(|address| format!("IP:{address}"));
        let mut own: Vec<String> = dns.chain(ip).chain(facts.other_names.iter().cloned()).collect();
        own.sort();
        theirs.sort();
        same("names", &own.into(), &theirs.into());
    }
    let usage = &other["key_usage"];
    if usage.is_object() {
        let has = |name: &str| facts.key_usage.as_ref().is_some_and(|usages| usages.contains(&name));
        same("keyCertSign", &has("keyCertSign").into(), &usage["cert_sign"]);
        same("digitalSignature", &has("digitalSignature").into(), &usage["digital_signature"]);
    }
    found
}

#[test]
fn facts_equal_openssl_and_cryptography() {
    let Some((folder, files)) = corpus() else { return };
    let (mut equal, mut wrong) = (0, Vec::new());
    for file in &files {
        let name = file["file"].as_str().unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let readable: Vec<&Value> = file["certificates"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["openssl"].is_object())
            .collect();
        match read(&bytes) {
            Ok(own) if own.len() == readable.len() => {
                for (own, expected) in own.iter().zip(readable) {
                    let found = differences(own, expected);
                    equal += usize::from(found.is_empty());
                    wrong.extend(found.into_iter().map(|what| format!("{name}: {what}")));
                }
            }
            Ok(own) => wrong.push(format!("{name}: {} certificates and not {}", own.len(), readable.len())),
            Err(error) if readable.is_empty() => println!("refused {name}: {error}"),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    println!("{equal} certificates of {} files equal", files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    figure("S8", "facts_equal_openssl_and_cryptography", &format!("facts_that_differ=0 of={equal}"));
}

#[test]
fn no_file_is_read_with_a_key_in_it() {
    let Some((folder, files)) = corpus() else { return };
    for file in &files {
        let mut bytes = std::fs::read(folder.join(file["file"].as_str().unwrap())).unwrap();
        bytes.extend(b"\n-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n");
        let error = read(&bytes).unwrap_err().to_string();
        assert!(error.contains("PRIVATE KEY") && !error.contains("AAAA"), "{error}");
    }
    figure("S8", "no_file_is_read_with_a_key_in_it", &format!("read=0 of={}", files.len()));
}

#[test]
fn what_was_read_is_written_as_every_reader_takes_it() {
    let Some((folder, files)) = corpus() else { return };
    for file in &files {
        let Ok(own) = read(&std::fs::read(folder.join(file["file"].as_str().unwrap())).unwrap()) else {
            continue;
        };
        let text: String = own.iter().map(modules::certs::encode).collect();
        assert_eq!(read(text.as_bytes()).as_ref(), Ok(&own));
        assert!(text.lines().all(|line| line.len() <= 64) && !text.contains('\r'));
        assert!(read_bundle(text.as_bytes()).certificates.len() <= own.len());
    }
}

#[test]
fn go_refuses_what_is_said_to_be_refused() {
    let Some((folder, files)) = corpus() else { return };
    let scratch = tempfile::tempdir().unwrap();
    for docker in crate::go::dockers() {
        let (mut asked, mut wrong) = (0, Vec::new());
        for file in &files {
            let name = file["file"].as_str().unwrap();
            for own in read(&std::fs::read(folder.join(name)).unwrap()).unwrap_or_default() {
                let refused = !crate::go::parses(&docker, &own, scratch.path());
                asked += 1;
                if refused != own.facts().go_refuses.is_some() {
                    wrong.push(format!("{name}: {own:?}: {:?}, Go: {refused}", own.facts().go_refuses));
                }
            }
        }
        println!("{}: {asked} certificates asked, {} differ", docker.display(), wrong.len());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
