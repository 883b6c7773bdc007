//! `restart_docker` on made-up hosts.

use modules::{Need, Overlay, OwedRecord};
use serde_json::{Value, json};

use super::fake_host::{CONFIG, FakeHost, lines};

fn owe(host: &mut FakeHost, need: Need, id: &str) {
    host.owed.push(OwedRecord { id: id.to_owned(), need, reason: format!("of {id}") });
}

fn rewrite(host: &mut FakeHost, text: &str) {
    host.files.insert(CONFIG.to_owned(), (text.as_bytes().to_vec(), 0o644));
}

#[test]
fn nothing_is_owed() {
    let mut host = FakeHost::new(Some(r#"{"debug": true, "insecure-registries": ["r:5000"]}"#));
    let (plan, trips) = host.ask("restart_docker", &json!({}), &Overlay::default());
    let plan = plan.expect("a plan");
    assert_eq!((plan.changes.len(), trips, &plan.owed), (0, 1, &None));
    assert_eq!(plan.notes[0].text, "nothing is owed to the daemon");
    assert_eq!((&plan.result["needed"], &plan.result["done"]), (&json!("none"), &json!("none")));
}

#[test]
fn what_daemon_json_owes_is_paid_by_a_reload_in_check_mode_too() {
    let mut host = FakeHost::new(None);
    host.container("a", "no");
    let merge = json!({"merge": {"insecure-registries": ["r:5000"], "max-concurrent-downloads": 7}});
    let first = host.plan("daemon_json", &merge).expect("a plan");
    let mut overlay = Overlay::default();
    overlay.extend(&first.changes);
    let checked = host.ask("restart_docker", &json!({}), &overlay).0.expect("a plan");
    host.apply("daemon_json", &merge);
    let plan = host.apply("restart_docker", &json!({"restart": "never"}));
    assert_eq!(
        lines(&plan),
        [
            "reload the docker daemon: `insecure-registries`, `max-concurrent-downloads` changed in /etc/docker/daemon.json"
        ]
    );
    assert_eq!(checked.changes, plan.changes);
    assert_eq!(plan.result["done"], "reload");
    assert_eq!(host.heeds.expect("a daemon")["insecure-registries"], json!(["r:5000"]));
}

#[test]
fn a_file_that_somebody_else_has_changed_is_seen() {
    let mut host = FakeHost::new(None);
    rewrite(&mut host, r#"{"insecure-registries": ["r:5000"], "debug": true}"#);
    let plan = host.apply("restart_docker", &json!({}));
    assert_eq!(
        lines(&plan),
        [
            "reload the docker daemon: the daemon lacks `r:5000` in `insecure-registries`, unlike /etc/docker/daemon.json; the daemon has `false` for `true` in `debug`, unlike /etc/docker/daemon.json"
        ]
    );
}

#[test]
fn a_key_that_is_gone_needs_a_restart() {
    let mut host = FakeHost::new(Some(r#"{"labels": ["a=b"]}"#));
    rewrite(&mut host, "{}");
    let plan = host.apply("restart_docker", &json!({"restart": "never"}));
    assert_eq!(
        plan.owed.as_deref(),
        Some(
            "a restart of the docker daemon is owed because the daemon still has `a=b` in `labels`, and a key that is gone from /etc/docker/daemon.json keeps its value on a reload; not done, as `restart: never` says; permit it with `restart: auto` (`-e restart=true`)"
        )
    );
    assert_eq!(plan.changes, []);
    let plan = host.apply("restart_docker", &json!({}));
    assert_eq!(plan.changes.len(), 1);
}

#[test]
fn containers_are_not_stopped_unless_permitted() {
    let mut host = FakeHost::new(None);
    owe(&mut host, Need::Restart, "store");
    owe(&mut host, Need::Reload, "daemon.json");
    for (name, restart) in [("a", "always"), ("b", "unless-stopped"), ("c", "no"), ("d", "on-failure")] {
        host.container(name, restart);
    }
    let plan = host.apply("restart_docker", &json!({}));
    assert_eq!(
        plan.owed.as_deref(),
        Some(
            "a restart of the docker daemon is owed because of store; not done, as it would stop 4 containers: a, b (start again by policy), c, d (stay down); permit it with `containers: stop` (`-e containers=stop`)"
        )
    );
    // What a reload pays is paid.
    assert_eq!(lines(&plan), ["reload the docker daemon: of daemon.json"]);
    assert_eq!((&plan.result["needed"], &plan.result["done"]), (&json!("restart"), &json!("reload")));
    let plan = host.apply("restart_docker", &json!({"containers": "stop"}));
    assert_eq!(
        lines(&plan),
        [
            "restart the docker daemon by `systemctl restart docker.service`: of store; stops and starts again: a, b; stops and stays down: c, d"
        ]
    );
    assert_eq!(plan.owed, None);
    assert_eq!(plan.result["stays_down"], json!(["c", "d"]));
}

#[test]
fn an_idle_daemon_is_restarted() {
    let mut host = FakeHost::new(None);
    owe(&mut host, Need::Restart, "store");
    let plan = host.apply("restart_docker", &json!({}));
    assert_eq!(lines(&plan), ["restart the docker daemon by `systemctl restart docker.service`: of store"]);
}

#[test]
fn live_restore_keeps_containers() {
    let mut host = FakeHost::new(Some(r#"{"live-restore": true}"#));
    host.container("a", "no");
    owe(&mut host, Need::Restart, "store");
    let plan = host.apply("restart_docker", &json!({}));
    assert_eq!(lines(&plan), ["restart the docker daemon by `systemctl restart docker.service`: of store"]);
    assert_eq!(plan.notes[0].text, "`live-restore` is on: running containers keep running");
}

#[test]
fn live_restore_that_the_file_has_lost_does_not_keep_containers() {
    let mut host = FakeHost::new(Some(r#"{"live-restore": true}"#));
    host.container("a", "unless-stopped");
    host.container("b", "always");
    rewrite(&mut host, "{}");
    let plan = host.apply("restart_docker", &json!({}));
    let owed = plan.owed.expect("owed");
    assert!(owed.contains("2 containers: b (starts again by policy), a (stays down)"), "{owed}");
}

#[test]
fn live_restore_that_the_file_has_gained_is_reloaded_first() {
    let mut host = FakeHost::new(None);
    host.container("a", "no");
    rewrite(&mut host, r#"{"live-restore": true}"#);
    owe(&mut host, Need::Restart, "store");
    let plan = host.apply("restart_docker", &json!({}));
    assert_eq!(
        lines(&plan),
        [
            "reload the docker daemon: the daemon has `false` for `true` in `live-restore`, unlike /etc/docker/daemon.json",
            "restart the docker daemon by `systemctl restart docker.service`: of store"
        ]
    );
}

#[test]
fn a_file_that_dockerd_refuses_is_not_risked() {
    let mut host = FakeHost::new(None);
    rewrite(&mut host, "{\"debug\": true,}");
    let plan = host.plan("restart_docker", &json!({})).expect("a plan");
    assert!(
        plan.notes[1]
            .text
            .contains("neither reload nor start with /etc/docker/daemon.json: line 1, column 15")
    );
    owe(&mut host, Need::Restart, "store");
    let error = host.plan("restart_docker", &json!({"containers": "stop"})).expect_err("a refusal");
    assert!(
        error
            .message
            .starts_with("a restart of the docker daemon is owed because of store; not done: dockerd")
    );
    rewrite(&mut host, "{\"debug\": true}");
    host.flags.push("-D".to_owned());
    let error = host.plan("restart_docker", &json!({"containers": "stop"})).expect_err("a refusal");
    assert!(error.message.contains("debug: (from flag: true, from file: true)"), "{}", error.message);
}

#[test]
fn a_verdict_of_the_engine_counts() {
    let mut host = FakeHost::new(Some("{}"));
    host.engine = "28.5.2";
    host.verdict.accepted = false;
    "no".clone_into(&mut host.verdict.message);
    owe(&mut host, Need::Restart, "store");
    let error = host.plan("restart_docker", &json!({})).expect_err("a refusal");
    assert!(error.message.ends_with("not done: `dockerd --validate` says: no"), "{}", error.message);
}

#[test]
fn swarms() {
    let mut host = FakeHost::new(None);
    host.swarm = json!({"LocalNodeState": "active", "ControlAvailable": true});
    owe(&mut host, Need::Restart, "store");
    let plan = host.plan("restart_docker", &json!({})).expect("a plan");
    assert!(plan.notes[0].text.contains("a manager of a swarm"), "{:?}", plan.notes);
    host.swarm =
        json!({"LocalNodeState": "active", "ControlAvailable": true, "Managers": 2, "Cluster": {"ID": "c1"}});
    let plan = host.plan("restart_docker", &json!({})).expect("a plan");
    assert_eq!(plan.changes[0].turn().map(String::as_str), Some("swarm c1"), "one manager at a time");
    assert!(plan.notes[1].text.starts_with("the swarm has 2 managers"), "{:?}", plan.notes);
    host.swarm = json!({"LocalNodeState": "active", "ControlAvailable": false});
    let plan = host.plan("restart_docker", &json!({})).expect("a plan");
    assert_eq!(plan.changes[0].turn(), None, "workers may restart side by side");
    rewrite(&mut host, "{\"live-restore\": true}");
    let error = host.plan("restart_docker", &json!({})).expect_err("a refusal");
    assert!(error.message.contains("`live-restore` on a node of a swarm"), "{}", error.message);
}

#[test]
fn a_host_without_docker_is_skipped() {
    let mut host = FakeHost::new(None).without_daemon();
    host.installed = false;
    let plan = host.plan("restart_docker", &json!({})).expect("a plan");
    assert_eq!(plan.skipped.as_deref(), Some("no docker daemon is installed on this host"));
}

#[test]
fn a_daemon_that_does_not_run() {
    let mut host = FakeHost::new(None).without_daemon();
    let plan = host.apply("restart_docker", &json!({}));
    assert_eq!(
        plan.notes[0].text,
        "no docker daemon runs (docker.service is inactive, docker.socket is inactive): it reads its settings when it starts"
    );
    "failed".clone_into(&mut host.units[0].1);
    let error = host.plan("restart_docker", &json!({})).expect_err("a failure");
    assert_eq!(
        error.message,
        "the docker daemon does not run: docker.service is failed, docker.socket is inactive"
    );
    assert!(
        error
            .help
            .expect("what to do")
            .starts_with("see `journalctl -u docker.service -n 20`; then start it")
    );
    let plan = host.apply("restart_docker", &json!({"containers": "stop"}));
    assert_eq!(plan.changes.len(), 1);
}

#[test]
fn a_daemon_that_does_not_answer() {
    let mut host = FakeHost::new(None);
    host.answers_api = false;
    let error = host.plan("restart_docker", &json!({})).expect_err("a failure");
    assert_eq!(error.message, "the docker daemon (process 1) does not answer");
    let merge = json!({"merge": {"insecure-registries": ["r"]}});
    assert_eq!(host.apply("daemon_json", &merge).changes.len(), 2);
}

#[test]
fn arguments_are_judged() {
    let read =
        |arguments: Value| modules::find("restart_docker").expect("a module").read(arguments).map(|_| ());
    assert!(read(json!({"containers": "keep", "restart": "auto"})).is_ok());
    assert!(read(json!({"containers": "kill"})).is_err());
    assert!(read(json!({"force": true})).is_err());
}
