//! Whether a host trusts the registry already, by certificates that others have put there.

use crate::certs::{self, Certificate, Pem};
use crate::contract::{Bundle, Process};

use super::{InstallAnchor, System, names};

/// The given certificates, and the chain that the registry sends now.
pub struct Cover<'a> {
    arguments: &'a InstallAnchor,
    now: time::OffsetDateTime,
    /// Given certificates to which the sent chain leads.
    leads: Vec<Certificate>,
}

impl<'a> Cover<'a> {
    pub fn new(arguments: &'a InstallAnchor, now: time::OffsetDateTime) -> Self {
        let leads = chain(arguments).map_or_else(Vec::new, |(leaf, sent)| {
            let pool: Vec<Certificate> = sent.iter().chain(arguments.wanted()).cloned().collect();
            let paths = certs::paths(leaf, &pool, arguments.wanted(), now).unwrap_or_default();
            paths.into_iter().flat_map(|path| path.certificates).collect()
        });
        Self { arguments, now, leads }
    }

    /// The given certificates that have to be installed where `foreign` ones are trusted. One is needless where it is
    /// among them, or where the sent chain leads to it and is trusted through them as well. A certificate to which the
    /// registry has yet to change is not.
    pub fn needed(&self, foreign: &[Certificate]) -> Vec<&'a Certificate> {
        let trusted = chain(self.arguments).is_some_and(|(leaf, sent)| {
            certs::verify(leaf, sent, foreign, &self.arguments.registry, self.now).is_ok()
        });
        let needless =
            |anchor: &Certificate| foreign.contains(anchor) || (trusted && self.leads.contains(anchor));
        self.arguments.wanted().iter().filter(|anchor| !needless(anchor)).collect()
    }
}

fn chain(arguments: &InstallAnchor) -> Option<(&Certificate, &[Certificate])> {
    let Pem(chain) = arguments.chain.as_ref()?;
    Some((chain.first()?, chain))
}

impl System {
    /// What the bundle holds.
    pub fn bundle(&self) -> Vec<Certificate> {
        self.store
            .bundle
            .as_ref()
            .map(|bundle| certs::read_bundle(&bundle.content).certificates)
            .unwrap_or_default()
    }

    /// What the bundle holds beside what dtrctl has put there, for whatever registry.
    pub fn foreign(&self) -> Vec<Certificate> {
        let files = self.drop.entries.iter().map(|entry| entry.name.as_str());
        let links = self.store.dangling.iter().map(crate::contract::HostPath::name);
        let ours: Vec<&str> = files.chain(links).filter_map(names::of_any_registry).collect();
        let mut found = self.bundle();
        found.retain(|certificate| !ours.contains(&names::short(certificate)));
        found
    }

    /// What of it the daemon has, as far as that is certain: it reads the bundle once in its life.
    pub fn foreign_of_daemon(&self, process: &Process) -> Vec<Certificate> {
        let has = |bundle: &Bundle| match &process.running {
            None => true,
            Some(running) => bundle.mtime < running.started && own_bundle(process).is_none(),
        };
        if self.store.bundle.as_ref().is_some_and(has) { self.foreign() } else { Vec::new() }
    }
}

/// What the daemon's environment names in place of the system's bundle.
pub fn own_bundle(process: &Process) -> Option<String> {
    let environ = &process.running.as_ref()?.environ;
    let (name, value) =
        environ.iter().find(|(name, value)| name.starts_with("SSL_CERT_") && !value.is_empty())?;
    Some(format!("{name}={value}"))
}
