//! What became of every host.

use super::*;

fn recap(check: bool, exit: u8, hosts: Vec<(&str, Recap)>) -> String {
    let hosts = hosts.into_iter().map(|(host, recap)| (host.to_owned(), recap));
    let events = [run(check), finished(exit, hosts)];
    let text = printed(look(80, DiffMode::None), &events).0;
    text.split_inclusive('\n').skip(2).collect()
}

#[test]
fn the_bad_ones_come_last() {
    let with = |kind: State, why: &str| Recap { reason: Some(reason("x", why, None)), ..state(kind, 1) };
    let hosts = vec![
        ("h01", with(State::Failed, "a")),
        ("h02", with(State::Failed, "`h02` is full")),
        ("h03", with(State::Failed, "`h03` is full")),
        ("h04", state(State::Skipped, 1)),
        ("h05", with(State::RolledBack, "docker did not come back; the old files are in place")),
        ("h06", with(State::Stale, "`/etc/docker/daemon.json` has changed since the plan was made")),
        ("h07", with(State::Unsupported, "`winrm` is no connection of dtrctl")),
        ("h08", state(State::Aborted, 1)),
        ("h09", state(State::NotAttempted, 0)),
        ("h10", Recap { ok: 3, ignored: 1, rescued: 1, ..state(State::Ok, 2) }),
    ];
    insta::assert_snapshot!(recap(false, 6, hosts), @"
    recap
      ok             1  h10
                        tasks: 3 ok, 1 ignored, 1 rescued · 2 trips
      skipped        1  h04
                        1 trip
      rolled back    1  h05
                        1 trip
          docker did not come back; the old files are in place
      stale          1  h06
                        1 trip
          `/etc/docker/daemon.json` has changed since the plan was made
      unsupported    1  h07
                        1 trip
          `winrm` is no connection of dtrctl
      aborted        1  h08
                        1 trip
      not attempted  1  h09
      failed         3  h[01:03]
                        1 trip
          h01: a
          h[02:03]: `h02` is full (the others alike)

    exit status 6: a host was put back as it was
    ");
}

#[test]
fn connections_are_said_where_not_all_could_stay() {
    let recap = |connections| {
        let hosts = [("a".to_owned(), state(State::Ok, 1))];
        let events = [run(false), with_connections(finished(0, hosts), connections)];
        printed(look(80, DiffMode::None), &events).0
    };
    let text = recap(Some(Connections { open: 128, seconds: 60, closed: 872 }));
    let expected =
        "connections: 128 stay open for 60 s, and 872 that were idle longest were closed\nexit status 0";
    assert!(text.contains(expected), "{text}");
    for quiet in [None, Some(Connections { open: 40, seconds: 60, closed: 0 })] {
        assert!(!recap(quiet).contains("connections"));
    }
}

fn with_connections(event: Event, said: Option<Connections>) -> Event {
    let Event::RunFinished { hosts, summary, exit, .. } = event else { panic!("no end") };
    Event::RunFinished { hosts, summary, exit, connections: said }
}

#[test]
fn a_line_says_what_the_exit_status_means() {
    let last = |check, exit, recap_of: Recap| {
        let text = recap(check, exit, vec![("a", recap_of)]);
        text.lines().find(|line| line.starts_with("exit status")).unwrap_or_default().to_owned()
    };
    let changed = || Recap { changed: 1, ..state(State::Changed, 1) };
    let owing = || Recap { owed: vec!["a restart".to_owned()], ..state(State::Ok, 1) };
    let texts = [
        last(true, 0, state(State::Ok, 1)),
        last(true, 0, changed()),
        last(false, 0, changed()),
        last(false, 0, owing()),
        last(true, 2, changed()),
        last(false, 4, state(State::Unreachable, 0)),
        last(false, 130, state(State::Aborted, 0)),
    ];
    insta::assert_snapshot!(texts.join("\n"), @"
    exit status 0: every host is as desired
    exit status 0: changes are pending (2 with `--detailed-exitcode`)
    exit status 0: the changes were made
    exit status 0: done, but something stays owed (2 with `--detailed-exitcode`)
    exit status 2: something is pending, owed or unknown
    exit status 4: a host was unreachable
    exit status 130: interrupted; what was finished stays
    ");
}

#[test]
fn a_check_ends_with_its_numbers_and_a_gate_with_how_to_go_on() {
    let hosts = || vec![("a", state(State::Ok, 1)), ("b", state(State::NotAttempted, 0))];
    let last = |check| recap(check, 0, hosts()).lines().last().unwrap_or_default().to_owned();
    assert_eq!(last(true), "drift=0 owed=0 unknown=0 unreachable=0 failed=0 not_attempted=1 as_desired=1");
    assert_eq!(last(false), "exit status 0: every host is as desired");
    let closed = Event::GateClosed {
        gate: "max_fail".to_owned(),
        message: "2 of 9 hosts have failed, more than `max_fail: 1` permits: c, d".to_owned(),
        hosts: vec!["c".to_owned(), "d".to_owned()],
        help: "to go on with what is not done: dtrctl resume X".to_owned(),
    };
    let hosts = hosts().into_iter().map(|(host, recap)| (host.to_owned(), recap));
    let (out, err) = printed(look(80, DiffMode::None), &[run(false), closed, finished(5, hosts)]);
    insta::assert_snapshot!(out.split_inclusive('\n').skip(2).collect::<String>() + &err, @"
    recap
      ok             1  a
                        1 trip
      not attempted  1  b

    ended by a gate: 2 of 9 hosts have failed, more than `max_fail: 1` permits: c, d
      to go on with what is not done: dtrctl resume X

    exit status 5: ended by a gate
    warning: 2 of 9 hosts have failed, more than `max_fail: 1` permits: c, d
    ");
}
