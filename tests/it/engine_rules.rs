//! The engine's rules on two kinds of host that need nothing: a folder, and this machine's own shell.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::harness::apply_in;

/// A folder with a playbook, a cache and a scratch directory; `@` in the playbook is that scratch directory.
struct Site(TempDir);

/// The events of one run.
struct Run {
    code: i32,
    events: Vec<Json>,
    text: String,
}

impl Site {
    /// A playbook of one play for the host `h`.
    fn new(play: &str) -> Self {
        let site = Self(tempfile::Builder::new().prefix("dtrctl-rules-").tempdir().unwrap());
        fs::create_dir_all(site.path("at")).unwrap();
        fs::create_dir_all(site.path("root/etc")).unwrap();
        let play = play.replace('@', site.path("at").to_str().unwrap());
        fs::write(site.path("site.yml"), play).unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// On this machine, by its own shell.
    fn local(&self, more: &[&str]) -> Run {
        self.run("h ansible_connection=local", more)
    }

    /// On a folder.
    fn sandbox(&self, more: &[&str]) -> Run {
        let root = self.path("root");
        self.run(&format!("h ansible_connection=sandbox ansible_sandbox_root={}", root.display()), more)
    }

    fn run(&self, host: &str, more: &[&str]) -> Run {
        fs::write(self.path("hosts.ini"), format!("{host}\n")).unwrap();
        let output = apply_in(self.0.path(), 30).args(more).output().unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let events = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        Run { code: output.status.code().unwrap(), events, text }
    }

    /// A file of the scratch directory.
    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path("at").join(name)).ok()
    }
}

impl Run {
    /// `name=outcome` of every task, in order.
    fn outcomes(&self) -> Vec<String> {
        let finished = self.events.iter().filter(|event| event["event"] == "task_finished");
        let word = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        finished
            .map(|event| format!("{}={}", word(&event["task"]["name"]), word(&event["outcome"])))
            .collect()
    }

    fn recap(&self) -> &Json {
        &self.events.last().unwrap()["hosts"]["h"]
    }

    #[track_caller]
    fn is(&self, outcomes: &[&str]) -> &Self {
        assert_eq!(self.outcomes(), outcomes, "{}", self.text);
        self
    }
}

#[test]
fn a_failed_change_that_is_ignored_is_not_tried_a_second_time() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    copy: {dest: \"@/none/x\", content: x}\n    ignore_errors: true\n  \
         - name: b\n    debug: {msg: on}\n",
    );
    site.local(&[]).is(&["a=ignored", "b=ok"]);
}

#[test]
fn what_is_only_planned_is_not_taken_for_done_by_a_later_task() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    copy: {dest: \"@/x\", content: new}\n    check_mode: true\n  \
         - name: b\n    copy: {dest: \"@/x\", content: new}\n",
    );
    site.local(&[]).is(&["a=changed", "b=changed"]);
    assert_eq!(site.read("x").as_deref(), Some("new"));
}

#[test]
fn a_users_shell_does_not_pass_a_command_that_has_still_to_run() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    copy: {dest: \"@/x\", content: x}\n  - name: b\n    \
         command: {argv: [touch, \"@/ran\"]}\n  - name: c\n    command: {cmd: \"true\", unless: \"test -e @/ran || touch @/early\"}\n",
    );
    site.local(&[]).is(&["a=changed", "b=changed", "c=ok"]);
    let again = site.local(&[]);
    again.is(&["a=ok", "b=changed", "c=ok"]);
    fs::remove_file(site.path("at/ran")).unwrap();
    site.local(&[]).is(&["a=ok", "b=changed", "c=ok"]);
    assert_eq!(site.read("early"), None, "`unless` ran before the command that stands before it");
}

#[test]
fn a_users_shell_does_not_pass_a_copy_whose_source_has_changed_here() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    copy: {dest: \"@/x\", src: source}\n  - name: b\n    \
         command: {cmd: \"true\", unless: \"cat @/x >>@/seen; true\"}\n",
    );
    fs::write(site.path("source"), "one\n").unwrap();
    // Were it made by `unless`, in another second than `x`, the folder would not be as `copy` left it.
    fs::write(site.path("at/seen"), "").unwrap();
    site.local(&[]).is(&["a=changed", "b=ok"]);
    let again = site.local(&[]);
    assert_eq!(again.is(&["a=ok", "b=ok"]).recap()["trips"], 1, "{}", again.text);
    fs::write(site.path("source"), "two\n").unwrap();
    site.local(&[]).is(&["a=changed", "b=ok"]);
    assert_eq!(site.read("seen").as_deref(), Some("one\none\ntwo\n"));
}

#[test]
fn handlers_heed_no_tags() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    copy: {dest: \"@/x\", content: x}\n    tags: conf\n    notify: reload\n  \
         handlers:\n  - name: reload\n    copy: {dest: \"@/y\", content: y}\n",
    );
    site.local(&["-t", "conf"]).is(&["a=changed", "reload=changed"]);
}

#[test]
fn a_host_that_is_gone_is_not_ok_because_its_facts_are_remembered() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    debug: {msg: \"{{ ansible_facts.distribution }}\"}\n",
    );
    site.sandbox(&[]).is(&["a=ok"]);
    fs::remove_dir_all(site.path("root")).unwrap();
    let gone = site.sandbox(&[]);
    assert_ne!(gone.code, 0, "{}", gone.text);
    gone.is(&[]);
}

#[test]
fn no_command_runs_by_facts_that_no_longer_hold() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    copy: {dest: \"/etc/{{ item }}\", content: x}\n    \
         loop: \"{{ [ansible_facts.distribution_version, 'z'] }}\"\n",
    );
    fs::write(site.path("root/etc/os-release"), "ID=debian\nVERSION_ID=11\n").unwrap();
    site.sandbox(&["--check"]).is(&["a=changed", "a=changed"]);
    fs::write(site.path("root/etc/os-release"), "ID=debian\nVERSION_ID=12\n").unwrap();
    site.sandbox(&[]).is(&["a=changed", "a=changed"]);
    assert!(site.path("root/etc/12").exists() && !site.path("root/etc/11").exists());
}

#[test]
fn check_mode_says_of_a_commands_result_that_it_is_unknown() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    command: echo hello\n    register: r\n  - name: b\n    \
         copy: {dest: \"@/x\", content: \"{{ r.stdout }}\"}\n  - name: c\n    copy: {dest: \"@/y\", content: y}\n    when: r is changed\n  \
         - name: d\n    command: {cmd: echo, creates: \"@/none\"}\n    register: s\n    failed_when: s.rc > 1\n  \
         - name: e\n    debug: {msg: \"{{ s.rc }}\"}\n  - name: f\n    command: {cmd: \"true\", unless: test -e @/made}\n",
    );
    let check = site.local(&["--check"]);
    check.is(&["a=unknown", "b=unknown", "c=unknown", "d=unknown", "e=unknown", "f=unknown"]);
    site.local(&[]).is(&["a=changed", "b=changed", "c=changed", "d=changed", "e=ok", "f=changed"]);
}

#[test]
fn check_mode_does_not_take_the_controllers_files_for_the_hosts() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    copy: {dest: /etc/dtrctl-rules-test, content: x}\n    delegate_to: localhost\n  \
         - name: b\n    copy: {dest: /etc/dtrctl-rules-test, content: x}\n",
    );
    site.sandbox(&["--check"]).is(&["a=changed", "b=changed"]);
}

#[test]
fn nothing_overrules_what_the_command_line_says() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    debug: {msg: told}\n    register: x\n  - name: b\n    debug: {msg: \"{{ x }}\"}\n    register: y\n  \
         - name: c\n    assert: {that: [\"x == 'given'\", \"y.msg == 'given'\"]}\n",
    );
    site.local(&["-e", "x=given"]).is(&["a=ok", "b=ok", "c=ok"]);
}

#[test]
fn no_log_hides_items_notes_and_what_a_command_says() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    debug: {msg: \"{{ item }}\"}\n    loop: [hunter2, hunter22]\n    no_log: true\n  \
         - name: b\n    command: {argv: [sh, -c, 'echo hunter2 >&2; exit 1']}\n    no_log: true\n",
    );
    let run = site.local(&[]);
    run.is(&["a=ok", "a=ok", "b=failed"]);
    assert!(!run.text.contains("hunter"), "{}", run.text);
}

#[test]
fn changed_and_failed_are_as_a_user_of_ansible_expects() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    assert: {that: [false]}\n    failed_when: false\n    notify: x\n  \
         - name: b\n    command: \"false\"\n    ignore_errors: true\n    register: r\n  \
         - name: c\n    command: \"false\"\n    ignore_errors: true\n    changed_when: false\n    register: s\n  \
         - name: d\n    command: \"false\"\n    changed_when: false\n    failed_when: s.rc != 1\n    register: s\n  \
         - name: e\n    assert: {that: [r is changed, r is failed, s is not changed]}\n  handlers:\n  - name: x\n    debug: {msg: x}\n",
    );
    site.local(&[]).is(&["a=ok", "b=ignored", "c=ignored", "d=ok", "e=ok"]);
}

#[test]
fn a_loop_without_a_list_is_skipped_where_its_condition_does_not_hold() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    debug: {msg: x}\n    when: false\n    register: r\n  - name: b\n    \
         debug: {msg: \"{{ item }}\"}\n    loop: \"{{ r.lines }}\"\n    when: r is not skipped\n",
    );
    site.local(&[]).is(&["a=skipped", "b=skipped"]);
}

#[test]
fn a_loop_with_an_unknown_item_has_an_unknown_result() {
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    command: echo\n    when: item == 1\n    loop: [1, 2]\n    register: r\n  - name: b\n    \
         debug: {msg: \"{{ r.results | length }}\"}\n",
    );
    site.local(&["--check"]).is(&["a=unknown", "a=skipped", "b=unknown"]);
}

#[test]
fn a_handler_that_nobody_can_find_is_a_mistake() {
    let named = |name: &str| {
        format!(
            "- hosts: h\n  tasks:\n  - debug: {{msg: x}}\n    changed_when: true\n    notify: \"{name}\"\n"
        )
    };
    let before = Site::new(&named("do it")).local(&[]);
    assert_eq!(before.code, 1, "{}", before.text);
    assert!(before.text.contains("no handler is named"), "{}", before.text);
    // A name that is a template is known only when it is notified.
    let run = Site::new(&named("do {{ inventory_hostname }}")).local(&[]);
    assert_eq!(run.code, 3, "{}", run.text);
    assert!(run.text.contains("no handler is named `do h`"), "{}", run.text);
}

#[test]
fn of_a_plays_handlers_of_one_name_the_first_runs_and_an_earlier_one_waits_for_the_next_flush() {
    let site = Site::new(
        "- hosts: h\n  pre_tasks:\n  - name: a\n    copy: {dest: \"@/x\", content: x}\n    notify: second\n  \
         tasks:\n  - name: b\n    debug: {msg: b}\n  handlers:\n  - name: first\n    debug: {msg: one}\n  - name: second\n    \
         copy: {dest: \"@/y\", content: y}\n    notify: first\n  - name: second\n    copy: {dest: \"@/not\", content: y}\n",
    );
    site.local(&[]).is(&["a=changed", "second=changed", "b=ok", "first=ok"]);
    assert_eq!(site.read("not"), None);
}

#[test]
fn a_command_runs_with_the_users_own_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new(
        "- hosts: h\n  tasks:\n  - name: a\n    command: {argv: [sh, -c, 'umask 022; :; mkdir @/d']}\n  - name: b\n    command: {argv: [mkdir, \"@/e\"]}\n",
    );
    site.local(&[]).is(&["a=changed", "b=changed"]);
    let mode = |name| fs::metadata(site.path("at").join(name)).unwrap().permissions().mode() & 0o777;
    let own = Command::new("sh").args(["-c", "umask"]).output().unwrap();
    let own = u32::from_str_radix(String::from_utf8_lossy(&own.stdout).trim(), 8).unwrap();
    assert_eq!((mode("d"), mode("e")), (0o755, 0o777 & !own));
}

#[test]
fn a_limit_from_standard_input_holds_for_every_play() {
    let site =
        Site::new("- hosts: h\n  tasks: [{debug: {msg: a}}]\n- hosts: h\n  tasks: [{debug: {msg: b}}]\n");
    fs::write(site.path("hosts.ini"), "h ansible_connection=local\n").unwrap();
    let mut child = apply_in(site.0.path(), 30)
        .args(["-l", "@-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"h\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
