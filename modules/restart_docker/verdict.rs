//! Whether the daemon would start with its files as they stand, for whoever writes them by other means.

use super::Found;
use super::decision::{Decision, in_swarm};
use crate::boot2docker_profile::next_start;
use crate::contract::{AskFile, AskInfo, AskProcess, Host, Probe};
use crate::platform::Daemon;

/// Why the daemon that runs would neither reload nor start with its files as they stand; none where it would, and where it is
/// not known.
pub fn verdict(host: &Host) -> Probe<Option<String>> {
    Probe::ask(AskProcess)
        .zip(Probe::ask(AskInfo))
        .zip(Probe::ask(AskFile::new(Daemon::assumed(host).config)).zip(next_start::ask(host)))
        .map(|((process, info), (file, profile))| {
            let found = Found { owed: Vec::new(), process, info, file, profile, risk: None };
            let info = found.info.as_ref()?;
            let decision = Decision::new(&found, info);
            let of_swarm = || {
                let refused = decision.live_restore && in_swarm(info);
                refused.then(|| "dockerd does not start with `live-restore` on a node of a swarm".to_owned())
            };
            decision.broken.clone().or_else(of_swarm)
        })
}
