//! What a certificate says, as data for reports.

use std::net::IpAddr;

use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Whether the certificate is a CA's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BasicConstraints {
    /// It may sign certificates.
    pub ca: bool,
    /// How many intermediates may stand between it and a leaf.
    pub path_len: Option<u32>,
}

/// A certificate's facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The subject, most specific part first.
    pub subject: String,
    /// The issuer, most specific part first.
    pub issuer: String,
    /// The subject's common name, which no engine of today matches against a host.
    pub common_name: Option<String>,
    /// The subject's organisation.
    pub organization: Option<String>,
    /// The serial number in upper-case hexadecimal.
    pub serial: String,
    /// 1, 2 or 3.
    pub version: u32,
    /// Not valid before this instant.
    #[serde(serialize_with = "instant")]
    pub not_before: OffsetDateTime,
    /// Not valid after this instant.
    #[serde(serialize_with = "instant")]
    pub not_after: OffsetDateTime,
    /// Host names in subjectAltName.
    pub dns_names: Vec<String>,
    /// Addresses in subjectAltName.
    pub ip_addresses: Vec<IpAddr>,
    /// Other names in subjectAltName, each with its kind.
    pub other_names: Vec<String>,
    /// There is a subjectAltName at all.
    pub has_alt_names: bool,
    /// Whether basicConstraints are present, and what they say.
    pub basic_constraints: Option<BasicConstraints>,
    /// CA:TRUE.
    pub is_ca: bool,
    /// The key's uses, by RFC 5280's names.
    pub key_usage: Option<Vec<&'static str>>,
    /// The extended uses: `serverAuth` and the like, else dotted numbers.
    pub extended_key_usage: Option<Vec<String>>,
    /// Names that a CA may or may not sign for.
    pub name_constraints: Vec<String>,
    /// The signature's algorithm, as Go names it.
    pub signature_algorithm: String,
    /// The signature's algorithm, as dotted numbers.
    pub signature_oid: String,
    /// `RSA`, `ECDSA P-256`, `Ed25519` and the like.
    pub key_type: String,
    /// The key's size in bits, where one is known.
    pub key_bits: Option<u64>,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub sha256: String,
    /// SHA-256 of the public key's structure, in base64: it survives a renewal with the same key.
    pub spki_sha256: String,
    /// Subject and issuer are the same, byte for byte.
    pub self_issued: bool,
    /// Why Go's parser refuses the certificate, when it does.
    pub go_refuses: Option<String>,
}

impl Facts {
    /// The fingerprint as `openssl x509 -fingerprint -sha256` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let pairs: Vec<String> = self
            .sha256
            .as_bytes()
            .chunks(2)
            .map(|pair| String::from_utf8_lossy(pair).to_ascii_uppercase())
            .collect();
        pairs.join(":")
    }
}

fn instant<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.format(&Rfc3339).map_err(serde::ser::Error::custom)?)
}
