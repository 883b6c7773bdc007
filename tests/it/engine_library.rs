//! The host's half, run by each shell that is here: what stands in the way of a write, links, names, old tools.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use modules::{
    Account, Answer, Ask, AskDir, AskFile, AskTrustStore, Call, File, FileKind, Frame, HostPath, Script,
    act_output, digest,
};
use tempfile::TempDir;

use crate::figure::figure;

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";
const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

pub fn each_shell(test: impl Fn(&[&str], &Path)) {
    for shell in SHELLS {
        if Command::new("which").arg(shell[0]).output().is_ok_and(|output| output.status.success()) {
            let dir = TempDir::new().unwrap();
            test(shell, &fs::canonicalize(dir.path()).unwrap());
        } else {
            eprintln!("skipped: no {}", shell[0]);
        }
    }
}

/// The call's frame. `root` is the sandbox's root; `before` is put in front of the library.
pub fn frame(shell: &[&str], root: &str, before: &str, call: &Call) -> Frame {
    let mut script = Script::new(BOUNDARY, &[]);
    script.act(0, call);
    let text = format!("{before}\nR='{root}'\n{}", script.text());
    let mut command = Command::new("timeout");
    let output = command.arg("20").args(shell).arg("-c").arg(text).output().unwrap();
    let frames = script.read(&output.stdout);
    assert_eq!(frames.ends(), 1, "{shell:?}: {}", String::from_utf8_lossy(&output.stderr));
    frames.get(0).unwrap().clone()
}

fn path(at: &Path, name: &str) -> HostPath {
    HostPath::new(&format!("{}/{name}", at.display())).unwrap()
}

fn write(to: &HostPath, content: &[u8]) -> Call {
    Call::new("do_write")
        .path(to)
        .word("absent")
        .word(digest(content))
        .words(["0640", "-", "-"])
        .bytes(content)
}

/// What an ask of a script finds out, each in a script of its own or all in one.
fn answers(shell: &[&str], asks: &[Ask], together: bool) -> Vec<Answer> {
    let run = |script: &Script| {
        let mut command = Command::new("timeout");
        let text = format!("R=''\n{}", script.text());
        script.read(&command.arg("20").args(shell).arg("-c").arg(text).output().unwrap().stdout)
    };
    let each = if together { asks.len() } else { 1 };
    let scripts = asks.chunks(each).flat_map(|asks| {
        let mut script = Script::new(BOUNDARY, &[]);
        let calls = asks.iter().enumerate();
        calls.for_each(|(id, ask)| script.answer(id, &ask.call().expect("the host's")));
        let frames = run(&script);
        assert_eq!(frames.ends(), 1, "{shell:?}");
        assert_eq!(script.text().contains("\nsurvey "), together);
        asks.iter()
            .enumerate()
            .map(|(id, ask)| ask.decode(frames.get(id).unwrap(), &|_| None))
            .collect::<Vec<_>>()
    });
    scripts.collect()
}

#[test]
fn what_is_looked_at_at_once_is_answered_as_what_is_asked_alone() {
    each_shell(|shell, at| {
        let (etc, ca) = (at.join("etc"), at.join("ca"));
        fs::create_dir_all(etc.join("sub")).unwrap();
        fs::create_dir(&ca).unwrap();
        let bytes: Vec<u8> = (0..=255).collect();
        for (name, content) in [
            ("plain", &b"text\n"[..]),
            ("no end", b"text"),
            ("empty", b""),
            ("bytes", &bytes),
            ("bytes again", &bytes),
            ("-n", b"dash\n\n"),
            ("new\nline", b"x"),
            ("back\\slash", b"y"),
            (
                "it's \"$HOME\" `id` *",
                b"@0123456789abcdef b:eA== \nfedcba9876543210fedcba9876543210 bulk-end 1\n",
            ),
            ("large", &vec![b'z'; 70_000]),
            ("bundle", b"-----BEGIN CERTIFICATE-----\n"),
        ] {
            fs::write(etc.join(name), content).unwrap();
        }
        symlink("plain", etc.join("link")).unwrap();
        symlink(at, ca.join("away")).unwrap();
        let path = |name: &str| HostPath::new(&format!("{}/{name}", at.display())).unwrap();
        let file = |name: &str, limit| Ask::File(AskFile { path: path(name), limit });
        let asks = [
            file("etc/plain", 1000),
            file("etc/bytes", 1000),
            file("etc/large", 1000),
            file("etc/large", 100_000),
            file("etc/new\nline", 1000),
            file("etc/back\\slash", 1000),
            file("etc/link", 1000),
            file("etc/none", 1000),
            file("etc", 0),
            file("ca/away/etc/no end", 1000),
            Ask::Dir(AskDir { path: path("etc") }),
            Ask::Dir(AskDir { path: path("ca") }),
            Ask::Dir(AskDir { path: path("none") }),
            Ask::TrustStore(AskTrustStore {
                bundles: vec![path("etc/bundle")],
                directory: path("ca"),
                known: Vec::new(),
            }),
        ];
        let alone = answers(shell, &asks, false);
        for (one, other) in answers(shell, &asks, true).iter().zip(&alone) {
            assert_eq!(format!("{one:?}"), format!("{other:?}"), "{shell:?}");
        }
        let Answer::Dir(dir) = &alone[10] else { panic!("a directory: {:?}", alone[10]) };
        assert_eq!(dir.entries.len(), 13, "{dir:?}");
    });
}

#[test]
fn short_texts_are_read_without_a_program_and_as_they_are() {
    each_shell(|shell, at| {
        let texts = [
            "-----BEGIN-----\n",
            "  {\"a\": 1}",
            "\n\n",
            "-n\n",
            "back\\slash \\\\ \\n\n\n",
            "trailing  \n ",
            "%s $HOME `id`\n",
        ];
        for (n, text) in texts.iter().enumerate() {
            fs::write(at.join(format!("f{n}")), text).unwrap();
        }
        let mut script = Script::new(BOUNDARY, &[]);
        let asks: Vec<Ask> = (0..texts.len())
            .map(|n| Ask::File(AskFile { path: path(at, &format!("f{n}")), limit: 1000 }))
            .collect();
        asks.iter().enumerate().for_each(|(id, ask)| script.answer(id, &ask.call().unwrap()));
        let text = format!("cat() {{ echo a program; }}\nR=''\n{}", script.text());
        let output = Command::new("timeout").arg("20").args(shell).arg("-c").arg(text).output().unwrap();
        let frames = script.read(&output.stdout);
        for (id, (ask, text)) in asks.iter().zip(texts).enumerate() {
            let answer = ask.decode(frames.get(id).unwrap(), &|_| None);
            let Answer::File(File { kind: FileKind::File(_, Some(content)), .. }) = &answer else {
                panic!("{shell:?}: {answer:?}")
            };
            assert_eq!(content, text.as_bytes(), "{shell:?}");
        }
    });
}

#[test]
fn nothing_that_waits_at_the_temporary_name_is_followed_or_removed() {
    each_shell(|shell, at| {
        let waiting = at.join(format!(".dtrctl-{}", &BOUNDARY[..12]));
        let refused = || {
            let frame = frame(shell, "", "", &write(&path(at, "x"), b"x"));
            assert_ne!(frame.status, 0, "{shell:?}");
            assert!(!at.join("x").exists() && waiting.symlink_metadata().is_ok(), "{shell:?}");
        };
        Command::new("mkfifo").arg(&waiting).status().unwrap();
        refused();
        fs::remove_file(&waiting).unwrap();
        symlink(at.join("evil"), &waiting).unwrap();
        refused();
        assert!(!at.join("evil").exists());
        fs::remove_file(&waiting).unwrap();
        fs::create_dir(&waiting).unwrap();
        refused();
    });
    figure("S7", "nothing_that_waits_at_the_temporary_name_is_followed_or_removed", "followed=0 of=9");
}

#[test]
fn names_and_contents_are_what_they_are() {
    let names = [
        "a b",
        "-rf",
        "'\"$(id)`id`\\",
        "*?[a]",
        "two\nlines\n\n",
        "ümläut \u{1f600}\n",
        "$R",
        ".dtrctl",
        "%s\\n%b",
    ];
    each_shell(|shell, at| {
        for name in names {
            let content = format!("{name}\0{name}\\0101\\c'\r\n\n");
            let frame = frame(shell, "", "", &write(&path(at, name), content.as_bytes()));
            assert_eq!(frame.status, 0, "{shell:?} {name:?} {frame:?}");
            assert_eq!(fs::read(at.join(name)).unwrap(), content.as_bytes(), "{shell:?} {name:?}");
            assert_eq!(fs::metadata(at.join(name)).unwrap().permissions().mode() & 0o7777, 0o640);
        }
        assert_eq!(fs::read_dir(at).unwrap().count(), names.len(), "{shell:?}");
    });
}

#[test]
fn a_short_disk_keeps_the_old_file_and_says_so() {
    each_shell(|shell, at| {
        // A file size limit is the full disk that needs no root.
        let call = write(&path(at, "x"), &vec![b'a'; 50_000]);
        let frame = frame(shell, "", "trap '' XFSZ; ulimit -f 8", &call);
        assert_eq!(frame.status, Frame::SHORT, "{shell:?} {frame:?}");
        assert_eq!(fs::read_dir(at).unwrap().count(), 0, "{shell:?}");
    });
}

#[test]
fn of_a_link_to_a_directory_the_link_is_removed() {
    each_shell(|shell, at| {
        fs::create_dir(at.join("real")).unwrap();
        symlink("real", at.join("link")).unwrap();
        assert_eq!(frame(shell, "", "", &Call::new("do_remove_dir").path(&path(at, "link"))).status, 0);
        assert!(at.join("real").is_dir() && at.join("link").symlink_metadata().is_err(), "{shell:?}");
    });
}

#[test]
fn no_link_leads_out_of_a_sandbox() {
    each_shell(|shell, at| {
        let (root, outside) = (at.join("root"), at.join("outside"));
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir(&outside).unwrap();
        symlink("..", root.join("up")).unwrap();
        symlink(&outside, root.join("etc/ssl")).unwrap();
        let inside = |text| HostPath::new(text).unwrap();
        let root = root.to_str().unwrap();
        let call = Call::new("do_set_mode").path(&inside("/up")).words(["0700", "-", "-"]);
        assert_eq!(frame(shell, root, "", &call).status, Frame::OUTSIDE, "{shell:?}");
        let call = Call::new("do_refresh")
            .path(&inside("/etc/ssl/bundle.crt"))
            .path(&inside("/etc"))
            .words(["", "", "true"]);
        assert_eq!(frame(shell, root, "", &call).status, Frame::OUTSIDE, "{shell:?}");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{shell:?}");
    });
}

#[test]
fn a_busybox_of_old_has_another_timeout() {
    each_shell(|shell, at| {
        let tool = at.join("timeout");
        fs::write(&tool, "#!/bin/sh\n[ \"$1\" = -t ] || exit 127\nshift 2\nexec \"$@\"\n").unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let before = format!("PATH={}:$PATH", at.display());
        assert_eq!(
            frame(shell, "", &before, &Call::new("bounded").words(["5", "true"])).status,
            0,
            "{shell:?}"
        );
        assert_eq!(
            frame(shell, "", &before, &Call::new("bounded").words(["5", "false"])).status,
            1,
            "{shell:?}"
        );
    });
}

#[test]
fn an_owner_that_is_given_keeps_the_mode() {
    each_shell(|shell, at| {
        fs::write(at.join("x"), "x").unwrap();
        fs::set_permissions(at.join("x"), fs::Permissions::from_mode(0o4711)).unwrap();
        let own = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let own = Account::new(own.trim()).unwrap();
        let call = Call::new("do_set_mode").path(&path(at, "x")).words(["-", own.as_str(), "-"]);
        assert_eq!(frame(shell, "", "", &call).status, 0, "{shell:?}");
        assert_eq!(fs::metadata(at.join("x")).unwrap().permissions().mode() & 0o7777, 0o4711, "{shell:?}");
    });
}

#[test]
fn shell_text_is_read_and_never_run() {
    each_shell(|shell, at| {
        let made = at.join("made");
        let fine = format!("EXTRA_ARGS='a\n--b $c `d`'\n: >'{}'\n", made.display());
        let (one, two) = ("do_check_syntax", "ask_syntax");
        let check = |text: &str| frame(shell, "", "", &Call::new(one).bytes(text.as_bytes())).status;
        assert_eq!(check(&fine), 0, "{shell:?}");
        let asked = |text: &str| frame(shell, "", "", &Call::new(two).bytes(text.as_bytes()));
        assert_eq!(asked(&fine).status, 0, "{shell:?}");
        for broken in ["A='open\n", "if true\n", "A=b\n)\n"] {
            assert_ne!(check(broken), 0, "{shell:?} {broken:?}");
        }
        assert!(!made.exists(), "{shell:?}");
    });
}

#[test]
fn the_hosts_resolver_is_asked_for_names_alone() {
    each_shell(|shell, _| {
        let answer = |host: &str| {
            let frame = frame(shell, "", "", &Call::new("ask_resolve").word(host));
            act_output(&frame.body).lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(answer("localhost").contains(&"resolves=yes".to_owned()), "{shell:?}");
        assert!(answer("localhost").iter().any(|line| line == "address=127.0.0.1" || line == "address=::1"));
        assert_eq!(answer("::1"), ["resolves=yes", "address=::1"], "{shell:?}");
        assert_eq!(answer("a..b"), ["resolves=no"], "{shell:?}");
    });
}
