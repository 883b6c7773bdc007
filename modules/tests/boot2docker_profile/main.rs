//! Edited profiles, read by real shells: every other variable has the value that it had, and the words of `EXTRA_ARGS` are
//! the old ones with exactly what was asked added or taken away.
//!
//! `DTRCTL_CORPUS` names the folder of the corpus.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "a test reads files and runs shells"
)]

#[path = "../../../tests/faults/figure.rs"]
mod figure;
mod host;

use std::fs;

use modules::{Change, Facts, Host, Step};
use proptest::prelude::*;
use serde_json::{Value, json};

use figure::figure;
use host::{Folder, HOST, World, corpus, plus, profiles, read, round_trip, same_but, syntax};

#[test]
fn the_corpus_keeps_every_variable_and_gets_the_words() {
    const TEST: &str = "the_corpus_keeps_every_variable_and_gets_the_words";
    let folder = Folder::new("corpus");
    let profiles = profiles(TEST);
    let many = profiles.len();
    for (name, text, entry) in profiles {
        let seen = read(&["dash"], &folder.0, &text);
        let words: Vec<Value> = seen.words.iter().map(|word| json!(String::from_utf8_lossy(word))).collect();
        if entry["words_of_EXTRA_ARGS"].is_array() {
            assert_eq!(json!(words), entry["words_of_EXTRA_ARGS"], "{name}");
        }
        for (arguments, added) in [
            (json!({"insecure_registries": [HOST]}), &["--insecure-registry", HOST][..]),
            (json!({"registry_mirrors": "https://m.example"}), &["--registry-mirror", "https://m.example"]),
            (
                json!({"insecure_registries": [HOST, "[fd00::1]:5000"], "flags": ["--debug", "--log-opt=max-size=1m"]}),
                &[
                    "--insecure-registry",
                    HOST,
                    "--insecure-registry=[fd00::1]:5000",
                    "--debug",
                    "--log-opt=max-size=1m",
                ],
            ),
        ] {
            round_trip(&folder.0, &text, &arguments, added).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    if many > 0 {
        figure("R7", TEST, &format!("other_values_changed=0 of={}", 3 * many));
    }
}

#[test]
fn every_flag_of_the_corpus_can_be_taken_away() {
    const TEST: &str = "every_flag_of_the_corpus_can_be_taken_away";
    let folder = Folder::new("removal");
    let mut taken = 0;
    for (name, text, _) in profiles(TEST) {
        let words = read(&["dash"], &folder.0, &text).words;
        let words: Vec<String> =
            words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let mut at = 0;
        while at < words.len() {
            let has_value =
                !words[at].contains('=') && words.get(at + 1).is_some_and(|next| !next.starts_with('-'));
            let (flag, length) = if has_value {
                (format!("{}={}", words[at], words[at + 1]), 2)
            } else {
                (words[at].clone(), 1)
            };
            let range = at..at + length;
            at += length;
            // The rest is not for this module to take away.
            if !["--label", "--insecure-", "--registry-", "--dns", "--experimental", "--cluster"]
                .iter()
                .any(|begin| flag.starts_with(begin))
            {
                continue;
            }
            let world = World::with(&text);
            let done = world
                .apply(&json!({"flags": [flag], "state": "absent"}))
                .unwrap_or_else(|error| panic!("{name}: {flag}: {error}"));
            let new = done.profile.expect("a file");
            same_but(&folder.0, &text, &new, |mut words| {
                words.drain(range.clone());
                words
            });
            taken += 1;
        }
    }
    assert!(taken > 15 || corpus(TEST).is_none(), "{taken}");
}

/// Profiles that are read as every shell reads them.
const READ: &[&str] = &[
    "",
    "\n",
    "# only a comment",
    "EXTRA_ARGS=\"--a\"\r\nCACERT=/x\r\n",
    "EXTRA_ARGS='--debug'\n#\\\n",
    "EXTRA_ARGS=--debug",
    "EXTRA_ARGS=--label=a=\"b\"'c'\\d\\\ne\n",
    "EXTRA_ARGS=\"--label a=\\\"\\$\\`\\\\ \\x\"\n",
    "EXTRA_ARGS='--label a=it'\\''s'\nexport EXTRA_ARGS\n",
    "EXTRA_ARGS=\"a\nb\nc\" # 'tail\n",
    "EXTRA_ARGS=\"$EXTRA_ARGS --x\"\nEXTRA_ARGS=\"--y ${EXTRA_ARGS}\"\nexport FOO='a b' BAR=\"$FOO\"",
    "D=1.1.1.1; EXTRA_ARGS=\"--dns $D\"; E=$D\n",
    "EXTRA_ARGS=first\nEXTRA_ARGS=second\n",
    "export \"EXTRA_ARGS=--label a=b\"\nexport HTTP_PROXY=http://p:3128/ no_proxy=localhost,.x\n",
    "\texport   EXTRA_ARGS='x'  ;  A=b  # c\n",
    "sysctl -w vm.max_map_count=262144 >/dev/null 2>&1\nEXTRA_ARGS=x\necho \"hello $EXTRA\" > out\n",
    "[ -f /nowhere ] && A=1\ntest x = y || B=2\nsleep 0 &\nEXTRA_ARGS=x\n",
    "A=${B:-c} D=${E}\nEXTRA_ARGS=${EXTRA_ARGS:-}\nF=`\n",
    "EX\\\nTRA_ARGS=\"--\\\ndebug\"\n",
    "unset HTTP_PROXY\nEXTRA_ARGS=\"--label=x=a\\b\"\n",
    "EXTRA_ARGS='' ; ulimit -c unlimited; umask 022; : noop\n",
    "A=$ B=\"$\" C=a$\nEXTRA_ARGS=\"100$ x\"\n",
    "NOTEXTRA_ARGS=1\nEXTRA_ARGSX=2\n'EXTRA' x\n",
    "EXTRA_ARGS=\"--label caf\u{e9}=\u{2013}\u{81}\u{88}\"\n",
];

#[test]
fn what_is_read_is_what_shells_read() {
    let folder = Folder::new("read");
    for text in READ.iter().filter(|text| !text.contains('`')) {
        let arguments = json!({"insecure_registries": [HOST]});
        round_trip(&folder.0, text.as_bytes(), &arguments, &["--insecure-registry", HOST])
            .unwrap_or_else(|error| panic!("{text:?}: {error}"));
    }
}

/// Profiles of which it is not known what they do, the line, and a word of what is said.
const REFUSED: &[(&str, usize, &str)] = &[
    ("A=b\nEXTRA_ARGS=\"$(cat /x)\"\n", 2, "substitution"),
    ("EXTRA_ARGS=`id`\n", 1, "substitution"),
    ("A=$(id)\n", 1, "substitution"),
    ("A=$((1+1))\n", 1, "arithmetic"),
    ("if true; then EXTRA_ARGS=x; fi\n", 1, "`if`"),
    ("\n\ncase a in b) EXTRA_ARGS=x;; esac\n", 3, "parenthesis"),
    ("f() { EXTRA_ARGS=x; }\nf\n", 1, "parenthesis"),
    ("for i in 1; do EXTRA_ARGS=$i; done\n", 1, "`for`"),
    ("eval EXTRA_ARGS=x\n", 1, "`eval`"),
    (". /other\n", 1, "`.`"),
    ("source /other\n", 1, "`source`"),
    ("unset EXTRA_ARGS\n", 1, "unset"),
    ("unset $X\n", 1, "unset"),
    ("cat <<X\nEXTRA_ARGS=y\nX\n", 1, "here-document"),
    ("read EXTRA_ARGS </x\n", 1, "`read`"),
    ("return\n", 1, "`return`"),
    ("set -n\n", 1, "`set`"),
    ("exit 0\nEXTRA_ARGS=x\n", 1, "`exit`"),
    ("readonly EXTRA_ARGS=x\n", 1, "`readonly`"),
    ("IFS=,\nEXTRA_ARGS=a,b\n", 1, "IFS"),
    ("test -f /x && EXTRA_ARGS=y\n", 1, "condition"),
    ("EXTRA_ARGS=x | cat\n", 1, "condition"),
    ("EXTRA_ARGS=x &\n", 1, "condition"),
    ("(EXTRA_ARGS=x)\n", 1, "parenthesis"),
    ("{ EXTRA_ARGS=x; }\n", 1, "`{`"),
    ("! EXTRA_ARGS=x\n", 1, "`!`"),
    ("A=b\nEXTRA_ARGS=--dns 1.1.1.1\n", 2, "one command alone"),
    ("EXTRA_ARGS+=x\n", 1, "`EXTRA_ARGS+=`, which not every shell has"),
    ("EXTRA_ARGS=(--dns 1.1.1.1)\n", 1, "an array"),
    ("EXTRA_ARGS=\"--dns $DNS\"\n", 1, "`$DNS`"),
    ("EXTRA_ARGS=\"$1\"\n", 1, "only when the shell runs"),
    ("RANDOM=5\nEXTRA_ARGS=\"--mtu $RANDOM\"\n", 2, "`$RANDOM`, which the shell itself computes"),
    ("unset EPOCHSECONDS\nEXTRA_ARGS=\"a=$EPOCHSECONDS\"\n", 2, "the shell itself computes"),
    ("EPOCHREALTIME=1\nA=$EPOCHREALTIME\nEXTRA_ARGS=\"$A\"\n", 3, "`$A`"),
    ("A=${EXTRA_ARGS:=x}\n", 1, "expansion"),
    ("A=${B?gone}\n", 1, "expansion"),
    ("EXTRA_ARGS='open\n\n\nA=b\n", 1, "not closed"),
    ("A=b\nEXTRA_ARGS=\"open\n", 2, "not closed"),
    ("EXTRA_ARGS=$'a\\nb'\n", 1, "`$` before a quote"),
    ("export 1x=y\n", 1, "plain name"),
    ("export A=$B\n", 1, "outside quotes"),
    ("X='a EXTRA_ARGS=evil'\nexport A=$X\n", 2, "outside quotes"),
    (": > /nowhere/x\n", 1, "redirection"),
    ("unset A <x\n", 1, "redirection"),
    ("cmd <&x\n", 1, "redirection"),
    ("cmd 2>&10\n", 1, "redirection"),
    ("A=b &&\n", 1, "nothing follows"),
    ("foo \\", 1, "backslash"),
    ("EXTRA_ARGS=~/x\n", 1, "`~`"),
    ("$CMD x\n", 1, "known only when it runs"),
    ("A=1 EXTRA_ARGS=$A\n", 1, "several assignments"),
    ("EXTRA_ARGS=a\0b\n", 1, "NUL"),
    ("alias export=:\nEXTRA_ARGS=x\n", 1, "`alias`"),
    ("let EXTRA_ARGS=1\n", 1, "`let`"),
    ("printf -v EXTRA_ARGS x\n", 1, "printf"),
    ("EXTRA_ARGS=x cmd >/dev/null\n", 1, "one command alone"),
    ("cmd &> /dev/null\n", 1, "operator"),
];

#[test]
fn what_is_not_followed_is_refused_with_its_line() {
    for (text, line, word) in REFUSED {
        for arguments in [
            json!({"insecure_registries": [HOST]}),
            json!({"insecure_registries": [HOST], "state": "absent"}),
            json!({"state": "absent"}),
        ] {
            let error = World::with(text.as_bytes()).plan(&arguments).expect_err(text);
            let place = format!("/var/lib/boot2docker/profile:{line}: ");
            assert!(error.message.starts_with(&place) && error.message.contains(word), "{text:?}: {error}");
            assert!(error.help.is_some_and(|help| help.contains("nothing was written; ")), "{text:?}");
        }
    }
}

#[test]
fn what_stands_in_the_way_is_named_as_its_writer_sees_it() {
    let insecure = json!({"insecure_registries": [HOST]});
    for last in ["A=b \\\n", "sysctl -w a=b \\\n"] {
        let text = format!("EXTRA_ARGS='--debug'\n{last}");
        let error = World::with(text.as_bytes()).plan(&insecure).expect_err(last);
        assert!(error.message.contains("profile:2: a backslash that joins the last line"), "{error}");
        // Nothing is added then.
        World::with(text.as_bytes()).apply(&json!({"flags": ["--debug"], "state": "absent"})).expect(last);
    }
    let folder = Folder::new("joined");
    round_trip(&folder.0, b"A=b\n\\\n", &insecure, &["--insecure-registry", HOST]).expect("it joins nothing");
    let error = World::with(b"EXTRA_ARGS+=' --debug'\n").plan(&insecure).expect_err("an operator");
    assert!(error.message.ends_with(": EXTRA_ARGS+=' --debug'"), "the line as it stands: {error}");
    assert!(error.help.is_some_and(|help| help.ends_with("write `EXTRA_ARGS=\"$EXTRA_ARGS …\"`")));
    let plan = World::with(b"\xef\xbb\xbfEXTRA_ARGS='--debug'\n").plan(&insecure).expect("a plan");
    assert!(plan.notes[0].text.contains("begins with a byte order mark"), "{plan:?}");
}

#[test]
fn a_value_that_something_else_uses_is_not_taken_away() {
    let text = b"EXTRA_ARGS='--insecure-registry a:5000'\nSAVED=\"$EXTRA_ARGS\"\n";
    let absent = json!({"insecure_registries": ["a:5000"], "state": "absent"});
    let error = World::with(text).plan(&absent).expect_err("SAVED would change");
    assert!(error.message.contains("profile:2:"), "{error}");
    let text = b"R='--insecure-registry a:5000'\nEXTRA_ARGS=\"$R\"\n";
    let error = World::with(text).plan(&absent).expect_err("R would change");
    assert!(error.message.contains("another variable"), "{error}");
}

#[test]
fn a_flag_that_lacks_its_value_does_not_swallow_ours() {
    let error = World::with(b"EXTRA_ARGS='--label'\n").plan(&json!({"insecure_registries": [HOST]}));
    assert!(error.expect_err("a label").message.contains("value of theirs"));
}

#[test]
fn a_file_that_was_not_there_goes_again_and_an_empty_one_stays() {
    let both = |profile: Option<&[u8]>| {
        let world = World { profile: profile.map(<[u8]>::to_vec), config: None, cmdline: None };
        let one = world.apply(&json!({"insecure_registries": [HOST]})).unwrap();
        let two = one.apply(&json!({"flags": ["--log-level=warn"]})).unwrap();
        let two = two.apply(&json!({"flags": ["--log-level=error"]})).unwrap();
        let one = two.apply(&json!({"flags": ["--log-level=error"], "state": "absent"})).unwrap();
        let none = one.apply(&json!({"insecure_registries": [HOST], "state": "absent"})).unwrap();
        assert_eq!(none.profile.as_deref(), profile);
        assert_eq!(two.apply(&json!({"state": "absent"})).unwrap().profile.as_deref(), profile);
        let other = two.apply(&json!({"insecure_registries": [HOST], "state": "absent"})).unwrap();
        let none = other.apply(&json!({"flags": ["--log-level=error"], "state": "absent"})).unwrap();
        assert_eq!(none.profile.as_deref(), profile);
    };
    for profile in [None, Some(&b""[..]), Some(b"A=b"), Some(b"A=b\n"), Some(b"\n"), Some(b"# x")] {
        both(profile);
    }
}

#[test]
fn a_line_that_others_have_overruled_moves_to_the_end() {
    let folder = Folder::new("overruled");
    let arguments = json!({"insecure_registries": [HOST]});
    let first = World::with(b"A=b\n").apply(&arguments).unwrap();
    let mut text = first.profile.unwrap();
    text.extend(b"EXTRA_ARGS='--label x=y'\n");
    let done = World::with(&text).apply(&arguments).unwrap().profile.unwrap();
    same_but(&folder.0, &text, &done, plus(&["--insecure-registry", HOST]));
    let none = World::with(&done).apply(&json!({"state": "absent"})).unwrap();
    assert_eq!(none.profile.unwrap(), b"A=b\nEXTRA_ARGS='--label x=y'\n");
}

#[test]
fn a_line_like_ours_within_a_value_is_a_value() {
    let text = b"X='\nEXTRA_ARGS=\"$EXTRA_ARGS --insecure-registry a\" # dtrctl\n'\n";
    let none = World::with(text).apply(&json!({"state": "absent"})).unwrap();
    assert_eq!(none.profile.as_deref(), Some(&text[..]));
}

#[test]
fn what_the_start_script_gives_itself_is_refused_and_so_is_what_does_not_arrive() {
    let world = World::with(b"EXTRA_ARGS='--label provider=virtualbox'\n");
    for (arguments, word) in [
        (json!({"flags": ["--host=tcp://0.0.0.0:1"]}), "DOCKER_HOST"),
        (json!({"flags": ["--tlsverify"]}), "DOCKER_TLS"),
        (json!({"flags": ["--storage-driver=vfs"]}), "DOCKER_STORAGE"),
        (json!({"flags": ["-D"]}), "long form"),
        (json!({"flags": ["debug"]}), "long form"),
        (json!({"flags": ["--insecure-registrys=a"]}), "did you mean `--insecure-registry`?"),
        (json!({"flags": ["--label"]}), "needs a value"),
        (json!({"flags": ["--label=a=b c"]}), "would not reach dockerd"),
        (json!({"flags": ["--label=a=*"]}), "would not reach dockerd"),
        (json!({"flags": ["--label=provider=other"]}), "--label=provider=virtualbox"),
        (json!({"flags": ["--log-level=loud"]}), "log-level"),
        (json!({"flags": ["--log-level=warn", "--log-level=error"]}), "exclude each other"),
        (json!({"insecure_registries": ["a/b"]}), "path"),
        (json!({"insecure_registries": ["https://a"]}), "scheme"),
        (json!({"registry_mirrors": ["a"]}), "scheme"),
        (json!({}), "no flag is given"),
    ] {
        let error = world.plan(&arguments).expect_err(&arguments.to_string());
        let said = format!("{} {}", error.message, error.help.unwrap_or_default());
        assert!(said.contains(word), "{arguments}: {said}");
    }
}

#[test]
fn a_flag_that_daemon_json_gives_too_is_refused() {
    let mut world = World::with(b"EXTRA_ARGS=''\n");
    world.config = Some(b"{\"insecure-registries\": [\"a:5000\"], \"labels\": [\"x=y\"]}".to_vec());
    let error = world.plan(&json!({"insecure_registries": [HOST]})).expect_err("both");
    assert!(
        error
            .message
            .contains("insecure-registries: (from flag: [dtr.example.com:5000], from file: [a:5000])")
    );
    assert!(world.plan(&json!({"flags": ["--debug"]})).is_ok());
    // What is broken already is said, and not made worse.
    world.profile = Some(b"EXTRA_ARGS='--label a=b --debug'\n".to_vec());
    let plan = world.plan(&json!({"flags": ["--debug"]})).unwrap();
    assert!(plan.changes.is_empty() && plan.notes[0].text.contains("labels: (from flag"), "{plan:?}");
}

#[test]
fn a_restart_is_owed_where_the_running_daemon_has_other_flags() {
    let owes = |world: &World, arguments: Value| {
        let plan = world.plan(&arguments).unwrap();
        (plan.changes.iter().any(|change| matches!(change, Change::Owe(_))), plan.owed.is_some())
    };
    let wanted = || json!({"insecure_registries": [HOST]});
    let absent = || json!({"insecure_registries": [HOST], "state": "absent"});
    let mut world = World::with(b"A=b\n");
    assert_eq!(owes(&world, wanted()), (false, false), "no daemon runs");
    world.cmdline = Some(vec!["dockerd".to_owned()]);
    assert_eq!(owes(&world, wanted()), (true, true));
    assert_eq!(owes(&world, absent()), (false, false));
    let written = world.apply(&wanted()).unwrap();
    assert_eq!(owes(&written, wanted()), (true, true), "written by hand, and not yet read");
    assert_eq!(owes(&written, absent()), (false, false), "it never had it");
    world.cmdline = Some(["dockerd", "--insecure-registry", HOST].map(str::to_owned).to_vec());
    assert_eq!(owes(&world, wanted()), (false, false), "it has it already");
    assert_eq!(owes(&world, absent()), (true, true), "it has it still");
}

#[test]
fn on_another_system_the_task_is_skipped() {
    let entry = modules::find("boot2docker_profile").expect("the module is listed");
    let task = entry.read(json!({"insecure_registries": [HOST]})).expect("arguments");
    let facts = Facts { id: "debian".into(), ..Facts::default() };
    let probe = task.start(&Host::new("web1", facts));
    assert!(probe.asks().is_empty());
    let Ok(Step::Ready(Ok(plan))) = probe.resume(Vec::new()) else { panic!("a plan") };
    assert!(plan.skipped.is_some_and(|why| why.contains("debian") && why.contains("daemon_json")));
}

/// Every hostile value, as a label, arrives as it is or is refused.
#[test]
fn hostile_values_arrive_literally_or_are_refused() {
    const TEST: &str = "hostile_values_arrive_literally_or_are_refused";
    let folder = Folder::new("hostile");
    let mut values: Vec<String> = [
        "it's", "\"q\"", "$HOME", "`id`", "$(id)", "a b", "a\nb", "\\", "!!", ";x", "&", "#", "{a,b}", "~",
        "%s", "é",
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some(corpus) = corpus(TEST) {
        let text = fs::read(corpus.join("hostile/values.json")).expect("values");
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        let strings = json.as_array().expect("a list").iter();
        values.extend(strings.filter_map(|v| v.as_str().or_else(|| v["value"].as_str())).map(str::to_owned));
    }
    let old = b"\nEXTRA_ARGS='\n--label provider=virtualbox\n\n'\nCACERT=/x\n";
    let mut arrived = 0;
    for value in &values {
        let flag = format!("--label=x={value}");
        let arguments = json!({"flags": [flag]});
        if round_trip(&folder.0, old, &arguments, &[&flag]).is_ok() {
            arrived += 1;
        }
        // As a registry it is a name that dockerd takes, or refused.
        _ = round_trip(
            &folder.0,
            old,
            &json!({"insecure_registries": [value]}),
            &["--insecure-registry", value],
        );
    }
    assert!(arrived >= 10, "{arrived} of {}", values.len());
}

/// A profile made of what profiles are made of.
fn statement() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["EXTRA_ARGS", "CACERT", "DOCKER_HOST", "HTTP_PROXY", "A"]);
    let word = prop::sample::select(vec![
        "--label",
        "a=b",
        "--debug",
        "--dns",
        "1.1.1.1",
        " ",
        "\t",
        "$EXTRA_ARGS",
        "${A}",
        "$A",
        "\\\n",
        "x",
        "é",
        "~",
        "#",
        "\"q\"",
        "'s'",
        "\\ ",
        "\\\"",
        "$",
        "=",
        "--insecure-registry dtr.example.com:5000",
        "\r",
        "*",
        "%",
        "\n",
        ":",
    ]);
    let value = prop::collection::vec(word, 0..6).prop_map(|words| words.concat());
    let quoted = (value, 0..4).prop_map(|(value, how)| match how {
        0 => format!("'{}'", value.replace('\'', "'\\''")),
        1 => format!("\"{}\"", value.replace('"', "\\\"")),
        2 => format!("\"{}\"'{}'", value.replace('"', "\\\""), value.replace('\'', "")),
        _ => value,
    });
    let end = prop::sample::select(vec![
        "\n",
        ";",
        " # it's \"here\n",
        " ; ",
        "\n\n",
        "\r\n",
        " && ",
        " & ",
        " | ",
        "\\\n",
    ]);
    (prop::sample::select(vec!["", "export ", "  ", "\t", "x ", "B=c ", "[ -d / ] && "]), name, quoted, end)
        .prop_map(|(before, name, value, end)| format!("{before}{name}={value}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_profiles_keep_what_is_not_asked(
        statements in prop::collection::vec(statement(), 0..5),
        tail in prop::sample::select(vec!["", "# end", "A=b"]),
    ) {
        let text = statements.concat() + tail;
        let folder = Folder::new("generated");
        if syntax(text.as_bytes()).accepted {
            let arguments = json!({"flags": ["--label=dtrctl=yes"]});
            _ = round_trip(&folder.0, text.as_bytes(), &arguments, &["--label=dtrctl=yes"]);
            let absent = json!({"insecure_registries": [HOST], "state": "absent"});
            if let Ok(done) = World::with(text.as_bytes()).apply(&absent) {
                let new = done.profile.expect("a file");
                same_but(&folder.0, text.as_bytes(), &new, |words| {
                    let mut kept = Vec::new();
                    let mut words = words.into_iter().peekable();
                    while let Some(word) = words.next() {
                        if word == "--insecure-registry" && words.peek().is_some_and(|next| next == HOST) {
                            words.next();
                        } else if ["--label", "--dns"].contains(&word.as_str()) {
                            kept.push(word);
                            kept.extend(words.next());
                        } else {
                            kept.push(word);
                        }
                    }
                    kept
                });
            }
        }
    }

    /// Whatever shells' own characters are thrown together: what is read, is read as shells read it.
    #[test]
    fn soup(tokens in prop::collection::vec(prop::sample::select(vec![
        "EXTRA_ARGS", "=", "EXTRA_ARGS=", "A=", "$A", "\"", "'", "\\", "\n", " ", "#", ";", "&", "|", "$", "{", "}", "(", ")",
        "<", ">", "x", "export ", "--debug", "1", "~", "*", "[", "]", "!", "`", "\r", "\t", "-", ":", "é", "\u{81}", "if ", "unset ",
    ]), 0..14)) {
        let text = tokens.concat();
        let folder = Folder::new("soup");
        if syntax(text.as_bytes()).accepted {
            let arguments = json!({"flags": ["--label=dtrctl=yes"]});
            _ = round_trip(&folder.0, text.as_bytes(), &arguments, &["--label=dtrctl=yes"]);
        }
    }
}
