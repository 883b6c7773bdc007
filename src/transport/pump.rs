//! Bytes in, bytes out, all at once and bounded in size and time.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::answer::is_whole;
use super::limits::Limits;

const TAIL: usize = 8 << 10;
/// The host ends the script at its deadline by itself, and may still say so.
const GRACE: Duration = Duration::from_secs(3);
/// After the frame's end nothing more is waited for: somebody left in the background may hold the output open.
const LINGER: Duration = Duration::from_millis(500);

/// How the shell ended, as far as one can see from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    /// With this status.
    Status(i32),
    /// The connection, or the shell by a signal.
    Vanished,
    /// By a signal: the connection still stands.
    Killed,
    /// It did not, in time.
    Late,
    /// It was cut off for sending too much.
    Flooded,
}

/// All that was seen of a run.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
    /// All of the input was handed over; if not, its last line, the nonce, is missing.
    pub(super) fed: bool,
    pub(super) ended: Ended,
    pub(super) elapsed: Duration,
}

/// The three streams of a shell.
pub(super) struct Streams<I, O, E> {
    pub(super) stdin: I,
    pub(super) stdout: O,
    pub(super) stderr: E,
}

/// Feeds `input`, collects what comes back, and waits for the end.
pub(super) async fn pump<I, O, E>(
    streams: Streams<I, O, E>,
    wait: impl Future<Output = Ended>,
    input: &[u8],
    mark: &str,
    limits: &Limits,
) -> Seen
where
    I: AsyncWrite + Unpin,
    O: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    let begin = Instant::now();
    let (mut stdout, mut tail) = (Vec::new(), VecDeque::new());
    let (fed, whole) = (AtomicBool::new(false), Notify::new());
    let ended = {
        // The end is asked for last: ssh drops what is still under way once it has told it.
        let all = async {
            let out = collect(streams.stdout, &mut stdout, mark, limits.max_output, &whole);
            let input = feed(streams.stdin, input, &fed);
            match tokio::try_join!(out, keep_tail(streams.stderr, &mut tail), input) {
                Ok(_) => wait.await,
                Err(Flood) => Ended::Flooded,
            }
        };
        let lingered = async {
            whole.notified().await;
            tokio::time::sleep(LINGER).await;
        };
        tokio::select! {
            ended = all => ended,
            () = lingered => Ended::Vanished,
            () = tokio::time::sleep(limits.task + GRACE) => Ended::Late,
        }
    };
    let tail: Vec<u8> = tail.into();
    Seen {
        stdout,
        stderr: String::from_utf8_lossy(&tail).into_owned(),
        fed: fed.into_inner(),
        ended,
        elapsed: begin.elapsed(),
    }
}

/// The output is more than it may be.
struct Flood;

async fn feed(mut stdin: impl AsyncWrite + Unpin, input: &[u8], fed: &AtomicBool) -> Result<(), Flood> {
    // A shell that has ended reads no more; its status says why.
    if stdin.write_all(input).await.is_ok() && stdin.shutdown().await.is_ok() {
        fed.store(true, Ordering::Relaxed);
    }
    Ok(())
}

async fn collect(
    mut from: impl AsyncRead + Unpin,
    into: &mut Vec<u8>,
    mark: &str,
    limit: usize,
    whole: &Notify,
) -> Result<(), Flood> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => into.extend_from_slice(&buffer[..count]),
        }
        if into.len() > limit {
            return Err(Flood);
        }
        if is_whole(into, mark) {
            whole.notify_one();
        }
    }
}

async fn keep_tail(mut from: impl AsyncRead + Unpin, tail: &mut VecDeque<u8>) -> Result<(), Flood> {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        tail.extend(&buffer[..count]);
        tail.drain(..tail.len().saturating_sub(TAIL));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ended, Streams, pump};
    use crate::transport::limits::Limits;

    fn limits(max_output: usize) -> Limits {
        Limits { max_output, task: Duration::from_millis(10), ..Limits::default() }
    }

    #[tokio::test]
    async fn keeps_the_tail_of_stderr() {
        let noise = "x".repeat(20_000) + "end";
        let streams = Streams { stdin: tokio::io::sink(), stdout: &b"out"[..], stderr: noise.as_bytes() };
        let seen = pump(streams, async { Ended::Status(0) }, b"in", "M", &limits(10)).await;
        assert_eq!((seen.stdout.as_slice(), seen.fed, seen.ended), (&b"out"[..], true, Ended::Status(0)));
        assert!(seen.stderr.len() == 8192 && seen.stderr.ends_with("xend"));
    }

    #[tokio::test]
    async fn is_bounded() {
        let endless = || Streams {
            stdin: tokio::io::sink(),
            stdout: tokio::io::repeat(b'x'),
            stderr: tokio::io::empty(),
        };
        let seen = pump(endless(), std::future::pending(), b"", "M", &limits(1 << 20)).await;
        assert_eq!(seen.ended, Ended::Flooded);
        assert!(seen.stdout.len() < (1 << 20) + (65 << 10));
        let (silent, _keep) = tokio::io::duplex(8);
        let streams = Streams { stdin: tokio::io::sink(), stdout: silent, stderr: tokio::io::empty() };
        assert_eq!(pump(streams, std::future::pending(), b"", "M", &limits(1)).await.ended, Ended::Late);
    }

    #[tokio::test]
    async fn does_not_wait_for_who_is_left_in_the_background() {
        let (held, mut keep) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut keep, b"\nM start\n\nM 0\n\nM end\n").await.unwrap();
        let streams = Streams { stdin: tokio::io::sink(), stdout: held, stderr: tokio::io::empty() };
        let seen = pump(streams, std::future::pending(), b"", "M", &limits(100)).await;
        assert_eq!(seen.ended, Ended::Vanished);
        assert!(seen.elapsed < Duration::from_secs(1));
    }
}
