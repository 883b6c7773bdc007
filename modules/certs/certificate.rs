//! One X.509 certificate: its bytes and its facts.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::constraints::NameConstraints;
use super::extensions::{AltName, Extensions};
use super::facts::{BasicConstraints, Facts};
use super::key::PublicKey;
use super::san::San;
use super::signature::{SignatureError, SignatureScheme};
use super::{go_parse, names, not_one};

/// A certificate that was read. Cheap to clone; equal when the bytes are.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    der: Vec<u8>,
    facts: Facts,
    parts: Parts,
    own_signature: OnceLock<Result<(), SignatureError>>,
}

/// What only the judge needs.
pub(super) struct Parts {
    pub subject: Vec<u8>,
    pub issuer: Vec<u8>,
    pub signed: Vec<u8>,
    pub signature: Vec<u8>,
    pub scheme: SignatureScheme,
    pub key: PublicKey,
    pub spki: Vec<u8>,
    pub extensions: Extensions,
}

/// Why bytes are no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// The bytes do not have a certificate's structure.
    #[error("this is no X.509 certificate: {0}")]
    Structure(String),
    /// More follows.
    #[error("{} the certificate", if *.0 == 1 { "1 byte follows".to_owned() } else { format!("{} bytes follow", .0) })]
    Trailing(usize),
}

impl Certificate {
    /// Reads one certificate.
    ///
    /// # Errors
    /// When the bytes are not exactly one certificate.
    pub fn from_der(der: &[u8]) -> Result<Self, CertError> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| CertError::Structure(not_one::reason(der, &error)))?;
        if !rest.is_empty() {
            return Err(CertError::Trailing(rest.len()));
        }
        let names = [&parsed.tbs_certificate.subject, &parsed.tbs_certificate.issuer];
        if names.into_iter().any(names::has_broken_text) {
            return Err(CertError::Structure("a name in it is marked as UTF-8 and is not".to_owned()));
        }
        let parts = parts(&parsed);
        let facts = facts(der, &parsed, &parts);
        Ok(Self(Arc::new(Inner { der: der.to_vec(), facts, parts, own_signature: OnceLock::new() })))
    }

    /// The certificate's bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// What it says.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// Whether it is self-issued, and the signature is its own key's.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.facts().self_issued && self.own_signature().is_ok()
    }

    /// Whether it is self-issued, and it cannot be checked here whose the signature is.
    #[must_use]
    pub fn is_unchecked_root(&self) -> bool {
        self.facts().self_issued && self.own_signature() == Err(SignatureError::Unsupported)
    }

    /// Whether the signature is its own key's. A bundle holds hundreds, of which few are asked.
    fn own_signature(&self) -> Result<(), SignatureError> {
        let parts = self.parts();
        let verify = || parts.scheme.verify(&parts.key, &parts.signed, &parts.signature);
        *self.0.own_signature.get_or_init(verify)
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.0.parts.key
    }

    /// Whether `message` was signed with this certificate's key.
    ///
    /// # Errors
    /// When it was not, or when this cannot be known.
    pub fn verify(
        &self,
        scheme: &SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        scheme.verify(self.key(), message, signature)
    }

    /// Whether p11-kit (RHEL, SUSE, Arch) would put it into the bundle that dockerd reads: only a CA
    /// that may identify servers, or an old certificate without extensions that signs itself.
    #[must_use]
    pub fn enters_p11_kit(&self) -> bool {
        let facts = self.facts();
        let servers = facts.extended_key_usage.as_ref().is_none_or(|usages| {
            usages.iter().any(|usage| usage == "serverAuth" || usage == "anyExtendedKeyUsage")
        });
        servers && (facts.is_ca || (facts.version == 1 && facts.self_issued))
    }

    /// Whether its name constraints let it sign for all of these names.
    ///
    /// # Errors
    /// The detail of Go's error.
    pub fn may_sign_for(&self, names: &[San]) -> Result<(), String> {
        let Some(constraints) = &self.parts().extensions.constraints else { return Ok(()) };
        let names: Vec<AltName> = names
            .iter()
            .map(|name| match name {
                San::Dns(name) => AltName::Dns(name.clone()),
                San::Ip(address) => AltName::Ip(*address),
            })
            .collect();
        constraints.check(names.iter())
    }

    pub(super) fn parts(&self) -> &Parts {
        &self.0.parts
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der() == other.der()
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, sha256:{})", self.facts().subject, self.facts().sha256)
    }
}

fn parts(parsed: &X509Certificate<'_>) -> Parts {
    let tbs = &parsed.tbs_certificate;
    Parts {
        subject: tbs.subject.as_raw().to_vec(),
        issuer: tbs.issuer.as_raw().to_vec(),
        signed: tbs.as_ref().to_vec(),
        signature: parsed.signature_value.data.to_vec(),
        scheme: SignatureScheme::read(&parsed.signature_algorithm),
        key: PublicKey::read(&tbs.subject_pki),
        spki: tbs.subject_pki.raw.to_vec(),
        extensions: Extensions::read(tbs),
    }
}

fn facts(der: &[u8], parsed: &X509Certificate<'_>, parts: &Parts) -> Facts {
    let tbs = &parsed.tbs_certificate;
    let extensions = &parts.extensions;
    let self_issued = parts.subject == parts.issuer;
    Facts {
        subject: names::one_line(&tbs.subject),
        issuer: names::one_line(&tbs.issuer),
        common_name: names::last_value(&tbs.subject, names::COMMON_NAME),
        organization: names::first_value(&tbs.subject, names::ORGANIZATION),
        serial: serial(tbs.raw_serial()),
        version: tbs.version.0 + 1,
        not_before: tbs.validity.not_before.to_datetime(),
        not_after: tbs.validity.not_after.to_datetime(),
        dns_names: extensions.dns_names().map(str::to_owned).collect(),
        ip_addresses: extensions.addresses().collect(),
        other_names: extensions.alt_names.iter().filter_map(other_name).collect(),
        has_alt_names: extensions.alt_names_raw.is_some(),
        basic_constraints: extensions.basic.map(|(ca, path_len)| BasicConstraints { ca, path_len }),
        is_ca: extensions.basic.is_some_and(|(ca, _)| ca),
        key_usage: extensions.key_usage.map(key_usage),
        extended_key_usage: extensions
            .extended_usage
            .as_ref()
            .map(|usages| usages.iter().map(|oid| usage_name(oid)).collect()),
        name_constraints: extensions.constraints.as_ref().map(NameConstraints::lines).unwrap_or_default(),
        signature_algorithm: parts.scheme.name(),
        signature_oid: parsed.signature_algorithm.algorithm.to_id_string(),
        key_type: parts.key.kind(),
        key_bits: parts.key.bits(),
        sha256: hex(&Sha256::digest(der)),
        spki_sha256: STANDARD.encode(Sha256::digest(&parts.spki)),
        self_issued,
        go_refuses: go_parse::refusal(der, parsed, parts),
    }
}

/// In OpenSSL's form: a sign where it is negative, and no padding byte.
fn serial(raw: &[u8]) -> String {
    let number = x509_parser::num_bigint::BigInt::from_signed_bytes_be(raw);
    let digits = number.magnitude().to_str_radix(16).to_ascii_uppercase();
    let pad = if digits.len().is_multiple_of(2) { "" } else { "0" };
    let sign = if raw.first().is_some_and(|byte| byte & 0x80 != 0) { "-" } else { "" };
    format!("{sign}{pad}{digits}")
}

fn other_name(name: &AltName) -> Option<String> {
    match name {
        AltName::Dns(_) | AltName::Ip(_) => None,
        AltName::Email(text) => Some(format!("email:{text}")),
        AltName::Uri(text) => Some(format!("URI:{text}")),
        AltName::Other(text) | AltName::Malformed(text) => Some(text.clone()),
    }
}

fn key_usage(flags: u16) -> Vec<&'static str> {
    const NAMES: [&str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];
    NAMES.into_iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, name)| name).collect()
}

fn usage_name(oid: &str) -> String {
    let name = match oid {
        "2.5.29.37.0" => "anyExtendedKeyUsage",
        "1.3.6.1.5.5.7.3.1" => "serverAuth",
        "1.3.6.1.5.5.7.3.2" => "clientAuth",
        "1.3.6.1.5.5.7.3.3" => "codeSigning",
        "1.3.6.1.5.5.7.3.4" => "emailProtection",
        "1.3.6.1.5.5.7.3.8" => "timeStamping",
        "1.3.6.1.5.5.7.3.9" => "OCSPSigning",
        other => other,
    };
    name.to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
