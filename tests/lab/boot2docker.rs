//! The shape of `Boot2Docker`: what is done now still holds after a reboot, which throws everything away but the disk.
//!
//! Its tools are those of `BusyBox`, its scripts do what the real ones do, and its engine is Debian's; the kernel, and the way its
//! file system is thrown away, are the lab's.

use crate::lab::{Lab, difference};

const HOST: &str = "b2d1";
const UNKNOWN: &str = "x509: certificate signed by unknown authority";
const TRUSTED: &str = "no basic auth credentials";
const PROFILE: &str = "/var/lib/boot2docker/profile";

fn pull(lab: &Lab, registry: &str) -> String {
    lab.on(HOST, &format!("docker pull {registry}/x:none"))
}

fn reset(lab: &Lab, version: &str) {
    let output = Lab::lab(&["reset", HOST, version]);
    assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(lab.on(HOST, "cat /etc/os-release").contains(&format!("VERSION_ID={version}")));
}

/// A reboot, and the daemon there again.
fn reboot(lab: &Lab) {
    let output = Lab::lab(&["reboot", HOST]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let wait = "n=0; until docker version >/dev/null 2>&1; do n=$((n+1)); [ $n -lt 30 ] || exit 1; sleep 1; done; echo up";
    assert!(lab.on(HOST, wait).contains("up"), "the daemon is back");
}

/// What the disk keeps, without what the system itself writes there, and without the records of runs.
fn disk(lab: &Lab) -> Vec<String> {
    let script = "cd /var/lib/boot2docker && find . ! -path './log*' ! -name docker.log ! -path './ssh*' ! -path './tls*' ! -path './dtrctl-state*' | sort | while read -r f; do if [ -f \"$f\" ]; then echo \"$f $(stat -c %a \"$f\") $(sha256sum <\"$f\")\"; else echo \"$f/\"; fi; done";
    lab.on(HOST, script)
        .lines()
        .filter(|line| !line.contains("etc/docker/key.json"))
        .map(str::to_owned)
        .collect()
}

fn arguments(lab: &Lab, stores: &str) -> Vec<String> {
    ["-e", "target=boot2docker", "-e", "restart=true"]
        .map(str::to_owned)
        .into_iter()
        .chain([
            "-e".to_owned(),
            format!("registry={}", lab.get("REGISTRY")),
            "-e".to_owned(),
            format!("registry_ca={}", lab.get("ROOT_CA")),
            "-e".to_owned(),
            format!("registry_pin=sha256:{}", lab.get("ROOT_SHA256")),
            "-e".to_owned(),
            format!("stores={stores}"),
        ])
        .collect()
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Trust by one store, now, after a reboot, and no longer.
fn trust_reboot_and_back(lab: &Lab, version: &str, stores: &str) {
    reset(lab, version);
    let registry = lab.get("REGISTRY");
    let before = disk(lab);
    assert!(pull(lab, registry).contains(UNKNOWN), "{version}");
    let trust = arguments(lab, stores);
    lab.law(HOST, &Lab::playbook("trust-registry.yml"), &borrowed(&trust));
    assert!(pull(lab, registry).contains(TRUSTED), "{version} {stores}: {}", pull(lab, registry));
    reboot(lab);
    assert!(
        pull(lab, registry).contains(TRUSTED),
        "{version} {stores} after a reboot: {}",
        pull(lab, registry)
    );
    let again = lab.apply(&Lab::playbook("trust-registry.yml"), &borrowed(&trust)).good();
    again.says("every host is as desired");
    let (named, stores_too) = (format!("registry={registry}"), format!("stores={stores}"));
    let back = ["-e", "target=boot2docker", "-e", &named, "-e", &stores_too, "-e", "restart=true"];
    lab.law(HOST, &Lab::playbook("untrust-registry.yml"), &back);
    assert!(pull(lab, registry).contains(UNKNOWN), "{version} {stores} taken back");
    let left = difference(&before, &disk(lab));
    // The directory that the daemon's script links is Boot2Docker's own.
    assert_eq!(left, Vec::<String>::new(), "{version} {stores}");
    reboot(lab);
    assert!(pull(lab, registry).contains(UNKNOWN), "{version} {stores} stays taken back");
}

#[test]
fn dockers_store_outlives_a_reboot_of_every_release() {
    let Some(lab) = Lab::up("dockers_store_outlives_a_reboot_of_every_release", &[HOST]) else { return };
    for version in ["18.09.9", "17.03.0-ce", "1.9.1"] {
        trust_reboot_and_back(&lab, version, "docker");
    }
}

#[test]
fn the_systems_store_outlives_a_reboot_of_every_release() {
    let Some(lab) = Lab::up("the_systems_store_outlives_a_reboot_of_every_release", &[HOST]) else { return };
    for version in ["18.09.9", "17.03.0-ce"] {
        trust_reboot_and_back(&lab, version, "system");
    }
}

#[test]
fn a_bootsync_of_others_is_kept_byte_for_byte() {
    let Some(lab) = Lab::up("a_bootsync_of_others_is_kept_byte_for_byte", &[HOST]) else { return };
    reset(&lab, "1.9.1");
    let script = "/var/lib/boot2docker/bootsync.sh";
    lab.on(
        HOST,
        &format!("printf '#!/bin/sh\\necho mine >>/tmp/mine\\nexit 0' >{script}; chmod 755 {script}"),
    );
    let own = lab.on(HOST, &format!("cat {script}"));
    let trust = arguments(&lab, "docker");
    lab.law(HOST, &Lab::playbook("trust-registry.yml"), &borrowed(&trust));
    reboot(&lab);
    assert!(lab.on(HOST, "cat /tmp/mine").contains("mine"), "theirs is run");
    assert!(pull(&lab, lab.get("REGISTRY")).contains(TRUSTED), "and ours is not behind its exit");
    let named = format!("registry={}", lab.get("REGISTRY"));
    lab.law(HOST, &Lab::playbook("untrust-registry.yml"), &["-e", "target=boot2docker", "-e", &named]);
    assert_eq!(lab.on(HOST, &format!("cat {script}")), own);
}

#[test]
fn the_flag_reaches_the_daemon_and_outlives_a_reboot() {
    let Some(lab) = Lab::up("the_flag_reaches_the_daemon_and_outlives_a_reboot", &[HOST]) else { return };
    let registry = lab.get("PLAIN");
    let named = format!("registry={registry}");
    let playbook = Lab::playbook("insecure-registry-boot2docker.yml");
    let args = ["-e", "target=boot2docker", "-e", &named];
    for version in ["18.09.9", "1.9.1"] {
        reset(&lab, version);
        let profile = lab.on(HOST, &format!("cat {PROFILE}"));
        let line = || lab.on(HOST, "tr '\\0' ' ' </proc/$(cat /var/run/docker.pid)/cmdline");
        let run = lab.law(HOST, &playbook, &args);
        assert!(run.stdout.contains("restart the docker daemon"), "it is paid");
        let now = line();
        assert!(
            now.contains(&format!("--insecure-registry {registry}")) && now.contains("provider=virtualbox"),
            "{now}"
        );
        assert!(lab.on(HOST, "docker info").contains(registry), "{version}: the daemon's own answer");
        assert!(pull(&lab, registry).contains("not found"), "{version}");
        reboot(&lab);
        assert!(line().contains(&format!("--insecure-registry {registry}")), "{version} after a reboot");
        lab.law(HOST, &playbook, &[&args[..], &["-e", "state=absent"]].concat());
        assert!(!line().contains(registry), "{version}: {}", line());
        assert_eq!(lab.on(HOST, &format!("cat {PROFILE}")), profile);
    }
}

#[test]
fn a_conflict_and_what_is_not_followed_are_refused_untouched() {
    let Some(lab) = Lab::up("a_conflict_and_what_is_not_followed_are_refused_untouched", &[HOST]) else {
        return;
    };
    let named = format!("registry={}", lab.get("PLAIN"));
    let playbook = Lab::playbook("insecure-registry-boot2docker.yml");
    let args = ["-e", "target=boot2docker", "-e", &named];
    let written = lab.on(HOST, &format!("cat {PROFILE}"));
    lab.on(HOST, "echo '{\"insecure-registries\":[\"a.example\"]}' >/etc/docker/daemon.json");
    lab.apply(&playbook, &args).ends(3).says("specified both as a flag and in the configuration file");
    assert_eq!(lab.on(HOST, &format!("cat {PROFILE}")), written);
    lab.on(HOST, "rm /etc/docker/daemon.json");
    lab.on(HOST, &format!("printf 'if [ -e /x ]; then A=b; fi\\n' >>{PROFILE}"));
    lab.apply(&playbook, &args).ends(3).says("profile:14: `if` may change `EXTRA_ARGS`");
}

#[test]
fn a_flag_that_is_not_in_force_yet_keeps_the_key_out_of_daemon_json() {
    let Some(lab) = Lab::up("a_flag_that_is_not_in_force_yet_keeps_the_key_out_of_daemon_json", &[HOST])
    else {
        return;
    };
    let named = format!("registry={}", lab.get("PLAIN"));
    let flag = Lab::playbook("insecure-registry-boot2docker.yml");
    let key = Lab::playbook("insecure-registry.yml");
    let args = ["-e", "target=boot2docker", "-e", &named];
    // The proof fails: the daemon has not read the flag yet.
    lab.apply(&flag, &[&args[..], &["-e", "restart=false"]].concat()).ends(3);
    lab.apply(&key, &args).ends(3).says("dockerd would not start again");
    assert!(!lab.on(HOST, "ls /etc/docker").contains("daemon.json"));
    reboot(&lab);
    assert!(pull(&lab, lab.get("PLAIN")).contains("not found"), "it has started, with the flag");
    // From the flag to the key.
    lab.law(HOST, &flag, &[&args[..], &["-e", "state=absent"]].concat());
    lab.law(HOST, &key, &args);
    reboot(&lab);
    assert!(pull(&lab, lab.get("PLAIN")).contains("not found"), "it has started, with the key");
    lab.apply(&flag, &args).ends(3).says("specified both as a flag and in the configuration file");
}

#[test]
fn docker_machines_store_leads_to_the_machine() {
    let Some(lab) = Lab::up("docker_machines_store_leads_to_the_machine", &[HOST]) else { return };
    let address = lab.on(HOST, "hostname -i");
    let config = format!(
        "{{\n    \"ConfigVersion\": 3,\n    \"Driver\": {{\n        \"IPAddress\": \"{}\",\n        \"SSHUser\": \"docker\",\n        \"SSHPort\": 22,\n        \"SSHKeyPath\": \"{}\"\n    }},\n    \"DriverName\": \"kvm2\",\n    \"Name\": \"b2d\"\n}}\n",
        address.split_whitespace().next().unwrap_or_default(),
        lab.get("KEY"),
    );
    let folder = lab.file("placeholder", "").with_file_name("machines");
    std::fs::create_dir_all(folder.join("b2d")).expect("a folder");
    std::fs::write(folder.join("b2d/config.json"), config).expect("a file");
    let store = folder.parent().expect("a folder").display().to_string();
    let named = format!("registry={}", lab.get("REGISTRY"));
    let ca = format!("registry_ca={}", lab.get("ROOT_CA"));
    let playbook = Lab::playbook("trust-registry.yml");
    let known = lab.file("known", "");
    let ssh = lab.file("ssh", &format!("UserKnownHostsFile {}\n", known.display())).display().to_string();
    let args = ["apply", &playbook, "-i", &store, "--ssh-config", &ssh, "-e", &named, "-e", &ca];
    lab.dtrctl(&args).ends(4).says("accept-new");
    lab.dtrctl(&[&args[..], &["--host-key-checking", "accept-new"]].concat()).good();
    assert!(pull(&lab, lab.get("REGISTRY")).contains(TRUSTED));
}
