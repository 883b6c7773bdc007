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

/// Ansible's own name space.
const SPACE: &str = "361e6d51-faec-444a-9079-341386da8e2e";

/// The name-based UUID in a name space, which is Ansible's where none is given.
pub(super) fn uuid(space: Option<&str>, text: &str) -> Eval<String> {
    let space = space.unwrap_or(SPACE);
    let space = uuid_bytes(space)
        .ok_or_else(|| call_error("to_uuid", format!("the namespace `{space}` is no UUID")))?;
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &[&space, text.as_bytes()].concat());
    let mut bytes = digest.as_ref()[..16].to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hexadecimal(&bytes);
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// A UUID as Python reads it: its digits, whatever hyphens, braces or `urn:uuid:` stand around them.
fn uuid_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.replace("urn:", "").replace("uuid:", "");
    let digits = text.trim_matches(['{', '}']).replace('-', "");
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..16).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect()
}
