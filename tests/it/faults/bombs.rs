//! Templates that would eat all memory, in the whole program: each is stopped, and the program stays small.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::figure::figure;
use crate::harness::World;

const BOMBS: &[&str] = &[
    "{{ range(10**9) | list }}",
    "{{ 'x' * 10**9 }}",
    "{{ [0] * 10**9 }}",
    "{{ (['x' * 10**6] * 10**3) | join }}",
    "{{ ('a' * 10**5) | regex_replace('a', 'b' * 10**5) }}",
    "{{ range(1000) | product(range(1000), range(1000)) | list }}",
    "{% set ns = namespace(x='x') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% macro m(x) %}{{ m(x ~ x) }}{{ m(x) }}{% endmacro %}{{ m('x') }}",
    "{% for x in [[1]] recursive %}{{ loop([[x]]) }}{% endfor %}",
];

/// The most memory that a process has had, in KiB.
pub fn peak(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn a_bomb_costs_little_memory() {
    let mut most = 0;
    for bomb in BOMBS {
        let world = World::new();
        let call = world.dtrctl(&["eval", bomb, "--host", "web1", "-i", "hosts.yml"]);
        let mut child =
            call.command().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let status = loop {
            most = peak(child.id()).unwrap_or_default().max(most);
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            thread::sleep(Duration::from_millis(2));
        };
        assert!(status.code().is_some_and(|code| code != 0), "{bomb}: {status}");
    }
    eprintln!("at most {} MiB", most >> 10);
    assert!((1..256 << 10).contains(&most), "{most} KiB");
    figure("S11", "a_bomb_costs_little_memory", &format!("not_stopped=0 of={} memory<256MiB", BOMBS.len()));
}
