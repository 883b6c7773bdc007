//! A run whose ssh or whose shell on the host is killed, and one that is interrupted: no file is torn, the report tells the
//! truth, and the next run brings the rest.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;

use crate::figure::figure;
use crate::form::times;
use crate::harness::Ran;
use crate::killed::{self, FILES, PERSIST, names, news, old, real};
use crate::sessions::Real;
use crate::sshd::{below, eventually, is};

/// The longest that a run may take once something has happened to it.
const PATIENCE: Duration = Duration::from_secs(30);

fn start(real: &Real) -> Child {
    killed::start(&real.call(&["-T", "5", "--task-timeout", "10"]).args(&PERSIST))
}

fn end(child: Child) -> (ExitStatus, Ran, Duration) {
    let begin = Instant::now();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status, Ran { stdout: text(output.stdout), stderr: text(output.stderr) }, begin.elapsed())
}

fn kill(pids: impl Iterator<Item = i32>) -> usize {
    let kill = |pid: i32| kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).is_ok();
    pids.filter(|pid| kill(*pid)).count()
}

/// What is killed beside dtrctl itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whom {
    /// Each of its ssh processes, and the master among them.
    Ssh,
    /// All that the host runs for it.
    Shell,
}

fn kill_some(real: &Real, child: &Child, whom: Whom) -> usize {
    match whom {
        Whom::Ssh => {
            let master = real.sshd.masters();
            kill(below(child.id().try_into().unwrap()).into_iter().chain(master))
        }
        Whom::Shell => kill(real.sshd.below().into_iter().filter(|pid| !is(*pid, "sshd"))),
    }
}

/// What is said of a host has to be so: as many changes as there are new files at least, and done only where all are.
fn true_to(ran: &Ran, done: usize, when: &str) -> Json {
    let recap = ran.recap("real");
    let state = recap["state"].as_str().unwrap_or_default().to_owned();
    if state == "ok" || state == "changed" {
        assert_eq!(done, FILES, "{state}, {when}");
    }
    let said = ran.outcomes("real").iter().filter(|outcome| outcome.ends_with(": changed")).count();
    assert!(
        said <= done || crate::cut::is_put_back(ran),
        "{said} changes are said to be made, {done} are, {when}"
    );
    recap
}

fn killed(test: &str, whom: Whom) {
    let Some(real) = real(test) else { return };
    let folder = real.target();
    old(&folder);
    let begin = Instant::now();
    real.call(&PERSIST).run();
    let whole = begin.elapsed();
    let points = u32::try_from(times(6, 200)).unwrap();
    let (mut hit, mut partly, mut left) = (0, 0, 0);
    for point in 1..=points {
        old(&folder);
        let when = whole * point / (points + 1);
        let begin = Instant::now();
        let mut child = start(&real);
        eventually(10, || begin.elapsed() >= when || child.try_wait().unwrap().is_some());
        hit += usize::from(kill_some(&real, &child, whom) > 0);
        let (status, ran, took) = end(child);
        let when = format!("{whom:?} killed after {when:?}: {status}\n{}", ran.stdout);
        assert!(took < PATIENCE, "it took {took:?}, {when}");
        assert!(eventually(20, || real.is_at_rest()), "the host comes to rest, {when}");
        let done = news(&folder, Duration::ZERO);
        true_to(&ran, done, &when);
        partly += usize::from((1..FILES).contains(&done));
        left += names(&folder).iter().filter(|name| name.starts_with(".dtrctl")).count();
        real.call(&PERSIST).run();
        assert_eq!(news(&folder, Duration::ZERO), FILES, "the next run brings the rest, {when}");
    }
    assert_eq!(left, 0, "temporary files go with what is put back");
    eprintln!("{hit} of {points} kills met something, {partly} in the middle, {left} temporary files left");
    assert!(hit > 0);
    figure("R1", test, &format!("torn=0 untrue_reports=0 of={points}"));
    figure("R14", test, &format!("left_over={left} of={points}"));
}

#[test]
fn with_its_ssh_killed_no_file_is_torn() {
    killed("with_its_ssh_killed_no_file_is_torn", Whom::Ssh);
}

#[test]
fn with_the_hosts_shell_killed_no_file_is_torn() {
    killed("with_the_hosts_shell_killed_no_file_is_torn", Whom::Shell);
}

/// One signal at each point, or two; gives whether it came in the middle of the work.
fn interrupted(real: &Real, when: Duration, signal: Signal, twice: bool) -> bool {
    let folder = real.target();
    old(&folder);
    let begin = Instant::now();
    let mut child = start(real);
    eventually(10, || begin.elapsed() >= when || child.try_wait().unwrap().is_some());
    let pid = Pid::from_child(&child);
    _ = kill_process(pid, signal);
    if twice {
        std::thread::sleep(Duration::from_millis(30));
        _ = kill_process(pid, signal);
    }
    let (status, ran, took) = end(child);
    let when = format!("{signal:?} after {when:?}, twice: {twice}: {status}\n{}\n{}", ran.stdout, ran.stderr);
    assert!(took < PATIENCE, "it took {took:?}, {when}");
    let settled = || real.is_at_rest() && names(&folder).iter().all(|name| !name.starts_with(".dtrctl"));
    assert!(eventually(60, settled), "left over: {:?}, {when}", names(&folder));
    let done = news(&folder, Duration::ZERO);
    let reported = ran.stdout.lines().last().is_some_and(|line| line.contains("run_finished"));
    match status.code() {
        // Before the run has begun there is nothing to end, nor to report.
        None => assert_eq!(done, 0, "{when}"),
        Some(0) => assert!(done == FILES && reported, "{when}"),
        Some(130) if twice && !reported => {}
        Some(130) => {
            let recap = true_to(&ran, done, &when);
            assert_eq!(recap["changed"], done, "{when}");
            assert!(reported && ran.stderr.contains("ending after the step in hand"), "{when}");
        }
        _ => panic!("{when}"),
    }
    (1..FILES).contains(&done)
}

#[test]
fn interrupted_at_any_time_it_ends_cleanly() {
    let Some(real) = real("interrupted_at_any_time_it_ends_cleanly") else { return };
    let folder = real.target();
    old(&folder);
    let begin = Instant::now();
    real.call(&PERSIST).run();
    let whole = begin.elapsed();
    let points = u32::try_from(times(12, 400)).unwrap();
    let mut partly = 0;
    for point in 0..points {
        let signal = if point % 2 == 0 { Signal::INT } else { Signal::TERM };
        partly += usize::from(interrupted(&real, whole * point / points, signal, point % 4 > 1));
    }
    eprintln!("{points} signals within {whole:?}: {partly} in the middle of the work");
    real.call(&PERSIST).run();
    assert_eq!((news(&folder, whole), names(&folder).len()), (FILES, FILES));
    assert!(eventually(20, || real.sshd.processes().is_empty()), "{:?}", real.sshd.processes());
    let test = "interrupted_at_any_time_it_ends_cleanly";
    figure("R14", test, &format!("left_over=0 of={points}"));
    figure("R15", test, &format!("torn=0 other_exits_than_130=0 of={points}"));
}
