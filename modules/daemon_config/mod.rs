//! The Docker daemon's configuration file, `daemon.json`: edits of its text, and what dockerd does with it.

mod change;
pub mod edit;
pub mod rules;
mod version;

pub use change::{ChangeError, change};
pub use version::{Version, VersionError};
