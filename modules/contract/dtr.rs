//! The admin API of DTR 2.x and MSR 2.x, as far as its own certificate is concerned. The controller speaks to it.

use serde::Serialize;

use super::change::Content;
use super::secret::Secret;
use crate::certs::{Pin, RegistryHost};

/// Where the API is, who asks, and what proves that it is the one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DtrApi {
    /// The registry: its API is on the same port.
    pub registry: RegistryHost,
    /// Who asks.
    pub credential: DtrCredential,
    /// Certificates (PEM), one of which has to vouch for it by Go's rules; empty for none.
    pub anchors: String,
    /// Pins, one of which its certificate, or a CA above it, may match in the place of that.
    pub pins: Vec<Pin>,
}

/// Who asks. Never shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DtrCredential {
    /// An administrator's name and password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An access token.
    Token(Secret),
}

/// `GET /api/v0/meta/settings`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskDtrSettings {
    /// Of which DTR.
    pub api: DtrApi,
}

/// The settings that matter here. The key is never among them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DtrSettings {
    /// The HTTP status.
    pub status: u16,
    /// `dtrHost`: the name that DTR believes to have.
    pub host: Option<String>,
    /// `webTLSCert`: its certificate with the chain (PEM).
    pub certificate: Option<String>,
    /// `webTLSCA`: the CA that it was checked against (PEM).
    pub ca: Option<String>,
    /// Where a redirect leads, or what an error says.
    pub message: String,
}

/// `POST /api/v0/meta/settings` with a certificate, its key and perhaps its CA, then waits until they are served.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetDtrTls {
    /// Which DTR.
    pub api: DtrApi,
    /// What `webTLSCert` was.
    pub before: Option<Content>,
    /// What `webTLSCert` shall be.
    pub certificate: Content,
    /// What `webTLSKey` shall be: a secret.
    pub key: Content,
    /// What `webTLSCA` shall be; none where it stays.
    pub ca: Option<Content>,
    /// Why, in one line.
    pub reason: String,
    /// SHA-256 of each certificate that has to be served, in order.
    pub chain: Vec<String>,
    /// Whether the last of them is a root, which a server may leave out.
    pub ends_in_root: bool,
    /// Seconds until it has to serve them.
    pub timeout: u64,
    /// The certificates in DER, for what later tasks will see.
    #[serde(skip)]
    pub ders: Vec<Vec<u8>>,
}

impl SetDtrTls {
    /// One line that says what it does.
    #[must_use]
    pub fn summary(&self) -> String {
        let fields =
            if self.ca.is_some() { "webTLSCert, webTLSKey and webTLSCA" } else { "webTLSCert and webTLSKey" };
        format!("set {fields} of `{}` through its admin API: {}", self.api.registry, self.reason)
    }
}
