//! What Ansible calls a distribution, its version and its release.

use crate::contract::Facts;

/// `ID` of /etc/os-release, and Ansible's name.
const NAMES: &[(&str, &str)] = &[
    ("debian", "Debian"),
    ("raspbian", "Debian"),
    ("ubuntu", "Ubuntu"),
    ("linuxmint", "Linux Mint"),
    ("kali", "Kali"),
    ("devuan", "Devuan"),
    ("pop", "Pop!_OS"),
    ("rhel", "RedHat"),
    ("centos", "CentOS"),
    ("rocky", "Rocky"),
    ("almalinux", "AlmaLinux"),
    ("fedora", "Fedora"),
    ("ol", "OracleLinux"),
    ("amzn", "Amazon"),
    ("alpine", "Alpine"),
    ("arch", "Archlinux"),
    ("opensuse-leap", "openSUSE Leap"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed"),
    ("sles", "SLES"),
    ("flatcar", "Flatcar"),
];

/// What Ansible calls `distribution`.
#[must_use]
pub fn distribution(facts: &Facts) -> String {
    if let Some((_, name)) = NAMES.iter().find(|(id, _)| *id == facts.id) {
        return (*name).to_owned();
    }
    // A system without /etc/os-release, such as CentOS 6, says its name in another file.
    match facts.release_file.split(" release ").next().filter(|name| facts.id.is_empty() && !name.is_empty())
    {
        Some(name) if name.starts_with("Red Hat") => "RedHat".to_owned(),
        Some(name) => name.split(' ').next().unwrap_or(name).to_owned(),
        None => {
            let mut chars = facts.id.chars();
            chars
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
        }
    }
}

/// What Ansible calls `distribution_version`: with the minor number where a file other than /etc/os-release has it.
#[must_use]
pub fn version(facts: &Facts) -> String {
    let numbers =
        |text: &str| text.split('.').all(|part| part.chars().all(|c| c.is_ascii_digit()) && !part.is_empty());
    let of_debian = facts.debian_version.trim();
    let of_file = facts.release_file.split(" release ").nth(1).and_then(|rest| rest.split(' ').next());
    match distribution(facts).as_str() {
        "Debian" if of_debian.contains('.') && numbers(of_debian) => of_debian.to_owned(),
        "CentOS" | "RedHat" if of_file.is_some_and(numbers) => {
            let parts: Vec<&str> = of_file.unwrap_or_default().split('.').take(2).collect();
            parts.join(".")
        }
        _ => facts.version_id.clone(),
    }
}

/// What Ansible calls `distribution_release`: the release's own name, `NA` where it has none.
#[must_use]
pub fn release(facts: &Facts) -> String {
    let inner = |text: &str| Some(text.split_once('(')?.1.split_once(')')?.0.to_owned());
    let named = Some(facts.codename.clone()).filter(|name| !name.is_empty());
    let stream = facts.release_file.starts_with("CentOS Stream").then(|| "Stream".to_owned());
    named
        .or(stream)
        .or_else(|| inner(&facts.version))
        .or_else(|| inner(&facts.release_file))
        .unwrap_or_else(|| "NA".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_versions_and_releases_are_those_of_ansible() {
        let of =
            |id: &str, version_id: &str, version: &str, codename: &str, release_file: &str, debian: &str| {
                let owned = str::to_owned;
                let facts = Facts {
                    id: owned(id),
                    version_id: owned(version_id),
                    version: owned(version),
                    codename: owned(codename),
                    release_file: owned(release_file),
                    debian_version: owned(debian),
                    ..Facts::default()
                };
                [distribution(&facts), super::version(&facts), release(&facts)].join("|")
            };
        assert_eq!(of("debian", "12", "12 (bookworm)", "bookworm", "", "12.11\n"), "Debian|12.11|bookworm");
        assert_eq!(of("debian", "", "", "trixie", "", "trixie/sid"), "Debian||trixie");
        assert_eq!(
            of("ubuntu", "22.04", "22.04.3 LTS (Jammy Jellyfish)", "jammy", "", "bookworm/sid"),
            "Ubuntu|22.04|jammy"
        );
        let centos = "CentOS Linux release 7.9.2009 (Core)";
        assert_eq!(of("centos", "7", "7 (Core)", "", centos, ""), "CentOS|7.9|Core");
        assert_eq!(of("centos", "9", "9", "", "CentOS Stream release 9", ""), "CentOS|9|Stream");
        assert_eq!(of("", "", "", "", "CentOS release 6.10 (Final)", ""), "CentOS|6.10|Final");
        let rocky = "Rocky Linux release 8.6 (Green Obsidian)";
        assert_eq!(of("rocky", "8.6", "8.6 (Green Obsidian)", "", rocky, ""), "Rocky|8.6|Green Obsidian");
        assert_eq!(of("alpine", "3.18.4", "", "", "", ""), "Alpine|3.18.4|NA");
        assert_eq!(of("boot2docker", "18.09", "", "", "", ""), "Boot2docker|18.09|NA");
    }
}
