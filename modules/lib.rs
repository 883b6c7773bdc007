//! The modules of dtrctl: pure functions from what a host says to what has to change.
//!
//! Absent on purpose: connections, files, clocks, randomness, the environment, printing, and any way to learn whether
//! this is check mode. `clippy.toml` bans the standard library's ways out.

use std::collections::HashMap;
use std::sync::LazyLock;

pub mod certs;
pub mod contract;
pub mod daemon_config;
pub mod platform;
pub mod pyregex;
pub mod review;

#[cfg(test)]
mod against_ansible;
mod arguments;
mod assert;
mod blockinfile;
mod boot2docker_profile;
mod command;
mod copy;
mod daemon_json;
mod daemon_view;
mod debug;
mod dtr_tls;
mod fetch_cert;
mod file;
mod generate_cert;
mod install_anchor;
mod lineinfile;
mod lines;
mod registry_check;
mod registry_tls;
mod registry_trust;
mod replace;
mod restart_docker;
mod slurp;
mod stat;
mod stores;
mod template;
#[cfg(test)]
mod testing;
mod text_encoding;
mod tls_pair;
mod trouble;
mod words;
mod writing;

pub use contract::*;

/// Every module, one line each. Help, reference and JSON Schema derive from it.
pub const MODULES: &[Entry] = &[
    Entry::of::<assert::Assert>(),
    Entry::of::<blockinfile::BlockInFile>(),
    Entry::of::<boot2docker_profile::Boot2DockerProfile>(),
    Entry::of::<command::Command>(),
    Entry::of::<copy::Copy>(),
    Entry::of::<daemon_json::DaemonJson>(),
    Entry::of::<debug::Debug>(),
    Entry::of::<dtr_tls::DtrTls>(),
    Entry::of::<fetch_cert::FetchCert>(),
    Entry::of::<file::FileState>(),
    Entry::of::<generate_cert::GenerateCert>(),
    Entry::of::<install_anchor::InstallAnchor>(),
    Entry::of::<lineinfile::LineInFile>(),
    Entry::of::<registry_check::RegistryCheck>(),
    Entry::of::<registry_trust::RegistryTrust>(),
    Entry::of::<registry_tls::RegistryTls>(),
    Entry::of::<replace::Replace>(),
    Entry::of::<restart_docker::RestartDocker>(),
    Entry::of::<slurp::Slurp>(),
    Entry::of::<stat::StatPath>(),
    Entry::of::<template::Template>(),
];

/// Every module's schema, made once: a playbook's arguments are held against it for each task of each host.
static SCHEMAS: LazyLock<HashMap<&'static str, serde_json::Value>> =
    LazyLock::new(|| MODULES.iter().map(|entry| (entry.name, (entry.schema)().to_value())).collect());

/// The JSON Schema of a module's arguments.
#[must_use]
pub fn schema(entry: &Entry) -> &'static serde_json::Value {
    &SCHEMAS[entry.name]
}

/// What the host's script library has to know of a host, as names and values of shell variables.
#[must_use]
pub fn header(host: &Host) -> Vec<(&'static str, String)> {
    platform::Daemon::assumed(host).header()
}

/// Whether a host is of a platform that dtrctl was never run on; none where there is no host.
#[must_use]
pub fn untested(host: Option<&Host>) -> Option<&'static platform::Untested> {
    platform::untested(&host?.facts)
}

/// The module of a name; `ansible.builtin.` before it is allowed, where Ansible has one of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    let name = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    MODULES.iter().find(|entry| entry.name == name)
}
