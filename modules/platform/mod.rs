//! What differs between platforms, as tables. Nowhere else is a distribution named.

pub mod boot2docker;
pub mod docker;
mod family;
mod service;
mod trust_store;
mod windows;

pub use docker::Daemon;
pub use family::family;
pub use service::Service;
pub use trust_store::{GO_BUNDLES, TrustStoreRow, by_directory, of, path};
pub use windows::{Untested, is_windows, untested};
