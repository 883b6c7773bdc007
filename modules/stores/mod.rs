//! What makes a host trust a registry, or not judge it at all, as it is found there: read here for all modules.

pub mod certs_d;
pub mod insecure;
pub mod names;
pub mod system;
