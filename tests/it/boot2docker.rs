//! `Boot2Docker` hosts that are folders: the profile and the shipped playbook by the law.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use modules::platform::boot2docker::PUT_BACK;
use modules::{Call, HostPath, Script};

use crate::harness::{World, shipped};
use crate::pki::Pki;

const OS_RELEASE: &str =
    "NAME=Boot2Docker\nVERSION=19.03.5\nID=boot2docker\nID_LIKE=tcl\nVERSION_ID=19.03.5\n";
const PROFILE: &str = "\nEXTRA_ARGS='\n--label provider=virtualbox\n\n'\nCACERT=/var/lib/boot2docker/ca.pem\nDOCKER_HOST='-H tcp://0.0.0.0:2376'\nDOCKER_TLS=auto\n\n";
const AT: &str = "/var/lib/boot2docker/profile";
const PLAYBOOK: &str = "insecure-registry-boot2docker.yml";

fn machine(profile: &str) -> World {
    World::new()
        .host_file("web1", "/etc/os-release", OS_RELEASE)
        .host_file("web1", AT, profile)
        .file(PLAYBOOK, fs::read(shipped(PLAYBOOK)).unwrap())
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
    let world = World::new().file(PLAYBOOK, fs::read(shipped(PLAYBOOK)).unwrap());
    let call = world.dtrctl(&["apply", PLAYBOOK, "-i", "hosts.yml", "-e", "registry=dtr.example.com"]);
    assert!(call.run().stdout.contains("this host is no Boot2Docker (debian)"));
}

const SHELLS: &[&[&str]] = &[&["dash"], &["busybox", "sh"], &["bash", "--posix"]];

/// The Base64 within a certificate's text.
fn body(pem: &str) -> String {
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

/// A script of a host's, run by a shell within the folder that stands for the host.
fn boots(shell: &[&str], root: &Path, script: &str) {
    // Marked, as one of the paths below is the end of it.
    let linked = "/var/lib/boot2docker/etc//docker";
    let mut text = script.replace("/var/lib/boot2docker/etc/docker", linked);
    for begin in ["/var/lib/boot2docker", "/etc/docker", "/etc/os-release", "/etc/ssl"] {
        text = text.replace(begin, &format!("{}{begin}", root.display()));
    }
    let output = Command::new(shell[0]).args(&shell[1..]).arg("-c").arg(text).output().unwrap();
    assert!(output.status.success(), "{shell:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_an_old_release_forgets_is_put_back_at_each_boot_and_once() {
    let playbook = "- hosts: docker\n  tasks:\n    - install_anchor:\n        registry: dtr.example.com:5000\n        certificate: \"{{ lookup('file', 'ca.pem') }}\"\n        stores: \"{{ stores | default('docker,system') }}\"\n        state: \"{{ state | default('present') }}\"\n";
    for shell in SHELLS {
        if Command::new("which").arg(shell[0]).output().is_ok_and(|output| !output.status.success()) {
            eprintln!("skipped: no {}", shell[0]);
            continue;
        }
        let pem = Pki::new("dtr.example.com").root;
        let world = World::new()
            .host_file("web1", "/etc/os-release", OS_RELEASE.replace("19.03.5", "1.5.0"))
            .host_file("web1", "/var/lib/boot2docker/bootsync.sh", "#!/bin/sh\necho mine\nexit 0\n")
            .file("ca.pem", &pem)
            .playbook(playbook);
        let root = world.root("web1");
        // Before 1.7.1 the script is run by itself.
        fs::set_permissions(root.join("var/lib/boot2docker/bootsync.sh"), fs::Permissions::from_mode(0o755))
            .unwrap();
        let before = world.trees()["web1"].contents();
        world.law(&[]);
        let trusted = world.trees()["web1"].contents();

        // The reboot: what is not below /var/lib/boot2docker is as the image has it.
        let other = Pki::new("other").root;
        fs::remove_dir_all(root.join("etc/docker")).unwrap();
        fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), &other).unwrap();
        let script = world.text("/var/lib/boot2docker/bootsync.sh");
        boots(shell, &root, &script);
        boots(shell, &root, &script);
        let bundle = world.text("/etc/ssl/certs/ca-certificates.crt").replace('\n', "");
        assert_eq!(bundle.matches(&body(&pem)).count(), 1, "{shell:?}");
        assert!(bundle.contains(&body(&other)), "{shell:?}");
        let kept = |path: &&String| path.contains("certs.d/");
        let listed = world.trees()["web1"].contents();
        for path in trusted.keys().filter(kept) {
            assert_eq!(listed.get(path), trusted.get(path), "{shell:?} {path}");
        }
        fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), "").unwrap();
        fs::remove_file(root.join("etc/ssl/certs/ca-certificates.crt")).unwrap();
        world.law(&["-e", "state=absent"]);
        let mut after = world.trees()["web1"].contents();
        after.retain(|path, _| !path.contains("ca-certificates.crt"));
        assert_eq!(after, before, "{shell:?}");
    }
}

#[test]
fn a_later_release_gets_its_certificates_where_its_link_will_lead() {
    for shell in SHELLS {
        if Command::new("which").arg(shell[0]).output().is_ok_and(|output| !output.status.success()) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        for folder in ["etc/ssl/certs", "var/lib/boot2docker/dtrctl/certs.d/a:5000"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), "").unwrap();
        fs::write(root.join("etc/os-release"), OS_RELEASE).unwrap();
        fs::write(root.join("var/lib/boot2docker/dtrctl/certs.d/a:5000/dtrctl-0a1b2c3d.crt"), "x").unwrap();
        boots(shell, &root, PUT_BACK);
        assert!(!root.join("etc/docker").exists(), "{shell:?}: the link has still to be made");
        let kept = root.join("var/lib/boot2docker/etc/docker/certs.d/a:5000/dtrctl-0a1b2c3d.crt");
        assert!(kept.exists(), "{shell:?}");
    }
}

/// Before 18.09 the bundle is appended to, as the boot does it.
#[test]
fn a_bundle_in_memory_gets_ours_and_loses_it_again() {
    for shell in SHELLS {
        if Command::new("which").arg(shell[0]).output().is_ok_and(|output| !output.status.success()) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let at = |name: &str| HostPath::new(&format!("{}/{name}", root.display())).unwrap();
        fs::create_dir(root.join("certs")).unwrap();
        let (ours, other, last) = (Pki::new("ours").root, Pki::new("other").root, Pki::new("last").root);
        let old = format!("# Mozilla's\n{other}\n{last}");
        fs::write(root.join("bundle"), &old).unwrap();
        fs::write(root.join("certs/dtrctl-x-0a1b2c3d.pem"), &ours).unwrap();
        let refresh = |present: &str, absent: &str| {
            let call = Call::new("do_refresh").path(&at("bundle")).path(&at("certs")).words([
                present,
                absent,
                "boot2docker_certificates",
                "append",
            ]);
            let mut script = Script::new("0123456789abcdef0123456789abcdef", &[]);
            script.act(0, &call);
            let text = format!("R=''\n{}", script.text());
            let output = Command::new(shell[0]).args(&shell[1..]).arg("-c").arg(text).output().unwrap();
            let frames = script.read(&output.stdout);
            let frame = frames.get(0).unwrap();
            assert_eq!(frame.status, 0, "{shell:?} {}", modules::act_output(&frame.body));
            fs::read_to_string(root.join("bundle")).unwrap()
        };
        assert_eq!(refresh(&body(&ours), ""), format!("{old}{ours}"), "{shell:?}");
        assert_eq!(refresh(&body(&ours), ""), format!("{old}{ours}"), "{shell:?}: once");
        // The boot links it, and its hash.
        symlink(root.join("certs/dtrctl-x-0a1b2c3d.pem"), root.join("0badcafe.0")).unwrap();
        symlink("/nowhere", root.join("theirs")).unwrap();
        fs::remove_file(root.join("certs/dtrctl-x-0a1b2c3d.pem")).unwrap();
        assert_eq!(refresh("", &body(&ours)), old, "{shell:?}");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 3, "{shell:?}: nothing is left over");
    }
}
