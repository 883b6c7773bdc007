//! The families that Ansible sorts systems into.

use crate::contract::Facts;

/// What Ansible calls `os_family`; `Unknown` where neither the system nor one that it is like is in the table.
#[must_use]
pub fn family(facts: &Facts) -> &'static str {
    match facts.id.as_str() {
        "debian" | "ubuntu" | "linuxmint" | "raspbian" => "Debian",
        "rhel" | "centos" | "rocky" | "almalinux" | "fedora" | "ol" | "amzn" => "RedHat",
        "alpine" => "Alpine",
        "windows" => "Windows",
        "arch" | "manjaro" => "Archlinux",
        id if id.starts_with("opensuse") || id == "sles" => "Suse",
        _ if facts.id_like.iter().any(|id| id == "debian") => "Debian",
        _ if facts.id_like.iter().any(|id| id == "rhel" || id == "fedora") => "RedHat",
        _ => "Unknown",
    }
}
