//! Whether dockerd would accept a chain: the rules of Go's crypto/x509, not webpki's.

use time::OffsetDateTime;

use super::certificate::{Certificate, Parts};
use super::extensions::is_about_policies;
use super::host::RegistryHost;
use super::hostname;
use super::key::PublicKey;
use super::policies;
use super::signature::{SignatureError, SignatureScheme};
use super::verdict::{Fault, Hint, Verdict};

/// Go's bound against chains made to be expensive.
const MOST_SIGNATURE_CHECKS: usize = 100;
const LARGEST_RSA: u64 = 8192;
const SMALLEST_RSA: u64 = 1024;

/// One way from a server's certificate to an anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The server's certificate first, the anchor last; one certificate when it is its own anchor.
    pub certificates: Vec<Certificate>,
}

impl Path {
    /// The certificate that is trusted.
    ///
    /// # Panics
    /// Never: a path has at least one certificate.
    #[must_use]
    pub fn anchor(&self) -> &Certificate {
        self.certificates.last().expect("a path has at least one certificate")
    }
}

/// Judges a handshake as dockerd does: the chain that was sent, the anchors that it trusts, the
/// host that it asked for. All paths that it accepts.
///
/// # Errors
/// What dockerd would say.
pub fn verify(
    leaf: &Certificate,
    sent: &[Certificate],
    anchors: &[Certificate],
    host: &RegistryHost,
    now: OffsetDateTime,
) -> Result<Vec<Path>, Verdict> {
    readable(leaf, sent)?;
    valid(leaf, now)?;
    hostname::check(leaf, host)?;
    Ok(search(leaf, sent, anchors, now)?)
}

/// The same without the host's name: which paths lead from the leaf to an anchor.
///
/// # Errors
/// What dockerd would say.
pub fn paths(
    leaf: &Certificate,
    sent: &[Certificate],
    anchors: &[Certificate],
    now: OffsetDateTime,
) -> Result<Vec<Path>, Verdict> {
    readable(leaf, sent)?;
    valid(leaf, now)?;
    Ok(search(leaf, sent, anchors, now)?)
}

/// The same for the host's name alone.
///
/// # Errors
/// What dockerd would say.
pub fn verify_name(leaf: &Certificate, host: &RegistryHost) -> Result<(), Verdict> {
    Ok(hostname::check(leaf, host)?)
}

/// Whether one certificate signs another, whatever the time.
#[must_use]
pub fn signs(parent: &Certificate, child: &Certificate) -> bool {
    parent.parts().subject == child.parts().issuer && signed_by(child, parent).is_ok()
}

/// A signature that cannot be checked here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// Of what kind it is, and of what kind the key.
    pub what: String,
    /// Whether dockerd can: then it is not known whether it accepts the chain.
    pub engines_can: bool,
}

/// Where one certificate is the other's issuer by its name, and the signature cannot be checked here: why.
#[must_use]
pub fn unchecked(parent: &Certificate, child: &Certificate) -> Option<Unchecked> {
    let scheme = &child.parts().scheme;
    let named = parent.parts().subject == child.parts().issuer;
    let unsupported = || {
        matches!(signed_by(child, parent), Err(Fault::Signature { error: SignatureError::Unsupported, .. }))
    };
    (named && unsupported()).then(|| Unchecked {
        what: format!("{} with a key of {}", scheme.name(), parent.key().kind()),
        engines_can: parent.key().go_knows() && !matches!(scheme, SignatureScheme::Unknown(_)),
    })
}

/// Go reads every certificate that was sent before it judges any.
fn readable(leaf: &Certificate, sent: &[Certificate]) -> Result<(), Fault> {
    for certificate in std::iter::once(leaf).chain(sent) {
        if let Some(refusal) = &certificate.facts().go_refuses {
            return Err(Fault::Unreadable(refusal.clone()));
        }
    }
    match rsa_bits(leaf) {
        Some(bits) if bits > LARGEST_RSA => Err(Fault::KeyTooLarge { bits }),
        _ => Ok(()),
    }
}

fn rsa_bits(certificate: &Certificate) -> Option<u64> {
    match certificate.key() {
        PublicKey::Rsa { modulus, .. } => Some(modulus.bits()),
        _ => None,
    }
}

fn valid(certificate: &Certificate, now: OffsetDateTime) -> Result<(), Fault> {
    let facts = certificate.facts();
    let unhandled = &certificate.parts().extensions.unhandled;
    if !unhandled.is_empty() {
        let policies = unhandled.iter().all(|oid| is_about_policies(oid));
        return Err(Fault::UnhandledCriticalExtension { policies });
    }
    if now < facts.not_before {
        return Err(Fault::NotYetValid { now, not_before: facts.not_before });
    }
    if now > facts.not_after {
        return Err(Fault::Expired { now, not_after: facts.not_after });
    }
    Ok(())
}

fn search(
    leaf: &Certificate,
    sent: &[Certificate],
    anchors: &[Certificate],
    now: OffsetDateTime,
) -> Result<Vec<Path>, Fault> {
    let readable = |anchor: &&Certificate| anchor.facts().go_refuses.is_none();
    let mut search = Search {
        anchors: distinct(anchors.iter().filter(readable)),
        sent: distinct(sent.iter()),
        now,
        checks: 0,
    };
    let found = if search.anchors.contains(&leaf) {
        vec![vec![leaf.clone()]]
    } else {
        search.extend(std::slice::from_ref(leaf))?
    };
    let (good, bad): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| policies::are_valid(path));
    let fit: Vec<Path> = good
        .into_iter()
        .filter(|path| path.iter().all(identifies_servers))
        .map(|certificates| Path { certificates })
        .collect();
    if fit.is_empty() {
        return Err(if bad.is_empty() { Fault::IncompatibleUsage } else { Fault::Policies });
    }
    // Go refuses such keys when it checks the handshake's signature, so after the chain.
    if !leaf.key().go_knows() {
        return Err(Fault::UnsupportedKey(leaf.facts().key_type.clone()));
    }
    match rsa_bits(leaf) {
        Some(bits) if bits < SMALLEST_RSA => Err(Fault::KeyTooSmall { bits }),
        _ => Ok(fit),
    }
}

fn distinct<'a>(certificates: impl Iterator<Item = &'a Certificate>) -> Vec<&'a Certificate> {
    let mut seen: std::collections::HashSet<&[u8]> = std::collections::HashSet::new();
    certificates.filter(|certificate| seen.insert(certificate.der())).collect()
}

/// Extended uses nest: one CA that is not for servers spoils the path.
fn identifies_servers(certificate: &Certificate) -> bool {
    match &certificate.parts().extensions.extended_usage {
        Some(usages) if !usages.is_empty() => {
            usages.iter().any(|oid| oid == "1.3.6.1.5.5.7.3.1" || oid == "2.5.29.37.0")
        }
        _ => true,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Anchor,
    Intermediate,
}

struct Search<'a> {
    anchors: Vec<&'a Certificate>,
    sent: Vec<&'a Certificate>,
    now: OffsetDateTime,
    checks: usize,
}

impl<'a> Search<'a> {
    /// All ways onwards from the end of `chain`; the last fault when there is none.
    fn extend(&mut self, chain: &[Certificate]) -> Result<Vec<Vec<Certificate>>, Fault> {
        let child = chain.last().expect("the search begins with the leaf");
        let mut found = Vec::new();
        let mut hint = None;
        let mut fault = None;
        let anchors = parents(&self.anchors, child).into_iter().map(|anchor| (Role::Anchor, anchor));
        let sent = parents(&self.sent, child).into_iter().map(|parent| (Role::Intermediate, parent));
        for (role, candidate) in anchors.chain(sent).collect::<Vec<_>>() {
            if is_in(chain, candidate) {
                continue;
            }
            self.checks += 1;
            if self.checks > MOST_SIGNATURE_CHECKS {
                fault = Some(Fault::SignatureLimit);
                break;
            }
            if let Err(refused) = signed_by(child, candidate) {
                hint.get_or_insert_with(|| Hint { fault: refused, candidate: display_name(candidate) });
                continue;
            }
            match self.step(role, chain, candidate) {
                Ok(paths) => {
                    fault = None;
                    found.extend(paths);
                }
                Err(refused) => fault = Some(refused),
            }
        }
        match fault {
            _ if !found.is_empty() => Ok(found),
            Some(fault) => Err(fault),
            None => Err(Fault::UnknownAuthority { hint: hint.map(Box::new) }),
        }
    }

    fn step(
        &mut self,
        role: Role,
        chain: &[Certificate],
        candidate: &'a Certificate,
    ) -> Result<Vec<Vec<Certificate>>, Fault> {
        valid(candidate, self.now)?;
        may_stand_above(role, chain, candidate)?;
        let longer: Vec<Certificate> = chain.iter().cloned().chain([candidate.clone()]).collect();
        match role {
            Role::Anchor => Ok(vec![longer]),
            Role::Intermediate => self.extend(&longer),
        }
    }
}

fn may_stand_above(role: Role, chain: &[Certificate], candidate: &Certificate) -> Result<(), Fault> {
    let extensions = &candidate.parts().extensions;
    if let Some(constraints) = &extensions.constraints {
        let names = chain.iter().flat_map(|below| &below.parts().extensions.alt_names);
        constraints.check(names).map_err(Fault::NameConstraint)?;
    }
    if role == Role::Intermediate && !extensions.basic.is_some_and(|(ca, _)| ca) {
        return Err(Fault::NotACa);
    }
    match extensions.basic {
        Some((_, Some(length))) if chain.len() - 1 > usize::try_from(length).unwrap_or(usize::MAX) => {
            Err(Fault::TooManyIntermediates)
        }
        _ => Ok(()),
    }
}

/// Candidates by name, those first whose key identifier is the one that the child names.
fn parents<'a>(pool: &[&'a Certificate], child: &Certificate) -> Vec<&'a Certificate> {
    let wanted = identifier(child.parts().extensions.authority_key.as_ref());
    let mut named: Vec<&Certificate> = Vec::new();
    named.extend(pool.iter().copied().filter(|parent| parent.parts().subject == child.parts().issuer));
    named.sort_by_key(|parent| {
        let own = identifier(parent.parts().extensions.subject_key.as_ref());
        if own == wanted { 0 } else { 1 + u8::from(!own.is_empty() && !wanted.is_empty()) }
    });
    named
}

/// One that is not there is an empty one.
fn identifier(found: Option<&Vec<u8>>) -> &[u8] {
    found.map(Vec::as_slice).unwrap_or_default()
}

/// The same subject, key and names under another signature would only lead in circles.
fn is_in(chain: &[Certificate], candidate: &Certificate) -> bool {
    let parts = candidate.parts();
    let same = |below: &&Parts| below.subject == parts.subject && below.spki == parts.spki;
    for below in chain.iter().map(Certificate::parts).filter(same) {
        match (&below.extensions.alt_names_raw, &parts.extensions.alt_names_raw) {
            (None, None) => return true,
            (Some(own), Some(other)) if own == other => return true,
            (Some(_), Some(_)) => {}
            // Go looks no further then.
            _ => return false,
        }
    }
    false
}

fn signed_by(child: &Certificate, parent: &Certificate) -> Result<(), Fault> {
    const KEY_CERT_SIGN: u16 = 1 << 5;
    let extensions = &parent.parts().extensions;
    let forbidden = match extensions.basic {
        Some((ca, _)) => !ca,
        None => parent.facts().version == 3,
    };
    let usage = extensions.key_usage.unwrap_or(0);
    if forbidden || (usage != 0 && usage & KEY_CERT_SIGN == 0) {
        return Err(Fault::SignerMayNotSign);
    }
    let parts = child.parts();
    if !parent.key().go_knows() {
        return Err(Fault::Signature { error: SignatureError::Unsupported, scheme: parts.scheme.clone() });
    }
    if parts.scheme.is_broken() {
        return Err(Fault::InsecureAlgorithm(parts.scheme.name()));
    }
    if let Some(bits) = rsa_bits(parent).filter(|&bits| bits < SMALLEST_RSA) {
        return Err(Fault::KeyTooSmall { bits });
    }
    parts
        .scheme
        .verify(parent.key(), &parts.signed, &parts.signature)
        .map_err(|error| Fault::Signature { error, scheme: parts.scheme.clone() })
}

fn display_name(certificate: &Certificate) -> String {
    let facts = certificate.facts();
    let named = facts.common_name.clone().filter(|name| !name.is_empty());
    named.or_else(|| facts.organization.clone()).unwrap_or_else(|| format!("serial:{}", facts.serial))
}
