//! Boot2Docker: what of it survives a reboot, and since which release. Everything outside /var/lib/boot2docker and
//! /var/lib/docker is in memory. The facts are from the project's own scripts, at the tags named here.

use crate::contract::{Facts, HostPath};

use super::path;

/// Whether a host is Boot2Docker.
#[must_use]
pub fn is(facts: &Facts) -> bool {
    facts.id == "boot2docker"
}

/// The shell text that the daemon's start script reads its settings from.
#[must_use]
pub fn profile() -> HostPath {
    path("/var/lib/boot2docker/profile")
}
