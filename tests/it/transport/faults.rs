//! Hosts that hang, flood or fall silent.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use dtrctl::transport::{Cause, Limits, Phase, Script};

use super::limits;
use crate::sshd::{Sshd, eventually};

/// Serves every connection with `serve` until the test's process ends.
fn server(serve: impl Fn(std::net::TcpStream) + Send + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    port
}

async fn refused(sshd: &Sshd, port: u16) -> (Cause, Duration) {
    let mut destination = sshd.destination();
    destination.port = Some(port);
    let limits = Limits { connect: Duration::from_secs(1), ..limits() };
    let begin = Instant::now();
    let error = sshd.to(destination).run("web1", &Script::login("echo a"), &limits).await.unwrap_err();
    assert!(!error.may_have_started());
    (*error.cause, begin.elapsed())
}

#[tokio::test]
async fn a_tarpit_costs_its_timeout() {
    let Some(sshd) = Sshd::start() else { return };
    let silent = server(|mut stream| {
        let _ = stream.read(&mut [0; 1 << 10]);
        thread::sleep(Duration::from_secs(20));
    });
    let endless = server(|mut stream| {
        while stream.write_all(b"still not an SSH banner\r\n").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let fast = server(|mut stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    for port in [silent, endless, fast] {
        let (cause, elapsed) = refused(&sshd, port).await;
        assert!(
            matches!(
                cause,
                Cause::Tcp { .. } | Cause::Timeout { phase: Phase::Connect, .. } | Cause::Master { .. }
            ),
            "{cause}"
        );
        assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
        eprintln!("tarpit: {elapsed:?}: {cause}");
    }
    assert!(
        eventually(2, || sshd.processes().is_empty() && sshd.sockets().is_empty()),
        "{:?} {:?}",
        sshd.processes(),
        sshd.sockets()
    );
}

#[tokio::test]
async fn a_server_that_drops_is_tried_again() {
    let Some(sshd) = Sshd::start() else { return };
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&count);
    let port = server(move |stream| {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        drop(stream);
    });
    let (cause, _) = refused(&sshd, port).await;
    assert!(matches!(cause, Cause::Tcp { .. }), "{cause}");
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 4);
}

#[tokio::test]
async fn a_gibibyte_of_output() {
    let Some(sshd) = Sshd::start() else { return };
    let limits = Limits { max_output: 8 << 20, ..limits() };
    let flood = Script::login("head -c 1073741824 /dev/zero");
    let before = resident();
    let error = sshd.transport().run("web1", &flood, &limits).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::TooMuchOutput { .. }), "{error}");
    assert!(resident() - before < 64 << 10, "{} KiB more", resident() - before);
    assert!(eventually(5, || !crate::sshd::processes().iter().any(|p| p.contains("head -c 1073741824"))));
    // The connection is still good.
    sshd.transport().run("web1", &Script::login("echo a"), &limits).await.unwrap();
    assert_eq!(sshd.logins(), 1);
}

#[tokio::test]
async fn a_hanging_script_ends_on_the_host_too() {
    let Some(sshd) = Sshd::start() else { return };
    let limits = Limits { task: Duration::from_secs(1), ..limits() };
    let begin = Instant::now();
    let error = sshd
        .transport()
        .run("web1", &Script::login("echo begun; sleep 6543 & sleep 6543"), &limits)
        .await
        .unwrap_err();
    assert!(matches!(*error.cause, Cause::Timeout { phase: Phase::Script, seconds: 1 }), "{error}");
    assert!(error.may_have_started() && error.partial == b"begun\n");
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    assert!(eventually(3, || !crate::sshd::processes().iter().any(|p| p.contains("sleep 6543"))));
    // A daemon's own session outlives it: that is how a guard is started.
    sshd.transport().run("web1", &Script::login("echo a"), &limits).await.unwrap();
}

/// KiB.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
