//! What is known of a host before a module asks.

use serde::{Deserialize, Serialize};

use super::text::HostPath;

/// A host as a module sees it.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name in the inventory.
    pub name: String,
    /// What was found out about it.
    pub facts: Facts,
}

/// Facts: what seldom changes. They are kept between runs and read again in every run's first script.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `ID` of /etc/os-release, such as `debian`.
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
    /// The number of the user that tasks run as.
    pub uid: u32,
    /// The name of that user.
    pub user: String,
    /// Its home directory.
    pub home: String,
    /// What runs services: `systemd`, `openrc`, `sysvinit`, `boot2docker`, `none`.
    pub init: String,
    /// Whether `SELinux` is enabled.
    pub selinux: bool,
    /// `--config-file` of the running daemon; none where it is not given, or no daemon runs.
    pub daemon_config: Option<HostPath>,
    /// Whether the host is a directory of the controller: no daemon, no commands.
    pub sandbox: bool,
}
