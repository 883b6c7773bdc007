//! The connections of a run, shared by its hosts' tasks and bounded in number.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::Files;
use super::destination::Destination;
use super::master::{self, Attempt, Log, Way};
use super::shell::OpenShell;
use super::sockets::{self, Lock};
use crate::transport::error::Cause;
use crate::transport::limits::Limits;
use crate::transport::verdict::Failure;

/// What a pool may use.
#[derive(Debug, Clone)]
pub struct PoolSettings {
    /// The ssh to start.
    pub ssh: PathBuf,
    /// Where the user's `.ssh` is.
    pub home: PathBuf,
    /// The directory that holds ours for sockets; `/tmp` if there is none.
    pub runtime: Option<PathBuf>,
    /// Scripts that run at once.
    pub sessions: usize,
    /// Handshakes at once through one jump host: its sshd begins to drop at 10.
    pub handshakes_per_jump: usize,
    /// Connections that stay open; beyond, the one that was idle longest is closed.
    pub masters: usize,
}

impl PoolSettings {
    /// With the usual bounds.
    #[must_use]
    pub fn new(home: PathBuf, runtime: Option<PathBuf>) -> Self {
        Self { ssh: "ssh".into(), home, runtime, sessions: 50, handshakes_per_jump: 8, masters: 128 }
    }
}

/// Shells that may wait for a script: each holds four files of a process that may have 256 of them.
const SHELLS: usize = 40;

/// All connections of one run of dtrctl.
#[derive(Debug)]
pub struct Pool {
    pub(super) settings: PoolSettings,
    /// Sets apart what is not to be shared with other runs.
    own: String,
    folder: OnceLock<PathBuf>,
    pub(super) sessions: Arc<Semaphore>,
    jumps: Mutex<HashMap<String, Arc<Semaphore>>>,
    masters: Mutex<HashMap<PathBuf, Arc<Master>>>,
    /// How many were closed to make room.
    closed: AtomicUsize,
}

/// What becomes of connections that may outlive the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// How many stay open.
    pub open: usize,
    /// How many were closed on the way, as no more may stay open.
    pub closed: usize,
}

/// One connection as this run knows it.
#[derive(Debug)]
struct Master {
    /// Held while the connection is looked after.
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    log: Option<Log>,
    /// One that has run a script and waits for another.
    shell: Option<OpenShell>,
    /// Whether a shell reads on after a script, as far as is known: what is before it may want to see the end of its input.
    reads_on: bool,
    users: usize,
    used: Instant,
    keep: bool,
}

/// A destination with the socket that leads to it.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub(super) destination: Destination,
    pub(super) socket: PathBuf,
    may_proxy: bool,
}

/// Counts as a user of a connection while it lives.
pub(super) struct Use {
    master: Arc<Master>,
}

/// A connection that is not idle, though no script runs through it.
pub struct Held(#[expect(dead_code, reason = "it is there to be dropped")] Use);

impl Pool {
    /// A pool without connections.
    ///
    /// # Errors
    /// No random bytes are to be had.
    pub fn new(settings: PoolSettings) -> Result<Arc<Self>, Box<Cause>> {
        let own = crate::transport::words().map_err(|(cause, _): Failure| Box::new(cause))?.nonce;
        Ok(Arc::new(Self {
            own,
            folder: OnceLock::new(),
            sessions: Arc::new(Semaphore::new(settings.sessions.max(1))),
            jumps: Mutex::default(),
            masters: Mutex::default(),
            closed: AtomicUsize::new(0),
            settings,
        }))
    }

    /// Closes what goes beyond the number that may stay open, now that nobody uses any, and says what stays.
    pub async fn settle(&self) -> Kept {
        self.trim().await;
        let open = hold(&self.masters)
            .iter()
            .filter(|(socket, master)| hold(&master.state).keep && sockets::is_socket(socket))
            .count();
        Kept { open, closed: self.closed.load(Ordering::Relaxed) }
    }

    /// Closes what was not to be kept; called at the end of a run, however it ends.
    pub async fn finish(&self) {
        hold(&self.masters).values().for_each(|master| master.rest());
        self.close(|state| !state.keep).await;
    }

    /// Closes every connection that this pool used. Those that another run is using end with it.
    pub async fn close_all(&self) {
        self.close(|_| true).await;
    }

    async fn close(&self, which: impl Fn(&State) -> bool) {
        let chosen: Vec<_> = {
            let mut masters = hold(&self.masters);
            let paths: Vec<_> = masters
                .iter()
                .filter(|(_, m)| which(&hold(&m.state)))
                .map(|(path, _)| path.clone())
                .collect();
            paths.into_iter().filter_map(|path| masters.remove_entry(&path)).collect()
        };
        let mut ends = tokio::task::JoinSet::new();
        for (socket, master) in chosen {
            master.rest();
            let (ssh, keep) = (self.settings.ssh.clone(), hold(&master.state).keep);
            ends.spawn(async move {
                if keep { master::stop(&socket).await } else { master::exit(&ssh, &socket).await }
            });
        }
        ends.join_all().await;
    }

    /// Checks every word of the destination and names its socket.
    pub(super) fn link(&self, destination: &Destination) -> Result<Link, Cause> {
        destination.check()?;
        let files = Files::of(destination, &self.settings.home);
        let own = destination.persist.is_zero().then_some(self.own.as_str());
        let name = sockets::name(destination, &files.stamps(), own);
        Ok(Link {
            destination: destination.clone(),
            socket: self.folder()?.join(name),
            may_proxy: files.may_proxy,
        })
    }

    fn folder(&self) -> Result<&Path, Cause> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder);
        }
        let folder = sockets::folder(self.settings.runtime.as_deref())?;
        Ok(self.folder.get_or_init(|| {
            sockets::sweep(&folder);
            folder
        }))
    }

    /// Sees to it that a connection stands, as far as one can see without using it.
    pub(super) async fn connect(&self, link: &Link, limits: &Limits) -> Result<Use, Cause> {
        let used = self.use_of(link);
        let gate = used.master.gate.lock().await;
        if !sockets::is_socket(&link.socket) {
            self.start(link, limits, &used.master).await?;
        }
        drop(gate);
        self.trim().await;
        Ok(used)
    }

    /// Puts a new connection in the place of one that does not answer, or `stuck`, that answers without doing anything.
    pub(super) async fn reconnect(
        &self,
        link: &Link,
        limits: &Limits,
        used: &Use,
        stuck: bool,
    ) -> Result<(), Cause> {
        let _gate = used.master.gate.lock().await;
        used.master.rest();
        if stuck {
            master::exit(&self.settings.ssh, &link.socket).await;
        }
        self.start(link, limits, &used.master).await
    }

    /// Keeps a connection from being idle.
    pub(super) fn hold(&self, link: &Link) -> Held {
        Held(self.use_of(link))
    }

    /// Whether a shell may be opened before there is a script for it: no connection is closed to make room for this one, nor
    /// are there too many shells.
    pub(super) fn has_room(&self) -> bool {
        let masters = hold(&self.masters);
        masters.len() < self.settings.masters && waiting(&masters) < SHELLS
    }

    /// Has a shell wait for the next script, or ends it where too many wait.
    pub(super) fn put_shell(&self, used: &Use, shell: OpenShell) {
        if waiting(&hold(&self.masters)) < SHELLS {
            hold(&used.master.state).shell = Some(shell);
        }
    }

    /// Ends the shell that waits for another script.
    pub(super) fn rest(&self, link: &Link) {
        if let Some(master) = hold(&self.masters).get(&link.socket) {
            master.rest();
        }
    }

    /// Ends a connection once its sessions have ended; whoever needs it next makes a new one.
    pub(super) async fn reset(&self, link: &Link) {
        let used = self.use_of(link);
        let _gate = used.master.gate.lock().await;
        used.master.rest();
        if sockets::is_socket(&link.socket) {
            master::stop(&link.socket).await;
        }
    }

    async fn start(&self, link: &Link, limits: &Limits, master: &Master) -> Result<(), Cause> {
        const RETRIES: u32 = 3;
        let ssh = &self.settings.ssh;
        let way = master::way(ssh, &link.destination, link.may_proxy).await?;
        for tries in 0.. {
            match self.try_start(link, limits, &way).await? {
                None => break,
                Some(Attempt::Up(log)) => {
                    hold(&master.state).log = Some(log);
                    break;
                }
                Some(Attempt::Dropped(_)) if tries < RETRIES => tokio::time::sleep(pause(link, tries)).await,
                Some(Attempt::Dropped(cause) | Attempt::Failed(cause)) => return Err(cause),
            }
        }
        Ok(())
    }

    /// None: another run has started one meanwhile.
    async fn try_start(&self, link: &Link, limits: &Limits, way: &Way) -> Result<Option<Attempt>, Cause> {
        let _permit = self.handshake(way).await;
        let lock = Lock::take(&link.socket, limits.connect * 3).await?;
        if sockets::is_socket(&link.socket) && master::is_alive(&link.socket).await {
            return Ok(None);
        }
        master::start(&self.settings.ssh, &link.destination, way, &link.socket, &lock, limits).await.map(Some)
    }

    async fn handshake(&self, way: &Way) -> Option<OwnedSemaphorePermit> {
        let name = way.bottleneck.as_ref()?;
        let permits = self.settings.handshakes_per_jump.max(1);
        let jump = Arc::clone(
            hold(&self.jumps).entry(name.clone()).or_insert_with(|| Arc::new(Semaphore::new(permits))),
        );
        jump.acquire_owned().await.ok()
    }

    fn use_of(&self, link: &Link) -> Use {
        let keep = !link.destination.persist.is_zero();
        let mut masters = hold(&self.masters);
        let master = masters.entry(link.socket.clone()).or_insert_with(|| {
            let state =
                State { log: None, shell: None, reads_on: true, users: 0, used: Instant::now(), keep };
            Arc::new(Master { gate: tokio::sync::Mutex::default(), state: Mutex::new(state) })
        });
        hold(&master.state).users += 1;
        Use { master: Arc::clone(master) }
    }

    /// Closes the connections that were idle longest, down to the number that may stay open.
    async fn trim(&self) {
        loop {
            let oldest = {
                let mut masters = hold(&self.masters);
                if masters.len() <= self.settings.masters {
                    return;
                }
                let idle = masters.iter().filter(|(_, m)| hold(&m.state).users == 0);
                let Some(path) = idle.min_by_key(|(_, m)| hold(&m.state).used).map(|(path, _)| path.clone())
                else {
                    return;
                };
                masters.remove(&path);
                path
            };
            // A host that was never reached has none.
            self.closed.fetch_add(usize::from(sockets::is_socket(&oldest)), Ordering::Relaxed);
            master::stop(&oldest).await;
        }
    }
}

impl Master {
    fn rest(&self) {
        hold(&self.state).shell = None;
    }
}

impl Use {
    /// The shell that waits there, if one does.
    pub(super) fn take_shell(&self) -> Option<OpenShell> {
        hold(&self.master.state).shell.take()
    }

    /// Whether one waits there.
    pub(super) fn has_shell(&self) -> bool {
        hold(&self.master.state).shell.is_some()
    }

    /// Whether a shell there reads on after a script, as far as is known.
    pub(super) fn reads_on(&self) -> bool {
        hold(&self.master.state).reads_on
    }

    /// A script that a shell was to read on after ended, and the shell with it.
    pub(super) fn note_end(&self) {
        hold(&self.master.state).reads_on = false;
    }

    /// What the connection's ssh has said of late.
    pub(super) fn log(&self) -> String {
        hold(&self.master.state).log.as_ref().map(Log::text).unwrap_or_default()
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut state = hold(&self.master.state);
        state.users -= 1;
        state.used = Instant::now();
    }
}

fn waiting(masters: &HashMap<PathBuf, Arc<Master>>) -> usize {
    masters.values().filter(|master| hold(&master.state).shell.is_some()).count()
}

/// Not all at once again: spread by the socket's name.
fn pause(link: &Link, tries: u32) -> Duration {
    let spread: u64 = link.socket.as_os_str().as_encoded_bytes().iter().map(|b| u64::from(*b)).sum();
    Duration::from_millis((300 + spread % 300) << tries)
}

/// A panic elsewhere leaves these plain values whole.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
