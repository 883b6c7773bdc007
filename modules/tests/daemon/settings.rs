//! `daemon_json` on made-up hosts.

use modules::{Change, Need, Overlay, OwedRecord, Plan, Validation};
use serde_json::{Value, json};

use super::fake_host::{CONFIG, FakeHost, lines, system_daemon};

fn insecure(name: &str) -> Value {
    json!({"merge": {"insecure-registries": [name]}})
}

fn refusal(host: &mut FakeHost, arguments: &Value) -> String {
    let error = host.plan("daemon_json", arguments).expect_err("a refusal");
    format!("{} ({})", error.message, error.help.expect("what to do"))
}

#[test]
fn an_entry_is_added_and_a_reload_owed() {
    let mut host = FakeHost::new(Some("{\n\t\"debug\" : true\n}\n"));
    let plan = host.apply("daemon_json", &insecure("r:5000"));
    assert_eq!(
        lines(&plan),
        [
            "owe the daemon a reload: `insecure-registries` changed in /etc/docker/daemon.json",
            "change /etc/docker/daemon.json"
        ]
    );
    assert_eq!(
        host.text(),
        Some("{\n\t\"debug\" : true,\n\t\"insecure-registries\" : [\n\t\t\"r:5000\"\n\t]\n}\n")
    );
    assert_eq!(plan.result["effect"], "reload");
    assert_eq!(plan.result["keys"], json!(["insecure-registries"]));
    assert_eq!(plan.result["path"], CONFIG);
}

#[test]
fn a_converged_host_is_asked_once() {
    let mut host = FakeHost::new(Some(r#"{"insecure-registries": ["r:5000"]}"#));
    host.engine = "28.5.2";
    let (plan, trips) = host.ask("daemon_json", &insecure("r:5000"), &Overlay::default());
    let plan = plan.expect("a plan");
    assert_eq!((plan.changes.len(), trips, plan.notes.len()), (0, 1, 0));
    assert_eq!(plan.result["effect"], "none");
}

#[test]
fn a_mark_that_the_engine_skips_stays() {
    let before = "\u{feff}{\r\n  \"debug\": false\r\n}\r\n";
    let mut host = FakeHost::new(Some(before));
    host.engine = "26.1.5+dfsg1";
    host.apply("daemon_json", &insecure("r:5000"));
    let after =
        before.replace("false\r\n", "false,\r\n  \"insecure-registries\": [\r\n    \"r:5000\"\r\n  ]\r\n");
    assert_eq!(host.text(), Some(after.as_str()));
    assert_eq!(host.validated[0], after.as_bytes(), "what is judged is what is written");
    let mut older = FakeHost::new(Some(before));
    assert!(
        refusal(&mut older, &insecure("r:5000"))
            .contains("a UTF-8 byte order mark, which dockerd before 23.0 refuses")
    );
    assert_eq!(older.text(), Some(before));
}

#[test]
fn a_missing_directory_is_made_first() {
    let mut host = FakeHost::new(None).without_daemon();
    host.directories.clear();
    let plan = host.apply("daemon_json", &insecure("r:5000"));
    assert_eq!(lines(&plan), ["create directory /etc/docker", "create /etc/docker/daemon.json"]);
    assert_eq!(
        plan.notes[0].text,
        "no docker daemon runs here: the file is judged without an engine's version"
    );
}

#[test]
fn a_host_without_docker_is_skipped_unless_something_is_taken_back() {
    let mut host = FakeHost::new(None).without_daemon();
    host.installed = false;
    let plan = host.apply("daemon_json", &insecure("r:5000"));
    assert_eq!(
        plan.skipped.as_deref(),
        Some("no docker daemon is installed on this host, so its file has no reader")
    );
    assert_eq!((plan.changes.len(), host.text()), (0, None));
    let mut left = FakeHost::new(Some("{\"insecure-registries\": [\"r:5000\"]}")).without_daemon();
    left.installed = false;
    left.apply("daemon_json", &json!({"remove": {"insecure-registries": ["r:5000"]}}));
    assert_eq!(left.text(), None, "the way back does not need a daemon");
}

#[test]
fn what_is_taken_back_is_emptied_reloaded_and_then_removed() {
    let mut host = FakeHost::new(Some("{\"insecure-registries\": [\"r:5000\"]}"));
    let remove = json!({"remove": {"insecure-registries": ["r:5000"]}});
    let plan = host.apply("daemon_json", &remove);
    assert_eq!(
        lines(&plan),
        [
            "owe the daemon a reload: `insecure-registries` changed in /etc/docker/daemon.json",
            "change /etc/docker/daemon.json",
            "reload the docker daemon: the daemon keeps a value whose key is gone, and takes the empty one",
            "remove /etc/docker/daemon.json"
        ]
    );
    let Change::WriteFile(write) = &plan.changes[1] else { panic!("{plan:?}") };
    assert_eq!(write.content.text(), Some("{\"insecure-registries\": []}"));
    assert_eq!((host.text(), host.owed.len()), (None, 0));
    assert_eq!(host.heeds.clone().expect("a daemon")["insecure-registries"], json!([]));
    assert_eq!(plan.result["effect"], "reloaded");
    assert_eq!(host.plan("restart_docker", &json!({})).expect("a plan").changes, []);
}

#[test]
fn removed_keys_are_written_out_and_the_rest_stays_byte_for_byte() {
    let text = "{ \"debug\": true,\r\n  \"labels\": [ \"a=b\" ],\r\n  \"live-restore\":true }";
    let mut host = FakeHost::new(Some(text));
    let plan = host.apply("daemon_json", &json!({"remove": {"debug": null, "labels": null}}));
    assert_eq!(plan.changes.len(), 4);
    let Change::WriteFile(write) = &plan.changes[1] else { panic!("{plan:?}") };
    let between: Value = serde_json::from_slice(&write.content.bytes).expect("JSON");
    assert_eq!(between, json!({"debug": false, "labels": [], "live-restore": true}));
    assert_eq!(host.text(), Some("{ \"live-restore\":true }"));
    assert_eq!(host.files[CONFIG].1, 0o640);
}

#[test]
fn where_no_daemon_runs_one_step_does() {
    let text = "{\"insecure-registries\": [\"r:5000\"], \"mtu\": 1400}";
    let mut host = FakeHost::new(Some(text)).without_daemon();
    let plan = host.apply("daemon_json", &json!({"remove": {"insecure-registries": ["r:5000"]}}));
    assert_eq!(lines(&plan), ["change /etc/docker/daemon.json"]);
    assert_eq!(host.text(), Some("{\"mtu\": 1400}"));
}

#[test]
fn what_needs_a_restart_is_owed() {
    let mut host = FakeHost::new(Some("{\"log-driver\": \"journald\"}"));
    let plan = host.apply("daemon_json", &json!({"remove": {"log-driver": null}}));
    assert_eq!(
        lines(&plan),
        [
            "owe the daemon a restart: `log-driver` changed (the engine reads this key only when it starts) in /etc/docker/daemon.json",
            "remove /etc/docker/daemon.json"
        ]
    );
    assert_eq!(plan.result["effect"], "restart");
}

#[test]
fn a_reload_takes_back_what_it_can_and_the_restart_stays_owed() {
    let text = "{\"insecure-registries\": [\"a\"], \"mtu\": 1400}";
    let mut host = FakeHost::new(Some(text));
    let plan = host.apply("daemon_json", &json!({"remove": {"insecure-registries": null, "mtu": null}}));
    assert_eq!(plan.changes.len(), 4);
    assert_eq!(plan.result["effect"], "restart");
    assert_eq!((host.owed.len(), host.owed[0].need), (1, Need::Restart));
    assert_eq!(host.heeds.expect("a daemon")["insecure-registries"], json!([]));
}

#[test]
fn an_older_debt_is_not_forgotten() {
    let mut host = FakeHost::new(None);
    host.apply("daemon_json", &json!({"merge": {"mtu": 1400}}));
    host.apply("daemon_json", &insecure("r:5000"));
    let [OwedRecord { need: Need::Restart, reason, .. }] = &host.owed[..] else { panic!("{:?}", host.owed) };
    assert!(reason.contains("`mtu`") && reason.contains("`insecure-registries`"), "{reason}");
}

#[test]
fn what_is_not_there_needs_no_removal() {
    let remove = json!({"remove": {"insecure-registries": ["r:5000"], "debug": null}});
    for mut host in [FakeHost::new(None), FakeHost::new(Some("{}")), FakeHost::new(Some("{\"mtu\": 1}"))] {
        let text = host.text().map(str::to_owned);
        assert_eq!(host.apply("daemon_json", &remove).changes, []);
        assert_eq!(host.text().map(str::to_owned), text);
    }
}

#[test]
fn a_file_that_a_flag_names_is_not_removed() {
    let mut host = FakeHost::new(Some("{\"insecure-registries\": [\"a\"]}"));
    host.facts.daemons = vec![system_daemon(Some(CONFIG))];
    host.apply("daemon_json", &json!({"remove": {"insecure-registries": null}}));
    assert_eq!(host.text(), Some("{}"));
}

#[test]
fn another_file_owes_nothing_to_the_daemon() {
    let mut host = FakeHost::new(None);
    host.directories.push("/srv".to_owned());
    let arguments = json!({"merge": {"debug": true}, "path": "/srv/daemon.json"});
    let plan = host.apply("daemon_json", &arguments);
    assert_eq!(lines(&plan), ["create /srv/daemon.json"]);
    assert_eq!(plan.notes[0].text, "the running daemon reads /etc/docker/daemon.json, not this file");
}

#[test]
fn a_file_that_is_no_json_is_refused_with_the_place() {
    let mut host = FakeHost::new(Some("{\n  \"debug\": true,\n}\n"));
    assert_eq!(
        refusal(&mut host, &insecure("r")),
        "/etc/docker/daemon.json: line 2, column 16: a comma after the last item, which dockerd refuses; remove it \
         (nothing was written; correct the file by hand and run again)"
    );
}

#[test]
fn values_that_dockerd_refuses_are_the_tasks_or_the_files_fault() {
    let mut host = FakeHost::new(Some("{\"debug\": true}"));
    let text = refusal(&mut host, &insecure("*.h"));
    assert!(text.starts_with(
        "dockerd would not start with the edited /etc/docker/daemon.json: `insecure-registries.0`"
    ));
    assert!(text.contains("(nothing was written; correct the task's arguments (`remove`"), "{text}");
    let mut host = FakeHost::new(Some("{\"Debugg\": true}"));
    let text = refusal(&mut host, &insecure("r"));
    assert!(
        text.starts_with("dockerd does not start with /etc/docker/daemon.json as it stands: `Debugg`"),
        "{text}"
    );
    // An edit that mends the file is none to refuse.
    host.heeds = Some(serde_json::Map::new());
    host.apply("daemon_json", &json!({"remove": {"Debugg": null}}));
}

#[test]
fn what_stands_beside_the_edit_counts_too() {
    let mut host = FakeHost::new(Some(r#"{"log-opts": {"max-size": "1m"}}"#));
    let journald = json!({"merge": {"log-driver": "journald"}});
    assert!(
        refusal(&mut host, &journald)
            .contains("`log-opts.max-size`: the log driver `journald` knows no such")
    );
    let both = json!({"merge": {"log-driver": "journald"}, "remove": {"log-opts": null}});
    assert_eq!(host.apply("daemon_json", &both).result["effect"], "restart");
}

#[test]
fn traps_of_the_edit_are_warned_of_and_those_of_the_file_are_not() {
    let mut host = FakeHost::new(Some("{\"insecure-registry\": [\"x\"]}"));
    let merge = json!({"merge": {"nested": {"debug": true}}});
    let plan = host.apply("daemon_json", &merge);
    let notes: Vec<&str> = plan.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(notes, ["`nested`: dockerd ignores this mapping and what it holds; put its keys at the top"]);
    assert_eq!(plan.result["effect"], "none");
}

#[test]
fn flags_and_file_must_not_say_the_same() {
    let mut host = FakeHost::new(None);
    host.flags.push("--insecure-registry=a".to_owned());
    let text = refusal(&mut host, &insecure("b"));
    assert!(
        text.starts_with(
            "dockerd would neither reload nor start: the following directives are specified both as a flag and in the configuration file: insecure-registries: (from flag: [a], from file: [b])"
        ),
        "{text}"
    );
    assert!(
        text.contains("take the flag `--insecure-registry` away where it is given: see `systemctl cat"),
        "{text}"
    );
    // Taking the file's part away mends it, and the daemon has never heeded it.
    host.files.insert(CONFIG.to_owned(), (b"{\"insecure-registries\": [\"b\"]}".to_vec(), 0o644));
    let plan = host.apply("daemon_json", &json!({"remove": {"insecure-registries": ["b"]}}));
    assert_eq!(lines(&plan), ["remove /etc/docker/daemon.json"]);
}

/// A Boot2Docker host with this profile, and a daemon that has not been started with it yet.
fn boot2docker(profile: &str) -> FakeHost {
    let mut host = FakeHost::new(None);
    "boot2docker".clone_into(&mut host.facts.id);
    host.profile(profile);
    host
}

#[test]
fn a_flag_of_the_profile_that_is_not_in_force_yet_conflicts_too() {
    let given = "EXTRA_ARGS='\n--label provider=virtualbox\n--insecure-registry a\n'\n";
    for mut host in [boot2docker(given), boot2docker(given).without_daemon()] {
        let text = refusal(&mut host, &insecure("b"));
        assert!(
            text.starts_with("dockerd would not start again: the following directives are specified both as a flag and in the configuration file: insecure-registries: (from flag: [a], from file: [b])"),
            "{text}"
        );
        assert!(
            text.contains("take the flag `--insecure-registry` out of /var/lib/boot2docker/profile first"),
            "{text}"
        );
        host.apply("daemon_json", &json!({"merge": {"debug": true}}));
        host.apply(
            "daemon_json",
            &json!({"merge": {"insecure-registries": ["c"]}, "path": "/etc/docker/other.json"}),
        );
    }
    // What is so already is said, and can be mended.
    let mut host = boot2docker(given);
    host.files.insert(CONFIG.to_owned(), (b"{\"insecure-registries\": [\"b\"]}".to_vec(), 0o644));
    let plan = host.plan("daemon_json", &insecure("b")).expect("nothing is to be done");
    assert!(plan.notes[0].text.ends_with("; the flag is in /var/lib/boot2docker/profile"), "{plan:?}");
    let restart =
        host.plan("restart_docker", &json!({"containers": "stop"})).expect_err("it would not start");
    let said = &restart.message;
    assert!(said.contains("not done: dockerd would not start again: "), "{said}");
    assert!(said.ends_with("; the flag is in /var/lib/boot2docker/profile"), "{said}");
    host.apply("daemon_json", &json!({"remove": {"insecure-registries": null}}));
    // A profile whose flags are not known is warned of.
    let plan = boot2docker("eval \"$X\"\n").apply("daemon_json", &insecure("b"));
    assert!(plan.notes[0].text.contains("not known (line 1: `eval` may change"), "{plan:?}");
    // Elsewhere there is no such file.
    let mut host = boot2docker(given);
    host.facts.id = "debian".to_owned();
    host.apply("daemon_json", &insecure("b"));
}

#[test]
fn where_etc_docker_is_in_memory_an_edit_is_warned_of() {
    for (release, warned) in [("1.9.1", true), ("1.10.0", false), ("18.09.9", false)] {
        let mut host = boot2docker("EXTRA_ARGS=''\n");
        host.facts.version_id = release.to_owned();
        let told = |plan: &Plan| plan.notes.iter().any(|note| note.text.contains("goes with the next boot"));
        assert_eq!(told(&host.apply("daemon_json", &insecure("b"))), warned, "{release}");
        assert!(
            !told(&host.plan("daemon_json", &insecure("b")).expect("a plan")),
            "{release}: nothing is to be done"
        );
    }
}

#[test]
fn a_flag_that_has_left_the_profile_goes_with_a_restart_before_the_key_comes() {
    let mut host = boot2docker("EXTRA_ARGS='--label a=b'\n");
    host.flags.extend(["--insecure-registry", "a"].map(str::to_owned));
    host.owed.push(OwedRecord {
        id: "boot2docker_profile".to_owned(),
        need: Need::Restart,
        reason: "flags changed".to_owned(),
    });
    let text = refusal(&mut host, &insecure("a"));
    assert!(
        text.starts_with("dockerd would not reload: ") && text.contains("with `restart_docker` before"),
        "{text}"
    );
    let restart = host.plan("restart_docker", &json!({"containers": "stop"})).expect("a plan");
    let mut overlay = Overlay::default();
    overlay.extend(&restart.changes);
    let (plan, _) = host.ask("daemon_json", &insecure("a"), &overlay);
    let plan = plan.expect("the restart is planned before it");
    assert_eq!(lines(&plan)[1..], ["create /etc/docker/daemon.json"]);
    overlay.extend(&plan.changes);
    assert!(host.ask("restart_docker", &json!({}), &overlay).0.is_ok());
    // What the start script gives stays, whatever the profile says.
    host.flags.extend(["-H", "tcp://0.0.0.0:2376"].map(str::to_owned));
    let merge = json!({"merge": {"hosts": ["fd://"]}});
    assert!(host.ask("daemon_json", &merge, &overlay).0.is_err());
}

#[test]
fn newer_engines_are_asked_to_validate() {
    let mut host = FakeHost::new(None);
    host.engine = "28.5.2";
    host.facts.daemons = vec![system_daemon(Some(CONFIG))];
    host.apply("daemon_json", &insecure("r"));
    assert_eq!(host.validated[0], host.files[CONFIG].0);
    host.verdict = Validation { accepted: false, message: "unable to configure: x\n".to_owned() };
    let text = refusal(&mut host, &insecure("s"));
    assert!(text.starts_with(
        "`dockerd --validate` refuses the edited /etc/docker/daemon.json: unable to configure: x"
    ));
}

#[test]
fn an_empty_file_counts_as_none_where_the_engine_takes_it() {
    let mut host = FakeHost::new(Some("\n"));
    assert!(refusal(&mut host, &insecure("r")).contains("the file is empty"));
    host.engine = "28.5.2";
    host.apply("daemon_json", &insecure("r"));
    assert_eq!(host.text(), Some("{\n  \"insecure-registries\": [\n    \"r\"\n  ]\n}\n"));
}

#[test]
fn arguments_are_judged() {
    let mut host = FakeHost::new(None);
    let error = host.plan("daemon_json", &json!({})).expect_err("a refusal");
    assert_eq!(error.message, "neither `merge` nor `remove` names a key");
    let both = json!({"merge": {"debug": true}, "remove": {"debug": null}});
    assert!(refusal(&mut host, &both).contains("both wanted"));
    let read = |arguments: Value| modules::find("daemon_json").expect("a module").read(arguments).map(|_| ());
    assert!(read(json!({"lists": "both"})).is_err());
    assert!(read(json!({"marge": {}})).is_err());
}
