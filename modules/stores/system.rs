//! The system's store: the bundle that programs read, what was put beside it by hand, and the directory in which anchors
//! are dropped.

use crate::certs::Certificate;
use crate::contract::{AskDir, AskTrustStore, Bundle, Dir, HostPath, Probe, Process, TrustStore};
use crate::platform::{self, TrustStoreRow};

use super::names;

/// The system's store of a distribution that is known.
pub struct System {
    pub row: &'static TrustStoreRow,
    pub store: TrustStore,
    pub drop: Dir,
}

/// Asks for the bundle that Go's programs read, and for what lies in a directory beside it.
pub fn ask(bundles: &[&str], directory: &str) -> AskTrustStore {
    AskTrustStore {
        bundles: bundles.iter().map(|bundle| platform::path(bundle)).collect(),
        directory: platform::path(directory),
        known: Vec::new(),
    }
}

impl System {
    /// Asks for the store.
    pub fn probe(row: &'static TrustStoreRow) -> Probe<Option<Self>> {
        let drop = AskDir { path: platform::path(row.drop) };
        let asks = Probe::ask(ask(row.bundles(), row.directory)).zip(Probe::ask(drop));
        asks.map(move |(store, drop)| Some(Self { row, store, drop }))
    }

    /// What the bundle holds.
    pub fn bundle(&self) -> &[Certificate] {
        self.store.bundle.as_ref().map(|bundle| bundle.content.certificates()).unwrap_or_default()
    }

    /// What the bundle holds beside what dtrctl has put there, for whatever registry.
    pub fn foreign(&self) -> Vec<Certificate> {
        let files = self.drop.entries.iter().map(|entry| entry.name.as_str());
        let links = self.store.dangling.iter().map(HostPath::name);
        let ours: Vec<&str> = files.chain(links).filter_map(names::of_any_registry).collect();
        let foreign = |certificate: &&Certificate| !ours.contains(&names::short(certificate));
        self.bundle().iter().filter(foreign).cloned().collect()
    }

    /// What of it the daemon has, as far as that is certain: it reads the bundle once in its life.
    pub fn foreign_of_daemon(&self, process: &Process) -> Vec<Certificate> {
        let has = |bundle: &Bundle| {
            is_older(bundle.mtime, process) && (process.running.is_none() || own_bundle(process).is_none())
        };
        if self.store.bundle.as_ref().is_some_and(has) { self.foreign() } else { Vec::new() }
    }
}

/// Whether what was last written then has been there in the whole life of the daemon that runs; so it is where none runs.
pub fn is_older(mtime: i64, process: &Process) -> bool {
    process.running.as_ref().is_none_or(|running| mtime < running.started)
}

/// What the daemon's environment names in place of the system's bundle.
pub fn own_bundle(process: &Process) -> Option<String> {
    let environ = &process.running.as_ref()?.environ;
    let (name, value) =
        environ.iter().find(|(name, value)| name.starts_with("SSL_CERT_") && !value.is_empty())?;
    Some(format!("{name}={value}"))
}
