//! Whether a signature is the work of a key.

use aws_lc_rs::signature as lc;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_parser::num_bigint::BigUint;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::AlgorithmIdentifier;

use super::key::{Curve, PublicKey};
use super::rsa;

/// A digest under a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// Broken; believed only where an anchor signs itself.
    Md5,
    /// Broken; believed only where an anchor signs itself.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    pub(super) fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5::Md5::digest(message).to_vec(),
            Self::Sha1 => {
                let algorithm = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
                aws_lc_rs::digest::digest(algorithm, message).as_ref().to_vec()
            }
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    fn from_oid(oid: &str) -> Option<Self> {
        Some(match oid {
            "1.3.14.3.2.26" => Self::Sha1,
            "2.16.840.1.101.3.4.2.1" => Self::Sha256,
            "2.16.840.1.101.3.4.2.2" => Self::Sha384,
            "2.16.840.1.101.3.4.2.3" => Self::Sha512,
            _ => return None,
        })
    }

    fn size(self) -> u32 {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha384 => "SHA384",
            Self::Sha512 => "SHA512",
        }
    }
}

/// How a signature is made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureScheme {
    /// RSA PKCS#1 v1.5.
    RsaPkcs1(Hash),
    /// RSA-PSS whose salt is as long as the digest and whose mask uses the same digest.
    RsaPss(Hash),
    /// ECDSA; the curve is the key's.
    Ecdsa(Hash),
    /// Ed25519.
    Ed25519,
    /// Nothing that Go knows either; the algorithm as dotted numbers.
    Unknown(String),
}

/// Why a signature is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is not this key's signature of this message.
    #[error("the signature does not verify")]
    Mismatch,
    /// The scheme asks for another kind of key.
    #[error("the signature's algorithm does not fit the key")]
    WrongKey,
    /// The scheme, the curve or the key's size cannot be checked.
    #[error("the signature's algorithm is not supported")]
    Unsupported,
}

impl SignatureScheme {
    pub(super) fn read(algorithm: &AlgorithmIdentifier<'_>) -> Self {
        let oid = algorithm.algorithm.to_id_string();
        match oid.as_str() {
            "1.2.840.113549.1.1.4" => Self::RsaPkcs1(Hash::Md5),
            "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => Self::RsaPkcs1(Hash::Sha1),
            "1.2.840.113549.1.1.11" => Self::RsaPkcs1(Hash::Sha256),
            "1.2.840.113549.1.1.12" => Self::RsaPkcs1(Hash::Sha384),
            "1.2.840.113549.1.1.13" => Self::RsaPkcs1(Hash::Sha512),
            "1.2.840.113549.1.1.10" => pss(algorithm).unwrap_or(Self::Unknown(oid)),
            "1.2.840.10045.4.1" => Self::Ecdsa(Hash::Sha1),
            "1.2.840.10045.4.3.2" => Self::Ecdsa(Hash::Sha256),
            "1.2.840.10045.4.3.3" => Self::Ecdsa(Hash::Sha384),
            "1.2.840.10045.4.3.4" => Self::Ecdsa(Hash::Sha512),
            "1.3.101.112" => Self::Ed25519,
            _ => Self::Unknown(oid),
        }
    }

    /// The name, as Go prints it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::RsaPkcs1(hash) => format!("{}-RSA", hash.name()),
            Self::RsaPss(hash) => format!("{}-RSAPSS", hash.name()),
            Self::Ecdsa(hash) => format!("ECDSA-{}", hash.name()),
            Self::Ed25519 => "Ed25519".to_owned(),
            Self::Unknown(oid) => oid.clone(),
        }
    }

    /// Whether Go refuses it in a chain (since 1.18 for SHA-1, always for MD5).
    #[must_use]
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::RsaPkcs1(hash) | Self::Ecdsa(hash) if matches!(hash, Hash::Md5 | Hash::Sha1))
    }

    /// Checks that `signature` is what `key` makes of `message` in this scheme.
    ///
    /// # Errors
    /// When it is not, or when this cannot be known.
    pub fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        match (self, key) {
            (Self::Unknown(_), _) | (_, PublicKey::Other { .. }) => Err(SignatureError::Unsupported),
            (Self::RsaPkcs1(_), PublicKey::Rsa { pss_only: true, .. }) => Err(SignatureError::WrongKey),
            (Self::RsaPkcs1(_) | Self::RsaPss(_), PublicKey::Rsa { pkcs1, modulus, .. }) => {
                match rsa_algorithm(self, modulus.bits()) {
                    Some(algorithm) => check(algorithm, pkcs1, message, signature),
                    None => rsa::verify(self, key, message, signature),
                }
            }
            (Self::Ecdsa(hash), PublicKey::Ec { curve, point }) => {
                let algorithm = ecdsa_algorithm(*curve, *hash).ok_or(SignatureError::Unsupported)?;
                check(algorithm, point, message, signature)
            }
            (Self::Ed25519, PublicKey::Ed25519(point)) => check(&lc::ED25519, point, message, signature),
            _ => Err(SignatureError::WrongKey),
        }
    }
}

/// Go takes PSS only in the form that TLS uses: one digest throughout, salt of its size.
fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Option<SignatureScheme> {
    let parameters = RsaSsaPssParams::try_from(algorithm.parameters.as_ref()?).ok()?;
    let hash = Hash::from_oid(&parameters.hash_algorithm_oid().to_id_string())?;
    let mask = parameters.mask_gen_algorithm().ok()?;
    let mgf1 = mask.mgf.to_id_string() == "1.2.840.113549.1.1.8";
    let same = mgf1 && Hash::from_oid(&mask.hash.to_id_string()) == Some(hash);
    let usual = parameters.salt_length() == hash.size() && parameters.trailer_field() == 1;
    (same && usual && hash != Hash::Sha1).then_some(SignatureScheme::RsaPss(hash))
}

fn check(
    algorithm: &'static dyn lc::VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    lc::UnparsedPublicKey::new(algorithm, key)
        .verify(message, signature)
        .map_err(|_| SignatureError::Mismatch)
}

/// aws-lc's own implementation, for the sizes and digests that it takes.
fn rsa_algorithm(scheme: &SignatureScheme, bits: u64) -> Option<&'static dyn lc::VerificationAlgorithm> {
    let legacy = (1024..=8192).contains(&bits);
    let modern = (2048..=8192).contains(&bits);
    Some(match scheme {
        SignatureScheme::RsaPkcs1(Hash::Sha1) if legacy => &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        SignatureScheme::RsaPkcs1(Hash::Sha256) if legacy => {
            &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        SignatureScheme::RsaPkcs1(Hash::Sha512) if legacy => {
            &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        SignatureScheme::RsaPkcs1(Hash::Sha384) if modern => &lc::RSA_PKCS1_2048_8192_SHA384,
        SignatureScheme::RsaPss(Hash::Sha256) if modern => &lc::RSA_PSS_2048_8192_SHA256,
        SignatureScheme::RsaPss(Hash::Sha384) if modern => &lc::RSA_PSS_2048_8192_SHA384,
        SignatureScheme::RsaPss(Hash::Sha512) if modern => &lc::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Whether a point is one of its curve.
pub(super) fn is_on_curve(curve: Curve, point: &[u8]) -> bool {
    if curve == Curve::P224 {
        return is_on_p224(point);
    }
    let algorithm = [Hash::Sha256, Hash::Sha384, Hash::Sha512].map(|hash| ecdsa_algorithm(curve, hash));
    let known = algorithm.into_iter().flatten().next();
    known.is_none_or(|algorithm| lc::ParsedPublicKey::new(algorithm, point).is_ok())
}

/// The library does not know this curve: y² = x³ - 3x + b.
fn is_on_p224(point: &[u8]) -> bool {
    const B: [u32; 7] =
        [0x2355_ffb4, 0x270b_3943, 0xd7bf_d8ba, 0x5044_b0b7, 0xf541_3256, 0x0c04_b3ab, 0xb405_0a85];
    let [4, coordinates @ ..] = point else { return false };
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    let [x, y] = [x, y].map(BigUint::from_bytes_be);
    let one = || BigUint::from(1_u8);
    let p = (one() << 224_u8) - (one() << 96_u8) + one();
    let right = x.pow(3) + (&p - &x % &p) * 3_u8 + BigUint::from_slice(&B);
    x < p && y < p && (&y * &y) % &p == right % &p
}

fn ecdsa_algorithm(curve: Curve, hash: Hash) -> Option<&'static dyn lc::VerificationAlgorithm> {
    Some(match (curve, hash) {
        (Curve::P256, Hash::Sha1) => &lc::ECDSA_P256_SHA1_ASN1,
        (Curve::P256, Hash::Sha256) => &lc::ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Hash::Sha384) => &lc::ECDSA_P256_SHA384_ASN1,
        (Curve::P256, Hash::Sha512) => &lc::ECDSA_P256_SHA512_ASN1,
        (Curve::P384, Hash::Sha256) => &lc::ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Hash::Sha384) => &lc::ECDSA_P384_SHA384_ASN1,
        (Curve::P384, Hash::Sha512) => &lc::ECDSA_P384_SHA512_ASN1,
        (Curve::P521, Hash::Sha1) => &lc::ECDSA_P521_SHA1_ASN1,
        (Curve::P521, Hash::Sha256) => &lc::ECDSA_P521_SHA256_ASN1,
        (Curve::P521, Hash::Sha384) => &lc::ECDSA_P521_SHA384_ASN1,
        (Curve::P521, Hash::Sha512) => &lc::ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_point_of_p224_is_on_its_curve_and_its_neighbour_is_not() {
        let hex = "04b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21\
                   bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34";
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
        let mut point: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        assert!(is_on_curve(Curve::P224, &point));
        point[56] ^= 1;
        assert!(!is_on_curve(Curve::P224, &point));
    }
}
