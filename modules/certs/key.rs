//! Public keys, as far as Go's crypto/x509 knows them.

use x509_parser::num_bigint::BigUint;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A curve of ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-224: read, but no signature of it can be checked here.
    P224,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

impl Curve {
    fn from_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.3.132.0.33" => Self::P224,
            "1.2.840.10045.3.1.7" => Self::P256,
            "1.3.132.0.34" => Self::P384,
            "1.3.132.0.35" => Self::P521,
            _ => return None,
        })
    }

    /// The size of the field.
    #[must_use]
    pub fn bits(self) -> u64 {
        match self {
            Self::P224 => 224,
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }
}

/// A certificate's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicKey {
    /// RSA.
    Rsa {
        /// The key as PKCS#1 writes it.
        pkcs1: Vec<u8>,
        /// The modulus.
        modulus: BigUint,
        /// The public exponent.
        exponent: BigUint,
        /// The key may sign with PSS only; Go reads no such key.
        pss_only: bool,
    },
    /// ECDSA on a named curve.
    Ec {
        /// The curve.
        curve: Curve,
        /// The point, as encoded.
        point: Vec<u8>,
    },
    /// Ed25519.
    Ed25519(Vec<u8>),
    /// Anything else: no signature of such a key is believed.
    Other {
        /// The algorithm, as dotted numbers.
        oid: String,
        /// The key's size, where one is known.
        bits: Option<u64>,
    },
}

const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";
const ED448: &str = "1.3.101.113";
const DSA: &str = "1.2.840.10040.4.1";

impl PublicKey {
    pub(super) fn read(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let oid = spki.algorithm.algorithm.to_id_string();
        let bits: &[u8] = &spki.subject_public_key.data;
        let known = match oid.as_str() {
            RSA | RSA_PSS => rsa(bits, oid == RSA_PSS),
            EC => ec(spki, bits),
            ED25519 if bits.len() == 32 => Some(Self::Ed25519(bits.to_vec())),
            _ => None,
        };
        known.unwrap_or_else(|| {
            let bits = match oid.as_str() {
                DSA => dsa_bits(spki),
                _ => explicit_ec_bits(&oid, bits),
            };
            Self::Other { oid, bits }
        })
    }

    /// An RSA key as PKCS#1 writes it; none where it is none.
    pub(super) fn from_pkcs1(bits: &[u8]) -> Option<Self> {
        rsa(bits, false)
    }

    /// The key's size in bits, where one is known.
    #[must_use]
    pub fn bits(&self) -> Option<u64> {
        match self {
            Self::Rsa { modulus, .. } => Some(modulus.bits()),
            Self::Ec { curve, .. } => Some(curve.bits()),
            Self::Ed25519(_) => Some(256),
            Self::Other { bits, .. } => *bits,
        }
    }

    /// Whether Go checks signatures of such a key.
    #[must_use]
    pub fn go_knows(&self) -> bool {
        !matches!(self, Self::Other { .. } | Self::Rsa { pss_only: true, .. })
    }

    /// The kind of key, in a word or two.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Rsa { pss_only: true, .. } => "RSA-PSS".to_owned(),
            Self::Rsa { .. } => "RSA".to_owned(),
            Self::Ec { curve, .. } => format!("ECDSA P-{}", curve.bits()),
            Self::Ed25519(_) => "Ed25519".to_owned(),
            Self::Other { oid, .. } if oid == DSA => "DSA".to_owned(),
            Self::Other { oid, .. } if oid == EC => "ECDSA on an unnamed curve".to_owned(),
            Self::Other { oid, .. } if oid == ED448 => "Ed448".to_owned(),
            Self::Other { oid, .. } => oid.clone(),
        }
    }
}

fn rsa(bits: &[u8], pss_only: bool) -> Option<PublicKey> {
    let (rest, key) = RSAPublicKey::from_der(bits).ok()?;
    let negative = |number: &[u8]| number.first().is_none_or(|byte| byte & 0x80 != 0);
    if !rest.is_empty() || negative(key.modulus) || negative(key.exponent) {
        return None;
    }
    Some(PublicKey::Rsa {
        pkcs1: bits.to_vec(),
        modulus: BigUint::from_bytes_be(key.modulus),
        exponent: BigUint::from_bytes_be(key.exponent),
        pss_only,
    })
}

fn ec(spki: &SubjectPublicKeyInfo<'_>, point: &[u8]) -> Option<PublicKey> {
    let oid = spki.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let curve = Curve::from_oid(&oid.to_id_string())?;
    Some(PublicKey::Ec { curve, point: point.to_vec() })
}

/// The size of P, which stands first in the parameters.
fn dsa_bits(spki: &SubjectPublicKeyInfo<'_>) -> Option<u64> {
    let parameters = spki.algorithm.parameters.as_ref()?;
    let (_, p) = x509_parser::der_parser::der::parse_der_integer(parameters.data).ok()?;
    Some(p.as_biguint().ok()?.bits())
}

/// A curve spelled out instead of named: its size shows only in the length of the point.
fn explicit_ec_bits(oid: &str, point: &[u8]) -> Option<u64> {
    match point {
        [4, coordinates @ ..] if oid == EC => u64::try_from(coordinates.len() * 4).ok(),
        _ => None,
    }
}
