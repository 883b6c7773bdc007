//! The change that makes a key and a certificate. What it makes is random, so the engine makes it while applying;
//! until then nobody knows its content.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::{Before, Content, Ownership};
use super::path::HostPath;
use super::text::Call;
use crate::certs::{Certificate, Curve, PublicKey, San, Subtree};

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKind {
    /// A certificate authority of one's own, which signs itself.
    Ca,
    /// A server's certificate, signed by such an authority.
    Server,
    /// A server's certificate that signs itself: to be trusted through Docker's own store only.
    SelfSigned,
    /// A request, to be signed by the PKI of the enterprise or a public one.
    Request,
}

/// A kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyType {
    /// ECDSA on NIST P-256.
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    /// RSA of 2048 bits.
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    /// RSA of 3072 bits.
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    /// RSA of 4096 bits.
    #[serde(rename = "rsa-4096")]
    Rsa4096,
}

impl KeyType {
    /// Its name for a reader.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::Rsa2048 => "RSA of 2048 bits",
            Self::Rsa3072 => "RSA of 3072 bits",
            Self::Rsa4096 => "RSA of 4096 bits",
        }
    }

    /// Whether a key is of this kind.
    #[must_use]
    pub fn is_of(self, key: &PublicKey) -> bool {
        let rsa = |bits| matches!(key, PublicKey::Rsa { modulus, .. } if modulus.bits() == bits);
        match self {
            Self::EcdsaP256 => matches!(key, PublicKey::Ec { curve: Curve::P256, .. }),
            Self::Rsa2048 => rsa(2048),
            Self::Rsa3072 => rsa(3072),
            Self::Rsa4096 => rsa(4096),
        }
    }
}

/// What a certificate is to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WantedCertificate {
    /// What it is.
    pub kind: CertificateKind,
    /// The subject's common name, for a reader: no engine of today matches a host with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// The subject's organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// subjectAltName; none for an authority.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<San>,
    /// What an authority may sign for; none for no bounds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permitted: Vec<Subtree>,
    /// How long it is valid, in days; none for a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
}

/// The authority that signs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Signer {
    /// Its subject.
    pub subject: String,
    /// `sha256:` and its fingerprint.
    pub fingerprint: String,
    /// Its certificate, and those above it that are no roots.
    #[serde(skip)]
    pub chain: Vec<Certificate>,
    /// Its private key, as the file holds it.
    #[serde(skip)]
    pub key: Content,
}

/// Makes a certificate or a request, with a new key or the one that is there. Both files are refused where they are no
/// longer as they were probed, and no certificate is ever left beside a foreign key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GenerateCertificate {
    /// Where the certificate goes, or the request.
    pub path: HostPath,
    /// Where the private key lies, or goes.
    pub key: HostPath,
    /// What it is to say.
    pub wanted: WantedCertificate,
    /// Who signs it; none where it signs itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<Signer>,
    /// The kind of key to be made; none where the one that is there is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_key: Option<KeyType>,
    /// Why it is made.
    pub reasons: Vec<String>,
    /// Owner and permissions of the certificate's file.
    pub ownership: Ownership,
    /// Owner and permissions of the key's file.
    pub key_ownership: Ownership,
    /// The certificate's file as it was probed; none where there was none.
    pub before: Option<Before>,
    /// The key's file as it was probed; none where there was none.
    #[serde(skip)]
    pub key_before: Option<Before>,
    /// What the engine has made.
    #[serde(skip)]
    pub made: Option<MadeCertificate>,
}

/// What the engine has made.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeCertificate {
    /// The certificate's file.
    pub certificate: Content,
    /// The key's file; none where the key stays.
    pub key: Option<Content>,
}

impl GenerateCertificate {
    /// The call that puts both in place; none before they are made.
    pub(super) fn call(&self) -> Option<Call> {
        let made = self.made.as_ref()?;
        let digest = |before: &Option<Before>| {
            before.as_ref().map_or("absent".to_owned(), |before| before.content.digest())
        };
        let kept = Content::new(Vec::new());
        let key = made.key.as_ref().unwrap_or(&kept);
        let after = made.key.as_ref().map_or("kept".to_owned(), Content::digest);
        let words = self.ownership.words_over(self.before.as_ref(), "0644");
        let key_words = self.key_ownership.words_over(self.key_before.as_ref(), "0600");
        let call = Call::new("do_pair")
            .path(&self.path)
            .word(digest(&self.before))
            .word(made.certificate.digest())
            .words(words)
            .bytes(&made.certificate.bytes);
        Some(
            call.path(&self.key)
                .word(digest(&self.key_before))
                .word(after)
                .words(key_words)
                .bytes(&key.bytes),
        )
    }

    /// The call as far as it is known before they are made.
    pub(super) fn outline(&self) -> Call {
        Call::new("do_pair").path(&self.path).path(&self.key)
    }

    /// One line that says what is made, and why.
    #[must_use]
    pub fn summary(&self) -> String {
        let wanted = &self.wanted;
        let verb = if self.before.is_some() { "renew" } else { "generate" };
        let what = match wanted.kind {
            CertificateKind::Ca => "the CA certificate",
            CertificateKind::Server => "the certificate",
            CertificateKind::SelfSigned => "the self-signed certificate",
            CertificateKind::Request => "the certificate request",
        };
        let named: Vec<String> = match wanted.kind {
            CertificateKind::Ca => wanted.common_name.iter().map(|name| format!("`{name}`")).collect(),
            _ => wanted.names.iter().map(ToString::to_string).collect(),
        };
        let key = match self.new_key {
            Some(kind) => format!(" with a new key ({}) in {}", kind.name(), self.key),
            None => format!(" with the key in {}", self.key),
        };
        let mut text = format!("{verb} {what} {} for {}{key}", self.path, named.join(", "));
        if let Some(signer) = &self.signer {
            text += &format!(", signed by `{}`", signer.subject);
        }
        if let Some(days) = wanted.days {
            text += &format!(", for {days} days");
        }
        format!("{text}: {}", self.reasons.join("; "))
    }

    /// Whether the file at a path is one of the two.
    #[must_use]
    pub fn is_about(&self, path: &HostPath) -> bool {
        *path == self.path || *path == self.key
    }

    /// Whether one of the two lies in a directory.
    #[must_use]
    pub fn is_in(&self, directory: &HostPath) -> bool {
        [&self.path, &self.key].into_iter().any(|path| path.parent().as_ref() == Some(directory))
    }
}
