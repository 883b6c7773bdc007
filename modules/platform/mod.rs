//! What differs between platforms, as tables. Nowhere else is a distribution named.

mod certs_d;
pub mod docker;
mod trust_store;

pub use certs_d::certs_d;
pub use trust_store::{GO_BUNDLES, TrustStoreRow, of, path};
