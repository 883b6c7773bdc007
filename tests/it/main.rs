//! The integration tests: one binary.

mod boot2docker;
mod certificates;
mod cut;
mod dtr;
mod engine_library;
mod engine_rules;
mod examples;
mod files;
mod harness;
mod hostile;
mod imports;
mod killed;
mod language;
mod mistakes;
mod outcomes;
mod overview;
mod pki;
mod reference;
mod registry_library;
mod registry_tls;
mod sessions;
mod shipped;
mod sshd;
mod transport;
mod tree;
mod windows;
