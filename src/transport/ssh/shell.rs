//! A shell on a host, behind a session of a connection.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use openssh::{Child, Error, Session, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Duration, Instant, timeout};

use crate::transport::limits::Limits;
use crate::transport::pump::{Ended, Marks, Seen, Streams, pump};

/// A shell that reads scripts. It reads the end of its input, and ends, when this is dropped.
#[derive(Debug)]
pub(super) struct OpenShell {
    child: Child<Arc<Session>>,
    streams: ChildStreams,
    /// The functions that it has read.
    pub(super) known: HashSet<&'static str>,
    /// When it was last heard.
    heard: Instant,
}

/// What was heard so lately is not asked whether it is still there: that costs a round trip.
const LATELY: Duration = Duration::from_secs(5);

type ChildStreams = Streams<openssh::ChildStdin, openssh::ChildStdout, openssh::ChildStderr>;

impl OpenShell {
    /// Opens a session through the master at `socket`.
    pub(super) async fn open(socket: &Path, command: &str) -> Result<Self, Error> {
        let session = Arc::new(Session::resume_mux(socket.into(), None));
        let mut command = session.arc_raw_command(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await?;
        match (child.stdin().take(), child.stdout().take(), child.stderr().take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => {
                let streams = Streams { stdin: Some(stdin), stdout, stderr };
                Ok(Self { child, streams, known: HashSet::new(), heard: Instant::now() })
            }
            _ => Err(Error::ChildIo(std::io::ErrorKind::Other.into())),
        }
    }

    /// Whether it would read a script. The connection of one that has waited may be gone without a word of it, and a script is
    /// not sent twice.
    pub(super) async fn is_there(&mut self, nonce: &str, limits: &Limits) -> bool {
        let patience = if self.heard.elapsed() < LATELY { Duration::ZERO } else { limits.connect };
        let Streams { stdin: Some(stdin), stdout, .. } = &mut self.streams else { return false };
        if patience.is_zero() {
            // It says nothing by itself: what can be read is the end.
            return timeout(patience, stdout.read_u8()).await.is_err();
        }
        let (asked, answer) = (format!("echo {nonce}\n"), format!("{nonce}\n"));
        let answered = async {
            let mut said = vec![0; answer.len()];
            stdin.write_all(asked.as_bytes()).await.is_ok()
                && stdout.read_exact(&mut said).await.is_ok()
                && said == answer.as_bytes()
        };
        timeout(patience, answered).await == Ok(true)
    }

    /// Has it run one script; it comes back where it reads on.
    pub(super) async fn run(self, input: &[u8], marks: Marks<'_>, limits: &Limits) -> (Seen, Option<Self>) {
        let Self { child, mut streams, known, .. } = self;
        let mut child = Some(child);
        let seen = pump(&mut streams, wait(&mut child), input, marks, limits).await;
        let open = child.filter(|_| seen.ended == Ended::Reads).map(|child| Self {
            child,
            streams,
            known,
            heard: Instant::now(),
        });
        (seen, open)
    }
}

/// What `error` comes from, in words.
pub(super) fn reason(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

async fn wait(child: &mut Option<Child<Arc<Session>>>) -> Ended {
    let Some(child) = child.take() else { return Ended::Vanished };
    match child.wait().await {
        Ok(status) => status.code().map_or(Ended::Vanished, Ended::Status),
        // The crate's reading of the status 127.
        Err(Error::Remote(_)) => Ended::Status(127),
        Err(_) => Ended::Vanished,
    }
}
