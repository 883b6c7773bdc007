//! Certificates byte by byte: what no library would write.

use rcgen::{KeyPair, SigningKey as _};

/// DER: a tag, the length, the content.
pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u16::try_from(content.len()).expect("short") {
        length @ 0..=127 => out.push(length.to_be_bytes()[1]),
        length @ 128..=255 => out.extend([0x81, length.to_be_bytes()[1]]),
        length => {
            out.push(0x82);
            out.extend(length.to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// Several encodings one after the other, in a tag.
pub fn all(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    der(tag, &parts.concat())
}

pub fn oid(numbers: &[u32]) -> Vec<u8> {
    let mut body = vec![u8::try_from(numbers[0] * 40 + numbers[1]).expect("a first byte")];
    for &number in &numbers[2..] {
        let mut groups = vec![(number & 0x7f).to_be_bytes()[3]];
        let mut rest = number >> 7;
        while rest > 0 {
            groups.push((rest & 0x7f).to_be_bytes()[3] | 0x80);
            rest >>= 7;
        }
        body.extend(groups.iter().rev());
    }
    der(6, &body)
}

/// A name of these attributes: the last number of 2.5.4.N, the kind of text, the text.
pub fn name(attributes: &[(u32, u8, &[u8])]) -> Vec<u8> {
    let rdn = |(last, tag, text): &(u32, u8, &[u8])| {
        all(0x31, &[all(0x30, &[oid(&[2, 5, 4, *last]), der(*tag, text)])])
    };
    all(0x30, &attributes.iter().map(rdn).collect::<Vec<_>>())
}

pub fn common_name(text: &str) -> Vec<u8> {
    name(&[(3, 12, text.as_bytes())])
}

/// `YYYYMMDDHHMMSSZ`, in the shorter form before 2050.
pub fn time(text: &str) -> Vec<u8> {
    if text < "2050" { der(0x17, &text.as_bytes()[2..]) } else { der(0x18, text.as_bytes()) }
}

pub fn extension(numbers: &[u32], critical: bool, value: &[u8]) -> Vec<u8> {
    let flag = if critical { vec![1, 1, 0xff] } else { Vec::new() };
    all(0x30, &[oid(numbers), flag, der(4, value)])
}

pub const ECDSA_SHA256: &[u32] = &[1, 2, 840, 10045, 4, 3, 2];
pub const ECDSA_SHA1: &[u32] = &[1, 2, 840, 10045, 4, 1];

/// What a certificate is made of; every part as it stands in the encoding.
#[derive(Clone)]
pub struct Forged {
    pub version: Option<u8>,
    pub serial: Vec<u8>,
    pub inner_algorithm: Vec<u8>,
    pub outer_algorithm: Vec<u8>,
    pub issuer: Vec<u8>,
    pub validity: [Vec<u8>; 2],
    pub subject: Vec<u8>,
    pub key: Vec<u8>,
    pub extensions: Vec<Vec<u8>>,
}

impl Forged {
    /// A certificate for a key, from 2026 to 2027.
    pub fn new(subject: &[u8], key: &KeyPair) -> Self {
        let algorithm = all(0x30, &[oid(ECDSA_SHA256)]);
        Self {
            version: Some(2),
            serial: vec![7],
            inner_algorithm: algorithm.clone(),
            outer_algorithm: algorithm,
            issuer: subject.to_vec(),
            validity: [time("20260101000000Z"), time("20271231235959Z")],
            subject: subject.to_vec(),
            key: rcgen::PublicKeyData::subject_public_key_info(key),
            extensions: Vec::new(),
        }
    }

    /// Signs it, whatever the algorithm says.
    pub fn sign(&self, by: &KeyPair) -> Vec<u8> {
        let version = self.version.map(|version| all(0xa0, &[der(2, &[version])])).unwrap_or_default();
        let extensions =
            if self.extensions.is_empty() { Vec::new() } else { all(0xa3, &[all(0x30, &self.extensions)]) };
        let tbs = all(
            0x30,
            &[
                version,
                der(2, &self.serial),
                self.inner_algorithm.clone(),
                self.issuer.clone(),
                all(0x30, &self.validity),
                self.subject.clone(),
                self.key.clone(),
                extensions,
            ],
        );
        let signature = by.sign(&tbs).expect("a signature");
        all(0x30, &[tbs, self.outer_algorithm.clone(), der(3, &[vec![0], signature].concat())])
    }
}
