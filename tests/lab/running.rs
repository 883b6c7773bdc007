//! Services, waits and requests on hosts without systemd and without Python: sysvinit, the shapes of `OpenRC` and `Boot2Docker`.

use crate::lab::Lab;

const HOSTS: [&str; 3] = ["sysv1", "openrc1", "b2d1"];

const RESTART: &str = "- hosts: sysv1:openrc1:b2d1
  become: true
  tasks:
    - service: name=docker state=restarted
    - command: docker info
      register: info
      until: info.rc == 0
      changed_when: false
    - service: name=docker enabled=yes
      when: inventory_hostname != 'b2d1'
    - wait_for: host=registry.lab port=5000 timeout=10
    - uri: {url: 'https://registry.lab:5000/v2/', status_code: 401, validate_certs: false, return_content: true}
      register: answer
    - debug: msg=\"{{ answer.json.errors[0].code }} {{ ansible_facts.distribution }}\"
    - get_url: {url: 'http://plain.lab:5000/v2/', dest: /tmp/v2.json, mode: '0600'}
";

const BROKEN: &str = "- hosts: all
  become: true
  tasks:
    - copy: {dest: /etc/docker/daemon.json, content: '{\"insecure-registries\": 5}'}
    - service: name=docker state=restarted
";

#[test]
fn docker_is_restarted_by_whatever_runs_services_and_a_broken_file_is_refused_before() {
    let wanted = [&HOSTS[..], &["web"]].concat();
    let Some(lab) = Lab::up("docker_is_restarted_by_whatever_runs_services", &wanted) else { return };
    let all = lab.hosts();
    for host in ["sysv1", "openrc1"] {
        Lab::lab(&["load", host]);
        lab.on(host, "docker run -d --name once idle:1");
    }
    let pid = |host: &str| lab.on(host, "cat /var/run/docker.pid");
    let broken = lab.file("broken.yml", BROKEN).display().to_string();
    let before = all.iter().map(|host| pid(host)).collect::<Vec<_>>();
    let wrong = "`insecure-registries`: `5` where dockerd wants a list";
    let refused = lab.apply(&broken, &[]).ends(3).says(wrong);
    assert!(refused.stdout.contains("nothing was written"), "{}", refused.stdout);
    // One that somebody has broken by hand is not restarted with.
    for host in all {
        lab.on(host, "printf '{\"insecure-registries\": 5}' >/etc/docker/daemon.json");
    }
    let only = BROKEN.lines().filter(|line| !line.contains("copy")).collect::<Vec<_>>().join("\n");
    let only = lab.file("only.yml", &only).display().to_string();
    let refused = lab.apply(&only, &[]).ends(3).says(wrong);
    assert!(refused.stdout.contains("the docker daemon is left alone"), "{}", refused.stdout);
    for (host, before) in all.iter().zip(&before) {
        assert_eq!(&pid(host), before, "{host}: nothing was restarted");
        lab.on(host, "rm /etc/docker/daemon.json");
    }
    let restart = lab.file("restart.yml", RESTART).display().to_string();
    let run = lab.apply(&restart, &["--check"]).good();
    assert!(run.stdout.contains("stops and stays down: once"), "containers are named: {}", run.stdout);
    let run = lab.apply(&restart, &[]).good().says("UNAUTHORIZED Boot2docker").says("UNAUTHORIZED Debian");
    assert!(run.stdout.contains("rc-service docker restart"), "{}", run.stdout);
    for (host, before) in HOSTS.iter().zip(&before) {
        assert_ne!(&pid(host), before, "{host} was restarted");
        assert!(lab.on(host, "cat /tmp/v2.json").starts_with("{}"), "{host}");
    }
}
