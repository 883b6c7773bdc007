//! The connection is cut on the way back, falls silent in either direction, or never answers at all.

use std::fs;
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::figure::figure;
use crate::form::times;
use crate::harness::Ran;
use crate::proxy::{Then, Way, proxy};
use crate::sessions::Real;
use crate::sshd::eventually;

const OLD: &str = "the old content\n";
const FLAGS: [&str; 6] = ["--ssh-persist", "0", "-T", "3", "--task-timeout", "4"];

fn new() -> String {
    "the new content, which is long\n".repeat(1000)
}

fn real(test: &str) -> Option<Real> {
    let mut real = Real::away_from_home(test)?
        .tasks("- copy: {dest: TARGET/file, src: new}\n- copy: {dest: TARGET/second, content: x}");
    real.world = real.world.file("new", new());
    Some(real)
}

fn reset(real: &Real) {
    fs::write(real.target().join("file"), OLD).unwrap();
    _ = fs::remove_file(real.target().join("second"));
}

/// Nothing is torn, and nothing is said to be done that is not.
fn judge(real: &Real, ran: &Ran, when: &str) {
    let whole = |text: &str| text == OLD || text == new();
    let text = || fs::read_to_string(real.target().join("file")).unwrap();
    assert!(whole(&text()), "torn: {} bytes, {when}", text().len());
    let outcomes = ran.outcomes("real");
    let says = |outcome: &str, wanted: &str| outcome == format!("copy: {wanted}");
    assert!(!outcomes.iter().any(|outcome| says(outcome, "ok")), "{outcomes:?}, {when}");
    assert!(eventually(30, || real.is_free()), "the guard ends");
    if outcomes.first().is_some_and(|outcome| says(outcome, "changed")) && !crate::cut::is_put_back(ran) {
        assert_eq!(text(), new(), "said to be changed, {when}");
    }
    let state = ran.recap("real")["state"].clone();
    let done = text() == new() && real.target().join("second").exists();
    // What is heard of no more is lost, or has failed; it is done only where all of it is.
    let lost = state == "unreachable" || state == "failed" || state == "rolled_back";
    assert!(lost || (state == "changed" && done), "{state}, {when}");
}

/// One run through the proxy, and one beside it that brings the rest. Gives the real host back.
fn fault(real: Real, way: Way, limit: usize, then: Then) -> Real {
    let port = real.sshd.port;
    let (proxied, _) = proxy(port, way, limit, then);
    reset(&real);
    let real = real.on_port(proxied);
    let begin = Instant::now();
    let ran = real.call(&FLAGS).any_code().run();
    let when = format!("{then:?} after {limit} bytes {way:?}\n{}", ran.stdout);
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}, {when}", begin.elapsed());
    judge(&real, &ran, &when);
    let real = real.on_port(port);
    let tidy = || {
        fs::read_dir(real.target())
            .unwrap()
            .flatten()
            .all(|e| !e.file_name().to_string_lossy().starts_with('.'))
    };
    assert!(eventually(15, tidy), "the host does not come to rest, {when}");
    // A script that was sent whole may still be at work, and have the host.
    real.call(&FLAGS).args(&["--lock-timeout", "60"]).run();
    assert_eq!(fs::read_to_string(real.target().join("file")).unwrap(), new(), "a rerun converges, {when}");
    real
}

/// The bytes of a run that nothing happens to.
fn bytes(real: Real, way: Way) -> (Real, usize) {
    let port = real.sshd.port;
    let (proxied, passed) = proxy(port, way, usize::MAX, Then::Cut);
    reset(&real);
    let real = real.on_port(proxied);
    real.call(&FLAGS).run();
    (real.on_port(port), passed.load(Ordering::SeqCst))
}

#[test]
fn cut_on_the_way_back_nothing_unconfirmed_is_ok() {
    let test = "cut_on_the_way_back_nothing_unconfirmed_is_ok";
    let Some(real) = real(test) else { return };
    let (mut real, whole) = bytes(real, Way::Down);
    let points = times(10, 150);
    for point in 0..points {
        real = fault(real, Way::Down, whole * point / points + point % 7, Then::Cut);
    }
    figure("R4", test, &format!("torn=0 unconfirmed=0 not_converged=0 of={points}"));
}

#[test]
fn a_silent_connection_ends_within_its_timeout() {
    let test = "a_silent_connection_ends_within_its_timeout";
    let Some(mut real) = real(test) else { return };
    let points = times(2, 15);
    for way in [Way::Up, Way::Down] {
        let whole;
        (real, whole) = bytes(real, way);
        for point in 0..points {
            real = fault(real, way, whole * (2 * point + 1) / (2 * points), Then::Silence);
        }
    }
    let stalls = 2 * points;
    figure("R4", test, &format!("torn=0 unconfirmed=0 not_converged=0 of={stalls} slowest<30s"));
}

#[test]
fn a_black_hole_ends_within_its_timeout() {
    let test = "a_black_hole_ends_within_its_timeout";
    let Some(real) = real(test) else { return };
    reset(&real);
    // Nobody ever accepts: the connection is made by the kernel, and nothing answers.
    let hole = TcpListener::bind("127.0.0.1:0").unwrap();
    let real = real.on_port(hole.local_addr().unwrap().port());
    let begin = Instant::now();
    let ran = real.call(&FLAGS).code(4).run();
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(ran.recap("real")["state"], "unreachable");
    assert_eq!(real.sshd.sessions(), 0);
    figure("R4", test, "sessions=0 of=1 slowest<20s");
}
