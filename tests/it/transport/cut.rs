//! A connection that is cut, or falls silent, after so many bytes: never is half a script executed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dtrctl::transport::{Cause, Limits, Phase, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sshd::{Sshd, eventually};

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Up,
    Down,
}

/// What happens after the last byte.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    Close,
    Silence,
}

/// Passes connections on to `to`, each until `limit` bytes have gone in one direction. Returns its port and a count of the
/// bytes that have passed.
async fn proxy(to: u16, cut: Direction, limit: usize, then: Then) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let passed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&passed);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
            let count = Arc::clone(&count);
            tokio::spawn(async move { pass(client, server, cut, limit, then, &count).await });
        }
    });
    (port, passed)
}

async fn pass(
    client: TcpStream,
    server: TcpStream,
    cut: Direction,
    limit: usize,
    then: Then,
    count: &AtomicUsize,
) {
    let (mut client_in, mut client_out) = client.into_split();
    let (mut server_in, mut server_out) = server.into_split();
    let bound = |direction| if direction == cut { limit } else { usize::MAX };
    tokio::select! {
        () = copy(&mut client_in, &mut server_out, bound(Direction::Up), (cut == Direction::Up).then_some(count)) => {}
        () = copy(&mut server_in, &mut client_out, bound(Direction::Down), (cut == Direction::Down).then_some(count)) => {}
    }
    if then == Then::Silence {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}

async fn copy(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    limit: usize,
    count: Option<&AtomicUsize>,
) {
    let (mut left, mut buffer) = (limit, [0; 4096]);
    while left > 0 {
        let size = left.min(buffer.len());
        let Ok(read @ 1..) = from.read(&mut buffer[..size]).await else { return };
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        left -= read;
        if let Some(count) = count {
            count.fetch_add(read, Ordering::Relaxed);
        }
    }
}

const LINES: usize = 3000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_half_a_script() {
    let Some(sshd) = Sshd::start() else { return };
    for (cut, points) in [(Direction::Up, 24), (Direction::Down, 12)] {
        let whole = bytes_of_a_run(&sshd, cut).await;
        let (mut begun, mut maybe) = (0, 0);
        let spread = (0..points).map(|point| whole * point / points + point % 7);
        let last = (0..points).map(|point| whole - 24 * point);
        for limit in spread.chain(last) {
            let (started, may) = cut_at(&sshd, cut, limit).await;
            assert!(!started || may, "executed, but reported as not begun");
            begun += usize::from(started);
            maybe += usize::from(may);
        }
        eprintln!(
            "{points} cuts within {whole} bytes: executed whole {begun}, reported as possible {maybe}, half 0"
        );
    }
}

async fn bytes_of_a_run(sshd: &Sshd, cut: Direction) -> usize {
    let (port, passed) = proxy(sshd.port, cut, usize::MAX, Then::Close).await;
    run(sshd, port, &sshd.path("measure")).await.unwrap();
    passed.load(Ordering::Relaxed)
}

/// Whether the script ran, and whether the error says that it may have.
async fn cut_at(sshd: &Sshd, cut: Direction, limit: usize) -> (bool, bool) {
    let (port, _) = proxy(sshd.port, cut, limit, Then::Close).await;
    let target = sshd.path(&format!("out-{port}"));
    let result = run(sshd, port, &target).await;
    let may = result.as_ref().map_or_else(dtrctl::transport::TransportError::may_have_started, |()| true);
    if may {
        eventually(1, || fs::read_to_string(&target).is_ok_and(|t| t.lines().count() == LINES));
    } else {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let lines = fs::read_to_string(&target).map_or(0, |text| text.lines().count());
    assert!(lines == 0 || lines == LINES, "half a script: {lines} lines, cut after {limit} bytes");
    (lines > 0, may)
}

async fn run(
    sshd: &Sshd,
    port: u16,
    target: &std::path::Path,
) -> Result<(), dtrctl::transport::TransportError> {
    let line = format!("echo 0123456789012345678901234567890 >>{}\n", target.display());
    let mut destination = sshd.destination();
    destination.port = Some(port);
    destination.persist = Duration::ZERO;
    let limits =
        Limits { connect: Duration::from_secs(5), task: Duration::from_secs(10), ..Limits::default() };
    let result = sshd.to(destination).run("web1", &Script::login(line.repeat(LINES)), &limits).await;
    sshd.pool.finish().await;
    result.map(|output| assert_eq!(output.status, 0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_costs_its_timeout() {
    let Some(sshd) = Sshd::start() else { return };
    let limits =
        Limits { connect: Duration::from_secs(1), task: Duration::from_secs(1), ..Limits::default() };
    let ran = sshd.path("ran");
    let mark = format!("echo ran >>{}", ran.display());
    let short = ": padding\n".repeat(10_000) + &mark;
    let (upload, answer) =
        (": padding\n".repeat(500_000) + &mark, mark.clone() + "; head -c 1000000 /dev/zero");
    for (cut, limit, text, phases) in [
        (Direction::Up, 10, &mark, &[Phase::Connect][..]),
        (Direction::Down, 1500, &mark, &[Phase::Connect, Phase::Session]),
        (Direction::Up, 200_000, &upload, &[Phase::Upload]),
        (Direction::Up, 6000, &short, &[Phase::Start]),
        (Direction::Down, 200_000, &answer, &[Phase::Script]),
    ] {
        let (port, _) = proxy(sshd.port, cut, limit, Then::Silence).await;
        let mut destination = sshd.destination();
        (destination.port, destination.persist) = (Some(port), Duration::ZERO);
        let begin = std::time::Instant::now();
        let error = sshd.to(destination).run("web1", &Script::login(text), &limits).await.unwrap_err();
        match *error.cause {
            Cause::Timeout { phase, .. } => assert!(phases.contains(&phase), "{error}"),
            Cause::Tcp { .. } => assert!(phases.contains(&Phase::Connect), "{error}"),
            _ => panic!("{error}"),
        }
        let script = phases == [Phase::Script];
        assert_eq!((ran.exists(), error.may_have_started()), (script, script || phases == [Phase::Start]));
        assert!(begin.elapsed() < Duration::from_secs(7), "{:?}", begin.elapsed());
        eprintln!("silence after {limit} bytes: {:?}: {}", begin.elapsed(), error.cause);
        sshd.pool.finish().await;
    }
}
