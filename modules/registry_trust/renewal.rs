//! Whether the next certificate of a registry will be accepted by what vouches for this one.

use time::OffsetDateTime;

use crate::certs::{Certificate, Path};

/// What the renewal of the registry's certificate does to the trust of a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Renewal {
    /// A root vouches for it that outlives the certificate.
    Keeps { anchor: String },
    /// An intermediate does: the CA may sign the next one with another.
    Intermediate { anchor: String },
    /// What vouches for it ends no later than the certificate does.
    AnchorEnds { anchor: String, on: OffsetDateTime },
    /// Nothing but the certificate itself vouches for it.
    Leaf,
}

impl Renewal {
    /// The best that the accepted ways allow for; none where there is no way.
    pub fn of(paths: &[Path]) -> Option<Self> {
        paths.iter().map(Self::by).min()
    }

    fn by(path: &Path) -> Self {
        let (leaf, anchor) = (path.certificates[0].facts(), path.anchor().facts());
        let name = || anchor.subject.clone();
        if path.certificates.len() == 1 {
            Self::Leaf
        } else if anchor.not_after <= leaf.not_after {
            Self::AnchorEnds { anchor: name(), on: anchor.not_after }
        } else if anchor.self_issued {
            Self::Keeps { anchor: name() }
        } else {
            Self::Intermediate { anchor: name() }
        }
    }

    /// `no`, `maybe` or `yes`: whether it breaks.
    pub const fn breaks(&self) -> &'static str {
        match self {
            Self::Keeps { .. } => "no",
            Self::Intermediate { .. } => "maybe",
            Self::AnchorEnds { .. } | Self::Leaf => "yes",
        }
    }

    pub const fn word(&self) -> &'static str {
        match self {
            Self::Keeps { .. } => "root",
            Self::Intermediate { .. } => "intermediate",
            Self::AnchorEnds { .. } => "anchor_ends",
            Self::Leaf => "leaf",
        }
    }

    pub fn why(&self) -> String {
        match self {
            Self::Keeps { anchor } => {
                format!("`{anchor}` vouches for it and outlives it: a renewal by the same CA is accepted")
            }
            Self::Intermediate { anchor } => {
                format!("it rests on the intermediate `{anchor}`: it breaks if the CA signs the next certificate with another one")
            }
            Self::AnchorEnds { anchor, on } => {
                format!("`{anchor}` ends on {}, no later than the registry's certificate does", on.date())
            }
            Self::Leaf => {
                "the registry's own certificate is trusted and nothing above it: the next one has to be rolled out before it is served"
                    .to_owned()
            }
        }
    }

    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Keeps { .. } => None,
            Self::Intermediate { .. } => {
                Some("install the root instead: playbooks/trust-registry.yml with `-e registry_ca=FILE`")
            }
            Self::AnchorEnds { .. } => Some(
                "roll out its successor beside it: playbooks/trust-registry.yml with `-e registry_ca=FILE`",
            ),
            Self::Leaf => Some(
                "install its CA instead (playbooks/trust-registry.yml with `-e registry_ca=FILE`), or roll out each new certificate before the registry serves it",
            ),
        }
    }
}

/// The certificate on a path that ends first.
pub fn ends_first(path: &Path) -> &Certificate {
    let end = |certificate: &&Certificate| certificate.facts().not_after;
    path.certificates.iter().min_by_key(end).unwrap_or_else(|| path.anchor())
}

/// The certificate at whose end trust ends: that of the way that lasts longest.
pub fn until(paths: &[Path]) -> Option<&Certificate> {
    paths.iter().map(ends_first).max_by_key(|certificate| certificate.facts().not_after)
}
