//! dtrctl.
pub mod transport;
