//! The integration tests: one binary.

mod cut;
mod examples;
mod files;
mod harness;
mod hostile;
mod imports;
mod language;
mod mistakes;
mod outcomes;
mod reference;
mod sessions;
mod sshd;
mod transport;
mod tree;
