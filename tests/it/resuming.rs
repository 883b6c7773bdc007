//! Going on with a run: what was done is not done again, what was owed is not forgotten.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::harness::{Call, Ran, World};
use crate::sshd::eventually;

const RUNS: &str = "home/.local/state/dtrctl/runs";

/// A world whose hosts are folders, and have commands run on this machine. `@` in the playbook is its folder.
struct Fleet(World);

impl Fleet {
    fn new(playbook: &str) -> Self {
        let world = World::with(&["web1", "web2", "web3"]);
        let here = world.path("").display().to_string();
        let playbook =
            playbook.replace('@', here.trim_end_matches('/')).replace("HERE", "delegate_to: localhost");
        Self(world.playbook(&playbook))
    }

    fn apply(&self, more: &[&str]) -> Call<'_> {
        self.0.dtrctl(&["apply", "site.yml", "-i", "hosts.yml", "--format", "jsonl"]).args(more)
    }

    fn resume(&self, more: &[&str]) -> Call<'_> {
        self.0.dtrctl(&["resume", "--format", "jsonl"]).args(more).any_stderr()
    }

    fn touch(&self, name: &str) {
        fs::write(self.0.path(name), "").unwrap();
    }

    fn file(&self, host: &str, name: &str) -> String {
        fs::read_to_string(self.0.root(host).join("etc").join(name)).unwrap()
    }

    /// The lines that commands have left in a file, sorted.
    fn lines(&self, name: &str) -> String {
        let text = fs::read_to_string(self.0.path(name)).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.join(" ")
    }

    fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.path(RUNS)).unwrap().flatten().map(|entry| entry.path());
        let mut runs: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        // Those of one second are in the order in which they began.
        runs.sort_by_key(|path| record(path)["started"].as_str().unwrap().to_owned());
        runs
    }
}

fn record(path: &Path) -> Json {
    serde_json::from_slice(&fs::read(path.join("run.json")).unwrap()).unwrap()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn hosts(run: &Ran) -> Vec<String> {
    run.events().last().unwrap()["hosts"].as_object().unwrap().keys().cloned().collect()
}

/// A command that counts itself, something that notifies, a gate that opens once `go` is there, and what uses it all.
const SITE: &str = "\
- hosts: all
  tasks:
    - name: count
      shell: echo {{ inventory_hostname }} >> @/counted; echo told to {{ inventory_hostname }}
      HERE
      register: told
    - name: write
      copy: {dest: /etc/conf, content: a}
      register: written
      notify: restarted
    - name: gate
      command: test -e @/go
      HERE
      when: inventory_hostname != 'web1'
    - name: use
      copy: {dest: \"/etc/told\", content: \"{{ told.stdout }}\"}
    - name: after a change
      shell: echo {{ inventory_hostname }} >> @/followed
      HERE
      when: written is changed
  handlers:
    - name: restarted
      shell: echo {{ inventory_hostname }} >> @/restarted
      HERE
";

#[test]
fn what_is_left_is_done_and_what_is_done_is_not_done_again() {
    let fleet = Fleet::new(SITE);
    fleet.apply(&[]).code(3).run();
    assert_eq!(fleet.lines("counted"), "web1 web2 web3");
    assert_eq!((fleet.lines("restarted"), fleet.lines("followed")), ("web1".to_owned(), "web1".to_owned()));
    fleet.touch("go");
    let resumed = fleet.resume(&[]).run();
    let first = name(&fleet.runs()[0]);
    assert_eq!(resumed.stderr, format!("going on with run {first} for 2 of its hosts\n"));
    assert_eq!(hosts(&resumed), ["web2", "web3"]);
    assert_eq!(fleet.lines("counted"), "web1 web2 web3", "the command that was finished is not run again");
    assert_eq!(fleet.lines("followed"), "web1 web2 web3", "what hangs on a change sees it");
    assert_eq!(fleet.lines("restarted"), "web1 web2 web3", "the handler of the change is not lost");
    assert_eq!(fleet.file("web2", "told"), "told to web2");
    let outcomes = resumed.outcomes("web2");
    let expected = ["count: ok", "write: ok", "gate: changed", "use: changed", "after a change: changed"];
    assert_eq!(outcomes[..5], expected);
    assert_eq!(outcomes[5], "restarted: changed");
    let notes = |at: usize| resumed.finished("web2")[at]["notes"][0]["text"].clone();
    assert_eq!(notes(0), format!("done by run {first}"));
    assert_eq!(notes(1), format!("changed by run {first}"));
    let stderr = fleet.resume(&[]).code(1).run().stderr;
    assert!(stderr.contains("of no run that is kept anything is left to do"), "{stderr}");
    let stderr = fleet.resume(&[&first]).code(1).run().stderr;
    assert!(stderr.contains(&format!("all hosts of run {first} have ended well")), "{stderr}");
}

#[test]
fn a_resumed_run_is_resumed_in_its_turn_and_a_limit_narrows_it() {
    let fleet = Fleet::new(SITE);
    fleet.apply(&[]).code(3).run();
    // The gate is still shut.
    fleet.resume(&["-l", "web2"]).code(3).run();
    fleet.touch("go");
    // The newest run with something left is the one for web2 alone.
    assert_eq!(hosts(&fleet.resume(&[]).run()), ["web2"]);
    assert_eq!(hosts(&fleet.resume(&[]).run()), ["web3"]);
    for file in ["counted", "followed", "restarted"] {
        assert_eq!(fleet.lines(file), "web1 web2 web3", "{file}");
    }
    let stderr = fleet.resume(&[]).code(1).run().stderr;
    assert!(stderr.contains("of no run that is kept anything is left to do"), "{stderr}");
    let runs = fleet.runs();
    let resumes: Vec<Json> = runs.iter().map(|run| record(run)["resumes"].clone()).collect();
    let names: Vec<String> = runs.iter().map(|run| name(run)).collect();
    let of = |at: usize| Json::from(names[at].as_str());
    assert_eq!(resumes, [Json::Null, of(0), of(1), of(0)]);
}

#[test]
fn a_run_of_which_another_is_missing_is_not_resumed() {
    let fleet = Fleet::new(SITE);
    fleet.apply(&[]).code(3).run();
    fleet.resume(&[]).code(3).run();
    fs::remove_dir_all(&fleet.runs()[0]).unwrap();
    let stderr = fleet.resume(&[]).code(1).run().stderr;
    assert!(stderr.contains("which is not kept any more"), "{stderr}");
    assert_eq!(fleet.lines("counted"), "web1 web2 web3");
}

#[test]
fn a_check_of_what_is_left_changes_nothing_and_is_nothing_to_resume() {
    let fleet = Fleet::new(SITE);
    fleet.apply(&["--check"]).run();
    let stderr = fleet.resume(&["last"]).code(1).run().stderr;
    assert!(stderr.contains("was a check: it has done nothing to go on with"), "{stderr}");
    fleet.apply(&[]).code(3).run();
    fleet.touch("go");
    let check = fleet.resume(&["--check"]).run();
    assert_eq!(check.outcomes("web2")[0], "count: ok");
    assert_eq!((fleet.lines("counted"), fleet.lines("followed")), ("web1 web2 web3".into(), "web1".into()));
    assert!(!fleet.0.root("web2").join("etc/told").exists());
    fleet.resume(&[]).run();
    assert_eq!(fleet.lines("followed"), "web1 web2 web3");
}

#[test]
fn a_handler_that_was_done_after_the_change_is_not_done_again() {
    let fleet = Fleet::new(
        "- hosts: web1\n  tasks:\n    \
         - copy: {dest: /etc/one, content: a}\n      notify: restarted\n    \
         - meta: flush_handlers\n    \
         - copy: {dest: /etc/two, content: a}\n      notify: other\n    \
         - command: test -e @/go\n      HERE\n  handlers:\n    \
         - name: restarted\n      shell: echo once >> @/restarted\n      HERE\n    \
         - name: other\n      shell: echo once >> @/other\n      HERE\n",
    );
    fleet.apply(&[]).code(3).run();
    fleet.touch("go");
    fleet.resume(&[]).run();
    assert_eq!((fleet.lines("restarted"), fleet.lines("other")), ("once".to_owned(), "once".to_owned()));
}

#[test]
fn the_items_of_a_loop_are_taken_one_by_one() {
    let fleet = Fleet::new(
        "- hosts: web1\n  tasks:\n    \
         - shell: echo {{ item }} >> @/counted; test {{ item }} != b -o -e @/go\n      HERE\n      loop: [a, b, c]\n      register: all\n    \
         - copy: {dest: /etc/results, content: \"{{ all.results | map(attribute='item') | join(' ') }}\"}\n",
    );
    fleet.apply(&[]).code(3).run();
    assert_eq!(fleet.lines("counted"), "a b c");
    fleet.touch("go");
    fleet.resume(&[]).run();
    assert_eq!(fleet.lines("counted"), "a b b c");
    assert_eq!(fleet.file("web1", "results"), "a b c");
}

#[test]
fn what_one_host_has_done_for_all_is_not_done_by_another() {
    let fleet = Fleet::new(
        "- hosts: all\n  tasks:\n    \
         - shell: echo once >> @/counted; echo answer\n      HERE\n      run_once: true\n      register: told\n    \
         - command: test -e @/go\n      HERE\n      when: inventory_hostname == 'web3'\n    \
         - copy: {dest: /etc/told, content: '{{ told.stdout }}'}\n",
    );
    fleet.apply(&[]).code(3).run();
    fleet.touch("go");
    assert_eq!(hosts(&fleet.resume(&[]).run()), ["web3"]);
    assert_eq!(fleet.lines("counted"), "once");
    assert_eq!(fleet.file("web3", "told"), "answer");
}

#[test]
fn a_result_that_is_hidden_is_not_gone_on_with() {
    let fleet = Fleet::new(
        "- hosts: web1\n  tasks:\n    \
         - shell: echo once >> @/quiet\n      HERE\n      no_log: true\n    \
         - name: secret\n      shell: echo once >> @/counted; echo nightingale\n      HERE\n      register: told\n      no_log: true\n      ignore_errors: true\n    \
         - command: test -e @/go\n      HERE\n",
    );
    fleet.apply(&[]).code(3).run();
    fleet.touch("go");
    let resumed = fleet.resume(&[]).code(3).run();
    assert_eq!((fleet.lines("quiet"), fleet.lines("counted")), ("once".to_owned(), "once".to_owned()));
    let reason = resumed.recap("web1")["reason"].clone();
    let message = reason["message"].as_str().unwrap();
    assert!(
        message.ends_with("has done this, and what `told` was is hidden: nothing can go on with it"),
        "{message}"
    );
    assert!(reason["help"].as_str().unwrap().contains("`apply -l`"), "{reason}");
    assert!(!resumed.stdout.contains("nightingale"));
}

#[test]
fn a_playbook_that_has_changed_is_refused_unless_that_is_said() {
    let fleet = Fleet::new(SITE);
    fleet.apply(&[]).code(3).run();
    fleet.touch("go");
    let path = fleet.0.path("site.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("content: a}", "content: b}")).unwrap();
    let stderr = fleet.resume(&[]).code(1).run().stderr;
    assert!(
        stderr.contains("the playbook has changed since run ")
            && stderr.contains("`site.yml` is not the same"),
        "{stderr}"
    );
    assert!(stderr.contains("--changed-playbook"), "{stderr}");
    fleet.resume(&["--changed-playbook"]).run();
    assert_eq!(fleet.lines("counted"), "web1 web2 web3");
    assert_eq!(fleet.file("web2", "conf"), "b");
    assert_eq!(fleet.file("web1", "conf"), "a");
}

#[test]
fn the_same_variables_tags_and_directory_are_used() {
    let fleet = Fleet::new(
        "- hosts: \"{{ where }}\"\n  tasks:\n    \
         - command: test -e @/go\n      HERE\n      tags: [wanted]\n    \
         - copy: {dest: '/etc/told', content: '{{ token }} {{ more }} {{ ansible_limit }}'}\n      tags: [wanted]\n    \
         - fail: {}\n      tags: [other]\n",
    );
    let fleet = Fleet(fleet.0.file("more.yml", "more: from a file\n"));
    fleet
        .apply(&["-e", "token=nightingale where=all", "-e", "@more.yml", "-t", "wanted", "-l", "web1,web2"])
        .code(3)
        .run();
    fleet.touch("go");
    let mut command = fleet.resume(&[]).command();
    let output = command.current_dir(fleet.0.path("home")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    for host in ["web1", "web2"] {
        assert_eq!(fleet.file(host, "told"), "nightingale from a file web1,web2");
    }
    assert!(!fleet.0.root("web3").join("etc/told").exists());
    let record = fs::read_to_string(fleet.runs()[1].join("run.json")).unwrap();
    assert!(!record.contains("nightingale"), "{record}");
}

/// A run that counts itself, changes a file, and is killed while it waits.
fn killed(more: &[&str]) -> Fleet {
    let fleet = Fleet::new(
        "- hosts: web1\n  tasks:\n    \
         - shell: echo once >> @/counted\n      HERE\n    \
         - copy: {dest: /etc/conf, content: a}\n      notify: restarted\n    \
         - name: wait\n      shell: echo begun >> @/begun; for i in $(seq 300); do test -e @/go && exit 0; sleep 0.1; done; exit 1\n      HERE\n  \
         handlers:\n    - name: restarted\n      shell: echo once >> @/restarted\n      HERE\n",
    );
    let mut child = fleet.apply(more).command().spawn().unwrap();
    eventually(30, || fleet.0.path("begun").exists());
    let list = fleet.0.dtrctl(&["runs"]).run().stdout;
    assert!(list.contains("still goes on"), "{list}");
    let stderr = fleet.resume(&["last"]).code(1).run().stderr;
    assert!(stderr.contains("still goes on"), "{stderr}");
    child.kill().unwrap();
    child.wait().unwrap();
    let list = fleet.0.dtrctl(&["runs"]).run().stdout;
    assert!(list.contains("unfinished"), "{list}");
    fleet.touch("go");
    fleet
}

#[test]
fn what_a_killed_run_has_done_is_confirmed_and_gone_on_with() {
    // Its guard has not given it up by the time it is resumed.
    let fleet = killed(&["--guard-timeout", "600"]);
    let resumed = fleet.resume(&[]).run();
    let told = (fleet.lines("counted"), fleet.lines("restarted"));
    assert_eq!(told, ("once".to_owned(), "once".to_owned()));
    assert_eq!(fleet.file("web1", "conf"), "a");
    let finished = resumed.finished("web1");
    let note = finished[2]["notes"][0]["text"].as_str().unwrap();
    assert!(note.ends_with("was cut off while it did this: it may be done a second time"), "{note}");
    let runs = fs::read_dir(fleet.0.root("web1").join("var/lib/dtrctl/runs")).unwrap().flatten();
    let outcomes = runs.map(|run| fs::read_to_string(run.path().join("outcome")).unwrap());
    assert!(outcomes.into_iter().all(|outcome| outcome == "confirmed\n"));
}

#[test]
fn what_was_put_back_after_a_kill_is_done_anew() {
    let fleet = killed(&["--guard-timeout", "3"]);
    eventually(60, || !fleet.0.root("web1").join("etc/conf").exists());
    let resumed = fleet.resume(&[]).run();
    let told = (fleet.lines("counted"), fleet.lines("restarted"));
    assert_eq!(told, ("once once".to_owned(), "once".to_owned()));
    assert_eq!(fleet.file("web1", "conf"), "a");
    assert!(resumed.stdout.contains("had changed here was put back, and is done anew"), "{}", resumed.stdout);
}

#[test]
fn one_module_is_gone_on_with_too() {
    let fleet = Fleet::new("");
    let blocked = |host: &str| fleet.0.root(host).join("etc/gate");
    for host in ["web2", "web3"] {
        fs::create_dir_all(blocked(host).join("full")).unwrap();
    }
    let run = ["run", "docker", "copy", "dest=/etc/gate", "content=nightingale", "-i", "hosts.yml"];
    fleet.0.dtrctl(&run).code(3).any_stderr().run();
    for host in ["web2", "web3"] {
        fs::remove_dir_all(blocked(host)).unwrap();
    }
    let resumed = fleet.resume(&[]).run();
    assert_eq!(hosts(&resumed), ["web2", "web3"]);
    assert_eq!(fleet.file("web3", "gate"), "nightingale");
    let record = fs::read_to_string(fleet.runs()[1].join("run.json")).unwrap();
    assert!(!record.contains("nightingale"), "{record}");
}

#[test]
fn a_canary_that_has_passed_is_not_asked_for_again() {
    let fleet = Fleet::new(
        "- hosts: docker\n  canary: 1\n  confirm: after_canary\n  tasks:\n    - copy: {dest: /etc/conf, content: a}\n\
         - hosts: docker\n  tasks:\n    - copy: {dest: /etc/told, content: b}\n",
    );
    let first = fleet.apply(&[]).any_code().any_stderr().run();
    assert!(first.stdout.contains("\"gate\":\"confirm\""), "{}", first.stdout);
    assert!(
        fleet.0.root("web1").join("etc/conf").exists() && !fleet.0.root("web2").join("etc/conf").exists()
    );
    let resumed = fleet.resume(&[]).run();
    assert!(!resumed.stdout.contains("gate_closed"), "{}", resumed.stdout);
    for host in ["web1", "web2", "web3"] {
        assert_eq!((fleet.file(host, "conf"), fleet.file(host, "told")), ("a".to_owned(), "b".to_owned()));
    }
}

#[test]
fn gates_of_the_command_line_are_those_of_the_run() {
    let fleet = Fleet::new("- hosts: docker\n  tasks:\n    - copy: {dest: /etc/conf, content: a}\n");
    let gates = ["--canary", "web1", "--confirm", "after_canary", "--max-fail", "0"];
    fleet.apply(&gates).any_code().any_stderr().run();
    assert!(!fleet.0.root("web2").join("etc/conf").exists());
    fs::create_dir_all(fleet.0.root("web2").join("etc/conf/full")).unwrap();
    let resumed = fleet.resume(&[]).code(5).run();
    assert!(resumed.stdout.contains("\"gate\":\"max_fail\""), "{}", resumed.stdout);
    fs::remove_dir_all(fleet.0.root("web2").join("etc/conf")).unwrap();
    assert!(hosts(&fleet.resume(&[]).run()).contains(&"web2".to_owned()));
}
