//! Connections that are cut, or fall silent, once so many bytes have passed.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Which way the bytes go that are counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Up,
    Down,
}

/// What happens once the bytes have passed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Then {
    Cut,
    Silence,
}

/// Passes connections on to `to`, until `limit` bytes have gone one way in all. Gives its port and the count of bytes.
pub fn proxy(to: u16, way: Way, limit: usize, then: Then) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let passed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&passed);
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return };
            let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let (up, down) = if way == Way::Up { (limit, usize::MAX) } else { (usize::MAX, limit) };
            let counts = [Arc::clone(&count), Arc::new(AtomicUsize::new(0))];
            let [here, there] = counts;
            let [up_count, down_count] = if way == Way::Up { [here, there] } else { [there, here] };
            thread::spawn(move || pass(client, server, &up_count, up, then));
            thread::spawn(move || pass(server_too, client_too, &down_count, down, then));
        }
    });
    (port, passed)
}

fn pass(mut from: TcpStream, mut to: TcpStream, passed: &AtomicUsize, limit: usize, then: Then) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let before = passed.fetch_add(read, Ordering::SeqCst);
        let room = limit.saturating_sub(before).min(read);
        if to.write_all(&buffer[..room]).is_err() {
            break;
        }
        if room < read && then == Then::Silence {
            // The other side hears nothing more, and cannot tell why.
            while let Ok(1..) = from.read(&mut buffer) {}
        }
        if room < read {
            break;
        }
    }
    _ = from.shutdown(Shutdown::Both);
    _ = to.shutdown(Shutdown::Both);
}
