//! What is found on a host: every place where something makes its docker daemon trust a registry.

use std::net::IpAddr;

use serde_json::Value;
use time::OffsetDateTime;

use crate::certs::{self, Certificate, RegistryHost};
use crate::contract::{
    AskDir, AskError, AskFile, AskInfo, AskNow, AskOwed, AskProcess, AskResolve, DaemonInfo, Dir, DirEntry,
    File, FileKind, Host, HostPath, Need, OwedRecord, Probe, Process, Resolved, TrustStore,
};
use crate::platform::{self, Daemon, GO_BUNDLES};
use crate::stores::certs_d::{self, Reader};
use crate::stores::system::is_older;
use crate::stores::{insecure, names, system};

/// Go reads this directory beside the first, whatever the distribution.
const OTHER_DIRECTORY: &str = "/etc/pki/tls/certs";
const DIRECTORY: &str = "/etc/ssl/certs";
/// A file with certificates that is larger is not read.
const LARGEST: u64 = 8 << 20;

/// What is found.
pub struct Found {
    pub now: OffsetDateTime,
    pub process: Process,
    pub owed: Vec<OwedRecord>,
    pub info: Option<DaemonInfo>,
    resolved: Resolved,
    config: File,
    /// The directory of directories.
    pub certs_d: Dir,
    /// Those that a reader may look into for a name of the registry.
    directories: Vec<Dir>,
    store: TrustStore,
    /// Where the distribution's tool takes anchors from.
    drop: Option<Dir>,
    beside: Option<Dir>,
    /// What the daemon's environment names in place of the system's bundle and directories.
    own: Own,
    /// What the daemon takes from the system, as Go does: the bundle, and every file of its directories.
    pub system: Vec<Held>,
}

/// What `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
#[derive(Default)]
struct Own {
    file: Option<File>,
    directories: Option<Vec<Dir>>,
}

/// Where a certificate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// For one registry.
    Docker,
    /// For every site.
    System,
}

impl Place {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::System => "system",
        }
    }
}

/// A certificate that the daemon trusts.
#[derive(Debug, Clone)]
pub struct Held {
    pub certificate: Certificate,
    pub place: Place,
    pub file: String,
    /// Whether the daemon that runs has it for certain.
    pub certain: bool,
}

impl Held {
    /// Whether it stands there for this registry.
    pub fn ours(&self, registry: &RegistryHost) -> bool {
        let name = self.file.rsplit('/').next().unwrap_or_default();
        self.place == Place::Docker || names::of_registry(registry, name).is_some()
    }
}

/// Asks for all of it.
pub fn probe(registry: &RegistryHost, host: &Host) -> Probe<Found> {
    let daemon = Daemon::assumed(host);
    let named: Result<Vec<HostPath>, _> =
        directory_names(registry).iter().map(|name| daemon.certs_d.join(name)).collect();
    let named = match named {
        Ok(named) => named,
        Err(error) => return Probe::refuse(AskError::Host(error.to_string())),
    };
    let directories = Probe::all(named.into_iter().map(|path| Probe::ask(AskDir { path })).collect());
    let row = platform::of(&host.facts);
    let directory = row.map_or(DIRECTORY, |row| row.directory);
    let drop = optional(row.map(|row| AskDir { path: platform::path(row.drop) }));
    let other = (directory != OTHER_DIRECTORY).then(|| AskDir { path: platform::path(OTHER_DIRECTORY) });
    let resolved = match registry.server_name() {
        Some(name) if !host.facts.sandbox => Probe::ask(AskResolve { host: name.to_owned() }),
        _ => Probe::ready(Resolved::default()),
    };
    let running = Probe::ask(AskProcess).zip(Probe::ask(AskOwed)).zip(Probe::ask(AskInfo));
    Probe::ask(AskNow)
        .zip(running)
        .zip(resolved.zip(Probe::ask(AskFile::new(daemon.config.clone()))))
        .zip(Probe::ask(AskDir { path: daemon.certs_d }).zip(directories))
        .zip(Probe::ask(system::ask(GO_BUNDLES, directory)).zip(drop).zip(optional(other)))
        .and_then(|((((now, running), (resolved, config)), (certs_d, directories)), stores)| {
            let ((process, owed), info) = running;
            let ((store, drop), beside) = stores;
            let (own, system) = (Own::default(), Vec::new());
            let found = Found {
                now,
                process,
                owed,
                info,
                resolved,
                config,
                certs_d,
                directories,
                store,
                drop,
                beside,
                own,
                system,
            };
            found.ask_more()
        })
}

fn optional(ask: Option<AskDir>) -> Probe<Option<Dir>> {
    ask.map_or_else(|| Probe::ready(None), |ask| Probe::ask(ask).map(Some))
}

/// The directories of certs.d that any reader looks into for any name of the registry.
fn directory_names(registry: &RegistryHost) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in registry.certs_d_names() {
        for found in certs_d::looked_in(&name, Reader::Containerd) {
            if !all.contains(&found) {
                all.push(found);
            }
        }
    }
    all
}

impl Found {
    /// What only the first answers tell to ask for: files too large to be listed with their content, and what the
    /// daemon's environment names.
    fn ask_more(self) -> Probe<Self> {
        let large = self.directories.iter().flat_map(|directory| {
            certs_d::unread(directory).filter_map(|entry| directory.path.join(&entry.name).ok())
        });
        let large = Probe::all(large.map(|path| Probe::ask(AskFile { path, limit: LARGEST })).collect());
        let file = self.environment("SSL_CERT_FILE").and_then(|path| HostPath::new(path).ok());
        let file = match file {
            Some(path) => Probe::ask(AskFile { path, limit: LARGEST }).map(Some),
            None => Probe::ready(None),
        };
        let directories = self.environment("SSL_CERT_DIR").map(|list| {
            let paths = list.split(':').filter_map(|path| HostPath::new(path).ok());
            paths.map(|path| Probe::ask(AskDir { path })).collect()
        });
        let directories = match directories {
            Some(probes) => Probe::all(probes).map(Some),
            None => Probe::ready(None),
        };
        large.zip(file).zip(directories).map(move |((large, file), directories)| {
            let mut found = self;
            found.own = Own { file, directories };
            large.iter().for_each(|file| found.fill(file));
            found.system = found.read_system();
            found
        })
    }

    /// Puts the content of a large file where it was left out.
    fn fill(&mut self, file: &File) {
        for directory in &mut self.directories {
            let at = directory.path.clone();
            let is = |entry: &&mut DirEntry| at.join(&entry.name).is_ok_and(|path| path == file.path);
            if let Some(entry) = directory.entries.iter_mut().find(is) {
                entry.kind = file.kind.clone();
            }
        }
    }

    /// A variable of the running daemon's environment.
    fn environment(&self, wanted: &str) -> Option<&str> {
        let environ = &self.process.running.as_ref()?.environ;
        let found = environ.iter().find(|(name, value)| name == wanted && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// `NAME=VALUE` of what its environment names in place of the system's store.
    pub fn own_store(&self) -> Option<String> {
        system::own_bundle(&self.process)
    }

    /// Whether images are in containerd's store; none where no daemon says.
    pub fn containerd_store(&self) -> Option<bool> {
        let status = self.info.as_ref()?.json["DriverStatus"].as_array()?;
        let is = |pair: &Value| pair[0] == "driver-type" && pair[1] == "io.containerd.snapshotter.v1";
        Some(status.iter().any(is))
    }

    /// The entry by which the daemon judges no certificate of the registry.
    pub fn insecure(&self, registry: &RegistryHost) -> Option<String> {
        let addresses: &[IpAddr] = &self.resolved.addresses;
        match &self.info {
            Some(info) => insecure::entry(&info.json["RegistryConfig"], registry, addresses),
            None => insecure::listed(&self.configured(), registry, addresses),
        }
    }

    /// Whether the daemon's file lists the registry, and the daemon that runs does not know it yet, or still does.
    pub fn insecure_is_owed(&self, registry: &RegistryHost) -> Option<&'static str> {
        self.info.as_ref()?;
        let file = insecure::listed(&self.configured(), registry, &self.resolved.addresses).is_some();
        match (file, self.insecure(registry).is_some()) {
            (true, false) => Some("daemon.json lists it as insecure, and the daemon has not read that yet"),
            _ => None,
        }
    }

    fn configured(&self) -> Value {
        self.config.content().and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default()
    }

    /// Whether the host knows the registry's name; none where that cannot be told.
    pub const fn name_is_known(&self) -> Option<bool> {
        self.resolved.known
    }

    /// What an earlier change for this registry still owes to the daemon: a restart.
    pub fn owed_for(&self, registry: &RegistryHost) -> Option<&OwedRecord> {
        let names = |record: &&OwedRecord| {
            let other = record.id.strip_prefix("trust:").and_then(|name| name.parse::<RegistryHost>().ok());
            let same = |other: RegistryHost| {
                other.port() == registry.port() && other.host().eq_ignore_ascii_case(registry.host())
            };
            record.need == Need::Restart && other.is_some_and(same)
        };
        self.owed.iter().find(names)
    }

    /// In check mode: a reload or restart is planned before.
    pub fn is_reread(&self) -> bool {
        self.info.as_ref().is_some_and(|info| info.fresh)
    }

    /// The directory of a name that a reader takes; none where there is none.
    pub fn directory(&self, name: &str, reader: Reader) -> Option<&Dir> {
        let there = |wanted: &String| {
            self.directories.iter().find(|directory| directory.present && directory.path.name() == wanted)
        };
        certs_d::looked_in(name, reader).iter().find_map(there)
    }

    /// What Docker's store holds for a name, for a reader.
    pub fn docker(&self, name: &str, reader: Reader) -> Vec<Held> {
        let Some(directory) = self.directory(name, reader) else { return Vec::new() };
        certs_d::read(directory).flat_map(|(file, all)| held(&all, Place::Docker, &file, true)).collect()
    }

    fn read_system(&self) -> Vec<Held> {
        let mut all = match &self.own.file {
            Some(file) => self.of_file(file),
            None => self.store.bundle.as_ref().map_or_else(Vec::new, |bundle| {
                let certificates = bundle.content.certificates().to_vec();
                held(
                    &certificates,
                    Place::System,
                    bundle.path.as_str(),
                    is_older(bundle.mtime, &self.process),
                )
            }),
        };
        if let Some(directories) = &self.own.directories {
            all.extend(directories.iter().flat_map(|directory| self.of_directory(directory)));
            return all;
        }
        for stray in &self.store.strays {
            let certificates = certs::read_bundle(&stray.content).certificates;
            let certain = is_older(stray.mtime, &self.process);
            all.extend(held(&certificates, Place::System, stray.path.as_str(), certain));
        }
        all.extend(self.beside.iter().flat_map(|directory| self.of_directory(directory)));
        all
    }

    fn of_file(&self, file: &File) -> Vec<Held> {
        let (Some(content), Some(attributes)) = (file.content(), file.attributes()) else {
            return Vec::new();
        };
        let certificates = certs::read_bundle(content).certificates;
        held(&certificates, Place::System, file.path.as_str(), is_older(attributes.mtime, &self.process))
    }

    fn of_directory(&self, directory: &Dir) -> Vec<Held> {
        let of = |entry: &DirEntry| match &entry.kind {
            FileKind::File(attributes, Some(content)) => {
                let certificates = certs::read_bundle(content).certificates;
                let file = format!("{}/{}", directory.path, entry.name);
                held(&certificates, Place::System, &file, is_older(attributes.mtime, &self.process))
            }
            _ => Vec::new(),
        };
        directory.entries.iter().flat_map(of).collect()
    }

    /// Files of the directory from which the system's bundle is made that hold a certificate.
    pub fn dropped(&self, certificate: &Certificate) -> Vec<String> {
        let all = self.drop.iter().flat_map(|drop| self.of_directory(drop));
        all.filter(|held| held.certificate == *certificate).map(|held| held.file).collect()
    }

    /// What was installed for the registry: all of its directories in Docker's store, and what was dropped into the
    /// system's for this registry, or by others.
    pub fn holds(&self, registry: &RegistryHost) -> Vec<Held> {
        let mut all: Vec<Held> = Vec::new();
        for name in registry.certs_d_names() {
            for reader in [Reader::Legacy, Reader::Containerd] {
                all.extend(self.docker(&name, reader));
            }
        }
        for dropped in self.drop.iter().flat_map(|drop| self.of_directory(drop)) {
            let another = names::of_any_registry(dropped.file.rsplit('/').next().unwrap_or_default())
                .is_some()
                && !dropped.ours(registry);
            let in_pool = self.system.iter().filter(|held| held.certificate == dropped.certificate);
            let certain = in_pool.clone().any(|held| held.certain);
            if !another && in_pool.count() > 0 {
                all.push(Held { certain, ..dropped });
            }
        }
        let mut seen: Vec<(Certificate, String)> = Vec::new();
        all.retain(|held| {
            let key = (held.certificate.clone(), held.file.clone());
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
        all
    }
}

fn held(certificates: &[Certificate], place: Place, file: &str, certain: bool) -> Vec<Held> {
    let one = |certificate: &Certificate| Held {
        certificate: certificate.clone(),
        place,
        file: file.to_owned(),
        certain,
    };
    certificates.iter().map(one).collect()
}
