//! The host's half of commands, run by each shell that is here.

use std::fs;
use std::path::Path;

use modules::{Call, Run, act_output};

use crate::engine_library::{each_shell, frame};

fn ran(shell: &[&str], before: &str, call: &Call) -> serde_json::Map<String, serde_json::Value> {
    let frame = frame(shell, "", before, call);
    assert_eq!(frame.status, 0, "{shell:?}: {}", act_output(&frame.body));
    Run::default().result(&frame.body).unwrap()
}

fn run(how: &str, stdin: &str, words: &[&str]) -> Call {
    Call::new("do_run").words([how, stdin, "", "--"]).words(words.to_vec())
}

#[test]
fn words_reach_the_program_as_they_are() {
    each_shell(|shell, _| {
        let words = ["printf", "%s|", "$HOME", "~", "a b", "'", "\\", "", "`id`", "ü\n\n", "-n"];
        let result = ran(shell, "", &run("plain", "", &words));
        assert_eq!(result["stdout"], "$HOME|~|a b|'|\\||`id`|ü\n\n|-n|", "{shell:?}");
        assert_eq!((&result["rc"], &result["stderr"]), (&0.into(), &"".into()));
    });
}

#[test]
fn variables_and_homes_are_replaced_as_python_does_it() {
    each_shell(|shell, _| {
        let words = [
            "printf",
            "%s|",
            "$A",
            "${A}x",
            "$NOSUCH ${NOSUCH}",
            "~",
            "~/x",
            "~root/y",
            "~nosuch",
            "a~",
            "$A$A",
            "$",
            "$(id)\n\n",
        ];
        let result = ran(shell, "A='v $B \\ &'; B=no; HOME=/h/; export A B HOME", &run("expand", "", &words));
        let expected = "v $B \\ &|v $B \\ &x|$NOSUCH ${NOSUCH}|/h|/h/x|/root/y|~nosuch|a~|v $B \\ &v $B \\ &|$|$(id)\n\n|";
        assert_eq!(result["stdout"], expected, "{shell:?}");
    });
}

#[test]
fn a_program_runs_and_no_function_or_builtin_of_the_shell() {
    each_shell(|shell, _| {
        for name in ["digest", "enc", "nosuch-program"] {
            let result = ran(shell, "", &run("plain", "", &[name]));
            assert_eq!(result["rc"], 127, "{shell:?} {name}");
        }
        let result = ran(shell, "", &run("plain", "in\n", &["cat"]));
        assert_eq!((&result["stdout"], &result["rc"]), (&"in".into(), &0.into()), "{shell:?}");
        assert!(
            result["start"].as_str() <= result["end"].as_str() && result["delta"].is_string(),
            "{result:?}"
        );
    });
}

#[test]
fn a_directory_that_is_not_there_stops_the_command() {
    each_shell(|shell, at| {
        let call = Call::new("do_run")
            .words(["plain", "", "/no/such", "--", "touch"])
            .word(at.join("x").to_str().unwrap());
        let frame = frame(shell, "", "", &call);
        assert!(frame.status != 0 && act_output(&frame.body).contains("/no/such") && !at.join("x").exists());
    });
}

#[test]
fn a_script_is_private_while_it_runs_and_gone_afterwards() {
    each_shell(|shell, at: &Path| {
        let text = b"#!/bin/sh\nstat -c %a \"$0\" \"${0%/*}\"\nprintf '%s\\n' \"$0\" \"$@\"\nexit 3\n";
        let call = Call::new("do_script").word("it's.sh").bytes(text).words(["plain", "", "", "--"]);
        let call = call.words(["/bin/sh", "-c", "\"$0\" 'a b' $X"]);
        let before = format!("X=y; export X; TMPDIR={}; export TMPDIR", at.display());
        let result = ran(shell, &before, &call);
        let lines: Vec<&str> = result["stdout"].as_str().unwrap().lines().collect();
        assert_eq!((&lines[..2], &lines[3..]), (&["700", "700"][..], &["a b", "y"][..]), "{shell:?}");
        assert!(lines[2].ends_with("/it's.sh") && !Path::new(lines[2]).exists());
        assert_eq!(result["rc"], 3);
        assert_eq!(fs::read_dir(at).unwrap().count(), 0, "{shell:?}: nothing is left");
    });
}

#[test]
fn a_pattern_finds_paths_and_is_no_shell_text() {
    each_shell(|shell, at| {
        for name in ["a b.x", "c.x", "d"] {
            fs::write(at.join(name), "").unwrap();
        }
        let found = |pattern: &str| {
            let call = Call::new("ask_glob").word(format!("{}/{pattern}", at.display()));
            act_output(&frame(shell, "", "", &call).body).lines().count()
        };
        let counts = ["*.x", "a b.?", "[cd]*", "d", "nosuch", "*.y", "$(touch z)*", "a b*"].map(found);
        assert_eq!(counts, [2, 1, 2, 1, 0, 0, 0, 1], "{shell:?}");
        assert!(!at.join("z").exists());
    });
}

const SYSTEMCTL: &str = "#!/bin/sh
d=${0%/*}
case $1 in
show) cat \"$d/show\" ;;
is-enabled) cat \"$d/enabled\"; [ \"$(cat \"$d/enabled\")\" = enabled ] ;;
is-active) cat \"$d/active\" ;;
start) echo active >\"$d/active\" ;;
stop) exit 5 ;;
enable) echo \"$*\" ;;
esac
";

const SCRIPT: &str = "#!/bin/sh
f=${0%/*}/running
case $1 in
start) (sleep 1; : >\"$f\") & ;;
stop) rm -f \"$f\" ;;
status) if [ -e \"$f\" ]; then echo runs; else echo 'x is not running'; fi ;;
*) exit 2 ;;
esac
";

fn executable(at: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(at, text).unwrap();
    fs::set_permissions(at, fs::Permissions::from_mode(0o755)).unwrap();
}

fn service(manager: &str) -> modules::AskService {
    let scope = modules::ServiceScope::System;
    modules::AskService { name: "x".to_owned(), manager: manager.to_owned(), scope, pattern: None }
}

fn state(shell: &[&str], before: &str, manager: &str) -> modules::ServiceState {
    let ask = modules::Ask::Service(service(manager));
    let frame = frame(shell, "", before, &ask.call().unwrap());
    let body = act_output(&frame.body);
    match ask.decode(&modules::Frame::new(frame.status, body), &|_| None) {
        modules::Answer::Service(state) => state,
        other => panic!("{shell:?}: {other:?}"),
    }
}

fn act(
    shell: &[&str],
    before: &str,
    manager: &str,
    action: modules::ServiceAction,
    command: &[&str],
) -> (i32, String) {
    let command = command.iter().map(ToString::to_string).collect();
    let change = modules::ChangeService {
        service: service(manager),
        action,
        command,
        no_block: false,
        transient: false,
    };
    let frame = frame(shell, "", before, &modules::Change::Service(change).call().unwrap());
    (frame.status, act_output(&frame.body))
}

#[test]
fn a_unit_of_systemd_is_asked_and_changed() {
    each_shell(|shell, at| {
        executable(&at.join("systemctl"), SYSTEMCTL);
        fs::write(
            at.join("show"),
            "LoadState=loaded\nActiveState=inactive\nNeedDaemonReload=yes\nType=simple\n",
        )
        .unwrap();
        fs::write(at.join("enabled"), "static\n").unwrap();
        fs::write(at.join("active"), "inactive\n").unwrap();
        let before = format!("PATH={}:$PATH", at.display());
        let found = state(shell, &before, "systemd");
        assert_eq!(
            (found.found, found.running, found.enabled, found.stale),
            (true, false, Some(false), true),
            "{shell:?}"
        );
        let start =
            act(shell, &before, "systemd", modules::ServiceAction::Start, &["systemctl", "start", "x"]);
        assert_eq!(start, (0, String::new()), "{shell:?}");
        let (status, said) =
            act(shell, &before, "systemd", modules::ServiceAction::Stop, &["systemctl", "stop", "x"]);
        assert!(status == 5 && said.contains("status 5"), "{shell:?}: {said}");
        fs::write(at.join("show"), "LoadState=not-found\n").unwrap();
        assert!(!state(shell, &before, "systemd").found);
    });
}

/// systemd 252 does not say it of the first drop-in in a new directory.
#[test]
fn a_drop_in_that_systemd_has_not_read_makes_its_unit_stale() {
    each_shell(|shell, at| {
        executable(&at.join("systemctl"), SYSTEMCTL);
        fs::create_dir_all(at.join("x.service.d")).unwrap();
        let drop_in = at.join("x.service.d/a.conf");
        let before = format!("PATH={}:$PATH unit_places={}", at.display(), at.display());
        for (content, read, stale) in
            [("", "", false), ("[Service]", "", true), ("[Service]", "x.service.d/a.conf", false)]
        {
            fs::write(&drop_in, content).unwrap();
            let show = format!("DropInPaths={}/{read}\n", at.display());
            fs::write(at.join("show"), show).unwrap();
            fs::write(at.join("enabled"), "enabled\n").unwrap();
            assert_eq!(state(shell, &before, "systemd").stale, stale, "{shell:?} {content} {read}");
            let whole = modules::AskService { name: String::new(), ..service("systemd") };
            let frame = frame(shell, "", &before, &modules::Ask::Service(whole).call().unwrap());
            assert_eq!(act_output(&frame.body).contains("stale"), stale, "{shell:?} {content} {read}");
        }
    });
}

#[test]
fn a_script_of_sysvinit_is_waited_for() {
    each_shell(|shell, at| {
        let script = at.join("x");
        executable(&script, SCRIPT);
        let before = format!("script_places='/no/such {}'", at.display());
        let found = state(shell, &before, "sysvinit");
        assert_eq!((found.found, found.running), (true, false), "{shell:?}");
        assert_eq!(found.script.unwrap().as_str(), script.to_str().unwrap());
        let words = |action| [script.to_str().unwrap().to_owned(), action];
        let words = |action: &str| words(action.to_owned());
        let [start, stop] = [words("start"), words("stop")];
        let (status, said) =
            act(shell, &before, "sysvinit", modules::ServiceAction::Start, &[&start[0], &start[1]]);
        assert_eq!((status, said.as_str()), (0, ""), "{shell:?}");
        assert!(state(shell, &before, "sysvinit").running, "the start was waited for");
        act(shell, &before, "sysvinit", modules::ServiceAction::Stop, &[&stop[0], &stop[1]]);
        assert!(!state(shell, &before, "sysvinit").running);
        assert!(!state(shell, "script_places=/no/such", "none").found);
    });
}

#[test]
fn daemons_are_found_by_pid_files_that_do_not_end_in_a_line_end() {
    each_shell(|shell, at| {
        let daemon = at.join("dockerd");
        executable(&daemon, "#!/bin/sh\nread -r line\n");
        let flags = ["-D", "--config-file", "/srv/a b.json"];
        let mut child = std::process::Command::new(&daemon)
            .args(flags)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let comm = format!("/proc/{}/comm", child.id());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while fs::read_to_string(&comm).unwrap().trim() != "dockerd" && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        fs::write(at.join("a.pid"), "1").unwrap();
        fs::write(at.join("b.pid"), child.id().to_string()).unwrap();
        let files = format!("{0}/a.pid {0}/b.pid", at.display());
        let before = format!("system_pids='{files}' pid_files='{files}'");
        let facts = |more: &str| {
            let frame = frame(shell, "", &format!("{before}{more}"), &Call::new("ask_facts"));
            modules::decode_facts(&act_output(&frame.body)).unwrap()
        };
        let site = facts("").daemons.remove(0);
        assert_eq!(site.config.unwrap().as_str(), "/srv/a b.json", "{shell:?}");
        let seen = act_output(&frame(shell, "", &before, &Call::new("ask_process")).body);
        assert!(seen.contains(&format!("pid={}\n", child.id())), "{shell:?}: {seen}");
        drop(child.stdin.take());
        child.wait().unwrap();
    });
}
