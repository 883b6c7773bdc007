//! sudo as it is: with and without a password, refused, missing. Needs root, as it makes users; done on CI only.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dtrctl::transport::{
    Cause, Destination, Identity, Limits, Output, Script, Secret, Section, SudoFault, TransportError,
};

use super::{limits, login, script};
use crate::sshd::Sshd;

const USER: &str = "dtrctl-it";
const PASSWORD: &str = "it's $(touch /tmp/never) `x` \\ \"";
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A login of its own with one line of sudoers; both go with it.
struct Login {
    sshd: Sshd,
    rule: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Login {
    fn new(rule: &str) -> Option<Self> {
        let wanted = std::env::var_os("CI").is_some();
        let able = rustix::process::geteuid().is_root() && PathBuf::from("/usr/bin/sudo").exists();
        if !(wanted && able) {
            eprintln!("skipped: tests of sudo make a user and a sudoers rule: they need CI, root and sudo");
            return None;
        }
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let sshd = Sshd::start()?;
        tool("userdel", &["-rf", USER]);
        assert!(tool("useradd", &["-m", "-s", "/bin/sh", USER]));
        set_password();
        let path = PathBuf::from("/etc/sudoers.d/dtrctl-it");
        fs::write(&path, format!("{rule}\n")).unwrap();
        assert!(tool("chmod", &["0440", "/etc/sudoers.d/dtrctl-it"]) && tool("visudo", &["-cq"]));
        assert!(tool("chmod", &["a+rx", &sshd.path("").to_string_lossy()]));
        assert!(tool("chmod", &["a+r", &sshd.path("authorized_keys").to_string_lossy()]));
        Some(Self { sshd, rule: path, _alone: alone })
    }

    fn destination(&self, password: Option<&str>) -> Destination {
        let mut destination = self.sshd.destination();
        destination.user = Some(USER.into());
        destination.password = password.map(|text| Secret::new(text.into()));
        destination
    }

    async fn run(&self, password: Option<&str>, sections: &[Section]) -> Result<Output, TransportError> {
        self.sshd.to(self.destination(password)).run("web1", &script(sections), &limits()).await
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.rule);
        tool("userdel", &["-rf", USER]);
    }
}

fn tool(name: &str, arguments: &[&str]) -> bool {
    Command::new(name)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

fn set_password() {
    use std::io::Write;
    let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{USER}:{PASSWORD}").unwrap();
    assert!(child.wait().unwrap().success());
}

fn user(name: &str, text: &str) -> Section {
    Section {
        identity: Identity::User(name.into()),
        functions: Vec::new(),
        text: text.into(),
        is_quick: false,
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn fault(result: Result<Output, TransportError>) -> SudoFault {
    let error = result.unwrap_err();
    match *error.cause {
        Cause::Sudo { fault, .. } => fault,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn without_a_password() {
    let Some(host) = Login::new(&format!("{USER} ALL=(ALL) NOPASSWD: ALL")) else { return };
    let who = "id -un";
    let sections = [login(who), user("root", who), user(USER, who), user("nobody", who), login(who)];
    for password in [None, Some(PASSWORD), Some("wrong")] {
        let output = host.run(password, &sections).await.unwrap();
        assert_eq!(text(&output), format!("{USER}\nroot\n{USER}\nnobody\n{USER}\n"));
    }
    // Who has a password for sudo takes a shell of their own, or the last script of one.
    assert_eq!(host.sshd.sessions(), 2);
    for (name, index) in [("of the login", 0), ("of root by sudo", 1)] {
        let begin = Instant::now();
        for _ in 0..20 {
            host.run(None, &sections[index..=index]).await.unwrap();
        }
        eprintln!("warm, one section {name}: {:?} a run", begin.elapsed() / 20);
    }
    let output = host.run(None, &[user("root", "exit 1"), login("echo never")]).await.unwrap();
    assert_eq!((output.stdout.as_slice(), output.status), (&b""[..], 1));
}

#[tokio::test]
async fn with_a_password() {
    let Some(host) = Login::new(&format!("{USER} ALL=(ALL) ALL")) else { return };
    let sections = [login("id -un"), user("root", "id -un; echo oops >&2"), user("root", "cat; echo end")];
    let output = host.run(Some(PASSWORD), &sections).await.unwrap();
    assert_eq!(text(&output), format!("{USER}\nroot\nend\n"));
    assert!(output.stderr_tail.contains("oops\n"));
    assert_eq!(fault(host.run(None, &sections).await), SudoFault::NeedsPassword);
    let begin = Instant::now();
    assert_eq!(fault(host.run(Some("wrong"), &sections).await), SudoFault::WrongPassword);
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    eprintln!("a wrong password: {:?}", begin.elapsed());
    assert!(!PathBuf::from("/tmp/never").exists());
}

#[tokio::test]
async fn what_ran_before_a_refusal_is_kept() {
    let Some(host) = Login::new(&format!("{USER} ALL=(ALL) ALL")) else { return };
    let error = host.run(None, &[login("echo first"), user("root", "echo second")]).await.unwrap_err();
    assert_eq!(error.partial, b"first\n");
    assert!(error.may_have_started());
    assert!(error.to_string().contains("sudo -u root"), "{error}");
}

#[tokio::test]
async fn a_password_that_is_never_kept_by_sudo() {
    let rule = format!("Defaults:{USER} timestamp_timeout=0, !use_pty\n{USER} ALL=(ALL) ALL");
    let Some(host) = Login::new(&rule) else { return };
    let output = host.run(Some(PASSWORD), &[user("root", "id -un"), user("nobody", "id -un")]).await.unwrap();
    assert_eq!(text(&output), "root\nnobody\n");
}

#[tokio::test]
async fn one_attempt_for_a_wrong_password() {
    let rule = format!("Defaults:{USER} logfile=/tmp/dtrctl-it-sudo.log\n{USER} ALL=(ALL) ALL");
    let Some(host) = Login::new(&rule) else { return };
    let _ = fs::remove_file("/tmp/dtrctl-it-sudo.log");
    assert_eq!(fault(host.run(Some("wrong"), &[user("root", "id")]).await), SudoFault::WrongPassword);
    let log = fs::read_to_string("/tmp/dtrctl-it-sudo.log").unwrap();
    fs::remove_file("/tmp/dtrctl-it-sudo.log").unwrap();
    assert!(log.replace('\n', " ").contains("1 incorrect password attempt"), "{log}");
}

#[tokio::test]
async fn refusals() {
    let Some(host) = Login::new(&format!("{USER} ALL=(nobody) NOPASSWD: ALL")) else { return };
    let root = [user("root", "id")];
    assert!(matches!(fault(host.run(None, &root).await), SudoFault::NotAllowed | SudoFault::NeedsPassword));
    assert_eq!(fault(host.run(Some(PASSWORD), &root).await), SudoFault::NotAllowed);
    assert_eq!(fault(host.run(None, &[user("nothing-like-this", "id")]).await), SudoFault::UnknownUser);
}

#[tokio::test]
async fn a_stranger_to_sudo() {
    let Some(host) = Login::new("") else { return };
    let root = [user("root", "id")];
    assert_eq!(fault(host.run(Some(PASSWORD), &root).await), SudoFault::NotAllowed);
    assert!(matches!(fault(host.run(None, &root).await), SudoFault::NeedsPassword | SudoFault::NotAllowed));
}

#[tokio::test]
async fn sudo_that_wants_a_terminal() {
    let rule = format!("Defaults:{USER} requiretty\n{USER} ALL=(ALL) NOPASSWD: ALL");
    let Some(host) = Login::new(&rule) else { return };
    assert_eq!(fault(host.run(None, &[user("root", "id")]).await), SudoFault::NoTty);
}

#[tokio::test]
async fn secrets_are_not_to_be_seen() {
    let Some(host) = Login::new(&format!("{USER} ALL=(ALL) ALL")) else { return };
    let look =
        "set; env; ps -eo args 2>/dev/null; cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; :";
    let output = host.run(Some(PASSWORD), &[login(look), user("root", look)]).await.unwrap();
    let seen = text(&output) + &output.stderr_tail;
    assert!(!seen.contains("touch /tmp/never"), "{seen}");
}

#[tokio::test]
async fn a_deadline_under_sudo() {
    let Some(host) = Login::new(&format!("{USER} ALL=(ALL) NOPASSWD: ALL")) else { return };
    let limits = Limits { task: Duration::from_secs(1), ..limits() };
    let begin = Instant::now();
    let transport = host.sshd.to(host.destination(None));
    let error =
        transport.run("web1", &Script::user("root", "sleep 7654 & sleep 7654"), &limits).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::Timeout { .. }), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    let gone = || !crate::sshd::processes().iter().any(|p| p.contains("sleep 7654"));
    assert!(crate::sshd::eventually(3, gone));
}

#[tokio::test]
async fn eight_mebibytes_through_sudo() {
    for options in ["use_pty", "!use_pty"] {
        let rule = format!("Defaults:{USER} {options}\n{USER} ALL=(ALL) NOPASSWD: ALL");
        let Some(host) = Login::new(&rule) else { return };
        let line = ": 'abcdefghijklmnopqrstuvwxyz0123456789+/ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'\n";
        let text = line.repeat((8 << 20) / line.len()) + "echo done; head -c 3000000 /dev/zero";
        let begin = Instant::now();
        let output = host.run(None, &[user("root", &text)]).await.unwrap();
        eprintln!("8 MiB through ssh and sudo, {options}: {:?}", begin.elapsed());
        assert_eq!((&output.stdout[..5], output.stdout.len()), (&b"done\n"[..], 3_000_005));
    }
}
