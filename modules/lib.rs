//! The modules of dtrctl.

pub mod certs;
