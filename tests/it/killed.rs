//! The controller is killed in the middle of its work: no file is torn, nothing is left over, and the next run goes on.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::figure::figure;
use crate::form::times;
use crate::harness::Call;
use crate::sessions::Real;
use crate::sshd::{below, eventually};

pub const FILES: usize = 6;
/// A script that was sent whole is done though its run has ended, and may take the host after it has been looked at: the next
/// run waits for it.
pub const PERSIST: [&str; 4] = ["--ssh-persist", "3", "--lock-timeout", "60"];

pub fn real(test: &str) -> Option<Real> {
    let tasks = (0..FILES).map(|i| format!("- copy: {{dest: TARGET/f{i}, src: new}}\n")).collect::<String>();
    let mut real = Real::away_from_home(test)?.tasks(&tasks);
    real.world = real.world.file("new", new());
    Some(real)
}

pub fn new() -> String {
    "the new content, which is long\n".repeat(1000)
}

pub fn old(folder: &Path) {
    for i in 0..FILES {
        fs::write(folder.join(format!("f{i}")), format!("old {i}\n")).unwrap();
    }
}

/// How many files are new; each is whole, old or new.
pub fn news(folder: &Path, when: Duration) -> usize {
    let is_new = |i: &usize| {
        let text = fs::read_to_string(folder.join(format!("f{i}"))).unwrap();
        assert!(
            text == new() || text == format!("old {i}\n"),
            "f{i} is torn: {} bytes, killed after {when:?}",
            text.len()
        );
        text == new()
    };
    (0..FILES).filter(is_new).count()
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn start(call: &Call<'_>) -> Child {
    let mut child = call.command().spawn().unwrap();
    drop(child.stdin.take());
    child
}

/// Starts, kills after a time, and waits for the end.
fn kill_after(call: &Call<'_>, when: Duration) {
    let mut command = call.command();
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let mut child = command.spawn().unwrap();
    drop(child.stdin.take());
    eventually(10, || begin.elapsed() >= when || child.try_wait().unwrap().is_some());
    _ = child.kill();
    _ = child.wait();
}

#[test]
fn killed_at_any_time_no_file_is_torn() {
    let Some(real) = real("killed_at_any_time_no_file_is_torn") else { return };
    let folder = real.target();
    old(&folder);
    let begin = Instant::now();
    real.call(&PERSIST).run();
    let whole = begin.elapsed();
    let mut undone = 0;
    let points = u32::try_from(times(12, 200)).unwrap();
    for point in 0..points {
        old(&folder);
        let when = whole * point / points;
        kill_after(&real.call(&PERSIST), when);
        // What the host had got whole it does to its end, and then puts all back.
        let settled = || real.is_at_rest() && names(&folder).iter().all(|name| !name.starts_with(".dtrctl"));
        assert!(eventually(60, settled), "left over: {:?}, killed after {when:?}", names(&folder));
        let new = news(&folder, when);
        assert!(new == 0 || new == FILES, "{new} files are new: neither put back nor confirmed");
        undone += usize::from(new == 0);
    }
    eprintln!("{points} kills within {whole:?}: {undone} of them put back, or before the first write");
    real.call(&PERSIST).run();
    assert_eq!(news(&folder, whole), FILES);
    assert_eq!(names(&folder).len(), FILES);
    assert!(eventually(20, || real.sshd.processes().is_empty()), "{:?}", real.sshd.processes());
    figure("R1", "killed_at_any_time_no_file_is_torn", &format!("torn=0 of={points}"));
    figure("R14", "killed_at_any_time_no_file_is_torn", &format!("left_over=0 of={points}"));
}

/// All that a script is on the host is killed, but not the shell that has read it and would read another, and the controller
/// says nothing any more, while its connection stands.
#[test]
fn a_script_that_is_killed_is_put_back_though_its_shell_lives() {
    let Some(real) = Real::away_from_home("a_script_that_is_killed_is_put_back_though_its_shell_lives")
    else {
        return;
    };
    let real = real.tasks("- copy: {dest: TARGET/f, content: new}\n- command: sleep 61\n");
    let file = real.target().join("f");
    fs::write(&file, "old").unwrap();
    let mut run = start(&real.call(&PERSIST));
    let line = |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let sleeps = || real.sshd.below().iter().any(|pid| line(pid) == b"sleep\x0061\0");
    assert!(eventually(30, sleeps));
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    let signal = |pid, signal| kill_process(Pid::from_raw(pid).unwrap(), signal);
    signal(i32::try_from(run.id()).unwrap(), Signal::STOP).unwrap();
    let shell = real.sshd.below().into_iter().find(|pid| line(pid) == b"sh\0").unwrap();
    for pid in below(shell) {
        // Some end with those before them.
        _ = signal(pid, Signal::KILL);
    }
    assert!(eventually(20, || fs::read_to_string(&file).unwrap() == "old"), "nothing was put back");
    assert_eq!(line(&shell), b"sh\0", "the shell lives");
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(eventually(20, || real.sshd.processes().is_empty()), "{:?}", real.sshd.processes());
}

/// The ssh that connects is stopped, its run killed, and another run begun, before it goes on.
#[test]
fn killed_while_it_connects_the_next_run_takes_its_connection() {
    let Some(real) = real("killed_while_it_connects_the_next_run_takes_its_connection") else { return };
    let signal = |pid, signal| kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    old(&real.target());
    let begins = |real: &Real| {
        let mut run = start(&real.call(&PERSIST));
        assert!(eventually(20, || !real.sshd.masters().is_empty()));
        let master = real.sshd.masters()[0];
        // In this order: what is stopped when its parent ends is hung up on by the kernel.
        run.kill().unwrap();
        run.wait().unwrap();
        signal(master, Signal::STOP);
        if real.sshd.sockets().iter().all(|path| path.extension().is_some()) {
            return Some(master);
        }
        signal(master, Signal::CONT);
        assert!(eventually(20, || real.sshd.processes().is_empty()));
        None
    };
    let master = (0..20).find_map(|_| begins(&real)).expect("it is stopped before it has connected");
    let logins = real.sshd.logins();
    let next = start(&real.call(&PERSIST));
    // Long enough for the second to connect, if it did.
    std::thread::sleep(Duration::from_secs(2));
    signal(master, Signal::CONT);
    let output = next.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((news(&real.target(), Duration::ZERO), real.sshd.logins()), (FILES, logins + 1));
    assert!(eventually(20, || real.sshd.processes().is_empty()), "{:?}", real.sshd.processes());
}

#[test]
fn interrupted_it_ends_after_the_step_in_hand() {
    let Some(real) = real("interrupted_it_ends_after_the_step_in_hand") else { return };
    let folder = real.target();
    old(&folder);
    let child = start(&real.call(&[]));
    let first = folder.join("f0");
    assert!(eventually(20, || fs::read_to_string(&first).is_ok_and(|text| text == new())));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let ran = crate::harness::Ran {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    };
    let done = news(&folder, Duration::ZERO);
    if done < FILES {
        assert_eq!(output.status.code(), Some(130), "{}", ran.stderr);
        assert_eq!(ran.recap("real")["state"], "aborted");
        assert_eq!(ran.recap("real")["changed"], done);
        assert!(ran.stderr.contains("ending after the step in hand"), "{}", ran.stderr);
    } else {
        eprintln!("it was done before it could be interrupted");
    }
    assert_eq!(names(&folder).len(), FILES);
    real.call(&[]).run();
    assert_eq!(news(&folder, Duration::ZERO), FILES);
}
