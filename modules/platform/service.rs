//! What runs the Docker daemon as a service: how it is restarted and told to reload, and where its log is.
//!
//! Facts are from moby's `contrib/init`, boot2docker's `init.d/docker` and docker-snap, and measured on systemd.

use crate::contract::DaemonKind;

/// A manager of services, as far as the Docker daemon is concerned.
#[derive(Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name in messages.
    pub name: &'static str,
    /// [`Facts::init`](crate::contract::Facts::init) of its hosts; empty for any.
    init: &'static str,
    /// Whose daemons it runs.
    place: DaemonKind,
    /// Restarts the daemon. That it returns says nothing: some return before the daemon is ready, one even where it died.
    /// Empty where nothing restarts it.
    pub restart: &'static [&'static str],
    /// Has the daemon read its configuration again; empty where a signal to its process is all there is. Red Hat's
    /// script has a `reload`, which restarts.
    pub reload: &'static [&'static str],
    /// The units whose state tells whether the daemon has failed; the first is the daemon's own.
    pub units: &'static [&'static str],
    /// Files that hold its log, where there is no journal; the first that exists.
    pub logs: &'static [&'static str],
    /// The command that shows its log.
    pub log: &'static str,
    /// The command that starts it after it has failed.
    pub start: &'static str,
}

const PLAIN: Service = Service {
    name: "",
    init: "",
    place: DaemonKind::System,
    restart: &[],
    reload: &[],
    units: &[],
    logs: &[],
    log: "tail /var/log/docker.log",
    start: "service docker start",
};

/// The first row that fits is taken; the last of each place fits all hosts.
const ROWS: &[Service] = &[
    Service {
        name: "systemd",
        init: "systemd",
        restart: &["systemctl", "restart", "docker.service"],
        reload: &["systemctl", "reload", "docker.service"],
        units: &["docker.service", "docker.socket"],
        log: "journalctl -u docker.service -n 20",
        start: "systemctl reset-failed docker.service docker.socket; systemctl start docker.service",
        ..PLAIN
    },
    Service {
        name: "upstart",
        init: "upstart",
        restart: &["service", "docker", "restart"],
        logs: &["/var/log/upstart/docker.log"],
        log: "tail /var/log/upstart/docker.log",
        ..PLAIN
    },
    Service {
        name: "OpenRC",
        init: "openrc",
        restart: &["rc-service", "docker", "restart"],
        logs: &["/var/log/docker.log"],
        start: "rc-service docker start",
        ..PLAIN
    },
    Service {
        name: "Boot2Docker's script",
        init: "boot2docker",
        restart: &["/etc/init.d/docker", "restart"],
        logs: &["/var/lib/boot2docker/log/docker.log", "/var/lib/boot2docker/docker.log"],
        log: "tail /var/lib/boot2docker/log/docker.log",
        start: "/etc/init.d/docker start",
        ..PLAIN
    },
    Service {
        name: "Red Hat's sysvinit",
        init: "sysvinit-redhat",
        restart: &["/etc/init.d/docker", "restart"],
        logs: &["/var/log/docker"],
        log: "tail /var/log/docker",
        ..PLAIN
    },
    Service {
        name: "sysvinit",
        init: "sysvinit",
        restart: &["/etc/init.d/docker", "restart"],
        logs: &["/var/log/docker.log"],
        ..PLAIN
    },
    Service {
        name: "Windows",
        init: "windows",
        restart: &["Restart-Service", "docker"],
        units: &["docker"],
        log: "Get-WinEvent -ProviderName docker -MaxEvents 20",
        start: "Start-Service docker",
        ..PLAIN
    },
    PLAIN,
    Service {
        name: "snap",
        place: DaemonKind::Snap,
        restart: &["snap", "restart", "docker"],
        units: &["snap.docker.dockerd.service"],
        log: "snap logs docker.dockerd",
        start: "snap start docker",
        ..PLAIN
    },
    Service {
        name: "the user's systemd",
        init: "systemd",
        place: DaemonKind::Rootless,
        restart: &["systemctl", "--user", "restart", "docker.service"],
        units: &["docker.service"],
        log: "journalctl --user -u docker.service -n 20",
        start: "systemctl --user reset-failed docker.service; systemctl --user start docker.service",
        ..PLAIN
    },
    Service {
        name: "",
        place: DaemonKind::Rootless,
        log: "the output of dockerd-rootless.sh",
        start: "dockerd-rootless.sh",
        ..PLAIN
    },
];

impl Service {
    /// The row of a daemon on a host whose services `init` runs.
    #[must_use]
    pub fn of(place: DaemonKind, init: &str) -> &'static Self {
        let fits = |row: &&Self| row.place == place && (row.init.is_empty() || row.init == init);
        ROWS.iter().find(fits).unwrap_or(&PLAIN)
    }

    /// The command that restarts the daemon, as words.
    #[must_use]
    pub fn restart_command(&self) -> Vec<String> {
        self.restart.iter().map(|&word| word.to_owned()).collect()
    }

    /// The command that has it read its configuration again; empty for a signal.
    #[must_use]
    pub fn reload_command(&self) -> Vec<String> {
        self.reload.iter().map(|&word| word.to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_manager_is_found_and_knows_how_to_restart() {
        let restart = |place, init| Service::of(place, init).restart.join(" ");
        let system = |init| restart(DaemonKind::System, init);
        assert_eq!(system("systemd"), "systemctl restart docker.service");
        assert_eq!(system("upstart"), "service docker restart");
        assert_eq!(system("openrc"), "rc-service docker restart");
        for init in ["sysvinit", "sysvinit-redhat", "boot2docker"] {
            assert_eq!(system(init), "/etc/init.d/docker restart", "{init}");
        }
        assert_eq!(system("none"), "");
        assert_eq!(restart(DaemonKind::Snap, "systemd"), "snap restart docker");
        assert_eq!(restart(DaemonKind::Rootless, "systemd"), "systemctl --user restart docker.service");
        assert_eq!(restart(DaemonKind::Rootless, "none"), "");
    }

    #[test]
    fn only_a_reload_that_is_one_is_used() {
        for row in ROWS {
            assert!(row.reload.is_empty() || row.reload[0] == "systemctl", "{}", row.name);
            assert!(row.units.is_empty() || row.logs.is_empty(), "{}: a journal or files", row.name);
        }
    }
}
