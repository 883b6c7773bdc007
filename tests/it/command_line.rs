//! Subcommands about playbooks: `run`, `eval`, `completions`, and what `apply -v` shows.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};

use crate::harness::World;
use crate::harness::assert_same_plan;

#[test]
fn each_shell_reads_its_completions() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = world.dtrctl(&["completions", shell]).run().stdout;
        for word in ["apply", "inventory", "skip-tags"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let read = Command::new(shell).arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        // Only the shells that are there can be asked.
        let Ok(mut read) = read else { continue };
        read.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let read = read.wait_with_output().unwrap();
        assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn one_module_is_run_as_a_playbook_of_one_task_is() {
    let world = World::with(&["web1", "web2"]);
    let arguments = ["dest=/etc/motd", "content={{ inventory_hostname }} = \"a\": [b]\n", "mode=0640"];
    let run = |more: &[&str]| {
        let call = world.dtrctl(&["run", "docker:!web2", "copy"]).args(&arguments);
        call.args(&["-i", "hosts.yml", "--format", "jsonl"]).args(more).run()
    };
    let check = run(&["--check"]);
    assert!(!world.root("web1").join("etc/motd").exists());
    let first = run(&[]);
    assert_same_plan(&check, &first);
    assert_eq!(first.outcomes("web1"), ["copy: changed"]);
    assert_eq!(world.text("/etc/motd"), "web1 = \"a\": [b]\n");
    assert!(!world.root("web2").join("etc/motd").exists());
    assert!(run(&[]).plan().is_empty());
    world
        .dtrctl(&["run", "all", "file", "path=/etc/x", "state=directory", "-i", "hosts.yml", "--check"])
        .run();
    let pending = ["run", "all", "file", "path=/etc/x", "state=directory", "-i", "hosts.yml", "--check"];
    world.dtrctl(&pending).args(&["--detailed-exitcode"]).code(2).run();
}

#[test]
fn words_are_arguments_and_what_is_none_is_the_command() {
    let world = World::new().file("hosts.yml", "all:\n  hosts:\n    web1: {ansible_connection: local}\n");
    let said = |words: &[&str]| {
        let call = world.dtrctl(&["run", "web1"]).args(words);
        call.args(&["-i", "hosts.yml", "--format", "jsonl"]).run().finished("web1")[0]["result"].clone()
    };
    assert_eq!(said(&["command", "echo", "a=b", "two"])["stdout"], json!("a=b two"));
    assert_eq!(said(&["shell", "echo a | tr a b"])["stdout"], json!("b"));
    assert_eq!(said(&["command", "-a", "echo a creates=/no"])["stdout"], json!("a"));
    assert_eq!(said(&["debug", "msg=a 'b: c"])["msg"], json!("a 'b: c"));
    assert_eq!(said(&["debug", "-a", "{msg: [1, '{{ inventory_hostname }}']}"])["msg"], json!([1, "web1"]));
    assert_eq!(said(&["ansible.builtin.debug", "-a", "msg='x y'"])["msg"], json!("x y"));
    assert_eq!(said(&["ping"])["ping"], json!("pong"));
}

#[test]
fn a_wrong_word_is_refused_before_a_host_is_asked() {
    let world = World::new();
    let said = |words: &[&str]| {
        let call = world.dtrctl(&["run", "web1"]).args(words).args(&["-i", "hosts.yml"]);
        call.code(1).any_stderr().run().stderr
    };
    insta::assert_snapshot!(said(&["copy", "dst=/x", "content=y"]), @r#"
      × `copy` has no argument `dst`
       ╭─[the command line:8:11]
     7 │         "copy": {
     8 │           "dst": "/x",
       ·           ──┬──
       ·             ╰── unknown
     9 │           "content": "y"
       ╰────
      help: did you mean `dest`?
      × `copy` needs the argument `dest`
       ╭─[the command line:7:9]
     6 │       {
     7 │         "copy": {
       ·         ──────
     8 │           "dst": "/x",
       ╰────
      help: `dtrctl modules copy` shows its arguments
    "#);
    insta::assert_snapshot!(said(&["copyy", "dest=/x"]), @r#"
      × a task has no `copyy`
       ╭─[the command line:7:9]
     6 │       {
     7 │         "copyy": {
       ·         ───┬───
       ·            ╰── unknown
     8 │           "dest": "/x"
       ╰────
      help: did you mean `copy`?
    "#);
    insta::assert_snapshot!(said(&["service", "nginx"]), @r#"
    error: `nginx` is not `NAME=VALUE`, and `service` takes no bare text
      help: `dtrctl modules service` shows its arguments
    "#);
    insta::assert_snapshot!(said(&["debug", "msg={{ a"]), @r#"
      × the template cannot be read: unexpected end of input, expected end of variable block
       ╭─[the command line:8:22]
     7 │         "debug": {
     8 │           "msg": "{{ a"
       ·                      ─
     9 │         }
       ╰────
    "#);
    insta::assert_snapshot!(said(&["debug", "msg=a", "msg=b"]), @r#"
    error: the argument `msg` is given twice
    "#);
    insta::assert_snapshot!(said(&["debug", "-a", "{msg: [a"]), @r#"
      × unclosed bracket '['
       ╭─[-a:1:7]
     1 │ {msg: [a
       ·       ┬
       ·       ╰── here
       ╰────
      help: close the bracket
    "#);
}

fn lists() -> World {
    World::new()
        .file("hosts.yml", "docker:\n  hosts:\n    web2:\n    web1:\n    db1:\n")
        .file("site.yml", SITE)
        .file(
            "other.yml",
            "- hosts: web*,db1\n  tasks: [{name: \"n {{ y }}\", debug: {msg: x}}, {command: ls, tags: q}]\n",
        )
        .file("inc.yml", "- debug: {msg: i}\n- import_tasks: inc2.yml\n  tags: zz\n")
        .file("inc2.yml", "- {name: deepest, debug: {msg: i2}}\n")
        .file("roles/r/tasks/main.yml", "- {name: work, debug: {msg: x}, tags: w}\n- command: 'true'\n")
        .file("roles/r/meta/main.yml", "dependencies: [dep]\n")
        .file("roles/r/handlers/main.yml", "- {name: rh, debug: {msg: x}}\n")
        .file("roles/dep/tasks/main.yml", "- {name: needed, debug: {msg: x}}\n")
}

const SITE: &str = "\
- hosts: docker
  name: First
  tags: [p]
  pre_tasks:
    - debug: {msg: a}
      tags: [z, b]
  roles: [{role: r, tags: [of_role]}]
  tasks:
    - block:
        - debug: {msg: x}
          tags: t
        - name: named
          ansible.builtin.debug: {msg: x}
      rescue:
        - debug: {msg: r}
      always:
        - debug: {msg: al}
    - include_tasks: inc.yml
    - import_tasks: inc.yml
      tags: imported
    - meta: flush_handlers
    - name: never done
      debug: {msg: x}
      tags: never
    - import_role: {name: dep}
    - include_role: {name: dep}
    - local_action: command true
  post_tasks:
    - {name: always done, debug: {msg: x}, tags: always}
  handlers:
    - name: h
      debug: {msg: x}
- hosts: [web1, db1]
  tasks: []
- import_playbook: other.yml
  tags: more
";

/// What ansible-playbook 2.19.14 prints of the same files, but for the order of hosts, which it has at random.
#[test]
fn plays_are_listed_as_ansible_lists_them() {
    let world = lists();
    let listed = |flags: &[&str]| {
        let ran = world.dtrctl(&["apply", "site.yml"]).args(flags).run();
        ran.stdout.replace('\t', " ")
    };
    insta::assert_snapshot!(listed(&["--list-hosts", "-i", "hosts.yml"]), @r"
    playbook: site.yml

      play #1 (docker): First TAGS: [p]
        pattern: ['docker']
        hosts (3):
          web2
          web1
          db1

      play #2 (web1,db1): web1,db1 TAGS: []
        pattern: ['web1', 'db1']
        hosts (2):
          web1
          db1

      play #3 (web*,db1): web*,db1 TAGS: [more]
        pattern: ['web*,db1']
        hosts (3):
          web2
          web1
          db1
    ");
    // Only a list of hosts needs an inventory.
    insta::assert_snapshot!(listed(&["--list-tasks"]), @r"
    playbook: site.yml

      play #1 (docker): First TAGS: [p]
        tasks:
          debug TAGS: [b, p, z]
          dep : needed TAGS: [of_role, p]
          r : work TAGS: [of_role, p, w]
          command TAGS: [of_role, p]
          debug TAGS: [p, t]
          named TAGS: [p]
          include_tasks TAGS: [p]
          debug TAGS: [imported, p]
          deepest TAGS: [imported, p, zz]
          meta TAGS: [p]
          dep : needed TAGS: [p]
          include_role TAGS: [p]
          command TAGS: [p]
          always done TAGS: [always, p]

      play #2 (web1,db1): web1,db1 TAGS: []
        tasks:

      play #3 (web*,db1): web*,db1 TAGS: [more]
        tasks:
          n {{ y }} TAGS: [more]
          command TAGS: [more, q]
    ");
    insta::assert_snapshot!(listed(&["--list-tags"]), @r"
    playbook: site.yml

      play #1 (docker): First TAGS: [p]
          TASK TAGS: [always, b, imported, never, of_role, p, t, w, z, zz]

      play #2 (web1,db1): web1,db1 TAGS: []
          TASK TAGS: []

      play #3 (web*,db1): web*,db1 TAGS: [more]
          TASK TAGS: [more, q]
    ");
    insta::assert_snapshot!(listed(&["--list-tasks", "-t", "q,t"]), @r"
    playbook: site.yml

      play #1 (docker): First TAGS: [p]
        tasks:
          debug TAGS: [p, t]
          always done TAGS: [always, p]

      play #2 (web1,db1): web1,db1 TAGS: []
        tasks:

      play #3 (web*,db1): web*,db1 TAGS: [more]
        tasks:
          command TAGS: [more, q]
    ");
    insta::assert_snapshot!(listed(&["--list-tasks", "--list-tags", "--skip-tags", "p"]), @r"
    playbook: site.yml

      play #1 (docker): First TAGS: [p]
        tasks:
          TASK TAGS: [p]

      play #2 (web1,db1): web1,db1 TAGS: []
        tasks:
          TASK TAGS: []

      play #3 (web*,db1): web*,db1 TAGS: [more]
        tasks:
          n {{ y }} TAGS: [more]
          command TAGS: [more, q]
          TASK TAGS: [more, q]
    ");
}

#[test]
fn results_are_shown_where_they_are_asked_for() {
    let world = World::with(&["web1", "web2"]).file("vars.yml", "a: 1\n").tasks(
        "- {name: greet, debug: {msg: 'it is {{ inventory_hostname }}'}}\n\
         - {name: loops, debug: {msg: '{{ item }}'}, loop: [a, b]}\n\
         - {name: hidden, debug: {msg: sesame}, no_log: true}\n\
         - {name: deep, debug: {msg: deep, verbosity: 2}}\n\
         - {name: count, debug: {msg: '{{ ansible_verbosity }}'}}",
    );
    let report = |flags: &[&str]| world.apply(flags).any_stderr().run();
    let quiet = report(&[]).stdout;
    assert!(!quiet.contains("=>"), "{quiet}");
    insta::assert_snapshot!(report(&["-v"]).report(), @r#"
    apply site.yml · run ID

    play docker · 2 hosts: web[1:2]
      ok           greet · web1
          it is web1
          web1 => {"msg":"it is web1","changed":false,"failed":false}
      ok           greet · web2
          it is web2
          web2 => {"msg":"it is web2","changed":false,"failed":false}

      ok           loops
          ok: `a`
            a
          ok: `b`
            b
          web1 (item a) => {"msg":"a","changed":false,"failed":false}
          web1 (item b) => {"msg":"b","changed":false,"failed":false}
          web2 (item a) => {"msg":"a","changed":false,"failed":false}
          web2 (item b) => {"msg":"b","changed":false,"failed":false}

      ok           hidden

      skipped      deep
          it is printed with `-vv`
          web1 => {"msg":"it is printed with `-vv`","changed":false,"skipped":true}
          web2 => {"msg":"it is printed with `-vv`","changed":false,"skipped":true}

      ok           count
          1
          web1 => {"msg":1,"changed":false,"failed":false}
          web2 => {"msg":1,"changed":false,"failed":false}

    recap
      ok  2  web[1:2]
             tasks: 4 ok, 1 skipped · 1 trip

    exit status 0: every host is as desired
    "#);
    let twice = report(&["-vv"]);
    assert!(twice.stdout.contains("\"deep\"") && twice.stdout.contains("\"msg\":2"), "{}", twice.stdout);
    let mut reached: Vec<&str> = twice.stderr.lines().collect();
    reached.sort_unstable();
    assert_eq!(
        reached,
        ["web1: in the directory `$WORLD/hosts/web1`", "web2: in the directory `$WORLD/hosts/web2`"]
    );
    for flags in [&["-v"][..], &["-vv"], &["-v", "--check"]] {
        let ran = report(flags);
        assert!(!(ran.stdout + &ran.stderr).contains("sesame"), "{flags:?}");
    }
}

fn asked() -> World {
    World::with(&["web1", "web2"])
        .file("group_vars/all.yml", "a: all\nnumbers: [1, 2]\nbroken: '{{ gone }}'\n")
        .file("host_vars/web1.yml", "a: one\n")
        .file("vars/more.yml", "more: '{{ a }}-{{ play_var }}'\n")
        .file("roles/r/defaults/main.yml", "r: default\n")
        .file("roles/r/tasks/main.yml", "- debug: {msg: x}\n")
        .playbook(
            "- name: the play\n  hosts: docker\n  vars: {play_var: '{{ inventory_hostname }}'}\n  vars_files: [vars/more.yml]\n  roles: [r]\n  tasks:\n    - {debug: {msg: x}, register: out}\n",
        )
}

#[test]
fn an_expression_is_what_it_is_in_a_run() {
    let world = asked();
    let eval = |text: &str, more: &[&str]| {
        let call = world.dtrctl(&["eval", text, "--host", "web1", "-i", "hosts.yml"]).args(more);
        serde_json::from_str::<Json>(&call.run().stdout).unwrap()
    };
    let play = ["--playbook", "site.yml"];
    for (text, more, wanted) in [
        ("a", &[][..], json!("one")),
        ("numbers | map('pow', 2) | list", &[], json!([1.0, 4.0])),
        ("{{ numbers }}", &[], json!([1, 2])),
        ("{{ a }} and {{ numbers[0] }}", &[], json!("one and 1")),
        ("a == 'given'", &["-e", "a=given"], json!(true)),
        ("more", &play, json!("one-web1")),
        ("r", &play, json!("default")),
        ("ansible_play_hosts", &play, json!(["web1", "web2"])),
        ("ansible_play_name ~ groups['docker'] | length", &play, json!("the play2")),
        ("hostvars['web2'].a", &[], json!("all")),
        ("inventory_dir == playbook_dir", &play, json!(true)),
        ("x is defined", &[], json!(false)),
    ] {
        assert_eq!(eval(text, more), wanted, "{text}");
    }
    let text = world.dtrctl(&["eval", "a", "--host", "web1", "-i", "hosts.yml", "--format", "text"]).run();
    assert_eq!(text.stdout, "one\n");
}

#[test]
fn what_an_expression_needs_and_is_not_there_is_said_at_its_place() {
    let world = asked();
    let said = |text: &str, more: &[&str]| {
        let call = world.dtrctl(&["eval", text, "--host", "web1", "-i", "hosts.yml"]).args(more);
        call.code(1).any_stderr().run().stderr
    };
    insta::assert_snapshot!(said("a + gone", &[]), @r#"
      × `gone` is undefined
       ╭─[the expression:1:5]
     1 │ a + gone
       ·     ────
       ╰────
      help: set it in the inventory or the play, or give it with `-e gone=…`
    "#);
    insta::assert_snapshot!(said("x {{ a | upperr }}", &[]), @r#"
      × there is no filter `upperr`; did you mean `upper`?
       ╭─[the expression:1:10]
     1 │ x {{ a | upperr }}
       ·          ──────
       ╰────
    "#);
    insta::assert_snapshot!(said("broken", &[]), @r#"
      × `gone` is undefined (in the value of `broken`)
       ╭─[the expression:1:1]
     1 │ broken
       · ──────
       ╰────
      help: set it in the inventory or the play, or give it with `-e gone=…`
    "#);
    insta::assert_snapshot!(said("out.msg == 'x'", &["--playbook", "site.yml"]), @r#"
      × this depends on what tasks find out
       ╭─[the expression:1:1]
     1 │ out.msg == 'x'
       · ──────────────
       ╰────
      help: it is known only while the play runs; `debug` shows it there
    "#);
    insta::assert_snapshot!(said("ansible_facts.distribution", &[]), @r#"
      × `ansible_facts` is not known here
       ╭─[the expression:1:1]
     1 │ ansible_facts.distribution
       · ──────────────────────────
       ╰────
      help: nothing is remembered of `web1`; an apply or a check of a play that gathers facts
            remembers them
    "#);
    insta::assert_snapshot!(said("ansible_distribution", &[]), @r#"
      × `ansible_distribution` is undefined
       ╭─[the expression:1:1]
     1 │ ansible_distribution
       · ────────────────────
       ╰────
      help: nothing is remembered of `web1`; an apply or a check of a play that gathers facts
            remembers them
    "#);
}

#[test]
fn facts_of_the_last_run_count_in_an_expression() {
    let world = asked();
    world.apply(&["--check"]).run();
    let eval =
        ["eval", "ansible_distribution ~ ansible_facts.distribution", "--host", "web1", "-i", "hosts.yml"];
    assert_eq!(world.dtrctl(&eval).run().stdout, "\"DebianDebian\"\n");
}

/// Standard error of a run that is refused before a host is asked.
fn refused(tasks: &str, given: &str) -> String {
    let world = World::new().tasks(tasks);
    let ran = world.apply(&["--check", "-e", given]).code(1).any_stderr().run();
    assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    ran.stderr
}

#[test]
fn an_argument_that_follows_from_the_command_line_is_judged_before_a_host_is_asked() {
    let whole = refused("- service: {name: x, state: '{{ wanted }}'}", "wanted=gone");
    assert!(whole.contains("site.yml:3:33") && whole.contains("`state`"), "{whole}");
    // Another argument that is known only of a host is no hindrance.
    let part = refused(
        "- service: {name: '{{ inventory_hostname }}', state: '{{ wanted | lower }}'}",
        "wanted=gone",
    );
    assert!(part.contains("site.yml:3:58") && part.contains("`state`"), "{part}");
    let flag =
        refused("- service: {name: '{{ x.y }}', enabled: '{{ on }}'}\n  when: on != 'never'", "on=perhaps");
    assert!(flag.contains("`enabled`"), "{flag}");
    let both = refused(
        "- file: {path: '{{ a }}', state: '{{ b }}'}\n- service: {name: x, state: '{{ b }}'}",
        "{a: x, b: y}",
    );
    assert!(both.contains("`path`") && both.contains("site.yml:4:"), "{both}");
}

#[test]
fn what_may_be_passed_over_or_is_not_known_is_left_to_the_run() {
    let wrong = "service: {name: x, state: '{{ wanted }}'}";
    for tasks in [
        format!("- {wrong}\n  when: wanted != 'gone'"),
        format!("- {wrong}\n  when: inventory_hostname == 'other'"),
        format!("- {wrong}\n  when: false"),
        format!("- {wrong}\n  loop: []"),
        format!("- {wrong}\n  tags: never"),
        format!("- block:\n    - {wrong}\n  when: not (wanted is defined)"),
        format!("- block:\n    - {wrong}\n  rescue:\n    - debug: {{msg: x}}"),
        format!("- block:\n    - debug: {{msg: x}}\n  rescue:\n    - {wrong}"),
        format!("- meta: end_play\n- {wrong}"),
        format!("- {wrong}\n  ignore_errors: true"),
        "- debug: {msg: '{{ wanted }}'}\n- assert: {that: [\"wanted == 'gone'\"]}".to_owned(),
        "- debug: {msg: \"{{ wanted | default(omit) }}\", verbosity: '{{ no | default(omit) }}'}".to_owned(),
    ] {
        let world = World::new().tasks(&tasks);
        world.apply(&["-e", "wanted=gone"]).any_stderr().run();
    }
}

#[test]
fn what_was_checked_is_said() {
    let said = lists().dtrctl(&["validate", "site.yml"]).run().stdout;
    assert_eq!(said, "site.yml: 3 plays, 21 tasks, 2 roles, 3 imported files, 2 includes, no mistakes\n");
    let world = World::new().tasks("- include_tasks: '{{ x }}.yml'");
    let said = world.dtrctl(&["validate", "site.yml"]).run().stdout;
    assert_eq!(said, "site.yml: 1 play, 1 task, no mistakes; not read: 1 include whose name is a template\n");
}
