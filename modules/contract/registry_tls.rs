//! A registry's own certificate and key on its host: what is asked about them, and the one change that replaces both.

use serde::Serialize;

use super::answer::{Attributes, FileKind};
use super::change::{Before, Content, Ownership};
use super::path::HostPath;
use super::text::Call;
use crate::certs::RegistryHost;

/// What has the registry read its files again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryService {
    /// A service of the host, by name.
    Service(String),
    /// A container, by name.
    Container(String),
    /// An operator's own shell text.
    Command(String),
}

impl RegistryService {
    /// Its kind and name, as the host's half takes them.
    fn words(&self) -> [&str; 2] {
        match self {
            Self::Service(name) => ["service", name],
            Self::Container(name) => ["container", name],
            Self::Command(text) => ["command", text],
        }
    }

    /// What is done, as one line.
    #[must_use]
    pub fn action(&self) -> String {
        match self {
            Self::Service(name) => format!("restart {name}"),
            Self::Container(name) => format!("restart the container {name}"),
            Self::Command(text) => format!("run `{text}`"),
        }
    }
}

/// Where a registry's certificate and key lie on its host, what they are, and what is served there. The key itself is never
/// sent, only its digest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskRegistryTls {
    /// Which registry on the host.
    pub service: RegistryService,
    /// Its name, for the handshake.
    pub registry: RegistryHost,
    /// Where it answers on its own host: addresses with ports, tried in order.
    pub addresses: Vec<String>,
    /// Its configuration file, where the service's own words do not say it.
    pub config: Option<HostPath>,
    /// The certificate's file; else the configuration's.
    pub certificate: Option<HostPath>,
    /// The key's file; else the configuration's.
    pub key: Option<HostPath>,
    /// The name of an old pair that is kept on the host, where one is asked for.
    pub saved: Option<String>,
}

/// The answer to [`AskRegistryTls`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryTls {
    /// Whether it runs; none where that is not known.
    pub running: Option<bool>,
    /// The user that it runs as; none for root, and where it is not known.
    pub user: Option<String>,
    /// Why the files could not be found: a word, and what it is about.
    pub problem: Option<(String, String)>,
    /// The certificate's file.
    pub certificate: Option<TlsFile>,
    /// The key's file.
    pub key: Option<TlsFile>,
    /// What is served.
    pub served: LocalView,
    /// The old pair that was asked for; none where there is none of that name.
    pub saved: Option<SavedPair>,
    /// The names of all old pairs, where one was asked for.
    pub kept: Vec<String>,
}

/// An old pair that is kept on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPair {
    /// The certificate's file.
    pub certificate: Vec<u8>,
    /// SHA-256 of the key's file in lower-case hex.
    pub key_sha256: String,
    /// The size of the key's file in bytes.
    pub key_size: u64,
}

/// A file of a certificate or key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFile {
    /// Where, on the host.
    pub path: HostPath,
    /// What is there. The content only of a certificate's file that holds no key.
    pub kind: FileKind,
    /// SHA-256 of its content in lower-case hex, where it is a file.
    pub sha256: Option<String>,
    /// Whether a private key stands in it.
    pub holds_key: bool,
    /// Whether the directory above it is there.
    pub has_directory: bool,
}

/// What the host itself is served by the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalView {
    /// It has neither openssl nor a curl that shows certificates.
    Blind,
    /// Nobody answers with TLS.
    Nobody,
    /// The SHA-256 of each certificate, in the order sent.
    Chain(Vec<String>),
}

/// Replaces a registry's certificate and key as one, has it read them, sees that it serves them, and puts the old pair back
/// where it does not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplaceRegistryTls {
    /// The registry.
    pub registry: RegistryHost,
    /// What has it read its files.
    pub service: RegistryService,
    /// Why, in one line.
    pub reason: String,
    /// Whether the files are written; else they are right, and only not read yet.
    pub writes: bool,
    /// The certificate's file.
    pub certificate: CertificateFile,
    /// The key's file.
    pub key: KeyFile,
    /// SHA-256 of each certificate that has to be served, in order.
    pub chain: Vec<String>,
    /// Whether the last of them is a root, which a server may leave out.
    pub ends_in_root: bool,
    /// Where it answers on its own host.
    pub addresses: Vec<String>,
    /// Seconds until it has to serve them.
    pub timeout: u64,
    /// How many old pairs are kept on the host.
    pub keep: u64,
    /// The name of the kept pair that is put back; none where the pair is a new one.
    pub restores: Option<String>,
    /// The certificates in DER, for what later tasks will see.
    #[serde(skip)]
    pub ders: Vec<Vec<u8>>,
}

/// The certificate's file, old and new.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CertificateFile {
    /// Where; links are followed.
    pub path: HostPath,
    /// As it was.
    pub before: Option<Before>,
    /// What it shall hold.
    pub content: Content,
    /// Owner and permissions of a new file.
    pub ownership: Ownership,
}

/// The key's file, old and new. Of the old key nothing is known but its digest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyFile {
    /// Where; links are followed.
    pub path: HostPath,
    /// As it was.
    pub before: Option<KeyBefore>,
    /// What it shall hold: a secret. Empty where a kept pair is put back, as its key stays on the host.
    pub content: Content,
    /// SHA-256 of what it shall hold, which nobody is shown.
    #[serde(skip)]
    pub sha256: String,
    /// The size of what it shall hold, in bytes.
    pub size: u64,
    /// Owner and permissions of a new file.
    pub ownership: Ownership,
}

/// A key's file as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyBefore {
    /// SHA-256 of its content, which nobody is shown.
    #[serde(skip)]
    pub sha256: String,
    /// Its owner and permissions.
    pub attributes: Attributes,
}

impl AskRegistryTls {
    pub(super) fn call(&self) -> Call {
        let call = Call::new("ask_registry_tls")
            .words(self.service.words())
            .word(self.addresses.join(" "))
            .word(self.registry.server_name().unwrap_or_default());
        let call =
            [&self.config, &self.certificate, &self.key].into_iter().fold(call, |call, path| match path {
                Some(path) => call.path(path),
                None => call.word(""),
            });
        call.word(id(&self.registry)).word(self.saved.clone().unwrap_or_default())
    }
}

/// The name of the directory that keeps a registry's old pairs.
fn id(registry: &RegistryHost) -> String {
    registry.to_string().replace(':', "_")
}

impl LocalView {
    /// Whether these certificates are served; none where that is not known.
    #[must_use]
    pub fn serves(&self, chain: &[String], ends_in_root: bool) -> Option<bool> {
        match self {
            Self::Blind => None,
            Self::Nobody => Some(false),
            Self::Chain(served) => Some(is_served(served, chain, ends_in_root)),
        }
    }
}

/// Whether what is served is this chain, with or without the root at its end.
#[must_use]
pub fn is_served(served: &[String], chain: &[String], ends_in_root: bool) -> bool {
    served == chain || (ends_in_root && chain.len() > 1 && served == &chain[..chain.len() - 1])
}

impl ReplaceRegistryTls {
    pub(super) fn call(&self) -> Call {
        let short = if self.ends_in_root && self.chain.len() > 1 {
            &self.chain[..self.chain.len() - 1]
        } else {
            &self.chain[..]
        };
        let certificate = &self.certificate;
        let was = certificate.before.as_ref().map(|before| (before.content.digest(), &before.attributes));
        let call = Call::new("do_registry_tls")
            .words(self.service.words())
            .word(self.addresses.join(" "))
            .word(self.registry.server_name().unwrap_or_default())
            .word(self.chain.join(" "))
            .word(short.join(" "))
            .number(self.timeout)
            .number(self.keep)
            .word(id(&self.registry));
        let content = &certificate.content;
        let call = file(call, &certificate.path, was, &content.digest(), &certificate.ownership)
            .bytes(&content.bytes);
        let key = &self.key;
        let was = key.before.as_ref().map(|before| (before.sha256.clone(), &before.attributes));
        file(call, &key.path, was, &key.sha256, &key.ownership)
            .bytes(&key.content.bytes)
            .word(self.restores.clone().unwrap_or_default())
    }

    /// One line that says what it does.
    #[must_use]
    pub fn summary(&self) -> String {
        let action = self.service.action();
        if !self.writes {
            return format!("{action}: {}", self.reason);
        }
        let (certificate, key) = (&self.certificate.path, &self.key.path);
        let how = match &self.restores {
            Some(name) => format!("put the pair {name} back as {certificate} and {key}"),
            None => format!("replace {certificate} and {key} as one"),
        };
        format!("{how}, then {action}: {}", self.reason)
    }

    /// What the host has said of it, for the reader and for `register`.
    #[must_use]
    pub fn told(said: &str) -> Told {
        let value = |name: &str| {
            said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
        };
        let seconds =
            value("down").and_then(|text| text.parse::<f64>().ok()).map(|hundredths| hundredths / 100.0);
        let line = match (seconds, value("was").as_deref()) {
            (Some(seconds), Some("nobody")) => {
                format!(
                    "the registry, which did not answer before, serves the new certificate after {seconds:.1} s"
                )
            }
            (Some(seconds), _) => format!(
                "the registry was down for {seconds:.1} s at most, from the stop to its first answer with the new certificate"
            ),
            (None, _) => {
                "how long the registry was down is not known: the host has neither openssl nor curl 7.88"
                    .to_owned()
            }
        };
        Told { line, seconds, saved: value("saved") }
    }
}

/// What became of a replacement.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// One line.
    pub line: String,
    /// Seconds for which the registry did not answer, at most; none where that is not known.
    pub seconds: Option<f64>,
    /// The directory of the host where the old pair is kept.
    pub saved: Option<String>,
}

fn file(
    call: Call,
    path: &HostPath,
    was: Option<(String, &Attributes)>,
    after: &str,
    new: &Ownership,
) -> Call {
    let (digest, owner) = match was {
        Some((digest, now)) => (digest, [now.mode.to_string(), now.uid.to_string(), now.gid.to_string()]),
        None => ("absent".to_owned(), new.words()),
    };
    call.path(path).word(digest).word(after).words(owner)
}
