//! The integration tests: one binary.

mod sshd;
mod transport;
