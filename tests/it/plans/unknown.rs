//! What a plan does not know: accepted by name, compared as far as it is known, and never more than that.

use std::fs;

use super::{apply, planned, reason, saved, state};
use crate::harness::World;

/// A host that is this machine; `TARGET` is a folder.
fn world(tasks: &str) -> World {
    world_of("a", tasks)
}

/// The same, of which `own` says something else.
fn world_of(own: &str, tasks: &str) -> World {
    let hosts = format!("docker:\n  hosts:\n    web1: {{ansible_connection: local, own: {own}}}\n");
    let world = World::new().file("hosts.yml", hosts);
    fs::create_dir(world.path("target")).unwrap();
    let target = world.path("target").display().to_string();
    world.tasks(&tasks.replace("TARGET", &target))
}

const TASKS: &str = "\
- name: before
  copy: {dest: \"TARGET/{{ own }}.before\", content: x}
- name: ask
  command: date +now
  register: said
- name: what it said
  copy: {dest: \"TARGET/{{ own }}.said\", content: \"{{ said.stdout }}\"}
- name: after
  copy: {dest: \"TARGET/{{ own }}.after\", content: x}
";

#[test]
fn a_plan_with_unknowns_has_to_be_accepted() {
    let world = world(TASKS);
    planned(&world, &[]);
    let ran = apply(&world, &[]).code(1).any_stderr().run();
    for said in [
        "`ask` on web1: what a command does is known only when it has run",
        "`what it said` on web1: ",
        "--allow-unknown",
    ] {
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(world.path("target")).unwrap().count(), 0, "nothing was done");
    let ran = apply(&world, &["--allow-unknown"]).run();
    assert_eq!(state(&ran, "web1"), "changed");
    assert_eq!(fs::read_to_string(world.path("target/a.said")).unwrap(), "now");
    // Once more: the command runs again, and all else is done.
    let ran = apply(&world, &["--allow-unknown"]).run();
    assert_eq!((&ran.recap("web1")["changed"], &ran.recap("web1")["ok"]), (&1.into(), &3.into()));
}

#[test]
fn the_words_of_a_command_are_compared() {
    let world = world(TASKS);
    planned(&world, &[]);
    let play = fs::read_to_string(world.path("site.yml")).unwrap();
    let world = world.playbook(&play.replace("date +now", "date +then"));
    let ran = apply(&world, &["--allow-unknown"]).code(3).run();
    assert_eq!(
        reason(&ran, "web1"),
        "`ask`: its `summary` is another (\"run date +now\" then, \"run date +then\" now)"
    );
    assert_eq!(fs::read_dir(world.path("target")).unwrap().count(), 0, "nothing was done");
}

/// A command changes what a later task is planned from: that is found out when it comes to it, and nothing of that task is done.
const MOVES: &str = "\
- block:
    - name: first
      copy: {dest: \"TARGET/{{ own }}.first\", content: x}
    - name: meddle
      shell: \"[ {{ own }} = b ] || echo moved >TARGET/a.conf\"
    - name: conf
      copy: {dest: \"TARGET/{{ own }}.conf\", content: new}
      ignore_errors: true
      failed_when: false
    - name: last
      copy: {dest: \"TARGET/{{ own }}.last\", content: x}
  rescue:
    - name: rescue
      debug: {msg: never}
  always:
    - name: always
      copy: {dest: \"TARGET/{{ own }}.always\", content: x}
";

#[test]
fn a_host_that_moves_while_the_plan_is_applied_ends_there() {
    let world = world(MOVES);
    planned(&world, &[]);
    let ran = apply(&world, &["--allow-unknown"]).code(3).run();
    assert_eq!(state(&ran, "web1"), "stale");
    assert_eq!(
        reason(&ran, "web1"),
        "`conf` would now do what was not reviewed: change $WORLD/target/a.conf; nothing of it was done"
    );
    let there = |name: &str| world.path("target").join(name).exists();
    assert_eq!(fs::read_to_string(world.path("target/a.conf")).unwrap(), "moved\n");
    assert!(
        there("a.first") && !there("a.last") && there("a.always"),
        "what must be done in any case is done"
    );
    // Where nothing moves, all of it is done.
    let world = world_of("b", MOVES);
    planned(&world, &[]);
    apply(&world, &["--allow-unknown"]).run();
    let there = |name: &str| world.path("target").join(name).exists();
    assert!(there("b.first") && there("b.conf") && there("b.last") && there("b.always"));
    assert!(
        !ran.outcomes("web1").iter().any(|line| line.starts_with("rescue")),
        "{:?}",
        ran.outcomes("web1")
    );
}

#[test]
fn what_an_include_of_unknown_name_brings_may_be_done() {
    let tasks = "\
- command: echo more
  register: which
- name: include
  include_tasks: \"{{ which.stdout }}.yml\"
- name: never named
  copy: {dest: \"TARGET/{{ own }}.known\", content: x}
";
    let world = world(tasks);
    let target = world.path("target").display().to_string();
    let more = "- name: brought\n  copy: {dest: \"TARGET/{{ own }}.brought\", content: x}\n  loop: [1]\n";
    let world = world.file("more.yml", more.replace("TARGET", &target));
    planned(&world, &[]);
    let tasks = saved(&world)["hosts"]["web1"]["tasks"].clone();
    assert!(tasks.as_array().unwrap().iter().any(|task| task["module"] == "include_tasks"), "{tasks:#}");
    let ran = apply(&world, &["--allow-unknown"]).run();
    assert_eq!(state(&ran, "web1"), "changed", "{}", ran.recap("web1"));
    assert!(world.path("target/a.brought").exists());
}

#[test]
fn a_task_that_runs_in_check_mode_too_is_held_to_the_plan_before_it_runs() {
    let tasks =
        "- name: runs\n  command: touch TARGET/{{ own }}.{{ word | default('one') }}\n  check_mode: false\n";
    let world = world(tasks);
    planned(&world, &[]);
    assert!(world.path("target/a.one").exists(), "it runs when it is planned");
    let play = fs::read_to_string(world.path("site.yml")).unwrap();
    let world = world.playbook(&play.replace("'one'", "'two'"));
    let ran = apply(&world, &["--allow-unknown"]).code(3).run();
    assert!(reason(&ran, "web1").contains("touch"), "{}", reason(&ran, "web1"));
    assert!(!world.path("target/a.two").exists(), "nothing that was not reviewed has run");
}

#[test]
fn handlers_and_loops_are_tasks_of_the_plan() {
    let tasks = "\
- name: files
  copy: {dest: \"TARGET/{{ own }}.{{ item }}\", content: \"{{ item }}\"}
  loop: [x, y]
  notify: told
";
    let handlers =
        "  handlers:\n    - name: told\n      copy: {dest: \"TARGET/{{ own }}.told\", content: x}\n";
    let world = world(tasks);
    let play = fs::read_to_string(world.path("site.yml")).unwrap();
    let target = world.path("target").display().to_string();
    let world = world.playbook(&(play + &handlers.replace("TARGET", &target)));
    planned(&world, &[]);
    let plan = saved(&world);
    let names: Vec<_> = plan["hosts"]["web1"]["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| (task["name"].clone(), task["item"].clone(), task["handler"].clone()))
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(names[2].2, true);
    apply(&world, &[]).run();
    assert!(world.path("target/a.told").exists());
    // Done, its handler is not called again.
    let ran = apply(&world, &[]).run();
    assert_eq!(state(&ran, "web1"), "ok");
    fs::write(world.path("target/a.y"), "moved").unwrap();
    fs::remove_file(world.path("target/a.x")).unwrap();
    let ran = apply(&world, &[]).code(3).run();
    let why = reason(&ran, "web1");
    assert!(why.contains("a.y: there was nothing when the plan was made"), "{why}");
    assert!(!world.path("target/a.x").exists());
}
