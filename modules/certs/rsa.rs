//! RSA verification for what aws-lc leaves out and Go does not: keys under 2048 bits with PSS or
//! SHA-384, and MD5 where an old anchor signs itself. Only public values are handled, so nothing
//! here has to run in constant time.

use x509_parser::num_bigint::BigUint;

use super::key::PublicKey;
use super::signature::{Hash, SignatureError, SignatureScheme};

/// An exponentiation of this size takes milliseconds; a hostile key must not buy more.
const LARGEST_MODULUS: u64 = 16_384;
/// Go's limit for the exponent, which also keeps its cost low.
const LARGEST_EXPONENT: u64 = (1 << 31) - 1;

pub(super) fn verify(
    scheme: &SignatureScheme,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let PublicKey::Rsa { modulus, exponent, .. } = key else {
        return Err(SignatureError::WrongKey);
    };
    let small = exponent <= &BigUint::from(LARGEST_EXPONENT) && exponent > &BigUint::from(1_u8);
    if modulus.bits() > LARGEST_MODULUS || !small || !exponent.bit(0) || !modulus.bit(0) {
        return Err(SignatureError::Unsupported);
    }
    let encoded = recover(modulus, exponent, signature).ok_or(SignatureError::Mismatch)?;
    let good = match scheme {
        SignatureScheme::RsaPkcs1(hash) => pkcs1_encoding(*hash, message, encoded.len()) == Some(encoded),
        SignatureScheme::RsaPss(hash) => pss_matches(*hash, message, &encoded, modulus.bits()),
        _ => return Err(SignatureError::WrongKey),
    };
    if good { Ok(()) } else { Err(SignatureError::Mismatch) }
}

/// The signed block, as many bytes long as the modulus.
fn recover(modulus: &BigUint, exponent: &BigUint, signature: &[u8]) -> Option<Vec<u8>> {
    let size = usize::try_from(modulus.bits().div_ceil(8)).ok()?;
    let number = BigUint::from_bytes_be(signature);
    if signature.len() != size || &number >= modulus {
        return None;
    }
    let bytes = number.modpow(exponent, modulus).to_bytes_be();
    let mut block = vec![0; size - bytes.len()];
    block.extend(bytes);
    Some(block)
}

/// PKCS#1 v1.5: there is one right block, so it is built and compared, never parsed.
fn pkcs1_encoding(hash: Hash, message: &[u8], size: usize) -> Option<Vec<u8>> {
    let prefix: &[u8] = match hash {
        Hash::Md5 => &[0x30, 32, 0x30, 12, 6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 2, 5, 5, 0, 4, 16],
        Hash::Sha1 => &[0x30, 33, 0x30, 9, 6, 5, 0x2b, 14, 3, 2, 26, 5, 0, 4, 20],
        Hash::Sha256 => &[0x30, 49, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 32],
        Hash::Sha384 => &[0x30, 65, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2, 5, 0, 4, 48],
        Hash::Sha512 => &[0x30, 81, 0x30, 13, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3, 5, 0, 4, 64],
    };
    let digest = hash.digest(message);
    let padding = size.checked_sub(prefix.len() + digest.len() + 3).filter(|&length| length >= 8)?;
    let mut block = vec![0, 1];
    block.resize(2 + padding, 0xff);
    block.push(0);
    block.extend_from_slice(prefix);
    block.extend(digest);
    Some(block)
}

/// EMSA-PSS with a salt of the digest's size (RFC 8017, 9.1.2).
fn pss_matches(hash: Hash, message: &[u8], block: &[u8], modulus_bits: u64) -> bool {
    let bits = modulus_bits - 1;
    let Ok(size) = usize::try_from(bits.div_ceil(8)) else { return false };
    let digest = hash.digest(message);
    let length = digest.len();
    let Some((lead, encoded)) = block.len().checked_sub(size).map(|lead| block.split_at(lead)) else {
        return false;
    };
    if lead.iter().any(|&byte| byte != 0) || size < 2 * length + 2 || encoded.last() != Some(&0xbc) {
        return false;
    }
    let (masked, rest) = encoded.split_at(size - length - 1);
    let seed = &rest[..length];
    let unused = 8 * size as u64 - bits;
    let top = 0xff_u8.checked_shr(u32::try_from(unused).unwrap_or(8)).unwrap_or(0);
    if masked[0] & !top != 0 {
        return false;
    }
    let mut data: Vec<u8> = masked.iter().zip(mask(hash, seed, masked.len())).map(|(a, b)| a ^ b).collect();
    data[0] &= top;
    let (zeros, salt) = data.split_at(data.len() - length);
    let Some((1, zeros)) = zeros.split_last().map(|(last, zeros)| (*last, zeros)) else { return false };
    zeros.iter().all(|&byte| byte == 0) && hash.digest(&[&[0; 8], &digest[..], salt].concat()) == seed
}

/// MGF1.
fn mask(hash: Hash, seed: &[u8], size: usize) -> impl Iterator<Item = u8> {
    let seed = seed.to_vec();
    (0_u32..).flat_map(move |counter| hash.digest(&[&seed[..], &counter.to_be_bytes()].concat())).take(size)
}
