//! Hosts that hang or flood beside hosts that do not: the others are done, in little memory, within the timeouts.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use super::bombs::peak;
use crate::figure::figure;
use crate::harness::{Ran, World};
use crate::sshd::Sshd;

/// Serves every connection with `serve` until the test's process ends.
fn server(serve: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| _ = thread::spawn(move || serve(stream)));
    });
    port
}

fn tarpit(mut stream: TcpStream) {
    _ = stream.read(&mut [0; 1024]);
    thread::sleep(Duration::from_secs(120));
}

fn endless_banner(mut stream: TcpStream) {
    while stream.write_all(b"still not an SSH banner\r\n").is_ok() {
        thread::sleep(Duration::from_millis(20));
    }
}

/// An SSH banner, and then nothing: the connection stands, and nobody is behind it.
fn half_open(mut stream: TcpStream) {
    _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
    thread::sleep(Duration::from_secs(120));
}

const GOOD: [&str; 3] = ["good1", "good2", "good3"];

/// A world with good hosts on one server, a flooding one on another, and some that hang.
fn world(good: &Sshd, flood: &Sshd) -> World {
    let mut inventory = String::from("fleet:\n  hosts:\n");
    let mut host = |name: &str, port: u16, key: &Sshd| {
        inventory += &format!(
            "    {name}: {{ansible_host: 127.0.0.1, ansible_port: {port}, ansible_ssh_private_key_file: {}}}\n",
            key.path("user").display()
        );
    };
    GOOD.iter().for_each(|name| host(name, good.port, good));
    host("flood", flood.port, flood);
    host("tarpit", server(tarpit), good);
    host("banner", server(endless_banner), good);
    host("half", server(half_open), good);
    let known = [good, flood].map(|sshd| sshd.path("known_hosts").display().to_string()).join(" ");
    let config = format!("UserKnownHostsFile {known}\nGlobalKnownHostsFile /dev/null\n");
    let world = World::new().file("real.yml", inventory).file("ssh_config", config);
    let target = world.path("target");
    fs::create_dir_all(&target).unwrap();
    let dest = target.join("{{ inventory_hostname }}").display().to_string();
    world.playbook(&format!("- hosts: fleet\n  tasks:\n    - copy: {{dest: '{dest}', content: x}}\n"))
}

#[test]
fn hosts_that_hang_or_flood_do_not_hinder_the_others() {
    let test = "hosts_that_hang_or_flood_do_not_hinder_the_others";
    let flooding = "SetEnv HOME=/nonexistent\nForceCommand head -c 1073741824 /dev/zero";
    let (Some(good), Some(flood)) = (Sshd::start(), Sshd::with(flooding)) else { return };
    let world = world(&good, &flood);
    let config = world.path("ssh_config").display().to_string();
    let args = ["apply", "site.yml", "-i", "real.yml", "--format", "jsonl", "--ssh-config", &config];
    let call = world.dtrctl(&args).args(&["-T", "3", "--task-timeout", "20", "--ssh-persist", "0"]);
    let runtime = good.path("").display().to_string();
    let mut command = call.env("XDG_RUNTIME_DIR", runtime.trim_end_matches('/')).command();
    let begin = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let pid = child.id();
    let (mut most, mut stdout) = (0, child.stdout.take().unwrap());
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        text
    });
    while child.try_wait().unwrap().is_none() {
        most = peak(pid).unwrap_or_default().max(most);
        thread::sleep(Duration::from_millis(10));
    }
    let ran = Ran { stdout: reader.join().unwrap(), stderr: String::new() };
    let took = begin.elapsed();
    for name in GOOD {
        assert_eq!(ran.recap(name)["state"], "changed", "{}", ran.stdout);
        assert!(world.path("target").join(name).exists());
    }
    for name in ["flood", "tarpit", "banner", "half"] {
        let state = ran.recap(name)["state"].clone();
        assert!(state == "unreachable" || state == "failed", "{name}: {state}");
        assert!(!world.path("target").join(name).exists());
    }
    eprintln!("{took:?}, at most {most} KiB");
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!((1..100 << 10).contains(&most), "{most} KiB");
    figure("R11", test, "others_done=3 of=3 hanging=4 memory<100MiB slowest<60s");
}
