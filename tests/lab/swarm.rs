//! Shards as a replicated job of Docker Swarm, by what is shipped for it: `deploy/image.sh` and `deploy/swarm-job.sh`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::lab::{Lab, Run};

const MANAGER: &str = "deb26";
/// In this order, so that the first, third and fifth are of shard 1.
const HOSTS: [&str; 5] = ["web1", "web2", "rhel1", "sysv1", "deb28"];

/// A command is counted, and each host waits to be told to go on.
const SLOW: &str = "- hosts: all
  become: true
  tasks:
    - daemon_json: {merge: {debug: true}}
    - shell: echo began >>/var/tmp/began
    - wait_for: {path: /var/tmp/go, timeout: 120}
    - copy: {dest: /etc/ended, content: ended}
";

fn read(output: Output) -> Run {
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn on_manager(command: &str) -> Run {
    read(Lab::lab(&["exec", MANAGER, "sh", "-c", command]))
}

fn job(arguments: &str) -> Run {
    on_manager(&format!("/srv/swarm-job.sh {arguments}"))
}

/// What an operator does once: a swarm, the image, the key and the hosts' keys, the files.
fn set_up(lab: &Lab) {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = lab.home.path().join("srv/dtrctl");
    fs::create_dir_all(&files).expect("a folder");
    let mut inventory = "docker:\n  hosts:\n".to_owned();
    for host in HOSTS {
        let address = lab.on(host, "hostname -i");
        _ = writeln!(inventory, "    {host}: {{ansible_host: {}, ansible_user: ops}}", address.trim());
    }
    fs::write(files.join("hosts.yml"), inventory).expect("an inventory");
    fs::write(files.join("slow.yml"), SLOW).expect("a playbook");
    for (from, to) in [
        (Lab::playbook("trust-registry.yml"), "dtrctl/trust-registry.yml"),
        (lab.get("ROOT_CA").to_owned(), "dtrctl/root.pem"),
        (lab.get("KEY").to_owned(), "key"),
        (lab.get("KNOWN_HOSTS").to_owned(), "known_hosts"),
        (shipped.join("deploy/swarm-job.sh").display().to_string(), "swarm-job.sh"),
    ] {
        fs::copy(from, lab.home.path().join("srv").join(to)).expect("a file");
    }
    let pipes = format!(
        "set -e; cd '{}'; tar -C '{}' -c srv | tests/lab/lab exec {MANAGER} tar -C / -x
         deploy/image.sh '{}' | tests/lab/lab exec {MANAGER} docker import - dtrctl",
        shipped.display(),
        lab.home.path().display(),
        env!("CARGO_BIN_EXE_dtrctl"),
    );
    read(Command::new("sh").args(["-c", &pipes]).output().expect("a shell")).good();
    on_manager(
        "set -e; docker swarm init --advertise-addr eth0; docker secret create dtrctl-key /srv/key; rm /srv/key
         docker config create dtrctl-known-hosts /srv/known_hosts",
    )
    .good();
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// The name of the run that a merge says is to be resumed.
fn to_resume(merged: &Run) -> String {
    let (_, rest) = merged.stderr.split_once("`dtrctl resume ").expect("a run to resume");
    rest.split('`').next().expect("its name").to_owned()
}

#[test]
fn shards_are_a_replicated_job_and_one_that_has_died_is_resumed() {
    let all = [&HOSTS[..], &[MANAGER]].concat();
    let Some(lab) = Lab::up("shards_are_a_replicated_job_and_one_that_has_died_is_resumed", &all) else {
        return;
    };
    set_up(&lab);

    // The real job, by two tasks: all hosts trust the registry, and there is one report and one exit status.
    let registry = lab.get("REGISTRY");
    let trust =
        format!("trust-registry.yml -i hosts.yml -e registry={registry} -e registry_ca=/files/root.pem");
    job(&format!("apply friday 2 {trust}")).good().says("changed 5 ");
    for host in HOSTS {
        assert!(lab.on(host, &format!("ls /etc/docker/certs.d/{registry}")).contains(".crt"), "{host}");
    }
    let shards = "docker run --rm --mount source=dtrctl-runs,target=/runs dtrctl dtrctl runs --journal /runs";
    let runs = on_manager(shards).good();
    assert_eq!(runs.stdout.matches(&format!("root@{MANAGER}")).count(), 2, "{}", runs.stdout);
    job("merge friday --detailed-exitcode").good();

    // What no node can start is not tried for ever.
    on_manager(
        "DTRCTL_FILES_MOUNT=type=bind,source=/srv/none,target=/files /srv/swarm-job.sh apply none 2 slow.yml",
    )
    .ends(1)
    .says("bind source path does not exist: /srv/none")
    .says("no run is of the rollout `none`");

    // One of two is killed while all hosts wait.
    let (first, second) = (["web1", "rhel1", "deb28"], ["web2", "sysv1"]);
    let began = |host: &str| lab.on(host, "cat /var/tmp/began 2>/dev/null").lines().count();
    let applied = std::thread::scope(|scope| {
        let applied = scope.spawn(|| job("apply monday 2 slow.yml -i hosts.yml --guard-timeout 300"));
        eventually("all hosts wait", || HOSTS.iter().all(|host| began(host) == 1));
        // Asked from a container of its own, in which no process of theirs is to be seen.
        job("merge monday").ends(5).says("shard 1/2: run").says("shard 2/2: run").says("still goes on");
        on_manager("docker kill $(docker ps -q -f name=dtrctl-monday.1.)").good();
        first.iter().for_each(|host| _ = lab.on(host, "touch /var/tmp/go"));
        applied.join().expect("the job")
    });
    let died = applied.ends(5).says("shard 2/2: run").says("was cut off").says("changed 3 ");
    // Swarm begins it once more, whatever it was told; then it is refused.
    let tasks = on_manager("docker service ps -q dtrctl-monday").good().stdout.lines().count();
    let died =
        if tasks > 2 { died.says("shard 2/2 of the rollout `monday` was begun already") } else { died };
    println!("{tasks} tasks of 2 shards; the job said: {}", died.stderr);
    for host in second {
        assert!(!lab.on(host, "ls /etc/ended").starts_with("/etc/ended"), "{host}");
        lab.on(host, "touch /var/tmp/go");
    }
    job(&format!("resume monday {}", to_resume(&died))).good().says("changed 5 ");
    for host in HOSTS {
        assert_eq!(began(host), 1, "{host}: no command is run twice");
        assert_eq!(lab.on(host, "cat /etc/ended"), "ended", "{host}");
    }
    let runs = on_manager(shards).good().stdout;
    println!("{runs}");
    job("merge monday").good();
    ["friday", "monday"].iter().for_each(|rollout| _ = job(&format!("remove {rollout}")).good());
    assert_eq!(on_manager("docker service ls -q").good().stdout, "");
}
