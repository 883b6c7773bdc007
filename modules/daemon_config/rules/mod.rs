//! What dockerd will do with a daemon.json.

pub mod keys;
mod kind;
pub mod registry;

pub use kind::Kind;
