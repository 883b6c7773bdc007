//! Registries that are refused before any host is touched.

use crate::lab::Lab;

#[test]
fn a_registry_that_cannot_be_believed_is_refused_and_nothing_is_touched() {
    let Some(lab) = Lab::up("a_registry_that_cannot_be_believed_is_refused", &["web"]) else { return };
    let web = lab.host(0);
    let before = lab.snapshot(web);
    let trust = Lab::playbook("trust-registry.yml");
    let wrong_pin = format!("registry_pin=sha256:{}", "0".repeat(64));
    let registry = format!("registry={}", lab.get("REGISTRY"));
    let dead = format!("registry={}:5999", lab.get("REGISTRY").split(':').next().unwrap_or_default());
    let common_name = format!("registry={}", lab.get("CNONLY"));
    let plain = format!("registry={}", lab.get("PLAIN"));
    let cases: &[(&[&str], &str)] = &[
        (&["-e", &registry], "registry_pin=sha256:"),
        (&["-e", &registry, "-e", &wrong_pin], "pin"),
        (&["-e", &dead, "-e", &wrong_pin], "refused the connection"),
        (&["-e", &common_name, "-e", "trust_on_first_use=true"], "legacy Common Name"),
        (&["-e", &plain, "-e", "trust_on_first_use=true"], "plain HTTP"),
        (&["-e", "registry=https://no.example"], "https://"),
    ];
    for (args, why) in cases {
        lab.apply(&trust, &[args, &["-l", web][..]].concat()).ends(3).says(why);
    }
    assert_eq!(lab.snapshot(web), before);
}
