//! The whole tool against a stand-in for Windows behind a real sshd: what is sent, what is refused, what is left.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dtrctl::net::stand_in::StandIn;

use super::machine::{CONFIG, Machine};
use super::stand_in::{COMMAND, FOLDER};
use crate::cut::{cut_after, was_heard};
use crate::harness::{Call, Ran, World, assert_same_plan, shipped};
use crate::sshd::Sshd;

/// A world with the host `win1`, which is the stand-in.
struct Windows {
    world: World,
    sshd: Sshd,
    machine: Machine,
    _bin: tempfile::TempDir,
}

const ACCEPTED: [&str; 2] = ["-e", "accept_untested=windows"];

impl Windows {
    fn new() -> Option<Self> {
        let bin = tempfile::Builder::new().prefix("dtw").tempdir_in("/tmp").unwrap();
        let sshd = Sshd::with(&format!("SetEnv PATH={}:/usr/bin:/bin", bin.path().display()))?;
        let world = World::new();
        let machine = Machine::new(world.path("windows"));
        // What a login of Windows is told has to begin with just this.
        let program = bin.path().join("powershell.exe");
        let script = format!(
            "#!/bin/sh\n[ $# = 4 ] && [ \"$1 $2 $3\" = '-NoProfile -NonInteractive -EncodedCommand' ] || exit 9\n\
             export {COMMAND}=\"$4\" {FOLDER}='{}'\n\
             exec '{}' --exact windows::stand_in::plays_powershell --ignored --nocapture --test-threads=1 3>&1 >/dev/null\n",
            world.path("windows").display(),
            std::env::current_exe().unwrap().display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self { world, sshd, machine, _bin: bin }.reached_by("ansible_shell_type: powershell"))
    }

    fn reached_by(mut self, variables: &str) -> Self {
        let inventory = format!(
            "docker:\n  hosts:\n    win1:\n      ansible_host: 127.0.0.1\n      ansible_port: {}\n      \
             ansible_ssh_private_key_file: {}\n      {variables}\n",
            self.sshd.port,
            self.sshd.path("user").display()
        );
        self.world = self.world.file("hosts.yml", inventory);
        self
    }

    fn on_port(mut self, port: u16) -> Self {
        let own = self.sshd.port;
        self.sshd.port = port;
        self = self.reached_by("ansible_shell_type: cmd");
        self.sshd.port = own;
        self
    }

    fn tasks(mut self, tasks: &str) -> Self {
        self.world = self.world.tasks(tasks);
        self
    }

    fn ship(mut self, playbook: &str) -> Self {
        self.world = self.world.file(playbook, fs::read(shipped(playbook)).unwrap());
        self
    }

    fn call(&self, playbook: &str, more: &[&str]) -> Call<'_> {
        let config = self.sshd.path("ssh_config").display().to_string();
        let runtime = self.sshd.path("").display().to_string();
        let call = self.world.dtrctl(&["apply", playbook, "-i", "hosts.yml", "--ssh-config", &config]);
        call.args(more).env("XDG_RUNTIME_DIR", runtime.trim_end_matches('/'))
    }

    fn events(&self, playbook: &str, more: &[&str]) -> Call<'_> {
        self.call(playbook, more).args(&["--format", "jsonl"])
    }

    /// Check, apply, apply.
    fn law(&self, playbook: &str, more: &[&str]) -> [Ran; 3] {
        let run = |flags: &[&str]| self.events(playbook, more).args(&ACCEPTED).args(flags).run();
        self.machine.take_log();
        let check = run(&["--check"]);
        let log = self.machine.take_log();
        assert!(!log.iter().any(|line| line.starts_with("act")), "check has acted: {log:?}");
        let first = run(&[]);
        assert_same_plan(&check, &first);
        self.machine.take_log();
        let second = run(&[]);
        assert_eq!(second.plan(), [], "the second apply");
        let log = self.machine.take_log();
        assert!(!log.iter().any(|line| line.starts_with("act")), "the second apply has acted: {log:?}");
        [check, first, second]
    }
}

/// A file as an editor of Windows leaves it.
const BEFORE: &str = "\u{feff}{\r\n    \"debug\": false,\r\n    \"labels\": [\"a=b\"]\r\n}\r\n";

#[test]
fn an_insecure_registry_comes_and_goes_and_mark_and_line_ends_stay() {
    let Some(windows) = Windows::new() else { return };
    let windows = windows.ship("insecure-registry.yml");
    windows.machine.write(CONFIG, BEFORE.as_bytes());
    windows
        .machine
        .call("do_reload", &[serde_json::json!({"word": "silent"}), serde_json::json!({"word": ""})])
        .ok();
    let registry = ["-e", "registry=dtr.example.com:5000"];
    let [_, first, second] = windows.law("insecure-registry.yml", &registry);
    let text = String::from_utf8(windows.machine.read(CONFIG).unwrap()).unwrap();
    let added = ",\r\n    \"insecure-registries\": [\"dtr.example.com:5000\"]\r\n}";
    assert_eq!(text, BEFORE.replace("\r\n}", added));
    assert_eq!(windows.machine.insecure(), serde_json::json!(["dtr.example.com:5000"]));
    assert_eq!(windows.machine.starts_and_reloads(), (1, 2), "a reload is enough");
    assert_eq!(
        (&first.recap("win1")["state"], &second.recap("win1")["state"]),
        (&"changed".into(), &"ok".into())
    );
    assert_eq!(second.recap("win1")["trips"], 1);
    let absent = ["-e", "registry=dtr.example.com:5000", "-e", "state=absent"];
    windows.law("insecure-registry.yml", &absent);
    assert_eq!(windows.machine.read(CONFIG).unwrap(), BEFORE.as_bytes());
    assert_eq!(windows.machine.insecure(), serde_json::json!([]));
    assert_eq!(windows.machine.starts_and_reloads().0, 1);
}

/// The reason of a task that failed.
fn reason(ran: &Ran) -> (String, String) {
    let failed =
        ran.finished("win1").into_iter().find(|event| event["outcome"] == "failed").expect("a failed task");
    let text = |name: &str| failed["reason"][name].as_str().unwrap_or_default().to_owned();
    (text("message"), text("help"))
}

const INSECURE: &str = "- daemon_json: {merge: {insecure-registries: [dtr.example.com]}}";

#[test]
fn nothing_is_applied_that_nobody_has_accepted_untested() {
    let Some(windows) = Windows::new() else { return };
    let windows = windows.tasks(INSECURE);
    let report = windows.call("site.yml", &["--check"]).run().stdout;
    assert!(
        report.contains("never run on a real Windows")
            && report.contains(r"+++ C:\ProgramData\docker\config\daemon.json"),
        "{report}"
    );
    let ran = windows.events("site.yml", &[]).code(3).run();
    let (message, help) = reason(&ran);
    assert_eq!(
        message,
        "dtrctl was never run on a real Windows: its scripts for it were tested against a stand-in alone; nothing was changed"
    );
    assert!(help.contains("-e accept_untested=windows"), "{help}");
    // Another platform's name is not this one's.
    windows.events("site.yml", &["-e", "accept_untested=solaris"]).code(3).run();
    assert!(!windows.machine.take_log().iter().any(|line| line.starts_with("act")));
    assert_eq!(windows.machine.read(CONFIG), None);
    windows.events("site.yml", &["-e", "accept_untested=solaris,windows"]).run();
    assert_eq!(
        windows.machine.read(CONFIG).unwrap(),
        b"{\n  \"insecure-registries\": [\n    \"dtr.example.com\"\n  ]\n}\n"
    );
    // What is so already needs no acceptance.
    windows.events("site.yml", &[]).run();
}

#[test]
fn a_registry_is_trusted_in_dockers_store_and_in_the_systems() {
    let Some(windows) = Windows::new() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let registry = runtime.block_on(StandIn::start()).unwrap();
    let mut windows = windows.ship("trust-registry.yml").ship("untrust-registry.yml");
    windows.world = windows.world.file("root.pem", &registry.root);
    let name = format!("registry=localhost:{}", registry.address.port());
    let trust = ["-e", &name, "-e", "registry_ca=root.pem"];
    let [_, first, _] = windows.law("trust-registry.yml", &trust);
    let notes = first.stdout.clone();
    assert!(notes.contains("dockerd on Windows then trusts for this registry what stands in"), "{notes}");
    // No name of Windows holds a colon.
    let directory =
        windows.machine.path(&format!(r"C:\ProgramData\docker\certs.d\localhost{}", registry.address.port()));
    let anchors: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(anchors.len(), 1);
    assert_eq!(windows.machine.starts_and_reloads(), (1, 0), "nothing is owed");
    windows.law("untrust-registry.yml", &["-e", &name]);
    assert!(!directory.exists());

    let system = ["-e", &name, "-e", "registry_ca=root.pem", "-e", "stores=system", "-e", "restart=true"];
    let [_, first, _] = windows.law("trust-registry.yml", &system);
    let der = registry.root.lines().filter(|line| !line.starts_with("-----")).collect::<String>();
    let roots = windows.machine.roots();
    assert_eq!(roots.iter().map(|(_, der)| STANDARD.encode(der)).collect::<Vec<_>>(), [der]);
    assert!(
        first.stdout.contains("restart the docker daemon by `Restart-Service docker`"),
        "{}",
        first.stdout
    );
    assert_eq!(windows.machine.starts_and_reloads(), (2, 0), "read once in the daemon's life");
    assert!(!directory.exists());
    windows.law("untrust-registry.yml", &["-e", &name, "-e", "restart=true"]);
    assert_eq!(windows.machine.roots(), []);
    assert_eq!(windows.machine.starts_and_reloads(), (3, 0));
}

#[test]
fn a_restart_that_would_stop_a_container_stays_owed() {
    let Some(windows) = Windows::new() else { return };
    windows.machine.set("container");
    let windows = windows.tasks(
        "- daemon_json: {merge: {max-concurrent-downloads: 5, log-driver: etwlogs}}\n- restart_docker:",
    );
    let ran = windows.events("site.yml", &ACCEPTED).run();
    let owed = ran.recap("win1")["owed"].to_string();
    assert!(owed.contains("as it would stop 1 container: iis (starts again by policy)"), "{owed}");
    assert_eq!(windows.machine.starts_and_reloads().0, 1);
    let windows = windows.tasks("- restart_docker: {containers: stop}");
    windows.law("site.yml", &[]);
    assert_eq!(windows.machine.starts_and_reloads().0, 2);
}

#[test]
fn what_cannot_be_done_there_is_refused_before_anything_runs() {
    let Some(mut windows) = Windows::new() else { return };
    for (task, message, help) in [
        ("command: ipconfig", "dtrctl cannot do this on a host of Windows: run ipconfig", "docs/windows.md"),
        (
            "command: {cmd: ipconfig, unless: \"true\"}",
            "dtrctl cannot ask a host of Windows for `shell`",
            "docs/windows.md",
        ),
        (
            r"copy: {dest: 'C:\ProgramData\x', content: x, mode: '0600'}",
            r"`C:\ProgramData\x` is on Windows, which has neither permission bits nor groups of this kind",
            "leave out `mode`",
        ),
        (
            "copy: {dest: /etc/motd, content: x}",
            "`/etc/motd` is no path of Windows",
            "write it from the drive",
        ),
        (
            "daemon_json: {merge: {live-restore: true, bip: 10.0.0.1/24}}",
            r"dockerd would not start with the edited C:\ProgramData\docker\config\daemon.json: `live-restore`: dockerd on Windows knows no such key; remove it; `bip`: dockerd on Windows knows no such key; remove it",
            "nothing was written",
        ),
    ] {
        windows = windows.tasks(&format!("- {task}"));
        windows.machine.take_log();
        let check = windows.events("site.yml", &["--check"]).code(3).run();
        let ran = windows.events("site.yml", &ACCEPTED).code(3).run();
        assert_eq!(reason(&check), reason(&ran), "check and apply say the same");
        let (said, advice) = reason(&ran);
        assert_eq!(said, message);
        assert!(advice.contains(help), "{advice}");
        let log = windows.machine.take_log();
        assert!(!log.iter().any(|line| line.starts_with("act") || line.contains("ask_shell")), "{log:?}");
    }
}

#[test]
fn a_path_of_windows_is_none_on_another_host() {
    let world = World::new().tasks(r"- copy: {dest: 'C:\x', content: x}");
    let before = world.trees();
    let ran = world.events(&[]).code(3).run();
    let failed = &ran.finished("web1")[0]["reason"];
    assert_eq!(
        failed["message"],
        r"`C:\` is a path of Windows, and this host is none".replace(r"C:\", r"C:\x")
    );
    assert!(failed["help"].as_str().unwrap().contains("ansible_shell_type"), "{failed}");
    assert_eq!(before["web1"].differences(&world.trees()["web1"]), Vec::<String>::new());
}

#[test]
fn values_arrive_as_they_are() {
    let Some(windows) = Windows::new() else { return };
    let content = "a'b\"c`d$(e)$env:PATH;{0}\u{e9}\u{1f600}\u{201d}\r\n@'\n'@ %PATH% ^& | #>\n";
    let mut windows =
        windows.tasks("- copy: {dest: 'c:/ProgramData/it''s $x `y \u{e9}.txt', content: \"{{ text }}\"}");
    windows.world = windows.world.file("extra.json", serde_json::json!({"text": content}).to_string());
    windows.law("site.yml", &["-e", "@extra.json"]);
    let written = windows.machine.read("C:\\ProgramData\\it's $x `y \u{e9}.txt").unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), content);
}

#[test]
fn a_login_has_to_be_an_administrator_where_the_task_becomes_root() {
    let Some(windows) = Windows::new() else { return };
    windows.machine.set("limited");
    let windows = windows.tasks(INSECURE);
    windows.events("site.yml", &["--check"]).run();
    let ran = windows.events("site.yml", &["--check", "-b"]).code(3).run();
    let reason = &ran.recap("win1")["reason"];
    assert_eq!(reason["kind"], "become");
    assert_eq!(
        reason["message"],
        "section 1 is to run as `root`, and the login is no administrator of this host of Windows"
    );
    assert!(reason["help"].as_str().unwrap().contains("Administrators"), "{reason}");
    let windows = windows.reached_by("ansible_shell_type: cmd\n      ansible_become_user: eve");
    let ran = windows.events("site.yml", &["--check", "-b"]).code(3).run();
    assert!(
        ran.recap("win1")["reason"]["message"].as_str().unwrap().ends_with("a host of Windows has no sudo")
    );
}

#[test]
fn a_powershell_that_runs_no_script_of_ours_is_told_as_such() {
    let Some(windows) = Windows::new() else { return };
    windows.machine.set("constrained");
    let windows = windows.tasks(INSECURE);
    let ran = windows.events("site.yml", &["--check"]).code(3).run();
    let message = ran.recap("win1")["reason"]["message"].to_string();
    assert!(message.contains("PowerShell is held to ConstrainedLanguage by a policy"), "{message}");
}

#[test]
fn input_that_is_cut_off_is_never_run() {
    const POINTS: usize = 8;
    let Some(mut windows) = Windows::new() else { return };
    windows = windows.tasks(r"- copy: {dest: 'C:\ProgramData\x', src: new}");
    let new = "a line of the new file\n".repeat(3000);
    windows.world = windows.world.file("new", &new);
    let path = r"C:\ProgramData\x";
    let run = |windows: &Windows| {
        let more = ["--ssh-persist", "0", "-T", "5", "--task-timeout", "10"];
        windows.events("site.yml", &ACCEPTED).args(&more).any_code().run()
    };
    let (port, passed) = cut_after(windows.sshd.port, usize::MAX);
    windows = windows.on_port(port);
    windows.machine.write(path, b"old");
    assert_eq!(run(&windows).recap("win1")["state"], "changed");
    let whole = passed.load(Ordering::SeqCst);
    let mut truncated = 0;
    for point in 1..POINTS {
        windows.machine.write(path, b"old");
        windows.machine.take_log();
        let (port, _) = cut_after(windows.sshd.port, whole * point / POINTS);
        windows = windows.on_port(port);
        was_heard(&run(&windows), "win1");
        let now = windows.machine.read(path).unwrap();
        assert!(now == b"old" || now == new.as_bytes(), "torn at {point}");
        // A session that was cut off may take a moment to notice.
        let mut log = Vec::new();
        let mut heard = || {
            log.extend(windows.machine.take_log());
            log.iter().any(|line| line == "truncated")
        };
        truncated += usize::from(crate::sshd::eventually(1, &mut heard));
    }
    assert!(truncated > 0, "some of {POINTS} cuts fell into the input");
}

#[test]
fn other_ways_to_windows_are_refused_with_the_one_that_there_is() {
    let inventory =
        "docker:\n  hosts:\n    win1: {ansible_connection: winrm, ansible_shell_type: powershell}\n";
    let world = World::new().tasks("- debug: {msg: x}").file("hosts.yml", inventory);
    let ran = world.events(&[]).code(3).run();
    let reason = &ran.recap("win1")["reason"];
    assert_eq!(
        (reason["kind"].as_str(), reason["message"].as_str()),
        (Some("unsupported"), Some("dtrctl has no connection `winrm`"))
    );
    assert!(reason["help"].as_str().unwrap().contains("OpenSSH"), "{reason}");
    let inventory = inventory.replace("winrm", "ssh").replace("powershell", "fancy");
    let world = world.file("hosts.yml", inventory);
    let ran = world.events(&[]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("`ansible_shell_type` names a shell that is not known"), "{}", ran.stderr);
}
