//! Runs that do not end well on real hosts: each host is put back, with its daemon and what ran in it.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::figure::figure;
use crate::form::times;
use crate::lab::{Lab, Run, difference};

/// What breaks the daemon.
struct Fault {
    name: &'static str,
    /// A second configuration file: beside /etc/docker/daemon.json, so that nothing can foresee what it does.
    config: Option<&'static str>,
    /// What is added to the daemon's unit.
    unit: &'static str,
    /// The task that restarts it.
    restart: &'static str,
}

const OTHER: &str = "ExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// --config-file /etc/docker/other.json";
const RESTART: &str = "command: systemctl restart docker";

const FAULTS: &[Fault] = &[
    Fault {
        name: "conflict",
        config: Some(r#"{"hosts": ["unix:///var/run/docker.sock"]}"#),
        unit: OTHER,
        restart: RESTART,
    },
    Fault { name: "unknown key", config: Some(r#"{"no-such-key": 1}"#), unit: OTHER, restart: RESTART },
    Fault {
        name: "port in use",
        config: None,
        unit: "ExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://0.0.0.0:22",
        restart: RESTART,
    },
    Fault {
        name: "dies after three seconds",
        config: None,
        unit: "ExecStartPost=/bin/sh -c '(sleep 3; kill -9 $(cat /run/docker.pid)) &'",
        restart: RESTART,
    },
    // As a daemon does that has much to load: by the time that it dies it is older than it has to become.
    Fault {
        name: "dies after a slow start",
        config: None,
        unit: "ExecStartPost=/bin/sh -c 'sleep 12; (sleep 3; kill -9 $(cat /run/docker.pid)) &'",
        restart: RESTART,
    },
    Fault {
        name: "start limit",
        config: None,
        unit: "Environment=LAB=1",
        restart: "shell: for i in 1 2 3 4 5; do systemctl restart docker; done",
    },
];

impl Fault {
    /// Files that are written without dtrctl knowing what they are for, then a restart.
    fn tasks(&self) -> String {
        let copy = |content| format!("    - copy: {{dest: /etc/docker/other.json, content: '{content}'}}\n");
        let config = self.config.map(copy).unwrap_or_default();
        format!(
            "\n{config}    - file: {{path: /etc/systemd/system/docker.service.d, state: directory}}
    - copy:
        dest: /etc/systemd/system/docker.service.d/lab.conf
        content: \"[Service]\\n{}\\n\"
    - command: systemctl daemon-reload
    - {}
",
            self.unit, self.restart
        )
    }
}

fn begin(lab: &Lab, host: &str) -> (Vec<String>, String) {
    Lab::lab(&["load", host]);
    lab.on(host, "docker run -d --restart=always --name always idle:1; docker run -d --name once idle:1");
    (lab.files(host), containers(lab, host))
}

fn containers(lab: &Lab, host: &str) -> String {
    lab.on(host, "docker ps --format '{{.Names}}' | sort | xargs")
}

fn broken(lab: &Lab, host: &str, tasks: &str) -> Run {
    let play = format!("- hosts: {host}\n  become: true\n  tasks:{tasks}");
    let playbook = lab.file("broken.yml", &play);
    lab.apply(&playbook.display().to_string(), &["--format", "jsonl"])
}

#[test]
fn faults_r9_a_bad_restart_puts_the_old_state_back() {
    let rounds = times(1, 10);
    let hosts = if rounds == 1 { &["web"][..] } else { &["web", "deb28"] };
    let Some(lab) = Lab::up("faults_r9_a_bad_restart_puts_the_old_state_back", hosts) else { return };
    let (mut slowest, mut tried) = (Duration::ZERO, 0);
    for host in lab.hosts() {
        let (before, running) = begin(&lab, host);
        for fault in FAULTS.iter().cycle().take(FAULTS.len() * rounds) {
            let name = fault.name;
            let started = Instant::now();
            let run = broken(&lab, host, &fault.tasks()).ends(6);
            slowest = slowest.max(started.elapsed());
            tried += 1;
            let recap = run.recap(host);
            assert_eq!(recap["state"], "rolled_back", "{name}: {recap}");
            let message = recap["reason"]["message"].as_str().unwrap_or_default();
            assert!(message.contains("the docker daemon is up"), "{name}: {message}");
            assert_eq!(lab.files(host), before, "{name}: every file is as it was");
            assert_eq!(containers(&lab, host), running, "{name}: what ran before runs again");
            assert_eq!(
                lab.on(host, "systemctl is-active docker docker.socket | xargs").trim(),
                "active active"
            );
            assert_eq!(
                lab.on(host, "ls -A /run/dtrctl 2>/dev/null; systemctl list-units --all | grep dtrctl")
                    .trim(),
                ""
            );
            let log = lab.on(host, "journalctl -t dtrctl -o cat | tail -n 20");
            assert!(log.contains("put back: "), "{name}: {log}");
        }
    }
    figure(
        "R9",
        "faults_r9_a_bad_restart_puts_the_old_state_back",
        &format!("not_rolled_back=0 of={tried} slowest_seconds={}", slowest.as_secs()),
    );
}

#[test]
fn a_disk_that_is_full_by_then_hinders_no_way_back() {
    let Some(lab) = Lab::up("a_disk_that_is_full_by_then_hinders_no_way_back", &["web"]) else { return };
    let web = lab.host(0);
    begin(&lab, web);
    // What was changed and the record of it each have a file system of their own, and both are full by then.
    lab.on(
        web,
        "for disk in /etc/docker /var/lib/dtrctl; do mkdir -p $disk; mount -t tmpfs -o size=400k,mode=755 tmpfs $disk; done
         echo '{\"log-level\": \"info\"}' > /etc/docker/daemon.json; systemctl restart docker; docker start once",
    );
    let (before, running) = (lab.files(web), containers(&lab, web));
    let fill = "for disk in /etc/docker /var/lib/dtrctl; do dd if=/dev/zero of=$disk/fill bs=1k; done; true";
    let dies = FAULTS.iter().find(|fault| fault.name.starts_with("dies after three")).expect("there is one");
    // Once all is changed: a change that there is no room to keep would be refused.
    let first = "\n    - daemon_json: {merge: {log-driver: local}}".to_owned() + &dies.tasks();
    let last = format!("    - {RESTART}\n");
    let tasks = first.replace(&last, &format!("    - shell: {fill}\n{last}"));
    let run = broken(&lab, web, &tasks).ends(6);
    let message = run.recap(web)["reason"]["message"].to_string();
    assert!(message.contains("the docker daemon is up") && !message.contains("but not"), "{message}");
    let after: Vec<_> = lab.files(web).into_iter().filter(|line| !line.contains("/fill")).collect();
    assert_eq!(difference(&before, &after), Vec::<String>::new(), "every file is as it was");
    assert_eq!(containers(&lab, web), running);
    // Full before: nothing is begun.
    lab.on(web, fill);
    broken(&lab, web, "\n    - copy: {dest: /etc/lab, content: new}\n")
        .ends(3)
        .says("cannot be written: is the disk full?");
    let records = "ls /var/lib/dtrctl/runs | wc -l";
    assert_eq!(lab.on(web, &format!("test -e /etc/lab || {records}")).trim(), "1", "nothing was begun");
    figure("R3", "a_disk_that_is_full_by_then_hinders_no_way_back", "not_put_back=0 of=1");
}

#[test]
fn what_the_daemon_would_refuse_is_not_written_by_any_task() {
    let Some(lab) = Lab::up("what_the_daemon_would_refuse_is_not_written_by_any_task", &["web"]) else {
        return;
    };
    let web = lab.host(0);
    let (before, running) = begin(&lab, web);
    let tasks = "
    - copy: {dest: /etc/docker/daemon.json, content: '{\"hosts\": [\"unix:///var/run/docker.sock\"]}'}
    - command: systemctl restart docker
";
    broken(&lab, web, tasks).ends(3).says("specified both as a flag and in the configuration file");
    assert_eq!(lab.files(web), before);
    assert_eq!(containers(&lab, web), running);
}

#[test]
fn a_controller_that_dies_between_write_and_restart_leaves_the_host_as_it_was() {
    let Some(lab) = Lab::up("a_controller_that_dies_between_write_and_restart", &["web"]) else { return };
    let web = lab.host(0);
    let (before, running) = begin(&lab, web);
    let play = lab.file(
        "dies.yml",
        "- hosts: all
  become: true
  tasks:
    - daemon_json: {merge: {debug: true, labels: [lab=1]}}
    - restart_docker: {containers: stop}
    - pause: {seconds: 60}
",
    );
    let start = || {
        lab.command(&["apply", &play.display().to_string(), "-i", lab.get("INVENTORY")])
            .args(["--ssh-config", lab.get("SSH_CONFIG"), "--guard-timeout", "5"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dtrctl runs")
    };
    let wait = |what: &str, command: &str, wanted: &str| {
        let begin = Instant::now();
        while lab.on(web, command).trim() != wanted {
            assert!(begin.elapsed() < Duration::from_secs(90), "{what}");
            sleep(Duration::from_millis(200));
        }
    };
    let written = "test -f /etc/docker/daemon.json && echo yes";
    let reloaded = "docker info 2>/dev/null | grep -q lab=1 && echo yes";
    let owed = "cat /run/dtrctl/owed/* 2>/dev/null | grep -c '^restart$'";
    // The controller is killed, then sshd with every session on the host, then the controller once the daemon has reloaded.
    for (blow, when) in [("controller", written), ("sshd", written), ("reloaded", reloaded)] {
        let mut child = start();
        wait("it is done", when, "yes");
        if blow == "sshd" {
            lab.on(web, "pkill -9 -x sshd; systemctl restart ssh");
        } else {
            child.kill().expect("it runs");
        }
        _ = child.wait();
        wait("the guard ends", "ls /run/dtrctl 2>/dev/null | grep -c guard", "0");
        assert_eq!(lab.files(web), before, "{blow}: every file is as it was");
        assert_eq!(containers(&lab, web), running, "{blow}");
        // A reload takes back no key that is gone from the file: what it has brought is owed then.
        let keeps = lab.on(web, reloaded).trim() == "yes";
        assert!(keeps || blow != "reloaded", "it had reloaded");
        if keeps {
            assert_ne!(lab.on(web, owed).trim(), "0", "{blow}: the daemon, too, or it is owed");
            let pay = "- hosts: all\n  become: true\n  tasks:\n    - restart_docker: {containers: stop}\n";
            lab.apply(&lab.file("pay.yml", pay).display().to_string(), &[]).good();
            assert_eq!(lab.on(web, reloaded).trim(), "", "{blow}: what was owed is paid");
            lab.on(web, "docker start once");
        }
        assert_eq!(lab.on(web, "ls -A /run/dtrctl 2>/dev/null").trim(), "", "{blow}: nothing is left");
    }
}

#[test]
fn faults_r12_runs_at_once_take_turns() {
    let Some(lab) = Lab::up("faults_r12_runs_at_once_take_turns", &["web"]) else { return };
    let web = lab.host(0);
    let (rounds, mut refused, mut waited) = (times(3, 50), 0, 0);
    for round in 0..rounds {
        let runs: Vec<_> = (0..4)
            .map(|i| {
                let play = format!(
                    "- hosts: all\n  become: true\n  tasks:\n    - copy: {{dest: /etc/lab-a, content: '{round}-{i}'}}\n    - copy: {{dest: /etc/lab-b, content: '{round}-{i}'}}\n"
                );
                let playbook = lab.file(&format!("run{i}.yml"), &play);
                lab.command(&["apply", &playbook.display().to_string(), "-i", lab.get("INVENTORY")])
                    .args(["--ssh-config", lab.get("SSH_CONFIG"), "--format", "jsonl"])
                    .args(["--lock-timeout", if i % 2 == 0 { "120" } else { "0" }])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("dtrctl runs")
            })
            .collect();
        for (i, child) in runs.into_iter().enumerate() {
            let output = child.wait_with_output().expect("it ends");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            match output.status.code() {
                Some(0) => waited += 1,
                Some(3) if i % 2 == 1 => {
                    assert!(text.contains("another run is changing this host: 20"), "{text}");
                    refused += 1;
                }
                other => panic!("{other:?}: {text}{}", String::from_utf8_lossy(&output.stderr)),
            }
        }
        let (a, b) = (lab.on(web, "cat /etc/lab-a"), lab.on(web, "cat /etc/lab-b"));
        assert_eq!(a, b, "the last run has written both");
    }
    assert!(waited >= rounds * 2, "whoever waits gets its turn");
    figure(
        "R12",
        "faults_r12_runs_at_once_take_turns",
        &format!("mixed=0 of={} refused={refused}", rounds * 4),
    );
}
