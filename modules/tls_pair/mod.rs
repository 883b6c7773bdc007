//! A server's certificate and key as an operator hands them over, judged before anything is touched. What a registry would
//! find out only by not starting, and clients only by refusing it, is said here.

mod continuity;
mod given;
#[cfg(test)]
mod tests;

use std::fmt;

use time::OffsetDateTime;

use crate::certs::{
    self, Certificate, Fault, Misplaced, PemError, PrivateKey, PrivateKeyError, RegistryHost,
};
use crate::contract::{Plan, PlanError, SavedPair, digest};
use crate::trouble::Trouble;

pub use continuity::continuity;
pub use given::{Given, given, read_ca};

/// What makes a registry exit at its start.
const MISMATCH: &str = "tls: private key does not match public key";

/// A certificate with its chain, and its key.
#[derive(Debug)]
pub struct Pair {
    /// The host's certificate first.
    pub chain: Vec<Certificate>,
    /// The certificates' file, as it shall stand there.
    pub certificate: Vec<u8>,
    /// The key's file, as it shall stand there.
    pub key: Key,
}

/// The key's file.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its bytes: a secret. Empty where it is on the host already.
    pub bytes: Vec<u8>,
    /// SHA-256 of its bytes, in lower-case hex.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key ({} bytes)", self.size)
    }
}

impl Pair {
    /// Reads both and sees that they belong together and stand in the right order.
    ///
    /// # Errors
    /// What is wrong, which certificate it is about, and what to do.
    pub fn read(certificate: Given, key: Given) -> Result<Self, PlanError> {
        let name = certificate.name.clone();
        let chain = certs::read(&certificate.bytes).map_err(|error| unreadable(&name, &error))?;
        text(&certificate)?;
        let private = PrivateKey::read(&key.bytes).map_err(|error| no_key(&key.name, &error))?;
        order(&chain, &private, &name, &key.name)?;
        let bytes = key.ended();
        let key = Key { sha256: digest(&bytes), size: bytes.len() as u64, bytes };
        Ok(Self { chain, certificate: certificate.ended(), key })
    }

    /// A pair that was in use before and is kept on the host, its key unseen.
    ///
    /// # Errors
    /// Where the certificate's file holds no certificates.
    pub fn kept(name: &str, saved: SavedPair) -> Result<Self, PlanError> {
        let chain =
            certs::read(&saved.certificate).map_err(|error| unreadable(&format!("`{name}`"), &error))?;
        let key = Key { bytes: Vec::new(), sha256: saved.key_sha256, size: saved.key_size };
        Ok(Self { chain, certificate: saved.certificate, key })
    }

    /// The host's own certificate.
    ///
    /// # Panics
    /// Never: a pair that was read has one.
    #[must_use]
    pub fn leaf(&self) -> &Certificate {
        self.chain.first().expect("a pair has a certificate")
    }

    /// Judges the chain as clients will: dates, name, and the way to an anchor. What is no fault and still has to be said
    /// is noted in the plan.
    ///
    /// # Errors
    /// What an engine would refuse.
    pub fn judge(
        &self,
        registry: &RegistryHost,
        ca: &[Certificate],
        now: OffsetDateTime,
        plan: &mut Plan,
    ) -> Result<(), PlanError> {
        self.dates(now)?;
        self.name(registry)?;
        self.way(registry, ca, now)?;
        for warning in self.chain.iter().flat_map(|certificate| certs::warnings(certificate, now)) {
            plan.warn(warning.to_string());
        }
        let top = self.top();
        if ca.is_empty() && !top.is_self_signed() {
            plan.info(format!(
                "the chain ends at `{}`; that its issuer `{}` vouches for it was not checked: give that root as `ca`",
                top.facts().subject,
                top.facts().issuer
            ));
        }
        Ok(())
    }

    fn top(&self) -> &Certificate {
        self.chain.last().unwrap_or_else(|| self.leaf())
    }

    fn dates(&self, now: OffsetDateTime) -> Result<(), PlanError> {
        for certificate in &self.chain {
            let facts = certificate.facts();
            if now > facts.not_after {
                return Err(PlanError::new(format!(
                    "`{}` ended on {}",
                    facts.subject,
                    facts.not_after.date()
                ))
                .help("have it issued again: every client would refuse the registry"));
            }
            if now < facts.not_before {
                let message =
                    format!("`{}` is valid only from {} on", facts.subject, facts.not_before.date());
                return Err(PlanError::new(message)
                    .help("install it after that time, or set the clock of this machine if it is wrong"));
            }
        }
        Ok(())
    }

    fn name(&self, registry: &RegistryHost) -> Result<(), PlanError> {
        certs::verify_name(self.leaf(), registry).map_err(|verdict| {
            let subject = &self.leaf().facts().subject;
            let message = format!("`{subject}` is no certificate for `{registry}`: {}", verdict.with_note());
            PlanError::new(message).help(Trouble::of(&verdict.to_string()).help(registry))
        })
    }

    fn way(&self, registry: &RegistryHost, ca: &[Certificate], now: OffsetDateTime) -> Result<(), PlanError> {
        let top = [self.top().clone()];
        let anchors = if ca.is_empty() { &top[..] } else { ca };
        let Err(verdict) = certs::paths(self.leaf(), &self.chain[1..], anchors, now) else { return Ok(()) };
        let message = format!(
            "clients would refuse the chain of `{}`: {}",
            self.leaf().facts().subject,
            verdict.with_note()
        );
        let help = match &verdict.fault {
            Fault::UnknownAuthority { .. } => format!(
                "the chain ends at `{}`, signed by `{}`: append the intermediates up to the root to the certificate's \
                 file, each after the one that it signs, or give the right root as `ca`",
                self.top().facts().subject,
                self.top().facts().issuer
            ),
            _ => Trouble::of(&verdict.to_string()).help(registry),
        };
        Err(PlanError::new(message).help(help))
    }
}

/// A lone certificate in DER is read everywhere else, and by no registry.
fn text(certificate: &Given) -> Result<(), PlanError> {
    let bytes = &certificate.bytes;
    if bytes.first() != Some(&0x30) || !certs::read_bundle(bytes).certificates.is_empty() {
        return Ok(());
    }
    let name = &certificate.name;
    Err(PlanError::new(format!(
        "{name}: the file is binary (DER), and a registry reads its certificate as PEM"
    ))
    .help("convert it with `openssl x509 -inform DER -in FILE -out NEW`"))
}

fn unreadable(name: &str, error: &PemError) -> PlanError {
    match error {
        PemError::PrivateKey { line } => {
            PlanError::new(format!("{name}, line {line}: a private key stands among the certificates")).help(
                "give the key as `key_file`, and certificates alone as `certificate_file`: what holds certificates is \
                 shown and copied freely",
            )
        }
        _ => PlanError::new(format!("{name}: {error}"))
            .help("give a PEM file with the host's certificate first, then the intermediates"),
    }
}

fn no_key(name: &str, error: &PrivateKeyError) -> PlanError {
    PlanError::new(format!("{name}: {error}")).help(error.advice())
}

/// The host's certificate first, then certificates that each sign one before it.
fn order(
    chain: &[Certificate],
    key: &PrivateKey,
    certificate: &str,
    key_name: &str,
) -> Result<(), PlanError> {
    let subject = |at: usize| chain[at].facts().subject.as_str();
    match chain.iter().position(|one| key.fits(one)) {
        Some(0) => {}
        Some(at) => {
            let message = format!(
                "{certificate} is in the wrong order: the key belongs to certificate {}, `{}`, but `{}` stands first; \
                 a registry takes the first and exits with `{MISMATCH}`",
                at + 1,
                subject(at),
                subject(0)
            );
            return Err(PlanError::new(message).help(right_order(chain, at)));
        }
        None => {
            let message = format!(
                "the key of {key_name} ({}) is not that of `{}` ({}): a registry exits with `{MISMATCH}`",
                key.kind(),
                subject(0),
                chain[0].facts().key_type
            );
            return Err(PlanError::new(message).help(
                "take the key that this certificate was requested with; `openssl x509 -noout -pubkey -in CERTIFICATE` and \
                 `openssl pkey -pubout -in KEY` print the same then",
            ));
        }
    }
    let Some(misplaced) = certs::misplaced(chain).first().copied() else { return Ok(()) };
    Err(match misplaced {
        Misplaced::Twice(at) => PlanError::new(format!("{certificate} holds `{}` twice", subject(at)))
            .help("leave one of the two"),
        Misplaced::Early(at) => PlanError::new(format!(
            "{certificate} is in the wrong order: certificate {}, `{}`, stands before one that it signs",
            at + 1,
            subject(at)
        ))
        .help(right_order(chain, 0)),
        Misplaced::Unchecked(at, below) => PlanError::new(format!(
            "certificate {} of {certificate}, `{}`, is by its name the issuer of `{}`, and the signature there, {}, cannot be checked here",
            at + 1,
            subject(at),
            subject(below),
            certs::unchecked(&chain[at], &chain[below]).map(|found| found.what).unwrap_or_default()
        ))
        .help("have it issued by a CA with a key of RSA, ECDSA P-256, P-384, P-521 or Ed25519"),
        Misplaced::Stranger(at) => PlanError::new(format!(
            "certificate {} of {certificate}, `{}`, signs none of those before it",
            at + 1,
            subject(at)
        ))
        .help("take it out; an intermediate that is missing belongs in its place"),
    })
}

fn right_order(chain: &[Certificate], leaf: usize) -> String {
    format!(
        "the host's certificate goes first, then the intermediates, each after the one that it signs, a root last if at \
         all: {}",
        certs::right_order(chain, leaf)
    )
}
