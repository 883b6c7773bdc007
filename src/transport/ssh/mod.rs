//! The system's own ssh: a master that we start, and a session on it whose shell reads one script after the other.

mod arguments;
mod config;
mod destination;
mod jump;
mod log;
mod master;
mod option;
mod pool;
mod shell;
mod sockets;

pub use destination::{Destination, HostKeyChecking};
pub use pool::{Held, Kept, Pool, PoolSettings};

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use modules::Shell;
use openssh::Error;
use tokio::time::{sleep, timeout};

use super::answer::Answer;
use super::error::{Cause, Phase};
use super::limits::{Limits, Output};
use super::powershell;
use super::pump::{Ended, Marks};
use super::render::{Frame, SHELL};
use super::script::Script;
use super::verdict::{Failure, judge, words};
use pool::{Link, Use};
use shell::{OpenShell, reason};

/// A host behind ssh.
#[derive(Debug, Clone)]
pub struct Ssh {
    pool: Arc<Pool>,
    destination: Destination,
    link: Arc<OnceLock<Link>>,
}

/// How often a host is asked again that refuses one more session on a connection.
const REFUSALS: u32 = 5;

impl Ssh {
    /// A destination whose connection is one of the pool's.
    #[must_use]
    pub fn new(pool: Arc<Pool>, destination: Destination) -> Self {
        Self { pool, destination, link: Arc::default() }
    }

    pub(super) const fn shell(&self) -> Shell {
        self.destination.shell
    }

    pub(super) fn attempt(&self, cause: &Cause) -> Option<String> {
        arguments::attempt(&self.destination, cause)
    }

    pub(super) async fn run(&self, script: &Script, limits: &Limits) -> Result<Output, Failure> {
        let nothing = |cause| (cause, Vec::new());
        let link = self.link().map_err(nothing)?;
        let _permit = self.pool.sessions.acquire().await;
        let words = super::words()?;
        let password = self.destination.password.as_ref();
        let shell = self.destination.shell;
        let used = self.pool.connect(link, limits).await.map_err(nothing)?;
        // sudo's ticket is the shell's: with a password it would hold for scripts that are to do without.
        let reads_on =
            shell == Shell::Posix && !(password.is_some() && script.needs_sudo()) && used.reads_on();
        let frame = Frame { reads_on, ..Frame::new(&words, password, limits) };
        let (command, alone) = match shell {
            Shell::Posix => (SHELL.to_owned(), None),
            Shell::PowerShell => (powershell::command(&words.nonce), Some(powershell::input(&frame, script))),
        };
        let marks = Marks { mark: &words.mark, last: frame.reads_on.then_some(&words.nonce) };
        let mut waiting = used.take_shell();
        let (seen, opened) = loop {
            let mut opened = waiting.take();
            if let Some(shell) = &mut opened
                && !shell.is_there(&words.nonce, limits).await
            {
                opened = None;
            }
            let has_waited = opened.is_some();
            let mut opened = match opened {
                Some(opened) => opened,
                None => self.open(link, &used, &command, limits).await.map_err(nothing)?,
            };
            let input = match &alone {
                Some(input) => Cow::Borrowed(input),
                None => Cow::Owned(frame.input(script, &opened.known)),
            };
            opened.known.extend(frame.reads(script));
            let (mut seen, opened) = opened.run(input.as_bytes(), marks, limits).await;
            if seen.ended == Ended::Vanished && master::is_alive(&link.socket).await {
                seen.ended = Ended::Killed;
            }
            // One that had ended meanwhile has read nothing of this: all that it said would be here, as the connection stands.
            let has_ended = matches!(seen.ended, Ended::Status(_) | Ended::Killed);
            if has_waited && has_ended && !Answer::parse(&seen.stdout, &words.mark).started {
                continue;
            }
            break (seen, opened);
        };
        let output = judge(&seen, &words.mark, script, limits, &used.log())?;
        // After a section that failed, the shell has ended or is about to.
        if output.status == 0 {
            match opened {
                Some(opened) => self.pool.put_shell(&used, opened),
                None if frame.reads_on => used.note_end(),
                None => {}
            }
        }
        Ok(output)
    }

    /// See [`Transport::connect`](super::Transport::connect).
    pub(super) async fn connect(&self, limits: &Limits) -> Result<bool, Cause> {
        let link = self.link()?;
        // The shell that a script is going to need says more of a connection than its master does, for the same price.
        if sockets::is_socket(&link.socket) && self.shell() == Shell::Posix && self.pool.has_room() {
            let used = self.pool.connect(link, limits).await?;
            if !used.has_shell() {
                match self.open(link, &used, SHELL, limits).await {
                    Ok(opened) => {
                        self.pool.put_shell(&used, opened);
                        return Ok(true);
                    }
                    // It stands, and who runs a script through it will be told why there is no session.
                    Err(Cause::Session { .. }) => {}
                    Err(cause) => return Err(cause),
                }
            }
        }
        let stood = master::is_alive(&link.socket).await;
        let used = self.pool.connect(link, limits).await?;
        // A socket may be there without anybody behind it.
        if !stood && !master::is_alive(&link.socket).await {
            self.pool.reconnect(link, limits, &used, false).await?;
        }
        Ok(!stood)
    }

    /// See [`Transport::rest`](super::Transport::rest).
    pub(super) fn rest(&self) {
        if let Some(link) = self.link.get() {
            self.pool.rest(link);
        }
    }

    /// See [`Transport::hold`](super::Transport::hold).
    pub(super) fn hold(&self) -> Option<Held> {
        self.link().ok().map(|link| self.pool.hold(link))
    }

    /// See [`Transport::reset`](super::Transport::reset).
    pub(super) async fn reset(&self) {
        if let Ok(link) = self.link() {
            self.pool.reset(link).await;
        }
    }

    /// The socket is named once: a key that is accepted on the way must not send the next task to another one.
    fn link(&self) -> Result<&Link, Cause> {
        if let Some(link) = self.link.get() {
            return Ok(link);
        }
        let link = self.pool.link(&self.destination)?;
        Ok(self.link.get_or_init(|| link))
    }

    /// Opens the session. Until it is open no byte of the script is sent, so a dead connection is replaced once.
    async fn open(
        &self,
        link: &Link,
        used: &Use,
        command: &str,
        limits: &Limits,
    ) -> Result<OpenShell, Cause> {
        let (mut replaced, mut refusals) = (false, 0);
        loop {
            let late = match timeout(limits.connect, OpenShell::open(&link.socket, command)).await {
                Ok(Ok(opened)) => return Ok(opened),
                Ok(Err(error)) if is_refusal(&error) && refusals < REFUSALS => {
                    refusals += 1;
                    sleep(Duration::from_millis(100 << refusals)).await;
                    continue;
                }
                Ok(Err(error)) if replaced || is_refusal(&error) => {
                    return Err(Cause::Session { detail: words(&[&used.log(), &reason(&error)]) });
                }
                Err(_) if replaced => {
                    return Err(Cause::Timeout { phase: Phase::Session, seconds: limits.connect.as_secs() });
                }
                Ok(Err(_)) => false,
                Err(_) => true,
            };
            replaced = true;
            self.pool.reconnect(link, limits, used, late).await?;
        }
    }
}

/// The master answers, and says no.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::SshMux(_)) && reason(error).contains("refused the request")
}
