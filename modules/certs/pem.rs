//! PEM, read in two ways: strictly what an operator hands over, leniently what a host's bundle holds.
//!
//! The blocks are cut out here and not by a crate, because the readers at hand pass over in silence
//! what has to be refused (keys, other labels, indented blocks), and give no line numbers.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::certificate::{CertError, Certificate};
use super::request::Request;

const LABEL: &str = "CERTIFICATE";
const COLUMNS: usize = 64;
/// Bytes of the longest label; those in use have 30 at most.
const LONGEST_LABEL: usize = 64;

/// Why a text holds no certificates, or more than certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// Nothing there.
    #[error("there is no certificate: the file is empty")]
    Empty,
    /// A key, which must never be spread to hosts.
    #[error(
        "line {line}: a PRIVATE KEY stands here; nothing was read. A trust anchor is a certificate alone: \
         take the key out of this file, and replace it if the file was ever handed on"
    )]
    PrivateKey {
        /// Where.
        line: usize,
    },
    /// A mark that dockerd stumbles over.
    #[error(
        "the file begins with a byte order mark, which dockerd does not read past: save it as plain ASCII or UTF-8 without one"
    )]
    ByteOrderMark,
    /// Another encoding.
    #[error("the file is UTF-16: save it as plain ASCII")]
    Utf16,
    /// Neither PEM nor DER.
    #[error("there is no certificate: no line is `-----BEGIN CERTIFICATE-----`")]
    NotPem,
    /// Bytes that are no text.
    #[error("line {line}: binary data between the PEM blocks")]
    Binary {
        /// Where.
        line: usize,
    },
    /// DER of something else.
    #[error("the file is binary (DER), and {0}")]
    Der(String),
    /// A block of another kind.
    #[error("line {line}: `{label}` is no certificate{}", advice(label))]
    Label {
        /// Where.
        line: usize,
        /// What it says.
        label: String,
    },
    /// A begin line that is none.
    #[error(
        "line {line}: this line is no PEM boundary: `-----BEGIN CERTIFICATE-----` or `-----END CERTIFICATE-----`, alone and not indented"
    )]
    Boundary {
        /// Where.
        line: usize,
    },
    /// The line ends inside a block are lost: the base64 is part of the line, and must not be repeated.
    #[error(
        "line {line}: a PEM block stands on one line, and no program reads it so: `-----BEGIN`, the base64 and `-----END` have lines of their own (in YAML `|` keeps line ends, and `>` folds them)"
    )]
    OneLine {
        /// Where.
        line: usize,
    },
    /// Line ends of another age, by which no reader goes.
    #[error(
        "line {line}: the lines of a PEM block end with a lone CR, and no program reads it so: convert the file with `tr '\\r' '\\n' <FILE >NEW`"
    )]
    LoneReturns {
        /// Where.
        line: usize,
    },
    /// The end is missing.
    #[error(
        "line {line}: the block `{label}` that begins here has no `-----END` line of its own: it is cut short, or damaged"
    )]
    Unclosed {
        /// Where it begins.
        line: usize,
        /// What it says it is.
        label: String,
    },
    /// The block's content.
    #[error("line {line}: this block is not base64")]
    Base64 {
        /// Where it begins.
        line: usize,
    },
    /// Header lines make Go skip the block.
    #[error("line {line}: this block has header lines, and dockerd would skip it: leave only the base64")]
    Headers {
        /// Where it begins.
        line: usize,
    },
    /// The block's bytes.
    #[error("line {line}: {source}")]
    Certificate {
        /// Where it begins.
        line: usize,
        /// What is wrong.
        source: CertError,
    },
}

fn advice(label: &str) -> &'static str {
    match label {
        "TRUSTED CERTIFICATE" => {
            ": curl reads this form and dockerd does not; convert it with `openssl x509 -in FILE -out NEW`"
        }
        "X509 CERTIFICATE" => {
            ": dockerd skips this old label; convert it with `openssl x509 -in FILE -out NEW`"
        }
        "PKCS7" | "CMS" => ": take the certificates out with `openssl pkcs7 -print_certs -in FILE -out NEW`",
        "X509 CRL" => ": it is a list of revoked certificates; take it out of the file",
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            ": it is the request for one; take what the CA answered"
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => ": it is a bare key",
        _ => "; only `CERTIFICATE` blocks may stand in the file",
    }
}

/// Reads certificates that an operator gives: PEM, or one certificate in DER. Text around the
/// blocks is passed over, as every reader does; anything else that is not a certificate is refused.
///
/// # Errors
/// With the line that is wrong, and what to do about it.
pub fn read(input: &[u8]) -> Result<Vec<Certificate>, PemError> {
    refuse_encodings(input)?;
    refuse_keys(input)?;
    if input.first() == Some(&0x30) && !contains(input, b"-----BEGIN") {
        return read_der(input).map(|certificate| vec![certificate]);
    }
    let mut certificates = Vec::new();
    for piece in pieces(input) {
        match piece {
            Piece::Text { line, bytes } => refuse_odd_text(line, bytes)?,
            Piece::Block(block) => certificates.push(block.strict()?),
            Piece::Broken(error) => return Err(error),
        }
    }
    if certificates.is_empty() { Err(PemError::NotPem) } else { Ok(certificates) }
}

fn refuse_encodings(input: &[u8]) -> Result<(), PemError> {
    if input.iter().all(u8::is_ascii_whitespace) {
        return Err(PemError::Empty);
    }
    match input {
        [0xef, 0xbb, 0xbf, ..] => Err(PemError::ByteOrderMark),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'-', 0, ..] | [0, b'-', ..] => Err(PemError::Utf16),
        _ => Ok(()),
    }
}

/// Before anything else, wherever and however mangled it stands.
fn refuse_keys(input: &[u8]) -> Result<(), PemError> {
    let found = lines(input).find(|(_, text)| contains(text, b"PRIVATE KEY-----"));
    found.map_or(Ok(()), |(line, _)| Err(PemError::PrivateKey { line }))
}

fn refuse_odd_text(line: usize, bytes: &[u8]) -> Result<(), PemError> {
    refuse_lost_ends(line, bytes)?;
    if contains(bytes, b"-----BEGIN") || contains(bytes, b"-----END") {
        return Err(PemError::Boundary { line });
    }
    // Other control characters do occur: `openssl x509 -text` prints what a certificate holds.
    if bytes.contains(&0) { Err(PemError::Binary { line }) } else { Ok(()) }
}

/// A whole block on what is one line here, and to every other reader.
fn refuse_lost_ends(line: usize, bytes: &[u8]) -> Result<(), PemError> {
    match contains(bytes, b"-----BEGIN") {
        true if bytes.contains(&b'\r') => Err(PemError::LoneReturns { line }),
        true if contains(bytes, b"-----END") => Err(PemError::OneLine { line }),
        _ => Ok(()),
    }
}

fn read_der(input: &[u8]) -> Result<Certificate, PemError> {
    const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 7, 2];
    Certificate::from_der(input).map_err(|error| {
        let head = &input[..input.len().min(32)];
        PemError::Der(match content(input).first() {
            _ if contains(head, SIGNED_DATA) => {
                "is PKCS#7: take the certificates out with `openssl pkcs7 -inform DER -print_certs`"
                    .to_owned()
            }
            Some(2) => {
                "begins as a private key or a PKCS#12 file does: give the certificate alone".to_owned()
            }
            _ => error.to_string(),
        })
    })
}

/// The bytes inside the outermost DER header.
fn content(input: &[u8]) -> &[u8] {
    let header = match input.get(1) {
        Some(length) if length & 0x80 != 0 => 2 + usize::from(length & 0x7f),
        _ => 2,
    };
    input.get(header..).unwrap_or_default()
}

/// A block of whatever kind.
pub(super) struct Labelled {
    pub line: usize,
    pub label: String,
    pub headers: bool,
    body: Vec<u8>,
}

impl Labelled {
    pub(super) fn der(&self) -> Result<Vec<u8>, PemError> {
        STANDARD.decode(&self.body).map_err(|_| PemError::Base64 { line: self.line })
    }
}

/// The blocks of a PEM file of whatever kind, text around them passed over.
pub(super) fn blocks(input: &[u8]) -> Result<Vec<Labelled>, PemError> {
    refuse_encodings(input)?;
    let block = |piece| match piece {
        Piece::Text { line, bytes } => refuse_lost_ends(line, bytes).err().map(Err),
        Piece::Broken(error) => Some(Err(error)),
        Piece::Block(Block { line, label, body, headers }) => {
            Some(Ok(Labelled { line, label: label.into_owned(), headers, body }))
        }
    };
    pieces(input).into_iter().filter_map(block).collect()
}

/// A host's bundle, as Go reads one.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// The certificates that Go takes from it.
    pub certificates: Vec<Certificate>,
    /// Blocks that Go passes over.
    pub skipped: Vec<BadBlock>,
}

/// A block of a bundle that does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBlock {
    /// The line where it begins.
    pub line: usize,
    /// Why it does not count.
    pub reason: String,
}

/// Reads a host's bundle: whatever is no readable certificate is noted and passed over, as Go does.
#[must_use]
pub fn read_bundle(input: &[u8]) -> Bundle {
    let mut bundle = Bundle::default();
    for piece in pieces(input) {
        let (line, read) = match piece {
            Piece::Text { line, bytes } if contains(bytes, b"-----BEGIN") => {
                let error = refuse_odd_text(line, bytes).err().unwrap_or(PemError::Boundary { line });
                (line, Err(error.to_string()))
            }
            Piece::Text { .. } => continue,
            Piece::Broken(error) => (error.line(), Err(error.to_string())),
            Piece::Block(block) => (block.line, block.lenient()),
        };
        match read {
            Ok(certificate) => bundle.certificates.push(certificate),
            Err(reason) => bundle.skipped.push(BadBlock { line, reason }),
        }
    }
    bundle
}

/// Something that stands in a file.
#[derive(Clone, Debug)]
pub struct Found {
    /// The line where it begins; 1 in a binary file.
    pub line: usize,
    /// What it is.
    pub held: Held,
}

/// What stands there.
#[derive(Clone, Debug)]
pub enum Held {
    /// A certificate that can be read.
    Certificate(Certificate),
    /// A private key, of which only the label is kept.
    PrivateKey(String),
    /// Anything else: what it is, or what is wrong with it.
    Other(String),
}

impl Found {
    /// The certificate, where it is one.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.held {
            Held::Certificate(certificate) => Some(certificate),
            _ => None,
        }
    }
}

/// Everything that stands in a file, for a reader: nothing is refused, and nothing of a key is kept.
#[must_use]
pub fn inspect(input: &[u8]) -> Vec<Found> {
    if let Err(error) = refuse_encodings(input) {
        let readable = matches!(error, PemError::ByteOrderMark);
        let first = Found { line: 1, held: Held::Other(error.to_string()) };
        let rest = if readable { inspect(&input[3..]) } else { Vec::new() };
        return std::iter::once(first).chain(rest).collect();
    }
    if input.first() == Some(&0x30) && !contains(input, b"-----BEGIN") {
        let held = match read_der(input) {
            Ok(certificate) => Held::Certificate(certificate),
            Err(error) => Held::Other(error.to_string()),
        };
        return vec![Found { line: 1, held }];
    }
    let mut found: Vec<Found> = pieces(input).into_iter().flat_map(found).collect();
    // One that is cut short is a key all the same.
    if let Err(PemError::PrivateKey { line }) = refuse_keys(input)
        && !found.iter().any(|item| matches!(item.held, Held::PrivateKey(_)))
    {
        found.push(Found { line, held: Held::PrivateKey("PRIVATE KEY, cut short".to_owned()) });
    }
    if found.is_empty() {
        vec![Found { line: 1, held: Held::Other(PemError::NotPem.to_string()) }]
    } else {
        found
    }
}

fn found(piece: Piece<'_>) -> Vec<Found> {
    let at = |line, held| Found { line, held };
    let other = |error: &PemError| Held::Other(error.to_string());
    match piece {
        Piece::Text { line, bytes } => beside_blocks(line, bytes),
        Piece::Broken(error) => vec![at(error.line(), other(&error))],
        Piece::Block(block) if block.label.contains("PRIVATE KEY") => {
            vec![at(block.line, Held::PrivateKey(block.label.into_owned()))]
        }
        Piece::Block(block) => {
            vec![at(block.line, block.strict().map_or_else(|error| other(&error), Held::Certificate))]
        }
    }
}

/// What a line outside all blocks holds: a key in whatever form, or what is wrong with it, or both.
fn beside_blocks(line: usize, bytes: &[u8]) -> Vec<Found> {
    let key = contains(bytes, b"PRIVATE KEY-----");
    let wrong = if key { refuse_lost_ends(line, bytes) } else { refuse_odd_text(line, bytes) }.err();
    let key = key.then(|| Held::PrivateKey("PRIVATE KEY, beside its PEM form".to_owned()));
    let wrong = wrong.map(|error| Held::Other(error.to_string()));
    [key, wrong].into_iter().flatten().map(|held| Found { line, held }).collect()
}

/// One certificate as every reader takes it: LF, 64 columns, nothing around it.
#[must_use]
pub fn encode(certificate: &Certificate) -> String {
    block(LABEL, certificate.der())
}

/// A request in the same form.
#[must_use]
pub fn encode_request(request: &Request) -> String {
    block("CERTIFICATE REQUEST", &request.der)
}

fn block(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(COLUMNS));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out + &format!("-----END {label}-----\n")
}

impl PemError {
    fn line(&self) -> usize {
        match self {
            Self::PrivateKey { line }
            | Self::Binary { line }
            | Self::Label { line, .. }
            | Self::Boundary { line }
            | Self::OneLine { line }
            | Self::LoneReturns { line }
            | Self::Unclosed { line, .. }
            | Self::Base64 { line }
            | Self::Headers { line }
            | Self::Certificate { line, .. } => *line,
            Self::Empty | Self::ByteOrderMark | Self::Utf16 | Self::NotPem | Self::Der(_) => 1,
        }
    }
}

enum Piece<'a> {
    Text { line: usize, bytes: &'a [u8] },
    Block(Block<'a>),
    Broken(PemError),
}

struct Block<'a> {
    line: usize,
    label: Cow<'a, str>,
    body: Vec<u8>,
    headers: bool,
}

impl Block<'_> {
    fn unclosed<'b>(&self) -> Piece<'b> {
        Piece::Broken(PemError::Unclosed { line: self.line, label: self.label.clone().into_owned() })
    }

    fn decode(&self) -> Result<Certificate, PemError> {
        let line = self.line;
        if self.headers {
            return Err(PemError::Headers { line });
        }
        let der = STANDARD.decode(&self.body).map_err(|_| PemError::Base64 { line })?;
        Certificate::from_der(&der).map_err(|source| PemError::Certificate { line, source })
    }

    fn strict(&self) -> Result<Certificate, PemError> {
        if self.label != LABEL {
            return Err(PemError::Label { line: self.line, label: self.label.clone().into_owned() });
        }
        self.decode()
    }

    fn lenient(&self) -> Result<Certificate, String> {
        let certificate = self.strict().map_err(|error| error.to_string())?;
        match &certificate.facts().go_refuses {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(certificate),
        }
    }
}

/// Cuts a file into blocks and the lines between them.
fn pieces(input: &[u8]) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (line, bytes) in lines(input) {
        let boundary = boundary(bytes);
        match (&mut open, boundary) {
            (None, Some(("BEGIN", label))) => open = Some(new_block(line, label)),
            (None, Some(_)) => found.push(Piece::Broken(PemError::Boundary { line })),
            (None, None) => found.push(Piece::Text { line, bytes }),
            (Some(block), Some(("END", label))) if label == block.label => {
                found.extend(open.take().map(Piece::Block));
            }
            (Some(block), Some((kind, label))) => {
                found.push(block.unclosed());
                open = (kind == "BEGIN").then(|| new_block(line, label));
            }
            (Some(block), None) => {
                block.headers |= bytes.contains(&b':');
                block.body.extend(bytes.iter().filter(|byte| !matches!(byte, b' ' | b'\t')));
            }
        }
    }
    found.extend(open.map(|block| block.unclosed()));
    found
}

fn new_block(line: usize, label: Cow<'_, str>) -> Block<'_> {
    Block { line, label, body: Vec::new(), headers: false }
}

/// `BEGIN` or `END` and the label, for a line that is exactly a boundary.
fn boundary(line: &[u8]) -> Option<(&'static str, Cow<'_, str>)> {
    let inner = line.strip_prefix(b"-----")?.strip_suffix(b"-----")?;
    let (kind, label) = match (inner.strip_prefix(b"BEGIN "), inner.strip_prefix(b"END ")) {
        (Some(label), _) => ("BEGIN", label),
        (_, Some(label)) => ("END", label),
        _ => return None,
    };
    is_label(label).then(|| (kind, String::from_utf8_lossy(label)))
}

/// Messages repeat a label, so nothing that may hold more than one is taken for it: a block on one line, key and all,
/// begins and ends as a boundary does.
fn is_label(text: &[u8]) -> bool {
    text.len() <= LONGEST_LABEL && !contains(text, b"--") && !text.iter().any(u8::is_ascii_control)
}

/// Lines from 1, without their ends and trailing blanks.
fn lines(input: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    input.split(|&byte| byte == b'\n').enumerate().map(|(index, line)| {
        let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b' ' | b'\t')).map_or(0, |at| at + 1);
        (index + 1, &line[..end])
    })
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|window| window == needle)
}

/// Certificates as a playbook writes them: the text of a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pem(pub Vec<Certificate>);

impl<'de> Deserialize<'de> for Pem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Pem {
    fn schema_name() -> Cow<'static, str> {
        "Pem".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "One or more certificates in PEM (`-----BEGIN CERTIFICATE-----`), and nothing else",
            "pattern": "-----BEGIN CERTIFICATE-----",
        })
    }
}
