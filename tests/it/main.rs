//! The integration tests: one binary.

mod files;
mod harness;
mod imports;
mod language;
mod reference;
mod sshd;
mod transport;
mod tree;
