//! A trust bundle's text, which many hosts have in common.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::change::digest;
use crate::certs::{self, Certificate};

/// The text of a bundle, and the certificates in it: they are read once, however many hosts have the same text. Cheap to
/// clone; equal when the bytes are.
#[derive(Clone)]
pub struct BundleText(Arc<Inner>);

struct Inner {
    bytes: Vec<u8>,
    digest: OnceLock<String>,
    certificates: OnceLock<Vec<Certificate>>,
}

impl BundleText {
    /// The text itself.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Its SHA-256, in lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.0.digest.get_or_init(|| digest(&self.0.bytes))
    }

    /// The certificates that Go takes from it.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        self.0.certificates.get_or_init(|| certs::read_bundle(&self.0.bytes).certificates)
    }
}

impl From<Vec<u8>> for BundleText {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Inner { bytes, digest: OnceLock::new(), certificates: OnceLock::new() }))
    }
}

impl PartialEq for BundleText {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.bytes() == other.bytes()
    }
}

impl Eq for BundleText {}

impl fmt::Debug for BundleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BundleText({} bytes)", self.bytes().len())
    }
}
