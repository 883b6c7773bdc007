//! What is not an error, and still has to be said before an anchor is installed.

use time::OffsetDateTime;

use super::certificate::Certificate;
use super::verdict::Verdict;

/// What to tell the operator about a choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Little time is left.
    #[error("`{subject}` ends on {}, in {days} days: renew it", date(not_after))]
    EndsSoon {
        /// Whose.
        subject: String,
        /// When.
        not_after: OffsetDateTime,
        /// Days left.
        days: i64,
    },
    /// dockerd and curl are content with it, plain OpenSSL is not.
    #[error(
        "`{subject}` is an intermediate: dockerd and curl accept it as an anchor, plain OpenSSL and Python do not; give the root instead"
    )]
    IntermediateAsAnchor {
        /// The anchor.
        subject: String,
    },
    /// It has the names of a root, and a signature that is not checked here.
    #[error(
        "`{subject}` is issued by itself by its names; its signature, {algorithm}, cannot be checked here"
    )]
    UncheckedRoot {
        /// The anchor.
        subject: String,
        /// The signature's algorithm.
        algorithm: String,
    },
    /// The server's configuration is not complete.
    #[error(
        "the server does not send `{subject}`, the issuer of its certificate: append it to the server's certificate file; until then it is installed along with the anchor"
    )]
    IntermediateNotSent {
        /// The certificate that it ought to send.
        subject: String,
    },
    /// The anchor is the server's own certificate.
    #[error("the anchor is the server's own certificate: every renewal has to be rolled out again")]
    LeafAsAnchor,
    /// RHEL's family does not take it.
    #[error(
        "`{subject}` is not marked as a CA for servers: RHEL, SUSE and Arch drop it from their bundle without a word; use Docker's own store there"
    )]
    NotForP11Kit {
        /// The anchor.
        subject: String,
    },
    /// The name is wrong, which no anchor mends.
    #[error(
        "the engine refuses the server's certificate whatever is trusted: {}; reissue it with subjectAltName `{wanted}`",
        verdict.with_note()
    )]
    Name {
        /// What the engine says.
        verdict: Verdict,
        /// The entry that is missing.
        wanted: String,
    },
    /// The anchor's key could be broken.
    #[error("`{subject}` has an RSA key of only {bits} bits: replace it")]
    WeakKey {
        /// Whose.
        subject: String,
        /// The size.
        bits: u64,
    },
    /// The anchor's own signature is not checked by anyone, but others may stumble.
    #[error("`{subject}` signs itself with {algorithm}: dockerd does not mind, other programs may")]
    WeakSelfSignature {
        /// Whose.
        subject: String,
        /// The algorithm.
        algorithm: String,
    },
    /// A certificate that proves nothing.
    #[error(
        "the server also sends `{subject}`, which is on no path from its certificate: take it out of the server's file"
    )]
    Stranger {
        /// The certificate.
        subject: String,
    },
    /// A certificate whose time is over, and that nothing needs.
    #[error("`{subject}` ended on {} and is of no use: take it out", date(not_after))]
    Ended {
        /// The certificate.
        subject: String,
        /// When.
        not_after: OffsetDateTime,
    },
    /// A given root that would do, beside a better one.
    #[error("`{subject}` was given as a root and is not needed beside the one that is installed")]
    RootNotNeeded {
        /// The root.
        subject: String,
    },
    /// A given root that is not the server's.
    #[error("`{subject}` was given as a root and signs nothing here: it is not installed")]
    RootNotUsed {
        /// The root.
        subject: String,
    },
}

fn date(time: &OffsetDateTime) -> String {
    time.date().to_string()
}

/// Days before its end from which a certificate's renewal is asked for.
const SOON: i64 = 30;
/// RSA keys of fewer bits are weak.
const WEAK: u64 = 2048;

/// What a certificate gives cause to say, wherever it stands: it ends soon, its key is weak.
#[must_use]
pub fn warnings(certificate: &Certificate, now: OffsetDateTime) -> Vec<Warning> {
    ends_soon(certificate, now).into_iter().chain(weak_key(certificate)).collect()
}

/// Says so where a certificate ends within 30 days, or has ended.
#[must_use]
pub fn ends_soon(certificate: &Certificate, now: OffsetDateTime) -> Option<Warning> {
    let facts = certificate.facts();
    let days = (facts.not_after - now).whole_days();
    let subject = facts.subject.clone();
    (days < SOON).then_some(Warning::EndsSoon { subject, not_after: facts.not_after, days })
}

/// Says so where a certificate has an RSA key of fewer than 2048 bits.
#[must_use]
pub fn weak_key(certificate: &Certificate) -> Option<Warning> {
    let facts = certificate.facts();
    let bits = facts.key_bits.filter(|&bits| facts.key_type == "RSA" && bits < WEAK)?;
    Some(Warning::WeakKey { subject: facts.subject.clone(), bits })
}
