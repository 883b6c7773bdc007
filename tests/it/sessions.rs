//! The binary over a real sshd: scripts are counted as they come there, and the report's `trips` are held to them.

use std::fs;
use std::path::PathBuf;

use crate::figure::figure;
use crate::harness::{Ran, World};
use crate::sshd::{COUNTING, Sshd, is};

/// A world whose one host, `real`, is this machine through an sshd of its own. Tasks may write below `target`.
pub struct Real {
    pub world: World,
    pub sshd: Sshd,
}

impl Real {
    pub fn new(test: &str) -> Option<Self> {
        Self::with(test, "")
    }

    /// The same without what the user's own start files do at each login: where shells are killed, no lock of somebody
    /// else's program is left behind.
    pub fn away_from_home(test: &str) -> Option<Self> {
        Self::with(test, "SetEnv HOME=/nonexistent")
    }

    /// The same where [`Real::trips`] can be counted.
    pub fn counting(test: &str) -> Option<Self> {
        Self::with(test, COUNTING)
    }

    fn with(test: &str, lines: &str) -> Option<Self> {
        let Some(sshd) = Sshd::with(lines) else {
            eprintln!("skipped: {test}: no sshd");
            return None;
        };
        let world = World::new();
        fs::create_dir_all(world.path("target")).unwrap();
        let real = Self { world, sshd };
        let port = real.sshd.port;
        Some(real.on_port(port))
    }

    /// The same through another port, such as a proxy's.
    pub fn on_port(mut self, port: u16) -> Self {
        let inventory = format!(
            "fleet:\n  hosts:\n    real:\n      ansible_host: 127.0.0.1\n      ansible_port: {port}\n      \
             ansible_ssh_private_key_file: {}\n",
            self.sshd.path("user").display()
        );
        self.world = self.world.file("real.yml", inventory);
        self
    }

    /// A playbook whose tasks may name `TARGET`.
    pub fn tasks(mut self, tasks: &str) -> Self {
        let target = self.target().display().to_string();
        self.world = self.world.tasks(&tasks.replace("TARGET", &target));
        let playbook =
            fs::read_to_string(self.world.path("site.yml")).unwrap().replace("hosts: docker", "hosts: real");
        self.world = self.world.playbook(&playbook);
        self
    }

    pub fn target(&self) -> PathBuf {
        self.world.path("target")
    }

    pub fn call(&self, more: &[&str]) -> crate::harness::Call<'_> {
        let config = self.sshd.path("ssh_config").display().to_string();
        let runtime = self.sshd.path("").display().to_string();
        let call = self.world.dtrctl(&["apply", "site.yml", "-i", "real.yml", "--format", "jsonl"]);
        let call = call.args(&["--guard-timeout", "3"]);
        call.args(&["--ssh-config", &config]).args(more).env("XDG_RUNTIME_DIR", runtime.trim_end_matches('/'))
    }

    /// Whether no run has the host, and none is being put back.
    pub fn is_free(&self) -> bool {
        !self.sshd.path("run/guard").is_symlink()
    }

    /// The same, and no script is there that might still take it: one that was sent whole is done though its run has ended.
    pub fn is_at_rest(&self) -> bool {
        self.sshd.below().into_iter().all(|pid| is(pid, "sshd")) && self.is_free()
    }

    /// Runs, and gives the scripts that were counted at the host; the recap has to say the same, and one session has read
    /// them all.
    pub fn trips(&self, more: &[&str]) -> (usize, Ran) {
        let (sessions, scripts) = (self.sshd.sessions(), self.sshd.scripts());
        let ran = self.call(more).run();
        let counted = self.sshd.scripts() - scripts;
        assert_eq!(ran.recap("real")["trips"], counted, "trips and the host's count");
        assert_eq!(self.sshd.sessions() - sessions, 1, "sessions");
        (counted, ran)
    }
}

fn count(real: &Real, more: &[&str]) -> usize {
    real.trips(more).0
}

#[test]
fn a_converged_playbook_is_one_trip_and_two_where_facts_are_unknown() {
    let Some(real) = Real::counting("a_converged_playbook_is_one_trip") else { return };
    let tasks = (0..20).map(|i| format!("- copy: {{dest: TARGET/f{i}, content: x}}\n")).collect::<String>();
    let real = real.tasks(&(tasks + "- file: {path: TARGET/d, state: directory}\n- debug: {msg: x}"));
    // A directory that is missing asks once more, for those above it.
    assert_eq!(count(&real, &["--check"]), 2 + 1, "facts are unknown");
    assert_eq!(count(&real, &["--check"]), 1 + 1, "facts are known");
    // One more for each of the 21 changes: the last one's proof rides in its own script. And one that confirms them all.
    assert_eq!(count(&real, &[]), 1 + 1 + 21 + 1);
    assert_eq!(count(&real, &[]), 1);
    assert_eq!(count(&real, &["--check"]), 1);
    fs::remove_dir_all(real.world.path("cache")).unwrap();
    assert_eq!(count(&real, &[]), 2, "facts are forgotten");
}

#[test]
fn facts_that_have_changed_cost_one_more() {
    let Some(real) = Real::counting("facts_that_have_changed_cost_one_more") else { return };
    let real =
        real.tasks("- copy: {dest: TARGET/f, content: \"{{ ansible_facts.distribution | default('x') }}\"}");
    count(&real, &[]);
    assert_eq!(count(&real, &[]), 1);
    // What is remembered is put wrong, as if the host had been installed anew.
    let hosts = fs::read_dir(real.world.path("cache/dtrctl/hosts")).unwrap();
    for file in hosts.map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("kernel=", "kernel=old-")).unwrap();
    }
    let (trips, ran) = real.trips(&[]);
    assert_eq!((trips, &ran.recap("real")["state"]), (2, &"ok".into()));
    assert_eq!(count(&real, &[]), 1);
}

#[test]
fn chains_side_by_side_cost_as_much_as_the_longest_of_them() {
    let Some(real) = Real::counting("chains_side_by_side_cost_as_much_as_the_longest_of_them") else {
        return;
    };
    let pair = |i| {
        format!(
            "- {{slurp: {{src: TARGET/s{i}}}, register: told}}\n\
             - {{copy: {{dest: TARGET/c{i}, content: \"{{{{ told.content | b64decode }}}}\"}}}}\n"
        )
    };
    let pairs: String = (0..3).map(pair).collect();
    let real = real.tasks(
        &(pairs
            + "- {stat: {path: TARGET/s0}, register: there}\n\
               - {file: {path: \"TARGET/{{ item }}\", state: directory}, loop: \"{{ ['d'] if there.stat.exists else [] }}\"}\n\
               - {file: {path: TARGET/e, state: directory}, when: there.stat.exists}\n\
               - debug: {msg: \"{{ told.content }}\"}\n"),
    );
    for i in 0..3 {
        fs::write(real.target().join(format!("s{i}")), format!("{i}")).unwrap();
    }
    count(&real, &[]);
    assert_eq!(count(&real, &[]), 2);
    assert_eq!(count(&real, &["--check"]), 2);
    // Where a change comes between, what was asked before it is asked anew, and check mode foresees the same.
    fs::write(real.target().join("c0"), "x").unwrap();
    fs::remove_dir(real.target().join("d")).unwrap();
    let planned = real.trips(&["--check"]).1;
    let applied = real.trips(&[]).1;
    assert_eq!(planned.plan(), applied.plan());
    assert_eq!(applied.plan().len(), 2);
    assert_eq!(fs::read_to_string(real.target().join("c0")).unwrap(), "0");
    assert_eq!(count(&real, &[]), 2);
}

#[test]
fn an_answer_that_a_later_task_needs_costs_one_more() {
    let Some(real) = Real::counting("an_answer_that_a_later_task_needs_costs_one_more") else { return };
    let real = real.tasks(
        "- {command: {argv: [cat, TARGET/seed], creates: TARGET/seed}, register: first}\n\
         - {copy: {dest: \"TARGET/{{ first.rc }}\", content: x}, register: second}\n\
         - {copy: {dest: \"TARGET/{{ second.changed }}\", content: x}}",
    );
    fs::write(real.target().join("seed"), "x").unwrap();
    for name in ["0", "False"] {
        fs::write(real.target().join(name), "x").unwrap();
    }
    count(&real, &[]);
    // 1 + d: the third task needs the second's result, which needs the first's.
    assert_eq!(count(&real, &[]), 3);
}

#[test]
fn a_command_is_a_change_and_what_follows_rides_with_it() {
    let Some(real) = Real::counting("a_command_is_a_change") else { return };
    let real = real.tasks("- command: echo hello\n- copy: {dest: TARGET/f, content: x}");
    count(&real, &[]);
    let (trips, ran) = real.trips(&[]);
    // One asks, one acts, one confirms.
    assert!(trips <= 3, "{trips}");
    assert_eq!(ran.outcomes("real"), ["command: changed", "copy: ok"]);
    assert_eq!(ran.finished("real")[0]["result"]["stdout"], "hello");
}

#[test]
fn connections_are_kept_and_end_by_themselves() {
    let Some(real) = Real::counting("connections_are_kept") else { return };
    let real = real.tasks("- copy: {dest: TARGET/f, content: x}");
    for _ in 0..3 {
        count(&real, &["--ssh-persist", "3"]);
    }
    assert_eq!(real.sshd.logins(), 1);
    let gone = || real.sshd.sockets().is_empty() && real.sshd.processes().is_empty();
    assert!(crate::sshd::eventually(15, gone), "{:?} {:?}", real.sshd.sockets(), real.sshd.processes());
    figure("R14", "connections_are_kept_and_end_by_themselves", "masters_left=0 of=1 sockets_left=0");
}

#[test]
fn an_unknown_host_key_stops_before_anything_is_sent() {
    let Some(real) = Real::counting("an_unknown_host_key_stops") else { return };
    let real = real.tasks("- copy: {dest: TARGET/f, content: x}");
    fs::write(real.sshd.path("known_hosts"), "").unwrap();
    let ran = real.call(&[]).code(4).run();
    let reason = &ran.recap("real")["reason"];
    assert_eq!(reason["kind"], "host_key");
    assert!(reason["help"].as_str().unwrap().contains("ssh"), "{reason}");
    assert_eq!((real.sshd.logins(), real.sshd.sessions()), (0, 0));
    let (_, ran) = real.trips(&["--host-key-checking", "accept-new"]);
    assert_eq!(ran.recap("real")["state"], "changed");
    // Another key than the one that is known is refused, whatever is asked for.
    crate::sshd::keygen(&real.sshd.path("other"));
    let other = fs::read_to_string(real.sshd.path("other.pub")).unwrap();
    fs::write(real.sshd.path("known_hosts"), format!("[127.0.0.1]:{} {other}", real.sshd.port)).unwrap();
    let logins = real.sshd.logins();
    let ran = real.call(&["--host-key-checking", "accept-new"]).code(4).run();
    assert_eq!(ran.recap("real")["reason"]["kind"], "host_key");
    assert_eq!(real.sshd.logins(), logins);
    figure("S5", "an_unknown_host_key_stops_before_anything_is_sent", "logins=0 of=2");
}
