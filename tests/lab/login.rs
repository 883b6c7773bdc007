//! Logins, host keys, and sudo, as they go wrong.

use crate::lab::Lab;

#[test]
fn what_goes_wrong_on_the_way_is_told_apart() {
    let Some(lab) = Lab::up("what_goes_wrong_on_the_way_is_told_apart", &["web"]) else { return };
    let web = lab.host(0);
    let playbook = lab.file(
        "touch.yml",
        "- hosts: all\n  become: true\n  tasks:\n    - copy: {dest: /etc/dtrctl-login, content: \"x\\n\"}\n",
    );
    let playbook = playbook.display().to_string();
    let key = lab.get("KEY");
    let host = |name: &str, address: &str, user: &str| {
        format!(
            "    {name}: {{ansible_host: {address}, ansible_user: {user}, ansible_ssh_private_key_file: {key}}}\n"
        )
    };
    let listed = lab.dtrctl(&["inventory", "-i", lab.get("INVENTORY"), "--host", web]).good().stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let address = listed["ansible_host"].as_str().expect("an address");
    let inventory = lab.file(
        "hosts.yml",
        &format!(
            "all:\n  hosts:\n{}{}{}",
            host("asks", address, lab.get("PW_USER")),
            host("nobody", address, "nosuchuser"),
            host("nodns", "no.such.host.invalid", "ops"),
        ),
    );
    let inventory = inventory.display().to_string();
    let run = |args: &[&str]| {
        let all = ["apply", &playbook, "-i", &inventory, "-T", "5"];
        lab.dtrctl(&[&all[..], args].concat())
    };
    let config = ["--ssh-config", lab.get("SSH_CONFIG")];
    run(&[&config[..], &["-l", "asks"]].concat())
        .ends(3)
        .says("it asks for a password")
        .says("--become-password-file");
    run(&[&config[..], &["-l", "nobody"]].concat()).ends(4).says("accepts no key of ours");
    run(&[&config[..], &["-l", "nodns"]].concat()).ends(4).says("cannot be resolved");
    let right = lab.file("right", &format!("{}\n", lab.get("PW_PASSWORD"))).display().to_string();
    let wrong = lab.file("wrong", "not it\n").display().to_string();
    run(&[&config[..], &["-l", "asks", "--become-password-file", &wrong]].concat())
        .ends(3)
        .says("the password is wrong");
    run(&[&config[..], &["-l", "asks", "--become-password-file", &right]].concat()).good();
    assert_eq!(lab.on(web, "cat /etc/dtrctl-login; rm /etc/dtrctl-login"), "x\n");
    // Without `become` the daemon's process is hidden, and the task says so.
    let unprivileged = lab
        .file("unprivileged.yml", "- hosts: docker\n  tasks:\n    - daemon_json: {merge: {debug: true}}\n");
    lab.apply(&unprivileged.display().to_string(), &["-l", web])
        .ends(3)
        .says("does the task need `become: true`?");
    // Without the lab's known_hosts the host's key is not known: nothing is sent.
    let sessions = lab.sessions(web);
    run(&["-l", "asks"]).ends(4).says("the host's key is not known");
    assert_eq!(lab.sessions(web), sessions);
}
