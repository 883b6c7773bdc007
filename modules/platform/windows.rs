//! Windows Server: what differs there, and what was never seen to work.

use crate::contract::{DaemonSite, Facts, HostPath};

/// `ID` of its facts.
const ID: &str = "windows";

/// Where programs keep what belongs to the whole machine, if its daemon does not say.
const PROGRAM_DATA: &str = r"C:\ProgramData";

/// The daemon's named pipe.
pub(super) const PIPE: &str = r"\\.\pipe\docker_engine";

/// A platform whose scripts were never run on the real thing.
#[derive(Debug, PartialEq, Eq)]
pub struct Untested {
    /// The word that accepts it, in the variable `accept_untested`.
    pub name: &'static str,
    /// What that means, in one sentence.
    pub warning: &'static str,
}

const WINDOWS: Untested = Untested {
    name: ID,
    warning: "dtrctl was never run on a real Windows: its scripts for it were tested against a stand-in alone",
};

/// Whether a host is of Windows.
#[must_use]
pub fn is_windows(facts: &Facts) -> bool {
    facts.id == ID
}

/// Whether a host is of a platform that dtrctl was never run on.
#[must_use]
pub fn untested(facts: &Facts) -> Option<&'static Untested> {
    is_windows(facts).then_some(&WINDOWS)
}

/// The directory in which a daemon of Windows keeps its settings.
pub(super) fn settings(site: Option<&DaemonSite>) -> String {
    let data = site.and_then(|site| site.config_home.as_ref()).map_or(PROGRAM_DATA, HostPath::as_str);
    format!(r"{data}\docker")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_windows_is_untested() {
        let facts = |id: &str| Facts { id: id.to_owned(), ..Facts::default() };
        assert_eq!(untested(&facts("windows")).map(|untested| untested.name), Some("windows"));
        assert_eq!(untested(&facts("debian")), None);
        assert_eq!(untested(&Facts::default()), None);
    }
}
