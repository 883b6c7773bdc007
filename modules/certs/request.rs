//! Certificate requests (PKCS#10): what a CA is asked for.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::extensions::{AltName, alt_name};
use super::key::PublicKey;
use super::names;
use super::pem::{self, PemError};
use super::san::San;
use super::signature::SignatureScheme;

/// A request that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The subject, most specific part first.
    pub subject: String,
    /// The subject's common name.
    pub common_name: Option<String>,
    /// The subject's organisation.
    pub organization: Option<String>,
    /// The names that are asked for.
    pub names: Vec<San>,
    /// The key.
    pub key: PublicKey,
    /// The request in DER.
    pub der: Vec<u8>,
}

/// Why a file holds no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// No request there.
    #[error("there is no certificate request: no line is `-----BEGIN CERTIFICATE REQUEST-----`")]
    None,
    /// Not a request's structure, or one whose signature is not its own key's.
    #[error("line {line}: this is no certificate request that its own key has signed")]
    Broken {
        /// Where.
        line: usize,
    },
    /// The file's form.
    #[error(transparent)]
    Pem(#[from] PemError),
}

impl Request {
    /// Reads the first request of a PEM file.
    ///
    /// # Errors
    /// With the line that is wrong.
    pub fn read(input: &[u8]) -> Result<Self, RequestError> {
        let is_request = |label: &str| matches!(label, "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST");
        let blocks = pem::blocks(input)?;
        let block = blocks.into_iter().find(|block| is_request(&block.label)).ok_or(RequestError::None)?;
        let broken = RequestError::Broken { line: block.line };
        let der = block.der().map_err(|_| broken.clone())?;
        Self::from_der(&der).ok_or(broken)
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509CertificationRequest::from_der(der).ok()?;
        let info = &parsed.certification_request_info;
        let key = PublicKey::read(&info.subject_pki);
        let scheme = SignatureScheme::read(&parsed.signature_algorithm);
        scheme.verify(&key, info.raw, &parsed.signature_value.data).ok()?;
        let mut wanted = Vec::new();
        for extension in parsed.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(list) = extension {
                wanted.extend(list.general_names.iter().map(alt_name).filter_map(|name| match name {
                    AltName::Dns(name) => Some(San::Dns(name.to_ascii_lowercase())),
                    AltName::Ip(address) => Some(San::Ip(address)),
                    _ => None,
                }));
            }
        }
        rest.is_empty().then(|| Self {
            subject: names::one_line(&info.subject),
            common_name: names::last_value(&info.subject, names::COMMON_NAME),
            organization: names::first_value(&info.subject, names::ORGANIZATION),
            names: wanted,
            key,
            der: der.to_vec(),
        })
    }
}
