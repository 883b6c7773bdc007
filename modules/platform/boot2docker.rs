//! Boot2Docker: what of it survives a reboot, and since which release. Everything outside /var/lib/boot2docker and
//! /var/lib/docker is in memory. The facts are from the project's own scripts, at its tags.

use crate::contract::{Facts, HostPath};
use crate::daemon_config::Version;

use super::{TrustStoreRow, path};

/// The shell text that the daemon's start script reads its settings from.
const PROFILE: &str = "/var/lib/boot2docker/profile";
/// Run as root at each boot, before the daemon is started.
const BOOTSYNC: &str = "/var/lib/boot2docker/bootsync.sh";
/// Certificates that are put into the system's bundle at each boot.
const CERTIFICATES: &str = "/var/lib/boot2docker/certs";
/// Where /etc/docker leads to, so that it is kept.
const SETTINGS: &str = "/var/lib/boot2docker/etc/docker";
/// dtrctl's own directory.
const OURS: &str = "/var/lib/boot2docker/dtrctl";

/// The first release whose boot reads [`CERTIFICATES`]: 1.6.1 has a script for it that looks for them in a path which
/// does not exist.
const READS_CERTIFICATES: Version = Version::new(1, 6, 2);
/// The first release whose `bootsync.sh` need not be executable.
const RUNS_BY_SH: Version = Version::new(1, 7, 1);
/// The first release that links /etc/docker to [`SETTINGS`].
const KEEPS_SETTINGS: Version = Version::new(1, 10, 0);
/// The first release that has Tiny Core's own tool make the bundle.
const HAS_A_TOOL: Version = Version::new(18, 9, 0);

/// From 18.09 on. `refresh` is a function of the host's script library, which does what the boot does.
const LINKED: TrustStoreRow = TrustStoreRow {
    name: "Boot2Docker",
    ids: &["boot2docker"],
    release: "",
    drop: CERTIFICATES,
    suffix: ".pem",
    refresh: &["boot2docker_certificates", "link"],
    refresh_removed: &["boot2docker_certificates", "link"],
    bundle: "/etc/ssl/certs/ca-certificates.crt",
    directory: "/etc/ssl/certs",
    ca_only: false,
    package: "",
};

/// Before: the bundle, which lies in memory, is appended to.
const APPENDED: TrustStoreRow = TrustStoreRow {
    refresh: &["boot2docker_certificates", "append"],
    refresh_removed: &["boot2docker_certificates", "append"],
    ..LINKED
};

/// Whether a host is Boot2Docker.
#[must_use]
pub fn is(facts: &Facts) -> bool {
    facts.id == "boot2docker"
}

/// The release; none where `VERSION_ID` is no version, as in builds of people's own: these count as the last release.
fn release(facts: &Facts) -> Option<Version> {
    facts.version_id.parse().ok()
}

fn is_before(facts: &Facts, first: Version) -> bool {
    is(facts) && release(facts).is_some_and(|release| release < first)
}

/// The system's store.
pub(super) fn trust_store(facts: &Facts) -> Option<&'static TrustStoreRow> {
    let row = if is_before(facts, HAS_A_TOOL) { &APPENDED } else { &LINKED };
    is(facts).then_some(row)
}

/// Whether the boot itself puts certificates of [`CERTIFICATES`] into the bundle.
#[must_use]
pub fn reads_certificates(facts: &Facts) -> bool {
    !is_before(facts, READS_CERTIFICATES)
}

/// Whether /etc/docker is kept.
#[must_use]
pub fn keeps_settings(facts: &Facts) -> bool {
    !is_before(facts, KEEPS_SETTINGS)
}

/// Whether `bootsync.sh` is run whatever its permissions are.
#[must_use]
pub fn runs_by_sh(facts: &Facts) -> bool {
    !is_before(facts, RUNS_BY_SH)
}

/// The shell text that the daemon's start script reads its settings from.
#[must_use]
pub fn profile() -> HostPath {
    path(PROFILE)
}

/// The shell text that is run as root at each boot, before the daemon is started.
#[must_use]
pub fn bootsync() -> HostPath {
    path(BOOTSYNC)
}

/// The directory of certificates for the system's bundle.
#[must_use]
pub fn certificates() -> HostPath {
    path(CERTIFICATES)
}

/// Where /etc/docker leads to.
#[must_use]
pub fn settings() -> HostPath {
    path(SETTINGS)
}

/// dtrctl's own directory, and within it the directory from which certs.d is put back at boot.
#[must_use]
pub fn ours() -> (HostPath, HostPath) {
    (path(OURS), path(&format!("{OURS}/certs.d")))
}

/// What `bootsync.sh` has to do for releases that do not keep what dtrctl installs. It reads what is there, so that one
/// text serves all registries, and it serves later releases, too: there /etc/docker must not be made before the daemon's
/// script has linked it.
pub const PUT_BACK: &str = r#"case $(sed -n 's/^VERSION_ID=//p' /etc/os-release) in
0.* | 1.[0-9] | 1.[0-9].*) dtrctl_to=/etc/docker/certs.d ;;
*) dtrctl_to=/var/lib/boot2docker/etc/docker/certs.d ;;
esac
if [ -d /var/lib/boot2docker/dtrctl/certs.d ]; then
    mkdir -p "$dtrctl_to" && cp -R /var/lib/boot2docker/dtrctl/certs.d/. "$dtrctl_to/"
fi
dtrctl_bundle=/etc/ssl/certs/ca-certificates.crt
for dtrctl_file in /var/lib/boot2docker/certs/dtrctl-*.pem; do
    if [ -f "$dtrctl_file" ] && ! grep -qxF "$(tail -n 3 "$dtrctl_file" | head -n 1)" "$dtrctl_bundle"; then
        cat "$dtrctl_file" >>"$dtrctl_bundle"
    fi
done
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str) -> Facts {
        Facts { id: "boot2docker".to_owned(), version_id: version.to_owned(), ..Facts::default() }
    }

    #[test]
    fn releases_are_told_apart_by_what_their_boot_does() {
        let knows = |version: &str| {
            let facts = facts(version);
            (reads_certificates(&facts), runs_by_sh(&facts), keeps_settings(&facts))
        };
        assert_eq!(knows("1.5.0"), (false, false, false));
        assert_eq!(knows("1.6.1"), (false, false, false));
        assert_eq!(knows("1.6.2"), (true, false, false));
        assert_eq!(knows("1.9.1"), (true, true, false));
        assert_eq!(knows("1.10.0-rc1"), (true, true, true));
        assert_eq!(knows("17.06.0-ce"), (true, true, true));
        assert_eq!(knows("master"), (true, true, true));
        let how = |version: &str| trust_store(&facts(version)).map(|row| row.refresh[1]);
        assert_eq!(how("18.06.1-ce"), Some("append"));
        assert_eq!(how("18.09.0"), Some("link"));
        assert_eq!(how("19.03.12"), Some("link"));
        assert_eq!(how("master"), Some("link"));
        assert_eq!(trust_store(&Facts::default()), None);
        assert!(keeps_settings(&Facts::default()), "another system keeps everything");
    }

    #[test]
    fn every_path_is_absolute() {
        for path in [profile(), bootsync(), certificates(), settings(), ours().0, ours().1] {
            assert!(path.as_str().starts_with("/var/lib/boot2docker/"));
        }
    }
}
