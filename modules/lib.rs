//! The modules of dtrctl: pure functions from what a host says to what has to change.
//!
//! Absent on purpose: connections, files, clocks, randomness, the environment, printing, and any way to learn whether
//! this is check mode. `clippy.toml` bans the standard library's ways out.

pub mod certs;
pub mod contract;

pub use contract::*;
