//! What is known of a host before a module asks.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::path::HostPath;

/// A host as a module sees it.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name in the inventory.
    pub name: String,
    /// What was found out about it.
    pub facts: Facts,
    /// What its variables say of it: those of [`SETTINGS`] that are set.
    pub settings: BTreeMap<String, String>,
}

/// Variables that say something of a host as a whole, whatever the task: `docker_daemon` chooses one of several daemons,
/// `ansible_verbosity` is how often `-v` was given.
pub const SETTINGS: &[&str] = &["docker_daemon", ACCEPT_UNTESTED, "ansible_verbosity"];

/// Names, with commas, the platforms on which changes are accepted though dtrctl was never run there.
pub const ACCEPT_UNTESTED: &str = "accept_untested";

impl Host {
    /// A host of which its variables say nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, facts: Facts) -> Self {
        Self { name: name.into(), facts, settings: BTreeMap::new() }
    }
}

/// Facts: what seldom changes. They are kept between runs and read again in every run's first script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `ID` of /etc/os-release, such as `debian`; `windows` on Windows.
    pub id: String,
    /// `ID_LIKE`, its words.
    pub id_like: Vec<String>,
    /// `VERSION_ID`, such as `12`.
    pub version_id: String,
    /// `VERSION_CODENAME`, such as `bookworm`.
    pub codename: String,
    /// `PRETTY_NAME`.
    pub pretty_name: String,
    /// `uname -s`.
    pub kernel_name: String,
    /// `uname -r`.
    pub kernel: String,
    /// `uname -m`.
    pub machine: String,
    /// `uname -n`.
    pub hostname: String,
    /// The number of the user that tasks run as; 0 for an administrator's session on Windows.
    pub uid: u32,
    /// The name of that user.
    pub user: String,
    /// Its home directory.
    pub home: String,
    /// What runs services: `systemd`, `upstart`, `openrc`, `sysvinit`, `sysvinit-redhat`, `boot2docker`,
    /// `windows`, `none`.
    pub init: String,
    /// Whether `SELinux` is enabled.
    pub selinux: bool,
    /// The Docker daemons that are found: those that run, and the system's where its socket starts it.
    pub daemons: Vec<DaemonSite>,
    /// Whether the host is a directory of the controller: no daemon, no commands.
    pub sandbox: bool,
    /// `VERSION` of /etc/os-release, such as `12 (bookworm)`.
    pub version: String,
    /// The first line of /etc/redhat-release or its like.
    pub release_file: String,
    /// What `/etc/debian_version` holds.
    pub debian_version: String,
    /// The number of the user's group.
    pub gid: u32,
    /// The user's login shell.
    pub login_shell: String,
    /// What /etc/passwd says of the user.
    pub gecos: String,
    /// The host's name with its domain, as /etc/hosts has it: no server is asked.
    pub fqdn: String,
    /// /etc/machine-id.
    pub machine_id: String,
    /// `apt`, `dnf`, `yum`, `apk`, `zypper`, `pacman`, or empty.
    pub package_manager: String,
    /// What the host runs in, as `systemd-detect-virt` names it; empty where that is not known.
    pub virtualization: String,
    /// `Enforcing`, `Permissive`, `Disabled`, or empty.
    pub selinux_mode: String,
    /// Memory in KiB.
    pub memory_kb: u64,
    /// Swap space in KiB.
    pub swap_kb: u64,
    /// Processors in use.
    pub processors: u32,
    /// The servers of /etc/resolv.conf.
    pub nameservers: Vec<String>,
    /// The variables of its login that seldom change: `HOME`, `PATH`, `USER`, `SHELL`, `LANG`.
    pub environment: Vec<(String, String)>,
    /// The interface of the default route, and its gateway.
    pub default_route: Option<(String, String)>,
    /// Each IPv4 address with its prefix, such as `10.0.0.2/24`, after its interface.
    pub addresses: Vec<(String, String)>,
}

/// A Docker daemon of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonSite {
    /// Whose it is.
    pub kind: DaemonKind,
    /// The user that it runs as.
    pub user: String,
    /// That user's number.
    pub uid: u32,
    /// Its socket, or named pipe.
    pub socket: HostPath,
    /// `--config-file` of its command line.
    pub config: Option<HostPath>,
    /// `XDG_CONFIG_HOME` of its environment; `%ProgramData%` on Windows.
    pub config_home: Option<HostPath>,
}

/// Whose a daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DaemonKind {
    /// The host's, from its packages.
    System,
    /// The host's, from the snap.
    Snap,
    /// A user's own.
    Rootless,
}

impl fmt::Display for DaemonSite {
    /// As `docker_daemon` names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DaemonKind::System => f.write_str("system"),
            DaemonKind::Snap => f.write_str("snap"),
            DaemonKind::Rootless => write!(f, "rootless:{}", self.user),
        }
    }
}
