//! The trust stores of distributions: where an anchor is dropped, what makes a bundle of it, and what may enter.

use crate::certs::Certificate;
use crate::contract::{Facts, HostPath};

/// A distribution's trust store.
#[derive(Debug, PartialEq, Eq)]
pub struct TrustStoreRow {
    /// Its name in messages.
    pub name: &'static str,
    /// `ID` of /etc/os-release, or a word of `ID_LIKE`.
    pub ids: &'static [&'static str],
    /// The major release that the row is for; empty for all that no earlier row is for.
    pub(super) release: &'static str,
    /// Where anchors are dropped.
    pub drop: &'static str,
    /// What a file's name there must end in to be read.
    pub suffix: &'static str,
    /// Makes the bundle anew after an addition.
    pub refresh: &'static [&'static str],
    /// Makes it anew after a removal, and clears the links that lead nowhere now.
    pub refresh_removed: &'static [&'static str],
    /// The bundle that it makes, under the name by which Go and curl find it.
    pub bundle: &'static str,
    /// The directory of which Go reads every file besides.
    pub directory: &'static str,
    /// Whether only a CA's certificate enters the bundle; anything else is left out without a word.
    pub ca_only: bool,
    /// The package that brings the tool.
    pub package: &'static str,
}

impl TrustStoreRow {
    /// Where Go programs of this platform look for the bundle; the first that they can read counts.
    #[must_use]
    pub fn bundles(&self) -> &[&'static str] {
        if self.bundle == WINDOWS_ROOTS { &[WINDOWS_ROOTS] } else { GO_BUNDLES }
    }

    /// Whether the store would leave a certificate out without a word.
    #[must_use]
    pub fn leaves_out(&self, certificate: &Certificate) -> bool {
        self.ca_only && !certificate.enters_p11_kit()
    }
}

/// Where Go's crypto/x509 looks for the system's bundle; the first that it can read counts.
pub const GO_BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// One row a family.
const ROWS: &[TrustStoreRow] = &[
    TrustStoreRow {
        name: "Debian and Ubuntu",
        ids: &["debian", "ubuntu", "raspbian", "linuxmint"],
        release: "",
        drop: "/usr/local/share/ca-certificates",
        suffix: ".crt",
        refresh: &["update-ca-certificates"],
        refresh_removed: &["update-ca-certificates", "--fresh"],
        bundle: "/etc/ssl/certs/ca-certificates.crt",
        directory: "/etc/ssl/certs",
        ca_only: false,
        package: "ca-certificates",
    },
    TrustStoreRow {
        name: "Alpine",
        ids: &["alpine"],
        release: "",
        drop: "/usr/local/share/ca-certificates",
        suffix: ".crt",
        refresh: &["update-ca-certificates"],
        refresh_removed: &["update-ca-certificates"],
        bundle: "/etc/ssl/certs/ca-certificates.crt",
        directory: "/etc/ssl/certs",
        ca_only: false,
        package: "ca-certificates",
    },
    TrustStoreRow {
        name: "Red Hat's family, release 6",
        ids: &["rhel", "centos", "ol"],
        release: "6",
        drop: "/etc/pki/ca-trust/source/anchors",
        suffix: ".crt",
        // Until it is enabled, the bundle is a file of the package and anchors are left out.
        refresh: &["sh", "-c", "update-ca-trust enable && update-ca-trust extract"],
        refresh_removed: &["sh", "-c", "update-ca-trust enable && update-ca-trust extract"],
        bundle: "/etc/pki/tls/certs/ca-bundle.crt",
        directory: "/etc/pki/tls/certs",
        ca_only: true,
        package: "ca-certificates",
    },
    TrustStoreRow {
        name: "Red Hat's family",
        ids: &["rhel", "centos", "fedora", "rocky", "almalinux", "ol", "amzn", "azurelinux", "mariner"],
        release: "",
        drop: "/etc/pki/ca-trust/source/anchors",
        suffix: ".crt",
        refresh: &["update-ca-trust", "extract"],
        refresh_removed: &["update-ca-trust", "extract"],
        bundle: "/etc/pki/tls/certs/ca-bundle.crt",
        directory: "/etc/pki/tls/certs",
        ca_only: true,
        package: "ca-certificates",
    },
    TrustStoreRow {
        name: "SUSE",
        ids: &["sles", "suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed"],
        release: "",
        drop: "/etc/pki/trust/anchors",
        suffix: ".crt",
        refresh: &["update-ca-certificates"],
        refresh_removed: &["update-ca-certificates"],
        bundle: "/etc/ssl/ca-bundle.pem",
        directory: "/etc/ssl/certs",
        ca_only: true,
        package: "ca-certificates",
    },
    TrustStoreRow {
        name: "Arch Linux",
        ids: &["arch", "manjaro"],
        release: "",
        drop: "/etc/ca-certificates/trust-source/anchors",
        suffix: ".crt",
        refresh: &["update-ca-trust"],
        refresh_removed: &["update-ca-trust"],
        bundle: "/etc/ssl/certs/ca-certificates.crt",
        directory: "/etc/ssl/certs",
        ca_only: true,
        package: "ca-certificates-utils",
    },
    TrustStoreRow {
        name: "Flatcar and Container Linux",
        ids: &["flatcar", "coreos"],
        release: "",
        // Anchors lie beside the links that the tool makes of them.
        drop: "/etc/ssl/certs",
        suffix: ".pem",
        refresh: &["update-ca-certificates"],
        refresh_removed: &["update-ca-certificates"],
        bundle: "/etc/ssl/certs/ca-certificates.crt",
        directory: "/etc/ssl/certs",
        ca_only: false,
        package: "ca-certificates",
    },
    TrustStoreRow {
        name: "Windows",
        ids: &["windows"],
        release: "",
        // Windows keeps no files: these say which of the store's certificates are dtrctl's.
        drop: r"C:\ProgramData\dtrctl\anchors",
        suffix: ".crt",
        refresh: &["Import-Certificate", "-CertStoreLocation", WINDOWS_ROOTS],
        refresh_removed: &["Remove-Item", "-LiteralPath", WINDOWS_ROOTS],
        bundle: WINDOWS_ROOTS,
        directory: r"C:\ProgramData\dtrctl\anchors",
        ca_only: false,
        package: "",
    },
];

/// The store of certificates that Windows trusts for the whole machine.
const WINDOWS_ROOTS: &str = r"Cert:\LocalMachine\Root";

/// Rows by their drop directory, for a host whose distribution is not known: the first that the host has. On a host with
/// both, p11-kit's is what makes the bundle.
#[must_use]
pub fn by_directory() -> Vec<&'static TrustStoreRow> {
    let row = |name: &str| ROWS.iter().find(|row| row.name == name);
    ["Red Hat's family", "SUSE", "Arch Linux", "Debian and Ubuntu"].into_iter().filter_map(row).collect()
}

/// The row of a host, by its ID, else by the families that it names, nearest first.
#[must_use]
pub fn of(facts: &Facts) -> Option<&'static TrustStoreRow> {
    if let Some(row) = super::boot2docker::trust_store(facts) {
        return Some(row);
    }
    let mut names = std::iter::once(&facts.id).chain(&facts.id_like);
    let major = facts.version_id.split('.').next().unwrap_or_default();
    let fits = |row: &&TrustStoreRow, name: &str| {
        row.ids.contains(&name) && (row.release.is_empty() || row.release == major)
    };
    names.find_map(|name| ROWS.iter().find(|row| fits(row, name)))
}

/// A path of a table.
///
/// # Panics
/// Where a table holds text that is no path; a test reads every row.
#[must_use]
pub fn path(text: &str) -> HostPath {
    HostPath::object(text).unwrap_or_else(|| HostPath::new(text).expect("a table holds absolute paths"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(id: &str, like: &[&str]) -> Facts {
        Facts {
            id: id.to_owned(),
            id_like: like.iter().map(|&word| word.to_owned()).collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn every_row_holds_paths_and_an_identity_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for row in ROWS {
            for text in [row.drop, row.bundle, row.directory] {
                assert_eq!(path(text).as_str(), text);
            }
            assert!(row.suffix.starts_with('.') && row.bundles().contains(&row.bundle));
            assert!(row.ids.iter().all(|id| seen.insert((*id, row.release))), "{}", row.name);
        }
        assert!(GO_BUNDLES.iter().all(|bundle| path(bundle).as_str() == *bundle));
    }

    #[test]
    fn a_host_is_known_by_its_id_then_by_its_family() {
        let name = |id: &str, like: &[&str]| of(&facts(id, like)).map(|row| row.name);
        assert_eq!(name("debian", &[]), Some("Debian and Ubuntu"));
        assert_eq!(name("pop", &["ubuntu", "debian"]), Some("Debian and Ubuntu"));
        assert_eq!(name("rocky", &["rhel", "centos", "fedora"]), Some("Red Hat's family"));
        assert_eq!(name("opensuse-leap", &["suse", "opensuse"]), Some("SUSE"));
        assert_eq!(name("flatcar", &["coreos"]), Some("Flatcar and Container Linux"));
        assert_eq!(name("nixos", &[]), None);
        assert_eq!(name("", &[]), None);
        let mut old = facts("centos", &["rhel", "fedora"]);
        old.version_id = "6.10".to_owned();
        assert_eq!(of(&old).map(|row| row.refresh[0]), Some("sh"), "release 6 has to be told once");
        old.version_id = "7".to_owned();
        assert_eq!(of(&old).map(|row| row.name), Some("Red Hat's family"));
    }

    #[test]
    fn an_unknown_host_is_known_by_the_directories_it_has() {
        let drops: Vec<&str> = by_directory().iter().map(|row| row.drop).collect();
        assert_eq!(drops[0], "/etc/pki/ca-trust/source/anchors");
        assert_eq!(drops.len(), 4);
    }
}
