//! Whether a host itself knows a name: its own resolver is asked, not the controller's.

use std::net::IpAddr;

use serde::Serialize;

/// What the host's own resolver says of a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskResolve {
    /// The name, or an address, which needs no resolver.
    pub host: String,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolved {
    /// Whether it knows the name; none where the host has no means to tell (`getent`).
    pub known: Option<bool>,
    /// The addresses, sorted.
    pub addresses: Vec<IpAddr>,
}
