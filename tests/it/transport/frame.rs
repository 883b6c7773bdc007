//! What the frame around a script promises, under each shell that a host may have.

use std::path::Path;
use std::time::{Duration, Instant};

use dtrctl::transport::{
    Cause, Identity, Limits, Output, Phase, Sandbox, Script, Section, Transport, TransportError,
};
use tempfile::TempDir;

use super::{limits, login, script, word};
use crate::sshd::processes;

const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

/// Each shell that is installed, in a sandbox of its own; the missing ones are named.
fn sandboxes() -> Vec<(TempDir, Transport)> {
    let installed = |shell: &&&[&str]| {
        let found = ["/bin", "/usr/bin"].iter().any(|dir| Path::new(dir).join(shell[0]).exists());
        if !found {
            eprintln!("skipped: no {}", shell[0]);
        }
        found
    };
    SHELLS
        .iter()
        .filter(installed)
        .map(|shell| {
            let root = tempfile::tempdir().unwrap();
            let shell = shell.iter().map(|word| (*word).to_owned()).collect();
            let sandbox = Sandbox { root: root.path().to_owned(), shell };
            (root, Transport::Sandbox(sandbox))
        })
        .collect()
}

async fn run(transport: &Transport, script: &Script, limits: &Limits) -> Result<Output, TransportError> {
    transport.run("box", script, limits).await
}

#[tokio::test]
async fn output_status_and_stderr() {
    for (_root, transport) in sandboxes() {
        let text = "printf 'a\\000b\\n\\n'; echo oops >&2; exit 7";
        let output = run(&transport, &Script::login(text), &limits()).await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.status), (&b"a\0b\n\n"[..], 7));
        assert_eq!(output.stderr_tail, "oops\n");
    }
}

#[tokio::test]
async fn sections_keep_order_and_share_nothing() {
    for (root, transport) in sandboxes() {
        let sections = [
            login("x=1; printf %s \"$R\"; cd /; umask 0"),
            Section {
                identity: Identity::User("nobody-like-this".into()),
                text: "printf \"|${x-unset}|\"; pwd".into(),
                functions: Vec::new(),
                is_quick: false,
            },
        ];
        let output = run(&transport, &script(&sections), &limits()).await.unwrap();
        let root = root.path().display();
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{root}|unset|{root}\n"));
    }
}

#[tokio::test]
async fn the_first_failure_ends_the_script() {
    for (_root, transport) in sandboxes() {
        let output =
            run(&transport, &script(&[login("echo a"), login("(exit 3)"), login("echo c")]), &limits())
                .await
                .unwrap();
        assert_eq!((output.stdout.as_slice(), output.status), (&b"a\n"[..], 3));
        let output = run(&transport, &script(&[login("exit 1"), login("echo c")]), &limits()).await.unwrap();
        assert_eq!((output.stdout.as_slice(), output.status), (&b""[..], 1));
    }
}

#[tokio::test]
async fn a_syntax_error_stays_in_its_section() {
    for (_root, transport) in sandboxes() {
        for text in ["if then", "echo )", "'", "${", "done; esac; }", "exec nothing-like-this"] {
            let output =
                run(&transport, &script(&[login(text), login("echo never")]), &limits()).await.unwrap();
            assert!(output.status != 0 && output.stdout.is_empty(), "{text}: {output:?}");
        }
    }
}

#[tokio::test]
async fn nothing_of_the_frame_can_be_seen() {
    for (_root, transport) in sandboxes() {
        let text = "wait; read -r line; set; env; cat; echo \"[${t-}${s-}${l-}${n-}]\"; echo done";
        for sections in [vec![login(text)], vec![login(text), login("")]] {
            let output = run(&transport, &script(&sections), &limits()).await.unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.ends_with("[]\ndone\n"), "{text}");
            assert!(!text.contains("unset n l s t") && !text.contains(" start"), "{text}");
        }
    }
}

#[tokio::test]
async fn every_ascii_byte_arrives() {
    let bytes: String = (1..=127_u8).map(char::from).collect();
    for (_root, transport) in sandboxes() {
        for sections in [1, 2] {
            let text = format!("printf %s {}", word(&bytes));
            let sections = vec![login(&text); sections];
            let output = run(&transport, &script(&sections), &limits()).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), bytes.repeat(sections.len()));
        }
    }
}

#[tokio::test]
async fn a_deadline_ends_the_whole_group() {
    for (_root, transport) in sandboxes() {
        let begin = Instant::now();
        let limits = Limits { task: Duration::from_secs(1), ..Limits::default() };
        let error = run(&transport, &Script::login("echo begun; sleep 4321 & sleep 4321"), &limits)
            .await
            .unwrap_err();
        assert!(matches!(*error.cause, Cause::Timeout { phase: Phase::Script, seconds: 1 }), "{error}");
        assert_eq!(error.partial, b"begun\n");
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
        assert!(crate::sshd::eventually(3, || !processes().iter().any(|p| p.contains("sleep 4321"))));
    }
}

#[tokio::test]
async fn a_finished_script_leaves_no_watchdog() {
    for (_root, transport) in sandboxes() {
        let limits = Limits { task: Duration::from_secs(8765), ..Limits::default() };
        run(&transport, &script(&[login("sleep 0.1"), login("")]), &limits).await.unwrap();
        run(&transport, &Script::login(""), &limits).await.unwrap();
        assert!(crate::sshd::eventually(2, || !processes().iter().any(|p| p.contains("sleep 87"))));
    }
}

#[tokio::test]
async fn dropping_a_run_ends_its_processes() {
    for (_root, transport) in sandboxes() {
        let script = Script::login("sleep 5432");
        let limits = Limits::default();
        let run = transport.run("box", &script, &limits);
        assert!(tokio::time::timeout(Duration::from_millis(300), run).await.is_err());
        assert!(crate::sshd::eventually(2, || !processes().iter().any(|p| p.contains("sleep 5432"))));
    }
}

#[tokio::test]
async fn who_is_left_in_the_background_is_not_waited_for() {
    for (_root, transport) in sandboxes() {
        let begin = Instant::now();
        let output = run(&transport, &Script::login("echo a; sleep 5 &"), &limits()).await.unwrap();
        assert_eq!(output.stdout, b"a\n");
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn too_much_output_is_cut_off() {
    for (_root, transport) in sandboxes() {
        let limits = Limits { max_output: 1 << 20, ..limits() };
        let error = run(&transport, &Script::login("yes"), &limits).await.unwrap_err();
        assert!(matches!(*error.cause, Cause::TooMuchOutput { limit } if limit == 1 << 20), "{error}");
        let noisy = "i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; i=$((i+1)); done; echo end >&2";
        let output = run(&transport, &Script::login(noisy), &limits).await.unwrap();
        assert!(output.stderr_tail.len() <= 8 << 10 && output.stderr_tail.ends_with("end\n"));
    }
}

#[tokio::test]
async fn eight_mebibytes_of_script() {
    let line = ": 'abcdefghijklmnopqrstuvwxyz0123456789+/ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'\n";
    let text = line.repeat((8 << 20) / line.len()) + "echo done";
    for (_root, transport) in sandboxes() {
        for sections in [vec![login(&text)], vec![login(""), login(&text)]] {
            let (count, begin) = (sections.len(), Instant::now());
            let output = run(&transport, &script(&sections), &limits()).await.unwrap();
            eprintln!("8 MiB, {count} section(s): {:?}", begin.elapsed());
            assert_eq!(output.stdout, b"done\n");
            // Quadratic reading would take minutes; the machine may be busy.
            assert!(begin.elapsed() < Duration::from_secs(60));
        }
    }
}
