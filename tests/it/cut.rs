//! The connection is cut in the middle of the binary's work: nothing is half done, and nothing unconfirmed is `ok`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::figure::figure;
use crate::form::times;
use crate::sessions::Real;

/// Passes one connection after another on to `to`; each is cut once `limit` bytes have gone up in all.
pub struct Proxy {
    pub port: u16,
    pub passed: Arc<AtomicUsize>,
}

impl Proxy {
    pub fn start(to: u16, limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let passed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&passed);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
                let (back, count) =
                    ((server.try_clone().unwrap(), client.try_clone().unwrap()), Arc::clone(&count));
                thread::spawn(move || pass(back.0, back.1, &AtomicUsize::new(0), usize::MAX));
                thread::spawn(move || pass(client, server, &count, limit));
            }
        });
        Self { port, passed }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, passed: &AtomicUsize, limit: usize) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let before = passed.fetch_add(read, Ordering::SeqCst);
        let room = limit.saturating_sub(before).min(read);
        if to.write_all(&buffer[..room]).is_err() || room < read {
            break;
        }
    }
    _ = from.shutdown(Shutdown::Both);
    _ = to.shutdown(Shutdown::Both);
}

const OLD: &str = "the old content\n";

#[test]
fn cut_at_any_point_nothing_is_half_done() {
    let Some(real) = Real::new("cut_at_any_point_nothing_is_half_done") else { return };
    let new = "the new content, which is long\n".repeat(2000);
    let mut real =
        real.tasks("- copy: {dest: TARGET/file, src: new}\n- copy: {dest: TARGET/second, content: x}");
    real.world = real.world.file("new", &new);
    let file = real.target().join("file");
    let whole = {
        let proxy = Proxy::start(real.sshd.port, usize::MAX);
        fs::write(&file, OLD).unwrap();
        real = real.on_port(proxy.port);
        real.call(&["--ssh-persist", "0"]).run();
        proxy.passed.load(Ordering::SeqCst)
    };
    let (mut unreachable, mut done) = (0, 0);
    let points = times(16, 150);
    for point in 0..points {
        let limit = whole * point / points + point % 7;
        fs::write(&file, OLD).unwrap();
        _ = fs::remove_file(real.target().join("second"));
        let proxy = Proxy::start(real.sshd.port, limit);
        real = real.on_port(proxy.port);
        let ran = real.call(&["--ssh-persist", "0", "-T", "5", "--task-timeout", "10"]).code(4).run();
        let state = ran.recap("real")["state"].clone();
        assert_eq!(state, "unreachable", "cut after {limit} of {whole} bytes");
        unreachable += 1;
        let whole_text = |text: &str| text == OLD || text == new;
        // The host may still be at work on what it got whole; it is never at work on half a file.
        let text = fs::read_to_string(&file).unwrap();
        assert!(whole_text(&text), "torn: {} bytes, cut after {limit}", text.len());
        for outcome in ran.outcomes("real") {
            assert!(!outcome.ends_with(": ok"), "{outcome}, cut after {limit}");
            if outcome == "copy: changed" {
                assert_eq!(fs::read_to_string(&file).unwrap(), new, "said to be changed, cut after {limit}");
            }
        }
        done += usize::from(text == new);
    }
    eprintln!("{points} cuts within {whole} bytes: {unreachable} unreachable, {done} with the new file");
    let port = real.sshd.port;
    let real = real.on_port(port);
    real.call(&[]).run();
    assert_eq!(fs::read_to_string(&file).unwrap(), new);
    let left: Vec<_> = fs::read_dir(real.target()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "left over: {left:?}");
    figure("R4", "cut_at_any_point_nothing_is_half_done", &format!("torn=0 unconfirmed=0 of={points}"));
}
