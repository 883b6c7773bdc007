//! Where dockerd looks for what is its own.

use crate::contract::{Facts, HostPath};

use super::path;

const SYSTEM: &str = "/etc/docker/certs.d";
const SNAP: &str = "/var/snap/docker/current/etc/docker/certs.d";

/// The directory in which dockerd looks for a directory of each registry's certificates.
#[must_use]
pub fn certs_d(facts: &Facts) -> HostPath {
    let snap = |config: &HostPath| config.as_str().starts_with("/var/snap/docker/");
    path(if facts.daemon_config.as_ref().is_some_and(snap) { SNAP } else { SYSTEM })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snap_has_its_own() {
        let mut facts = Facts::default();
        assert_eq!(certs_d(&facts).as_str(), SYSTEM);
        facts.daemon_config = HostPath::new("/var/snap/docker/2904/config/daemon.json").ok();
        assert_eq!(certs_d(&facts).as_str(), SNAP);
    }
}
