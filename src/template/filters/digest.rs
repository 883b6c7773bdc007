//! Digests of text.

use aws_lc_rs::digest::{self, Algorithm};
use md5::{Digest, Md5};

use super::super::error::{Eval, call_error};

fn algorithm(name: &str) -> Eval<&'static Algorithm> {
    Ok(match name {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha224" => &digest::SHA224,
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        "sha3_256" => &digest::SHA3_256,
        "sha3_384" => &digest::SHA3_384,
        "sha3_512" => &digest::SHA3_512,
        other => {
            return Err(call_error("hash", format!("the digest `{other}` is not supported; use `sha256`")));
        }
    })
}

/// The digest in hexadecimal.
pub(super) fn hex(name: &str, text: &str) -> Eval<String> {
    if name == "md5" {
        return Ok(hexadecimal(&Md5::digest(text.as_bytes())));
    }
    let digest = digest::digest(algorithm(name)?, text.as_bytes());
    Ok(hexadecimal(digest.as_ref()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |out, byte| out + &format!("{byte:02x}"))
}

/// The name-based UUID in Ansible's name space.
pub(super) fn uuid(text: &str) -> String {
    const SPACE: [u8; 16] =
        [0x36, 0x1e, 0x6d, 0x51, 0xfa, 0xec, 0x44, 0x4a, 0x90, 0x79, 0x34, 0x13, 0x86, 0xda, 0x8e, 0x2e];
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &[&SPACE, text.as_bytes()].concat());
    let mut bytes = digest.as_ref()[..16].to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hexadecimal(&bytes);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
