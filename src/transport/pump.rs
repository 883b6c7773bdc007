//! Bytes in, bytes out, all at once and bounded in size and time.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

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
    /// It has not: all of the answer has come, and it reads on.
    Reads,
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
#[derive(Debug)]
pub(super) struct Streams<I, O, E> {
    /// None once it was closed.
    pub(super) stdin: Option<I>,
    pub(super) stdout: O,
    pub(super) stderr: E,
}

/// What frames a script's answer, and whether the shell may read another script after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks<'a> {
    pub(super) mark: &'a str,
    /// The line that ends standard error where the shell goes on to read; without one its input is closed. It is closed, too,
    /// where nothing begins: a login may want to see the end of its input first.
    pub(super) last: Option<&'a str>,
}

/// Feeds `input`, collects what comes back, and waits for the end.
pub(super) async fn pump<I, O, E>(
    streams: &mut Streams<I, O, E>,
    wait: impl Future<Output = Ended>,
    input: &[u8],
    marks: Marks<'_>,
    limits: &Limits,
) -> Seen
where
    I: AsyncWrite + Unpin,
    O: AsyncRead + Unpin,
    E: AsyncRead + Unpin,
{
    let begin = Instant::now();
    let (mut stdout, mut tail) = (Vec::new(), VecDeque::new());
    let (fed, began, whole) = (AtomicBool::new(false), Notify::new(), Notify::new());
    let ended = {
        let Streams { stdin, stdout: from, stderr } = streams;
        // The end is asked for last: ssh drops what is still under way once it has told it.
        let all = async {
            let out = collect(from, &mut stdout, marks, limits.max_output, &began, &whole);
            let stays_open =
                async { marks.last.is_some() && timeout(limits.connect, began.notified()).await.is_ok() };
            let input = feed(stdin, input, stays_open, &fed);
            match tokio::try_join!(out, keep_tail(stderr, &mut tail, marks.last), input) {
                Ok((Last::Marked, Last::Marked, ())) if stdin.is_some() => Ended::Reads,
                Ok(_) => {
                    *stdin = None;
                    wait.await
                }
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
    if let Some(last) = marks.last.filter(|last| ends_with_line(&tail, last)) {
        tail.truncate(tail.len() - last.len() - 1);
    }
    Seen {
        stdout,
        stderr: String::from_utf8_lossy(tail.make_contiguous()).into_owned(),
        fed: fed.into_inner(),
        ended,
        elapsed: begin.elapsed(),
    }
}

/// The output is more than it may be.
struct Flood;

/// How a stream came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    /// By the mark: more may follow.
    Marked,
    Closed,
}

async fn feed(
    stdin: &mut Option<impl AsyncWrite + Unpin>,
    input: &[u8],
    stays_open: impl Future<Output = bool>,
    fed: &AtomicBool,
) -> Result<(), Flood> {
    let Some(to) = stdin else { return Ok(()) };
    // A shell that has ended reads no more; its status says why.
    if to.write_all(input).await.is_ok() && to.flush().await.is_ok() {
        fed.store(true, Ordering::Relaxed);
    }
    if !stays_open.await {
        *stdin = None;
    }
    Ok(())
}

async fn collect(
    from: &mut (impl AsyncRead + Unpin),
    into: &mut Vec<u8>,
    marks: Marks<'_>,
    limit: usize,
    began: &Notify,
    whole: &Notify,
) -> Result<Last, Flood> {
    let mut buffer = vec![0; 64 << 10];
    let mark = marks.mark.as_bytes();
    let mut has_begun = false;
    loop {
        let seen = into.len().saturating_sub(mark.len());
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => {
                began.notify_one();
                return Ok(Last::Closed);
            }
            Ok(count) => into.extend_from_slice(&buffer[..count]),
        }
        if into.len() > limit {
            return Err(Flood);
        }
        // Nobody but the script knows the mark.
        if !has_begun && into[seen..].windows(mark.len()).any(|part| part == mark) {
            has_begun = true;
            began.notify_one();
        }
        if is_whole(into, marks.mark) {
            whole.notify_one();
            if marks.last.is_some() {
                return Ok(Last::Marked);
            }
        }
    }
}

async fn keep_tail(
    from: &mut (impl AsyncRead + Unpin),
    tail: &mut VecDeque<u8>,
    last: Option<&str>,
) -> Result<Last, Flood> {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        tail.extend(&buffer[..count]);
        tail.drain(..tail.len().saturating_sub(TAIL));
        if last.is_some_and(|last| ends_with_line(tail, last)) {
            return Ok(Last::Marked);
        }
    }
    Ok(Last::Closed)
}

fn ends_with_line(tail: &VecDeque<u8>, line: &str) -> bool {
    let Some(begin) = tail.len().checked_sub(line.len() + 1) else { return false };
    tail.iter().skip(begin).copied().eq(line.bytes().chain([b'\n']))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ended, Marks, Streams, pump};
    use crate::transport::limits::Limits;

    const CLOSED: Marks<'static> = Marks { mark: "M", last: None };

    fn limits(max_output: usize) -> Limits {
        Limits { max_output, task: Duration::from_millis(10), ..Limits::default() }
    }

    #[tokio::test]
    async fn keeps_the_tail_of_stderr() {
        let noise = "x".repeat(20_000) + "end";
        let mut streams =
            Streams { stdin: Some(tokio::io::sink()), stdout: &b"out"[..], stderr: noise.as_bytes() };
        let seen = pump(&mut streams, async { Ended::Status(0) }, b"in", CLOSED, &limits(10)).await;
        assert_eq!((seen.stdout.as_slice(), seen.fed, seen.ended), (&b"out"[..], true, Ended::Status(0)));
        assert!(seen.stderr.len() == 8192 && seen.stderr.ends_with("xend"));
    }

    #[tokio::test]
    async fn is_bounded() {
        let endless = || Streams {
            stdin: Some(tokio::io::sink()),
            stdout: tokio::io::repeat(b'x'),
            stderr: tokio::io::empty(),
        };
        let seen = pump(&mut endless(), std::future::pending(), b"", CLOSED, &limits(1 << 20)).await;
        assert_eq!(seen.ended, Ended::Flooded);
        assert!(seen.stdout.len() < (1 << 20) + (65 << 10));
        let (silent, _keep) = tokio::io::duplex(8);
        let mut streams =
            Streams { stdin: Some(tokio::io::sink()), stdout: silent, stderr: tokio::io::empty() };
        let seen = pump(&mut streams, std::future::pending(), b"", CLOSED, &limits(1)).await;
        assert_eq!(seen.ended, Ended::Late);
    }

    #[tokio::test]
    async fn does_not_wait_for_who_is_left_in_the_background() {
        let (held, mut keep) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut keep, b"\nM start\n\nM 0\n\nM end\n").await.unwrap();
        let mut streams =
            Streams { stdin: Some(tokio::io::sink()), stdout: held, stderr: tokio::io::empty() };
        let seen = pump(&mut streams, std::future::pending(), b"", CLOSED, &limits(100)).await;
        assert_eq!(seen.ended, Ended::Vanished);
        assert!(seen.elapsed < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_shell_that_reads_on_keeps_its_streams() {
        let marks = |mark| Marks { mark, last: Some("N") };
        let (stdout, mut out) = tokio::io::duplex(64);
        let (stderr, mut err) = tokio::io::duplex(64);
        let mut streams = Streams { stdin: Some(Vec::new()), stdout, stderr };
        for mark in ["M", "O"] {
            let answer = format!("\n{mark} start\n\n{mark} 0\n\n{mark} end\n");
            tokio::io::AsyncWriteExt::write_all(&mut out, answer.as_bytes()).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut err, b"oh\nN\n").await.unwrap();
            let seen = pump(&mut streams, std::future::pending(), b"in", marks(mark), &limits(100)).await;
            assert_eq!((seen.ended, seen.stderr.as_str(), seen.fed), (Ended::Reads, "oh\n", true));
            assert_eq!(seen.stdout, answer.as_bytes());
        }
        assert_eq!(streams.stdin.as_deref(), Some(&b"inin"[..]));
        // One that ends after all is asked for its status, and reads no more.
        drop((out, err));
        let seen = pump(&mut streams, async { Ended::Status(3) }, b"", marks("P"), &limits(100)).await;
        assert_eq!((seen.ended, streams.stdin), (Ended::Status(3), None));
    }
}
