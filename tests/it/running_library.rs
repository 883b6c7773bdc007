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
