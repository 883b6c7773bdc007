//! The defaults that `ansible.cfg` and the environment give, for the subcommands that reach hosts or read inventories.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::output;
use crate::config::{Config, Surroundings};
use crate::error::Failure;

/// The settings; they are read once, and what they hold that is not used is said then.
pub fn settings() -> Result<&'static Config, Failure> {
    static READ: OnceLock<Config> = OnceLock::new();
    if let Some(config) = READ.get() {
        return Ok(config);
    }
    let directory = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mode = std::fs::metadata(&directory).map_or(0, |metadata| metadata.permissions().mode());
    let config = Config::load(&Surroundings {
        env: &|name| std::env::var_os(name),
        directory: &directory,
        writable_by_all: mode & 0o002 != 0,
    })?;
    Ok(READ.get_or_init(|| {
        config.notes.iter().for_each(|note| output::note(&format!("note: {note}")));
        config
    }))
}
