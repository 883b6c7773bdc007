//! What is wrong is said before any host is touched: all of it at once, each with its place.

use insta::assert_snapshot;

use crate::harness::World;

const TEN: &str = "- name: ten mistakes
  hosts: docker
  gather_fact: true
  tasks:
    - name: a misspelt module
      copi: {dest: /etc/motd, content: x}
    - name: a misspelt argument
      copy: {dest: /etc/motd, contents: x}
    - name: a missing argument
      file: {state: directory}
    - name: a misspelt keyword
      debug: {msg: hello}
      wen: true
    - name: a bad choice
      file: {path: /etc/motd, state: gone}
    - name: an unclosed template
      debug: {msg: \"{{ registry\"}
    - name: a condition that cannot be read
      debug: {msg: x}
      when: registry is is defined
    - name: an unknown handler
      debug: {msg: x}
      notify: restart dockr
    - name: a relative path
      copy: {dest: etc/motd, content: x}
    - name: a keyword that is left out
      debug: {msg: x}
      async: 10
  handlers:
    - name: restart docker
      debug: {msg: restarting}
";

#[test]
fn a_module_of_ansible_names_what_does_its_work_here() {
    let play = "- hosts: docker\n  tasks:\n    - community.crypto.get_certificate: {host: dtr.example.com}\n";
    let ran = World::new().playbook(play).dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    assert!(
        ran.stderr.contains("`get_certificate` of the collection `community.crypto` is not in dtrctl"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("help: use `fetch_cert`"), "{}", ran.stderr);
}

/// Ansible runs a task whose `when` has no value, and fails one whose `when` is an empty text when it comes to it.
#[test]
fn an_empty_condition_is_told_before_a_host_is_asked() {
    for written in ["when:", "when: \"\"", "when: [true, ' ']", "failed_when:"] {
        let play = format!("- hosts: docker\n  tasks:\n    - debug: {{msg: x}}\n      {written}\n");
        let ran = World::new().playbook(&play).dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
        assert!(ran.stderr.contains("the condition is empty; write an expression"), "{}", ran.stderr);
        assert!(ran.stderr.contains("site.yml:4:"), "{}", ran.stderr);
    }
}

#[test]
fn ten_mistakes_are_found_at_once() {
    let world = World::new().playbook(TEN);
    let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    assert_eq!(ran.stdout, "");
    assert_snapshot!(ran.stderr, @r#"
     × a play has no `gather_fact`
      ╭─[site.yml:3:3]
    2 │   hosts: docker
    3 │   gather_fact: true
      ·   ─────┬─────
      ·        ╰── unknown
    4 │   tasks:
      ╰────
     help: did you mean `gather_facts`?
     × a task has no `copi`
      ╭─[site.yml:6:7]
    5 │     - name: a misspelt module
    6 │       copi: {dest: /etc/motd, content: x}
      ·       ──┬─
      ·         ╰── unknown
    7 │     - name: a misspelt argument
      ╰────
     help: did you mean `copy`?
     × `copy` has no argument `contents`
      ╭─[site.yml:8:31]
    7 │     - name: a misspelt argument
    8 │       copy: {dest: /etc/motd, contents: x}
      ·                               ────┬───
      ·                                   ╰── unknown
    9 │     - name: a missing argument
      ╰────
     help: did you mean `content`?
     × `file` needs the argument `path`
       ╭─[site.yml:10:7]
     9 │     - name: a missing argument
    10 │       file: {state: directory}
       ·       ────
    11 │     - name: a misspelt keyword
       ╰────
     help: `dtrctl modules file` shows its arguments
     × a task has no `wen`
       ╭─[site.yml:13:7]
    12 │       debug: {msg: hello}
    13 │       wen: true
       ·       ─┬─
       ·        ╰── unknown
    14 │     - name: a bad choice
       ╰────
     help: did you mean `when`?
     × `file` argument `state`: unknown variant `gone`, expected one of `file`, `directory`,
     │ `absent`, `link`, `hard`, `touch`
       ╭─[site.yml:15:38]
    14 │     - name: a bad choice
    15 │       file: {path: /etc/motd, state: gone}
       ·                                      ────
    16 │     - name: an unclosed template
       ╰────
     × the template cannot be read: unexpected end of input, expected end of variable block
       ╭─[site.yml:17:24]
    16 │     - name: an unclosed template
    17 │       debug: {msg: "{{ registry"}
       ·                        ────────
    18 │     - name: a condition that cannot be read
       ╰────
     × there is no test `is`
       ╭─[site.yml:20:25]
    19 │       debug: {msg: x}
    20 │       when: registry is is defined
       ·                         ──────────
    21 │     - name: an unknown handler
       ╰────
     × no handler is named `restart dockr`
       ╭─[site.yml:23:15]
    22 │       debug: {msg: x}
    23 │       notify: restart dockr
       ·               ─────────────
    24 │     - name: a relative path
       ╰────
     help: did you mean `restart docker`?
     × `copy` argument `dest`: `etc/motd` is not an absolute path; write it from `/` or `C:\`
       ╭─[site.yml:25:20]
    24 │     - name: a relative path
    25 │       copy: {dest: etc/motd, content: x}
       ·                    ────────
    26 │     - name: a keyword that is left out
       ╰────
     × `async` is left out of dtrctl
       ╭─[site.yml:28:7]
    27 │       debug: {msg: x}
    28 │       async: 10
       ·       ─────
    29 │   handlers:
       ╰────
     help: dtrctl runs hosts side by side and bounds each task by `--task-timeout`; leave it away
    "#);
}

#[test]
fn apply_says_the_same_and_touches_nothing() {
    let world = World::new().playbook(TEN);
    let before = world.trees();
    let validate = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    let apply = world.apply(&[]).code(1).any_stderr().run();
    assert_eq!((apply.stderr, apply.stdout.as_str()), (validate.stderr, ""));
    assert_eq!(before, world.trees());
}

#[test]
fn what_is_right_is_said_in_one_line() {
    let world = World::new().tasks("- debug: {msg: x}");
    let ran = world.dtrctl(&["validate", "site.yml"]).run();
    assert_eq!(ran.stdout, "site.yml: 1 play, 1 task, no mistakes\n");
}

#[test]
fn yaml_that_cannot_be_read() {
    let world = World::new().playbook("- hosts: docker\n  tasks:\n    - debug: {msg: x\n");
    let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
     × unclosed bracket '{'
      ╭─[site.yml:3:14]
    2 │   tasks:
    3 │     - debug: {msg: x
      ·              ┬
      ·              ╰── here
      ╰────
     help: close the bracket
    ");
}

#[test]
fn a_key_twice() {
    let world = World::new().playbook("- hosts: docker\n  vars: {a: 1}\n  vars: {a: 2}\n");
    let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
     × the key `vars` is written twice
      ╭─[site.yml:3:3]
    2 │   vars: {a: 1}
    3 │   vars: {a: 2}
      ·   ──┬─
      ·     ╰── again here
      ╰────
     help: it first stands in line 2; remove one of them
    ");
}

#[test]
fn what_is_left_out_is_refused_by_name() {
    let world = World::new().playbook(
        "- hosts: docker\n  strategy: free\n  roles: [common]\n  tasks:\n    - debug: {msg: x}\n      poll: 5\n",
    );
    let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
     × `strategy` is left out of dtrctl
      ╭─[site.yml:2:3]
    1 │ - hosts: docker
    2 │   strategy: free
      ·   ────────
    3 │   roles: [common]
      ╰────
     help: hosts run freely within a batch; bound it with `serial` and `-f`
     × there is no role `common`
      ╭─[site.yml:3:11]
    2 │   strategy: free
    3 │   roles: [common]
      ·           ──────
    4 │   tasks:
      ╰────
     help: it is looked for in `roles`, `.`
     × `poll` is left out of dtrctl
      ╭─[site.yml:6:7]
    5 │     - debug: {msg: x}
    6 │       poll: 5
      ·       ────
      ╰────
     help: leave it away, together with `async`
    ");
}

#[test]
fn an_inventory_that_is_wrong() {
    let world = World::new().tasks("- debug: {msg: x}").file(
        "hosts.yml",
        "docker:\n  hosts:\n    web1:\n      ansible_host: -oProxyCommand=id\n    web2: {ansible_port: 99999}\n    web3: {ansible_user: \"a b\"}\n  childen:\n    more:\n",
    );
    let ran = world.apply(&[]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r#"
     × `ansible_host` cannot be `-oProxyCommand=id`: `-` may not begin it
      ╭─[hosts.yml:4:21]
    3 │     web1:
    4 │       ansible_host: -oProxyCommand=id
      ·                     ─────────────────
    5 │     web2: {ansible_port: 99999}
      ╰────
     help: allowed are ASCII letters, digits, `-`, `_` and `.`, and for hosts IPv6 addresses
     × `ansible_port` cannot be `99999`: a port is a number between 1 and 65535
      ╭─[hosts.yml:5:26]
    4 │       ansible_host: -oProxyCommand=id
    5 │     web2: {ansible_port: 99999}
      ·                          ─────
    6 │     web3: {ansible_user: "a b"}
      ╰────
     × `ansible_user` cannot be `a b`: ` ` may not be in it
      ╭─[hosts.yml:6:26]
    5 │     web2: {ansible_port: 99999}
    6 │     web3: {ansible_user: "a b"}
      ·                          ─────
    7 │   childen:
      ╰────
     help: allowed are ASCII letters, digits, `-`, `_`, `.`, `+` and `@`
     × `childen` means nothing within a group
      ╭─[hosts.yml:7:3]
    6 │     web3: {ansible_user: "a b"}
    7 │   childen:
      ·   ───────
    8 │     more:
      ╰────
     help: did you mean `children`?
    "#);
}

#[test]
fn a_pattern_that_selects_nothing() {
    let world = World::new().playbook("- hosts: dockr\n  tasks:\n    - debug: {msg: x}\n");
    let ran = world.apply(&[]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
     × `dockr` matches no host and no group
      ╭─[site.yml:1:10]
    1 │ - hosts: dockr
      ·          ─────
    2 │   tasks:
      ╰────
     help: did you mean `docker`?
    ");
    let ran = world.apply(&["-l", "!web7"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
     × `!web7` excludes nothing: it matches no host and no group
      ╭─[--limit:1:1]
    1 │ !web7
      · ─────
      ╰────
     help: did you mean `web1`?
    ");
}

#[test]
fn a_play_without_hosts_may_be_permitted() {
    let world = World::new().playbook("- hosts: docker:!web1\n  tasks:\n    - debug: {msg: x}\n");
    let ran = world.apply(&[]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
     × the play has no hosts
      ╭─[site.yml:1:10]
    1 │ - hosts: docker:!web1
      ·          ────────────
    2 │   tasks:
      ╰────
     help: name a group or host of the inventory, or permit it with --allow-empty
    ");
    world.events(&["--allow-empty"]).run();
}

#[test]
fn a_variable_that_is_not_set() {
    let world = World::new().playbook("- hosts: \"{{ target }}\"\n  tasks:\n    - debug: {msg: x}\n");
    let ran = world.apply(&[]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r#"
     × `target` is undefined
      ╭─[site.yml:1:14]
    1 │ - hosts: "{{ target }}"
      ·              ──────
    2 │   tasks:
      ╰────
     help: set it in the inventory or the play, or give it with `-e target=…`
    "#);
    world.events(&["-e", "target=docker"]).run();
}

#[test]
fn files_that_are_not_there() {
    let world = World::new().tasks("- debug: {msg: x}");
    let ran = world.dtrctl(&["apply", "none.yml", "-i", "hosts.yml"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"error: cannot read `none.yml`: No such file or directory (os error 2)");
    let ran = world.dtrctl(&["apply", "site.yml", "-i", "none/hosts.yml"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
    error: there is no inventory `none/hosts.yml`
      help: a list of hosts has a comma, even if it is only one: `-i host,`
    ");
    let ran = world.dtrctl(&["apply", "site.yml"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"
    error: no inventory is given
      help: give one with `-i FILE`, or set DTRCTL_INVENTORY, or `inventory` in ansible.cfg
    ");
    let ran = world.apply(&["-e", "@none.yml"]).code(1).any_stderr().run();
    assert_snapshot!(ran.stderr, @r"error: cannot read `none.yml`: No such file or directory (os error 2)");
}

#[test]
fn usage_is_code_one() {
    let world = World::new().tasks("- debug: {msg: x}");
    for wrong in [&["--no-such-flag"][..], &["-f", "0"], &["--format", "xml"], &["-T", "0"]] {
        world.apply(wrong).code(1).any_stderr().run();
    }
    world.dtrctl(&[]).code(1).any_stderr().run();
    world.dtrctl(&["aply"]).code(1).any_stderr().run();
    world.dtrctl(&["--help"]).code(0).run();
    world.dtrctl(&["apply", "--help"]).code(0).run();
}
