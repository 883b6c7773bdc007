//! A run over a real sshd while all processes are looked at: no secret is an argument of one, stands in a file beside the run,
//! or is printed, however much is asked for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::figure::figure;
use crate::sessions::Real;
use crate::sshd::processes;

const CANARY: &str = "canary-5d41402abc4b2a76";

const TASKS: &str = "\
- copy: {dest: TARGET/content, content: CANARY-content, secret: true}
- copy: {dest: TARGET/hidden, content: CANARY-hidden}
  no_log: true
- copy: {dest: TARGET/file, src: secret.txt}
  no_log: true
- command: {argv: [sh, -c, 'cat >/dev/null; sleep 0.1'], stdin: CANARY-stdin}
  no_log: true
- shell: 'test -n \"$TOKEN\"; sleep 0.1'
  environment: {TOKEN: CANARY-environment}
  no_log: true
- lineinfile: {path: TARGET/hidden, line: CANARY-line}
  no_log: true
- copy: {dest: /proc/none/x, content: CANARY-error, secret: true}
  ignore_errors: true
- debug: {msg: '{{ lookup(\"file\", \"secret.txt\") }}'}
  no_log: true
";

/// The paths below a folder whose content holds the canary.
fn holding(folder: &Path, found: &mut Vec<String>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            holding(&path, found);
        } else if path.is_file()
            && String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).contains(CANARY)
        {
            found.push(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
}

/// Looks at the arguments of all processes until it is told to stop.
fn watch(stop: Arc<AtomicBool>) -> thread::JoinHandle<(usize, BTreeSet<String>)> {
    thread::spawn(move || {
        let (mut looks, mut seen) = (0, BTreeSet::new());
        while !stop.load(Ordering::Relaxed) {
            seen.extend(processes().into_iter().filter(|line| line.contains(CANARY)));
            looks += 1;
        }
        (looks, seen)
    })
}

#[test]
fn no_process_and_no_file_shows_a_secret() {
    let test = "no_process_and_no_file_shows_a_secret";
    let Some(real) = Real::away_from_home(test) else { return };
    let mut real = real.tasks(&TASKS.replace("CANARY", CANARY));
    real.world = real.world.file("secret.txt", format!("{CANARY}-file\n"));
    let forms = [
        &["--check", "--diff=full"][..],
        &["-v"],
        &["-vv", "--diff=full"],
        &["-vvv", "--format", "jsonl", "--diff=full"],
        &["-vvvv", "--events", "events", "--junit", "junit"],
    ];
    let config = real.sshd.path("ssh_config").display().to_string();
    let runtime = real.sshd.path("").display().to_string();
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch(Arc::clone(&stop));
    for form in forms {
        let call = real.world.dtrctl(&["apply", "site.yml", "-i", "real.yml", "--ssh-config", &config]);
        let call = call.args(form).env("XDG_RUNTIME_DIR", runtime.trim_end_matches('/'));
        let ran = call.any_code().any_stderr().run();
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains(CANARY), "{form:?}: {text}");
        }
        assert!(ran.stdout.contains("copy"), "{form:?}: {} {}", ran.stdout, ran.stderr);
    }
    stop.store(true, Ordering::Relaxed);
    let (looks, seen) = watcher.join().unwrap();
    assert!(seen.is_empty() && looks > 10, "{seen:#?} in {looks} looks");
    let mut found = Vec::new();
    holding(&real.world.path(""), &mut found);
    holding(&real.sshd.path(""), &mut found);
    found.sort();
    assert_eq!(found, ["content", "file", "hidden", "secret.txt", "site.yml"], "beside what is written");
    figure("S6", test, &format!("shown=0 of=8 forms={}", forms.len()));
}
