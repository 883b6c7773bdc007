//! Where a platform keeps the Docker daemon's settings, and how an operator looks after its service.

use crate::contract::{Facts, HostPath};

/// The Docker daemon of a platform.
#[derive(Debug)]
pub struct Docker {
    /// `ID` or `ID_LIKE` of /etc/os-release; empty for all that no earlier row names.
    ids: &'static [&'static str],
    /// What runs services, as in [`Facts::init`]; empty for any.
    init: &'static str,
    /// The configuration file that the daemon reads when no flag names another.
    config: &'static str,
    /// Where its flags are written down.
    pub flags: &'static str,
    /// The command that shows its log.
    pub log: &'static str,
    /// The command that starts it after it has failed.
    pub start: &'static str,
}

const CONFIG: &str = "/etc/docker/daemon.json";

/// The first row that fits is taken; the last fits all.
const ROWS: &[Docker] = &[
    Docker {
        ids: &["debian", "ubuntu"],
        init: "systemd",
        config: CONFIG,
        flags: "`systemctl cat docker.service`, and `DOCKER_OPTS` in /etc/default/docker where the unit reads it",
        log: "journalctl -u docker.service -n 20",
        start: "systemctl reset-failed docker.service docker.socket; systemctl start docker.service",
    },
    Docker {
        ids: &[],
        init: "systemd",
        config: CONFIG,
        flags: "`systemctl cat docker.service`, and the files that it names",
        log: "journalctl -u docker.service -n 20",
        start: "systemctl reset-failed docker.service docker.socket; systemctl start docker.service",
    },
    Docker {
        ids: &[],
        init: "",
        config: CONFIG,
        flags: "the script that starts the daemon, and the files that it reads",
        log: "tail /var/log/docker.log",
        start: "service docker start",
    },
];

impl Docker {
    /// The row of a host.
    #[must_use]
    pub fn of(facts: &Facts) -> &'static Self {
        let last = &ROWS[ROWS.len() - 1];
        ROWS.iter().find(|row| row.fits(facts)).unwrap_or(last)
    }

    fn fits(&self, facts: &Facts) -> bool {
        let named = |id: &String| self.ids.contains(&id.as_str());
        (self.ids.is_empty() || named(&facts.id) || facts.id_like.iter().any(named))
            && (self.init.is_empty() || self.init == facts.init)
    }
}

/// The configuration file that a host's daemon reads: the one that its flag names, else the platform's.
///
/// # Panics
/// Never: the table's paths are absolute.
#[must_use]
pub fn config_path(facts: &Facts) -> HostPath {
    facts
        .daemon_config
        .clone()
        .unwrap_or_else(|| HostPath::new(Docker::of(facts).config).expect("a path of the table is absolute"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(id: &str, like: &str, init: &str) -> Facts {
        let id_like = like.split_whitespace().map(str::to_owned).collect();
        Facts { id: id.to_owned(), id_like, init: init.to_owned(), ..Facts::default() }
    }

    #[test]
    fn rows_are_chosen_by_distribution_and_init() {
        assert!(Docker::of(&facts("debian", "", "systemd")).flags.contains("/etc/default/docker"));
        assert!(Docker::of(&facts("mint", "ubuntu debian", "systemd")).flags.contains("/etc/default/docker"));
        assert!(!Docker::of(&facts("exotic", "", "systemd")).flags.contains("/etc/default/docker"));
        assert!(Docker::of(&facts("debian", "", "none")).start.starts_with("service"));
    }

    #[test]
    fn the_daemons_flag_wins_and_every_path_of_the_table_is_absolute() {
        for row in ROWS {
            assert!(HostPath::new(row.config).is_ok(), "{}", row.config);
        }
        let mut facts = facts("debian", "", "systemd");
        assert_eq!(config_path(&facts).as_str(), "/etc/docker/daemon.json");
        facts.daemon_config = HostPath::new("/srv/d.json").ok();
        assert_eq!(config_path(&facts).as_str(), "/srv/d.json");
    }
}
