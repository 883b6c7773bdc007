//! The same scripts on this machine: as themselves, or in a sandbox.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::error::Cause;
use super::limits::{Limits, Output};
use super::pump::{Ended, Marks, Streams, pump};
use super::render::{Frame, SHELL};
use super::script::Script;
use super::secret::Secret;
use super::verdict::{Failure, judge};

/// This machine, by its own `sh`.
#[derive(Debug, Clone, Default)]
pub struct Local {
    /// sudo's password, where one is known.
    pub password: Option<Secret>,
}

/// A directory that plays a host: every script runs as the current user with `R` set to it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    /// The directory.
    pub root: PathBuf,
    /// The shell and its first arguments, such as `busybox sh`.
    pub shell: Vec<String>,
}

const SANE_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Sandbox {
    /// A sandbox whose scripts are run by `sh`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, shell: vec!["sh".into()] }
    }

    pub(super) async fn run(&self, script: &Script, limits: &Limits) -> Result<Output, Failure> {
        let root = root_text(&self.root).map_err(nothing)?;
        let (program, arguments) =
            self.shell.split_first().ok_or_else(|| nothing(unusable("no shell is named for the sandbox")))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", SANE_PATH)
            .env("HOME", &self.root)
            .current_dir(&self.root);
        let words = super::words()?;
        let frame = Frame { root, ignore_identity: true, ..Frame::new(&words, None, limits) };
        run(command, &frame, script, limits).await
    }
}

impl Local {
    pub(super) async fn run(&self, script: &Script, limits: &Limits) -> Result<Output, Failure> {
        let words = super::words()?;
        let password = self.password.as_ref();
        password.map_or(Ok(()), Secret::check).map_err(nothing)?;
        run(Command::new(SHELL), &Frame::new(&words, password, limits), script, limits).await
    }
}

fn root_text(root: &Path) -> Result<&str, Cause> {
    match root.to_str() {
        Some(text) if root.is_absolute() && text.is_ascii() => Ok(text.trim_end_matches('/')),
        _ => Err(unusable("the sandbox is no absolute path of ASCII characters")),
    }
}

fn unusable(what: &'static str) -> Cause {
    Cause::local(what, std::io::ErrorKind::InvalidInput.into())
}

fn nothing(cause: Cause) -> Failure {
    (cause, Vec::new())
}

async fn run(
    mut command: Command,
    frame: &Frame<'_>,
    script: &Script,
    limits: &Limits,
) -> Result<Output, Failure> {
    let input = frame.input(script, &HashSet::new());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::spawn(command, "starting the local shell").map_err(nothing)?;
    let mut streams = group.streams().map_err(nothing)?;
    let wait = async {
        match group.child.wait().await {
            Ok(status) => status.code().map_or(Ended::Killed, Ended::Status),
            Err(_) => Ended::Killed,
        }
    };
    let marks = Marks { mark: &frame.words.mark, last: None };
    let seen = pump(&mut streams, wait, input.as_bytes(), marks, limits).await;
    if matches!(seen.ended, Ended::Status(_)) {
        group.release();
    }
    judge(&seen, &frame.words.mark, script, limits, "")
}

/// A child in a process group of its own, all of which ends when this is dropped: a key press for our group does not
/// reach it, and nothing of it stays behind.
pub(super) struct Group {
    pub(super) child: Child,
    leader: Option<Pid>,
}

type ChildStreams =
    Streams<tokio::process::ChildStdin, tokio::process::ChildStdout, tokio::process::ChildStderr>;

impl Group {
    pub(super) fn spawn(mut command: Command, what: &'static str) -> Result<Self, Cause> {
        let child = command
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| Cause::local(what, source))?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, leader })
    }

    fn streams(&mut self) -> Result<ChildStreams, Cause> {
        let child = &mut self.child;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok(Streams { stdin: Some(stdin), stdout, stderr }),
            _ => Err(unusable("taking the local shell's streams")),
        }
    }

    /// What it started in the background may stay, as on any host.
    pub(super) fn release(&mut self) {
        self.leader = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            // It may be gone already.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
