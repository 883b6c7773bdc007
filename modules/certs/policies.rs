//! Certificate policies: nobody asks a registry for one, but a CA may demand that there is one (RFC 5280 6.1, as updated by
//! RFC 9618). Go looks since 1.24.

use std::collections::{BTreeMap, BTreeSet};

use super::certificate::Certificate;

const ANY: &str = "2.5.29.32.0";

/// What a certificate says of policies.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    /// As dotted numbers.
    pub ids: Vec<String>,
    /// From the issuer's policy to the subject's.
    pub mappings: Vec<(String, String)>,
    /// After how many certificates a policy is needed.
    pub require: Option<u32>,
    /// After how many no mapping counts.
    pub inhibit_mapping: Option<u32>,
    /// After how many `anyPolicy` is no policy.
    pub inhibit_any: Option<u32>,
}

/// Until when something is permitted, counted in certificates.
#[derive(Clone, Copy)]
struct Left(usize);

impl Left {
    fn lower(&mut self, to: Option<u32>) {
        if let Some(to) = to {
            self.0 = self.0.min(usize::try_from(to).unwrap_or(usize::MAX));
        }
    }

    fn step(&mut self) {
        self.0 = self.0.saturating_sub(1);
    }
}

/// Whether the policies of a path are as its CAs demand; the server's certificate stands first.
pub(super) fn are_valid(path: &[Certificate]) -> bool {
    let below = &path[..path.len() - 1];
    let (mut explicit, mut mapping, mut any) =
        (Left(below.len() + 1), Left(below.len() + 1), Left(below.len() + 1));
    let mut valid = Some(BTreeSet::from([ANY.to_owned()]));
    for (at, certificate) in below.iter().enumerate().rev() {
        let policies = &certificate.parts().extensions.policies;
        let self_issued = certificate.facts().self_issued;
        let any_counts = any.0 > 0 || (at > 0 && self_issued);
        valid = valid.filter(|_| !policies.ids.is_empty()).map(|set| narrowed(&set, policies, any_counts));
        if explicit.0 == 0 && valid.is_none() {
            return false;
        }
        if at == 0 {
            break;
        }
        if let Some(set) = &mut valid
            && !policies.mappings.is_empty()
            && !mapped(set, policies, mapping.0 > 0)
        {
            return false;
        }
        if !self_issued {
            [&mut explicit, &mut mapping, &mut any].into_iter().for_each(Left::step);
        }
        explicit.lower(policies.require);
        mapping.lower(policies.inhibit_mapping);
        any.lower(policies.inhibit_any);
    }
    if let (Some(leaf), false) = (below.first(), below.is_empty()) {
        explicit.step();
        if leaf.parts().extensions.policies.require == Some(0) {
            explicit.0 = 0;
        }
    }
    below.is_empty() || explicit.0 > 0 || valid.is_some_and(|set| !set.is_empty())
}

/// The policies that are still valid below a certificate.
fn narrowed(set: &BTreeSet<String>, policies: &Policies, any_counts: bool) -> BTreeSet<String> {
    let named = policies.ids.iter().filter(|id| *id != ANY);
    let mut kept: BTreeSet<String> =
        named.filter(|id| set.contains(*id) || set.contains(ANY)).cloned().collect();
    if any_counts && policies.ids.iter().any(|id| id == ANY) {
        kept.extend(set.iter().cloned());
    }
    kept
}

/// Puts the subject's policies in the place of the issuer's; false where a mapping is none.
fn mapped(set: &mut BTreeSet<String>, policies: &Policies, counts: bool) -> bool {
    let mut by_issuer: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for (issuer, subject) in &policies.mappings {
        if counts && (issuer == ANY || subject == ANY) {
            return false;
        }
        by_issuer.entry(issuer).or_default().push(subject);
    }
    for (issuer, subjects) in by_issuer {
        let known = set.remove(issuer) || set.contains(ANY);
        if counts && known {
            set.extend(subjects.into_iter().cloned());
        }
    }
    true
}
