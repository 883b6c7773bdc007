//! Which certificate to install, so that a fleet trusts the registry that was seen.
//!
//! Proof comes first: only what lies on a verified path from the server's own certificate counts.
//! A certificate that the server merely sends along proves nothing, pinned or not.

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::host::RegistryHost;
use super::judge::{self, Path};
use super::pin::Pin;
use super::verdict::{Fault, Verdict};
use super::warning::{self, Warning};

/// What a handshake showed; the handshake itself has proved that the server has the key.
#[derive(Clone, Debug)]
pub struct Served {
    /// The registry that was asked.
    pub host: RegistryHost,
    /// The chain as sent, the server's certificate first.
    pub chain: Vec<Certificate>,
}

/// What the operator knows beforehand.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// At least one of these has to be on the path; several allow for a change of certificates.
    pub pins: Vec<Pin>,
    /// Certificates that the operator trusts: roots, or intermediates that the server leaves out.
    pub roots: Vec<Certificate>,
    /// Believe what is seen the first time.
    pub first_use: bool,
    /// Permit a CA's leaf as its own anchor, in Docker's own store.
    pub leaf_alone: bool,
}

/// What makes the choice believable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// A pin on the path, and the certificate that it matched.
    Pin(Pin, Certificate),
    /// A root that the operator gave.
    Root(Certificate),
    /// Nothing but the permission to believe it once: show the fingerprint, and keep it.
    FirstUse,
}

/// Where the anchors may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Any store.
    AnyStore,
    /// Only certs.d.
    DockerOnly,
}

/// The decision.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What to install.
    pub anchors: Vec<Certificate>,
    /// The server's certificate first, the topmost anchor last.
    pub path: Path,
    /// Why it is believed.
    pub proven: Proven,
    /// Where it may go.
    pub scope: Scope,
    /// What to say about it.
    pub warnings: Vec<Warning>,
}

/// Why nothing is installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// The server sent nothing.
    #[error("the server sent no certificate")]
    NoCertificate,
    /// Nobody said what to expect.
    #[error(
        "nothing proves that this is the registry: compare the fingerprints below with its owner's and give one as a pin, give the root certificate, or permit trust on first use once\n{}",
        list(path)
    )]
    Unproven {
        /// What was seen.
        path: Vec<Certificate>,
    },
    /// The pins match nothing at all.
    #[error(
        "no certificate on the path matches a pin: the server has been changed, or this is not the registry. A root is seldom sent: to rely on one, give the root itself. Seen:\n{}",
        list(path)
    )]
    PinMismatch {
        /// What was seen.
        path: Vec<Certificate>,
    },
    /// The pinned certificate was only sent along.
    #[error(
        "`{subject}` matches a pin and is sent along, but nothing leads to it from the server's certificate: anyone can send it. This is not the registry, or its certificate file holds the wrong chain. Seen:\n{}",
        list(path)
    )]
    PinnedStranger {
        /// The pinned certificate.
        subject: String,
        /// What was seen.
        path: Vec<Certificate>,
    },
    /// The given roots are not this server's.
    #[error(
        "the given root does not vouch for this server: `{verdict}`. {} Seen:\n{}",
        root_hint(path),
        list(path)
    )]
    NotUnderRoots {
        /// What the engine would say.
        verdict: Verdict,
        /// What was seen.
        path: Vec<Certificate>,
    },
    /// dockerd passes over such an anchor without a word.
    #[error("the given root `{subject}` cannot be read by dockerd: `{refusal}`. Have it issued again")]
    RootUnreadable {
        /// The root.
        subject: String,
        /// What Go's parser says.
        refusal: String,
    },
    /// The CA is unknown.
    #[error(
        "the server sends its certificate without the CA `{issuer}` that signed it ({verdict}): give that CA's certificate as a root, or have the server send it. To install the server's own certificate, permit it (`leaf_alone`): Docker's store only, and anew at every renewal"
    )]
    IssuerNotSent {
        /// The issuer's name.
        issuer: String,
        /// What the engine would say.
        verdict: Verdict,
    },
    /// The operator gave the server's own certificate, which is no CA's.
    #[error(
        "the given `{subject}` is the server's own certificate, not its CA's: give it as a pin ({pin}), so that its CA is installed, or give the CA's; to install the server's own, permit it (`leaf_alone`): Docker's store only, and anew at every renewal"
    )]
    LeafGiven {
        /// The certificate.
        subject: String,
        /// Its pin.
        pin: Pin,
    },
    /// The chain leads nowhere: what is wrong with it.
    #[error(
        "the chain that the server sends is not accepted, whichever CA of it is trusted: `{verdict}`{}. Have the chain repaired",
        list_defects(defects)
    )]
    ChainUnfit {
        /// What the engine would say.
        verdict: Verdict,
        /// The certificates at fault, each with what is wrong.
        defects: Vec<String>,
    },
    /// Trust cannot mend it.
    #[error(
        "no engine accepts this chain, whatever is trusted: `{verdict}`. Have the registry's certificate replaced"
    )]
    Unfit {
        /// What the engine would say.
        verdict: Verdict,
    },
    /// A stranger's certificate is not believed on sight.
    #[error(
        "trust on first use needs a certificate for `{host}`, and the server shows another: `{verdict}`. Reissue it, or give a pin or the root"
    )]
    FirstUseName {
        /// The registry.
        host: String,
        /// What the engine would say.
        verdict: Verdict,
    },
}

/// Decides what to install for a registry.
///
/// # Errors
/// When nothing can be installed that is both proved to be the registry's and of use to dockerd.
pub fn choose(served: &Served, proof: &Proof, now: OffsetDateTime) -> Result<Choice, ChooseError> {
    let leaf = served.chain.first().ok_or(ChooseError::NoCertificate)?;
    if let Err(verdict) = judge::paths(leaf, &served.chain, std::slice::from_ref(leaf), now) {
        return Err(ChooseError::Unfit { verdict });
    }
    let seen = Seen { leaf, chain: &served.chain, now };
    let (path, proven) = if proof.roots.is_empty() { seen.by_chain(proof)? } else { seen.by_roots(proof)? };
    let anchors = seen.anchors(&path, proof)?;
    if let Err(verdict) = judge::paths(leaf, &served.chain, &anchors, now) {
        return Err(ChooseError::Unfit { verdict });
    }
    let name = judge::verify_name(leaf, &served.host);
    if let (Proven::FirstUse, Err(verdict)) = (&proven, &name)
        && verdict.fault != Fault::CommonNameOnly
    {
        return Err(ChooseError::FirstUseName { host: served.host.to_string(), verdict: verdict.clone() });
    }
    let alone = anchors.contains(leaf) && !leaf.is_self_signed();
    let scope = if alone { Scope::DockerOnly } else { Scope::AnyStore };
    let warnings = seen.warnings(&path, &anchors, proof, name.err(), &served.host);
    Ok(Choice { anchors, path, proven, scope, warnings })
}

struct Seen<'a> {
    leaf: &'a Certificate,
    chain: &'a [Certificate],
    now: OffsetDateTime,
}

impl Seen<'_> {
    /// Nothing is given: the topmost CA that the server sends, or its own certificate.
    fn by_chain(&self, proof: &Proof) -> Result<(Path, Proven), ChooseError> {
        let path = self.longest();
        let candidates = self.candidates();
        if proof.pins.is_empty() {
            let path = self.usable(path, proof)?;
            if proof.first_use {
                return Ok((path, Proven::FirstUse));
            }
            return Err(ChooseError::Unproven { path: path.certificates });
        }
        let pinned = candidates.iter().filter_map(|path| {
            let (height, pin) = pinned(path, &proof.pins)?;
            // A pinned leaf vouches for the CA that signed it; of a CA that is pinned by its key, the root goes first.
            let cut = if height == 0 { path.clone() } else { cut(path, height) };
            Some((cut, height, pin))
        });
        match pinned.max_by_key(|(path, height, _)| (*height, rank(path))) {
            Some((path, height, pin)) => {
                let certificate = path.certificates[height].clone();
                Ok((self.usable(Ok(path), proof)?, Proven::Pin(pin, certificate)))
            }
            None => Err(self.pin_error(proof, path.map(|path| path.certificates))),
        }
    }

    /// The operator gave roots, and perhaps the intermediates that the server leaves out.
    fn by_roots(&self, proof: &Proof) -> Result<(Path, Proven), ChooseError> {
        let refused =
            |root: &Certificate| Some((root.facts().subject.clone(), root.facts().go_refuses.clone()?));
        if let Some((subject, refusal)) = proof.roots.iter().find_map(refused) {
            return Err(ChooseError::RootUnreadable { subject, refusal });
        }
        let roots: Vec<Certificate> = proof.roots.iter().filter(|root| *root != self.leaf).cloned().collect();
        let given = if roots.is_empty() { &proof.roots } else { &roots };
        if roots.is_empty() && !self.leaf.is_self_signed() && !proof.leaf_alone {
            let subject = self.leaf.facts().subject.clone();
            return Err(ChooseError::LeafGiven { subject, pin: Pin::of(self.leaf) });
        }
        let pool: Vec<Certificate> = self.chain.iter().chain(given).cloned().collect();
        let found = judge::paths(self.leaf, &pool, given, self.now)
            .map_err(|verdict| ChooseError::NotUnderRoots { verdict, path: self.chain.to_vec() })?;
        let pinned = |path: &&Path| proof.pins.is_empty() || pinned(path, &proof.pins).is_some();
        // What the server sends along has to lead to it, as it leads every other client.
        let suffices = |path: &Path| {
            judge::paths(self.leaf, self.chain, std::slice::from_ref(path.anchor()), self.now).is_ok()
        };
        let is_root = |path: &Path| path.anchor().is_self_signed();
        let best = found.iter().filter(pinned).max_by_key(|path| (is_root(path), suffices(path), rank(path)));
        let Some(path) = best else {
            return Err(self.pin_error(proof, Ok(found[0].certificates.clone())));
        };
        let path = self.usable(Ok(path.clone()), proof)?;
        let root = path.anchor().clone();
        Ok((path, Proven::Root(root)))
    }

    /// Every path that the sent chain offers; with the leaf alone when it offers none.
    fn candidates(&self) -> Vec<Path> {
        let mut found = self.sent_paths().unwrap_or_default();
        if found.is_empty() {
            found.push(Path { certificates: vec![self.leaf.clone()] });
        }
        found
    }

    fn sent_paths(&self) -> Result<Vec<Path>, Verdict> {
        let is_anchor = |certificate: &&Certificate| certificate.facts().is_ca && *certificate != self.leaf;
        let anchors: Vec<Certificate> = self.chain.iter().filter(is_anchor).cloned().collect();
        judge::paths(self.leaf, self.chain, &anchors, self.now)
    }

    /// The path to the topmost CA; of two, the one that ends in a root.
    fn longest(&self) -> Result<Path, Verdict> {
        if self.leaf.is_self_signed() {
            return Ok(Path { certificates: vec![self.leaf.clone()] });
        }
        let paths = self.sent_paths()?;
        Ok(paths.into_iter().max_by_key(rank).expect("a search that succeeds finds a path"))
    }

    /// A CA's leaf is an anchor only by permission.
    fn usable(&self, path: Result<Path, Verdict>, proof: &Proof) -> Result<Path, ChooseError> {
        let alone = |path: &Path| path.certificates.len() == 1 && !self.leaf.is_self_signed();
        match path {
            Ok(path) if !alone(&path) => Ok(path),
            _ if proof.leaf_alone => Ok(Path { certificates: vec![self.leaf.clone()] }),
            other => {
                let verdict = other.err().or_else(|| self.sent_paths().err());
                let verdict = verdict.unwrap_or_else(|| Fault::UnknownAuthority { hint: None }.into());
                match verdict.fault {
                    Fault::UnknownAuthority { .. } => {
                        Err(ChooseError::IssuerNotSent { issuer: self.leaf.facts().issuer.clone(), verdict })
                    }
                    _ => Err(ChooseError::ChainUnfit { verdict, defects: self.defects() }),
                }
            }
        }
    }

    /// What is wrong with the certificates that are sent along.
    fn defects(&self) -> Vec<String> {
        let mut found = Vec::new();
        for sent in self.chain.iter().filter(|sent| *sent != self.leaf) {
            let facts = sent.facts();
            let signs = self.chain.iter().any(|child| child != sent && child.facts().issuer == facts.subject);
            let fault = if self.now > facts.not_after {
                format!("ended on {}", facts.not_after.date())
            } else if self.now < facts.not_before {
                format!("begins on {}", facts.not_before.date())
            } else if signs && !facts.is_ca {
                "is no CA".to_owned()
            } else {
                continue;
            };
            let line = format!("`{}` {fault}", facts.subject);
            if !found.contains(&line) {
                found.push(line);
            }
        }
        found
    }

    fn pin_error(&self, proof: &Proof, path: Result<Vec<Certificate>, Verdict>) -> ChooseError {
        let path = path.unwrap_or_else(|_| vec![self.leaf.clone()]);
        let matches = |certificate: &&Certificate| proof.pins.iter().any(|pin| pin.matches(certificate));
        match self.chain.iter().find(matches) {
            Some(stranger) => ChooseError::PinnedStranger { subject: stranger.facts().subject.clone(), path },
            None => ChooseError::PinMismatch { path },
        }
    }

    /// The top of the path; with given intermediates too, where the server leaves them out.
    fn anchors(&self, path: &Path, proof: &Proof) -> Result<Vec<Certificate>, ChooseError> {
        let top = vec![path.anchor().clone()];
        let Err(verdict) = judge::paths(self.leaf, self.chain, &top, self.now) else {
            return Ok(top);
        };
        let given: Vec<Certificate> =
            path.certificates.iter().filter(|member| proof.roots.contains(member)).cloned().collect();
        if given.len() > 1 { Ok(given) } else { Err(ChooseError::Unfit { verdict }) }
    }

    fn warnings(
        &self,
        path: &Path,
        anchors: &[Certificate],
        proof: &Proof,
        name: Option<Verdict>,
        host: &RegistryHost,
    ) -> Vec<Warning> {
        let mut found = Vec::new();
        if let Some(verdict) = name {
            let kind = if host.address().is_some() { "IP" } else { "DNS" };
            found.push(Warning::Name { verdict, wanted: format!("{kind}:{}", host.host()) });
        }
        found.extend(path.certificates.iter().flat_map(|member| warning::warnings(member, self.now)));
        found.extend(self.about_anchors(anchors));
        let subject = |certificate: &Certificate| certificate.facts().subject.clone();
        let last = path.certificates.len() - 1;
        let between = path.certificates.iter().take(last).filter(|member| !self.chain.contains(member));
        found.extend(between.map(|member| Warning::IntermediateNotSent { subject: subject(member) }));
        let related = self.related();
        let strangers = self.chain.iter().filter(|sent| !related.contains(sent));
        found.extend(strangers.map(|sent| {
            let (subject, not_after) = (subject(sent), sent.facts().not_after);
            if self.now > not_after {
                Warning::Ended { subject, not_after }
            } else {
                Warning::Stranger { subject }
            }
        }));
        let unused = proof.roots.iter().filter(|root| !path.certificates.contains(root));
        found.extend(unused.map(|root| self.about_unused(root, proof)));
        let mut seen = std::collections::HashSet::new();
        found.retain(|warning| seen.insert(warning.to_string()));
        found
    }

    /// Why a given root is not installed.
    fn about_unused(&self, root: &Certificate, proof: &Proof) -> Warning {
        let subject = root.facts().subject.clone();
        let pool: Vec<Certificate> = self.chain.iter().chain(&proof.roots).cloned().collect();
        let would_do = judge::paths(self.leaf, &pool, std::slice::from_ref(root), self.now).is_ok();
        if self.now > root.facts().not_after {
            Warning::Ended { subject, not_after: root.facts().not_after }
        } else if would_do {
            Warning::RootNotNeeded { subject }
        } else {
            Warning::RootNotUsed { subject }
        }
    }

    fn about_anchors(&self, anchors: &[Certificate]) -> Vec<Warning> {
        let mut found = Vec::new();
        for anchor in anchors {
            let facts = anchor.facts();
            let subject = || facts.subject.clone();
            if anchor == self.leaf {
                found.push(Warning::LeafAsAnchor);
            } else if anchor.is_unchecked_root() {
                let algorithm = facts.signature_algorithm.clone();
                found.push(Warning::UncheckedRoot { subject: subject(), algorithm });
            } else if !anchor.is_self_signed() && anchors.len() == 1 {
                found.push(Warning::IntermediateAsAnchor { subject: subject() });
            }
            if !anchor.enters_p11_kit() {
                found.push(Warning::NotForP11Kit { subject: subject() });
            }
            if anchor.is_self_signed() && anchor.parts().scheme.is_broken() {
                let algorithm = facts.signature_algorithm.clone();
                found.push(Warning::WeakSelfSignature { subject: subject(), algorithm });
            }
        }
        found
    }

    /// Sent certificates that lie on some path from the leaf.
    fn related(&self) -> Vec<Certificate> {
        let paths = self.sent_paths().unwrap_or_default();
        let members = paths.into_iter().flat_map(|path| path.certificates);
        std::iter::once(self.leaf.clone()).chain(members).collect()
    }
}

/// A path to a root goes before one that ends below; of two roots, the path that holds longer, then the longer path.
fn rank(path: &Path) -> (bool, Option<OffsetDateTime>, usize) {
    let root = path.anchor().is_self_signed();
    let above = path.certificates.iter().skip(1);
    let end = above.map(|member| member.facts().not_after).min();
    (root, end.filter(|_| root), path.certificates.len())
}

/// The highest pinned certificate of a path.
fn pinned(path: &Path, pins: &[Pin]) -> Option<(usize, Pin)> {
    let pin = |certificate: &Certificate| pins.iter().find(|pin| pin.matches(certificate)).cloned();
    path.certificates.iter().enumerate().rev().find_map(|(height, member)| Some((height, pin(member)?)))
}

fn cut(path: &Path, height: usize) -> Path {
    Path { certificates: path.certificates[..=height].to_vec() }
}

fn list(path: &[Certificate]) -> String {
    let line = |certificate: &Certificate| {
        let facts = certificate.facts();
        format!("  {}  sha256:{}  spki:{}", facts.subject, facts.sha256, facts.spki_sha256)
    };
    path.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn root_hint(path: &[Certificate]) -> String {
    let Some(leaf) = path.first() else { return String::new() };
    let mut top = leaf;
    // By signatures alone: what leads nowhere for another reason is named by the verdict.
    for _ in path {
        let above = path.iter().find(|above| *above != top && signs(above, top));
        top = match above {
            Some(above) if !top.facts().self_issued => above,
            _ => break,
        };
    }
    if top.facts().self_issued {
        return format!(
            "The root is another one's: what the server sends ends in the root `{}`.",
            top.facts().subject
        );
    }
    format!(
        "Either the root is another one's, or the server leaves out the intermediate `{}`: have it sent, or add it to the given certificates.",
        top.facts().issuer
    )
}

fn signs(above: &Certificate, below: &Certificate) -> bool {
    let parts = below.parts();
    parts.issuer == above.parts().subject
        && above.verify(&parts.scheme, &parts.signed, &parts.signature).is_ok()
}

fn list_defects(defects: &[String]) -> String {
    if defects.is_empty() { String::new() } else { format!(" ({})", defects.join("; ")) }
}
