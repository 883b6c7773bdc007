//! The controller is killed in the middle of the main job: each file is as it was or as it shall be, and the next run
//! brings the rest.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::lab::{Lab, difference};

const POINTS: u32 = 8;

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
    let mut child = lab
        .command(&[
            "apply",
            &Lab::playbook("trust-registry.yml"),
            "-i",
            lab.get("INVENTORY"),
            "-l",
            lab.host(0),
        ])
        .args(["--ssh-config", lab.get("SSH_CONFIG"), "--guard-timeout", "3"])
        .args(args)
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
    let Some(lab) = Lab::up("killed_in_the_middle_nothing_is_torn", &["web"]) else { return };
    let web = lab.host(0);
    let named = format!("registry={}", lab.get("REGISTRY"));
    let ca = format!("registry_ca={}", lab.get("ROOT_CA"));
    let args = ["-e", &named, "-e", &ca, "-e", "stores=docker,system"];
    let trust = |more: &[&str]| {
        lab.apply(&Lab::playbook("trust-registry.yml"), &[&args[..], &["-l", web], more].concat()).good()
    };
    let untrust = || lab.apply(&Lab::playbook("untrust-registry.yml"), &["-e", &named, "-l", web]).good();
    let before = lab.files(web);
    let begin = Instant::now();
    trust(&[]);
    let whole = begin.elapsed();
    let after = lab.files(web);
    let wanted = difference(&before, &after);
    let mut partly = 0;
    for point in 1..=POINTS {
        untrust();
        assert_eq!(difference(&before, &lab.files(web)), Vec::<String>::new(), "untrust takes all back");
        kill_after(&lab, &args, whole * point / (POINTS + 1));
        // What the host has got whole it does to its end; then its guard puts all back.
        let busy = "pgrep -f '[u]pdate-ca-certificates'; pgrep -x sudo; ls -A /run/dtrctl/guard 2>/dev/null; find /etc /usr/local -name '.dtrctl-*'";
        assert!(wait_until(60, || lab.on(web, busy).is_empty()), "the host comes to rest");
        let found = difference(&before, &lab.files(web));
        let strange: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).collect();
        assert!(strange.is_empty(), "neither as it was nor as it shall be: {strange:#?}");
        partly += usize::from(!found.is_empty() && found.len() < wanted.len());
        trust(&[]);
        assert_eq!(difference(&after, &lab.files(web)), Vec::<String>::new(), "the next run brings the rest");
    }
    eprintln!("{POINTS} kills within {whole:?}: {partly} in the middle of the work, 0 torn");
}
