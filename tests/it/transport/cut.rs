//! A connection that is cut after so many bytes: never is half a script executed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dtrctl::transport::{Limits, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sshd::{Sshd, eventually};

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    Up,
    Down,
}

/// Passes connections on to `to`, and cuts each after `limit` bytes in one direction. Returns its port and a count of the
/// bytes that have passed.
async fn proxy(to: u16, cut: Direction, limit: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let passed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&passed);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { continue };
            tokio::spawn(pass(client, server, cut, limit, Arc::clone(&count)));
        }
    });
    (port, passed)
}

async fn pass(client: TcpStream, server: TcpStream, cut: Direction, limit: usize, count: Arc<AtomicUsize>) {
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let bound = |direction| if direction == cut { limit } else { usize::MAX };
    tokio::select! {
        () = copy(client_in, server_out, bound(Direction::Up), (cut == Direction::Up).then_some(&*count)) => {}
        () = copy(server_in, client_out, bound(Direction::Down), (cut == Direction::Down).then_some(&*count)) => {}
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
    for (cut, points) in [(Direction::Up, 30), (Direction::Down, 20)] {
        let whole = bytes_of_a_run(&sshd, cut).await;
        let (mut begun, mut maybe) = (0, 0);
        for point in 0..points {
            let (started, may) = cut_at(&sshd, cut, whole * point / points + point % 7).await;
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
    let (port, passed) = proxy(sshd.port, cut, usize::MAX).await;
    run(sshd, port, &sshd.path("measure")).await.unwrap();
    passed.load(Ordering::Relaxed)
}

/// Whether the script ran, and whether the error says that it may have.
async fn cut_at(sshd: &Sshd, cut: Direction, limit: usize) -> (bool, bool) {
    let (port, _) = proxy(sshd.port, cut, limit).await;
    let target = sshd.path(&format!("out-{port}"));
    let result = run(sshd, port, &target).await;
    let may = result.as_ref().map_or_else(dtrctl::transport::TransportError::may_have_started, |_| true);
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
