//! Whether the daemon accepts a chain, by the certificates that its readers find.

use crate::certs::{self, Certificate, Path, RegistryHost, Verdict};
use crate::stores::certs_d::{self, Reader};

use super::found::{Found, Held};

/// How a chain stands with a daemon.
#[derive(Debug, Clone)]
pub enum Standing {
    /// It is accepted: by these paths.
    Trusted(Vec<Path>),
    /// It is accepted once the daemon has read the system's store as it is now.
    Pending(Vec<Path>),
    /// The files do not tell.
    Undecided(String),
    /// A foreign file breaks the daemon's reader.
    Broken(String),
    /// It is not.
    Refused(Verdict),
}

impl Standing {
    /// The ways from the chain to an anchor.
    pub fn paths(&self) -> &[Path] {
        match self {
            Self::Trusted(paths) | Self::Pending(paths) => paths,
            _ => &[],
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Trusted(_) => 0,
            Self::Pending(_) => 1,
            Self::Undecided(_) => 2,
            Self::Broken(_) => 3,
            Self::Refused(_) => 4,
        }
    }
}

/// The readers that matter to the daemon. What a daemon that does not run will use is not known: then it is the first.
pub fn readers(found: &Found) -> &'static [Reader] {
    if found.containerd_store() == Some(true) {
        &[Reader::Legacy, Reader::Containerd]
    } else {
        &[Reader::Legacy]
    }
}

/// How a chain stands, for image names as the registry is written.
pub fn standing(registry: &RegistryHost, chain: &[Certificate], found: &Found) -> Standing {
    standing_of(&registry.to_string(), registry, chain, found)
}

/// The same for another spelling of its name: the worst of what the readers make of it.
pub fn standing_of(name: &str, registry: &RegistryHost, chain: &[Certificate], found: &Found) -> Standing {
    let all = readers(found).iter().map(|reader| by(*reader, name, registry, chain, found));
    all.max_by_key(Standing::rank).unwrap_or_else(|| Standing::Undecided("no reader".to_owned()))
}

fn by(reader: Reader, name: &str, registry: &RegistryHost, chain: &[Certificate], found: &Found) -> Standing {
    if let Some(directory) = found.directory(name, reader) {
        if reader == Reader::Containerd && certs_d::has_hosts_toml(directory) {
            return Standing::Undecided(format!(
                "`{}/hosts.toml` decides for pulls: it may name other certificates, or none",
                directory.path
            ));
        }
        if let Some(fault) = certs_d::faults_for(directory, reader).into_iter().next() {
            return Standing::Broken(fault);
        }
    }
    let local = found.docker(name, reader);
    let certain: Vec<Held> =
        local.iter().chain(found.system.iter().filter(|held| held.certain)).cloned().collect();
    match accepts(registry, chain, &certain, found) {
        Ok(paths) => Standing::Trusted(paths),
        Err(verdict) => {
            let all: Vec<Held> = local.into_iter().chain(found.system.iter().cloned()).collect();
            accepts(registry, chain, &all, found)
                .map_or_else(|_| Standing::Refused(verdict), Standing::Pending)
        }
    }
}

/// Whether the system's store as it is now accepts a chain that it may not have accepted when the daemon read it.
pub fn system_is_pending(registry: &RegistryHost, chain: &[Certificate], found: &Found) -> bool {
    let certain: Vec<Held> = found.system.iter().filter(|held| held.certain).cloned().collect();
    accepts(registry, chain, &certain, found).is_err()
        && accepts(registry, chain, &found.system, found).is_ok()
}

fn accepts(
    registry: &RegistryHost,
    chain: &[Certificate],
    held: &[Held],
    found: &Found,
) -> Result<Vec<Path>, Verdict> {
    let leaf = &chain[0];
    let mut anchors: Vec<Certificate> = held.iter().map(|held| held.certificate.clone()).collect();
    let mut paths = certs::verify(leaf, chain, &anchors, registry, found.now)?;
    // Go looks no further where the certificate itself is trusted; what else vouches for it outlives its renewal.
    if anchors.contains(leaf) {
        anchors.retain(|anchor| anchor != leaf);
        paths.extend(certs::verify(leaf, chain, &anchors, registry, found.now).unwrap_or_default());
    }
    Ok(paths)
}
