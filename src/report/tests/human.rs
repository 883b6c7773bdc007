//! What a reader sees of a run.

use modules::{Change, Level, Run};

use super::story::events;
use super::*;

#[test]
fn a_check_shows_what_would_change() {
    let (out, err) = printed(look(80, DiffMode::Grouped), &events(true));
    insta::assert_snapshot!(err, @"
    warning: inventory.yml:4: `ansible_sudo_pass` is an old name; write
      `ansible_become_password`
    ");
    insta::assert_snapshot!(out, @r#"
    check of playbooks/trust-registry.yml: nothing is changed · run 20261124-a1b2

    play trust the registry · 7 hosts: web[1:6],db1
      unreachable   web[5:6]
          `web5` does not answer on port 22 within 10 s (the others alike)

      ok            fetch the registry's certificate · web[1:4],db1
          the registry sends 2 certificates; `CN=registry.corp.ca` is installed,
          valid until 2035-12-30
          warning: the leaf expires in 20 days, on 2026-12-14; renew it, or trust
            its root

      ok            install its anchor · db1
      would change  install its anchor · web[1:3]
          new file mode 0644
          --- (absent)
          +++ /etc/docker/certs.d/dtr.corp:5000/dtrctl-1a2b3c4d.crt
          @@ -0,0 +1,4 @@
          +-----BEGIN CERTIFICATE-----
          +MIIBszCCAVmgAwIBAgIUO0bRrJqUe5vC3p1rYp0uY2b1c2MwCgYIKoZIzj0EAwIw
          +GjEYMBYGA1UEAwwPcmVnaXN0cnkuY29ycC5jYTAeFw0yNjAxMDEwMDAwMDBaFw0z
          +-----END CERTIFICATE-----
      failed        install its anchor · web4
          `/etc/docker/certs.d` is no directory
          playbooks/trust-registry.yml:31:9
           31 |       - install_anchor:
              |         ^^^^^^^^^^^^^^
          help: move it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`

      skipped       let old hosts talk to it insecurely · db1
          `old_docker` does not hold
      would change  let old hosts talk to it insecurely · web[1:3]
          --- /etc/docker/daemon.json
          +++ /etc/docker/daemon.json
          @@ -1,6 +1,7 @@
           {
             "log-driver": "journald",
             "insecure-registries": [
          -    "old.corp"
          +    "old.corp",
          +    "dtr.corp:5000"
             ]
           }
          owe the daemon a reload: `insecure-registries` has changed
          (as on `web1`; the lines around the change differ on others)

      would change  handler: reload docker · web[1:3]
          reload the docker daemon: `insecure-registries` in daemon.json is not what
          the daemon has

      ok            pull an image · db1
      unknown       pull an image · web[1:3]
          run docker pull dtr.corp:5000/hello
          depends on apply: what a command does is known only when it has run

    recap (check: nothing was changed)
      ok           1  db1
                      tasks: 3 ok, 1 skipped · 1 trip
          owed: a restart of docker: a removed anchor is still trusted; permit it
            with `-e restart=true`
      unknown      3  web[1:3]
                      tasks: 1 ok, 3 would change, 1 unknown · 2-3 trips
      unreachable  2  web[5:6]
          `web5` does not answer on port 22 within 10 s (the others alike)
            help: try `ssh -o ConnectTimeout=10 -- admin@web5.corp.example.com true`
      failed       1  web4
                      tasks: 1 ok, 1 failed · 2 trips
          at `install its anchor`: `/etc/docker/certs.d` is no directory
            help: move it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`

    exit status 3: a host failed
    drift=3 owed=1 unknown=0 unreachable=2 failed=1 not_attempted=0 as_desired=0
    "#);
}

#[test]
fn an_apply_says_what_it_changed() {
    insta::assert_snapshot!(printed(look(120, DiffMode::None), &events(false)).0, @"
    apply playbooks/trust-registry.yml · run 20261124-a1b2

    play trust the registry · 7 hosts: web[1:6],db1
      unreachable  web[5:6]
          `web5` does not answer on port 22 within 10 s (the others alike)

      ok           fetch the registry's certificate · web[1:4],db1
          the registry sends 2 certificates; `CN=registry.corp.ca` is installed, valid until 2035-12-30
          warning: the leaf expires in 20 days, on 2026-12-14; renew it, or trust its root

      ok           install its anchor · db1
      changed      install its anchor · web[1:3]
          create /etc/docker/certs.d/dtr.corp:5000/dtrctl-1a2b3c4d.crt
      failed       install its anchor · web4
          `/etc/docker/certs.d` is no directory
          playbooks/trust-registry.yml:31:9
           31 |       - install_anchor:
              |         ^^^^^^^^^^^^^^
          help: move it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`

      skipped      let old hosts talk to it insecurely · db1
          `old_docker` does not hold
      changed      let old hosts talk to it insecurely · web[1:3]
          change /etc/docker/daemon.json
          owe the daemon a reload: `insecure-registries` has changed

      changed      handler: reload docker · web[1:3]
          reload the docker daemon: `insecure-registries` in daemon.json is not what the daemon has

      ok           pull an image · db1
      changed      pull an image · web[1:3]
          run docker pull dtr.corp:5000/hello

    recap
      ok           1  db1
                      tasks: 3 ok, 1 skipped · 1 trip
          owed: a restart of docker: a removed anchor is still trusted; permit it with `-e restart=true`
      changed      3  web[1:3]
                      tasks: 1 ok, 4 changed · 2-3 trips
      unreachable  2  web[5:6]
          `web5` does not answer on port 22 within 10 s (the others alike)
            help: try `ssh -o ConnectTimeout=10 -- admin@web5.corp.example.com true`
      failed       1  web4
                      tasks: 1 ok, 1 failed · 2 trips
          at `install its anchor`: `/etc/docker/certs.d` is no directory
            help: move it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`

    exit status 3: a host failed
    ");
}

#[test]
fn every_colour_stands_beside_its_word() {
    let mut events = events(true);
    events.retain(|event| !matches!(event, Event::TaskFinished { host, .. } | Event::Planned { host, .. } if host == "web2" || host == "web3"));
    let look = Look { colour: true, width: Some(100), diff: DiffMode::Grouped, results: false };
    let (out, err) = printed(look, &events);
    insta::assert_snapshot!(format!("{err}{out}").replace('\x1b', "^"), @r#"
    ^[33mwarning: ^[0minventory.yml:4: `ansible_sudo_pass` is an old name; write `ansible_become_password`
    ^[2mcheck of playbooks/trust-registry.yml: nothing is changed · run 20261124-a1b2^[0m

    ^[1mplay ^[0m^[1mtrust the registry^[0m^[2m · ^[0m7 hosts: web[1:6],db1
      ^[1m^[31munreachable   ^[0mweb[5:6]
          `web5` does not answer on port 22 within 10 s (the others alike)

      ^[32mok            ^[0mfetch the registry's certificate^[2m · ^[0mweb1,web4,db1
          the registry sends 2 certificates; `CN=registry.corp.ca` is installed, valid until 2035-12-30
          ^[33mwarning: ^[0mthe leaf expires in 20 days, on 2026-12-14; renew it, or trust its root

      ^[32mok            ^[0minstall its anchor^[2m · ^[0mdb1
      ^[33mwould change  ^[0minstall its anchor^[2m · ^[0mweb1
          new file mode 0644
          ^[1m--- (absent)^[0m
          ^[1m+++ /etc/docker/certs.d/dtr.corp:5000/dtrctl-1a2b3c4d.crt^[0m
          ^[36m@@ -0,0 +1,4 @@^[0m
          ^[32m+-----BEGIN CERTIFICATE-----^[0m
          ^[32m+MIIBszCCAVmgAwIBAgIUO0bRrJqUe5vC3p1rYp0uY2b1c2MwCgYIKoZIzj0EAwIw^[0m
          ^[32m+GjEYMBYGA1UEAwwPcmVnaXN0cnkuY29ycC5jYTAeFw0yNjAxMDEwMDAwMDBaFw0z^[0m
          ^[32m+-----END CERTIFICATE-----^[0m
      ^[1m^[31mfailed        ^[0minstall its anchor^[2m · ^[0mweb4
          `/etc/docker/certs.d` is no directory
          ^[2mplaybooks/trust-registry.yml:31:9^[0m
          ^[2m 31 |       - install_anchor:^[0m
          ^[2m    |         ^^^^^^^^^^^^^^^[0m
          ^[36mhelp: ^[0mmove it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`

      ^[2mskipped       ^[0mlet old hosts talk to it insecurely^[2m · ^[0mdb1
          ^[2m`old_docker` does not hold^[0m
      ^[33mwould change  ^[0mlet old hosts talk to it insecurely^[2m · ^[0mweb1
          ^[1m--- /etc/docker/daemon.json^[0m
          ^[1m+++ /etc/docker/daemon.json^[0m
          ^[36m@@ -1,6 +1,7 @@^[0m
           {
             "log-driver": "journald",
             "insecure-registries": [
          ^[31m-    "old.corp"^[0m
          ^[32m+    "old.corp",^[0m
          ^[32m+    "dtr.corp:5000"^[0m
             ]
           }
          owe the daemon a reload: `insecure-registries` has changed

      ^[33mwould change  ^[0mhandler: reload docker^[2m · ^[0mweb1
          reload the docker daemon: `insecure-registries` in daemon.json is not what the daemon has

      ^[32mok            ^[0mpull an image^[2m · ^[0mdb1
      ^[35munknown       ^[0mpull an image^[2m · ^[0mweb1
          run docker pull dtr.corp:5000/hello
          ^[35mdepends on apply: ^[0mwhat a command does is known only when it has run

    ^[1mrecap (check: nothing was changed)^[0m
      ^[32mok           ^[0m1  db1
                      ^[2mtasks: 3 ok, 1 skipped · 1 trip^[0m
          ^[33mowed^[0m: a restart of docker: a removed anchor is still trusted; permit it with `-e restart=true`
      ^[35munknown      ^[0m3  web[1:3]
                      ^[2mtasks: 1 ok, 3 would change, 1 unknown · 2-3 trips^[0m
      ^[1m^[31munreachable  ^[0m2  web[5:6]
          `web5` does not answer on port 22 within 10 s (the others alike)
            ^[36mhelp: ^[0mtry `ssh -o ConnectTimeout=10 -- admin@web5.corp.example.com true`
      ^[1m^[31mfailed       ^[0m1  web4
                      ^[2mtasks: 1 ok, 1 failed · 2 trips^[0m
          at `install its anchor`: `/etc/docker/certs.d` is no directory
            ^[36mhelp: ^[0mmove it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`

    exit status 3: a host failed
    drift=3 owed=1 unknown=0 unreachable=2 failed=1 not_attempted=0 as_desired=0
    "#);
}

#[test]
fn a_converged_run_is_a_line_a_task() {
    let mut events = vec![run(false)];
    let hosts: Vec<String> = (1..=400).map(|n| format!("web{n:03}")).collect();
    events.extend(play(&hosts.join(" ")));
    for host in &hosts {
        events.extend(
            (0..3).map(|index| end(host, task(index, ["fetch", "install", "restart"][index]), Outcome::Ok)),
        );
        events.push(gone(host));
    }
    events.push(Event::BatchFinished);
    events.push(finished(0, hosts.iter().map(|host| (host.clone(), Recap { ok: 3, ..state(State::Ok, 1) }))));
    insta::assert_snapshot!(printed(look(80, DiffMode::Grouped), &events).0, @"
    apply playbooks/trust-registry.yml · run 20261124-a1b2

    play trust the registry · 400 hosts: web[001:400]
      ok           fetch
      ok           install
      ok           restart

    recap
      ok  400  web[001:400]
               tasks: 3 ok · 1 trip

    exit status 0: every host is as desired
    ");
}

fn two_writes(diff: DiffMode) -> String {
    let mut events = play("a b").to_vec();
    for (host, old) in [("a", "x\n1\n"), ("b", "y\n1\n")] {
        let changes = [write("/etc/motd", Some(old), &old.replace('1', "2"))];
        events.extend([
            planned(host, task(0, "greet"), &changes),
            end(host, task(0, "greet"), Outcome::Changed),
        ]);
    }
    events.push(Event::BatchFinished);
    printed(look(80, diff), &events).0
}

#[test]
fn diffs_come_in_four_ways() {
    insta::assert_snapshot!(two_writes(DiffMode::Full), @"

    play trust the registry · 2 hosts: a,b
      changed      greet · a
          --- /etc/motd
          +++ /etc/motd
          @@ -1,2 +1,2 @@
           x
          -1
          +2
      changed      greet · b
          --- /etc/motd
          +++ /etc/motd
          @@ -1,2 +1,2 @@
           y
          -1
          +2
    ");
    insta::assert_snapshot!(two_writes(DiffMode::Grouped), @"

    play trust the registry · 2 hosts: a,b
      changed      greet
          --- /etc/motd
          +++ /etc/motd
          @@ -1,2 +1,2 @@
           x
          -1
          +2
          (as on `a`; the lines around the change differ on others)
    ");
    insta::assert_snapshot!(two_writes(DiffMode::Stat), @"

    play trust the registry · 2 hosts: a,b
      changed      greet
          change /etc/motd (+1 -1)
    ");
    insta::assert_snapshot!(two_writes(DiffMode::None), @"

    play trust the registry · 2 hosts: a,b
      changed      greet
          change /etc/motd
    ");
}

#[test]
fn items_stand_under_their_task() {
    let mut events = play("a b").to_vec();
    let why = End { reason: Some(reason("run", "no such image", Some("push it first"))), ..End::default() };
    for host in ["a", "b"] {
        for name in ["one", "two"] {
            events.push(end(host, item(0, "pull images", name), Outcome::Ok));
        }
        let change = [write("/etc/three", None, "3\n")];
        events.push(planned(host, item(0, "pull images", "three"), &change));
        events.push(end(host, item(0, "pull images", "three"), Outcome::Changed));
        for name in ["four", "five"] {
            events.push(end_with(host, item(0, "pull images", name), Outcome::Failed, why.clone()));
        }
        events.push(gone(host));
    }
    insta::assert_snapshot!(printed(look(80, DiffMode::Grouped), &events).0, @"

    play trust the registry · 2 hosts: a,b
      failed       pull images
          ok: `one`, `two`
          changed: `three`
            new file mode 0644
            --- (absent)
            +++ /etc/three
            @@ -0,0 +1 @@
            +3
          failed: `four`, `five`
            no such image
            help: push it first
    ");
}

#[test]
fn what_hosts_say_commands_no_terminal() {
    let evil = "\x1b]0;owned\x07\x1b[2J\u{9b}31m\u{202e}ok\r";
    let argv = vec!["echo".to_owned(), format!("{evil}\nok  all")];
    let command = Change::Run(Run { argv, ..Run::default() });
    let text = format!("{evil}\n");
    let said = End {
        notes: vec![note(Level::Warning, evil), note(Level::Info, "one\n  two\nthree")],
        owed: Some(evil.to_owned()),
        reason: Some(Reason { place: Some(evil.to_owned()), ..reason("x", evil, Some(evil)) }),
    };
    let mut events = vec![Event::PlayStarted { play: evil.to_owned(), hosts: vec![evil.to_owned()] }];
    events.push(Event::BatchStarted { hosts: vec![evil.to_owned()], tasks: vec![] });
    events.push(planned(
        evil,
        item(0, evil, evil),
        &[command, write(&format!("/etc/{evil}\nx"), None, &text)],
    ));
    events.push(end_with(evil, item(0, evil, evil), Outcome::Failed, said));
    events.push(Event::Said { text: evil.to_owned(), warning: true });
    let failed = Recap {
        failed: 1,
        reason: Some(reason("x", evil, Some(evil))),
        owed: vec![evil.to_owned()],
        ..Recap::default()
    };
    events.push(finished(3, [(evil.to_owned(), failed)]));
    let (out, err) = printed(look(80, DiffMode::Grouped), &events);
    let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!out.contains(hidden) && !err.contains(hidden), "{out:?} {err:?}");
    insta::assert_snapshot!(out, @"

    play ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M · ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
      failed       ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
          failed: `^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M`
            planned, then failed:
            run echo ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M^Jok  all
            new file mode 0644
            --- (absent)
            +++ /etc/^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M^Jx
            @@ -0,0 +1 @@
            +^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
            warning: ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
            one
              two
            three
            owed: ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
            ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
            ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
            help: ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M

    recap
      not attempted  1  ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
                        tasks: 1 failed
          owed: ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
          at `^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M`: ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M
            help: ^[]0;owned^G^[[2J<U+009B>31m<U+202E>ok^M

    exit status 3: a host failed
    ");
}
