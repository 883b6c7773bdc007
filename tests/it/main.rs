//! The integration tests: one binary.

mod files;
mod harness;
mod imports;
mod language;
mod sshd;
mod transport;
mod tree;
