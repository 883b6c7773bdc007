//! Certificates that OpenSSL reads and Go does not. dockerd passes over such an anchor in silence,
//! and breaks the handshake when a server sends one.

use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::Tag;
use x509_parser::x509::X509Name;

use super::certificate::Parts;
use super::extensions::AltName;
use super::key::PublicKey;
use super::{go_structure, signature};

/// Go's sentence, or one like it, when its parser refuses the certificate.
pub(super) fn refusal(der: &[u8], parsed: &X509Certificate<'_>, parts: &Parts) -> Option<String> {
    let tbs = &parsed.tbs_certificate;
    let fault = if tbs.version.0 > 2 {
        "x509: invalid version".to_owned()
    } else {
        return go_structure::fault(der)
            .map(str::to_owned)
            .or_else(|| times(parsed))
            .or_else(|| name(&tbs.issuer))
            .or_else(|| name(&tbs.subject))
            .or_else(|| key(parsed, &parts.key))
            .or_else(|| extensions(parts));
    };
    Some(fault)
}

/// Go reads whole seconds alone.
fn times(parsed: &X509Certificate<'_>) -> Option<String> {
    let validity = &parsed.tbs_certificate.validity;
    let broken =
        [validity.not_before, validity.not_after].iter().any(|time| time.to_datetime().nanosecond() != 0);
    broken.then(|| "x509: malformed GeneralizedTime".to_owned())
}

fn name(name: &X509Name<'_>) -> Option<String> {
    let value = |data: &[u8], tag: Tag| match tag {
        Tag::PrintableString if !data.iter().all(|&byte| is_printable(byte)) => Some("PrintableString"),
        Tag::Ia5String if !data.is_ascii() => Some("IA5String"),
        Tag::NumericString if !data.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ') => {
            Some("NumericString")
        }
        Tag::BmpString if !is_ucs2(data) => Some("BMPString"),
        _ => None,
    };
    let known = [
        Tag::Utf8String,
        Tag::PrintableString,
        Tag::T61String,
        Tag::Ia5String,
        Tag::NumericString,
        Tag::BmpString,
    ];
    let mut tags = name.iter_attributes().map(|attribute| attribute.attr_value().tag());
    if let Some(tag) = tags.find(|tag| !known.contains(tag)) {
        return Some(format!(
            "x509: invalid RDNSequence: invalid attribute value: {UNSUPPORTED_STRING}{}",
            tag.0
        ));
    }
    let broken = name
        .iter_attributes()
        .find_map(|attribute| value(attribute.attr_value().data, attribute.attr_value().tag()))?;
    Some(format!("x509: invalid RDNSequence: invalid attribute value: invalid {broken}"))
}

/// How Go before 1.27 refuses other kinds of values.
pub(super) const UNSUPPORTED_STRING: &str = "unsupported string type: ";

/// Pairs of bytes, without what no character has (Go since 1.27).
fn is_ucs2(data: &[u8]) -> bool {
    let none = |pair: &[u8]| matches!(u16::from_be_bytes([pair[0], pair[1]]), 0xfffe | 0xffff | 0xfdd0..=0xfdef | 0xd800..=0xdfff);
    data.len().is_multiple_of(2) && !data.chunks_exact(2).any(none)
}

/// Go's set: with `*` and `&`, without `@` and `_`.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"'()+,-./ :=?*&".contains(&byte)
}

fn key(parsed: &X509Certificate<'_>, key: &PublicKey) -> Option<String> {
    let algorithm = &parsed.tbs_certificate.subject_pki.algorithm;
    let null = algorithm.parameters.as_ref().is_some_and(|any| any.tag() == Tag::Null);
    let fault = match key {
        PublicKey::Rsa { pss_only: false, .. } if !null => "x509: RSA key missing NULL parameters",
        PublicKey::Rsa { pss_only: false, modulus, .. } if modulus.bits() == 0 => {
            "x509: RSA modulus is not a positive number"
        }
        PublicKey::Rsa { pss_only: false, exponent, .. } if exponent.bits() == 0 => {
            "x509: RSA public exponent is not a positive number"
        }
        PublicKey::Ec { curve, point } => {
            let field = usize::try_from(curve.bits().div_ceil(8)).ok()?;
            if point.first() == Some(&4)
                && point.len() == 2 * field + 1
                && signature::is_on_curve(*curve, point)
            {
                return None;
            }
            "x509: failed to unmarshal elliptic curve point"
        }
        PublicKey::Ed25519(_) if algorithm.parameters.is_some() => {
            "x509: Ed25519 key encoded with illegal parameters"
        }
        PublicKey::Other { oid, .. } => match oid.as_str() {
            "1.2.840.113549.1.1.1" => "x509: invalid RSA public key",
            "1.2.840.10045.2.1" => "x509: unsupported elliptic curve",
            "1.3.101.112" => "x509: wrong Ed25519 public key size",
            _ => return None,
        },
        _ => return None,
    };
    Some(fault.to_owned())
}

fn extensions(parts: &Parts) -> Option<String> {
    if let Some(fault) = parts.extensions.malformed.first() {
        return Some(format!("x509: {fault}"));
    }
    let broken = |name: &AltName| matches!(name, AltName::Malformed(_));
    let name = parts.extensions.alt_names.iter().find(|name| broken(name))?;
    let AltName::Malformed(what) = name else { return None };
    Some(format!("x509: a name in subjectAltName is malformed: {what:?}"))
}
