//! Check tells the truth, for playbooks that nobody wrote: chains of tasks made at random from a number. What check does not
//! call unknown is what apply does: the same changes, the same outcomes, the same words.
//!
//! `DTRCTL_SEEDS=N` tries N chains of each kind instead of a few.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::figure::figure;
use crate::form::times;
use crate::harness::{Ran, World, assert_same_plan};

/// Numbers that look random and are the same in each run.
struct Chance(u64);

impl Chance {
    const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    const fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % most
    }

    const fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

/// A playbook on its way.
struct Chain {
    chance: Chance,
    text: String,
    tasks: usize,
    /// The names that results were registered under: of what has `changed` alone, of `stat`, of `slurp`.
    registered: Vec<String>,
    stats: Vec<String>,
    slurps: Vec<String>,
    /// Whether commands may run.
    commands: bool,
}

const PATHS: &[&str] = &["/tmp/a", "/tmp/b", "/tmp/d/x", "/tmp/d/e/y", "/tmp/l", "/tmp/d", "/tmp/t"];
const FILES: &[&str] = &["/tmp/a", "/tmp/b", "/tmp/d/x", "/tmp/l"];
const TEXTS: &[&str] = &["one\\ntwo\\n", "", "k=v", "# old\\nk=1\\nk=2\\n", "{{ v | default('none') }}\\n"];
const MODES: &[&str] = &["", ", mode: '0600'", ", mode: '0755'", ", mode: u+x"];

impl Chain {
    fn new(seed: u64, commands: bool) -> Self {
        let none = Vec::new;
        Self {
            chance: Chance::new(seed),
            text: String::new(),
            tasks: 0,
            registered: none(),
            stats: none(),
            slurps: none(),
            commands,
        }
    }

    fn path(&mut self) -> String {
        format!("{{{{ root }}}}{}", self.chance.of(PATHS))
    }

    fn file(&mut self) -> String {
        format!("{{{{ root }}}}{}", self.chance.of(FILES))
    }

    /// What a task does.
    fn action(&mut self) -> String {
        let (path, file) = (self.path(), self.file());
        let (mode, text) = (self.chance.of(MODES), self.chance.of(TEXTS));
        match self.chance.below(if self.commands { 18 } else { 16 }) {
            0 => format!("file: {{path: \"{path}\", state: directory{mode}}}"),
            1 => format!("file: {{path: \"{path}\", state: absent}}"),
            2 => format!("file: {{path: \"{file}\", state: file{mode}}}"),
            // No later task goes through these links: what check plans is seen by its path, not by where a link leads.
            3 => {
                let target = self.chance.of(&["a", "/tmp/b", "none", "d/x"]);
                let force = self.chance.of(&["", ", force: true"]);
                format!("file: {{path: \"{path}.link\", src: {target}, state: link{force}}}")
            }
            4 => format!(
                "file: {{path: \"{file}\", state: touch, access_time: preserve, modification_time: preserve{mode}}}"
            ),
            5 | 6 => {
                let force = self.chance.of(&["", "", ", force: false"]);
                format!("copy: {{dest: \"{file}\", content: \"{text}\"{mode}{force}}}")
            }
            7 => format!("copy: {{dest: \"{path}\", content: \"{text}\"{mode}}}"),
            8 => {
                let what = self.chance.of(&[
                    "line: k=3, regexp: '^k='",
                    "line: new",
                    "line: first, insertbefore: BOF",
                    "regexp: '^k=', state: absent",
                    "line: 'x\\1', regexp: '^k(.*)', backrefs: true",
                    "line: \"{{ v | default('none') }}\", insertafter: '^one'",
                ]);
                let create = self.chance.of(&["", ", create: true"]);
                format!("lineinfile: {{path: \"{file}\", {what}{create}{mode}}}")
            }
            9 => {
                let what = self.chance.of(&[
                    "block: \"b1\\nb2\"",
                    "block: b3, marker: '; {mark} m', insertbefore: '^one'",
                    "block: '', state: absent",
                    "block: \"{{ v | default('none') }}\", insertafter: BOF",
                ]);
                let create = self.chance.of(&["", ", create: true"]);
                format!("blockinfile: {{path: \"{file}\", {what}{create}}}")
            }
            10 => {
                let what = self.chance.of(&[
                    "regexp: 'k=(.)', replace: 'k=<\\1>'",
                    "regexp: 'o', replace: 'O', before: two",
                    "regexp: b",
                ]);
                format!("replace: {{path: \"{file}\", {what}}}")
            }
            11 => format!("template: {{src: t.j2, dest: \"{file}\"{mode}}}"),
            12 | 13 => {
                let name = format!("s{}", self.tasks);
                self.stats.push(name.clone());
                let follow = self.chance.of(&["", ", follow: true"]);
                format!("stat: {{path: \"{path}\"{follow}}}, register: {name}")
            }
            14 => {
                let name = format!("c{}", self.tasks);
                self.slurps.push(name.clone());
                format!("slurp: {{src: \"{file}\"}}, register: {name}")
            }
            15 => {
                let value = self.value();
                format!("set_fact: {{v: \"{value}\"}}")
            }
            16 => {
                let guard = self.chance.of(&["creates", "removes"]);
                format!("command: {{cmd: \"touch {path}\", {guard}: \"{file}\"}}")
            }
            _ => format!("shell: {{cmd: \"echo said; echo more >> {file}\"}}, changed_when: false"),
        }
    }

    /// An expression in what earlier tasks have said.
    fn value(&mut self) -> String {
        let pick =
            |chance: &mut Chance, of: &[String]| (!of.is_empty()).then(|| of[chance.below(of.len())].clone());
        match self.chance.below(4) {
            0 => pick(&mut self.chance, &self.slurps)
                .map(|name| format!("{{{{ ({name}.content | default('bm8=')) | b64decode | trim }}}}")),
            1 => pick(&mut self.chance, &self.stats).map(|name| {
                let field =
                    self.chance.of(&["exists", "size", "mode", "isdir", "islnk", "lnk_target", "checksum"]);
                format!("{{{{ {name}.stat.{field} | default('-') }}}}")
            }),
            2 => pick(&mut self.chance, &self.registered).map(|name| {
                format!("{{{{ {name} is changed }}}} {{{{ {name} is failed }}}} {{{{ {name} is skipped }}}}")
            }),
            _ => Some("{{ v | default('none') }}+".to_owned()),
        }
        .unwrap_or_else(|| "plain".to_owned())
    }

    fn condition(&mut self) -> String {
        let mut all = vec!["true".to_owned(), "(v | default('')) is match('p')".to_owned()];
        all.extend(self.stats.iter().map(|name| format!("{name}.stat.exists | default(false)")));
        all.extend(
            self.registered
                .iter()
                .flat_map(|name| [format!("{name} is changed"), format!("{name} is not failed")]),
        );
        all.swap_remove(self.chance.below(all.len()))
    }

    fn task(&mut self, indent: usize, tolerant: bool) {
        self.tasks += 1;
        let number = self.tasks;
        let mut task = self.action();
        if self.chance.one_in(4) {
            let condition = self.condition();
            let _ = write!(task, ", when: \"{condition}\"");
        }
        if self.chance.one_in(8) && !task.contains("register") && !task.contains("set_fact") {
            task = task.replacen("{{ root }}/tmp/", "{{ root }}/tmp/{{ item }}", 1);
            let _ = write!(task, ", loop: ['', 'n', 'm']");
        }
        if self.chance.one_in(3) && !task.contains("register") {
            let name = format!("r{number}");
            let _ = write!(task, ", register: {name}");
            self.registered.push(name);
        }
        if self.chance.one_in(4) {
            let _ = write!(task, ", notify: {}", self.chance.of(&["h1", "h2"]));
        }
        if tolerant {
            task += ", ignore_errors: true";
        }
        let _ = writeln!(self.text, "{:indent$}- {{name: t{number}, {task}}}", "");
    }

    fn say(&mut self, indent: usize) {
        self.tasks += 1;
        let (number, value) = (self.tasks, self.value());
        let _ = writeln!(self.text, "{:indent$}- {{name: t{number}, debug: {{msg: \"{value}\"}}}}", "");
    }

    fn part(&mut self, indent: usize) {
        match self.chance.below(12) {
            0 => {
                let _ = writeln!(self.text, "{:indent$}- block:", "");
                self.task(indent + 4, false);
                self.task(indent + 4, false);
                let _ = writeln!(self.text, "{:indent$}  rescue:", "");
                self.task(indent + 4, true);
                let _ = writeln!(self.text, "{:indent$}  always:", "");
                self.task(indent + 4, true);
                if self.chance.one_in(2) {
                    let condition = self.condition();
                    let _ = writeln!(self.text, "{:indent$}  when: \"{condition}\"", "");
                }
            }
            1 => {
                let value = self.value();
                let condition = self.condition();
                let _ = writeln!(
                    self.text,
                    "{:indent$}- {{include_tasks: more.yml, vars: {{w: \"{value}\"}}, when: \"{condition}\"}}",
                    ""
                );
            }
            2 => {
                let _ = writeln!(self.text, "{:indent$}- {{meta: flush_handlers}}", "");
            }
            3..=5 => self.say(indent),
            _ => self.task(indent, true),
        }
    }

    fn playbook(mut self) -> String {
        for _ in 0..12 {
            self.part(4);
        }
        let body = std::mem::take(&mut self.text);
        self.registered.clear();
        self.stats.clear();
        self.slurps.clear();
        self.task(4, true);
        let first = std::mem::take(&mut self.text).replacen("- {", "- {listen: h1, ", 1);
        self.task(4, true);
        let second = std::mem::take(&mut self.text).replacen("- {", "- {listen: h2, ", 1);
        format!("- hosts: docker\n  gather_facts: false\n  tasks:\n{body}  handlers:\n{first}{second}")
    }
}

const MORE: &str = "\
- {name: m1, copy: {dest: \"{{ root }}/tmp/more\", content: \"{{ w }}\"}, register: m, ignore_errors: true}
- {name: m2, debug: {msg: \"{{ m is changed }} {{ w }}\"}}
";

/// A world with a few files, on a folder or on this machine.
fn world(playbook: &str, commands: bool) -> World {
    let world = World::new()
        .playbook(playbook)
        .file("more.yml", MORE)
        .file("t.j2", "v is {{ v | default('none') }}\n{% if w is defined %}w{% endif %}\n")
        .host_file("web1", "/tmp/a", "one\nk=1\n")
        .host_file("web1", "/tmp/t/under", "x");
    let root = world.root("web1").display().to_string();
    let connection =
        if commands { "local".to_owned() } else { format!("sandbox\n    ansible_sandbox_root: {root}") };
    let root = if commands { root } else { String::new() };
    world.file(
        "hosts.yml",
        format!("docker:\n  hosts:\n    web1:\n  vars:\n    root: \"{root}\"\n    ansible_connection: {connection}\n"),
    )
}

/// The end of each task and what it has said, without what only the file system knows.
fn ends(ran: &Ran) -> BTreeMap<String, String> {
    let end = |event: &Json| {
        let said = if event["task"]["module"] == "debug" {
            event["result"]["msg"].to_string()
        } else {
            String::new()
        };
        (event["task"].to_string(), format!("{} {said}", event["outcome"]))
    };
    ran.finished("web1").iter().map(end).collect()
}

/// Applies the playbook: by way of a plan file, where the plan knows the host to its end and no command does what a plan
/// cannot know.
fn applied(world: &World, check: &Ran, commands: bool) -> Ran {
    if commands || check.recap("web1")["state"] == "failed" {
        return world.events(&[]).any_code().run();
    }
    world.dtrctl(&["plan", "site.yml", "-i", "hosts.yml", "-o", "plan.json"]).any_code().run();
    world.dtrctl(&["apply", "plan.json", "--allow-unknown", "--format", "jsonl"]).any_code().run()
}

/// Check, apply, check, apply: each check tells what the apply after it does.
fn holds(seed: u64, commands: bool) -> usize {
    let playbook = Chain::new(seed, commands).playbook();
    let world = world(&playbook, commands);
    let mut unknown = 0;
    for round in 0..2 {
        let before = world.trees();
        let check = world.events(&["--check"]).any_code().run();
        for (host, tree) in world.trees() {
            assert_eq!(
                before[&host].differences(&tree),
                Vec::<String>::new(),
                "seed {seed}: check has written\n{playbook}"
            );
        }
        let apply = applied(&world, &check, commands);
        let said = std::panic::catch_unwind(|| {
            assert_same_plan(&check, &apply);
            let (told, done) = (ends(&check), ends(&apply));
            for (task, end) in told.iter().filter(|(_, end)| !end.starts_with("\"unknown\"")) {
                // What check could not know may have ended the play, or a block, before.
                if let Some(other) = done.get(task) {
                    // Whether a command that has to run will fail, nobody can tell.
                    let ran = task.contains("\"module\":\"command\"") && end.starts_with("\"changed\"");
                    assert!(ran || end == other, "{task}: {end} and {other}");
                }
            }
        });
        assert!(
            said.is_ok(),
            "seed {seed}, round {round}\n{playbook}\n--- check\n{}\n--- apply\n{}",
            check.stdout,
            apply.stdout
        );
        unknown += check.finished("web1").iter().filter(|event| event["outcome"] == "unknown").count();
    }
    unknown
}

fn seeds() -> std::ops::Range<u64> {
    let many = std::env::var("DTRCTL_SEEDS").ok().and_then(|many| many.parse().ok());
    0..many.unwrap_or(times(10, 300) as u64)
}

#[test]
fn chains_of_tasks_do_what_check_has_said() {
    let unknown: usize = seeds().map(|seed| holds(seed, false)).sum();
    assert_eq!(unknown, 0, "nothing is unknown where no command runs");
    let of = seeds().count();
    figure("R6", "chains_of_tasks_do_what_check_has_said", &format!("plans_that_differ=0 of={of}"));
}

#[test]
fn chains_with_commands_do_what_check_has_said_of_all_that_is_not_unknown() {
    let unknown: usize = seeds().map(|seed| holds(seed, true)).sum();
    assert!(unknown > 0);
}
