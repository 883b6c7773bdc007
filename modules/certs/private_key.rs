//! Private keys, as far as it takes to say whose they are, and whether Go reads them. The key itself is not kept.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
};
use x509_parser::num_bigint::BigUint;

use super::certificate::Certificate;
use super::der::{items, sequence};
use super::key::{Curve, PublicKey};
use super::pem::{self, Labelled, PemError};

/// A private key, as far as it has to be known: its public half.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey {
    public: PublicKey,
}

/// Why a file holds no private key that can be used. No message holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// No key there.
    #[error("there is no private key: no line is a `-----BEGIN` that names one")]
    None,
    /// DER.
    #[error("the file is binary (DER), and a private key is read as PEM")]
    Binary,
    /// A passphrase is needed.
    #[error("line {line}: the private key is encrypted, and nobody is there to type its passphrase")]
    Encrypted {
        /// Where.
        line: usize,
    },
    /// More than one key.
    #[error("line {line}: a second private key stands here: which one is meant?")]
    Several {
        /// Where.
        line: usize,
    },
    /// OpenSSH's own form.
    #[error("line {line}: this is OpenSSH's form of a key, which TLS servers do not read")]
    OpenSsh {
        /// Where.
        line: usize,
    },
    /// Header lines make Go skip the block.
    #[error(
        "line {line}: this key has header lines, and a registry would pass over it: leave only the base64"
    )]
    Headers {
        /// Where it begins.
        line: usize,
    },
    /// None of the forms.
    #[error("line {line}: this block is neither PKCS#8, PKCS#1 nor SEC1")]
    Unknown {
        /// Where it begins.
        line: usize,
    },
    /// A kind of key that no server can use.
    #[error("line {line}: this is no private key of RSA, ECDSA (P-256, P-384, P-521) or Ed25519")]
    Kind {
        /// Where it begins.
        line: usize,
    },
    /// The numbers contradict each other.
    #[error("line {line}: the key's numbers do not belong together: it is damaged")]
    Damaged {
        /// Where it begins.
        line: usize,
    },
    /// The file's form.
    #[error(transparent)]
    Pem(#[from] PemError),
}

impl PrivateKeyError {
    /// What to do about it.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::Encrypted { .. } => {
                "take the passphrase off with `openssl pkey -in FILE -out NEW` (NEW then has mode 0600), and give NEW"
            }
            Self::Binary => "convert it with `openssl pkey -inform DER -in FILE -out NEW`",
            Self::OpenSsh { .. } => "convert it with `ssh-keygen -p -m PKCS8 -f FILE`",
            Self::Kind { .. } => "have the certificate issued for an ECDSA (P-256) or RSA key",
            _ => {
                "give the PEM file with the certificate's own private key: PKCS#8 (`BEGIN PRIVATE KEY`), PKCS#1 or SEC1"
            }
        }
    }
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

impl PrivateKey {
    /// Reads the one private key of a PEM file, as Go's `tls.X509KeyPair` does: whatever the label says, PKCS#8, PKCS#1 and
    /// SEC1 are tried; certificates and parameters beside it are passed over.
    ///
    /// # Errors
    /// With the line that is wrong. No error holds anything of the key.
    pub fn read(input: &[u8]) -> Result<Self, PrivateKeyError> {
        let (block, der) = the_one(input)?;
        public(&der, block.line).map(|public| Self { public })
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Whether the certificate is for this key.
    #[must_use]
    pub fn fits(&self, certificate: &Certificate) -> bool {
        match (&self.public, certificate.key()) {
            (PublicKey::Ec { curve, point }, PublicKey::Ec { curve: other, point: q }) => {
                curve == other && same_point(point, q)
            }
            (own, other) => own == other,
        }
    }

    /// The kind of key, such as `RSA 2048` or `ECDSA P-256`.
    #[must_use]
    pub fn kind(&self) -> String {
        match &self.public {
            PublicKey::Rsa { modulus, .. } => format!("RSA {}", modulus.bits()),
            other => other.kind(),
        }
    }
}

/// The one private key of a PEM file in DER, for whoever signs with it.
///
/// # Errors
/// As [`PrivateKey::read`].
pub fn private_key_der(input: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
    the_one(input).map(|(_, der)| der)
}

fn the_one(input: &[u8]) -> Result<(Labelled, Vec<u8>), PrivateKeyError> {
    if input.iter().all(u8::is_ascii_whitespace) {
        return Err(PrivateKeyError::None);
    }
    if input.first() == Some(&0x30) {
        return Err(PrivateKeyError::Binary);
    }
    let blocks = pem::blocks(input)?.into_iter();
    let mut keys = blocks.filter(|block| block.label.ends_with("PRIVATE KEY"));
    let key = keys.next().ok_or(PrivateKeyError::None)?;
    let line = key.line;
    if let Some(second) = keys.next() {
        return Err(PrivateKeyError::Several { line: second.line });
    }
    match key.label.as_str() {
        "OPENSSH PRIVATE KEY" => return Err(PrivateKeyError::OpenSsh { line }),
        "ENCRYPTED PRIVATE KEY" => return Err(PrivateKeyError::Encrypted { line }),
        _ if key.headers && input.windows(9).any(|window| window == b"ENCRYPTED") => {
            return Err(PrivateKeyError::Encrypted { line });
        }
        _ if key.headers => return Err(PrivateKeyError::Headers { line }),
        _ => {}
    }
    let der = key.der()?;
    Ok((key, der))
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({})", self.kind())
    }
}

/// A certificate may hold its point compressed.
fn same_point(own: &[u8], other: &[u8]) -> bool {
    match other {
        [4, ..] => own == other,
        [form @ (2 | 3), x @ ..] => {
            let size = x.len();
            own.get(1..=size) == Some(x) && own.last().is_some_and(|last| last & 1 == form & 1)
        }
        _ => false,
    }
}

fn public(der: &[u8], line: usize) -> Result<PublicKey, PrivateKeyError> {
    let fields = sequence(der).ok_or(PrivateKeyError::Unknown { line })?;
    match fields[..] {
        // PKCS#8: a version, an algorithm, the key.
        [(2, [0 | 1]), (0x30, algorithm), (4, inner), ..] => pkcs8(der, algorithm, inner, line),
        // SEC1: version 1, the number, the curve.
        [(2, [1]), (4, _), ..] => ec(der, sec1_curve(&fields), line),
        // PKCS#1: version 0 and eight numbers.
        [(2, [0]), (2, _), ..] => rsa(&fields, line),
        _ => Err(PrivateKeyError::Unknown { line }),
    }
}

fn pkcs8(der: &[u8], algorithm: &[u8], inner: &[u8], line: usize) -> Result<PublicKey, PrivateKeyError> {
    let parts = items(algorithm).ok_or(PrivateKeyError::Unknown { line })?;
    match parts[..] {
        [(6, RSA), ..] => rsa(&sequence(inner).ok_or(PrivateKeyError::Unknown { line })?, line),
        [(6, EC), (6, curve), ..] => ec(der, Some(curve), line),
        [(6, ED25519), ..] => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
                .map_err(|_| PrivateKeyError::Damaged { line })?;
            Ok(PublicKey::Ed25519(pair.public_key().as_ref().to_vec()))
        }
        [(6, _), ..] => Err(PrivateKeyError::Kind { line }),
        _ => Err(PrivateKeyError::Unknown { line }),
    }
}

fn rsa(fields: &[(u8, &[u8])], line: usize) -> Result<PublicKey, PrivateKeyError> {
    let number = |at: usize| match fields.get(at) {
        Some((2, [first, ..])) if first & 0x80 != 0 => None,
        Some((2, bytes)) => Some(BigUint::from_bytes_be(bytes)),
        _ => None,
    };
    let numbers: Option<Vec<BigUint>> = (1..=5).map(number).collect();
    let Some([modulus, public, private, p, q]) = numbers.as_deref() else {
        return Err(PrivateKeyError::Unknown { line });
    };
    let one = BigUint::from(1_u8);
    let inverse = |prime: &BigUint| *prime > one && (private * public) % (prime - &one) == one;
    if p * q != *modulus || !inverse(p) || !inverse(q) {
        return Err(PrivateKeyError::Damaged { line });
    }
    let half = [fields[1].1, fields[2].1].map(|number| tagged(2, number)).concat();
    PublicKey::from_pkcs1(&tagged(0x30, &half)).ok_or(PrivateKeyError::Damaged { line })
}

/// DER of this tag and content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|&byte| byte != 0).unwrap_or(length.len() - 1)..];
    let mut der = vec![tag];
    if content.len() > 0x7f {
        der.push(0x80 | u8::try_from(significant.len()).unwrap_or(u8::MAX));
    }
    der.extend(significant);
    der.extend(content);
    der
}

/// The curve of a SEC1 key, which stands in a field of its own.
fn sec1_curve<'a>(fields: &[(u8, &'a [u8])]) -> Option<&'a [u8]> {
    let (_, inside) = fields.iter().find(|(tag, _)| *tag == 0xa0)?;
    match items(inside)?[..] {
        [(6, curve)] => Some(curve),
        _ => None,
    }
}

fn ec(der: &[u8], curve: Option<&[u8]>, line: usize) -> Result<PublicKey, PrivateKeyError> {
    const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    let (curve, algorithm): (_, &'static EcdsaSigningAlgorithm) = match curve {
        Some(P256) => (Curve::P256, &ECDSA_P256_SHA256_ASN1_SIGNING),
        Some([0x2b, 0x81, 0x04, 0, 0x22]) => (Curve::P384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        Some([0x2b, 0x81, 0x04, 0, 0x23]) => (Curve::P521, &ECDSA_P521_SHA512_ASN1_SIGNING),
        _ => return Err(PrivateKeyError::Kind { line }),
    };
    let pair =
        EcdsaKeyPair::from_private_key_der(algorithm, der).map_err(|_| PrivateKeyError::Damaged { line })?;
    Ok(PublicKey::Ec { curve, point: pair.public_key().as_ref().to_vec() })
}
