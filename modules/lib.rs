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
mod facts;
mod fail;
mod fetch_cert;
mod file;
mod generate_cert;
mod get_url;
mod guards;
mod install_anchor;
mod lineinfile;
mod lines;
mod pause;
mod ping;
mod raw;
mod registry_check;
mod registry_tls;
mod registry_trust;
mod replace;
mod restart_docker;
mod script;
mod service;
mod services;
mod setup;
mod shell;
mod slurp;
mod stat;
mod stores;
mod systemd;
mod template;
#[cfg(test)]
mod testing;
mod text_encoding;
mod tls_pair;
mod trouble;
mod undo;
mod uri;
mod wait_for;
mod words;
mod writing;

pub use contract::*;
pub use facts::{ansible_facts, injected_facts};

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
    Entry::of::<fail::Fail>(),
    Entry::of::<fetch_cert::FetchCert>(),
    Entry::of::<file::FileState>(),
    Entry::of::<generate_cert::GenerateCert>(),
    Entry::of::<get_url::GetUrl>(),
    Entry::of::<install_anchor::InstallAnchor>(),
    Entry::of::<pause::Pause>(),
    Entry::of::<ping::Ping>(),
    Entry::of::<raw::Raw>(),
    Entry::of::<lineinfile::LineInFile>(),
    Entry::of::<registry_check::RegistryCheck>(),
    Entry::of::<registry_trust::RegistryTrust>(),
    Entry::of::<registry_tls::RegistryTls>(),
    Entry::of::<replace::Replace>(),
    Entry::of::<restart_docker::RestartDocker>(),
    Entry::of::<script::Script>(),
    Entry::of::<service::Service>(),
    Entry::of::<setup::Setup>(),
    Entry::of::<shell::Shell>(),
    Entry::of::<systemd::SystemdService>(),
    Entry::of::<uri::Uri>(),
    Entry::of::<wait_for::WaitFor>(),
    Entry::of::<slurp::Slurp>(),
    Entry::of::<stat::StatPath>(),
    Entry::of::<template::Template>(),
    Entry::of::<undo::Undo>(),
];

/// Every module's schema, made once: a playbook's arguments are held against it for each task of each host.
static SCHEMAS: LazyLock<HashMap<&'static str, serde_json::Value>> =
    LazyLock::new(|| MODULES.iter().map(|entry| (entry.name, entry.schema())).collect());

/// The JSON Schema of a module's arguments.
#[must_use]
pub fn schema(entry: &Entry) -> &'static serde_json::Value {
    match entry.declared() {
        Some(declared) => declared.schema(),
        None => &SCHEMAS[entry.name],
    }
}

/// What the host's script library has to know of a host, as names and values of shell variables.
#[must_use]
pub fn header(host: &Host) -> Vec<(&'static str, String)> {
    platform::Daemon::assumed(host).header()
}

/// Why a host's daemon would neither reload nor start with its files as they stand; none where it would, or nobody knows.
#[must_use]
pub fn daemon_verdict(host: &Host) -> Probe<Option<String>> {
    restart_docker::verdict(host)
}

/// Whether a module's changes may break what the daemon reads at its start, and it has not judged them itself.
#[must_use]
pub fn writes_unjudged(module: &str, host: &Host, changes: &[Change]) -> bool {
    let daemon = platform::Daemon::assumed(host);
    let profile = platform::boot2docker::is(&host.facts).then(platform::boot2docker::profile);
    let read = |path: &HostPath| *path == daemon.config || Some(path) == profile.as_ref();
    let judges = [daemon_json::DaemonJson::NAME, boot2docker_profile::Boot2DockerProfile::NAME];
    !judges.contains(&module) && changes.iter().filter_map(Change::path).any(read)
}

/// The text of the guard of a host, which puts it back after so many seconds without a word from its run.
#[must_use]
pub fn guard_program(host: &Host, silence: u64) -> String {
    let daemon = platform::Daemon::assumed(host);
    contract::guard::program(&daemon.header(), silence, daemon.service.restart, daemon.service.reload)
}

/// Whether a host is of a platform that dtrctl was never run on; none where there is no host.
#[must_use]
pub fn untested(host: Option<&Host>) -> Option<&'static platform::Untested> {
    platform::untested(&host?.facts)
}

/// The module of a name; `ansible.builtin.` before it is allowed, where Ansible has one of that name, and so is its older name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Entry> {
    let name = match name.strip_prefix("ansible.builtin.").unwrap_or(name) {
        "systemd" => "systemd_service",
        name => name,
    };
    MODULES.iter().find(|entry| entry.name == name)
}
