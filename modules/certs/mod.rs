//! Certificates: read, judged as dockerd judges them, and chosen for a trust store.
//!
//! Absent on purpose: the network, the clock, and webpki. What decides is what Go's crypto/x509
//! does, because dockerd is a Go program and its verdict is the one that counts.

mod certificate;
mod choose;
mod constraints;
mod der;
mod extensions;
mod facts;
mod go_parse;
mod go_structure;
mod go_uri;
mod host;
mod hostname;
mod judge;
mod key;
mod names;
mod not_one;
mod order;
mod pem;
mod pin;
mod policies;
mod private_key;
mod request;
mod rsa;
mod san;
mod signature;
mod verdict;
mod warning;

pub use certificate::{CertError, Certificate};
pub use choose::{Choice, ChooseError, Proof, Proven, Scope, Served, choose};
pub use facts::{BasicConstraints, Facts};
pub use host::{HostError, RegistryHost};
pub use judge::{Path, Unchecked, paths, signs, unchecked, verify, verify_name};
pub use key::{Curve, PublicKey};
pub use order::{Misplaced, misplaced, right_order};
pub use pem::{
    BadBlock, Bundle, Found, Held, Pem, PemError, encode, encode_request, inspect, read, read_bundle,
};
pub use pin::{Pin, PinError};
pub use private_key::{PrivateKey, PrivateKeyError, private_key_der};
pub use request::{Request, RequestError};
pub use san::{San, SanError, Subtree, excluded_beside};
pub use signature::{Hash, SignatureError, SignatureScheme};
pub use verdict::{EngineNote, Fault, Verdict};
pub use warning::{Warning, ends_soon, warnings, weak_key};
