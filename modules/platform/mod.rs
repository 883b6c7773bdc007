//! What differs between platforms, as tables. Nowhere else is a distribution named.

pub mod boot2docker;
mod distribution;
pub mod docker;
mod family;
mod manager;
mod service;
mod trust_store;
mod windows;

pub use distribution::{distribution, release, version};
pub use docker::Daemon;
pub use family::family;
pub use manager::ServiceCommand;
pub use service::Service;
pub use trust_store::{GO_BUNDLES, TrustStoreRow, by_directory, of, path};
pub use windows::{Untested, is_windows, untested};
