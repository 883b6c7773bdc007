//! The order of a server's chain: what a registry is given first it serves first, and clients follow it from there.

use super::certificate::Certificate;
use super::judge::{signs, unchecked};

/// What stands where a server's chain has no place for it. Certificates are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// It stands before already.
    Twice(usize),
    /// One that it signs comes only after it.
    Early(usize),
    /// By its name it is the issuer of this one before it, and the signature cannot be checked here.
    Unchecked(usize, usize),
    /// It signs none of those before it.
    Stranger(usize),
}

/// What is out of order behind the first certificate: each has to sign one before it. Two may sign the same one, as
/// cross-signed intermediates do.
#[must_use]
pub fn misplaced(chain: &[Certificate]) -> Vec<Misplaced> {
    let judge = |at: usize| {
        let (before, one, after) = (&chain[..at], &chain[at], &chain[at + 1..]);
        let signs_one_of = |others: &[Certificate]| others.iter().any(|other| signs(one, other));
        match () {
            () if before.contains(one) => Some(Misplaced::Twice(at)),
            () if signs_one_of(before) => None,
            () if signs_one_of(after) => Some(Misplaced::Early(at)),
            () => {
                let below = before.iter().position(|other| unchecked(one, other).is_some());
                Some(below.map_or(Misplaced::Stranger(at), |below| Misplaced::Unchecked(at, below)))
            }
        }
    };
    (1..chain.len()).filter_map(judge).collect()
}

/// The subjects in the order that would be right, as far as signatures tell, from the server's own certificate on.
#[must_use]
pub fn right_order(chain: &[Certificate], leaf: usize) -> String {
    let mut rest: Vec<&Certificate> = chain.iter().collect();
    let mut sorted = vec![rest.remove(leaf)];
    while let Some(next) = rest.iter().position(|one| sorted.iter().any(|below| signs(one, below))) {
        sorted.push(rest.remove(next));
    }
    let names: Vec<String> = sorted.iter().map(|one| format!("`{}`", one.facts().subject)).collect();
    names.join(", then ")
}
