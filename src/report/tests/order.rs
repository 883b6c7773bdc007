//! Hosts run freely; a reader sees tasks in order, each as soon as no host is before it.

use super::*;

/// What is printed by each of the events, for those that print.
fn steps(events: &[Event]) -> Vec<String> {
    let (out, look) = (Buffer::default(), look(80, DiffMode::None));
    let mut human = Human::new(Box::new(out.clone()), Box::new(Buffer::default()), look, Progress::none());
    let (mut seen, mut steps) = (0, Vec::new());
    for event in events {
        human.on(event);
        let text = out.text();
        let new = text[seen..].split_whitespace().collect::<Vec<_>>().join(" ");
        seen = text.len();
        steps.push(new);
    }
    steps
}

#[test]
fn a_task_is_printed_when_the_last_host_has_passed_it() {
    let mut events = play("a b").to_vec();
    events.extend([
        end("b", task(0, "first"), Outcome::Ok),
        end("b", task(2, "third"), Outcome::Ok),
        end("a", task(0, "first"), Outcome::Ok),
        end("a", task(1, "second"), Outcome::Ok),
        gone("a"),
        gone("b"),
    ]);
    let steps = steps(&events);
    assert_eq!(steps[2..], ["", "", "ok first", "ok second · a", "ok third · b", ""]);
}

#[test]
fn a_host_that_left_is_not_waited_for() {
    let mut events = play("a b").to_vec();
    events.extend([
        end("a", task(0, "first"), Outcome::Failed),
        gone("a"),
        Event::HostUnreachable { host: "b".to_owned(), reason: reason("tcp", "no answer", None) },
        gone("b"),
    ]);
    assert_eq!(steps(&events)[2..], ["", "", "unreachable b no answer failed first · a", ""]);
}

#[test]
fn a_handler_stands_after_the_task_before_its_flush() {
    let mut events = play("a b").to_vec();
    for host in ["a", "b"] {
        events.push(end(host, task(0, "before"), Outcome::Changed));
        events.push(end(host, handler(0, "reload"), Outcome::Changed));
        events.push(end(host, task(1, "main"), Outcome::Changed));
    }
    events.push(end("b", handler(1, "reload"), Outcome::Changed));
    events.push(Event::BatchFinished);
    let text: Vec<String> = steps(&events).into_iter().filter(|step| !step.is_empty()).skip(1).collect();
    assert_eq!(
        text,
        ["changed before", "changed handler: reload", "changed main", "changed handler: reload · b"]
    );
}

#[test]
fn a_loop_ends_with_the_next_task() {
    let mut events = play("a").to_vec();
    events.extend([
        end("a", item(0, "loop", "1"), Outcome::Ok),
        end("a", item(0, "loop", "1"), Outcome::Ok),
        end("a", task(1, "next"), Outcome::Ok),
        Event::BatchFinished,
    ]);
    assert_eq!(steps(&events)[2..], ["", "", "ok loop ok next", ""]);
}

#[test]
fn batches_are_named_where_they_are_a_part_of_the_play() {
    let mut events = vec![play("web1 web2 web3")[0].clone()];
    for batch in ["web1 web2", "web3"] {
        events.push(play(batch)[1].clone());
        events.extend(names(batch).iter().map(|host| end(host, task(0, "first"), Outcome::Ok)));
        events.push(Event::BatchFinished);
    }
    insta::assert_snapshot!(printed(look(80, DiffMode::None), &events).0, @"

    play trust the registry · 3 hosts: web[1:3]

    batch · 2 hosts: web[1:2]
      ok           first

    batch · web3
      ok           first
    ");
}

#[test]
fn a_host_lost_within_a_task_may_have_been_changed() {
    let mut events = play("a b").to_vec();
    for host in ["a", "b"] {
        events.push(planned(host, task(0, "write"), &[write("/etc/motd", None, "x\n")]));
    }
    events.push(Event::HostUnreachable {
        host: "a".to_owned(),
        reason: reason("cut", "the connection broke", None),
    });
    events.push(end("b", task(0, "write"), Outcome::Changed));
    events.push(Event::BatchFinished);
    insta::assert_snapshot!(printed(look(80, DiffMode::None), &events).0, @"

    play trust the registry · 2 hosts: a,b
      unreachable  a
          the connection broke
          lost during `write`; what it changes may be done in part

      changed      write · b
          create /etc/motd
    ");
}

/// The report keeps up with large fleets: work grows with the events, not with their square.
#[test]
fn many_hosts_are_no_burden() {
    let hosts: Vec<String> = (0..3000).map(|n| format!("web{n}")).collect();
    let mut events = play(&hosts.join(" ")).to_vec();
    for index in 0..10 {
        events.extend(hosts.iter().map(|host| end(host, task(index, "task"), Outcome::Ok)));
    }
    events.push(Event::BatchFinished);
    assert_eq!(printed(look(80, DiffMode::None), &events).0.matches("ok").count(), 10);
}
