use std::path::PathBuf;
use std::time::Duration;

use modules::Shell;

use super::option;
use crate::transport::error::Cause;
use crate::transport::name;
use crate::transport::secret::Secret;

/// What to do about a host whose key is not known. A changed key always stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostKeyChecking {
    /// Stop.
    #[default]
    Strict,
    /// Take its key, and know it from then on.
    AcceptNew,
}

impl HostKeyChecking {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Strict => "yes",
            Self::AcceptNew => "accept-new",
        }
    }
}

/// How one host is reached. What is not said here is what the user's ssh configuration says.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The host's name in the inventory.
    pub name: String,
    /// A host name, an alias of the ssh configuration or an IP address.
    pub address: String,
    /// The port.
    pub port: Option<u16>,
    /// The login user.
    pub user: Option<String>,
    /// A private key.
    pub key: Option<PathBuf>,
    /// Further options of ssh, from a short list of harmless ones.
    pub options: Vec<(String, String)>,
    /// Hosts to go through: `[user@]host[:port]`, several with commas.
    pub jump: Option<String>,
    /// sudo's password, where one is known.
    pub password: Option<Secret>,
    /// What runs scripts there.
    pub shell: Shell,
    /// What to do about an unknown host key.
    pub host_key_checking: HostKeyChecking,
    /// How long a connection outlives its last use; 0 closes it at [`super::Pool::finish`].
    pub persist: Duration,
    /// Another ssh configuration than the user's.
    pub ssh_config: Option<PathBuf>,
}

impl Destination {
    /// A host by its address alone.
    #[must_use]
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            address: address.into(),
            port: None,
            user: None,
            key: None,
            options: Vec::new(),
            jump: None,
            password: None,
            shell: Shell::Posix,
            host_key_checking: HostKeyChecking::default(),
            persist: Duration::from_secs(60),
            ssh_config: None,
        }
    }

    /// Whether every word may be handed to ssh; asked before any process starts.
    ///
    /// # Errors
    /// The first word that may not.
    pub fn check(&self) -> Result<(), Cause> {
        name::host(&self.name)?;
        name::host(&self.address)?;
        self.port.map_or(Ok(()), name::port)?;
        self.user.as_deref().map_or(Ok(()), name::user)?;
        self.key.as_deref().map_or(Ok(()), |key| name::file("private key", key))?;
        self.ssh_config.as_deref().map_or(Ok(()), |file| name::file("ssh configuration", file))?;
        self.jump.as_deref().map_or(Ok(Vec::new()), super::jump::parse)?;
        self.password.as_ref().map_or(Ok(()), Secret::check)?;
        self.options.iter().try_for_each(|(key, value)| option::check(key, value))
    }
}
