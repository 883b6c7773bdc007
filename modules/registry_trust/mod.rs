//! `registry_trust`: what a host trusts for a registry, and for how long.

mod found;
mod judge;
mod renewal;
mod report;
mod verdict;

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::filled;
use crate::certs::{self, Certificate, RegistryHost};
use crate::contract::{
    AskDistribution, AskError, AskLocalFile, AskTls, DaemonKind, Distribution, Host, Module, Plan, PlanError,
    Probe,
};
use crate::platform::{self, Daemon};
use found::Found;
use judge::Standing;

/// Says what a host trusts for a registry, and changes nothing: which certificates, where each stands (Docker's store as
/// both of dockerd's readers see it, the system's store, files beside it, what the daemon's environment names), until
/// when, whether the chain that the registry serves now is accepted by Go's rules, and whether the renewal of its
/// certificate breaks that. With `certificate` it says the same of a chain that is not served yet.
///
/// The daemon's own word is asked for (by its request to the registry, without a pull; where images are in containerd's
/// store by a pull of what does not exist) where the files say that it trusts the registry and nothing waits for its
/// restart. It is not asked while an anchor stands in the system's store that the daemon may not have read: the request
/// makes it read that store, once in its life. The status is `unknown` then.
///
/// It registers `status` (`trusted`, `untrusted`, `insecure`, `unknown`), `reason` and `next` (what to do), `accepted`,
/// `leaf` and `trusted_by` (each with `subject`, `sha256`, `not_after`, `days`; an anchor also with its `kind`, `store`
/// and `files`), `holds` (certificates installed for the registry, whether or not they vouch for it), `until`, `days`,
/// `expiring`, `renewal` (`breaks`: `no`, `maybe` or `yes`, `reason`, `why`), `restart` (what waits for a restart, or
/// null), `insecure` (the entry that makes it so, or null), `image_store` and `daemon` (`status`, `message`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryTrust {
    /// The registry, as image references name it: `HOST` or `HOST:PORT`.
    registry: RegistryHost,
    /// A chain that is not served yet, the registry's own certificate first: PEM text, or a file of the controller
    /// (a relative path begins at the playbook's directory). Default: the chain that the registry serves now.
    #[serde(default, deserialize_with = "filled")]
    certificate: Option<String>,
    /// Trust that ends within so many days is `expiring`. Default: 30.
    #[serde(default = "thirty")]
    expires_within: u32,
    /// `accepted` fails where the host would not accept the chain, as before a registry changes its certificate. Default:
    /// nothing is expected.
    #[serde(default)]
    expect: Option<Expect>,
}

const fn thirty() -> u32 {
    30
}

/// What is expected of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Its daemon accepts the chain.
    Accepted,
}

/// What was seen.
pub struct Seen {
    chain: Result<Vec<Certificate>, String>,
    found: Found,
    daemon: Option<Distribution>,
}

impl Module for RegistryTrust {
    const NAME: &'static str = "registry_trust";
    const EXAMPLE: &'static str = "- registry_trust:\n    registry: dtr.example.com:5000\n    certificate: new.pem\n    expect: accepted\n";
    type State = Seen;

    fn probe(&self, host: &Host) -> Probe<Seen> {
        if let Some(refusal) = unreadable(host) {
            return Probe::refuse(refusal);
        }
        let this = self.clone();
        self.probe_chain().zip(found::probe(&self.registry, host)).and_then(move |(chain, found)| {
            if found.is_reread() && !this.is_trusted(&chain, &found) {
                return Probe::refuse(AskError::Unknown("a reload or restart of the daemon".to_owned()));
            }
            let asked = if this.asks_the_daemon(&chain, &found) {
                Probe::ask(AskDistribution { registry: this.registry.clone() }).map(Some)
            } else {
                Probe::ready(None)
            };
            asked.map(move |daemon| Seen { chain, found, daemon })
        })
    }

    fn plan(&self, host: &Host, seen: Seen) -> Result<Plan, PlanError> {
        Daemon::of(host)?;
        if !seen.found.process.installed {
            return Ok(Plan::skip(
                "no docker daemon is installed on this host: there is nothing to trust with",
            ));
        }
        if let (Some(name), Err(why)) = (&self.certificate, &seen.chain) {
            let shown = if is_text(name) { "`certificate`".to_owned() } else { format!("`{name}`") };
            return Err(PlanError::new(format!("{shown}: {why}"))
                .help("give a PEM file with the registry's own certificate first, then its intermediates"));
        }
        report::plan(self, &seen)
    }
}

impl RegistryTrust {
    /// The chain that is judged.
    fn probe_chain(&self) -> Probe<Result<Vec<Certificate>, String>> {
        let read = |bytes: &[u8]| certs::read(bytes).map_err(|error| error.to_string());
        match &self.certificate {
            Some(text) if is_text(text) => Probe::ready(read(text.as_bytes())),
            Some(path) => Probe::ask(AskLocalFile::new(path.clone())).map(move |bytes| read(&bytes)),
            None => Probe::ask(AskTls { registry: self.registry.clone() }).map(|served| {
                let chain: Result<Vec<_>, _> =
                    served?.certificates.iter().map(|der| Certificate::from_der(der)).collect();
                match chain {
                    Ok(chain) if chain.is_empty() => Err("the server sent no certificate".to_owned()),
                    Ok(chain) => Ok(chain),
                    Err(error) => Err(format!("a certificate that it sends cannot be read: {error}")),
                }
            }),
        }
    }

    fn is_trusted(&self, chain: &Result<Vec<Certificate>, String>, found: &Found) -> bool {
        let chain = chain
            .as_ref()
            .is_ok_and(|chain| matches!(judge::standing(&self.registry, chain, found), Standing::Trusted(_)));
        chain && found.insecure(&self.registry).is_none()
    }

    /// The daemon is asked only where its answer tells more than the files do, and where that changes nothing for what is
    /// installed: its request makes it read the system's certificates, once in its life.
    fn asks_the_daemon(&self, chain: &Result<Vec<Certificate>, String>, found: &Found) -> bool {
        if self.certificate.is_some()
            || found.process.running.is_none()
            || found.info.is_none()
            || found.insecure(&self.registry).is_some()
        {
            return false;
        }
        let owed = found.owed_for(&self.registry).is_some();
        match chain {
            Ok(chain) => {
                let pending = judge::system_is_pending(&self.registry, chain, found);
                let standing = judge::standing(&self.registry, chain, found);
                !owed && !pending && matches!(standing, Standing::Trusted(_) | Standing::Undecided(_))
            }
            // What the registry serves is not known here, and what is installed for it is.
            Err(_) => {
                !owed
                    && found
                        .holds(&self.registry)
                        .iter()
                        .any(|held| held.certain && held.ours(&self.registry))
            }
        }
    }
}

/// Whether an argument is the certificate itself, not the path of a file.
fn is_text(certificate: &str) -> bool {
    certificate.contains("-----BEGIN")
}

/// Why this user cannot see what the daemon sees.
fn unreadable(host: &Host) -> Option<AskError> {
    let facts = &host.facts;
    if platform::is_windows(facts) {
        return Some(AskError::Host(
            "what a host of Windows trusts is not read: look at `Cert:\\LocalMachine\\Root` and at %ProgramData%\\docker\\certs.d there"
                .to_owned(),
        ));
    }
    let daemon = Daemon::assumed(host);
    let own = daemon.kind == DaemonKind::Rootless && daemon.user == facts.user;
    (facts.uid != 0 && !facts.sandbox && !own).then(|| {
        AskError::Host(format!(
            "`{}` sees neither the docker daemon's environment and records nor, on many hosts, its socket and certificates: become root (`-b`, and `-K` where sudo wants a password; in a playbook `become: true`)",
            facts.user
        ))
    })
}
