//! Exit codes, events, recaps and listings.

use serde_json::{Value as Json, json};

use crate::harness::World;

const UNREACHABLE: &str = "    gone: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}\n";

/// `web1`, and `gone`, which nothing listens for.
fn half_reachable() -> World {
    let world = World::new();
    let inventory = std::fs::read_to_string(world.path("hosts.yml")).unwrap();
    let (head, vars) = inventory.split_at(inventory.find("  vars:").unwrap());
    world.file("hosts.yml", format!("{head}{UNREACHABLE}{vars}"))
}

#[test]
fn exit_codes() {
    let world = World::new().tasks("- copy: {dest: /etc/motd, content: x}");
    world.events(&["--check"]).code(0).run();
    world.events(&["--check", "--detailed-exitcode"]).code(2).run();
    world.events(&["--detailed-exitcode"]).code(0).run();
    world.events(&["--check", "--detailed-exitcode"]).code(0).run();
    let world = world.tasks("- assert: {that: false}");
    world.events(&[]).code(3).run();
    world.events(&["--check"]).code(3).run();
    let world = half_reachable().tasks("- copy: {dest: /etc/motd, content: x}");
    let ran = world.events(&[]).code(4).run();
    assert_eq!(ran.recap("web1")["state"], "changed");
    assert_eq!(
        (&ran.recap("gone")["state"], &ran.recap("gone")["unreachable"]),
        (&json!("unreachable"), &json!(1))
    );
    assert_eq!(ran.recap("gone")["reason"]["kind"], "tcp");
    // A failure weighs more than a host that cannot be reached.
    let world = world.tasks("- assert: {that: false}");
    world.events(&[]).code(3).run();
}

#[test]
fn a_connection_that_dtrctl_does_not_have_is_a_failure_of_that_host_alone() {
    let world = half_reachable().tasks("- copy: {dest: /etc/motd, content: x}");
    let inventory = std::fs::read_to_string(world.path("hosts.yml")).unwrap();
    let world =
        world.file("hosts.yml", inventory.replace("ansible_connection: ssh", "ansible_connection: winrm"));
    let ran = world.events(&[]).code(3).run();
    assert_eq!(ran.recap("gone")["state"], "unsupported");
    assert_eq!(ran.recap("web1")["state"], "changed");
}

#[test]
fn events_begin_and_end() {
    let world =
        World::with(&["web2", "web1"]).tasks("- {name: greet, copy: {dest: /etc/motd, content: \"x\\n\"}}");
    let ran = world.events(&["--check"]).run();
    let events = ran.events();
    let first = &events[0];
    assert_eq!(
        (&first["event"], &first["version"], &first["check"]),
        (&json!("run_started"), &json!(1), &json!(true))
    );
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["exit"]), (&json!("run_finished"), &json!(0)));
    let expected = json!({
        "ok": 0, "changed": 1, "failed": 0, "skipped": 0, "unreachable": 0, "rescued": 0, "unknown": 0, "ignored": 0,
        "state": "changed", "owed": [], "trips": 2
    });
    assert_eq!((&last["hosts"]["web1"], &last["hosts"]["web2"]), (&expected, &expected));
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<&Json>>();
    assert_eq!(of("planned").len(), 2);
    assert_eq!(of("task_finished").len(), 2);
    assert_eq!(of("host_finished").len(), 2);
    let diff = of("planned")[0]["changes"][0]["diff"].as_str().unwrap();
    assert_eq!(diff, "new file mode 0644\n--- (absent)\n+++ /etc/motd\n@@ -0,0 +1 @@\n+x\n");
}

#[test]
fn every_host_comes_to_exactly_one_end() {
    let world = half_reachable().tasks("- copy: {dest: /etc/motd, content: x}");
    let ran = world.events(&[]).code(4).run();
    for host in ["web1", "gone"] {
        let ends = ran.events().iter().filter(|e| e["event"] == "host_finished" && e["host"] == host).count();
        assert_eq!(ends, 1, "{host}");
    }
}

#[test]
fn events_go_to_a_file_too_and_the_report_to_people() {
    let world = World::new().tasks("- {name: greet, copy: {dest: /etc/motd, content: \"x\\n\"}}");
    let ran = world.apply(&["--check", "--events", "events.jsonl", "--junit", "junit.xml"]).run();
    insta::assert_snapshot!(ran.report(), @r"
    check of site.yml: nothing is changed · run ID

    play docker · web1
      would change  greet
          new file mode 0644
          --- (absent)
          +++ /etc/motd
          @@ -0,0 +1 @@
          +x

    recap (check: nothing was changed)
      would change  1  web1
                       tasks: 1 would change · 2 trips

    exit status 0: changes are pending (2 with `--detailed-exitcode`)
    drift=1 owed=0 unknown=0 unreachable=0 failed=0 not_attempted=0 as_desired=0
    ");
    let events = std::fs::read_to_string(world.path("events.jsonl")).unwrap();
    assert!(events.lines().last().unwrap().contains("run_finished"));
    assert!(std::fs::read_to_string(world.path("junit.xml")).unwrap().starts_with("<?xml"));
}

#[test]
fn a_secret_is_in_no_output() {
    let canary = "canary-5d41402abc4b2a76";
    let world = World::new().tasks(&format!(
        "- {{copy: {{dest: /etc/a, content: {canary}, secret: true}}}}\n\
         - {{copy: {{dest: /etc/b, content: {canary}}}, no_log: true, register: said}}\n\
         - {{debug: {{msg: {canary}}}, no_log: true}}\n\
         - {{assert: {{that: false, fail_msg: {canary}}}, no_log: true}}",
    ));
    for flags in [&["--check"][..], &["--diff=full"], &["--format", "jsonl"]] {
        let ran = world.apply(flags).args(&["--events", "e", "--junit", "j"]).code(3).any_stderr().run();
        let files = ["e", "j"].map(|name| std::fs::read_to_string(world.path(name)).unwrap());
        for text in [&ran.stdout, &ran.stderr, &files[0], &files[1]] {
            assert!(!text.contains(canary), "{flags:?}: {text}");
        }
    }
    assert_eq!(world.text("/etc/a"), canary);
}

#[test]
fn a_secret_is_not_remembered() {
    let canary = "canary-5d41402abc4b2a76";
    let world = World::new().tasks(&format!("- copy: {{dest: /etc/a, content: {canary}, secret: true}}"));
    world.law(&[]);
    let cache = crate::tree::Tree::of(&world.path("cache"));
    assert!(!cache.contents().is_empty());
    for (path, (_, content)) in cache.contents() {
        assert!(!String::from_utf8_lossy(&content).contains(canary), "{path}");
    }
}

#[test]
fn hosts_are_listed() {
    let world = World::with(&["web2", "web1", "db1"]).tasks("- {name: greet, debug: {msg: x}, tags: [a, b]}");
    let listed = |args: &[&str]| world.dtrctl(args).run().stdout;
    assert_eq!(listed(&["hosts", "docker:!db1", "-i", "hosts.yml"]), "web2\nweb1\n");
    let limited =
        world.dtrctl(&["hosts", "web1", "-l", "web2", "-i", "hosts.yml"]).code(1).any_stderr().run();
    assert!(limited.stderr.contains("the limit `web2` leaves none of the hosts"), "{}", limited.stderr);
    let nothing = world.dtrctl(&["hosts", "web1:!web1", "-i", "hosts.yml"]).run();
    assert_eq!(nothing.stdout, "");
    assert_eq!(listed(&["hosts", "web*", "-i", "hosts.yml", "--format", "json"]), "[\"web2\",\"web1\"]\n");
}

#[test]
fn an_inventory_is_printed_as_ansible_prints_it() {
    let world = World::new().file("hosts.yml", "docker:\n  hosts:\n    web[1:2]: {a: 1}\n  vars: {b: two}\n");
    let printed = |args: &[&str]| {
        let text = world.dtrctl(&["inventory", "-i", "hosts.yml"]).args(args).run().stdout;
        serde_json::from_str::<Json>(&text).unwrap()
    };
    assert_eq!(
        printed(&["--list"]),
        json!({
            "_meta": {"hostvars": {"web1": {"a": 1, "b": "two"}, "web2": {"a": 1, "b": "two"}}, "profile": "inventory_legacy"},
            "all": {"children": ["ungrouped", "docker"]},
            "docker": {"hosts": ["web1", "web2"]}
        })
    );
    assert_eq!(printed(&["--host", "web2"]), json!({"a": 1, "b": "two"}));
    let graph = world.dtrctl(&["inventory", "-i", "hosts.yml", "--graph"]).run().stdout;
    assert_eq!(graph, "@all:\n  |--@ungrouped:\n  |--@docker:\n  |  |--web1\n  |  |--web2\n");
    world.dtrctl(&["inventory", "-i", "hosts.yml", "--host", "web3"]).code(1).any_stderr().run();
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::new().tasks("- debug: {msg: x}");
    let mut child = world.apply(&[]).command().spawn().unwrap();
    drop(child.stdout.take());
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
