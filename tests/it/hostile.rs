//! Values that try to be more than values arrive as they are: as content, as names of files, under every shell that a
//! host may have; and what a host says is never evaluated.

use std::fs;
use std::path::{Path, PathBuf};

use dtrctl::transport::{Limits, Sandbox, Script as Sent, Transport};
use modules::{
    Before, Call, Change, Content, HostPath, MakeDir, Ownership, Remove, RemoveDir, Script, WriteFile,
};
use serde_json::{Value as Json, json};

use crate::figure::figure;
use crate::harness::World;

/// A few of each kind, for machines without the corpus.
const OWN: &[&str] = &[
    "",
    "'",
    "\"",
    "\\",
    "\\n",
    "\\0",
    "%s%n",
    "$(touch /tmp/dtrctl-was-here)",
    "`touch /tmp/dtrctl-was-here`",
    "; touch /tmp/dtrctl-was-here",
    "a\nb",
    "a\r\nb\n\n",
    "{{ 7 * 7 }}",
    "{% raw %}{{ 1 }}",
    "{# gone #}",
    "${HOME}",
    "~root",
    "-rf",
    "--",
    "*",
    "!!",
    "\u{202e}drow",
    "日本語 €",
    " lead and trail ",
    "\t",
    "\u{1b}[31m",
    "EOF\nEOF",
    "!vault x",
    "null",
    "yes",
    "0o14",
    "1e3",
];

fn values() -> Vec<String> {
    let mut values: Vec<String> = OWN.iter().map(ToString::to_string).collect();
    match std::env::var("DTRCTL_CORPUS") {
        Err(_) => eprintln!("hostile values of the corpus are left out: DTRCTL_CORPUS is not set"),
        Ok(folder) => {
            let text = fs::read_to_string(PathBuf::from(folder).join("hostile/values.json")).unwrap();
            let cases: Vec<Json> = serde_json::from_str(&text).unwrap();
            values.extend(cases.iter().map(|case| case["value"].as_str().unwrap().to_owned()));
        }
    }
    values
}

/// A value as a YAML scalar that is no template.
fn literal(value: &str) -> String {
    let shown = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08x}", u32::from(c)),
    };
    let text = value.chars().map(shown).collect::<String>();
    // Ansible resolves what stands behind `!unsafe` as if it had no quotes: `!unsafe "1"` is a number.
    let tag = if ["{{", "{%", "{#"].iter().any(|mark| value.contains(mark)) { "!unsafe " } else { "" };
    format!("{tag}\"{text}\"")
}

/// Tasks in plays of a few each, as each change asks all that follows in its play once more.
fn plays(tasks: impl Iterator<Item = String>) -> String {
    let tasks: Vec<String> = tasks.collect();
    let play = |tasks: &[String]| {
        let indented: String = tasks.iter().map(|task| format!("    - {task}\n")).collect();
        format!("- hosts: docker\n  tasks:\n{indented}")
    };
    tasks.chunks(8).map(play).collect()
}

#[test]
fn as_content_they_arrive_literally() {
    let values = values();
    let task =
        |(i, value): (usize, &String)| format!("copy: {{dest: /tmp/v{i}, content: {}}}", literal(value));
    let world = World::new().playbook(&plays(values.iter().enumerate().map(task)));
    world.law(&[]);
    for (i, value) in values.iter().enumerate() {
        assert_eq!(world.text(&format!("/tmp/v{i}")), *value);
    }
    figure("S1", "as_content_they_arrive_literally", &format!("changed=0 of={}", values.len()));
}

#[test]
fn as_variables_they_arrive_literally() {
    // As a result of a lookup: what the operator writes herself is a template where it looks like one.
    let values = values();
    let world = World::new().file("values.json", json!(values).to_string()).tasks(
        "- copy: {dest: /tmp/all, content: \"{{ values | join('|') }}|\"}\n  \
         vars: {values: \"{{ lookup('file', 'values.json') | from_json }}\"}\n\
         - copy: {dest: \"/tmp/v{{ item }}\", content: \"{{ values[item] }}|\"}\n  loop: [0, 1, 2, 5, 9, 12, 13, 14, 21]\n  \
         vars: {values: \"{{ lookup('file', 'values.json') | from_json }}\"}",
    );
    world.law(&[]);
    assert_eq!(world.text("/tmp/all"), values.join("|") + "|");
    for i in [0, 1, 2, 5, 9, 12, 13, 14, 21] {
        assert_eq!(world.text(&format!("/tmp/v{i}")), format!("{}|", values[i]));
    }
}

/// Those that can name a file.
fn names() -> Vec<String> {
    let mut names = values();
    names.retain(|name| HostPath::new("/tmp").unwrap().join(name).is_ok());
    names
}

#[test]
fn as_names_of_files_they_stay_in_their_folder() {
    let names = names();
    let task = |name: &String| format!("copy: {{dest: {}, content: x}}", literal(&format!("/tmp/{name}")));
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    let world = World::new().playbook(&plays(unique.iter().map(task)));
    world.law(&[]);
    let folder = world.root("web1").join("tmp");
    let mut found: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, unique);
    assert!(!Path::new("/tmp/dtrctl-was-here").exists());
    let test = "as_names_of_files_they_stay_in_their_folder";
    figure("S9", test, &format!("outside=0 of={}", unique.len()));
}

#[test]
fn as_labels_of_the_daemon_they_arrive_literally() {
    let labels: Vec<String> = values().iter().enumerate().map(|(i, value)| format!("k{i}={value}")).collect();
    let items: String = labels.iter().map(|label| format!("      - {}\n", literal(label))).collect();
    let world = World::new()
        .host_file("web1", "/etc/docker/daemon.json", "{\"labels\": [\"first=1\"]}")
        .tasks(&format!("- daemon_json:\n    merge:\n      labels:\n{items}"));
    world.law(&[]);
    let found: Json = serde_json::from_slice(&world.read("/etc/docker/daemon.json")).unwrap();
    let many = labels.len();
    let expected: Vec<String> = std::iter::once("first=1".to_owned()).chain(labels).collect();
    assert_eq!(found, json!({ "labels": expected }));
    figure("S4", "as_labels_of_the_daemon_they_arrive_literally", &format!("changed=0 of={many}"));
}

#[test]
fn a_name_that_leaves_its_folder_is_refused() {
    for name in ["../../etc/passwd", "a/../b", ".", "..", "a//b"] {
        let world = World::new()
            .tasks(&format!("- copy: {{dest: {}, content: x}}", literal(&format!("/tmp/{name}"))));
        world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
    }
}

#[test]
fn what_the_controller_reads_is_never_a_template() {
    // A delegated command prints what would be templates; a debug, a condition and a file get the text itself.
    let values: Vec<String> = values().into_iter().filter(|value| !value.contains('\0')).collect();
    let world = World::new().file("values.json", json!(values).to_string()).tasks(
        "- {delegate_to: localhost, command: {argv: [cat, \"{{ playbook_dir }}/values.json\"]}, register: said}\n\
         - debug: {msg: \"{{ said.stdout }}\"}\n\
         - assert: {that: \"said.stdout == said.stdout_lines[0]\"}\n\
         - copy: {dest: /tmp/all, content: \"{{ said.stdout }}\\n\"}",
    );
    let ran = world.events(&[]).run();
    assert_eq!(ran.messages("web1")[1], json!(values).to_string());
    assert_eq!(world.text("/tmp/all"), json!(values).to_string() + "\n");
}

const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

/// Runs calls in a sandbox under a shell; gives back the statuses of their frames.
fn calls(root: &Path, shell: &[&str], changes: &[Change]) -> Vec<i32> {
    let mut script = Script::new("boundary0123456789", &[]);
    for (id, change) in changes.iter().enumerate() {
        script.act(id, &change.call().unwrap());
    }
    let shell = shell.iter().map(ToString::to_string).collect();
    let transport = Transport::Sandbox(Sandbox { root: root.to_owned(), shell });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sent = Sent::login(script.text());
    let output = runtime.block_on(transport.run("box", &sent, &Limits::default())).unwrap();
    let frames = script.read(&output.stdout);
    (0..changes.len()).map(|id| frames.get(id).map_or(-1, |frame| frame.status)).collect()
}

fn shells(test: &str) -> Vec<&'static [&'static str]> {
    let installed = |shell: &&&'static [&'static str]| {
        let there = ["/bin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(shell[0]).exists());
        if !there {
            eprintln!("skipped: {test} under {}: it is not installed", shell[0]);
        }
        there
    };
    SHELLS.iter().filter(installed).copied().collect()
}

#[test]
fn under_every_shell_names_and_contents_are_the_same() {
    for shell in shells("under_every_shell_names_and_contents_are_the_same") {
        let root = tempfile::tempdir().unwrap();
        let folder = HostPath::new("/it's \"a\" $folder").unwrap();
        let mut changes =
            vec![Change::MakeDir(MakeDir { path: folder.clone(), ownership: Ownership::mode(0o755) })];
        let mut names = names();
        names.sort();
        names.dedup();
        for name in &names {
            let content = Content::new(format!("\0{name}\n\n").into_bytes());
            let path = folder.join(name).unwrap();
            changes.push(Change::WriteFile(WriteFile::new(path, None, content, Ownership::default())));
        }
        assert_eq!(calls(root.path(), shell, &changes), vec![0; changes.len()], "{shell:?}");
        let here = root.path().join("it's \"a\" $folder");
        for name in &names {
            assert_eq!(
                fs::read(here.join(name)).unwrap(),
                format!("\0{name}\n\n").into_bytes(),
                "{shell:?} {name:?}"
            );
        }
        let removals = removals(&changes[1..], folder);
        assert_eq!(calls(root.path(), shell, &removals), vec![0; removals.len()], "{shell:?}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "{shell:?}");
        eprintln!("{shell:?}: {} names", names.len());
    }
    let (test, shells) = ("under_every_shell_names_and_contents_are_the_same", SHELLS.len());
    figure("S4", test, &format!("changed=0 of={} shells={shells}", names().len()));
}

fn removals(written: &[Change], folder: HostPath) -> Vec<Change> {
    let attributes = modules::Attributes {
        mode: modules::Mode::new(0o644),
        uid: 0,
        gid: 0,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        size: 0,
        mtime: 0,
    };
    let remove = |change: &Change| {
        let Change::WriteFile(write) = change else { panic!("only writes") };
        let before = Before { content: write.content.clone(), attributes: attributes.clone() };
        Change::Remove(Remove { path: write.path.clone(), before })
    };
    let mut removals: Vec<Change> = written.iter().map(remove).collect();
    removals.push(Change::RemoveDir(RemoveDir { path: folder }));
    removals
}

#[test]
fn under_every_shell_asks_answer_the_same() {
    // Times are those of this test's files.
    let times = regex::Regex::new("[0-9]{10}").unwrap();
    let mut answers = Vec::new();
    for shell in shells("under_every_shell_asks_answer_the_same") {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/it's"), (0..=255).collect::<Vec<u8>>()).unwrap();
        fs::write(root.path().join("etc/-n"), "x").unwrap();
        std::os::unix::fs::symlink("it's", root.path().join("etc/link")).unwrap();
        std::os::unix::fs::symlink("link2", root.path().join("etc/link2")).unwrap();
        let path = |text| HostPath::new(text).unwrap();
        let file = |text| Call::new("ask_file").path(&path(text)).word("1000");
        let asks = [
            file("/etc/it's"),
            file("/etc/link"),
            file("/etc/link2"),
            file("/etc/none"),
            file("/etc/none/none"),
            file("/etc"),
            Call::new("ask_dir").path(&path("/etc")),
            Call::new("ask_owed"),
        ];
        let mut script = Script::new("boundary0123456789", &[]);
        asks.iter().enumerate().for_each(|(id, ask)| script.answer(id, ask));
        let words = shell.iter().map(ToString::to_string).collect();
        let transport = Transport::Sandbox(Sandbox { root: root.path().to_owned(), shell: words });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let sent = Sent::login(script.text());
        let output = runtime.block_on(transport.run("box", &sent, &Limits::default())).unwrap();
        answers
            .push((shell, times.replace_all(&String::from_utf8_lossy(&output.stdout), "TIME").into_owned()));
    }
    for (shell, answer) in &answers {
        assert_eq!(answer, &answers[0].1, "{shell:?} and {:?}", answers[0].0);
    }
}

/// What would leave a file behind, wherever it were evaluated or run.
fn traps() -> Vec<String> {
    // A lookup's command runs beside the playbook.
    let touch = "touch was-here";
    let expression = format!("lookup('pipe', '{touch}')");
    vec![
        format!("{{{{ {expression} }}}}"),
        format!("{{% if {expression} %}}{{% endif %}}"),
        expression,
        format!("$({touch})"),
        format!("; {touch} #"),
        format!("!unsafe \"{{{{ lookup('pipe', '{touch}') }}}}\""),
        "{{ inventory_hostname }}".to_owned(),
        "inventory_hostname == 'web1'".to_owned(),
    ]
}

/// A world whose host says hostile values: as the items of the list `said`.
fn told(tasks: &str) -> (World, Vec<String>) {
    let world = World::new();
    let said: Vec<String> = traps().into_iter().chain(values()).collect();
    let read = "- {name: ask, slurp: {src: /etc/said.json}, register: raw}\n\
                - {name: keep, set_fact: {said: \"{{ raw.content | b64decode | from_json }}\"}}\n";
    (
        world.host_file("web1", "/etc/said.json", json!(said).to_string()).tasks(&format!("{read}{tasks}")),
        said,
    )
}

fn nothing_ran(world: &World) {
    assert!(!world.path("was-here").exists(), "what a host has said was run");
    assert!(!Path::new("/tmp/dtrctl-was-here").exists());
}

#[test]
fn what_a_host_says_stays_as_it_is_on_every_way_through_variables() {
    let (world, said) = told(
        "- {debug: {msg: \"{{ said }}\"}}\n\
         - {debug: {msg: \"{{ hostvars['web1'].said }}\"}}\n\
         - {debug: {msg: \"{{ through }}\"}, vars: {through: \"{{ inner }}\", inner: \"{{ said }}\"}}\n\
         - {debug: {msg: \"{{ lookup('vars', 'said') }}\"}}\n\
         - {debug: {msg: \"{{ said | to_json | from_json }}\"}}\n\
         - {set_fact: {again: \"{{ said | map('string') | list }}\"}}\n\
         - {debug: {msg: \"{{ again }}\"}}\n\
         - {include_tasks: more.yml, vars: {given: \"{{ said }}\"}}\n\
         - {copy: {dest: /tmp/all, content: \"{{ said | join('|') }}|\"}}\n\
         - {template: {src: all.j2, dest: /tmp/rendered}}",
    );
    let world = world
        .file("more.yml", "- debug: {msg: \"{{ given }}\"}\n")
        .file("all.j2", "{% for value in said %}{{ value }}|{% endfor %}");
    let ran = world.events(&[]).run();
    let messages: Vec<Json> = ran
        .finished("web1")
        .iter()
        .filter(|event| event["task"]["module"] == "debug" && event["outcome"] == "ok")
        .map(|event| event["result"]["msg"].clone())
        .collect();
    assert_eq!(messages.len(), 7);
    for message in messages {
        assert_eq!(message, json!(said));
    }
    assert_eq!(world.text("/tmp/all"), said.join("|") + "|");
    assert_eq!(world.text("/tmp/rendered"), said.join("|") + "|");
    nothing_ran(&world);
    let test = "what_a_host_says_stays_as_it_is_on_every_way_through_variables";
    figure("S1", test, &format!("evaluated=0 changed=0 of={} ways=9", said.len()));
}

#[test]
fn what_a_host_says_stays_as_it_is_as_an_item() {
    let (world, said) = told(
        "- {debug: {msg: \"{{ item }}\"}, loop: \"{{ said }}\", loop_control: {label: \"{{ item }}\"}, register: each}\n\
         - {debug: {msg: \"{{ item }}\"}, with_items: \"{{ said }}\"}\n\
         - {debug: {msg: \"{{ item.1 }}\"}, with_indexed_items: \"{{ said }}\"}\n\
         - {debug: {msg: \"{{ each.results | map(attribute='item') | list }}\"}}",
    );
    let ran = world.events(&[]).run();
    let messages = &ran.messages("web1")[2..];
    let [all, once] = [said.len(), 1];
    assert_eq!(messages.len(), 3 * all + once);
    for (i, message) in messages[..3 * all].iter().enumerate() {
        assert_eq!(message, &json!(said[i % all]));
    }
    assert_eq!(messages[3 * all], json!(said));
    nothing_ran(&world);
}

#[test]
fn what_a_host_says_is_no_condition_and_no_expression() {
    let uses = [
        "debug: {msg: x}, when: \"{{ item }}\"",
        "debug: {msg: x}, when: item",
        "debug: {msg: x}, changed_when: item",
        "debug: {msg: x}, failed_when: \"{{ item }}\"",
        "debug: {msg: x}, until: item, retries: 1, delay: 0",
        "assert: {that: \"{{ item }}\"}",
        "assert: {that: [\"{{ item }}\"]}",
        "assert: {that: \"{{ said }}\"}",
        "assert: {that: false, fail_msg: \"{{ item }}\"}",
        "debug: {var: \"{{ item }}\"}",
        "debug: {msg: x}, name: \"{{ item }}\"",
        "debug: {msg: x}, changed_when: true, notify: \"{{ item }}\"",
        "debug: {msg: x}, become: \"{{ item }}\"",
        "debug: {msg: x}, environment: \"{{ item }}\"",
        "debug: {msg: x}, delegate_to: \"{{ item }}\"",
        "include_tasks: \"{{ item }}\"",
        "include_vars: \"{{ item }}\"",
        "include_role: {name: \"{{ item }}\"}",
        "set_fact: {\"{{ item }}\": x}",
        "file: {path: \"{{ item }}\", state: file}",
        "stat: {path: \"/tmp/{{ item }}\"}",
        "debug: {msg: \"{{ lookup('vars', item, default='') }}\"}",
        "debug: {msg: \"{{ said | select('match', item) | list }}\"}",
        "debug: {msg: \"{{ lookup('file', item) }}\"}",
        "debug: {msg: \"{{ lookup('template', item) }}\"}",
        "debug: {msg: \"{{ lookup('fileglob', item) }}\"}",
        "debug: {msg: \"{{ lookup('items', item) }}\"}",
        "lineinfile: {path: /tmp/x, create: true, line: \"{{ item }}\", regexp: \"{{ item }}\"}",
        "blockinfile: {path: /tmp/y, create: true, block: \"{{ item }}\"}",
    ];
    let tasks: String = uses
        .iter()
        .map(|task| format!("- {{{task}, loop: \"{{{{ said[:12] }}}}\", ignore_errors: true}}\n"))
        .collect();
    let (world, _) = told(&tasks);
    let world = world.file("said.yml", "[]\n");
    world.apply(&[]).any_code().any_stderr().run();
    world.apply(&["--check"]).any_code().any_stderr().run();
    nothing_ran(&world);
    let test = "what_a_host_says_is_no_condition_and_no_expression";
    figure("S1", test, &format!("evaluated=0 of={}", 12 * uses.len()));
}

#[test]
fn a_host_does_not_choose_where_a_task_is_done() {
    for said in ["web9", "-oProxyCommand=id", "{{ inventory_hostname }}", "127.0.0.1;id"] {
        let world = World::new().host_file("web1", "/etc/said", said).tasks(
            "- {slurp: {src: /etc/said}, register: raw}\n\
             - {ping: {}, delegate_to: \"{{ raw.content | b64decode }}\"}",
        );
        let ran = world.events(&[]).code(3).run();
        let end = &ran.finished("web1")[1];
        assert!(end["reason"]["message"].as_str().unwrap().contains("is neither"), "{end}");
    }
}
