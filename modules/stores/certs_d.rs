//! Files of others in certs.d: what they make trusted, and what of them breaks a reader.

use crate::certs::{self, Certificate};
use crate::contract::{Dir, DirEntry, FileKind};

use super::names;

/// What others have put into a registry's directory, and dockerd trusts for it.
///
/// Where something in the directory breaks one of dockerd's two readers, nothing there counts.
pub fn trusted(directory: &Dir) -> Vec<Certificate> {
    if !faults(directory).is_empty() {
        return Vec::new();
    }
    foreign(directory).filter(|entry| is_ca(entry)).flat_map(certificates).collect()
}

/// Every certificate in a registry's directory that dockerd trusts for it, whosever it is.
pub fn all(directory: &Dir) -> Vec<Certificate> {
    if !faults(directory).is_empty() {
        return Vec::new();
    }
    directory.entries.iter().filter(|entry| is_ca(entry)).flat_map(certificates).collect()
}

/// Files of others that make something trusted.
pub fn anchors(directory: &Dir) -> Vec<String> {
    foreign(directory)
        .filter(|entry| is_ca(entry) && !certificates(entry).is_empty())
        .map(|entry| format!("{}/{}", directory.path, entry.name))
        .collect()
}

/// A reader of certs.d. dockerd has two, and they are not equally strict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Login, `docker manifest` and the API's question in all releases; pulls too, but for the containerd image store.
    Legacy,
    /// Pulls and pushes where images are in containerd's store.
    Containerd,
}

/// What is wrong in a registry's directory, one line each.
pub fn faults(directory: &Dir) -> Vec<String> {
    all_faults(directory).into_iter().map(|(text, _)| text).collect()
}

/// What of it breaks a reader: nothing in the directory then counts for it.
pub fn faults_for(directory: &Dir, reader: Reader) -> Vec<String> {
    let breaks = |(text, readers): (String, &[Reader])| readers.contains(&reader).then_some(text);
    all_faults(directory).into_iter().filter_map(breaks).collect()
}

const BOTH: &[Reader] = &[Reader::Legacy, Reader::Containerd];

/// Faults, and the readers that they break.
fn all_faults(directory: &Dir) -> Vec<(String, &'static [Reader])> {
    let has = |name: String| directory.entries.iter().any(|entry| entry.name == name);
    let fault = |entry: &DirEntry| -> Option<(String, &'static [Reader])> {
        let name = entry.name.as_str();
        let at = format!("`{}/{name}`", directory.path);
        let found: (String, &[Reader]) = match (name.rsplit_once('.')?, &entry.kind) {
            ((_, "crt"), FileKind::Absent) => {
                (format!("{at} is a link that leads nowhere: dockerd fails on it"), BOTH)
            }
            ((_, "crt"), FileKind::Directory(_)) => {
                // The second reader passes over a directory, but not over a link to one.
                let readers = if entry.link { BOTH } else { &[Reader::Legacy][..] };
                (format!("{at} is a directory: dockerd fails on it at login"), readers)
            }
            ((_, "crt"), FileKind::File(_, Some(_))) if certificates(entry).is_empty() => (
                format!(
                    "{at} holds no certificate that dockerd reads (plain PEM, no mark before it): engines with the containerd image store fail on it"
                ),
                &[Reader::Containerd],
            ),
            ((stem, "cert"), _) if !has(format!("{stem}.key")) => (
                format!(
                    "{at} is taken for a client's certificate, and its key `{stem}.key` is missing: dockerd fails on it; a CA's file ends in `.crt`"
                ),
                BOTH,
            ),
            ((stem, "key"), _) if !has(format!("{stem}.cert")) => (
                format!("{at} is a client's key, and `{stem}.cert` is missing: dockerd fails on it"),
                &[Reader::Legacy],
            ),
            _ => return None,
        };
        Some(found)
    };
    foreign(directory).filter_map(fault).collect()
}

/// Files with CA certificates that dockerd reads from a registry's directory, and what they hold.
pub fn read(directory: &Dir) -> impl Iterator<Item = (String, Vec<Certificate>)> {
    let at = &directory.path;
    let file = move |entry: &DirEntry| (format!("{at}/{}", entry.name), certificates(entry));
    directory.entries.iter().filter(|entry| is_ca(entry)).map(file)
}

/// Files with CA certificates whose content did not come along: they are too large to be listed with it.
pub fn unread(directory: &Dir) -> impl Iterator<Item = &DirEntry> {
    let large = |entry: &&DirEntry| is_ca(entry) && matches!(entry.kind, FileKind::File(_, None));
    directory.entries.iter().filter(large)
}

/// The directories in which a reader looks for a name of a registry: the first that exists counts.
pub fn looked_in(name: &str, reader: Reader) -> Vec<String> {
    match reader {
        Reader::Legacy => vec![name.to_owned()],
        Reader::Containerd => {
            shadow(name).into_iter().chain([name.to_owned(), "_default".to_owned()]).collect()
        }
    }
}

/// Whether containerd's own file stands in a directory: it may name other certificates, or none.
pub fn has_hosts_toml(directory: &Dir) -> bool {
    foreign(directory).any(|entry| entry.name == "hosts.toml")
}

/// What is not wrong in itself, but reaches further than it seems.
pub fn hints(certs_d: &Dir, directory: &Dir) -> Vec<String> {
    let there = |name: &str| certs_d.entries.iter().any(|entry| entry.name == name);
    let mut found = Vec::new();
    if let Some(shadow) = shadow(directory.path.name()).filter(|name| there(name)) {
        found.push(format!(
            "`{}/{shadow}` stands before `{}`: engines with the containerd image store read that directory alone",
            certs_d.path,
            directory.path.name()
        ));
    }
    if has_hosts_toml(directory) {
        found.push(format!(
            "`{}/hosts.toml` decides for engines with the containerd image store: it may name other certificates",
            directory.path
        ));
    }
    found
}

/// `_default` stops counting for a registry that has a directory of its own.
pub fn default_hint(certs_d: &Dir) -> Option<String> {
    let there = certs_d.entries.iter().any(|entry| entry.name == "_default");
    there.then(|| {
        format!(
            "`{}/_default` is what engines with the containerd image store read for registries without a directory of their own: it does not count for this one",
            certs_d.path
        )
    })
}

/// The name under which containerd looks first: `HOST_PORT_`.
fn shadow(name: &str) -> Option<String> {
    let (host, port) = name.rsplit_once(':').filter(|(host, _)| !host.is_empty())?;
    Some(format!("{host}_{port}_"))
}

fn foreign(directory: &Dir) -> impl Iterator<Item = &DirEntry> {
    directory.entries.iter().filter(|entry| names::of_certs_d(&entry.name).is_none())
}

fn is_ca(entry: &DirEntry) -> bool {
    matches!(entry.name.rsplit_once('.'), Some((_, "crt")))
}

fn certificates(entry: &DirEntry) -> Vec<Certificate> {
    match &entry.kind {
        FileKind::File(_, Some(content)) => certs::read_bundle(content).certificates,
        _ => Vec::new(),
    }
}
