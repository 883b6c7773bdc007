//! The CA that signs: whether it can.

use time::{Duration, OffsetDateTime};

use super::{Found, GenerateCert, content};
use crate::certs::{self, Certificate, Pin, PrivateKey};
use crate::contract::{CertificateKind, Content, File, Plan, PlanError, Signer, WantedCertificate};

/// A CA that can sign what is asked.
pub struct Authority {
    pub certificate: Certificate,
    pub signer: Signer,
}

/// Reads and judges the CA of a server's certificate; none for the other kinds.
pub fn read(
    asked: &GenerateCert,
    wanted: &WantedCertificate,
    found: &Found,
) -> Result<Option<Authority>, PlanError> {
    let files = match (asked.kind, &found.ca, &found.ca_key) {
        (CertificateKind::Server, Some(ca), Some(key)) => (ca, key),
        (CertificateKind::Server, ..) => {
            return Err(PlanError::new("a server's certificate needs `ca` and `ca_key`")
                .help("make a CA first (`kind: ca`); without any, say `kind: self_signed`, or `kind: request` for another's CA"));
        }
        (_, None, None) => return Ok(None),
        _ => {
            return Err(PlanError::new("`ca` and `ca_key` sign a `server` alone")
                .help("leave them out, or say `kind: server`"));
        }
    };
    let (ca, key_file) = files;
    let chain = certificates(ca)?;
    let certificate = chain[0].clone();
    let key = key(key_file, &certificate, ca)?;
    let authority = Authority { signer: signer(&chain, key), certificate };
    authority.judge(ca, wanted, found.now)?;
    Ok(Some(authority))
}

fn certificates(ca: &File) -> Result<Vec<Certificate>, PlanError> {
    let path = &ca.path;
    let Some(bytes) = content(ca)? else {
        return Err(PlanError::new(format!("`{path}` is not there"))
            .help("make the CA first, with `kind: ca`, on the same host"));
    };
    certs::read(bytes).map_err(|error| {
        PlanError::new(format!("`{path}`: {error}"))
            .help("`ca` is the CA's certificate alone, its key is `ca_key`")
    })
}

fn key(file: &File, certificate: &Certificate, ca: &File) -> Result<Content, PlanError> {
    let path = &file.path;
    let Some(bytes) = content(file)? else {
        return Err(PlanError::new(format!("`{path}` is not there"))
            .help("it has to be the private key of the CA, on the same host"));
    };
    let key = PrivateKey::read(bytes)
        .map_err(|error| PlanError::new(format!("`{path}`: {error}")).help(error.advice()))?;
    if !key.fits(certificate) {
        return Err(PlanError::new(format!(
            "the key in `{path}` is not that of the certificate in `{}`",
            ca.path
        ))
        .help("`ca` has to begin with the certificate that belongs to `ca_key`"));
    }
    Ok(Content { bytes: bytes.to_vec(), secret: true })
}

fn signer(chain: &[Certificate], key: Content) -> Signer {
    let certificate = &chain[0];
    let kept = chain.iter().enumerate().filter(|(at, member)| *at == 0 || !member.is_self_signed());
    Signer {
        subject: certificate.facts().subject.clone(),
        fingerprint: Pin::of(certificate).to_string(),
        chain: kept.map(|(_, member)| member.clone()).collect(),
        key,
    }
}

impl Authority {
    /// What it has to send along: itself and those above it, unless it is a root, which everybody has who trusts it.
    pub fn sent_along(&self) -> &[Certificate] {
        let roots = usize::from(self.certificate.is_self_signed());
        &self.signer.chain[roots..]
    }

    fn judge(&self, ca: &File, wanted: &WantedCertificate, now: OffsetDateTime) -> Result<(), PlanError> {
        let path = &ca.path;
        let facts = self.certificate.facts();
        let may_sign = facts.key_usage.as_ref().is_none_or(|usages| usages.contains(&"keyCertSign"));
        if !facts.is_ca || !may_sign {
            return Err(PlanError::new(format!("`{}` in `{path}` may not sign: it is no CA", facts.subject))
                .help("give the certificate of a CA, such as `kind: ca` makes"));
        }
        if let Some(refusal) = &facts.go_refuses {
            return Err(PlanError::new(format!("dockerd cannot read the CA in `{path}`: `{refusal}`")));
        }
        if now < facts.not_before || now >= facts.not_after {
            return Err(PlanError::new(format!(
                "the CA in `{path}` is valid from {} to {} only",
                facts.not_before.date(),
                facts.not_after.date()
            ))
            .help("renew it first: `kind: ca` with the same files does, and keeps its key"));
        }
        self.certificate.may_sign_for(&wanted.names).map_err(|why| {
            PlanError::new(format!("the CA in `{path}` may not sign for these names: {why}"))
                .help("its bounds are part of it: take names within them, or make another CA with other `permitted`")
        })
    }

    /// A CA that ends before its time comes is said aloud: nothing that it signs outlives it.
    pub fn remark(&self, renew_before: u16, now: OffsetDateTime, plan: &mut Plan) {
        let facts = self.certificate.facts();
        if facts.not_after - now < Duration::days(renew_before.into()) {
            plan.warn(format!(
                "the CA `{}` ends on {}, and nothing that it signs outlives it: renew it",
                facts.subject,
                facts.not_after.date()
            ));
        }
    }
}
