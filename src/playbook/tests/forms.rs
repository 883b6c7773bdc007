//! All the ways to write a task.

use super::{Folder, mistakes, play};
use crate::playbook::Action;

/// The name of what a task does and its arguments as JSON.
fn read(task: &str) -> String {
    let indented: String = task.lines().map(|line| format!("      {line}\n")).collect();
    let folder = Folder::new(&[("site.yml", &play(&format!("    -\n{indented}")))]);
    let (playbook, problems) = folder.read();
    if !problems.is_empty() {
        return problems.0.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; ");
    }
    let task = playbook.expect("a playbook").plays[0].tasks().next().expect("a task").clone();
    let arguments = task.arguments.as_ref().map(|node| node.to_json().expect("JSON").to_string());
    let host =
        task.keywords.delegate_to.as_ref().and_then(|node| node.as_str().map(|name| format!(" on {name}")));
    format!("{} {}{}", task.action.name(), arguments.unwrap_or_default(), host.unwrap_or_default())
}

#[test]
fn a_task_means_the_same_however_it_is_written() {
    let wanted = r#"file {"path":"/etc/x y","state":"directory"}"#;
    for task in [
        "file: {path: /etc/x y, state: directory}",
        "file: path=\"/etc/x y\" state=directory",
        "ansible.builtin.file: path='/etc/x y' state=directory",
        "ansible.legacy.file: {path: /etc/x y, state: directory}",
        "action: file path='/etc/x y' state=directory",
        "action: {module: file, path: /etc/x y, state: directory}",
        "action: ansible.builtin.file path='/etc/x y'\nargs: {state: directory}",
    ] {
        let read = read(task);
        let sorted = read.replace(
            r#"{"state":"directory","path":"/etc/x y"}"#,
            r#"{"path":"/etc/x y","state":"directory"}"#,
        );
        assert_eq!(sorted, wanted, "{task}");
    }
    assert_eq!(read("local_action: file path='/etc/x y' state=directory"), format!("{wanted} on localhost"));
    assert_eq!(
        read("local_action: {module: file, path: /etc/x y, state: directory}"),
        format!("{wanted} on localhost")
    );
}

#[test]
fn arguments_of_the_task_hide_those_of_args_and_these_the_defaults() {
    for (task, wanted) in [
        (
            "command: echo a=b creates=/x\nargs: {creates: /y, chdir: /tmp}",
            r#"command {"creates":"/x","chdir":"/tmp","cmd":"echo a=b"}"#,
        ),
        ("command: ls\nmodule_defaults: {command: {chdir: /tmp}}", r#"command {"chdir":"/tmp","cmd":"ls"}"#),
        (
            "command: ls\nargs: {chdir: /a}\nmodule_defaults: {ansible.builtin.command: {chdir: /tmp}}",
            r#"command {"chdir":"/a","cmd":"ls"}"#,
        ),
        ("debug: msg=\"{{ a | default('b c') }} d\"", r#"debug {"msg":"{{ a | default('b c') }} d"}"#),
        ("debug:", "debug "),
    ] {
        // The name under which `command` takes its text is its own business.
        let bare = modules::find("command").and_then(|entry| entry.bare).expect("bare text");
        assert_eq!(read(task), wanted.replace("cmd", bare), "{task}");
    }
}

#[test]
fn what_the_engine_does_itself_is_a_mapping_however_it_is_written() {
    for (task, wanted) in [
        ("include_tasks: x.yml", r#"include_tasks {"file":"x.yml"}"#),
        (
            "include_tasks: {file: x.yml, apply: {tags: a}}",
            r#"include_tasks {"file":"x.yml","apply":{"tags":"a"}}"#,
        ),
        ("include_tasks: \"{{ a == b }}.yml\"", r#"include_tasks {"file":"{{ a == b }}.yml"}"#),
        ("include_vars: x.yml", r#"include_vars {"file":"x.yml"}"#),
        ("include_vars: dir=x name=y", r#"include_vars {"dir":"x","name":"y"}"#),
        ("include_role: {role: web, tasks_from: x}", r#"include_role {"name":"web","tasks_from":"x"}"#),
        ("include_role: name=web", r#"include_role {"name":"web"}"#),
        ("set_fact: {a: 1, cacheable: true}", r#"set_fact {"a":1,"cacheable":true}"#),
        ("set_fact: a=1 b='{{ c d }}'", r#"set_fact {"a":"1","b":"{{ c d }}"}"#),
        ("set_fact: {\"{{ name }}\": 1}", r#"set_fact {"{{ name }}":1}"#),
        ("meta: flush_handlers", "meta "),
    ] {
        assert_eq!(read(task), wanted, "{task}");
    }
}

#[test]
fn apply_is_read_beforehand() {
    let folder = Folder::new(&[(
        "site.yml",
        &play("    - include_tasks: {file: x.yml, apply: {tags: [a, b], become: true}}\n"),
    )]);
    let playbook = folder.playbook();
    let task = playbook.plays[0].tasks().next().expect("a task").clone();
    assert!(matches!(task.action, Action::IncludeTasks));
    let apply = task.apply.as_ref().expect("keywords");
    assert_eq!(apply.tags, ["a", "b"]);
    assert!(apply.identity.wanted.is_some() && task.keywords.identity.wanted.is_none());
}

#[test]
fn connection_local_is_taken_on_this_machine_alone() {
    let of = |hosts: &str| {
        mistakes(&format!("- hosts: {hosts}\n  connection: local\n  tasks:\n    - debug: msg=x\n"))
    };
    assert_eq!(of("localhost"), "");
    assert_eq!(of("[localhost, 127.0.0.1]"), "");
    let wanted =
        "site.yml:2:3: `connection` is left out of dtrctl\n  set `ansible_connection` in the inventory\n";
    assert_eq!(of("all"), wanted);
    assert_eq!(of("localhost,web"), wanted);
}
