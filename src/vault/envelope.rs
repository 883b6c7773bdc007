//! The format: a header line, and lines of hexadecimal digits.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};

const MARK: &[u8] = b"$ANSIBLE_VAULT;";
const ROUNDS: NonZeroU32 = NonZeroU32::new(10_000).expect("not zero");
/// The block of AES, to whose multiple the text was padded, in bytes.
const BLOCK: usize = 16;

/// Whether a file is encrypted: its first bytes say so.
#[must_use]
pub fn is_encrypted(bytes: &[u8]) -> bool {
    bytes.starts_with(MARK)
}

/// An encrypted text, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Which password it wants, where it says so.
    pub label: Option<String>,
    salt: Vec<u8>,
    tag: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// What keeps a text from being taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Malformed {
    /// A version or cipher that is not known.
    Unknown(String),
    /// The text is cut short, or is not hexadecimal.
    Damaged(&'static str),
}

impl Envelope {
    /// Takes a text apart.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Damaged("it is not text"))?.trim();
        let (header, body) = text.split_once('\n').unwrap_or((text, ""));
        let fields: Vec<&str> = header.trim().split(';').collect();
        let label = match fields[..] {
            [_, "1.1", "AES256"] => None,
            [_, "1.2", "AES256", label] => Some(label.to_owned()),
            [_, version, cipher, ..] => return Err(Malformed::Unknown(format!("{version} with {cipher}"))),
            _ => return Err(Malformed::Damaged("its header is cut short")),
        };
        let body: String = body.split_whitespace().collect();
        let inner = hexadecimal(body.as_bytes())?;
        let mut parts = inner.splitn(3, |byte| *byte == b'\n');
        let mut part =
            || parts.next().ok_or(Malformed::Damaged("a part of it is missing")).and_then(hexadecimal);
        Ok(Self { label, salt: part()?, tag: part()?, ciphertext: part()? })
    }

    /// The text; none where the password is another, or the text was changed.
    pub fn open(&self, password: &[u8]) -> Option<Vec<u8>> {
        let mut keys = [0; 80];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, &self.salt, password, &mut keys);
        let (cipher_key, rest) = keys.split_at(32);
        let (tag_key, counter) = rest.split_at(32);
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, tag_key), &self.ciphertext, &self.tag).ok()?;
        let key = DecryptingKey::ctr(UnboundCipherKey::new(&AES_256, cipher_key).ok()?).ok()?;
        let counter = FixedLength::<BLOCK>::try_from(counter).ok()?;
        let mut text = self.ciphertext.clone();
        key.decrypt(&mut text, DecryptionContext::Iv128(counter)).ok()?;
        let padding = usize::from(*text.last()?);
        (1..=BLOCK).contains(&padding).then(|| text.truncate(text.len().saturating_sub(padding)))?;
        Some(text)
    }
}

fn hexadecimal(digits: &[u8]) -> Result<Vec<u8>, Malformed> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    bytes.ok_or(Malformed::Damaged("it is not made of pairs of hexadecimal digits"))
}
