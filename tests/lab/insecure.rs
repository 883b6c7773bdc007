//! The way without trust: an entry in daemon.json, a reload, and the way back.

use crate::lab::Lab;

const FILE: &str = "/etc/docker/daemon.json";

/// Files as people write them; each has to come back byte for byte.
const FILES: &[&str] = &[
    "{\n\t\"log-level\":  \"info\",\n\t\"labels\": [\"a=b\"]}",
    "{\r\n  \"debug\": false,\r\n  \"insecure-registries\": [\"old.example:5000\"]\r\n}\r\n",
    "{}\n",
];

#[test]
fn the_entry_comes_and_goes_by_reload_and_every_other_byte_stays() {
    let Some(lab) = Lab::up("the_entry_comes_and_goes_by_reload", &["web"]) else { return };
    let web = lab.host(0);
    let registry = lab.get("PLAIN");
    let named = format!("registry={registry}");
    let playbook = Lab::playbook("insecure-registry.yml");
    for file in FILES {
        lab.on(web, &format!("printf '%s' '{file}' > {FILE}; systemctl reset-failed docker docker.socket; systemctl restart docker"));
        let written = lab.on(web, &format!("cat {FILE}"));
        let daemon = lab.on(web, "cat /var/run/docker.pid");
        lab.law(web, &playbook, &["-e", &named]);
        let info = lab.on(web, "docker info");
        assert!(info.contains(registry), "the daemon's own answer: {info}");
        assert!(lab.on(web, &format!("docker pull {registry}/x")).contains("not found"));
        lab.law(web, &playbook, &["-e", &named, "-e", "state=absent"]);
        assert!(!lab.on(web, "docker info").contains(registry));
        assert_eq!(lab.on(web, "cat /var/run/docker.pid"), daemon, "a reload, not a restart");
        let left = lab.on(web, &format!("cat {FILE}"));
        if *file == "{}\n" {
            assert!(left.contains("No such file"), "a file left as {{}} goes: {left}");
        } else {
            assert_eq!(left, written);
        }
    }
}

#[test]
fn what_dockerd_would_refuse_is_refused_untouched() {
    let Some(lab) = Lab::up("what_dockerd_would_refuse_is_refused_untouched", &["web"]) else { return };
    let web = lab.host(0);
    let named = format!("registry={}", lab.get("PLAIN"));
    let playbook = Lab::playbook("insecure-registry.yml");
    for (file, why) in [
        ("{\"debug\": true,}", "daemon.json"),
        ("{\"debug\": true} // no", "daemon.json"),
        ("{\"debgu\": true}", "debgu"),
    ] {
        lab.on(web, &format!("printf '%s' '{file}' > {FILE}"));
        lab.apply(&playbook, &["-e", &named, "-l", web]).ends(3).says(why);
        assert_eq!(lab.on(web, &format!("cat {FILE}")), file);
    }
    lab.on(web, &format!("rm {FILE}; mkdir -p /etc/systemd/system/docker.service.d; printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// --insecure-registry a.example\\n' > /etc/systemd/system/docker.service.d/flag.conf; systemctl daemon-reload; systemctl reset-failed docker docker.socket; systemctl restart docker"));
    lab.apply(&playbook, &["-e", &named, "-l", web])
        .ends(3)
        .says("specified both as a flag and in the configuration file");
    assert!(lab.on(web, &format!("cat {FILE}")).contains("No such file"));
    assert!(lab.on(web, "systemctl is-active docker").contains("active"));
}
