//! What is there already, and why it will not do.

use std::collections::BTreeSet;

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::signer::Authority;
use super::{Found, GenerateCert, content};
use crate::certs::{self, Certificate, Pin, PrivateKey, PublicKey, Request, San, Subtree};
use crate::contract::{CertificateKind as Kind, File, KeyType, Plan, PlanError, WantedCertificate};

/// What is there.
pub struct Current {
    key: Option<PrivateKey>,
    file: Held,
}

enum Held {
    Nothing,
    Chain(Vec<Certificate>),
    Request(Box<Request>),
}

impl Current {
    /// Reads both files. What is not understood is refused: it might be somebody's only copy.
    pub fn read(asked: &GenerateCert, found: &Found) -> Result<Self, PlanError> {
        let refused = |file: &File, why: String| {
            PlanError::new(format!("`{}`: {why}", file.path))
                .help("nothing was touched: move the file away if it is no longer needed")
        };
        let key = content(&found.key)?.map(PrivateKey::read).transpose();
        let key = key.map_err(|error| refused(&found.key, error.to_string()))?;
        let file = match (content(&found.file)?, asked.kind) {
            (None, _) => Held::Nothing,
            (Some(bytes), Kind::Request) => Request::read(bytes)
                .map(|request| Held::Request(Box::new(request)))
                .map_err(|error| refused(&found.file, error.to_string()))?,
            (Some(bytes), _) => certs::read(bytes)
                .map(Held::Chain)
                .map_err(|error| refused(&found.file, error.to_string()))?,
        };
        Ok(Self { key, file })
    }

    /// The certificate that is there.
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.file {
            Held::Chain(chain) => chain.first(),
            _ => None,
        }
    }

    /// The kind of the key that is there.
    pub fn key_name(&self) -> Option<String> {
        self.key.as_ref().map(|key| match key.public() {
            PublicKey::Rsa { modulus, .. } => format!("RSA of {} bits", modulus.bits()),
            other => other.kind(),
        })
    }

    /// Why it will not do, and the kind of key to be made; no reasons where all is as asked.
    pub fn reasons(
        &self,
        asked: &GenerateCert,
        wanted: &WantedCertificate,
        signer: Option<&Authority>,
        now: OffsetDateTime,
    ) -> Result<(Vec<String>, Option<KeyType>), PlanError> {
        let wrong_key =
            self.key.as_ref().filter(|key| asked.key_type.is_some_and(|kind| !kind.is_of(key.public())));
        if asked.kind == Kind::Ca {
            self.refuse_to_replace_a_ca(asked, wrong_key.is_some())?;
        }
        let mut reasons = match &self.file {
            Held::Nothing => vec!["there is none yet".to_owned()],
            Held::Request(request) => about_request(request, wanted),
            Held::Chain(chain) => about_certificate(chain, asked, wanted, signer, now),
        };
        match (&self.key, asked.key_type) {
            (None, _) if !matches!(self.file, Held::Nothing) => {
                reasons.push("its key is not there".to_owned());
            }
            (Some(_), Some(kind)) if wrong_key.is_some() => {
                reasons.push(format!("its key is to be {}", kind.name()));
            }
            (Some(key), _) if !self.is_for(key) => {
                reasons.push("it is for another key than the one there".to_owned());
            }
            _ => {}
        }
        let anew = self.key.is_none() || wrong_key.is_some() || asked.new_key;
        let new_key = (anew && !reasons.is_empty()).then(|| asked.key_type.unwrap_or(KeyType::EcdsaP256));
        Ok((reasons, new_key))
    }

    fn is_for(&self, key: &PrivateKey) -> bool {
        match &self.file {
            Held::Nothing => true,
            Held::Request(request) => request.key == *key.public(),
            Held::Chain(chain) => chain.first().is_some_and(|certificate| key.fits(certificate)),
        }
    }

    /// Without its key a CA is lost, and all that trusts it with it: that is decided by hand.
    fn refuse_to_replace_a_ca(&self, asked: &GenerateCert, wrong_key: bool) -> Result<(), PlanError> {
        let what = match &self.key {
            _ if self.certificate().is_none() && !wrong_key => return Ok(()),
            None => "is not there",
            Some(_) if wrong_key => "is of another kind than `key_type`",
            Some(key) if !self.is_for(key) => "belongs to another certificate",
            Some(_) => return Ok(()),
        };
        Err(PlanError::new(format!(
            "the key in `{}` {what}, and a new one would make another CA of `{}`",
            asked.key, asked.path
        ))
        .help("put the right key back; to begin anew, name other files, or move these away"))
    }

    /// What `register` keeps.
    pub fn register(&self, plan: &mut Plan) {
        let texts = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>();
        match &self.file {
            Held::Nothing => {}
            Held::Request(request) => {
                plan.set("request", certs::encode_request(request));
                plan.set("subject", request.subject.clone());
                plan.set("san", texts(&mut request.names.iter().map(ToString::to_string)));
            }
            Held::Chain(chain) => {
                let Some(certificate) = chain.first() else { return };
                let facts = certificate.facts();
                plan.set("certificate", chain.iter().map(certs::encode).collect::<String>());
                plan.set("fingerprint", Pin::of(certificate).to_string());
                plan.set("spki", format!("spki:{}", facts.spki_sha256));
                plan.set("subject", facts.subject.clone());
                plan.set("issuer", facts.issuer.clone());
                plan.set("not_after", facts.not_after.format(&Rfc3339).unwrap_or_default());
                plan.set("san", texts(&mut names(certificate).iter().map(ToString::to_string)));
            }
        }
    }
}

fn names(certificate: &Certificate) -> BTreeSet<San> {
    let facts = certificate.facts();
    let hosts = facts.dns_names.iter().map(|name| San::Dns(name.to_ascii_lowercase()));
    hosts.chain(facts.ip_addresses.iter().map(|address| San::Ip(*address))).collect()
}

fn about_names(now: &BTreeSet<San>, wanted: &[San]) -> Vec<String> {
    let wanted: BTreeSet<San> = wanted.iter().cloned().collect();
    let missing = wanted.difference(now).map(|name| format!("`{name}` is missing"));
    missing.chain(now.difference(&wanted).map(|name| format!("`{name}` is no longer asked for"))).collect()
}

fn about_subject(
    asked: &WantedCertificate,
    common_name: Option<&String>,
    organization: Option<&String>,
) -> Option<String> {
    let same = asked.common_name.as_ref() == common_name && asked.organization.as_ref() == organization;
    (!same).then(|| {
        let none = "none".to_owned();
        format!(
            "its common name is `{}` and its organisation `{}`",
            common_name.unwrap_or(&none),
            organization.unwrap_or(&none)
        )
    })
}

fn about_request(request: &Request, wanted: &WantedCertificate) -> Vec<String> {
    let mut reasons = about_names(&request.names.iter().cloned().collect(), &wanted.names);
    reasons.extend(about_subject(wanted, request.common_name.as_ref(), request.organization.as_ref()));
    reasons
}

fn about_certificate(
    chain: &[Certificate],
    asked: &GenerateCert,
    wanted: &WantedCertificate,
    signer: Option<&Authority>,
    now: OffsetDateTime,
) -> Vec<String> {
    let certificate = &chain[0];
    let facts = certificate.facts();
    let mut reasons = about_names(&names(certificate), &wanted.names);
    reasons.extend(about_subject(wanted, facts.common_name.as_ref(), facts.organization.as_ref()));
    reasons.extend(about_uses(certificate, wanted.kind));
    reasons.extend(about_bounds(certificate, &wanted.permitted));
    let along = signer.map(Authority::sent_along).unwrap_or_default();
    reasons.extend(about_signer(certificate, wanted, signer, now));
    if reasons.is_empty() && chain[1..] != *along {
        reasons.push("the file holds other certificates beside it than those of the CA".to_owned());
    }
    reasons.extend(about_end(certificate, asked.renew_before, signer, now));
    reasons
}

/// The uses that Go, OpenSSL and Apple ask for.
fn about_uses(certificate: &Certificate, kind: Kind) -> Option<String> {
    let facts = certificate.facts();
    let has = |usage: &str| facts.key_usage.as_ref().is_some_and(|usages| usages.contains(&usage));
    let servers = facts
        .extended_key_usage
        .as_ref()
        .is_some_and(|usages| usages.iter().any(|usage| usage == "serverAuth"));
    match kind {
        Kind::Ca if !facts.is_ca || !has("keyCertSign") => Some("it is no CA".to_owned()),
        Kind::Ca => None,
        _ if facts.is_ca => Some("it is a CA".to_owned()),
        _ if !servers || !has("digitalSignature") => Some("it is not marked for servers".to_owned()),
        _ => None,
    }
}

fn about_bounds(certificate: &Certificate, permitted: &[Subtree]) -> Option<String> {
    let now: BTreeSet<&String> = certificate.facts().name_constraints.iter().collect();
    let lines = bounds(permitted);
    let wanted: BTreeSet<&String> = lines.iter().collect();
    (now != wanted).then(|| format!("its bounds are {}", list(&now)))
}

fn list(lines: &BTreeSet<&String>) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
    if lines.is_empty() { "none".to_owned() } else { lines.join(", ") }
}

/// The lines of [`certs::Facts::name_constraints`] for these bounds: a kind of name that is not permitted at all is
/// excluded, as a constraint on one kind says nothing of the other.
fn bounds(permitted: &[Subtree]) -> Vec<String> {
    if permitted.is_empty() {
        return Vec::new();
    }
    let line = |tree: &Subtree| match tree {
        Subtree::Domain(domain) => format!("permitted DNS:{domain}"),
        Subtree::Range(..) => format!("permitted IP:{tree}"),
    };
    let mut lines: Vec<String> = permitted.iter().map(line).collect();
    lines.extend(certs::excluded_beside(permitted).iter().map(|tree| match tree {
        Some(range) => format!("excluded IP:{range}"),
        None => "excluded DNS:".to_owned(),
    }));
    lines
}

/// Whether it is signed as asked, and accepted by dockerd for every name.
fn about_signer(
    certificate: &Certificate,
    wanted: &WantedCertificate,
    signer: Option<&Authority>,
    now: OffsetDateTime,
) -> Option<String> {
    if let Some(signer) = signer
        && certificate.facts().issuer != signer.certificate.facts().subject
    {
        return Some(format!("it is signed by `{}`", certificate.facts().issuer));
    }
    if signer.is_none() && !certificate.is_self_signed() {
        return Some("it does not sign itself".to_owned());
    }
    let anchor = signer.map_or(certificate, |signer| &signer.certificate);
    // Its time is judged by itself, so that it is named as such.
    let (own, above) = (certificate.facts(), anchor.facts());
    let at = now.min(own.not_after.min(above.not_after)).max(own.not_before.max(above.not_before));
    let anchors = std::slice::from_ref(anchor);
    let verdict = match wanted.kind {
        Kind::Ca => certs::paths(certificate, &[], anchors, at).err(),
        _ => wanted
            .names
            .iter()
            .find_map(|name| certs::verify(certificate, &[], anchors, &name.host(), at).err()),
    };
    verdict.map(|verdict| format!("the engine would say `{verdict}`"))
}

fn about_end(
    certificate: &Certificate,
    renew_before: u16,
    signer: Option<&Authority>,
    now: OffsetDateTime,
) -> Option<String> {
    let (begin, end) = (certificate.facts().not_before, certificate.facts().not_after);
    if begin > now {
        return Some(format!("it is not valid before {}", begin.date()));
    }
    let soon = end - now < Duration::days(renew_before.into());
    // What ends with its CA gains nothing by a renewal.
    let gains = signer.is_none_or(|signer| end < signer.certificate.facts().not_after);
    (soon && gains).then(|| format!("it ends on {}, and is renewed {renew_before} days before", end.date()))
}
