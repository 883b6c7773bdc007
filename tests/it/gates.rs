//! Gates: which hosts go first, how many at once, and what ends a run before it spreads.

use serde_json::{Value as Json, json};

use crate::harness::{Ran, World};

const FOUR: [&str; 4] = ["web1", "web2", "web3", "web4"];

/// These hosts; nothing listens for those of `gone`.
pub fn fleet(hosts: &[&str], gone: &[&str]) -> World {
    with_gone(World::with(hosts), gone)
}

/// The same world, in whose inventory nothing listens for these hosts.
pub fn with_gone(world: World, gone: &[&str]) -> World {
    let mut inventory = String::from("docker:\n  hosts:\n");
    for host in world.hosts() {
        let way = if gone.contains(&host.as_str()) {
            "{ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}".to_owned()
        } else {
            format!("{{ansible_connection: sandbox, ansible_sandbox_root: {}}}", world.root(host).display())
        };
        inventory += &format!("    {host}: {way}\n");
    }
    world.file("hosts.yml", inventory)
}

/// A play that writes a file and fails on the hosts of `broken`.
fn play(gates: &str) -> String {
    format!(
        "- hosts: docker\n  {}\n  tasks:\n    - copy: {{dest: /etc/motd, content: x}}\n    \
         - assert: {{that: \"inventory_hostname not in broken | default([])\"}}\n",
        gates.replace("; ", "\n  ")
    )
}

fn broken(hosts: &[&str]) -> String {
    json!({"broken": hosts}).to_string()
}

fn states(ran: &Ran, hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| ran.recap(host)["state"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The hosts of each batch.
fn batches(ran: &Ran) -> Vec<String> {
    let of = |event: &Json| {
        let hosts = event["hosts"].as_array().expect("hosts");
        hosts.iter().map(|host| host.as_str().unwrap_or_default()).collect::<Vec<_>>().join(" ")
    };
    ran.events().iter().filter(|event| event["event"] == "batch_started").map(of).collect()
}

fn closed(ran: &Ran) -> Option<Json> {
    let mut closed = ran.events();
    closed.retain(|event| event["event"] == "gate_closed");
    assert!(closed.len() < 2, "a gate closes once: {closed:?}");
    closed.pop()
}

fn touched(world: &World, host: &str) -> bool {
    world.root(host).join("etc/motd").exists()
}

#[test]
fn the_canary_goes_first_and_the_others_follow() {
    let world = World::with(&FOUR);
    for (gates, expected) in [
        ("canary: 1", vec!["web1", "web2 web3 web4"]),
        ("canary: 50%", vec!["web1 web2", "web3 web4"]),
        ("canary: web3", vec!["web3", "web1 web2 web4"]),
        ("canary: [web4, web2]", vec!["web2 web4", "web1 web3"]),
        ("canary: web*:!web1:!web2:!web3; serial: 2", vec!["web4", "web1 web2", "web3"]),
        // Percentages are of all the play's hosts.
        ("canary: 1; serial: 50%", vec!["web1", "web2 web3", "web4"]),
        ("canary: 2; window: 1", vec!["web1 web2", "web3 web4"]),
        ("canary: 0", vec!["web1 web2 web3 web4"]),
        ("canary: 9", vec!["web1 web2 web3 web4"]),
    ] {
        let world = with_gone(World::with(&FOUR), &[]).playbook(&play(gates));
        assert_eq!(batches(&world.events(&[]).run()), expected, "{gates}");
    }
    let world = world.playbook(&play("canary: 1"));
    assert_eq!(batches(&world.events(&["--canary", "web2:web3"]).run()), ["web2 web3", "web1 web4"]);
    assert_eq!(batches(&world.events(&["--canary", "0"]).run()), ["web1 web2 web3 web4"]);
    let ran = world.dtrctl(&["run", "docker", "copy", "dest=/etc/x", "content=y", "-i", "hosts.yml"]);
    let ran = ran.args(&["--canary", "25%", "--format", "jsonl"]).run();
    assert_eq!(batches(&ran), ["web1", "web2 web3 web4"]);
}

#[test]
fn a_canary_that_is_lost_ends_the_run() {
    let two = format!("{}{}", play("canary: 2"), play("serial: 1"));
    let world = World::with(&FOUR).playbook(&two);
    let ran = world.events(&["-e", &broken(&["web2"])]).code(5).any_stderr().run();
    // The one that was well was to go on in the second play.
    assert_eq!(states(&ran, &FOUR), ["aborted", "failed", "not_attempted", "not_attempted"]);
    assert!(!touched(&world, "web3") && !touched(&world, "web4"));
    let event = closed(&ran).expect("a gate has closed");
    assert_eq!((&event["gate"], &event["hosts"]), (&json!("canary"), &json!(["web2"])));
    let run = ran.events()[0]["run"].as_str().unwrap().to_owned();
    assert_eq!(event["help"], format!("to go on with what is not done: dtrctl resume {run}"));
    // Where nobody would follow, nothing was ended: the canary's own end says it all.
    let world = World::with(&["web1"]).playbook(&play("canary: 1"));
    let ran = world.events(&["-e", &broken(&["web1"])]).code(3).run();
    assert!(closed(&ran).is_none());
}

#[test]
fn a_number_of_canaries_is_of_hosts_that_can_be_reached() {
    let world = fleet(&FOUR, &["web1", "web3"]).playbook(&play("canary: 2"));
    let ran = world.events(&[]).code(4).run();
    assert_eq!(batches(&ran), ["web2 web4", "web1 web3"]);
    assert_eq!(states(&ran, &FOUR), ["unreachable", "changed", "unreachable", "changed"]);
    // Whoever names a host means that host.
    let world = fleet(&FOUR, &["web1"]).playbook(&play("canary: web1"));
    let ran = world.events(&[]).code(5).any_stderr().run();
    assert_eq!(states(&ran, &FOUR), ["unreachable", "not_attempted", "not_attempted", "not_attempted"]);
}

#[test]
fn nobody_goes_on_after_the_canary_without_a_word() {
    let world = World::with(&FOUR).playbook(&play("canary: 1; confirm: after_canary"));
    let ran = world.apply(&[]).code(5).any_stderr().run();
    let said = "the canary (web1) has ended well; the other 3 hosts wait, as there is no terminal to ask at";
    assert!(ran.stdout.contains(said) && ran.stdout.contains("dtrctl resume "), "{}", ran.stdout);
    assert!(ran.stdout.contains("exit status 5: ended by a gate"), "{}", ran.stdout);
    let ran = world.events(&[]).code(5).any_stderr().run();
    assert_eq!(states(&ran, &FOUR), ["ok", "not_attempted", "not_attempted", "not_attempted"]);
    assert!(FOUR[1..].iter().all(|host| !touched(&world, host)));
    // In check mode nobody is asked, and where nobody would follow neither.
    world.events(&["--check"]).run();
    world.events(&["-l", "web1"]).run();
    world.events(&["--canary", "0"]).run();
    assert!(FOUR.iter().all(|host| touched(&world, host)));
}

/// At a terminal, which `script` makes.
#[test]
fn at_a_terminal_it_is_asked_for() {
    let answered = |answer: &str| {
        let world = World::with(&["web1", "web2"]).playbook(&play("canary: 1; confirm: after_canary"));
        let call = world.apply(&[]).command();
        let words = call.get_args().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ");
        let line = format!("{} {words}", env!("CARGO_BIN_EXE_dtrctl"));
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).current_dir(world.path(""));
        command.env("HOME", world.path("home")).env("XDG_CACHE_HOME", world.path("cache"));
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let Ok(mut child) = command.spawn() else { return None };
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), answer.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("go on with the other host? [y/N] "), "{text}");
        Some((output.status.code(), touched(&world, "web2"), text))
    };
    let Some((code, followed, text)) = answered("y\n") else {
        eprintln!("skipped: there is no `script`");
        return;
    };
    assert_eq!((code, followed), (Some(0), true), "{text}");
    let (code, followed, text) = answered("n\n").unwrap();
    assert_eq!((code, followed), (Some(5), false), "{text}");
    assert!(text.contains("nobody has said to go on"), "{text}");
}

#[test]
fn hosts_that_are_out_of_reach_are_known_before_anything_changes() {
    let world = fleet(&FOUR, &["web3", "web4"]).playbook(&play("serial: 1; max_unreachable: 1"));
    let ran = world.events(&[]).code(5).any_stderr().run();
    assert!(FOUR.iter().all(|host| !touched(&world, host)));
    let event = closed(&ran).expect("a gate has closed");
    assert_eq!(
        event["message"],
        "2 of 4 hosts are out of reach, more than `max_unreachable: 1` permits: web3, web4"
    );
    // Each is said to be so once, though its turn never came.
    for host in ["web3", "web4"] {
        let said = |event: &&Json| event["event"] == "host_unreachable" && event["host"] == host;
        assert_eq!(ran.events().iter().filter(said).count(), 1, "{host}");
        assert_eq!(
            (&ran.recap(host)["state"], &ran.recap(host)["trips"]),
            (&json!("unreachable"), &json!(0))
        );
    }
    assert!(states(&ran, &["web2"]) == ["not_attempted"], "{ran:?}", ran = ran.stdout);
    // As many as are permitted do not end it, and the flag overrules the play.
    let ran = world.events(&["--max-unreachable", "50%"]).code(4).run();
    assert_eq!(states(&ran, &FOUR), ["changed", "changed", "unreachable", "unreachable"]);
    assert!(closed(&ran).is_none(), "a batch that is lost whole has ended it");
}

#[test]
fn budgets_are_over_the_whole_run() {
    let two = format!("{}{}", play("serial: 2; max_fail: 1"), play("serial: 2; max_fail: 1"));
    let world = World::with(&FOUR).playbook(&two);
    let ran = world.events(&["-e", &broken(&["web1"])]).code(3).run();
    assert_eq!(states(&ran, &FOUR), ["failed", "changed", "changed", "changed"]);
    let ran = world.events(&["-e", &broken(&["web1", "web3"])]).code(5).any_stderr().run();
    let event = closed(&ran).expect("a gate has closed");
    assert_eq!((&event["gate"], &event["hosts"]), (&json!("max_fail"), &json!(["web1", "web3"])));
    assert_eq!(states(&ran, &["web1", "web2", "web3"]), ["failed", "aborted", "failed"]);
    // A stricter one of a later play is judged by what was lost before.
    let two = format!("{}{}", play("max_fail: 1"), play("max_fail: 0"));
    let world = world.playbook(&two);
    let ran = world.events(&["-e", &broken(&["web1"])]).code(5).any_stderr().run();
    let begun = |event: &&Json| event["event"] == "host_started";
    assert_eq!(ran.events().iter().filter(begun).count(), 4, "the second play begins with nobody");
    // Of a run of one host, its own end says it all.
    world.events(&["-e", &broken(&["web1"]), "-l", "web1"]).code(3).run();
}

#[test]
fn a_window_moves_on_as_hosts_end_well_and_lost_ones_keep_their_place() {
    let world = World::with(&FOUR).playbook(&play("window: 2"));
    let ran = world.events(&["-e", &broken(&["web1"])]).code(3).run();
    assert_eq!(states(&ran, &FOUR), ["failed", "changed", "changed", "changed"]);
    assert_eq!(most_at_once(&ran), 2);
    let ran = world.events(&["-e", &broken(&["web1", "web2"])]).code(5).any_stderr().run();
    assert_eq!(closed(&ran).expect("a gate has closed")["gate"], "window");
    assert_eq!(states(&ran, &FOUR)[2..], ["not_attempted", "not_attempted"]);
    // One that was never reached has had no place.
    let world = fleet(&FOUR, &["web1", "web2"]).playbook(&play("window: 1"));
    let ran = world.events(&[]).code(4).run();
    assert_eq!(states(&ran, &FOUR), ["unreachable", "unreachable", "changed", "changed"]);
    // `run_once` is once for all, by the first that comes to it; nobody waits for hosts that have not begun.
    let once = "- hosts: docker\n  tasks:\n    - {set_fact: {me: \"{{ inventory_hostname }}\"}, run_once: true}\n    \
                - {copy: {dest: /etc/motd, content: \"{{ me }}\"}}\n";
    let world = World::with(&FOUR).playbook(once);
    let ran = world.events(&["--window", "1"]).run();
    assert_eq!(most_at_once(&ran), 1);
    let read = |host: &str| std::fs::read_to_string(world.root(host).join("etc/motd")).unwrap();
    assert_eq!(FOUR.map(read), ["web1", "web1", "web1", "web1"]);
}

/// How many hosts were under way at once.
fn most_at_once(ran: &Ran) -> usize {
    let (mut now, mut most) = (0, 0);
    for event in ran.events() {
        match event["event"].as_str() {
            Some("host_started") => now += 1,
            Some("host_finished") => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[test]
fn in_check_mode_no_gate_closes_and_one_line_says_how_hosts_stand() {
    let gates = "canary: web1; window: 1; max_fail: 0; max_unreachable: 0; confirm: after_canary";
    let world = fleet(&FOUR, &["web1"]).playbook(&play(gates));
    std::fs::write(world.root("web2").join("etc/motd"), "x").unwrap();
    let before = world.trees();
    let flags = ["--check", "--detailed-exitcode", "-e", "broken=web3", "--junit", "junit.xml"];
    let ran = world.events(&flags).code(3).run();
    assert_eq!(before, world.trees());
    let last = ran.events().pop().unwrap();
    assert_eq!(
        last["summary"],
        json!({"drift": 1, "owed": 0, "unknown": 0, "unreachable": 1, "failed": 1, "not_attempted": 0, "as_desired": 1})
    );
    let junit = std::fs::read_to_string(world.path("junit.xml")).unwrap();
    for (name, count) in last["summary"].as_object().unwrap() {
        assert!(junit.contains(&format!("<property name=\"{name}\" value=\"{count}\"/>")), "{junit}");
    }
    let ran = world.apply(&flags).code(3).run();
    assert_eq!(
        ran.stdout.lines().last(),
        Some("drift=1 owed=0 unknown=0 unreachable=1 failed=1 not_attempted=0 as_desired=1")
    );
}

#[test]
fn what_is_no_gate_is_refused_at_its_place() {
    let world = World::with(&FOUR);
    for (gates, said) in [
        ("window: 2; serial: 2", "`window` and `serial` exclude each other"),
        ("confirm: after_canary", "`confirm: after_canary` needs a canary"),
        ("canary: 1; confirm: always", "`confirm` takes `after_canary` alone"),
        ("canary: 0%", "`canary` takes a number of hosts"),
        ("window: 0", "`window` takes a number of hosts from 1 on"),
        ("max_fail: many", "`max_fail` takes a number of hosts or a percentage"),
        ("max_unreachable: \"{{ n }}\"", "`max_unreachable` takes a number of hosts or a percentage"),
        ("bake: 1h", "`bake` takes seconds"),
        ("canarys: 1", "a play has no `canarys`"),
    ] {
        let world = fleet(&FOUR, &[]).playbook(&play(gates));
        let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said) && ran.stderr.contains("site.yml:"), "{gates}: {}", ran.stderr);
    }
    let world = world.playbook(&play("serial: 2"));
    for (flags, said) in [
        (vec!["--window", "2"], "this play has a `serial`, and `--window` excludes it"),
        (vec!["--confirm", "after_canary"], "`--confirm after_canary` needs a canary"),
        (vec!["--canary", "wbe1"], "wbe1"),
        (vec!["--canary", "web4", "-l", "web1"], "no play has one of these hosts"),
        (vec!["--canary", "web1:!nobody"], "`!nobody` excludes nothing"),
        (vec!["--max-fail", "some"], "`max_fail` takes a number of hosts or a percentage"),
        (vec!["--bake", "ten"], "`bake` takes seconds"),
        (vec!["--confirm", "never"], "`confirm` takes `after_canary` alone"),
    ] {
        let ran = world.apply(&flags).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said), "{flags:?}: {}", ran.stderr);
        assert!(FOUR.iter().all(|host| !touched(&world, host)));
    }
    // A canary of the play's own that `-l` leaves out is missed, and that is said.
    let world = world.playbook(&play("canary: web4"));
    let ran = world.apply(&["-l", "web1,web2"]).any_stderr().run();
    assert!(ran.stderr.contains("none of the play's hosts is one of its canary"), "{}", ran.stderr);
}

#[test]
fn a_host_that_is_slow_to_be_out_of_reach_is_waited_for_before_the_first_change() {
    // It takes the connection and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let world = fleet(&["web1", "web2"], &["web2"]).playbook(&play("max_unreachable: 0"));
    let inventory = std::fs::read_to_string(world.path("hosts.yml")).unwrap();
    let port = format!("ansible_port: {}}}", mute.local_addr().unwrap().port());
    let world = world.file("hosts.yml", inventory.replace("ansible_port: 1}", &port));
    let ran = world.events(&["-T", "1"]).code(5).any_stderr().run();
    assert!(!touched(&world, "web1"));
    assert_eq!(states(&ran, &["web1", "web2"]), ["aborted", "unreachable"]);
    // What is only asked has not waited: the facts, and what the task asks.
    assert_eq!(ran.recap("web1")["trips"], 2);
    drop(mute);
}

/// Places are for hosts that are connected to ahead of their turn: who waits for others must keep none of them from being reached.
#[test]
fn more_hosts_than_are_connected_ahead_come_to_their_turn() {
    let names: Vec<String> = (1..=45).map(|number| format!("web{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = fleet(&names, &["web31"]);
    let looks = "- stat: {path: /etc}\n    - assert: {that: true}\n";
    let changes = "- copy: {dest: /etc/motd, content: x}\n";
    for (gates, tasks) in [
        ("any_errors_fatal: true", looks),
        ("canary: web44", looks),
        ("serial: 7\n  order: reverse_inventory", changes),
        ("window: 42", changes),
    ] {
        world = world.playbook(&format!("- hosts: docker:!web31\n  {gates}\n  tasks:\n    {tasks}"));
        // It is judged by its exit status.
        world.events(&["-f", "4"]).run();
    }
    // One that is out of reach is known before anything is changed, wherever it stands.
    let late = "- hosts: docker\n  max_unreachable: 0\n  tasks:\n    - copy: {dest: /etc/late, content: x}\n";
    world = world.playbook(late);
    assert!(closed(&world.events(&["-f", "4"]).any_code().run()).is_some(), "the gate closes");
    assert!(!names.iter().any(|name| world.root(name).join("etc/late").exists()), "nothing was changed");
}
