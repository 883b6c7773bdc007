//! What an operator knows of a certificate beforehand.

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::certificate::Certificate;

/// A fingerprint that a certificate has to have: `sha256:` and the hexadecimal digest of the whole
/// certificate (with or without colons), or `spki:` (also `pin-sha256:`) and the base64 digest of
/// its public key, which survives a renewal with the same key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pin {
    /// SHA-256 of the certificate.
    Certificate([u8; 32]),
    /// SHA-256 of the certificate's `SubjectPublicKeyInfo`.
    Key([u8; 32]),
}

/// Why a text is no pin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PinError {
    /// Neither form.
    #[error(
        "`{0}` is no pin: write `sha256:` and 64 hexadecimal digits (`openssl x509 -noout -fingerprint -sha256`), or `spki:` and 44 characters of base64"
    )]
    Form(String),
    /// SHA-1 or MD5.
    #[error("`{0}` is no SHA-256 fingerprint: weaker digests prove nothing")]
    Weak(String),
    /// Not 32 bytes of hexadecimal.
    #[error(
        "`{0}` is no SHA-256 fingerprint: 64 hexadecimal digits follow `sha256:`, with a colon between all pairs or none"
    )]
    Hex(String),
    /// Not 32 bytes of base64.
    #[error("`{0}` is no key pin: 44 characters of base64 follow `spki:`")]
    Base64(String),
}

impl Pin {
    /// Whether the certificate is the one.
    #[must_use]
    pub fn matches(&self, certificate: &Certificate) -> bool {
        let facts = certificate.facts();
        match self {
            Self::Certificate(digest) => hex(digest) == facts.sha256,
            Self::Key(digest) => STANDARD.encode(digest) == facts.spki_sha256,
        }
    }

    /// The pin of this one certificate.
    #[must_use]
    pub fn of(certificate: &Certificate) -> Self {
        Self::Certificate(from_hex(&certificate.facts().sha256).unwrap_or_default())
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let owned = || text.to_owned();
        let (kind, value) = text.split_once(':').ok_or_else(|| PinError::Form(owned()))?;
        match kind.to_ascii_lowercase().as_str() {
            "sha256" => from_hex(value).map(Self::Certificate).ok_or_else(|| PinError::Hex(owned())),
            "spki" | "pin-sha256" => {
                let bytes = STANDARD.decode(value).ok().and_then(|bytes| bytes.try_into().ok());
                bytes.map(Self::Key).ok_or_else(|| PinError::Base64(owned()))
            }
            "sha1" | "md5" => Err(PinError::Weak(owned())),
            _ => Err(PinError::Form(owned())),
        }
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let pairs: Vec<&str> = match text.len() {
        95 => text.split(':').collect(),
        64 if text.is_ascii() => (0..32).map(|index| &text[2 * index..2 * index + 2]).collect(),
        _ => return None,
    };
    let byte = |pair: &&str| {
        let digits = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        if digits { u8::from_str_radix(pair, 16).ok() } else { None }
    };
    let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
    bytes?.try_into().ok()
}

fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(digest) => write!(f, "sha256:{}", hex(digest)),
            Self::Key(digest) => write!(f, "spki:{}", STANDARD.encode(digest)),
        }
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Pin {
    fn schema_name() -> Cow<'static, str> {
        "Pin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "`sha256:` and a certificate's SHA-256 fingerprint in hexadecimal, or `spki:` and \
                the base64 SHA-256 of its public key",
            "pattern": "^([sS][hH][aA]256:[0-9A-Fa-f:]{64,95}|(spki|pin-sha256):[A-Za-z0-9+/]{43}=)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_fingerprint_are_one_pin() {
        let plain: Pin = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        let colons: Pin = format!("SHA256:{}", vec!["AB"; 32].join(":")).parse().unwrap();
        assert_eq!(plain, colons);
        assert_eq!(plain.to_string().parse(), Ok(plain));
        let key: Pin = format!("spki:{}", STANDARD.encode([7; 32])).parse().unwrap();
        assert_eq!(format!("pin-sha256:{}", STANDARD.encode([7; 32])).parse(), Ok(key));
    }

    #[test]
    fn anything_else_is_refused() {
        let error = |text: &str| text.parse::<Pin>().unwrap_err();
        assert!(matches!(error(""), PinError::Form(_)));
        assert!(matches!(error(&"ab".repeat(32)), PinError::Form(_)));
        assert!(matches!(error("sha1:00"), PinError::Weak(_)));
        assert!(matches!(error("sha256:00"), PinError::Hex(_)));
        assert!(matches!(error(&format!("sha256:{}", "+a".repeat(32))), PinError::Hex(_)));
        assert!(matches!(error(&format!("sha256:{}é", "a".repeat(62))), PinError::Hex(_)));
        assert!(matches!(error("spki:AAAA"), PinError::Base64(_)));
    }
}
