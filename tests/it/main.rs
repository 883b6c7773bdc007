//! The integration tests: one binary.

mod engine_library;
mod engine_rules;
mod sshd;
mod transport;
