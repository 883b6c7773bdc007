//! Plan files: what was reviewed is what is applied, and a host that has moved is left alone.

mod secrets;
mod unknown;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value as Json, json};

use crate::harness::{Call, Ran, World};

const TASKS: &str = "\
- name: greet
  copy: {dest: /etc/motd, content: \"hello {{ inventory_hostname }}\\n\", mode: \"0644\"}
- name: settings
  lineinfile: {path: /etc/conf, line: new}
- name: marker
  file: {path: /etc/marker, state: absent}
- name: fresh
  copy: {dest: /etc/fresh, content: \"fresh\\n\"}
- name: closed
  file: {path: /etc/closed, mode: \"0600\"}
";

fn world() -> World {
    let hosts = ["web1", "web2", "web3"];
    let world = World::with(&hosts).tasks(TASKS);
    hosts.iter().fold(world, |world, host| {
        world
            .host_file(host, "/etc/motd", "old\n")
            .host_file(host, "/etc/conf", "line\n")
            .host_file(host, "/etc/marker", "x")
            .host_file(host, "/etc/closed", "x")
    })
}

fn planned(world: &World, more: &[&str]) -> Ran {
    world.dtrctl(&["plan", "site.yml", "-i", "hosts.yml", "-o", "plan.json"]).args(more).run()
}

fn apply<'w>(world: &'w World, more: &[&str]) -> Call<'w> {
    world.dtrctl(&["apply", "plan.json", "--format", "jsonl"]).args(more)
}

fn saved(world: &World) -> Json {
    serde_json::from_str(&fs::read_to_string(world.path("plan.json")).unwrap()).unwrap()
}

fn rewrite(world: &World, change: impl FnOnce(&mut Json)) {
    let mut plan = saved(world);
    change(&mut plan);
    fs::write(world.path("plan.json"), plan.to_string()).unwrap();
}

fn state(ran: &Ran, host: &str) -> String {
    ran.recap(host)["state"].as_str().unwrap().to_owned()
}

fn reason(ran: &Ran, host: &str) -> String {
    let recap = ran.recap(host);
    assert_eq!(recap["reason"]["kind"], "stale", "{recap}");
    recap["reason"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_plan_is_what_check_shows_and_apply_does_it() {
    let world = world();
    // The first run of all reads the facts, in a trip of its own.
    world.apply(&["--check"]).run();
    let check = world.apply(&["--check"]).run();
    let before = world.trees();
    let plan = planned(&world, &[]);
    assert_eq!(before, world.trees(), "a plan touches no host");
    let (shown, line) =
        plan.report().rsplit_once("plan saved").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(shown, check.report());
    assert_eq!(line, " as plan.json; apply it with `dtrctl apply plan.json -l web1` first\n");
    let mode = fs::metadata(world.path("plan.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let saved = saved(&world);
    let summaries: Vec<_> = saved["hosts"]["web1"]["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| &task["changes"][0]["summary"])
        .collect();
    assert_eq!(
        summaries,
        [
            "change /etc/motd",
            "change /etc/conf",
            "remove /etc/marker",
            "create /etc/fresh",
            "set /etc/closed: mode 0644 → 0600"
        ]
    );
    let ran = apply(&world, &[]).run();
    for host in ["web1", "web2", "web3"] {
        assert_eq!(ran.recap(host)["changed"], 5, "{}", ran.recap(host));
    }
    assert_eq!(world.text("/etc/motd"), "hello web1\n");
    // The same plan once more finds all of it done.
    let again = apply(&world, &["--detailed-exitcode"]).run();
    assert_eq!((state(&again, "web1").as_str(), &again.recap("web1")["ok"]), ("ok", &json!(5)));
}

#[test]
fn two_plans_of_the_same_are_the_same() {
    let world = world();
    planned(&world, &[]);
    let first = saved(&world);
    planned(&world, &[]);
    assert_eq!(first["hosts"], saved(&world)["hosts"]);
    let kept = fs::read_to_string(world.path("plan.json")).unwrap();
    assert_eq!(kept, serde_json::to_string_pretty(&saved(&world)).unwrap() + "\n", "a reader sees lines");
}

#[test]
fn the_canary_first_then_the_rest() {
    let world = world();
    planned(&world, &[]);
    let others = (world.trees()["web2"].clone(), world.trees()["web3"].clone());
    let canary = apply(&world, &["-l", "web1"]).run();
    assert_eq!(state(&canary, "web1"), "changed");
    assert_eq!((&world.trees()["web2"], &world.trees()["web3"]), (&others.0, &others.1));
    let rest = apply(&world, &[]).run();
    assert_eq!(["web1", "web2", "web3"].map(|host| state(&rest, host)), ["ok", "changed", "changed"]);
}

/// How `web2` moves, and what is said of it.
const MOVES: &[(&str, &str)] = &[
    ("content", "/etc/motd: its content is another than the plan starts from (sha256 "),
    ("mode", "/etc/motd: its mode is another than the plan starts from (0644 then, 0604 now)"),
    ("removed", "/etc/motd: it was there when the plan was made (sha256 "),
    ("link", "/etc/motd: it was sha256 "),
    ("same", "/etc/motd: it was sha256 "),
    ("through", "/etc/conf: it was no link when the plan was made, and is a link to elsewhere now"),
    ("dangling", ""),
    ("new", "/etc/fresh: there was nothing when the plan was made, and there is something now (sha256 "),
    ("directory", ""),
    ("edited", "/etc/conf: its content is another than the plan starts from (sha256 "),
    ("closed", "/etc/closed: its mode is another than the plan starts from (0644 then, 0640 now)"),
    ("gone", "`closed` fails now: "),
    ("marker", "/etc/marker: its content is another than the plan starts from (sha256 "),
];

fn move_on(root: &Path, how: &str) {
    let path = |name: &str| root.join("etc").join(name);
    let chmod = |name: &str, mode| fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    match how {
        "content" => fs::write(path("motd"), "other\n").unwrap(),
        "mode" => chmod("motd", 0o604),
        "removed" => fs::remove_file(path("motd")).unwrap(),
        "link" => {
            fs::write(path("elsewhere"), "else\n").unwrap();
            fs::remove_file(path("motd")).unwrap();
            symlink("elsewhere", path("motd")).unwrap();
        }
        "same" => {
            fs::rename(path("motd"), path("elsewhere")).unwrap();
            symlink("elsewhere", path("motd")).unwrap();
        }
        "through" => {
            fs::rename(path("conf"), path("elsewhere")).unwrap();
            symlink("elsewhere", path("conf")).unwrap();
        }
        "dangling" => {
            fs::remove_file(path("motd")).unwrap();
            symlink("nowhere", path("motd")).unwrap();
        }
        "new" => fs::write(path("fresh"), "was here first\n").unwrap(),
        "directory" => fs::create_dir(path("fresh")).unwrap(),
        "edited" => fs::write(path("conf"), "line\nmore\n").unwrap(),
        "closed" => chmod("closed", 0o640),
        "gone" => fs::remove_file(path("closed")).unwrap(),
        "marker" => fs::write(path("marker"), "y").unwrap(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_host_that_has_moved_is_left_alone_and_the_others_are_changed() {
    for (how, said) in MOVES {
        let world = world();
        planned(&world, &[]);
        move_on(&world.root("web2"), how);
        let before = world.trees()["web2"].clone();
        let ran = apply(&world, &[]).code(3).run();
        assert_eq!(
            ["web1", "web2", "web3"].map(|host| state(&ran, host)),
            ["changed", "stale", "changed"],
            "{how}"
        );
        let why = reason(&ran, "web2");
        assert!(why.starts_with(said), "{how}: {why}");
        assert_eq!(before.differences(&world.trees()["web2"]), Vec::<String>::new(), "{how}");
    }
    let test = "a_host_that_has_moved_is_left_alone_and_the_others_are_changed";
    crate::figure::figure("R13", test, &format!("applied_all_the_same=0 of={}", MOVES.len()));
}

#[test]
fn what_is_done_already_is_no_difference_and_the_rest_is_done() {
    let world = world();
    planned(&world, &[]);
    // As an interruption, or a hand, leaves it.
    fs::write(world.root("web1").join("etc/motd"), "hello web1\n").unwrap();
    fs::remove_file(world.root("web1").join("etc/marker")).unwrap();
    let ran = apply(&world, &["-l", "web1"]).run();
    assert_eq!((&ran.recap("web1")["ok"], &ran.recap("web1")["changed"]), (&json!(2), &json!(3)));
}

#[test]
fn what_drifts_beside_the_plan_is_not_repaired_by_it() {
    let world = world().host_file("web2", "/etc/motd", "hello web2\n");
    planned(&world, &[]);
    fs::write(world.root("web2").join("etc/motd"), "drift\n").unwrap();
    let ran = apply(&world, &[]).code(3).run();
    assert_eq!(reason(&ran, "web2"), "`greet` would now change /etc/motd, which is not in the plan");
}

#[test]
fn another_text_of_the_same_plan_is_fine_and_another_plan_is_not() {
    let world = world();
    planned(&world, &[]);
    let play = fs::read_to_string(world.path("site.yml")).unwrap();
    let same = play.replace("    - name: greet", "    # for all\n    - debug: {msg: x}\n    - name: greet");
    let world = world.playbook(&same);
    let ran = apply(&world, &["-l", "web1"]).run();
    assert_eq!(ran.recap("web1")["changed"], 5);
    assert!(
        apply(&world, &["-l", "web1", "-v"])
            .any_stderr()
            .run()
            .stderr
            .contains("site.yml` has changed since")
    );
    for (old, new, said) in [
        ("hello", "bye", "/etc/motd: what it is to hold is another (sha256 "),
        ("0600", "0640", "/etc/closed: its `summary` is another"),
        (
            "    - name: fresh\n",
            "    - name: fresher\n",
            "`fresher` would now create /etc/fresh, which is not in the plan",
        ),
        (
            "    - name: greet\n",
            "    - name: first\n      copy: {dest: /etc/first, content: x}\n    - name: greet\n",
            "`first` would now create /etc/first, which is not in the plan",
        ),
        (
            "    - name: greet\n",
            "    - name: greet\n      when: false\n",
            "`greet` would not be done now, and the plan has it: change /etc/motd",
        ),
        (
            "    - name: marker\n      file: {path: /etc/marker, state: absent}\n",
            "",
            "`marker` would not be done now, and the plan has it: remove /etc/marker",
        ),
        ("line: new", "line: new, backup: true", "`settings` would now "),
    ] {
        assert!(play.contains(old), "{old}");
        let world = world_of(&play.replacen(old, new, 1), &play);
        let ran = apply(&world, &["-l", "web2"]).code(3).run();
        let why = reason(&ran, "web2");
        assert!(why.starts_with(said), "{new}: {why}");
    }
}

/// A world with a plan of one playbook and the text of another.
fn world_of(now: &str, then: &str) -> World {
    let world = world().playbook(then);
    planned(&world, &[]);
    world.playbook(now)
}

#[test]
fn who_makes_a_change_is_part_of_it() {
    let world = world().tasks("- copy: {dest: /etc/motd, content: x}\n");
    planned(&world, &[]);
    let world = world.tasks("- copy: {dest: /etc/motd, content: x}\n  become: true\n");
    let ran = apply(&world, &[]).code(3).run();
    assert!(reason(&ran, "web1").contains("in what is not shown"), "{}", reason(&ran, "web1"));
}

#[test]
fn a_plan_that_was_edited_does_no_more_than_what_still_holds() {
    type Edit = fn(&mut Json);
    let edits: [(Edit, &str); 6] = [
        (
            |task| task["changes"][0]["seal"] = json!("sha256:00"),
            "what `greet` would run is another than was reviewed",
        ),
        (|task| task["changes"][0]["diff"] = json!("nothing to see"), "/etc/motd: its `diff` is another"),
        (|task| task["changes"][0]["summary"] = json!("look away"), "/etc/motd: its `summary` is another"),
        (|task| task["changes"][0]["to"] = json!("sha256:00"), "/etc/motd: what it is to hold is another"),
        (|task| task["changes"] = json!([]), "`greet` would now change /etc/motd; the plan has nothing"),
        (
            |task| task["name"] = json!("other"),
            "`greet` would now change /etc/motd, which is not in the plan",
        ),
    ];
    for (edit, said) in edits {
        let world = world();
        planned(&world, &[]);
        rewrite(&world, |plan| edit(&mut plan["hosts"]["web1"]["tasks"][0]));
        let before = world.trees()["web1"].clone();
        let ran = apply(&world, &["-l", "web1"]).code(3).run();
        assert!(reason(&ran, "web1").contains(said), "{said}: {}", reason(&ran, "web1"));
        assert_eq!(before.differences(&world.trees()["web1"]), Vec::<String>::new());
    }
    // A change that is taken out is one that was not reviewed.
    let world = world();
    planned(&world, &[]);
    rewrite(&world, |plan| _ = plan["hosts"]["web1"]["tasks"].as_array_mut().unwrap().remove(1));
    let ran = apply(&world, &["-l", "web1"]).code(3).run();
    assert_eq!(reason(&ran, "web1"), "`settings` would now change /etc/conf, which is not in the plan");
}

#[test]
fn what_is_no_plan_is_refused_with_its_place() {
    let world = world();
    planned(&world, &[]);
    let whole = fs::read_to_string(world.path("plan.json")).unwrap();
    let before = world.trees();
    for (text, said) in [
        (whole[..whole.len() / 2].to_owned(), "`plan.json` is no JSON that is whole: "),
        (
            whole.replace("\"dtrctl_plan\": 1", "\"dtrctl_plan\": 2"),
            "is a plan of version 2, and this dtrctl knows 1",
        ),
        (whole.replacen("\"who\"", "\"whom\"", 1), "is no plan, at `whom`: unknown field `whom`"),
        (whole.replacen("\"ok\": 0", "\"ok\": \"no\"", 1), "is no plan, at `hosts.web1.ok`: "),
        (
            whole.replacen("\"seal\"", "\"sea\"", 1),
            "is no plan, at `hosts.web1.tasks[0].changes[0]`: `seal` is missing",
        ),
        ("{}".to_owned(), "`plan.json` is neither a plan nor a playbook"),
        ("{\"hosts\": {}}".to_owned(), "`plan.json` is neither a plan nor a playbook"),
    ] {
        fs::write(world.path("plan.json"), &text).unwrap();
        let ran = apply(&world, &[]).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said), "{said}\n{}", ran.stderr);
    }
    assert_eq!(before, world.trees());
}

#[test]
fn what_plans_anew_is_refused() {
    let world = world();
    planned(&world, &[]);
    for more in [&["-e", "x=1"][..], &["-i", "site.yml"], &["-t", "x"], &["--skip-tags", "x"], &["-b"]] {
        let ran = apply(&world, more).code(1).any_stderr().run();
        assert!(
            ran.stderr.contains(&format!("`{}` would change what is planned", more[0])),
            "{}",
            ran.stderr
        );
    }
    let ran = apply(&world, &["-l", "nosuch"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("nosuch"), "{}", ran.stderr);
    let ran =
        world.dtrctl(&["apply", "site.yml", "-i", "hosts.yml", "--allow-unknown"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("`--allow-unknown` belongs to a plan"), "{}", ran.stderr);
    let ran = world.dtrctl(&["apply", "plan.json", "site.yml"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("which is applied alone"), "{}", ran.stderr);
    let ran = world.dtrctl(&["plan", "plan.json", "-o", "more.json"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("`plan.json` is a plan already"), "{}", ran.stderr);
    for (output, said) in [
        ("site.yml", "ends in .json"),
        ("other.json", "is there, and is no plan"),
        ("no/p.json", "is no directory"),
    ] {
        fs::write(world.path("other.json"), "{\"mine\": true}").unwrap();
        let ran =
            world.dtrctl(&["plan", "site.yml", "-i", "hosts.yml", "-o", output]).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert_eq!(fs::read_to_string(world.path("other.json")).unwrap(), "{\"mine\": true}");
    // Who gives the plan's own inventory has said nothing new, and what the environment says is not said about the plan.
    apply(&world, &["-i", "./hosts.yml"]).run();
    apply(&world, &[]).env("DTRCTL_INVENTORY", "elsewhere.yml").run();
}

#[test]
fn hosts_that_are_not_in_the_plan_are_named() {
    let world = world();
    planned(&world, &["-l", "web1"]);
    let ran = apply(&world, &["-l", "web1,web3"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("not in the plan: web3"), "{}", ran.stderr);
    let before = world.trees()["web3"].clone();
    let ran = apply(&world, &[]).any_stderr().run();
    assert!(ran.stderr.contains("left alone, as the plan does not hold them: web"), "{}", ran.stderr);
    assert_eq!((state(&ran, "web1").as_str(), &before), ("changed", &world.trees()["web3"]));
    // And the other way round: a host of the plan that is in no inventory any more.
    let world = self::world();
    planned(&world, &[]);
    let hosts = fs::read_to_string(world.path("hosts.yml")).unwrap();
    let left = hosts.replace("    web2:", "    web9:");
    let world = world.file("hosts.yml", left);
    let ran = apply(&world, &[]).code(3).any_stderr().run();
    assert_eq!(reason(&ran, "web2"), "no play selects this host any more, and the plan has it");
    assert_eq!(state(&ran, "web1"), "changed");
}

#[test]
fn a_plan_is_applied_from_anywhere() {
    let world =
        world().file("vars.yml", "word: hi\n").tasks("- copy: {dest: /etc/motd, content: \"{{ word }}\\n\"}");
    planned(&world, &["-e", "@vars.yml", "-l", "web1"]);
    let path = world.path("plan.json").display().to_string();
    let mut call = world.dtrctl(&["apply", &path]).command();
    let output = call.current_dir(world.path("home")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(world.text("/etc/motd"), "hi\n");
    // Another checkout of the same.
    fs::create_dir(world.path("copy")).unwrap();
    for name in ["site.yml", "vars.yml", "hosts.yml"] {
        fs::rename(world.path(name), world.path("copy").join(name)).unwrap();
    }
    fs::write(world.root("web1").join("etc/motd"), "old\n").unwrap();
    apply(&world, &[]).code(1).any_stderr().run();
    apply(&world, &["--directory", "copy"]).any_stderr().run();
    assert_eq!(world.text("/etc/motd"), "hi\n");
    fs::rename(world.path("copy/hosts.yml"), world.path("hosts.yml")).unwrap();
    fs::rename(world.path("copy/site.yml"), world.path("site.yml")).unwrap();
    fs::remove_file(world.path("site.yml")).unwrap();
    let ran = apply(&world, &[]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("of which `plan.json` was made, is not there"), "{}", ran.stderr);
    let other = world.file("site.yml", "[]").file("ansible.cfg", "[defaults]\nforks = 3\n");
    let ran = apply(&other, &[]).code(1).any_stderr().run();
    assert!(
        ran.stderr.contains("another ansible.cfg: none then, `$WORLD/ansible.cfg` now"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_host_of_which_the_plan_knows_no_end_is_stale() {
    let world = world();
    let hosts = fs::read_to_string(world.path("hosts.yml")).unwrap();
    fs::create_dir(world.root("web2").join("etc/fresh")).unwrap();
    let away = world.root("web3");
    let gone = hosts.replace(
        &format!("ansible_sandbox_root: {}", away.display()),
        "ansible_connection: ssh\n      ansible_host: 127.0.0.1\n      ansible_port: 1",
    );
    let world = world.file("hosts.yml", gone);
    world.dtrctl(&["plan", "site.yml", "-i", "hosts.yml", "-o", "plan.json"]).code(3).run();
    fs::remove_dir(world.root("web2").join("etc/fresh")).unwrap();
    let world = world.file("hosts.yml", hosts);
    let ran = apply(&world, &[]).code(3).run();
    for host in ["web2", "web3"] {
        let why = reason(&ran, host);
        assert!(why.starts_with("the plan does not know what this host needs; when it was made: "), "{why}");
    }
    assert_eq!(state(&ran, "web1"), "changed");
}

#[test]
fn a_host_that_cannot_be_reached_is_that() {
    let world = world();
    planned(&world, &[]);
    let hosts = fs::read_to_string(world.path("hosts.yml")).unwrap();
    let away = world.root("web3");
    let gone = hosts.replace(
        &format!("ansible_sandbox_root: {}", away.display()),
        "ansible_connection: ssh\n      ansible_host: 127.0.0.1\n      ansible_port: 1",
    );
    let world = world.file("hosts.yml", gone);
    let ran = apply(&world, &[]).code(4).run();
    assert_eq!(["web1", "web2", "web3"].map(|host| state(&ran, host)), ["changed", "changed", "unreachable"]);
}

#[test]
fn a_named_canary_that_has_moved_holds_up_the_rest() {
    for (canary, others) in [("web1", "not_attempted"), ("1", "changed")] {
        let world =
            world().playbook(&format!("- hosts: docker\n  canary: {canary}\n  tasks:\n{}", indented(TASKS)));
        planned(&world, &[]);
        fs::write(world.root("web1").join("etc/motd"), "moved\n").unwrap();
        let ran = apply(&world, &[]).any_code().run();
        assert_eq!(
            (state(&ran, "web1").as_str(), state(&ran, "web3").as_str()),
            ("stale", others),
            "{canary}"
        );
    }
}

#[test]
fn hosts_that_have_moved_use_up_no_budget() {
    let world = world().playbook(&format!("- hosts: docker\n  max_fail: 0\n  tasks:\n{}", indented(TASKS)));
    planned(&world, &[]);
    fs::write(world.root("web1").join("etc/motd"), "moved\n").unwrap();
    let ran = apply(&world, &[]).code(3).run();
    assert_eq!((state(&ran, "web1").as_str(), state(&ran, "web3").as_str()), ("stale", "changed"));
}

fn indented(tasks: &str) -> String {
    tasks.lines().map(|line| format!("    {line}\n")).collect()
}
