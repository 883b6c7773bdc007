//! The controller is killed in the middle of the main job: each file is as it was or as it shall be, and the next run
//! brings the rest.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab::{Lab, difference};

const POINTS: u32 = 8;

/// The files of a host that the main job is about; what is owed is said in a directory of its own, which stays.
fn files(lab: &Lab) -> Vec<String> {
    let mut lines = lab.snapshot("web1");
    lines.retain(|line| !line.starts_with("/run/dtrctl"));
    lines
}

fn wait_until(seconds: u64, mut done: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(seconds) {
        if done() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    done()
}

fn kill_after(lab: &Lab, args: &[&str], when: Duration) {
    let home = lab.file("home", "").with_file_name("");
    let mut child = Command::new(env!("CARGO_BIN_EXE_dtrctl"))
        .args(["apply", &Lab::playbook("trust-registry.yml"), "-i", lab.get("INVENTORY"), "-l", "web1"])
        .args(["--ssh-config", lab.get("SSH_CONFIG"), "--guard-timeout", "3"])
        .args(args)
        .env("HOME", &home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .env("XDG_STATE_HOME", home.join("state"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dtrctl runs");
    std::thread::sleep(when);
    _ = child.kill();
    _ = child.wait();
}

#[test]
fn killed_in_the_middle_nothing_is_torn_and_the_next_run_goes_on() {
    let Some(lab) = Lab::up("killed_in_the_middle_nothing_is_torn") else { return };
    lab.reset("web1");
    let named = format!("registry={}", lab.get("REGISTRY"));
    let ca = format!("registry_ca={}", lab.get("ROOT_CA"));
    let args = ["-e", &named, "-e", &ca, "-e", "stores=docker,system"];
    let trust = |more: &[&str]| {
        lab.apply(&Lab::playbook("trust-registry.yml"), &[&args[..], &["-l", "web1"], more].concat()).good()
    };
    let untrust = || lab.apply(&Lab::playbook("untrust-registry.yml"), &["-e", &named, "-l", "web1"]).good();
    let before = files(&lab);
    let begin = Instant::now();
    trust(&[]);
    let whole = begin.elapsed();
    let after = files(&lab);
    let wanted = difference(&before, &after);
    let mut partly = 0;
    for point in 1..=POINTS {
        untrust();
        assert_eq!(difference(&before, &files(&lab)), Vec::<String>::new(), "untrust takes all back");
        kill_after(&lab, &args, whole * point / (POINTS + 1));
        // What the host has got whole it does to its end; then its guard puts all back.
        let busy = "pgrep -f '[u]pdate-ca-certificates'; pgrep -x sudo; ls -A /run/dtrctl/guard 2>/dev/null; find /etc /usr/local -name '.dtrctl-*'";
        assert!(wait_until(60, || lab.on("web1", busy).is_empty()), "the host comes to rest");
        let found = difference(&before, &files(&lab));
        let strange: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).collect();
        assert!(strange.is_empty(), "neither as it was nor as it shall be: {strange:#?}");
        partly += usize::from(!found.is_empty() && found.len() < wanted.len());
        trust(&[]);
        assert_eq!(difference(&after, &files(&lab)), Vec::<String>::new(), "the next run brings the rest");
    }
    eprintln!("{POINTS} kills within {whole:?}: {partly} in the middle of the work, 0 torn");
    lab.reset("web1");
}
