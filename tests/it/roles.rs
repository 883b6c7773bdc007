//! Roles and what is imported and included, run as Ansible runs them.

use crate::harness::World;

fn message(name: &str, text: &str) -> String {
    format!("- name: {name}\n  debug: {{msg: \"{text}\"}}\n")
}

#[test]
fn a_role_that_others_depend_on_runs_once_where_its_conditions_let_it() {
    let needs = "dependencies: [common]\n";
    let world = World::new()
        .playbook(
            "- hosts: docker\n  roles:\n    - {role: a, when: false}\n    - {role: b, tags: b}\n    - {role: c, tags: c}\n    - common\n    - {role: common, given: 1}\n",
        )
        .file("roles/a/meta/main.yml", needs)
        .file("roles/b/meta/main.yml", needs)
        .file("roles/c/meta/main.yml", needs)
        .file("roles/a/tasks/main.yml", message("a", "x"))
        .file("roles/b/tasks/main.yml", message("b", "x"))
        .file("roles/c/tasks/main.yml", message("c", "x"))
        .file("roles/common/tasks/main.yml", message("common", "{{ given | default(0) }}"));
    let all = world.events(&[]).run();
    let wanted = ["common: skipped", "a: skipped", "common: ok", "b: ok", "c: ok", "common: ok"];
    assert_eq!(all.outcomes("web1"), wanted);
    let chosen = world.events(&["-t", "c"]).run();
    assert_eq!(chosen.outcomes("web1"), ["common: ok", "c: ok"]);
}

#[test]
fn what_a_use_gives_to_a_role_is_seen_by_what_it_depends_on_and_by_nobody_else() {
    let see = "{{ given | default('-') }} {{ of_web | default('-') }} {{ of_common | default('-') }}";
    let world = World::new()
        .playbook(&format!(
            "- hosts: docker\n  roles:\n    - {{role: web, vars: {{given: 1}}}}\n  tasks:\n    - debug: {{msg: \"{see}\"}}\n"
        ))
        .file("roles/web/meta/main.yml", "dependencies: [common]\n")
        .file("roles/web/vars/main.yml", "of_web: 2\n")
        .file("roles/web/tasks/main.yml", message("web", see))
        .file("roles/common/defaults/main.yml", "of_common: 3\n")
        .file("roles/common/tasks/main.yml", message("common", see));
    let ran = world.events(&[]).run();
    assert_eq!(ran.messages("web1"), ["1 2 3", "1 2 3", "- 2 3"]);
}

#[test]
fn a_role_refuses_arguments_that_do_not_fit_its_specification() {
    let spec = "argument_specs:\n  main:\n    options:\n      port: {type: int, required: true}\n      mode: {choices: [a, b]}\n      all: {type: list, elements: dict, options: {x: {required: true}}}\n";
    let world = World::new()
        .playbook("- hosts: docker\n  roles: [web]\n")
        .file("roles/web/meta/argument_specs.yml", spec)
        .file("roles/web/tasks/main.yml", message("web", "x"));
    world.events(&["-e", "{\"port\": \"80\", \"mode\": \"a\", \"all\": [{\"x\": 1}]}"]).run();
    let wrong = world.apply(&["-e", "{\"mode\": \"c\", \"all\": [{\"y\": 1}]}"]).code(3).any_stderr().run();
    for part in
        ["`port` is required", "`mode` has to be one of a, b", "`all[].x` is required", "`all[]` has no `y`"]
    {
        assert!(wrong.stdout.contains(part), "{part}: {}", wrong.stdout);
    }
}

#[test]
fn what_is_included_last_runs_before_the_handlers() {
    let world = World::new()
        .playbook(
            "- hosts: docker\n  tasks:\n    - {name: one, copy: {dest: /etc/one, content: x}, notify: late}\n    - include_tasks: more.yml\n  handlers:\n    - {name: late, debug: {msg: late}}\n",
        )
        .file("more.yml", message("two", "x") + "- import_role: {name: web}\n")
        .file("roles/web/tasks/main.yml", "- name: three\n  copy: {dest: /etc/three, content: x}\n  notify: of the role\n")
        .file("roles/web/handlers/main.yml", message("of the role", "x"));
    let ran = world.events(&[]).run();
    let wanted =
        ["one: changed", "include_tasks: ok", "two: ok", "three: changed", "late: ok", "of the role: ok"];
    assert_eq!(ran.outcomes("web1"), wanted);
}
