//! What Ansible's users write that dtrctl has not: what it is, and what to write instead.

use crate::yaml::{Node, Problem};

/// Ansible's modules and those of well-known collections, by their last name, and what does their work here.
const MODULES: &[(&[&str], &str)] = &[
    (
        &[
            "apt",
            "apt_key",
            "apt_repository",
            "deb822_repository",
            "dnf",
            "dnf5",
            "dpkg_selections",
            "package",
            "pip",
            "rpm_key",
            "yum",
            "yum_repository",
            "zypper",
            "pacman",
            "apk",
            "snap",
            "homebrew",
        ],
        "dtrctl installs no packages: do it beforehand, or by `command` with the system's own tool and `creates:`",
    ),
    (
        &["user", "group", "getent", "authorized_key", "known_hosts"],
        "dtrctl keeps no accounts: do it beforehand, or by `command` with `creates:` or `unless:`",
    ),
    (
        &[
            "cron",
            "hostname",
            "iptables",
            "mount",
            "sysctl",
            "seboolean",
            "sefcontext",
            "ufw",
            "firewalld",
            "modprobe",
            "timezone",
            "reboot",
            "git",
            "subversion",
            "unarchive",
            "archive",
            "debconf",
            "expect",
            "tempfile",
            "find",
            "fetch",
            "async_status",
            "async_wrapper",
            "mount_facts",
            "htpasswd",
            "xml",
            "ini_file",
            "alternatives",
            "synchronize",
        ],
        "do it by `command` with `creates:` or `unless:`, which say whether it has to run",
    ),
    (
        &["docker_login"],
        "do it by `command` with `docker login`, its password by `stdin:` and `no_log: true`",
    ),
    (
        &[
            "docker_container",
            "docker_image",
            "docker_image_pull",
            "docker_network",
            "docker_volume",
            "docker_compose",
            "docker_compose_v2",
            "docker_swarm",
            "docker_stack",
            "docker_prune",
        ],
        "do it by `command` with the docker client and `unless:`, which says whether it has to run",
    ),
    (
        &[
            "docker_host_info",
            "docker_container_info",
            "docker_image_info",
            "package_facts",
            "service_facts",
            "gather_facts",
        ],
        "ask by `command` with `register:` and `changed_when: false`",
    ),
    (&["get_certificate"], "use `fetch_cert`, which wants a pin, a root or an explicit first use"),
    (
        &[
            "openssl_privatekey",
            "openssl_csr",
            "x509_certificate",
            "openssl_certificate",
            "openssl_dhparam",
            "openssl_pkcs12",
        ],
        "use `generate_cert`, which makes a key with its certificate",
    ),
    (
        &["service", "systemd", "systemd_service", "sysvinit"],
        "`restart_docker` reloads or restarts the docker daemon, where that is owed",
    ),
    (&["shell", "raw", "script"], "use `command`, with a program and its arguments; there is no shell"),
    (&["add_host", "group_by"], "put the hosts into the inventory; `when:` chooses among them"),
    (&["assemble"], "make the text by a template, and write it by `copy` with `content:`"),
    (
        &["lineinfile", "blockinfile", "replace", "template", "stat", "slurp"],
        "write the whole file by `copy` with `content:`",
    ),
    (&["include"], "write `include_tasks` (read when it is reached) or `import_tasks` (read beforehand)"),
    (&["import_playbook"], "it stands among the plays, not among tasks"),
    (&["validate_argument_spec"], "use `assert`"),
    (
        &["pause", "wait_for", "wait_for_connection", "uri", "get_url", "ping", "setup", "fail"],
        "`dtrctl modules` lists what there is",
    ),
];

/// What to do where nothing else is known.
const OTHERWISE: &str = "`dtrctl modules` lists what there is; the rest is done by `command`";

/// What is wrong with a name that is near to nothing known.
pub(super) fn unknown(name: &str, key: &Node) -> Problem {
    Problem::new(format!("there is no module `{name}`"), key.place()).label("unknown").help(OTHERWISE)
}

/// What to write instead of a module that dtrctl has not, where it is known.
pub(super) fn instead_of(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or(name);
    MODULES.iter().find(|(names, _)| names.contains(&last)).map(|(_, instead)| *instead)
}

/// What is wrong with a key that names no module of ours; none where it is no name that Ansible's users know.
pub(super) fn module(name: &str, key: &Node) -> Option<Problem> {
    let parts: Vec<&str> = name.split('.').collect();
    let (what, known) = match parts.as_slice() {
        ["ansible", "builtin" | "legacy", last] => (format!("Ansible's module `{last}`"), true),
        [collection @ .., last] if collection.len() == 2 => {
            (format!("`{last}` of the collection `{}`", collection.join(".")), true)
        }
        _ => (format!("Ansible's module `{name}`"), instead_of(name).is_some()),
    };
    let instead =
        instead_of(name).unwrap_or("`dtrctl modules` lists what there is; the rest is done by `command`");
    known
        .then(|| Problem::new(format!("{what} is not in dtrctl"), key.place()).label("unknown").help(instead))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_module_of_ours_is_looked_up_and_no_name_stands_twice() {
        let names: Vec<&str> = MODULES.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len());
    }
}
