//! Starting and ending a master: an ssh of our own that holds the connection.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use openssh::Session;
use tokio::process::Command;
use tokio::time::timeout;

use super::arguments;
use super::destination::Destination;
use super::jump;
use super::log::{classify, was_dropped};
use super::sockets::{self, Lock};
use crate::transport::error::{Cause, Phase};
use crate::transport::limits::Limits;
use crate::transport::local::Group;

const LOCAL_PATIENCE: Duration = Duration::from_secs(5);

/// What one attempt to connect came to.
pub(super) enum Attempt {
    /// The socket is there; the log goes on to be written.
    Up(Log),
    /// The server dropped us before it said who it is.
    Dropped(Cause),
    /// It makes no sense to try again.
    Failed(Cause),
}

/// What an ssh writes: a file without a name once the master is up.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn new(path: PathBuf) -> Result<Self, Cause> {
        sockets::remove(&path);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Cause::local("making ssh's log", e))?;
        Ok(Self { path, file })
    }

    /// The last 16 KiB of it.
    pub(super) fn text(&self) -> String {
        const LENGTH: u64 = 16 << 10;
        let mut text = Vec::new();
        let mut file = &self.file;
        let size = file.metadata().map_or(0, |m| m.len());
        if file.seek(SeekFrom::Start(size.saturating_sub(LENGTH))).is_ok() {
            // What cannot be read is only missing from a message.
            let _ = file.take(LENGTH).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).replace('\r', "")
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        sockets::remove(&self.path);
    }
}

/// How the destination is reached: what stands between, as ssh's `ProxyCommand`, and a name for the bottleneck.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    pub(super) hops: Vec<jump::Hop>,
    pub(super) bottleneck: Option<String>,
}

/// Reads the way from the destination, or asks ssh where its configuration may name one.
pub(super) async fn way(ssh: &Path, destination: &Destination, may_proxy: bool) -> Result<Way, Cause> {
    if let Some(text) = &destination.jump {
        return Ok(Way { hops: jump::parse(text)?, bottleneck: Some(text.clone()) });
    }
    if !may_proxy {
        return Ok(Way::default());
    }
    let mut command = Command::new(ssh);
    command
        .args(arguments::question(destination))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let asked = timeout(LOCAL_PATIENCE, command.output()).await;
    // If ssh does not answer, the connection itself will say why.
    let Ok(Ok(answer)) = asked else { return Ok(Way::default()) };
    Ok(read_way(&String::from_utf8_lossy(&answer.stdout)))
}

/// A jump host of the user's own configuration that our rule does not take is left to ssh.
fn read_way(answer: &str) -> Way {
    let value = |key: &str| {
        let line = answer.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        line.filter(|text| *text != "none").map(str::to_owned)
    };
    match value("proxyjump") {
        Some(text) => Way { hops: jump::parse(&text).unwrap_or_default(), bottleneck: Some(text) },
        None => Way { hops: Vec::new(), bottleneck: value("proxycommand") },
    }
}

/// Starts a master and waits until it has authenticated. Killed with all that it started if this is dropped before.
pub(super) async fn start(
    ssh: &Path,
    destination: &Destination,
    way: &Way,
    socket: &Path,
    lock: &Lock,
    limits: &Limits,
) -> Result<Attempt, Cause> {
    sockets::remove(socket);
    let log = Log::new(socket.with_extension("log"))?;
    let jump_log = Log::new(socket.with_extension("jump"))?;
    let proxy = (!way.hops.is_empty())
        .then(|| jump::proxy_command(&way.hops, destination, limits, &jump_log.path.to_string_lossy()));
    let (path, log_path) = (socket.to_string_lossy(), log.path.to_string_lossy().into_owned());
    let mut command = Command::new(ssh);
    command.args(arguments::master(destination, limits, &log_path, &path, proxy.as_deref()));
    command.env("LC_ALL", "C").env("SSH_ASKPASS_REQUIRE", "never");
    // The lock is ssh's too until it goes into the background: if we are killed meanwhile, the next run waits for this
    // master. Were it to start another one, the second to get through would find the socket taken, and then stay without one
    // for as long as the server lets it.
    command.stdin(lock.as_input()?);
    // A pipe would be held open by the ssh that goes into the background.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut group = Group::spawn(command, "starting ssh")?;
    // ssh's own limit is for TCP and the banner; a handshake through hops has one for each.
    let patience = limits.connect * u32::try_from(2 + way.hops.len()).unwrap_or(2);
    let status = match timeout(patience, group.child.wait()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Err(Cause::local("waiting for ssh", error)),
        Err(_) => {
            return Ok(Attempt::Failed(Cause::Timeout {
                phase: Phase::Connect,
                seconds: patience.as_secs(),
            }));
        }
    };
    group.release();
    if status.success() && sockets::is_socket(socket) {
        sockets::remove(&log.path);
        return Ok(Attempt::Up(log));
    }
    let (host, jump) = (log.text(), jump_log.text());
    let cause = classify(&host, &jump);
    Ok(if was_dropped(&host, &jump) { Attempt::Dropped(cause) } else { Attempt::Failed(cause) })
}

/// Whether a master answers at the socket.
pub(super) async fn is_alive(socket: &Path) -> bool {
    let session = Session::resume_mux(socket.into(), None);
    matches!(timeout(LOCAL_PATIENCE, session.check()).await, Ok(Ok(())))
}

/// Asks a master to end as soon as its sessions have: another run may be using it.
pub(super) async fn stop(socket: &Path) {
    let session = Session::resume_mux(socket.into(), None);
    // It removes its socket itself; one that does not answer has ended, or will at the end of its time.
    if !matches!(timeout(LOCAL_PATIENCE, session.close()).await, Ok(Ok(()))) {
        sockets::remove(socket);
    }
}

/// Ends a master at once, with all its sessions.
pub(super) async fn exit(ssh: &Path, socket: &Path) {
    if !sockets::is_socket(socket) {
        return;
    }
    let mut command = Command::new(ssh);
    command.args(arguments::exit(&socket.to_string_lossy())).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // As above.
    let _ = timeout(LOCAL_PATIENCE, command.status()).await;
    sockets::remove(socket);
}

#[cfg(test)]
mod tests {
    use super::read_way;

    #[test]
    fn the_way_of_a_configuration() {
        let way = read_way("host a\nproxyjump me@gw:2222\n");
        assert_eq!((way.hops.len(), way.bottleneck.as_deref()), (1, Some("me@gw:2222")));
        let way = read_way("proxycommand nc %h %p\nproxyjump none\n");
        assert_eq!((way.hops.len(), way.bottleneck.as_deref()), (0, Some("nc %h %p")));
        assert!(read_way("host a\n").bottleneck.is_none());
    }
}
