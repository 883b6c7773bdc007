//! What is wrong is said at its place, and no mistake hides another.

use insta::assert_snapshot;

use super::{mistakes, play};

const TASKS: &str = "    - apt: {name: x}
    - ansible.builtin.yum: name=x
    - community.docker.docker_login: {}
    - my.own.module: {}
    - copi: {dest: /x, content: x}
    - debug: msg=x
      wehn: true
    - debug: msg=x
      copy: {}
    - name: nothing
    - debug: msg='x
    - debug: x
    - file: path=/x state=gone
    - file: path=/x wrong=1
    - file: [x]
    - action: file
    - action: [x]
    - debug: msg=x
      args: text
    - debug: msg=x
      tags: \"{{ t }}\"
    - debug: msg=x
      loop: [1]
      with_items: [1]
    - debug: msg=x
      with_items: [1]
      with_dict: {}
    - set_fact: x
    - set_fact: {ansible_host: x}
    - include_vars: {}
    - include_vars: {file: a, dir: b}
    - include_vars: {file: a, nmae: b}
    - meta: end_plya
    - meta: refresh_inventory
    - debug: msg=x
      become_exe: /x
      async: 1
      when: x
      nto: 1
    - command: ls
      module_defaults: {copi: {}, group/aws: {}, command: {wrong: 1}}
    - npm: {name: x}
    - just text
";

#[test]
fn each_mistake_of_a_task_is_said_at_its_place() {
    assert_snapshot!(mistakes(&play(TASKS)), @r"
    site.yml:3:7: Ansible's module `apt` is not in dtrctl
      dtrctl installs no packages: do it beforehand, or by `command` with the system's own tool and `creates:`
    site.yml:4:7: Ansible's module `yum` is not in dtrctl
      dtrctl installs no packages: do it beforehand, or by `command` with the system's own tool and `creates:`
    site.yml:5:7: `docker_login` of the collection `community.docker` is not in dtrctl
      do it by `command` with `docker login`, its password by `stdin:` and `no_log: true`
    site.yml:6:7: `module` of the collection `my.own` is not in dtrctl
      `dtrctl modules` lists what there is; the rest is done by `command`
    site.yml:7:7: a task has no `copi`
      did you mean `copy`?
    site.yml:9:7: a task has no `wehn`
      did you mean `when`?
    site.yml:11:7: a task names one module; `debug` is already named
      make it two tasks, each beginning with `- `
    site.yml:12:7: a task names no module
      add a module and its arguments; `dtrctl modules` lists them
    site.yml:13:18: a quote or a template is not closed in this text
      close it, or write each argument as `name: value` on a line of its own
    site.yml:14:14: `debug` takes arguments, and `x` is none
      write each argument as `name: value` on a line of its own, or as `name=value`
    site.yml:15:27: `file` argument `state`: unknown variant `gone`, expected one of `file`, `directory`, `absent`, `link`, `hard`, `touch`
    site.yml:16:21: `file` has no argument `wrong`
      it takes `path`, `state`, `src`, `mode`, `owner`, `group`, `recurse`, `follow`, `force`, `access_time`, `modification_time`
    site.yml:17:13: the arguments of `file` are a list, not a mapping
      write each argument as `name: value` on a line of its own
    site.yml:18:15: `file` needs the argument `path`
      `dtrctl modules file` shows its arguments
    site.yml:19:15: `action` names a module and its arguments
      such as `copy src=a dest=/b`; or write the module's name as the key
    site.yml:21:13: `args` is a string, not a mapping
      write each argument as `name: value` on a line of its own
    site.yml:23:13: tags are needed before the play runs, and this is a template
      write the tags out; `when:` can hold templates
    site.yml:26:7: a task has one loop, and `loop` is there already
      leave one of them away
    site.yml:29:7: a task has one loop; `with_dict` is not read
      leave it away, or the other loop
    site.yml:30:17: `set_fact` takes variables with their values
      write `NAME: VALUE` below it
    site.yml:31:18: `ansible_host` does not reach the connection from here
      set it in the inventory
    site.yml:32:7: `include_vars` needs `file` or `dir`
    site.yml:33:7: `include_vars` takes one of `file` and `dir`
    site.yml:34:31: `include_vars` has no argument `nmae`
      did you mean `name`?
    site.yml:35:13: `meta` cannot do `end_plya`
      did you mean `end_play`?
    site.yml:36:13: `meta: refresh_inventory` is left out of dtrctl
      the inventory is read once, before the first host; make two runs of it
    site.yml:38:7: `become_exe` is left out of dtrctl
      leave it away; dtrctl finds sudo on the host's PATH
    site.yml:39:7: `async` is left out of dtrctl
      dtrctl runs hosts side by side and bounds each task by `--task-timeout`; leave it away
    site.yml:41:7: a task has no `nto`
    site.yml:43:25: there is no module `copi`
      did you mean `copy`?
    site.yml:43:35: groups of modules are left out of dtrctl
      name each module
    site.yml:44:7: there is no module `npm`
      `dtrctl modules` lists what there is; the rest is done by `command`
    site.yml:45:7: a task is a string, not a mapping
    ");
}

#[test]
fn each_mistake_of_a_play_is_said_at_its_place() {
    let text = "- hosts: docker\n  hots: x\n  when: x\n  strategy: free\n  remote_user: x\n  order: sort\n  serial: x\n  roles: web\n  tasks:\n    debug: x\n  handlers:\n    - name: a\n      debug: msg=x\n      listne: b\n    - name: half\n      debgu: msg=x\n      listen: all\n  post_tasks:\n    - debug: msg=x\n      notify: [c, half, all]\n- tasks: []\n- x\n";
    assert_snapshot!(mistakes(text), @r#"
    site.yml:8:10: `roles` is a string, not a list
      begin each role with `- `
    site.yml:10:5: `tasks` is a mapping, not a list
      begin each task with `- `
    site.yml:14:7: a task has no `listne`
      did you mean `listen`?
    site.yml:16:7: a task has no `debgu`
      did you mean `debug`?
    site.yml:6:10: `order` is one of `inventory`, `reverse_inventory`, `sorted`, `reverse_sorted`, `shuffle`
      did you mean `sorted`?
    site.yml:7:11: `serial` takes a number of hosts, a percentage, or a list of these
      such as `serial: 5`, `serial: "20%"` or `serial: [1, "30%"]`
    site.yml:2:3: a play has no `hots`
      did you mean `hosts`?
    site.yml:3:3: a play has no `when`
    site.yml:4:3: `strategy` is left out of dtrctl
      hosts run freely within a batch; bound it with `serial` and `-f`
    site.yml:5:3: `remote_user` is left out of dtrctl
      set `ansible_user` in the inventory, or give `-u`
    site.yml:20:16: no handler is named `c`
    site.yml:21:3: a play has no `hosts`
      add `hosts: PATTERN`, such as `hosts: docker`
    site.yml:22:3: a play is a string, not a mapping
    "#);
}
