//! A user's own modules, from the file beside the playbook to the host.

use std::fs;
use std::path::{Path, PathBuf};

use modules::{Call, Run, act_output};

use crate::engine_library::{each_shell, frame};
use crate::harness::World;

/// A text in a file: the simplest module.
const KEEP: &str = "description: A text in a file.
arguments:
  text: {required: true, description: The text.}
  path: {required: true, description: The file.}
  more: {type: list, default: [], description: More lines.}
  token: {secret: true, description: A password.}
probe: |
  cat \"$ARG_path\" 2>/dev/null || :
desired: |
  {{ text }}
  {% for line in more %}
  {{ line }}
  {% endfor %}
  {{ token or '' }}
apply: |
  cat >\"$ARG_path\"
";

/// Values that a shell, a template or an environment could misread.
const HOSTILE: [&str; 7] = [
    "'\"$(id)`id`\\",
    "$ARG_path ${HOME}",
    "two\nlines",
    "-n",
    "--",
    "%s\\n%b\\c",
    "ümläut = a=b; \u{1f600}",
];

/// A world whose host is this machine, with the module `keep`; `HERE` in its tasks is a folder of it.
fn here(tasks: &str) -> World {
    let world = World::new()
        .file("hosts.yml", "docker: {hosts: {web1: {ansible_connection: local}}}\n")
        .file("modules/keep.yml", KEEP);
    let folder = folder(&world);
    fs::create_dir_all(&folder).unwrap();
    world.tasks(&tasks.replace("HERE", folder.to_str().unwrap()))
}

fn folder(world: &World) -> PathBuf {
    world.root("web1").join("here")
}

fn at(world: &World, name: &str) -> String {
    fs::read_to_string(folder(world).join(name)).unwrap()
}

/// The block of docs/own-modules.md whose first line names this file.
fn documented(file: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/own-modules.md")).unwrap();
    let block = page.split("```yaml\n").find(|block| block.starts_with(&format!("# {file}\n"))).unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn the_documented_module_obeys_the_law() {
    let config = "version: 0.1\nproxy:\n  remoteurl: https://registry-1.docker.io\n  # the default\nhttp:\n  addr: :5000\n";
    for upstream in HOSTILE.into_iter().chain(["https://dtr.example.com"]) {
        let world = here("")
            .file("modules/mirror_upstream.yml", documented("modules/mirror_upstream.yml"))
            .playbook(&documented("site.yml").replace("docker restart", "echo"));
        let file = folder(&world).join("config.yml");
        fs::write(&file, config.replace("  # the default\n", "")).unwrap();
        let more = serde_json::json!({"upstream": upstream, "mirror_config": file}).to_string();
        let law = world.law(&["-e", &more]);
        let quoted = serde_json::Value::from(upstream);
        let expected = at(&world, "config.yml");
        assert!(
            expected.starts_with("version: 0.1\nhttp:\n  addr: :5000\nproxy:\n  remoteurl: "),
            "{expected}"
        );
        assert!(expected.ends_with("\"\n  ttl: 168h\n"), "{expected}");
        if upstream.is_ascii() {
            assert!(expected.contains(&format!("remoteurl: {quoted}\n")), "{expected}");
        }
        let outcomes =
            ["the mirror stands for the company's registry: changed", "restart the mirror: changed"];
        assert_eq!(law.first.outcomes("web1"), outcomes);
    }
}

#[test]
fn the_documented_diff_is_what_check_shows() {
    let world = here("")
        .file("modules/mirror_upstream.yml", documented("modules/mirror_upstream.yml"))
        .playbook(&documented("site.yml"));
    let file = folder(&world).join("config.yml");
    fs::write(&file, "proxy:\n  remoteurl: https://registry-1.docker.io\n").unwrap();
    let ran = world.events(&["--check", "-e", &format!("mirror_config={}", file.display())]).run();
    let events = ran.events();
    let planned = events.iter().find(|event| event["event"] == "planned").unwrap();
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/own-modules.md")).unwrap();
    let shown = page.split("```diff\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(planned["changes"][0]["diff"], shown);
}

#[test]
fn values_reach_the_host_as_they_are_and_twice_is_once() {
    let list = serde_json::to_string(&HOSTILE).unwrap();
    let world = here(&format!(
        "- keep: {{text: \"{{{{ item }}}}\", path: \"HERE/it's $x {{{{ n }}}}\", more: [\"{{{{ item }}}}\", x]}}\n\
        \x20 loop: {list}\n  loop_control: {{index_var: n}}\n"
    ));
    world.law(&[]);
    for (n, value) in HOSTILE.iter().enumerate() {
        assert_eq!(at(&world, &format!("it's $x {n}")), format!("{value}\n{value}\nx\n"));
    }
}

#[test]
fn the_hosts_half_is_the_same_in_each_shell() {
    each_shell(|shell, at| {
        for value in HOSTILE {
            let script = "cat >\"$ARG_path\"; printf '%s|' \"$ARG_x\" >>\"$ARG_path\"; [ -z \"$NOSUCH\" ]";
            let path = at.join("a b").display().to_string();
            let environment = [format!("ARG_path={path}"), format!("ARG_x={value}")];
            let call = Call::new("do_own").word(value).words(environment.clone()).word("--").word(script);
            let acted = frame(shell, "", "", &call);
            assert_eq!(acted.status, 0, "{shell:?} {}", act_output(&acted.body));
            let written = fs::read_to_string(at.join("a b")).unwrap();
            assert_eq!(written, format!("{value}{value}|"), "{shell:?}");
            let ask = Call::new("ask_shell").words(environment).word("--").word("cat \"$ARG_path\"; exit 3");
            let body = frame(shell, "", "", &ask).body;
            let asked = Run { keep_ends: true, ..Run::default() }.result(&body).unwrap();
            assert_eq!((&asked["rc"], &asked["stdout"]), (&3.into(), &written.into()), "{shell:?}");
        }
        let fails = Call::new("do_own").words(["", "--", "echo why >&2; exit 7"]);
        let refused = frame(shell, "", "", &fails);
        let said = act_output(&refused.body);
        assert!(refused.status != 0 && said.contains("it ended with 7\nwhy"), "{shell:?} {said}");
        let sandbox = frame(shell, "/tmp", "", &Call::new("do_own").words(["", "--", "true"]));
        assert_eq!(sandbox.status, 93, "{shell:?}");
    });
}

#[test]
fn a_secret_is_shown_nowhere() {
    for extra in ["", "  no_log: true\n"] {
        let world = here(&format!(
            "- keep: {{text: a, path: HERE/x, token: hunter-2}}\n  register: kept\n{extra}- debug: {{var: kept}}\n- debug: {{msg: hunter-2}}\n"
        ));
        for flags in [&["--check"][..], &[], &["--format", "jsonl"]] {
            fs::write(folder(&world).join("x"), "old-secret\n").unwrap();
            let ran = world.apply(flags).run();
            assert!(!ran.stdout.contains("hunter-2") && !ran.stdout.contains("old-secret"), "{}", ran.stdout);
        }
        assert_eq!(at(&world, "x"), "a\nhunter-2\n");
    }
    let world = here("- keep: {text: a, path: HERE/no/such, token: hunter-2}\n")
        .file("modules/keep.yml", KEEP.replace("cat >", "echo \"$ARG_token\"; cat >"));
    let ran = world.apply(&[]).code(3).any_stderr().run();
    let said = ran.stdout + &ran.stderr;
    assert!(said.contains("ended with") && !said.contains("hunter-2"), "{said}");
}

#[test]
fn what_the_probe_does_not_show_is_not_done() {
    let world = here("- keep: {text: a, path: HERE/x}\n")
        .file("modules/keep.yml", KEEP.replace("cat >\"$ARG_path\"", "true"));
    let ran = world.events(&[]).code(3).run();
    let reason = ran.recap("web1")["reason"]["message"].as_str().unwrap().to_owned();
    assert!(reason.contains("the host does not show them: still to do: apply `keep`"), "{reason}");
    let world = here("- keep: {text: a, path: HERE/x}\n").file("modules/keep.yml", KEEP.replace("|| :", ""));
    let reason = world.events(&[]).code(3).run().recap("web1")["reason"]["message"].to_string();
    assert!(reason.contains("the probe of `keep` ended with 1"), "{reason}");
}

#[test]
fn a_probe_behind_a_planned_change_is_unknown() {
    let world = here("- keep: {text: a, path: HERE/x}\n- keep: {text: b, path: HERE/y}\n");
    let outcomes = || world.events(&["--check"]).run().outcomes("web1");
    assert_eq!(outcomes(), ["keep: changed", "keep: unknown"]);
    fs::write(folder(&world).join("x"), "a").unwrap();
    assert_eq!(outcomes(), ["keep: ok", "keep: changed"]);
}

const EVERYWHERE: &str = "- hosts: docker
  gather_facts: false
  module_defaults: {keep: {path: HERE/d}}
  environment: {EXTRA: of the task}
  vars: {text: outer}
  roles: [r]
  tasks:
    - include_tasks: more.yml
    - keep: text=now path=HERE/k
      notify: h
      register: kept
    - assert: {that: [kept.before == '', kept.after == 'now\\n', kept is changed]}
  handlers:
    - {name: h, keep: {text: handled, path: HERE/h}}
";

#[test]
fn it_is_a_module_wherever_one_is_named() {
    let world = here("")
        .file("modules/keep.yml", KEEP.replace("cat >\"", "echo \"$EXTRA\" >\"$ARG_path.env\"; cat >\""))
        .file("more.yml", "- keep: {text: included}\n")
        .file("roles/r/tasks/main.yml", "- action: keep text=role\n");
    let folder = folder(&world).display().to_string();
    let world = world.playbook(&EVERYWHERE.replace("HERE", &folder));
    world.apply(&[]).run();
    let all = ["d", "k", "h", "k.env"].map(|name| at(&world, name));
    assert_eq!(all, ["included\n", "now\n", "handled\n", "of the task\n"]);
}

#[test]
fn mistakes_in_the_file_are_said_at_their_place() {
    let with = |old: &str, new: &str| KEEP.replace(old, new);
    for (name, text, place, said) in [
        ("keep", with("apply:", "aply:"), "keep.yml:15:1", "did you mean `apply`?"),
        ("keep", with("apply: |\n  cat >\"$ARG_path\"\n", ""), "keep.yml:1:1", "has no `apply`"),
        ("keep", with("2>/dev/null || :", "|| ("), "keep.yml:8:3", "the shell cannot read this text"),
        ("keep", with("{% endfor %}", ""), "keep.yml:14:18", "unexpected end of input"),
        ("keep", with("type: list", "type: array"), "keep.yml:5:16", "no type of an argument"),
        ("keep", with("default: []", "default: x"), "keep.yml:5:31", "has to be a list"),
        ("keep", with("secret: true", "secret: maybe"), "keep.yml:6:19", "has to be true or false"),
        ("keep", with("secret: true", "hidden: true"), "keep.yml:6:11", "an argument has no `hidden`"),
        ("keep", with("secret: true", "choices: [a, 1]"), "keep.yml:6:24", "has to be a string"),
        ("copy", KEEP.to_owned(), "copy.yml:1:1", "something that dtrctl has itself"),
        ("when", KEEP.to_owned(), "when.yml:1:1", "something that dtrctl has itself"),
        ("Keep-it", KEEP.to_owned(), "Keep-it.yml:1:1", "no name of a module"),
        ("keep2", "- a\n".to_owned(), "keep2.yml:1:1", "not a mapping"),
    ] {
        let world = here("- keep: {text: a, path: /x}\n").file(&format!("modules/{name}.yml"), text);
        let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
        assert!(ran.stderr.contains(place) && ran.stderr.contains(said), "{name} {said}: {}", ran.stderr);
        assert!(!ran.stderr.contains("there is no module"), "{}", ran.stderr);
    }
}

#[test]
fn mistakes_in_its_use_are_those_of_any_module() {
    for (task, said) in [
        ("kep: {text: a, path: /x}", "did you mean `keep`?"),
        ("keep: {text: a, pth: /x}", "did you mean `path`?"),
        ("keep: {text: a}", "`keep` needs the argument `path`"),
        ("keep: {text: a, path: /x, more: {}}", "argument `more`: has to be a list"),
        ("keep: {text: a, path: /x, _desired: b}", "has no argument `_desired`"),
    ] {
        let world = here(&format!("- {task}\n"));
        let ran = world.dtrctl(&["validate", "site.yml"]).code(1).any_stderr().run();
        assert!(ran.stderr.contains(said), "{task}: {}", ran.stderr);
    }
}

#[test]
fn the_reference_shows_it_with_its_playbook() {
    let world = here("- keep: {text: a, path: /x}\n");
    for path in ["site.yml", "."] {
        let page = world.dtrctl(&["modules", "keep", "-p", path]).run().stdout;
        assert!(page.starts_with("# keep\n\nA text in a file.\n"), "{page}");
        assert!(page.contains("- `text` (string, required): The text.\n"), "{page}");
        assert!(page.contains("- `more` (list): More lines. Default: `[]`.\n"), "{page}");
        assert!(page.contains("A password. A secret: it is not shown.\n"), "{page}");
        assert!(!page.contains("## Example"), "{page}");
    }
    assert!(
        world
            .dtrctl(&["modules", "-p", "."])
            .run()
            .stdout
            .contains("keep                 A text in a file\n")
    );
    let unknown = world.dtrctl(&["modules", "kep", "-p", "."]).code(1).any_stderr().run();
    assert!(unknown.stderr.contains("did you mean `keep`?"), "{}", unknown.stderr);
}

#[test]
fn the_schema_knows_its_arguments() {
    let world = here("");
    let mut problems = dtrctl::yaml::Problems::new();
    let own = dtrctl::playbook::UserModules::beside(&world.path(""), &mut problems);
    let schema = dtrctl::playbook::schema_with(&own);
    assert!(problems.is_empty());
    assert_eq!(schema["$defs"]["keep"]["properties"]["text"]["description"], "The text.");
    assert_eq!(schema["$defs"]["task"]["properties"]["keep"]["description"], "A text in a file.");
    assert_eq!(dtrctl::playbook::schema()["$defs"]["keep"], serde_json::Value::Null);
}
