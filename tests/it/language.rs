//! Plays and tasks: what each keyword does.

use serde_json::json;

use crate::harness::World;

#[test]
fn a_loop_goes_through_its_items_in_order() {
    let world = World::new().tasks(
        "- name: write\n  copy: {dest: \"/etc/{{ item.name }}\", content: \"{{ item.text }}\"}\n\
         \x20 loop: [{name: a, text: one}, {name: b, text: two}]\n  register: written\n\
         - debug: {msg: \"{{ written.results | map(attribute='dest') | join(' ') }}\"}",
    );
    let law = world.law(&[]);
    assert_eq!((world.text("/etc/a").as_str(), world.text("/etc/b").as_str()), ("one", "two"));
    assert_eq!(law.first.messages("web1").last().unwrap(), "/etc/a /etc/b");
    assert_eq!(law.first.recap("web1")["changed"], 1);
}

#[test]
fn conditions_decide() {
    let world = World::new().tasks(
        "- {name: one, debug: {msg: a}, when: inventory_hostname == 'web1'}\n\
         - {name: two, debug: {msg: b}, when: [true, \"1 > 2\"]}\n\
         - {name: three, debug: {msg: c}, when: nothing is defined}",
    );
    let ran = world.events(&[]).run();
    assert_eq!(ran.outcomes("web1"), ["one: ok", "two: skipped", "three: skipped"]);
}

#[test]
fn a_result_is_registered() {
    let world = World::new().tasks(
        "- {copy: {dest: /etc/motd, content: x}, register: motd}\n\
         - {name: after, copy: {dest: /etc/changed, content: x}, when: motd is changed}\n\
         - debug: {var: motd.changed}",
    );
    let check = world.events(&["--check"]).run();
    let first = world.events(&[]).run();
    crate::harness::assert_same_plan(&check, &first);
    let second = world.events(&[]).run();
    assert_eq!(second.outcomes("web1")[1], "after: skipped");
    assert_eq!(second.finished("web1")[2]["result"]["motd.changed"], false);
}

const HANDLERS: &str = "- hosts: docker
  tasks:
    - {name: task one, copy: {dest: /etc/one, content: x}, notify: [third, first]}
    - {name: task two, copy: {dest: /etc/two, content: x}, notify: topic}
    - {name: task three, debug: {msg: x}, notify: never}
  handlers:
    - {name: first, debug: {msg: 1}}
    - {name: second, debug: {msg: 2}, listen: topic}
    - {name: third, debug: {msg: 3}}
    - {name: never, debug: {msg: 4}}
";

#[test]
fn handlers_run_once_in_their_own_order_and_only_after_a_change() {
    let world = World::new().playbook(HANDLERS);
    let law = world.law(&[]);
    let tasks = ["task one", "task two", "task three"];
    let expected: Vec<String> =
        ["changed", "changed", "ok"].iter().zip(tasks).map(|(o, t)| format!("{t}: {o}")).collect();
    let handlers = ["first: ok", "second: ok", "third: ok"].map(str::to_owned);
    assert_eq!(law.first.outcomes("web1"), [expected.as_slice(), &handlers].concat());
    assert_eq!(law.second.outcomes("web1").len(), 3);
}

#[test]
fn a_handler_notifies_a_later_one() {
    let world = World::new().playbook(
        "- hosts: docker
  tasks:
    - {copy: {dest: /etc/one, content: x}, notify: a}
  handlers:
    - {name: b, debug: {msg: b}}
    - {name: a, copy: {dest: /etc/two, content: x}, notify: [b, c]}
    - {name: c, debug: {msg: c}}
",
    );
    let law = world.law(&[]);
    let ran = law.first.outcomes("web1");
    // What is notified before itself runs at the next flush, that of `post_tasks`.
    assert_eq!(ran[1..], ["a: changed", "c: ok", "b: ok"]);
}

#[test]
fn tags_choose_tasks() {
    let world = World::new().tasks(
        "- {name: a, debug: {msg: x}, tags: a}\n- {name: b, debug: {msg: x}, tags: [b, c]}\n\
         - {name: always, debug: {msg: x}, tags: always}\n- {name: never, debug: {msg: x}, tags: never}\n- {name: plain, debug: {msg: x}}",
    );
    let names = |flags: &[&str]| -> Vec<String> {
        let ran = world.events(flags).run();
        ran.outcomes("web1").iter().map(|line| line.trim_end_matches(": ok").to_owned()).collect()
    };
    assert_eq!(names(&[]), ["a", "b", "always", "plain"]);
    assert_eq!(names(&["-t", "a"]), ["a", "always"]);
    assert_eq!(names(&["-t", "c,never"]), ["b", "always", "never"]);
    assert_eq!(names(&["--skip-tags", "b,always"]), ["a", "plain"]);
    assert_eq!(names(&["-t", "untagged"]), ["always", "plain"]);
    let ran = world.apply(&["-t", "a,bb"]).code(1).any_stderr().run();
    assert!(ran.stderr.contains("`-t bb`: no task has this tag"), "{}", ran.stderr);
    assert!(ran.stderr.contains("these are there: a, always, b, c, never"), "{}", ran.stderr);
    assert_eq!(names(&["-t", "bb", "--allow-empty"]), ["always"]);
}

#[test]
fn a_play_that_tags_leave_out_needs_no_hosts_and_asks_nobody() {
    let world = World::new().playbook(
        "- {hosts: nobody, tags: [other], tasks: [{debug: {msg: x}}]}
- {hosts: docker, tags: [wanted], tasks: [{debug: {msg: y}}]}
",
    );
    let ran = world.events(&["-t", "wanted"]).run();
    assert_eq!(ran.recap("web1")["trips"], 1);
    assert_eq!(ran.stdout.matches("play_started").count(), 1);
    assert!(world.apply(&[]).code(1).any_stderr().run().stderr.contains("nobody"));
}

#[test]
fn serial_makes_batches_and_a_batch_lost_whole_ends_the_play() {
    let world = World::with(&["web1", "web2", "web3", "web4"]).playbook(
        "- hosts: docker
  serial: [1, 2]
  tasks:
    - {assert: {that: \"inventory_hostname not in broken | default([])\"}}
    - {copy: {dest: /etc/motd, content: \"{{ ansible_play_batch | join(' ') }}\"}}
",
    );
    let ran = world.events(&["-e", "{\"broken\": [\"web2\", \"web3\"]}"]).code(3).run();
    let states: Vec<_> =
        ["web1", "web2", "web3", "web4"].iter().map(|host| ran.recap(host)["state"].clone()).collect();
    assert_eq!(states, ["changed", "failed", "failed", "not_attempted"]);
    assert!(!world.root("web4").join("etc/motd").exists());
    world.law(&[]);
    let read = |host: &str| std::fs::read_to_string(world.root(host).join("etc/motd")).unwrap();
    assert_eq!([read("web1"), read("web2"), read("web4")], ["web1", "web2 web3", "web4"]);
}

#[test]
fn any_errors_fatal_ends_the_whole_run_with_the_first_host_that_is_lost() {
    let plays = |fatal: bool| {
        format!(
            "- hosts: web1
  any_errors_fatal: {fatal}
  tasks: [{{assert: {{that: false}}}}]
- hosts: web2
  tasks: [{{copy: {{dest: /etc/motd, content: x}}}}]
"
        )
    };
    let world = World::with(&["web1", "web2"]).playbook(&plays(true));
    let ran = world.events(&[]).code(3).run();
    assert_eq!(
        (ran.recap("web1")["state"].clone(), ran.recap("web2")["state"].clone()),
        ("failed".into(), "not_attempted".into())
    );
    assert!(!world.root("web2").join("etc/motd").exists());
    assert!(ran.stdout.contains("`web1` is lost, and the play says `any_errors_fatal`"), "{}", ran.stdout);
    // One that is lost with its whole batch ends the run in any case, as in Ansible.
    let world = world.playbook(&plays(false));
    assert_eq!(world.events(&[]).code(3).run().recap("web2")["state"], "not_attempted");
    let world = world.playbook(
        &plays(false)
            .replacen("hosts: web1", "hosts: docker", 1)
            .replace("that: false", "that: inventory_hostname != 'web1'"),
    );
    assert_eq!(world.events(&[]).code(3).run().recap("web2")["state"], "changed");
    // Better than Ansible on purpose: a host that an earlier play has lost is missed by the play that needs all.
    let world = World::with(&["web1", "web2"]).playbook(
        "- hosts: docker
  tasks: [{assert: {that: inventory_hostname != 'web1'}}]
- hosts: docker
  any_errors_fatal: true
  tasks: [{copy: {dest: /etc/motd, content: x}}]
",
    );
    world.events(&[]).code(3).run();
    assert!(!world.root("web2").join("etc/motd").exists());
}

#[test]
fn docker_daemon_is_a_variable_of_the_host_and_a_wrong_one_is_refused() {
    let world = World::new().tasks("- daemon_json: {merge: {debug: true}}");
    let ran = world.events(&["-e", "docker_daemon=podman"]).code(3).run();
    assert!(ran.stdout.contains("`docker_daemon: podman` names no daemon"), "{}", ran.stdout);
    let ran = world.events(&["-e", "docker_daemon=rootless:alice"]).code(3).run();
    assert!(
        ran.stdout.contains("the docker daemon `rootless:alice` does not run on this host"),
        "{}",
        ran.stdout
    );
    let ran = world.events(&["-e", "{\"docker_daemon\": \"{{ nowhere }}\"}"]).code(3).run();
    assert!(ran.stdout.contains("`docker_daemon`") && ran.stdout.contains("nowhere"), "{}", ran.stdout);
    assert!(!world.root("web1").join("etc/docker/daemon.json").exists());
    world.law(&["-e", "docker_daemon=system"]);
}

#[test]
fn check_mode_of_a_task_overrules_that_of_the_run() {
    let world = World::new().tasks(
        "- {name: never, copy: {dest: /etc/never, content: x}, check_mode: true}\n\
         - {name: always, copy: {dest: /etc/always, content: x}, check_mode: false}",
    );
    let ran = world.events(&["--check"]).run();
    assert_eq!(ran.outcomes("web1"), ["never: changed", "always: changed"]);
    assert!(world.root("web1").join("etc/always").exists());
    world.events(&[]).run();
    assert!(!world.root("web1").join("etc/never").exists());
}

#[test]
fn failures_can_be_judged_and_ignored() {
    let world = World::new().tasks(
        "- {name: ignored, assert: {that: false}, ignore_errors: true, register: first}\n\
         - {name: told, assert: {that: [\"first is failed\"]}}\n\
         - {name: not failed, assert: {that: false}, failed_when: false}\n\
         - {name: not changed, copy: {dest: /etc/motd, content: x}, changed_when: false}\n\
         - {name: changed, debug: {msg: x}, changed_when: true}\n\
         - {name: failed, debug: {msg: bad}, register: said, failed_when: \"'bad' in said.msg\"}\n\
         - {name: after, debug: {msg: x}}",
    );
    let ran = world.events(&[]).code(3).run();
    assert_eq!(
        ran.outcomes("web1"),
        [
            "ignored: ignored",
            "told: ok",
            "not failed: ok",
            "not changed: ok",
            "changed: changed",
            "failed: failed"
        ]
    );
}

#[test]
fn a_delegated_task_runs_on_the_controller() {
    let world = World::new().tasks(
        "- {name: here, delegate_to: localhost, command: {argv: [pwd], chdir: \"{{ playbook_dir }}\"}, register: here}\n\
         - {copy: {dest: /etc/motd, content: \"{{ here.stdout == playbook_dir }}!\"}}",
    );
    world.events(&[]).run();
    assert_eq!(world.text("/etc/motd"), "True!");
}

#[test]
fn a_command_on_the_controller_is_unknown_in_check_and_so_is_what_follows_from_it() {
    let world = World::new().tasks(
        "- {name: now, delegate_to: localhost, command: date, register: now}\n\
         - {name: depends, copy: {dest: /etc/motd, content: \"{{ now.stdout }}\"}}\n\
         - {name: free, copy: {dest: /etc/free, content: x}}",
    );
    let ran = world.events(&["--check"]).run();
    assert_eq!(ran.outcomes("web1"), ["now: unknown", "depends: unknown", "free: changed"]);
    world.events(&["--check", "--detailed-exitcode"]).code(2).run();
}

#[test]
fn variables_overrule_each_other_as_in_ansible() {
    let world = World::new()
        .file("group_vars/all.yml", "a: all\nb: all\nc: all\nd: all\ne: all\n")
        .file("group_vars/docker.yml", "b: group\nc: group\nd: group\ne: group\n")
        .file("host_vars/web1.yml", "c: host\nd: host\ne: host\n")
        .playbook(
            "- hosts: docker
  vars: {d: play, e: play}
  tasks:
    - debug: {msg: \"{{ [a, b, c, d, e, f | default('none')] | join(' ') }}\"}
    - {vars: {e: task}, debug: {msg: \"{{ e }}\"}}
",
        );
    let ran = world.events(&[]).run();
    assert_eq!(ran.messages("web1"), ["all group host play play none", "task"]);
    let ran = world.events(&["-e", "e=extra f='two words'"]).run();
    assert_eq!(ran.messages("web1"), ["all group host play extra two words", "extra"]);
    let world = world.file("more.yml", "e: [1, 2]\n");
    let ran = world.events(&["-e", "@more.yml", "-e", "{\"f\": true}"]).run();
    assert_eq!(ran.messages("web1"), [json!("all group host play [1, 2] True"), json!([1, 2])]);
}

#[test]
fn pre_tasks_and_their_handlers_come_first() {
    let world = World::new().playbook(
        "- hosts: docker
  handlers: [{name: h, debug: {msg: h}}]
  tasks: [{name: main, debug: {msg: x}}]
  pre_tasks: [{name: before, copy: {dest: /etc/motd, content: x}, notify: h}]
",
    );
    let law = world.law(&[]);
    assert_eq!(law.first.outcomes("web1"), ["before: changed", "h: ok", "main: ok"]);
}

#[test]
fn a_limit_leaves_hosts_out() {
    let world = World::with(&["web1", "web2", "web3"]).tasks("- copy: {dest: /etc/motd, content: x}");
    let ran = world.events(&["--limit", "web1,web3,!web3"]).run();
    assert_eq!(ran.recap("web1")["state"], "changed");
    assert!(ran.recap("web2").is_null() && ran.recap("web3").is_null());
    let world = world.file("these", "web2\n");
    let ran = world.events(&["-l", "@these"]).run();
    assert_eq!(ran.recap("web2")["state"], "changed");
    let ran = world.events(&["-l", "@-"]).stdin("web1\nweb3\n").run();
    assert_eq!((&ran.recap("web1")["state"], &ran.recap("web3")["state"]), (&json!("ok"), &json!("changed")));
}

#[test]
fn text_marked_unsafe_is_never_a_template() {
    let world = World::new()
        .file("host_vars/web1.yml", "from_inventory: !unsafe '{{ 1 }} \"\u{20ac}\\'\n")
        .file("more.yml", "from_extra: [!unsafe '{% raw %}']\n")
        .playbook(
            "- hosts: docker
  vars: {from_play: !unsafe '{{ 2 }}'}
  tasks:
    - {vars: {from_task: !unsafe '{{ 3 }}'}, debug: {msg: \"{{ [from_inventory, from_extra[0], from_play, from_task] | join('|') }}\"}}
    - debug: {msg: [!unsafe '{# 4 #}', '{{ 2 + 3 }}']}
    - copy: {dest: '/tmp/{{ inventory_hostname }}', content: !unsafe '{{ 7 * 7 }}'}
",
        );
    let law = world.law(&["-e", "@more.yml"]);
    let said = law.first.messages("web1");
    assert_eq!(said[0], "{{ 1 }} \"\u{20ac}\\|{% raw %}|{{ 2 }}|{{ 3 }}");
    assert_eq!(said[1], json!(["{# 4 #}", 5]));
    assert_eq!(world.text("/tmp/web1"), "{{ 7 * 7 }}");
}
