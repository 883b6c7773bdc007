//! Roles: what they bring, in which order, and what each of their tasks sees.

use insta::assert_snapshot;

use super::{Folder, relative, shown};
use crate::playbook::{Around, Files, Reader, Role, WantedRole};
use crate::yaml::Problems;

fn variables(role: &Role) -> String {
    let of = |all: &[(String, crate::yaml::Node)]| {
        all.iter().map(|(name, value)| format!("{name}={}", value.written())).collect::<Vec<_>>().join(" ")
    };
    format!(
        "{}: defaults {}; vars {}; in {}",
        role.name,
        of(&role.defaults),
        of(&role.vars),
        role.parents.join(" ")
    )
}

const FILES: &[(&str, &str)] = &[
    (
        "site.yml",
        "- hosts: docker\n  pre_tasks:\n    - debug: msg=pre\n  roles:\n    - role: web\n      listen_port: 80\n      tags: w\n      when: web\n      vars: {given: 1}\n    - common\n    - {role: common}\n  tasks:\n    - debug: msg=task\n      notify: [restart, 'common : restart']\n    - import_role: {name: extra, tasks_from: other}\n      tags: e\n  handlers:\n    - name: restart\n      debug: msg=own\n",
    ),
    ("roles/web/tasks/main.yml", "- name: web\n  debug: msg={{ listen_port }}\n- import_tasks: more.yml\n"),
    ("roles/web/tasks/more.yml", "- name: more\n  debug: msg=x\n"),
    ("roles/web/handlers/main.yml", "- name: reload\n  debug: msg=x\n"),
    ("roles/web/defaults/main.yml", "a: web\nb: web\n"),
    ("roles/web/vars/main/1.yml", "c: web\n"),
    ("roles/web/vars/main/2.yml", "d: web\n"),
    (
        "roles/web/meta/main.yml",
        "galaxy_info: {author: me}\ndependencies:\n  - role: common\n    tags: dep\n",
    ),
    ("roles/common/tasks/main.yml", "- name: common\n  debug: msg=x\n"),
    ("roles/common/handlers/main.yaml", "- name: restart\n  debug: msg=x\n"),
    ("roles/common/defaults/main.yml", "a: common\n"),
    ("roles/common/vars/main.yml", "c: common\n"),
    ("roles/extra/tasks/other.yml", "- name: extra\n  debug: msg=x\n- meta: end_role\n"),
    ("roles/extra/handlers/main.yml", "- name: late\n  debug: msg=x\n"),
];

#[test]
fn roles_run_between_pre_tasks_and_tasks_after_those_they_depend_on() {
    let folder = Folder::new(FILES);
    let playbook = folder.playbook();
    let play = &playbook.plays[0];
    assert_snapshot!(shown(&play.sections[0]) + &shown(&play.sections[1]), @r#"
    0 debug None tags= when=
    1 block Some("common")
    2 common Some("common") tags=dep,w when=web
    3 block Some("web")
    4 web Some("web") tags=w when=web
    5 more Some("web") tags=w when=web
    6 block Some("common")
    7 common Some("common") tags= when=
    8 block Some("common")
    9 common Some("common") tags= when=
    10 debug None tags= when=
    11 block Some("extra")
    12 extra Some("extra") tags=e when=
    13 meta Some("extra") tags=e when=
    "#);
    let roles: Vec<_> = play.roles.iter().map(|role| variables(role)).collect();
    assert_snapshot!(roles.join("\n"), @r"
    common: defaults a=web b=web a=common; vars c=web d=web given=1 c=common; in web
    web: defaults a=common a=web b=web; vars c=common c=web d=web; in 
    common: defaults a=common; vars c=common; in 
    common: defaults a=common; vars c=common; in 
    extra: defaults ; vars ; in
    ");
    let handlers: Vec<_> =
        play.handlers.iter().map(|task| format!("{} {}", task.number, task.shown_name())).collect();
    assert_snapshot!(handlers.join("\n"), @r"
    14 restart
    15 reload
    16 restart
    17 restart
    18 restart
    19 late
    ");
    let web = play.tasks().find(|task| task.shown_name() == "more").expect("a task");
    let places: Vec<_> = web
        .around
        .files
        .directories
        .iter()
        .map(|path| relative(path, &folder).display().to_string())
        .collect();
    assert_eq!(places, ["roles/web", "roles/web/tasks", ""]);
    assert_eq!(
        web.around.role_params.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["listen_port"]
    );
    assert_eq!(web.keywords.vars.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["given"]);
    let dependency = play.tasks().find(|task| task.shown_name() == "common").expect("a task");
    let places: Vec<_> = dependency
        .around
        .files
        .directories
        .iter()
        .map(|path| relative(path, &folder).display().to_string())
        .collect();
    assert_eq!(places, ["roles/common", "roles/web", "roles/common/tasks", ""]);
}

#[test]
fn a_role_is_read_while_the_play_runs() {
    let folder = Folder::new(FILES);
    let playbook = folder.playbook();
    let play = &playbook.plays[0];
    let mut problems = Problems::new();
    let mut reader = Reader::new(&play.library, &mut problems);
    let around = Around {
        files: std::sync::Arc::new(Files::of_playbook(folder.path())),
        ..Around::of_play(&play.keywords, folder.path())
    };
    let wanted = WantedRole { tasks_from: "more".to_owned(), ..WantedRole::new("web", play.place.clone()) };
    let role = reader.role(&wanted, &around).expect("a role");
    assert!(problems.is_empty(), "{problems}");
    assert_snapshot!(shown(&role.parts), @r#"
    0 block Some("common")
    1 common Some("common") tags=dep when=
    2 block Some("web")
    3 more Some("web") tags= when=
    "#);
    assert!(!role.role.public);
    assert_eq!(role.handlers.iter().map(|task| task.shown_name()).collect::<Vec<_>>(), ["restart", "reload"]);
}

#[test]
fn mistakes_of_roles_are_said_where_they_stand() {
    let folder = Folder::new(&[
        (
            "site.yml",
            "- hosts: docker\n  roles:\n    - weeb\n    - {role: web, port: 1, 1x: 2}\n    - {tags: x}\n    - a.b.c\n    - \"{{ which }}\"\n    - web,port=80\n    - round\n  tasks:\n    - import_role: {name: web, tasks_from: nowhere}\n    - import_role: {name: web, tasks_form: x}\n    - import_role: {name: web, tasks_from: ../x}\n    - include_role: web\n    - meta: end_role\n",
        ),
        ("roles/web/tasks/main.yml", "- debgu: msg=x\n"),
        ("roles/web/vars/main.yml", "- a\n"),
        ("roles/web/meta/main.yml", "dependenceis: []\ncollections: [community.docker]\n"),
        ("roles/round/meta/main.yml", "dependencies: [trip]\n"),
        ("roles/trip/meta/main.yml", "dependencies: [round]\n"),
    ]);
    assert_snapshot!(folder.mistakes(), @r"
    site.yml:4:19: `port` is left out of dtrctl
      set `ansible_port` in the inventory
    site.yml:4:28: this is no variable name
      use letters, digits and `_`, not beginning with a digit
    site.yml:5:8: a role has no name
      add `role: NAME`
    site.yml:7:7: the name of a role is needed before the play runs
      write it out, or use `include_role`
    site.yml:8:7: the name of a role holds no comma
      write each parameter as `name: value` below `- role: NAME`
    site.yml:3:7: there is no role `weeb`
      did you mean `web`? it is looked for in `DIR/roles`, `DIR`
    roles/web/vars/main.yml:1:1: `vars` is a list, not a mapping
    roles/web/meta/main.yml:2:14: collections are left out of dtrctl
      leave it away; `dtrctl modules` lists the modules there are
    roles/web/meta/main.yml:1:1: `meta/main.yml` has no `dependenceis`
      did you mean `dependencies`?
    roles/web/tasks/main.yml:1:3: a task has no `debgu`
      did you mean `debug`?
    site.yml:6:7: there is no role `a.b.c`
      it is looked for in `DIR/roles`, `DIR`; roles of collections are left out of dtrctl: copy it into `roles/`
    roles/trip/meta/main.yml:1:16: the role `round` uses itself
      leave one of the two uses away
    site.yml:11:27: the role `web` has no `tasks/nowhere`
      it is looked for in `DIR/roles/web/tasks`
    site.yml:12:32: `import_role` has no argument `tasks_form`
      did you mean `tasks_from`?
    site.yml:13:27: `../x` is not within the role's `tasks/`
    site.yml:14:21: `include_role` takes a mapping
      write `name: web` below it
    site.yml:15:7: `meta: end_role` stands in no role's tasks
      `meta: end_host` ends the play for the host
    ");
}

#[test]
fn a_specification_of_arguments_is_a_task_before_the_others() {
    let folder = Folder::new(&[
        ("site.yml", "- hosts: docker\n  roles: [web]\n"),
        ("roles/web/tasks/main.yml", "- debug: msg=x\n"),
        (
            "roles/web/meta/argument_specs.yml",
            "argument_specs:\n  main:\n    short_description: x\n    options:\n      port: {type: int, required: true}\n      mode: {choices: [a, b]}\n",
        ),
    ]);
    let playbook = folder.playbook();
    let task = playbook.plays[0].tasks().next().expect("a task").clone();
    assert_eq!(task.action.name(), "assert");
    assert_eq!(task.keywords.tags, ["always"]);
    assert_snapshot!(task.keywords.vars[0].1.as_str().expect("text"), @"{% if port is undefined %}`port` is required. {% endif %}{% if port is defined and port is not none %}{% if not (port is boolean or (port | string) is match('^ *[-+]?[0-9]+([.]0*)? *$')) %}`port` has to be of the type int. {% else %}{% endif %}{% endif %}{% if mode is defined and mode is not none %}{% if not (true) %}`mode` has to be of the type str. {% else %}{% if (mode | string) not in ['a', 'b'] %}`mode` has to be one of {{ ['a', 'b'] | join(', ') }}. {% endif %}{% endif %}{% endif %}");
}
