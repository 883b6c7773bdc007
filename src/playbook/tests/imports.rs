//! What is imported stands where the import stood.

use insta::assert_snapshot;

use super::{Folder, relative, shown};

#[test]
fn imported_tasks_take_the_place_of_the_import() {
    let folder = Folder::new(&[
        (
            "site.yml",
            "- hosts: docker\n  tags: play\n  tasks:\n    - debug: msg=first\n    - import_tasks: tasks/a.yml\n      tags: [x, y]\n      when: one\n      vars: {v: 1}\n    - block:\n        - debug: msg=last\n      rescue:\n        - debug: msg=r\n      always:\n        - debug: msg=a\n",
        ),
        (
            "tasks/a.yml",
            "- name: a\n  debug: msg=a\n  when: two\n  vars: {w: 2}\n- import_tasks: b.yml\n  become: true\n",
        ),
        ("tasks/b.yml", "- name: b\n  debug: msg=b\n  tags: y,z\n"),
    ]);
    let playbook = folder.playbook();
    let play = &playbook.plays[0];
    assert_snapshot!(shown(&play.sections[1]), @r"
    0 debug None tags=play when=
    1 a None tags=x,y,play when=one & two
    2 b None tags=y,z,x,play when=one
    3 block None
    4 debug None tags=play when=
    rescue:
    5 debug None tags=play when=
    always:
    6 debug None tags=play when=
    ");
    let tasks: Vec<_> = play.tasks().collect();
    assert_eq!(tasks.len(), 6);
    let names = |at: usize| tasks[at].keywords.vars.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!((names(1), names(2)), (vec!["v", "w"], vec!["v"]));
    assert!(tasks[2].keywords.identity.wanted.is_some() && tasks[1].keywords.identity.wanted.is_none());
    assert_eq!(relative(&tasks[2].around.files.tasks, &folder).to_str(), Some("tasks"));
}

#[test]
fn imported_plays_have_their_own_directory_and_what_the_import_says() {
    let folder = Folder::new(&[
        (
            "site.yml",
            "- import_playbook: more/a.yml\n  when: one\n  tags: t\n  vars: {v: outer, w: 1}\n- hosts: web\n  tasks: []\n",
        ),
        (
            "more/a.yml",
            "- hosts: docker\n  vars: {v: inner}\n  tasks:\n    - debug: msg=x\n      when: two\n    - import_tasks: x.yml\n- ansible.builtin.import_playbook: b.yml\n",
        ),
        ("more/b.yml", "- hosts: other\n  tasks: []\n"),
        ("more/x.yml", "- debug: msg=y\n"),
    ]);
    let playbook = folder.playbook();
    let hosts: Vec<_> = playbook.plays.iter().map(|play| play.shown_name()).collect();
    assert_eq!(hosts, ["docker", "other", "web"]);
    let play = &playbook.plays[0];
    assert_eq!(relative(&play.directory, &folder).to_str(), Some("more"));
    assert_snapshot!(shown(&play.sections[1]), @r"
    0 debug None tags=t when=one & two
    1 debug None tags=t when=one
    ");
    let vars: Vec<_> =
        play.keywords.vars.iter().map(|(name, value)| format!("{name}={}", value.written())).collect();
    assert_eq!(vars, ["v=inner", "v=outer", "w=1"], "the last of a name holds");
}

#[test]
fn what_cannot_be_imported_is_said_at_its_place() {
    let folder = Folder::new(&[
        (
            "site.yml",
            "- hosts: docker\n  tasks:\n    - import_tasks: nowhere.yml\n    - import_tasks: loop.yml\n    - import_tasks: \"{{ which }}.yml\"\n    - import_tasks: list.yml\n    - import_tasks: x.yml\n      loop: [1]\n    - import_tasks: {file: list.yml, apply: {tags: a}}\n    - include: x.yml\n    - include_tasks: wrong.yml\n      become: true\n    - include_role: {name: bad}\n    - include_role: {name: nowhere}\n- import_playbook: site.yml\n- import_playbook: no.yml\n  become: true\n",
        ),
        ("roles/bad/tasks/main.yml", "- debgu: msg=x\n- include_role: {name: bad}\n"),
        ("loop.yml", "- import_tasks: loop.yml\n"),
        ("list.yml", "debug: msg=x\n"),
        ("wrong.yml", "- debgu: msg=x\n- include_tasks: wrong.yml\n"),
    ]);
    assert_snapshot!(folder.mistakes(), @r"
    site.yml:3:21: there is no file of tasks `nowhere.yml`
      it is looked for in `DIR`
    loop.yml:1:17: `loop.yml` imports itself
      leave it away, or end it by `include_tasks` with a condition
    site.yml:5:21: the path is needed before the play runs, and is a template
      write the path itself (`{{ playbook_dir }}` and `{{ role_path }}` are known), or include it
    list.yml:1:1: a file of tasks is a mapping, not a list
      begin each task with `- `
    site.yml:8:7: `import_tasks` is read before the play runs and takes no `loop`
      write `include_tasks`
    site.yml:7:21: there is no file of tasks `x.yml`
      it is looked for in `DIR`
    site.yml:9:38: `import_tasks` has no argument `apply`
    site.yml:10:7: Ansible's module `include` is not in dtrctl
      write `include_tasks` (read when it is reached) or `import_tasks` (read beforehand)
    site.yml:11:7: `become` beside `include_tasks` does not reach what is included
      write it under `apply:`, or at the tasks themselves
    wrong.yml:1:3: a task has no `debgu`
      did you mean `debug`?
    roles/bad/tasks/main.yml:1:3: a task has no `debgu`
      did you mean `debug`?
    site.yml:15:20: the playbook `site.yml` imports itself
      leave one of the imports away
    site.yml:17:3: `import_playbook` has no `become`
    site.yml:16:20: there is no playbook `no.yml`
      it is looked for in `DIR`
    ");
}

#[test]
fn handlers_may_be_imported_but_are_no_blocks_and_no_roles() {
    let folder = Folder::new(&[
        (
            "site.yml",
            "- hosts: docker\n  tasks:\n    - debug: msg=x\n      notify: [a, all]\n  handlers:\n    - import_tasks: h.yml\n    - block: []\n    - include_role: {name: x}\n    - import_role: {name: x}\n",
        ),
        ("h.yml", "- name: a\n  debug: msg=a\n  listen: [all, more]\n"),
    ]);
    assert_snapshot!(folder.mistakes(), @r"
    site.yml:7:7: a handler is a task, not a block
      write each task as a handler of its own; they may `listen` to one name
    site.yml:8:7: a handler is a task, not a role
      use the role in `roles` or among the tasks; its handlers are known by that
    site.yml:9:7: a handler is a task, not a role
      use the role in `roles` or among the tasks; its handlers are known by that
    ");
}
