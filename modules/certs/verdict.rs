//! What Go would say to a certificate, in its own words.

use std::fmt;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::extensions::{MAPPED, MARKED_CRITICAL};
use super::go_parse::UNSUPPORTED_STRING;
use super::signature::{SignatureError, SignatureScheme};

/// What is wrong with a chain. The text is the `x509: …` tail of dockerd's message, whatever stands
/// before it in that version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The server's certificate cannot even be read by Go.
    #[error("tls: failed to parse certificate from server: {0}")]
    Unreadable(String),
    /// Go gives up on such keys.
    #[error("tls: server sent certificate containing RSA key larger than 8192 bits: {bits}")]
    KeyTooLarge {
        /// The key's size.
        bits: u64,
    },
    /// Go since 1.24 gives up on such keys.
    #[error(
        "crypto/rsa: {bits}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
    )]
    KeyTooSmall {
        /// The key's size.
        bits: u64,
    },
    /// Go makes nothing of such keys.
    #[error("tls: server's certificate contains an unsupported type of public key: {0}")]
    UnsupportedKey(String),
    /// An extension marked critical that Go does not handle.
    #[error("x509: unhandled critical extension")]
    UnhandledCriticalExtension {
        /// It is about policies alone, which later versions handle.
        policies: bool,
    },
    /// After its time.
    #[error(
        "x509: certificate has expired or is not yet valid: current time {} is after {}",
        at(now),
        at(not_after)
    )]
    Expired {
        /// The instant of the judgement.
        now: OffsetDateTime,
        /// The end of the certificate's time.
        not_after: OffsetDateTime,
    },
    /// Before its time.
    #[error(
        "x509: certificate has expired or is not yet valid: current time {} is before {}",
        at(now),
        at(not_before)
    )]
    NotYetValid {
        /// The instant of the judgement.
        now: OffsetDateTime,
        /// The begin of the certificate's time.
        not_before: OffsetDateTime,
    },
    /// The host stands only in the common name.
    #[error("x509: certificate relies on legacy Common Name field, use SANs instead")]
    CommonNameOnly,
    /// An address is asked for, and the certificate has none.
    #[error("x509: cannot validate certificate for {wanted} because it doesn't contain any IP SANs")]
    NoIpNames {
        /// The address.
        wanted: String,
    },
    /// The certificate has no names of this kind.
    #[error("x509: certificate is not valid for any names, but wanted to match {wanted}")]
    NoNames {
        /// The host.
        wanted: String,
    },
    /// The certificate has other names.
    #[error("x509: certificate is valid for {}, not {wanted}", names.join(", "))]
    OtherNames {
        /// Its names.
        names: Vec<String>,
        /// The host.
        wanted: String,
    },
    /// The certificate has many other names.
    #[error("x509: certificate is valid for {count} {}, but none matched {wanted}", if *addresses { "IP SANs" } else { "names" })]
    ManyNames {
        /// How many.
        count: usize,
        /// Addresses, not host names.
        addresses: bool,
        /// The host.
        wanted: String,
    },
    /// No path leads to an anchor.
    #[error("x509: certificate signed by unknown authority{}", hint.as_deref().map(ToString::to_string).unwrap_or_default())]
    UnknownAuthority {
        /// The candidate that came nearest.
        hint: Option<Box<Hint>>,
    },
    /// The signer's certificate forbids signing.
    #[error("x509: invalid signature: parent certificate cannot sign this kind of certificate")]
    SignerMayNotSign,
    /// SHA-1 or MD5 below the anchor.
    #[error("x509: cannot verify signature: insecure algorithm {0}")]
    InsecureAlgorithm(String),
    /// The signature is another key's, or nothing that can be checked.
    #[error("{}", signature_text(*error, scheme))]
    Signature {
        /// What failed.
        error: SignatureError,
        /// The signature's scheme.
        scheme: SignatureScheme,
    },
    /// An intermediate that is no CA.
    #[error("x509: certificate is not authorized to sign other certificates")]
    NotACa,
    /// More intermediates than a CA permits.
    #[error("x509: too many intermediates for path length constraint")]
    TooManyIntermediates,
    /// A CA may not sign for a name of the leaf.
    #[error("x509: a root or intermediate certificate is not authorized to sign for this name: {0}")]
    NameConstraint(String),
    /// A CA demands a policy that the certificates do not have.
    #[error("x509: no valid chains built: all candidate chains have invalid policies")]
    Policies,
    /// Not for servers.
    #[error("x509: certificate specifies an incompatible key usage")]
    IncompatibleUsage,
    /// Too many candidates.
    #[error("x509: signature check attempts limit reached while verifying certificate chain")]
    SignatureLimit,
}

/// Why a candidate that has the right name did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What was wrong with it.
    pub fault: Fault,
    /// The candidate's name.
    pub candidate: String,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fault, candidate) = (self.fault.to_string(), &self.candidate);
        write!(
            f,
            " (possibly because of {fault:?} while trying to verify candidate authority certificate {candidate:?})"
        )
    }
}

/// Engines differ about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineNote {
    /// 19.03 and 20.10.0 to 20.10.7 still match the common name.
    CommonNameAcceptedBefore20_10_8,
    /// Engines built with Go before 1.18 accept SHA-1.
    Sha1AcceptedBeforeGo1_18,
    /// Engines built with Go before 1.24 accept RSA keys under 1024 bits.
    SmallKeysAcceptedBeforeGo1_24,
    /// Engines built with Go before 1.27 read IPv4 addresses in the form of IPv6.
    MappedAddressesAcceptedBeforeGo1_27,
    /// 20.10 reads identifiers that are marked critical.
    CriticalIdentifiersAcceptedBy20_10,
    /// Engines built with Go 1.24 and later handle constraints on policies.
    PoliciesHandledSinceGo1_24,
    /// Engines built with Go 1.27 read every kind of value in a name.
    ValuesReadSinceGo1_27,
    /// 20.10 does not look at policies.
    PoliciesIgnoredBy20_10,
}

impl fmt::Display for EngineNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CommonNameAcceptedBefore20_10_8 => {
                "engines 19.03 and 20.10.0 to 20.10.7 still accept the common name"
            }
            Self::Sha1AcceptedBeforeGo1_18 => "engines built with Go before 1.18 still accept SHA-1",
            Self::SmallKeysAcceptedBeforeGo1_24 => {
                "engines built with Go before 1.24 still accept RSA keys under 1024 bits"
            }
            Self::MappedAddressesAcceptedBeforeGo1_27 => {
                "engines built with Go before 1.27, such as 20.10 and 26.1, still accept it"
            }
            Self::CriticalIdentifiersAcceptedBy20_10 => "20.10, built with Go 1.19, still accepts it",
            Self::ValuesReadSinceGo1_27 => "engines built with Go 1.27 and later read it",
            Self::PoliciesIgnoredBy20_10 => "20.10, built with Go 1.19, does not look at policies",
            Self::PoliciesHandledSinceGo1_24 => {
                "engines built with Go 1.24 and later handle constraints on policies"
            }
        })
    }
}

/// The judgement over a chain that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Verdict {
    /// What is wrong.
    pub fault: Fault,
    /// Engines that see it otherwise.
    pub note: Option<EngineNote>,
}

impl From<Fault> for Verdict {
    fn from(fault: Fault) -> Self {
        let note = note(&fault);
        Self { fault, note }
    }
}

impl Verdict {
    /// What the engine says, and which engines see it otherwise.
    #[must_use]
    pub fn with_note(&self) -> String {
        let note = self.note.map(|note| format!(" ({note})")).unwrap_or_default();
        format!("`{}`{note}", self.fault)
    }
}

fn note(fault: &Fault) -> Option<EngineNote> {
    match fault {
        Fault::UnhandledCriticalExtension { policies: true } => Some(EngineNote::PoliciesHandledSinceGo1_24),
        Fault::Policies => Some(EngineNote::PoliciesIgnoredBy20_10),
        Fault::CommonNameOnly => Some(EngineNote::CommonNameAcceptedBefore20_10_8),
        Fault::InsecureAlgorithm(name) if name.contains("SHA1") => Some(EngineNote::Sha1AcceptedBeforeGo1_18),
        Fault::KeyTooSmall { .. } => Some(EngineNote::SmallKeysAcceptedBeforeGo1_24),
        Fault::Unreadable(text) if text.ends_with(MAPPED) => {
            Some(EngineNote::MappedAddressesAcceptedBeforeGo1_27)
        }
        Fault::Unreadable(text) if text.contains(UNSUPPORTED_STRING) => {
            Some(EngineNote::ValuesReadSinceGo1_27)
        }
        Fault::Unreadable(text) if text.ends_with(MARKED_CRITICAL) => {
            Some(EngineNote::CriticalIdentifiersAcceptedBy20_10)
        }
        Fault::UnknownAuthority { hint: Some(hint) } => note(&hint.fault),
        _ => None,
    }
}

fn at(time: &OffsetDateTime) -> String {
    let seconds = time.replace_nanosecond(0).unwrap_or(*time);
    seconds.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

fn signature_text(error: SignatureError, scheme: &SignatureScheme) -> String {
    let known = !matches!(scheme, SignatureScheme::Unknown(_));
    match (error, scheme) {
        (SignatureError::WrongKey, _) => {
            "x509: signature algorithm and the signer's public key do not fit".to_owned()
        }
        (SignatureError::Unsupported, _) => {
            "x509: cannot verify signature: algorithm unimplemented".to_owned()
        }
        (SignatureError::Mismatch, SignatureScheme::Ecdsa(_)) => {
            "x509: ECDSA verification failure".to_owned()
        }
        (SignatureError::Mismatch, SignatureScheme::Ed25519) => {
            "x509: Ed25519 verification failure".to_owned()
        }
        (SignatureError::Mismatch, _) if known => "crypto/rsa: verification error".to_owned(),
        (SignatureError::Mismatch, _) => "x509: cannot verify signature".to_owned(),
    }
}
