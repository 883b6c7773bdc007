//! Where the control sockets are: a directory that nobody else can enter, and names that say nothing.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::destination::Destination;
use crate::transport::error::{Cause, Phase};
use crate::transport::hex;

/// A socket's path may have 104 bytes on some systems; ssh binds a name that is 17 longer, ours has 32.
const LONGEST_FOLDER: usize = 104 - 17 - 32 - 2;

/// The directory, made or found to be ours alone.
pub(super) fn folder(runtime: Option<&Path>) -> Result<PathBuf, Cause> {
    let owner = rustix::process::geteuid().as_raw();
    let usable = |path: &Path| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-".contains(&b);
        path.is_absolute()
            && path.to_str().is_some_and(|t| t.len() + 7 <= LONGEST_FOLDER && t.bytes().all(plain))
    };
    let path = match runtime.filter(|path| usable(path) && path.is_dir()) {
        Some(runtime) => runtime.join("dtrctl"),
        None => PathBuf::from(format!("/tmp/dtrctl-{owner}")),
    };
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Cause::local("making the directory for connections", error));
        }
        Ok(()) | Err(_) => {}
    }
    let found =
        fs::symlink_metadata(&path).map_err(|e| Cause::local("reading the directory for connections", e))?;
    let why = if !found.is_dir() {
        "it is no directory"
    } else if found.uid() != owner {
        "it belongs to somebody else"
    } else if found.mode() & 0o077 != 0 {
        "others may enter it"
    } else {
        return Ok(path);
    };
    Err(Cause::Sockets { path, why })
}

/// A name that no other way of connecting shares: two that differ in anything that decides where we arrive, as whom, or
/// whose key we believe, never ride the same connection. `own` sets one apart that is not to be kept.
pub(super) fn name(destination: &Destination, stamps: &[String], own: Option<&str>) -> String {
    let mut parts = vec![
        destination.address.clone(),
        format!("{:?}", destination.port),
        format!("{:?}", destination.user),
        format!("{:?}", destination.key),
        format!("{:?}", destination.jump),
        format!("{:?}", destination.host_key_checking),
        format!("{:?}", destination.ssh_config),
        format!("{:?}", destination.persist),
        format!("{own:?}"),
    ];
    parts.extend(
        destination.options.iter().flat_map(|(key, value)| [key.to_ascii_lowercase(), value.clone()]),
    );
    parts.extend_from_slice(stamps);
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..16])
}

/// Removes what runs of dtrctl left that were killed: sockets nobody listens at, and old files beside them.
pub(super) fn sweep(folder: &Path) {
    const OLD: Duration = Duration::from_secs(3600);
    let bound = bound();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let age = entry
            .metadata()
            .and_then(|found| found.modified())
            .map(|time| time.elapsed().unwrap_or_default());
        let dead = if path.extension().is_none() && is_socket(&path) {
            !bound.contains(path.as_os_str().as_encoded_bytes())
                && UnixStream::connect(&path).is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
        } else {
            age.is_ok_and(|age| age > OLD)
        };
        if dead {
            remove(&path);
        }
    }
}

/// The sockets that somebody has bound, as Linux lists them: to connect to one would wake its master for nothing. ssh binds the
/// name with a dot and random letters at its end, and links it to the name.
fn bound() -> HashSet<Vec<u8>> {
    let list = fs::read("/proc/net/unix").unwrap_or_default();
    let paths = list.split(|b| *b == b'\n').filter_map(|line| line.rsplit(|b| *b == b' ').next());
    let stem = |path: &[u8]| path.iter().rposition(|b| *b == b'.').map(|at| path[..at].to_vec());
    paths
        .filter(|path| path.first() == Some(&b'/'))
        .flat_map(|path| [Some(path.to_vec()), stem(path)])
        .flatten()
        .collect()
}

/// Whether something that was a socket lies there, alive or not.
pub(super) fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Removes what may be there.
pub(super) fn remove(path: &Path) {
    // Whoever needs the name free finds out when making it.
    let _ = fs::remove_file(path);
}

/// Held while a master is started, so that two runs of dtrctl do not start two for one socket. The file goes with it.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    pub(super) async fn take(socket: &Path, patience: Duration) -> Result<Self, Cause> {
        let path = socket.with_extension("lock");
        let what = "locking a connection";
        let begin = Instant::now();
        loop {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(|e| Cause::local(what, e))?;
            match file.try_lock() {
                Ok(()) if is_same(&file, &path) => return Ok(Self { path, file }),
                // The one before us has just removed it.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if begin.elapsed() < patience => {
                    sleep(Duration::from_millis(20)).await;
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Cause::Timeout { phase: Phase::Connect, seconds: patience.as_secs() });
                }
                Err(TryLockError::Error(error)) => return Err(Cause::local(what, error)),
            }
        }
    }

    /// As the input of another process, which then holds it too: it is free once that has ended, or closed it.
    pub(super) fn as_input(&self) -> Result<Stdio, Cause> {
        let file = self.file.try_clone().map_err(|e| Cause::local("handing on a connection's lock", e))?;
        Ok(Stdio::from(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, SystemTime};

    use super::{Lock, folder, name, sweep};
    use crate::transport::{Cause, Destination, HostKeyChecking};

    #[test]
    fn a_directory_of_our_own_only() {
        let base = tempfile::Builder::new().prefix("d").tempdir_in("/tmp").unwrap();
        let runtime = base.path();
        let path = folder(Some(runtime)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(folder(Some(runtime)).unwrap(), path);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(folder(Some(runtime)), Err(Cause::Sockets { why: "others may enter it", .. })));
        fs::remove_dir(&path).unwrap();
        symlink("/tmp", &path).unwrap();
        assert!(matches!(folder(Some(runtime)), Err(Cause::Sockets { why: "it is no directory", .. })));
    }

    #[test]
    fn whatever_decides_where_we_arrive_changes_the_name() {
        let base = Destination::new("a", "a");
        let mut others = vec![Destination::new("a", "b")];
        for change in [
            |d: &mut Destination| d.user = Some("u".into()),
            |d: &mut Destination| d.port = Some(22),
            |d: &mut Destination| d.key = Some("/k".into()),
            |d: &mut Destination| d.jump = Some("gw".into()),
            |d: &mut Destination| d.options = vec![("Ciphers".into(), "x".into())],
            |d: &mut Destination| d.host_key_checking = HostKeyChecking::AcceptNew,
            |d: &mut Destination| d.ssh_config = Some("/c".into()),
        ] {
            let mut other = base.clone();
            change(&mut other);
            others.push(other);
        }
        let mut names: Vec<_> = others.iter().map(|d| name(d, &[], None)).collect();
        names.extend([
            name(&base, &[], None),
            name(&base, &["k 1".into()], None),
            name(&base, &[], Some("own")),
        ]);
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(name(&base, &[], None), name(&Destination::new("other name", "a"), &[], None));
    }

    #[test]
    fn dead_sockets_and_old_files_go() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        let _alive = UnixListener::bind(at("alive")).unwrap();
        drop(UnixListener::bind(at("dead")).unwrap());
        fs::write(at("new.log"), "").unwrap();
        let old = fs::File::create(at("old.log")).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
        sweep(base.path());
        let mut left: Vec<_> = fs::read_dir(base.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["alive", "new.log"]);
    }

    #[tokio::test]
    async fn one_holder_at_a_time() {
        let base = tempfile::tempdir().unwrap();
        let socket = base.path().join("s");
        let held = Lock::take(&socket, Duration::ZERO).await.unwrap();
        assert!(Lock::take(&socket, Duration::from_millis(30)).await.is_err());
        drop(held);
        drop(Lock::take(&socket, Duration::ZERO).await.unwrap());
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}
