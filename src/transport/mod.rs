//! One verb: run a script on a host and give back what it printed.
//!
//! Absent on purpose: any knowledge of modules, of playbooks and of what a script is for. A script is text that somebody
//! else has rendered; an answer is bytes that somebody else reads.

mod answer;
mod error;
mod limits;
mod local;
mod name;
mod powershell;
mod pump;
mod quote;
mod render;
mod script;
mod secret;
mod ssh;
mod verdict;

pub use error::{BecomeFault, Cause, HostKeyFault, Phase, SudoFault, TransportError};
pub use limits::{Limits, Output};
pub use local::{Local, Sandbox};
pub use script::{Identity, Script, Section};
pub use secret::Secret;
pub use ssh::{Destination, Held, HostKeyChecking, Kept, Pool, PoolSettings, Ssh};

use modules::Shell;
use render::Words;
use verdict::Failure;

/// The ways to a host.
#[derive(Debug, Clone)]
pub enum Transport {
    /// The system's ssh.
    Ssh(Ssh),
    /// This machine.
    Local(Local),
    /// A directory of this machine that plays a host.
    Sandbox(Sandbox),
}

impl Transport {
    /// What runs scripts there.
    #[must_use]
    pub const fn shell(&self) -> Shell {
        match self {
            Self::Ssh(ssh) => ssh.shell(),
            Self::Local(_) | Self::Sandbox(_) => Shell::Posix,
        }
    }

    /// Runs the sections of `script`; `host` is the name that errors carry. Through ssh it is read by the shell that has read
    /// the script before, where that is free.
    ///
    /// # Errors
    /// Everything but a script that ran to its end, whatever its status. Dropping the future leaves no local process but
    /// the connection; what the host has begun goes on to its end or its deadline.
    pub async fn run(&self, host: &str, script: &Script, limits: &Limits) -> Result<Output, TransportError> {
        let checked = script.check().map_err(|cause| (cause, Vec::new()));
        let done = match (self, checked) {
            (_, Err(refused)) => Err(refused),
            (Self::Ssh(ssh), Ok(())) => ssh.run(script, limits).await,
            (Self::Local(local), Ok(())) => local.run(script, limits).await,
            (Self::Sandbox(sandbox), Ok(())) => sandbox.run(script, limits).await,
        };
        done.map_err(|(cause, partial)| {
            let attempt = match self {
                Self::Ssh(ssh) => ssh.attempt(&cause),
                Self::Local(_) | Self::Sandbox(_) => None,
            };
            TransportError { host: host.to_owned(), cause: Box::new(cause), attempt, partial }
        })
    }

    /// Sees to it that a connection stands; nothing is run. True where the host was heard in doing so: a connection that stood
    /// already may lead nowhere by now, and one that logs nobody in has nobody to hear.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self, host: &str, limits: &Limits) -> Result<bool, TransportError> {
        let Self::Ssh(ssh) = self else { return Ok(false) };
        ssh.connect(limits).await.map_err(|cause| TransportError {
            host: host.to_owned(),
            attempt: ssh.attempt(&cause),
            cause: Box::new(cause),
            partial: Vec::new(),
        })
    }

    /// Keeps the connection from being closed to make room for others, for as long as what this gives lives.
    #[must_use]
    pub fn hold(&self) -> Option<Held> {
        match self {
            Self::Ssh(ssh) => ssh.hold(),
            _ => None,
        }
    }

    /// Ends the shell that waits for the next script; the connection stays. Whoever runs a script after all has a new one.
    pub fn rest(&self) {
        if let Self::Ssh(ssh) = self {
            ssh.rest();
        }
    }

    /// Ends the connection, so that the next script logs in anew: what has changed about the user counts then. A way that logs
    /// nobody in has nothing to end.
    pub async fn reset(&self) {
        if let Self::Ssh(ssh) = self {
            ssh.reset().await;
        }
    }
}

/// New random words for one run.
fn words() -> Result<Words, Failure> {
    let word = || {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| {
            (Cause::local("drawing random bytes", std::io::ErrorKind::Other.into()), Vec::new())
        })?;
        Ok::<_, Failure>(hex(&bytes))
    };
    Ok(Words { nonce: word()?, mark: word()? })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
        text
    })
}
