//! Boot2Docker hosts that are folders: the profile and the shipped playbook by the law.

use crate::harness::{World, shipped};

const OS_RELEASE: &str =
    "NAME=Boot2Docker\nVERSION=19.03.5\nID=boot2docker\nID_LIKE=tcl\nVERSION_ID=19.03.5\n";
const PROFILE: &str = "\nEXTRA_ARGS='\n--label provider=virtualbox\n\n'\nCACERT=/var/lib/boot2docker/ca.pem\nDOCKER_HOST='-H tcp://0.0.0.0:2376'\nDOCKER_TLS=auto\n\n";
const AT: &str = "/var/lib/boot2docker/profile";
const PLAYBOOK: &str = "insecure-registry-boot2docker.yml";

fn machine(profile: &str) -> World {
    World::new()
        .host_file("web1", "/etc/os-release", OS_RELEASE)
        .host_file("web1", AT, profile)
        .file(PLAYBOOK, std::fs::read(shipped(PLAYBOOK)).unwrap())
}

#[test]
fn the_flag_comes_and_goes_and_every_other_byte_stays() {
    for profile in [PROFILE, "EXTRA_ARGS=\"--debug\"", "# nothing\n"] {
        let world = machine(profile);
        let before = world.trees()["web1"].contents();
        let registry = ["-e", "registry=dtr.example.com:5000"];
        world.law_of(PLAYBOOK, &registry);
        let now = world.text(AT);
        assert!(now.starts_with(profile), "{now}");
        let line = "EXTRA_ARGS=\"$EXTRA_ARGS --insecure-registry dtr.example.com:5000\" # dtrctl";
        assert!(now[profile.len()..].trim() == line, "{now}");
        world.law_of(PLAYBOOK, &[&registry[..], &["-e", "state=absent"]].concat());
        assert_eq!(world.trees()["web1"].contents(), before);
    }
}

#[test]
fn a_profile_that_is_not_followed_is_refused_with_its_line() {
    let world = machine("A=b\nif [ -e /x ]; then EXTRA_ARGS=y; fi\n");
    let before = world.trees();
    let call = world.dtrctl(&["apply", PLAYBOOK, "-i", "hosts.yml", "-e", "registry=dtr.example.com"]);
    let said = call.code(3).run().stdout;
    assert!(said.contains("/var/lib/boot2docker/profile:2: `if` may change `EXTRA_ARGS`"), "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    assert_eq!(before, world.trees());
}

#[test]
fn another_host_is_skipped_aloud() {
    let world = World::new().file(PLAYBOOK, std::fs::read(shipped(PLAYBOOK)).unwrap());
    let call = world.dtrctl(&["apply", PLAYBOOK, "-i", "hosts.yml", "-e", "registry=dtr.example.com"]);
    assert!(call.run().stdout.contains("this host is no Boot2Docker (debian)"));
}
