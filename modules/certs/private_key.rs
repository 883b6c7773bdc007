//! Private keys, as far as it takes to say whose they are. The key itself is not kept.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair,
};

use super::certificate::Certificate;
use super::key::{Curve, PublicKey};
use super::pem::{self, PemError};

/// A private key that was read: its public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKey {
    public: PublicKey,
}

/// Why a file holds no private key that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateKeyError {
    /// No key there.
    #[error("there is no private key: no line is `-----BEGIN PRIVATE KEY-----`")]
    None,
    /// A passphrase is needed.
    #[error(
        "line {line}: the private key is encrypted, and nothing here asks for its passphrase: `openssl pkey -in FILE -out NEW` (mode 0600) decrypts it"
    )]
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
    /// Not a key of a known kind.
    #[error(
        "line {line}: this is no private key of RSA (2048 bits or more), ECDSA (P-256, P-384, P-521) or Ed25519"
    )]
    Unknown {
        /// Where.
        line: usize,
    },
    /// The file's form.
    #[error(transparent)]
    Pem(#[from] PemError),
}

impl PrivateKey {
    /// Reads the one private key of a PEM file (PKCS#8, PKCS#1 or SEC1); certificates and parameters beside it are
    /// passed over.
    ///
    /// # Errors
    /// With the line that is wrong. No error holds anything of the key.
    pub fn read(input: &[u8]) -> Result<Self, PrivateKeyError> {
        let (block, der) = the_one(input)?;
        let public = public(&block.label, &der).ok_or(PrivateKeyError::Unknown { line: block.line })?;
        Ok(Self { public })
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Whether the certificate is for this key.
    #[must_use]
    pub fn fits(&self, certificate: &Certificate) -> bool {
        self.public == *certificate.key()
    }
}

/// The one private key of a PEM file in DER, for whoever signs with it.
///
/// # Errors
/// As [`PrivateKey::read`].
pub fn private_key_der(input: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
    the_one(input).map(|(_, der)| der)
}

fn the_one(input: &[u8]) -> Result<(pem::Labelled, Vec<u8>), PrivateKeyError> {
    let blocks = pem::blocks(input)?.into_iter();
    let mut keys = blocks.filter(|block| block.label.ends_with("PRIVATE KEY"));
    let key = keys.next().ok_or(PrivateKeyError::None)?;
    let line = key.line;
    if key.headers || key.label == "ENCRYPTED PRIVATE KEY" {
        return Err(PrivateKeyError::Encrypted { line });
    }
    if let Some(second) = keys.next() {
        return Err(PrivateKeyError::Several { line: second.line });
    }
    let der = key.der().map_err(|_| PrivateKeyError::Unknown { line })?;
    Ok((key, der))
}

fn public(label: &str, der: &[u8]) -> Option<PublicKey> {
    let rsa = match label {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(der).ok(),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(der).ok(),
        _ => None,
    };
    if let Some(pair) = rsa {
        return PublicKey::from_pkcs1(pair.public_key().as_ref());
    }
    if label == "PRIVATE KEY"
        && let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
    {
        return Some(PublicKey::Ed25519(pair.public_key().as_ref().to_vec()));
    }
    let curves = [
        (Curve::P256, &ECDSA_P256_SHA256_ASN1_SIGNING),
        (Curve::P384, &ECDSA_P384_SHA384_ASN1_SIGNING),
        (Curve::P521, &ECDSA_P521_SHA512_ASN1_SIGNING),
    ];
    curves.into_iter().find_map(|(curve, algorithm)| {
        let pair = EcdsaKeyPair::from_private_key_der(algorithm, der).ok()?;
        Some(PublicKey::Ec { curve, point: pair.public_key().as_ref().to_vec() })
    })
}
