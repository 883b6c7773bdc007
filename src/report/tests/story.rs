//! A run with a little of everything, as a reader meets it.

use modules::{Change, Level, Need, OwedRecord, ReloadDocker, Run};

use super::*;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUO0bRrJqUe5vC3p1rYp0uY2b1c2MwCgYIKoZIzj0EAwIw\nGjEYMBYGA1UEAwwPcmVnaXN0cnkuY29ycC5jYTAeFw0yNjAxMDEwMDAwMDBaFw0z\n-----END CERTIFICATE-----\n";
const OLD: &str =
    "{\n  \"log-driver\": \"journald\",\n  \"insecure-registries\": [\n    \"old.corp\"\n  ]\n}\n";
const NEW: &str = "{\n  \"log-driver\": \"journald\",\n  \"insecure-registries\": [\n    \"old.corp\",\n    \"dtr.corp:5000\"\n  ]\n}\n";

fn daemon_json() -> Vec<Change> {
    let owe = OwedRecord {
        id: "daemon.json".to_owned(),
        need: Need::Reload,
        reason: "`insecure-registries` has changed".to_owned(),
    };
    vec![write("/etc/docker/daemon.json", Some(OLD), NEW), Change::Owe(owe)]
}

fn reload() -> Vec<Change> {
    let reason = "`insecure-registries` in daemon.json is not what the daemon has".to_owned();
    vec![Change::ReloadDocker(ReloadDocker {
        command: Vec::new(),
        reason,
        visible: true,
        settles: vec!["daemon.json".to_owned()],
        on_request: false,
    })]
}

fn command() -> Vec<Change> {
    let argv = ["docker", "pull", "dtr.corp:5000/hello"].map(str::to_owned).to_vec();
    vec![Change::Run(Run { argv, ..Run::default() })]
}

fn fetched() -> End {
    let notes = vec![
        note(
            Level::Info,
            "the registry sends 2 certificates; `CN=registry.corp.ca` is installed, valid until 2035-12-30",
        ),
        note(Level::Warning, "the leaf expires in 20 days, on 2026-12-14; renew it, or trust its root"),
    ];
    End { notes, ..End::default() }
}

fn web(events: &mut Vec<Event>, host: &str, check: bool) {
    let path = "/etc/docker/certs.d/dtr.corp:5000/dtrctl-1a2b3c4d.crt";
    events.push(end_with(host, task(0, "fetch the registry's certificate"), Outcome::Ok, fetched()));
    events.push(planned(host, task(1, "install its anchor"), &[write(path, None, PEM)]));
    events.push(end(host, task(1, "install its anchor"), Outcome::Changed));
    let old = OLD.replace("journald", if host == "web3" { "local" } else { "journald" });
    let new = NEW.replace("journald", if host == "web3" { "local" } else { "journald" });
    let mut changes = daemon_json();
    changes[0] = write("/etc/docker/daemon.json", Some(&old), &new);
    events.push(planned(host, task(2, "let old hosts talk to it insecurely"), &changes));
    events.push(end(host, task(2, "let old hosts talk to it insecurely"), Outcome::Changed));
    events.push(planned(host, handler(2, "reload docker"), &reload()));
    events.push(end(host, handler(2, "reload docker"), Outcome::Changed));
    events.push(planned(host, task(3, "pull an image"), &command()));
    let unknown = reason("unknown", "what a command does is known only when it has run", None);
    let outcome = if check { Outcome::Unknown } else { Outcome::Changed };
    let end = End { reason: check.then_some(unknown), ..End::default() };
    events.push(end_with(host, task(3, "pull an image"), outcome, end));
    events.push(gone(host));
}

fn db(events: &mut Vec<Event>, host: &str) {
    events.push(end_with(host, task(0, "fetch the registry's certificate"), Outcome::Ok, fetched()));
    events.push(end(host, task(1, "install its anchor"), Outcome::Ok));
    let skip =
        End { reason: Some(reason("condition", "`old_docker` does not hold", None)), ..End::default() };
    events.push(end_with(host, task(2, "let old hosts talk to it insecurely"), Outcome::Skipped, skip));
    for (name, outcome) in [("hello", Outcome::Ok), ("alpine", Outcome::Ok)] {
        events.push(end(host, item(3, "pull an image", name), outcome));
    }
    events.push(gone(host));
}

fn failing(events: &mut Vec<Event>, host: &str) {
    events.push(end_with(host, task(0, "fetch the registry's certificate"), Outcome::Ok, fetched()));
    let mut why = reason(
        "plan",
        "`/etc/docker/certs.d` is no directory",
        Some("move it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`"),
    );
    why.place = Some(
        "playbooks/trust-registry.yml:31:9\n 31 |       - install_anchor:\n    |         ^^^^^^^^^^^^^^"
            .to_owned(),
    );
    events.push(end_with(
        host,
        task(1, "install its anchor"),
        Outcome::Failed,
        End { reason: Some(why), ..End::default() },
    ));
    events.push(gone(host));
}

fn lost(events: &mut Vec<Event>, host: &str) {
    events.push(Event::HostUnreachable { host: host.to_owned(), reason: timeout(host) });
    events.push(gone(host));
}

fn timeout(host: &str) -> Reason {
    let help = format!("try `ssh -o ConnectTimeout=10 -- admin@{host}.corp.example.com true`");
    reason("tcp", &format!("`{host}` does not answer on port 22 within 10 s"), Some(&help))
}

/// Hosts in no order: what one does comes between what others do.
pub fn events(check: bool) -> Vec<Event> {
    let mut hosts = vec![Vec::new(); 6];
    web(&mut hosts[0], "web3", check);
    web(&mut hosts[1], "web1", check);
    web(&mut hosts[2], "web2", check);
    db(&mut hosts[3], "db1");
    failing(&mut hosts[4], "web4");
    lost(&mut hosts[5], "web6");
    let mut events = vec![run(check)];
    events.push(Event::Said {
        text: "inventory.yml:4: `ansible_sudo_pass` is an old name; write `ansible_become_password`"
            .to_owned(),
        warning: true,
    });
    events.extend(play("web1 web2 web3 web4 web5 web6 db1"));
    events.push(Event::HostUnreachable { host: "web5".to_owned(), reason: timeout("web5") });
    events.push(gone("web5"));
    let most = hosts.iter().map(Vec::len).max().unwrap_or_default();
    for step in 0..most {
        events.extend(hosts.iter().filter_map(|host| host.get(step).cloned()));
    }
    events.extend([Event::BatchFinished, finished(3, recaps(check))]);
    events
}

fn recaps(check: bool) -> Vec<(String, Recap)> {
    let changed = if check { state(State::Unknown, 2) } else { state(State::Changed, 5) };
    let web = |trips| Recap {
        ok: 1,
        changed: if check { 3 } else { 4 },
        unknown: u32::from(check),
        trips,
        ..changed.clone()
    };
    let why = reason(
        "plan",
        "`/etc/docker/certs.d` is no directory",
        Some("move it away: `mv /etc/docker/certs.d /etc/docker/certs.d.old`"),
    );
    let failed = Recap { ok: 1, failed: 1, reason: Some(why), ..state(State::Failed, 2) };
    let lost = |host| Recap { unreachable: 1, reason: Some(timeout(host)), ..state(State::Unreachable, 0) };
    let owed = vec![
        "a restart of docker: a removed anchor is still trusted; permit it with `-e restart=true`".to_owned(),
    ];
    let rows = [
        ("web1", web(2)),
        ("web2", web(3)),
        ("web3", web(2)),
        ("web4", failed),
        ("web5", lost("web5")),
        ("web6", lost("web6")),
        ("db1", Recap { ok: 3, skipped: 1, owed, ..state(State::Ok, 1) }),
    ];
    rows.map(|(host, recap)| (host.to_owned(), recap)).to_vec()
}
