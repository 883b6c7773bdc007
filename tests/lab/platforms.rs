//! The same job on other hosts: newer engines, RHEL's shape, hosts without systemd, a user's own daemon, a swarm.
//!
//! The engines, inits and tools are real; the distributions are shapes on Debian's packages, as the lab's README says.

use crate::lab::{Lab, difference};

const UNKNOWN: &str = "x509: certificate signed by unknown authority";
const TRUSTED: &str = "no basic auth credentials";

fn pull(lab: &Lab, host: &str, registry: &str) -> String {
    lab.on(host, &format!("docker pull {registry}/x:none"))
}

/// Trust and back on a host, the daemon being the judge.
fn trust_and_back(lab: &Lab, host: &str) {
    let registry = lab.get("REGISTRY");
    let before = lab.snapshot(host);
    assert!(pull(lab, host, registry).contains(UNKNOWN), "{host}");
    let (named, ca) = (format!("registry={registry}"), format!("registry_ca={}", lab.get("ROOT_CA")));
    let args = ["-e", "target=all", "-e", &named, "-e", &ca];
    lab.law(host, &Lab::playbook("trust-registry.yml"), &args);
    let said = pull(lab, host, registry);
    assert!(said.contains(TRUSTED) || said.contains("authorization failed"), "{host}: {said}");
    lab.law(host, &Lab::playbook("untrust-registry.yml"), &["-e", "target=all", "-e", &named]);
    assert!(pull(lab, host, registry).contains(UNKNOWN), "{host}");
    assert_eq!(difference(&before, &lab.snapshot(host)), Vec::<String>::new(), "{host} is as it was");
}

/// Insecure mode and back, by reload; every other byte of the file stays.
fn insecure_and_back(lab: &Lab, host: &str, written: &str) {
    let registry = lab.get("PLAIN");
    let daemon = lab.on(host, "cat /var/run/docker.pid");
    let named = format!("registry={registry}");
    let playbook = Lab::playbook("insecure-registry.yml");
    lab.law(host, &playbook, &["-e", "target=all", "-e", &named]);
    assert!(lab.on(host, "docker info").contains(registry), "{host}: the daemon's own answer");
    assert!(pull(lab, host, registry).contains("not found"), "{host}");
    lab.law(host, &playbook, &["-e", "target=all", "-e", &named, "-e", "state=absent"]);
    assert!(!lab.on(host, "docker info").contains(registry), "{host}");
    assert_eq!(lab.on(host, "cat /var/run/docker.pid"), daemon, "{host}: a reload, not a restart");
    assert_eq!(lab.on(host, "cat /etc/docker/daemon.json"), written, "{host}");
}

#[test]
fn newer_engines_do_the_main_job_and_insecure_mode() {
    let Some(lab) = Lab::up("newer_engines_do_the_main_job_and_insecure_mode", &["deb26", "deb28"]) else {
        return;
    };
    for host in lab.hosts() {
        trust_and_back(&lab, host);
        let text = "{\n  \"log-level\": \"info\"\n}\n";
        lab.on(host, &format!("printf '%s' '{text}' > /etc/docker/daemon.json; systemctl restart docker"));
        insecure_and_back(&lab, host, text);
    }
}

#[test]
fn dockerd_validate_is_asked_where_the_engine_has_it() {
    let Some(lab) = Lab::up("dockerd_validate_is_asked_where_the_engine_has_it", &["deb28"]) else { return };
    let tasks = "- hosts: deb28\n  become: true\n  tasks:\n    - daemon_json: {merge: {default-address-pools: [{base: nonsense, size: 24}]}}\n";
    let playbook = lab.file("bad.yml", tasks).display().to_string();
    lab.apply(&playbook, &[]).ends(3).says("nothing was written");
    assert!(lab.on("deb28", "cat /etc/docker/daemon.json").contains("No such file"));
}

#[test]
fn the_containerd_image_store_reads_the_same_directory() {
    let Some(lab) = Lab::up("the_containerd_image_store_reads_the_same_directory", &["deb28"]) else {
        return;
    };
    lab.on("deb28", "echo '{\"features\":{\"containerd-snapshotter\":true}}' > /etc/docker/daemon.json; systemctl restart docker");
    assert!(lab.on("deb28", "docker info").contains("io.containerd.snapshotter.v1"));
    trust_and_back(&lab, "deb28");
}

#[test]
fn rhels_shape_takes_a_ca_into_its_bundle_and_sends_a_leaf_to_dockers_store() {
    let Some(lab) = Lab::up("rhels_shape_takes_a_ca_into_its_bundle", &["rhel1"]) else { return };
    let registry = lab.get("REGISTRY");
    let curl = |registry: &str| lab.on("rhel1", &format!("curl -sS https://{registry}/v2/"));
    let before = lab.snapshot("rhel1");
    assert!(curl(registry).contains("(60)"));
    let (named, ca) = (format!("registry={registry}"), format!("registry_ca={}", lab.get("ROOT_CA")));
    let all = ["-e", "target=all", "-e", &named];
    let trust = [&all[..], &["-e", &ca, "-e", "stores=docker,system"]].concat();
    lab.law("rhel1", &Lab::playbook("trust-registry.yml"), &trust);
    assert!(curl(registry).contains("UNAUTHORIZED"));
    assert!(pull(&lab, "rhel1", registry).contains(TRUSTED));
    let untrust = [&all[..], &["-e", "restart=true", "-e", "containers=stop", "-l", "rhel1"]].concat();
    lab.apply(&Lab::playbook("untrust-registry.yml"), &untrust).good();
    assert!(curl(registry).contains("(60)"));
    assert!(pull(&lab, "rhel1", registry).contains(UNKNOWN));
    assert_eq!(difference(&before, &lab.snapshot("rhel1")), Vec::<String>::new());

    // A certificate that is no CA: p11-kit drops it without a word, so dtrctl says so and takes the store that works.
    let leaf = lab.get("LEAFCA");
    let (named, pin) = (format!("registry={leaf}"), format!("registry_ca={}/leafca.pem", lab.get("PKI")));
    let args = ["-e", "target=all", "-e", &named, "-e", &pin, "-e", "stores=system"];
    let run = lab.law("rhel1", &Lab::playbook("trust-registry.yml"), &args);
    assert!(run.stdout.contains("leaves") && run.stdout.contains("without a word"));
    assert!(pull(&lab, "rhel1", leaf).contains("not found"), "docker trusts it");
    assert!(curl(leaf).contains("(60)"), "other programs do not");
    lab.law(
        "rhel1",
        &Lab::playbook("untrust-registry.yml"),
        &[&args[..4], &["-e", "stores=system"]].concat(),
    );
    assert_eq!(difference(&before, &lab.snapshot("rhel1")), Vec::<String>::new());
}

#[test]
fn without_systemd_a_reload_is_a_signal_and_a_restart_is_waited_for() {
    let Some(lab) = Lab::up("without_systemd_a_reload_is_a_signal", &["sysv1", "openrc1"]) else { return };
    for host in lab.hosts() {
        trust_and_back(&lab, host);
        let text = "{\"log-level\": \"info\"}\n";
        lab.on(
            host,
            &format!("printf '%s' '{text}' > /etc/docker/daemon.json; /etc/init.d/docker restart; sleep 3"),
        );
        insecure_and_back(&lab, host, text);
        let playbook = format!(
            "- hosts: {host}\n  become: true\n  tasks:\n    - daemon_json: {{merge: {{log-driver: json-file}}}}\n    - restart_docker: {{containers: stop}}\n"
        );
        let playbook = lab.file("restart.yml", &playbook).display().to_string();
        let daemon = lab.on(host, "cat /var/run/docker.pid");
        lab.apply(&playbook, &[]).good();
        assert_ne!(lab.on(host, "cat /var/run/docker.pid"), daemon, "{host}");
        assert!(lab.on(host, "docker info").contains("Server Version"), "{host}: it answers at once");
        // The script says nothing of a daemon that dies: a bad flag, past every check of the file.
        lab.on(host, "echo 'DOCKER_OPTS=\"--no-such-flag\"' > /etc/default/docker; echo 'DOCKER_OPTS=\"--no-such-flag\"' > /etc/conf.d/docker");
        let playbook =
            std::fs::read_to_string(&playbook).expect("the playbook").replace("json-file", "local");
        let playbook = lab.file("restart.yml", &playbook).display().to_string();
        // The guard cannot help a daemon whose flags somebody else has broken: it says so.
        lab.apply(&playbook, &[])
            .ends(6)
            .says("the daemon does not answer after the restart")
            .says("the docker daemon is down: Status: unknown flag: --no-such-flag");
    }
}

/// The words of other inits on a host of sysvinit: only which command is chosen is of the other init's making.
#[test]
fn upstarts_and_red_hats_shapes_use_their_own_commands() {
    let Some(lab) = Lab::up("upstarts_and_red_hats_shapes_use_their_own_commands", &["sysv1"]) else {
        return;
    };
    let playbook = "- hosts: sysv1\n  become: true\n  tasks:\n    - daemon_json: {merge: {log-driver: local}}\n    - restart_docker: {containers: stop}\n";
    let playbook = lab.file("restart.yml", playbook).display().to_string();
    for (shape, command) in [
        ("mkdir -p /etc/rc.d/init.d", "/etc/init.d/docker restart"),
        (
            "mkdir -p /etc/init; touch /etc/init/docker.conf; printf '#!/bin/sh\\necho init \\(upstart 1.12.1\\)\\n' > /sbin/initctl; chmod 755 /sbin/initctl",
            "service docker restart",
        ),
    ] {
        lab.reset("sysv1");
        lab.on("sysv1", shape);
        let daemon = lab.on("sysv1", "cat /var/run/docker.pid");
        lab.apply(&playbook, &["--diff"]).good().says(command);
        assert_ne!(lab.on("sysv1", "cat /var/run/docker.pid"), daemon, "{command}");
    }
}

/// A snap's paths, unit and command around Debian's dockerd: there is no snapd here.
#[test]
fn a_snaps_shape_has_its_own_paths_unit_and_command() {
    let Some(lab) = Lab::up("a_snaps_shape_has_its_own_paths_unit_and_command", &["web"]) else { return };
    let web = lab.host(0);
    lab.on(
        web,
        "systemctl disable --now docker.service docker.socket; rm -f /run/docker.pid
         mkdir -p /var/snap/docker/2904/config /var/snap/docker/2904/etc/docker /run/snap.docker
         ln -s 2904 /var/snap/docker/current; echo '{}' > /var/snap/docker/2904/config/daemon.json
         mount --bind /var/snap/docker/2904/etc/docker /etc/docker
         printf '[Service]\\nType=notify\\nExecStart=/usr/sbin/dockerd --exec-root=/run/snap.docker --pidfile=/run/snap.docker/docker.pid --config-file=/var/snap/docker/2904/config/daemon.json\\n' > /etc/systemd/system/snap.docker.dockerd.service
         printf '#!/bin/sh\\n[ \"$1 $2\" = \"restart docker\" ] && exec systemctl restart snap.docker.dockerd.service\\n' > /usr/local/bin/snap; chmod 755 /usr/local/bin/snap
         systemctl daemon-reload; systemctl start snap.docker.dockerd.service",
    );
    assert!(lab.on(web, "docker info").contains("Server Version"), "the snap's shape runs");
    let registry = lab.get("REGISTRY");
    let (named, ca) = (format!("registry={registry}"), format!("registry_ca={}", lab.get("ROOT_CA")));
    let run = lab.law(web, &Lab::playbook("trust-registry.yml"), &["-e", &named, "-e", &ca]);
    assert!(run.stdout.contains("/var/snap/docker/current/etc/docker/certs.d/"));
    assert!(pull(&lab, web, registry).contains(TRUSTED));
    let plain = format!("registry={}", lab.get("PLAIN"));
    lab.law(web, &Lab::playbook("insecure-registry.yml"), &["-e", &plain]);
    assert!(lab.on(web, "cat /var/snap/docker/2904/config/daemon.json").contains(lab.get("PLAIN")));
    assert!(lab.on(web, "docker info").contains(lab.get("PLAIN")));
    let playbook = "- hosts: docker\n  become: true\n  tasks:\n    - daemon_json: {merge: {log-driver: local}}\n    - restart_docker: {containers: stop}\n";
    let playbook = lab.file("restart.yml", playbook).display().to_string();
    let daemon = lab.on(web, "cat /run/snap.docker/docker.pid");
    lab.apply(&playbook, &["--diff"]).good().says("snap restart docker");
    assert_ne!(lab.on(web, "cat /run/snap.docker/docker.pid"), daemon);
}

#[test]
fn a_host_with_two_daemons_wants_a_choice_and_each_is_served() {
    let Some(lab) = Lab::up("a_host_with_two_daemons_wants_a_choice", &["rootless1"]) else { return };
    let registry = lab.get("REGISTRY");
    let (named, ca) = (format!("registry={registry}"), format!("registry_ca={}", lab.get("ROOT_CA")));
    let args = ["-e", "target=all", "-e", &named, "-e", &ca];
    let trust = Lab::playbook("trust-registry.yml");
    lab.apply(&trust, &[&args[..], &["-l", "rootless1"]].concat())
        .ends(3)
        .says("this host runs 2 docker daemons: `system` (/var/run/docker.sock), `rootless:alice`")
        .says("docker_daemon");
    let as_alice = |command: &str| {
        lab.on(
            "rootless1",
            &format!("su - alice -c 'export DOCKER_HOST=unix:///run/user/$(id -u)/docker.sock; {command}'"),
        )
    };
    let before = lab.snapshot("rootless1");
    let chosen = [&args[..], &["-e", "docker_daemon=rootless:alice"]].concat();
    lab.law("rootless1", &trust, &chosen);
    assert!(as_alice(&format!("docker pull {registry}/x")).contains(TRUSTED));
    assert!(pull(&lab, "rootless1", registry).contains(UNKNOWN), "the other daemon is not touched");
    for line in difference(&before, &lab.snapshot("rootless1")) {
        assert!(line.contains("/home/alice/.config/docker"), "{line}");
    }
    let untrust = ["-e", "target=all", "-e", &named, "-e", "docker_daemon=rootless:alice"];
    lab.law("rootless1", &Lab::playbook("untrust-registry.yml"), &untrust);
    assert!(as_alice(&format!("docker pull {registry}/x")).contains(UNKNOWN));

    let plain = lab.get("PLAIN");
    let insecure =
        ["-e", "target=all", "-e", &format!("registry={plain}"), "-e", "docker_daemon=rootless:alice"];
    lab.law("rootless1", &Lab::playbook("insecure-registry.yml"), &insecure);
    assert!(as_alice("docker info").contains(plain));
    assert!(!lab.on("rootless1", "docker info").contains(plain));
    let restart = "- hosts: rootless1\n  become: true\n  become_user: alice\n  vars: {docker_daemon: rootless}\n  tasks:\n    - daemon_json: {merge: {log-driver: local}}\n    - restart_docker: {containers: stop}\n";
    let restart = lab.file("restart.yml", restart).display().to_string();
    let daemon = lab.on("rootless1", "cat /run/user/*/docker.pid");
    lab.apply(&restart, &[]).good().says("systemctl --user restart docker.service");
    assert_ne!(lab.on("rootless1", "cat /run/user/*/docker.pid"), daemon);

    let system = [&args[..], &["-e", "docker_daemon=system"]].concat();
    lab.law("rootless1", &trust, &system);
    assert!(pull(&lab, "rootless1", registry).contains(TRUSTED));
}

#[test]
fn managers_of_a_swarm_are_restarted_one_at_a_time() {
    let Some(lab) = Lab::up("managers_of_a_swarm_are_restarted_one_at_a_time", &["web", "web"]) else {
        return;
    };
    let (one, other) = (lab.host(0), lab.host(1));
    let address = |host: &str| lab.on(host, "hostname -i").trim().to_owned();
    lab.on(one, &format!("docker swarm init --advertise-addr {}", address(one)));
    let token = lab.on(one, "docker swarm join-token -q manager");
    let joined = lab.on(other, &format!("docker swarm join --token {} {}:2377", token.trim(), address(one)));
    assert!(joined.contains("as a manager"), "{joined}");
    let playbook = "- hosts: docker\n  become: true\n  tasks:\n    - daemon_json: {merge: {log-driver: local}}\n    - restart_docker: {containers: stop}\n";
    let playbook = lab.file("swarm.yml", playbook).display().to_string();
    lab.apply(&playbook, &[]).good().says("a manager of a swarm").says("the swarm has 2 managers");
    // When each daemon left its service, and when it was back: one kernel, so one clock.
    let time = |host: &str, property: &str| -> u64 {
        lab.on(host, &format!("systemctl show -p {property}Monotonic --value docker.service"))
            .trim()
            .parse()
            .expect("a time in microseconds")
    };
    let down = |host: &str| (time(host, "ActiveExitTimestamp"), time(host, "ActiveEnterTimestamp"));
    let (first, second) = (down(one), down(other));
    assert!(first.1 <= second.0 || second.1 <= first.0, "never two at a time: {first:?} {second:?}");
    // The managers have to hear of each other again.
    let ready = "for i in $(seq 60); do [ $(docker node ls 2>&1 | grep -c Ready) != 2 ] || break; sleep 0.5; done; docker node ls";
    let nodes = lab.on(one, ready);
    assert_eq!(nodes.matches("Ready").count(), 2, "{nodes}");
}

#[test]
fn a_builder_with_its_own_trust_is_named_and_left() {
    let Some(lab) = Lab::up("a_builder_with_its_own_trust_is_named_and_left", &["web"]) else { return };
    let web = lab.host(0);
    Lab::lab(&["load", web]);
    lab.on(web, "docker run -d --name buildx_buildkit_ci0 idle:1");
    let named = format!("registry={}", lab.get("REGISTRY"));
    let ca = format!("registry_ca={}", lab.get("ROOT_CA"));
    lab.apply(&Lab::playbook("trust-registry.yml"), &["-e", &named, "-e", &ca, "-l", web])
        .good()
        .says("the buildx builder `ci` has a trust of its own and stays untouched");
}
