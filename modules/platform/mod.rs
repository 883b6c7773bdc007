//! What differs between platforms, as tables. Nowhere else is a distribution named.

mod docker;
mod trust_store;

pub use docker::certs_d;
pub use trust_store::{GO_BUNDLES, TrustStoreRow, of, path};
