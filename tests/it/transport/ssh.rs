//! A real sshd: how many sessions, how many connections, what is left over.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dtrctl::transport::{
    Cause, Destination, HostKeyChecking, HostKeyFault, Kept, Limits, Script, Ssh, Transport,
};
use rustix::process::{Pid, Signal, kill_process};

use super::{limits, login, script};
use crate::figure::figure;
use crate::sshd::{Sshd, eventually, free_port, keygen};

#[tokio::test]
async fn one_shell_reads_the_scripts_of_a_run() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    let begin = Instant::now();
    let output = transport
        .run("web1", &Script::login("echo hello; echo oops >&2; exit 127"), &limits())
        .await
        .unwrap();
    eprintln!("cold: {:?}", begin.elapsed());
    assert_eq!(
        (output.stdout.as_slice(), output.stderr_tail.as_str(), output.status),
        (&b"hello\n"[..], "oops\n", 127)
    );
    let begin = Instant::now();
    for _ in 0..20 {
        transport.run("web1", &script(&[login("echo a")]), &limits()).await.unwrap();
    }
    eprintln!("warm, one section: {:?} a run", begin.elapsed() / 20);
    let begin = Instant::now();
    for _ in 0..20 {
        transport.run("web1", &script(&[login("echo a"), login("echo b")]), &limits()).await.unwrap();
    }
    eprintln!("warm, two sections: {:?} a run", begin.elapsed() / 20);
    // The first has ended with a status, and its shell with it.
    assert_eq!((sshd.sessions(), sshd.logins()), (2, 1));
    sshd.pool.close_all().await;
    assert!(
        eventually(2, || sshd.sockets().is_empty() && sshd.processes().is_empty()),
        "{:?}",
        sshd.processes()
    );
}

#[tokio::test]
async fn a_shell_that_has_ended_meanwhile_is_replaced() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    let run = async |text: &str| {
        let output = transport.run("web1", &Script::login(text), &limits()).await.unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let first = run("echo $$").await;
    assert_eq!(run("echo $$").await, first, "one shell reads both");
    for signal in ["TERM", "KILL"] {
        // As an administrator, or a limit of the host's, may end it while nobody looks.
        let shell = run("echo $$").await;
        assert!(std::process::Command::new("kill").args(["-s", signal, &shell]).status().unwrap().success());
        let next = run("echo $$").await;
        assert_ne!(next, shell, "{signal}");
    }
    assert_eq!((sshd.sessions(), sshd.logins()), (3, 1));
}

#[tokio::test]
async fn a_connection_that_is_lost_while_a_shell_waits_is_made_anew() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    let limits = dtrctl::transport::Limits { connect: Duration::from_secs(2), ..limits() };
    let run = async || transport.run("web1", &Script::login("echo a"), &limits).await.unwrap();
    run().await;
    // The master dies, and is heard to.
    let signal = |pid, signal| kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    signal(sshd.masters()[0], Signal::KILL);
    tokio::time::sleep(Duration::from_millis(200)).await;
    run().await;
    assert_eq!((sshd.sessions(), sshd.logins()), (2, 2));
    // It says nothing any more, as where the host was switched off.
    let silent = sshd.masters();
    silent.iter().for_each(|pid| signal(*pid, Signal::STOP));
    tokio::time::sleep(Duration::from_secs(6)).await;
    run().await;
    assert_eq!((sshd.sessions(), sshd.logins()), (3, 3));
    silent.iter().for_each(|pid| signal(*pid, Signal::KILL));
    // One that has waited for long and is there goes on.
    tokio::time::sleep(Duration::from_secs(6)).await;
    run().await;
    assert_eq!((sshd.sessions(), sshd.logins()), (3, 3));
}

#[tokio::test]
async fn nothing_of_a_script_is_left_for_the_next_one() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    let run = async |script: &Script| transport.run("web1", script, &limits()).await.unwrap();
    run(&Script::login("cd /; x=1; export x; umask 0777; set -u; trap 'echo trap' EXIT; echo err >&2; cat"))
        .await;
    run(&script(&[login("x=2; export x"), login("cat; umask 0777; cd /tmp")])).await;
    let look = "echo \"${x-none}\"; pwd; umask; set | grep -c '^m[0-9a-f]*=\\|^m[0-9a-f]* ('; echo more >&2";
    let output = run(&Script::login(look)).await;
    let home = std::env::var("HOME").unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with(&format!("none\n{home}\n00")), "{said}");
    assert!(!said.contains("0777") && said.ends_with("\n0\n"), "{said}");
    assert_eq!(output.stderr_tail, "more\n");
    assert_eq!(sshd.sessions(), 1);
}

#[tokio::test]
async fn the_next_run_of_dtrctl_rides_on() {
    let Some(sshd) = Sshd::start() else { return };
    let script = Script::login("echo a");
    sshd.transport().run("web1", &script, &limits()).await.unwrap();
    sshd.pool.finish().await;
    let other = Transport::Ssh(Ssh::new(sshd.another_pool(), sshd.destination()));
    other.run("web1", &script, &limits()).await.unwrap();
    assert_eq!((sshd.sessions(), sshd.logins()), (2, 1));
}

#[tokio::test]
async fn two_runs_at_once_start_one_master() {
    let Some(sshd) = Sshd::start() else { return };
    let script = Script::login("echo a");
    let limits = limits();
    let other = Transport::Ssh(Ssh::new(sshd.another_pool(), sshd.destination()));
    let (ours, again) = (sshd.transport(), sshd.transport());
    let (a, b, c) = tokio::join!(
        ours.run("a", &script, &limits),
        other.run("b", &script, &limits),
        again.run("c", &script, &limits)
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!((sshd.sessions(), sshd.logins()), (3, 1));
}

#[tokio::test]
async fn closing_waits_for_the_scripts_of_another_run() {
    let Some(sshd) = Sshd::start() else { return };
    sshd.transport().run("web1", &Script::login(""), &limits()).await.unwrap();
    let other = Transport::Ssh(Ssh::new(sshd.another_pool(), sshd.destination()));
    let (script, limits) = (Script::login("sleep 1; echo a"), limits());
    let close = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        sshd.pool.close_all().await;
    };
    let (output, ()) = tokio::join!(other.run("web1", &script, &limits), close);
    assert_eq!((output.unwrap().stdout, sshd.logins()), (b"a\n".to_vec(), 1));
    assert!(
        eventually(2, || sshd.sockets().is_empty() && sshd.processes().is_empty()),
        "{:?}",
        sshd.processes()
    );
}

#[tokio::test]
async fn not_kept_means_gone_at_the_end() {
    let Some(sshd) = Sshd::start() else { return };
    let mut destination = sshd.destination();
    destination.persist = Duration::ZERO;
    let transport = sshd.to(destination);
    for _ in 0..2 {
        transport.run("web1", &Script::login(""), &limits()).await.unwrap();
    }
    assert_eq!(sshd.logins(), 1);
    sshd.pool.finish().await;
    assert!(
        eventually(2, || sshd.sockets().is_empty() && sshd.processes().is_empty()),
        "{:?}",
        sshd.processes()
    );
}

#[tokio::test]
async fn beyond_the_bound_the_one_that_was_idle_longest_is_closed() {
    let Some(sshd) = Sshd::start() else { return };
    let pool = sshd.pool_of(2);
    // Each with a connection of its own.
    let hosts: Vec<_> = (0..3)
        .map(|n| {
            let persist = Duration::from_secs(60 + n);
            let destination = Destination { persist, ..sshd.destination() };
            Transport::Ssh(Ssh::new(Arc::clone(&pool), destination))
        })
        .collect();
    let (script, limits) = (Script::login(""), limits());
    // The first is the one that was used last before there is a third.
    for host in [0, 1, 0] {
        hosts[host].run("web1", &script, &limits).await.unwrap();
    }
    assert_eq!(pool.settle().await, Kept { open: 2, closed: 0 });
    hosts[2].run("web1", &script, &limits).await.unwrap();
    assert_eq!(pool.settle().await, Kept { open: 2, closed: 1 });
    assert!(eventually(2, || sshd.masters().len() == 2), "{:?}", sshd.masters());
    hosts[0].run("web1", &script, &limits).await.unwrap();
    assert_eq!(sshd.logins(), 3, "the first still has its connection");
    // All three are used at once: no more than two stay.
    let [a, b, c] = &hosts[..] else { panic!("three hosts") };
    let all = tokio::join!(
        a.run("a", &script, &limits),
        b.run("b", &script, &limits),
        c.run("c", &script, &limits)
    );
    assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok());
    assert_eq!(pool.settle().await, Kept { open: 2, closed: 2 });
    assert_eq!(sshd.logins(), 4);
    pool.close_all().await;
}

#[tokio::test]
async fn a_kept_master_ends_by_itself() {
    let Some(sshd) = Sshd::start() else { return };
    let mut destination = sshd.destination();
    // Long enough for a busy machine to come from the login to the session: a master that waits longer has ended.
    destination.persist = Duration::from_secs(4);
    sshd.to(destination).run("web1", &Script::login(""), &limits()).await.unwrap();
    sshd.pool.finish().await;
    assert!(
        eventually(20, || sshd.sockets().is_empty() && sshd.processes().is_empty()),
        "{:?}",
        sshd.processes()
    );
}

#[tokio::test]
async fn a_dead_socket_is_replaced_before_a_byte_is_sent() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    transport.run("web1", &Script::login("echo a"), &limits()).await.unwrap();
    let socket = sshd.sockets().pop().unwrap();
    sshd.pool.close_all().await;
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let output = transport.run("web1", &Script::login("echo b"), &limits()).await.unwrap();
    assert_eq!((output.stdout.as_slice(), sshd.sessions(), sshd.logins()), (&b"b\n"[..], 2, 2));
}

#[tokio::test]
async fn a_master_that_does_not_answer_is_replaced() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    transport.run("web1", &Script::login("echo a"), &limits()).await.unwrap();
    let socket = sshd.sockets().pop().unwrap();
    sshd.pool.close_all().await;
    let _mute = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let limits = dtrctl::transport::Limits { connect: Duration::from_secs(2), ..limits() };
    let output = transport.run("web1", &Script::login("echo b"), &limits).await.unwrap();
    assert_eq!(output.stdout, b"b\n");
}

#[tokio::test]
async fn an_emptied_known_hosts_does_not_ride_the_old_socket() {
    let Some(sshd) = Sshd::start() else { return };
    sshd.transport().run("web1", &Script::login(""), &limits()).await.unwrap();
    fs::write(sshd.path("known_hosts"), "").unwrap();
    let error = sshd.transport().run("web1", &Script::login(""), &limits()).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::HostKey { fault: HostKeyFault::Unknown, .. }), "{error}");
    assert_eq!((sshd.sessions(), sshd.logins()), (1, 1));
}

#[tokio::test]
async fn a_new_host_is_accepted_by_choice_and_then_known() {
    let Some(sshd) = Sshd::start() else { return };
    fs::write(sshd.path("known_hosts"), "").unwrap();
    let mut destination = sshd.destination();
    destination.host_key_checking = HostKeyChecking::AcceptNew;
    let transport = sshd.to(destination);
    for _ in 0..3 {
        transport.run("web1", &Script::login(""), &limits()).await.unwrap();
        transport.rest();
    }
    assert_eq!((sshd.sessions(), sshd.logins()), (3, 1));
    assert!(!fs::read_to_string(sshd.path("known_hosts")).unwrap().is_empty());
}

#[tokio::test]
async fn another_key_stops_whatever_the_policy() {
    let Some(sshd) = Sshd::start() else { return };
    keygen(&sshd.path("stranger"));
    let stranger = fs::read_to_string(sshd.path("stranger.pub")).unwrap();
    let ours = fs::read_to_string(sshd.path("host.pub")).unwrap();
    let cases = [
        (format!("* {stranger}"), HostKeyChecking::Strict, HostKeyFault::Changed),
        (format!("* {stranger}"), HostKeyChecking::AcceptNew, HostKeyFault::Changed),
        (format!("@revoked * {ours}"), HostKeyChecking::AcceptNew, HostKeyFault::Revoked),
        (format!("@cert-authority * {stranger}"), HostKeyChecking::Strict, HostKeyFault::Unknown),
    ];
    for (known, policy, expected) in cases {
        fs::write(sshd.path("known_hosts"), &known).unwrap();
        let mut destination = sshd.destination();
        destination.host_key_checking = policy;
        let error =
            sshd.to(destination).run("web1", &Script::login("echo payload"), &limits()).await.unwrap_err();
        assert!(
            matches!(*error.cause, Cause::HostKey { fault, .. } if fault == expected),
            "{known}: {error}"
        );
        assert!(!error.may_have_started());
    }
    assert_eq!((sshd.sessions(), sshd.logins()), (0, 0));
    figure("S5", "another_key_stops_whatever_the_policy", "logins=0 of=4");
}

#[tokio::test]
async fn errors_have_types_and_a_command_to_try() {
    let Some(sshd) = Sshd::start() else { return };
    keygen(&sshd.path("other"));
    let mut wrong_key = sshd.destination();
    wrong_key.key = Some(sshd.path("other"));
    let error = sshd.to(wrong_key).run("web1", &Script::login(""), &limits()).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::Authentication { .. }), "{error}");
    assert!(error.to_string().contains(&format!("-p {} -- 127.0.0.1 true`", sshd.port)), "{error}");
    let mut nobody_there = sshd.destination();
    nobody_there.port = Some(free_port());
    let error = sshd.to(nobody_there).run("web1", &Script::login(""), &limits()).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::Tcp { .. }), "{error}");
    let mut nameless = sshd.destination();
    nameless.address = "nothing-like-this.invalid".into();
    let error = sshd.to(nameless).run("web1", &Script::login(""), &limits()).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::Dns { .. }), "{error}");
}

#[tokio::test]
async fn a_login_without_a_shell() {
    let Some(sshd) = Sshd::with("ForceCommand echo This account is not available; exit 1") else { return };
    let error = sshd.transport().run("web1", &Script::login("echo a"), &limits()).await.unwrap_err();
    let Cause::Shell { status: 1, detail } = &*error.cause else { panic!("{error}") };
    assert_eq!(detail, "This account is not available");
}

#[tokio::test]
async fn a_killed_shell_is_not_a_lost_connection() {
    let Some(sshd) = Sshd::start() else { return };
    for text in ["echo a; kill -9 $$; sleep 1", "echo a; kill -9 0"] {
        let error = sshd.transport().run("web1", &Script::login(text), &limits()).await.unwrap_err();
        assert!(matches!(*error.cause, Cause::Ended { section: 1, .. }), "{error}");
        assert!(error.may_have_started() && error.partial == b"a\n");
    }
    let sections = [login("echo a"), login("kill -9 $$; sleep 1")];
    let error = sshd.transport().run("web1", &script(&sections), &limits()).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::Ended { section: 2, .. }), "{error}");
}

#[tokio::test]
async fn a_killed_server_is_a_lost_connection() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    let text = "echo a; p=$$\nwhile :; do case $(cat /proc/$p/comm) in sshd*) break;; esac\n\
                p=$(cut -d ' ' -f 4 /proc/$p/stat); done; kill -9 $p; sleep 1";
    let script = Script::login(text);
    let error = transport.run("web1", &script, &limits()).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::Cut { may_have_started: true, .. }), "{error}");
    transport.run("web1", &Script::login("echo a"), &limits()).await.unwrap();
    assert_eq!(sshd.logins(), 2);
}

#[tokio::test]
async fn a_talkative_login_does_not_disturb() {
    let noisy =
        "ForceCommand echo 'Welcome!'; echo hi >&2; printf 'no newline'; eval \"$SSH_ORIGINAL_COMMAND\"";
    let Some(sshd) = Sshd::with(noisy) else { return };
    let output = sshd.transport().run("web1", &Script::login("echo a"), &limits()).await.unwrap();
    assert_eq!(output.stdout, b"a\n");
}

#[tokio::test]
async fn a_login_that_waits_for_the_end_of_its_input_gets_it() {
    let keeps = "ForceCommand echo 'Kept.'; f=$(mktemp); cat >$f; $SSH_ORIGINAL_COMMAND <$f; rm $f";
    let Some(sshd) = Sshd::with(keeps) else { return };
    let transport = sshd.transport();
    transport.connect("web1", &limits()).await.unwrap();
    let run = async |text: &str, connect| {
        let limits = Limits { connect: Duration::from_secs(connect), ..limits() };
        transport.run("web1", &Script::login(text), &limits).await.unwrap().stdout
    };
    assert_eq!(run("echo a", 1).await, b"a\n");
    // From then on it is not waited for.
    assert_eq!(run("echo b", 3600).await, b"b\n");
    assert_eq!((sshd.sessions(), sshd.logins()), (2, 1));
}

#[tokio::test]
async fn whatever_the_login_shell_is() {
    for shell in ["tcsh", "fish", "zsh", "busybox sh", "bash", "mksh"] {
        let program = shell.split(' ').next().unwrap();
        if !["/bin", "/usr/bin"].iter().any(|dir| std::path::Path::new(dir).join(program).exists()) {
            eprintln!("skipped: no {program}");
            continue;
        }
        let Some(sshd) = Sshd::with(&format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\""))
        else {
            return;
        };
        let output = sshd
            .transport()
            .run("web1", &script(&[login("echo a"), login("echo b")]), &limits())
            .await
            .unwrap();
        assert_eq!(output.stdout, b"a\nb\n", "{shell}");
    }
}

#[tokio::test]
async fn sessions_beyond_max_sessions_wait() {
    let Some(sshd) = Sshd::with("MaxSessions 2") else { return };
    let transport = Arc::new(sshd.transport());
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let transport = Arc::clone(&transport);
        runs.spawn(async move { transport.run("web1", &Script::login("sleep 0.2"), &limits()).await });
    }
    for done in runs.join_all().await {
        done.unwrap();
    }
    assert_eq!(sshd.logins(), 1);
}

#[tokio::test]
async fn through_jump_hosts() {
    let Some(sshd) = Sshd::start() else { return };
    let key = format!("IdentityFile {}\n", sshd.path("user").display());
    let config = fs::read_to_string(sshd.path("ssh_config")).unwrap() + &key;
    fs::write(sshd.path("ssh_config"), &config).unwrap();
    let hop = format!("127.0.0.1:{}", sshd.port);
    for jump in [hop.clone(), format!("{hop},{hop}")] {
        let mut destination = sshd.destination();
        destination.jump = Some(jump);
        let output = sshd.to(destination).run("web1", &Script::login("echo a"), &limits()).await.unwrap();
        assert_eq!(output.stdout, b"a\n");
    }
    assert_eq!((sshd.sessions(), sshd.logins()), (2, 5));
    fs::write(
        sshd.path("ssh_config"),
        format!("Host web1\nHostName localhost\nProxyJump {hop}\nHost *\n{config}"),
    )
    .unwrap();
    let mut alias = sshd.destination();
    alias.address = "web1".into();
    sshd.to(alias).run("web1", &Script::login("echo a"), &limits()).await.unwrap();
    assert_eq!((sshd.sessions(), sshd.logins()), (3, 7));
}

#[tokio::test]
async fn a_jump_host_s_own_fault_is_named() {
    let Some(sshd) = Sshd::start() else { return };
    let mut destination = sshd.destination();
    destination.jump = Some(format!("127.0.0.1:{}", free_port()));
    let error = sshd.to(destination).run("web1", &Script::login(""), &limits()).await.unwrap_err();
    let Cause::Tcp { detail } = &*error.cause else { panic!("{error}") };
    assert!(detail.contains("Connection refused"), "{detail}");
}

#[tokio::test]
async fn idle_masters_are_bounded() {
    let Some(sshd) = Sshd::start() else { return };
    let pool = sshd.pool_of(2);
    for number in 0..5 {
        let mut destination = sshd.destination();
        destination.options = vec![("ConnectionAttempts".into(), format!("{}", number + 1))];
        let transport = Transport::Ssh(Ssh::new(Arc::clone(&pool), destination));
        transport.run("web1", &Script::login(""), &limits()).await.unwrap();
    }
    assert!(eventually(2, || sshd.sockets().len() == 2), "{:?}", sshd.sockets());
    pool.close_all().await;
}

#[tokio::test]
async fn a_connection_that_is_held_is_not_idle() {
    let Some(sshd) = Sshd::start() else { return };
    let pool = sshd.pool_of(1);
    let to = |seconds| {
        let destination = Destination { persist: Duration::from_secs(seconds), ..sshd.destination() };
        Transport::Ssh(Ssh::new(Arc::clone(&pool), destination))
    };
    let (first, second) = (to(60), to(61));
    let (script, limits) = (Script::login(""), limits());
    first.run("web1", &script, &limits).await.unwrap();
    let held = first.hold();
    for _ in 0..2 {
        second.run("web1", &script, &limits).await.unwrap();
        first.run("web1", &script, &limits).await.unwrap();
    }
    // The other one has to make room each time, and this one never does.
    assert_eq!((sshd.logins(), pool.settle().await), (3, Kept { open: 1, closed: 2 }));
    drop(held);
    second.run("web1", &script, &limits).await.unwrap();
    first.run("web1", &script, &limits).await.unwrap();
    assert_eq!(sshd.logins(), 5);
    pool.close_all().await;
}

#[tokio::test]
async fn dropping_a_run_leaves_the_master_only() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    let script = Script::login("sleep 3");
    let long = super::Limits::default();
    let run = transport.run("web1", &script, &long);
    assert!(tokio::time::timeout(Duration::from_millis(1500), run).await.is_err());
    assert_eq!(sshd.processes().len(), 1, "{:?}", sshd.processes());
    transport.run("web1", &Script::login("echo a"), &limits()).await.unwrap();
    assert_eq!(sshd.logins(), 1);
}

#[tokio::test]
async fn eight_mebibytes_of_script() {
    let Some(sshd) = Sshd::start() else { return };
    let transport = sshd.transport();
    transport.run("web1", &Script::login(""), &limits()).await.unwrap();
    let line = ": 'abcdefghijklmnopqrstuvwxyz0123456789+/ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'\n";
    let text = line.repeat((8 << 20) / line.len()) + "echo done";
    for sections in [vec![login(&text)], vec![login(""), login(&text)]] {
        let (count, begin) = (sections.len(), Instant::now());
        let output = transport.run("web1", &script(&sections), &limits()).await.unwrap();
        eprintln!("8 MiB through ssh, {count} section(s): {:?}", begin.elapsed());
        assert_eq!(output.stdout, b"done\n");
    }
}
