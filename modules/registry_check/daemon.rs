//! What the docker daemon says of a registry.

use crate::contract::{DaemonInfo, Distribution};
use crate::daemon_view::DaemonView;
use crate::stores::insecure;

use super::RegistryCheck;
use super::outcome::Outcome;

/// Reads its answer, and whether its configuration lets it judge certificates at all.
pub fn outcome(check: &RegistryCheck, answer: &Distribution, info: Option<&DaemonInfo>) -> Outcome {
    let view = DaemonView::of(answer);
    if view == DaemonView::NoDaemon {
        return Outcome::Skipped("no docker daemon runs on this host".to_owned());
    }
    let shown = info.map(|info| &info.json["RegistryConfig"]);
    let insecure = shown.map(|config| insecure::entry(config, &check.registry, &[]).is_some());
    match insecure {
        None if check.insecure => {
            return Outcome::failed(
                "the daemon does not answer `GET /info`, so its insecure registries are not known",
                "look at the daemon's log (`journalctl -u docker`)",
            );
        }
        Some(false) if check.insecure => {
            return Outcome::failed(
                format!("`{}` is not among its insecure registries", check.registry),
                "it may not have read its configuration again: let `restart_docker` pay what is owed, and look at `docker info`",
            );
        }
        _ => {}
    }
    match view {
        DaemonView::NoDaemon | DaemonView::TooOld => {
            Outcome::Skipped("the daemon is older than 17.06 and cannot be asked without a pull".to_owned())
        }
        DaemonView::Fault(said) => Outcome::fault(check, &said),
        DaemonView::Reached(said) if insecure == Some(true) => Outcome::Insecure(format!(
            "it has the registry among its insecure ones and reaches it without judging a certificate (`{said}`)"
        )),
        DaemonView::Reached(said) => {
            Outcome::Trusted(format!("it reaches the registry, which says `{said}`"))
        }
    }
}
