//! The version of a Docker engine.

use std::fmt;
use std::str::FromStr;

/// Major, minor and patch; what a distribution or an edition appends (`+dfsg1`, `-ce`) is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `20` in `20.10.24`.
    pub major: u32,
    /// `10` in `20.10.24`.
    pub minor: u32,
    /// `24` in `20.10.24`.
    pub patch: u32,
}

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version of Docker; it begins with numbers such as `20.10.24`")]
pub struct VersionError(pub String);

impl Version {
    /// A version from its three numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.to_owned());
        let bare = text.trim().trim_start_matches('v');
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        let (numbers, rest) = bare.split_at(end);
        // `1.2.3beta` and `1.2.x` are not understood; an appendix is set off by one of these.
        if !rest.is_empty() && !rest.starts_with(['-', '+', '~', ' ', ',']) {
            return Err(error());
        }
        let numbers: Vec<u32> =
            numbers.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| error())?;
        match numbers[..] {
            [major, minor] => Ok(Self::new(major, minor, 0)),
            [major, minor, patch, ..] => Ok(Self::new(major, minor, patch)),
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_docker_writes_them() {
        for (text, version) in [
            ("20.10.24+dfsg1", Version::new(20, 10, 24)),
            ("17.06.0-ce", Version::new(17, 6, 0)),
            ("v28.5.2", Version::new(28, 5, 2)),
            ("29.7", Version::new(29, 7, 0)),
            ("1.13.1, build 092cba3", Version::new(1, 13, 1)),
            ("26.1.5+dfsg1-9+b9", Version::new(26, 1, 5)),
        ] {
            assert_eq!(text.parse(), Ok(version), "{text}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "dev", "library-import", "20", "20.x", "20.10.24beta", "99999999999.1.1", "1..2"] {
            assert_eq!(text.parse::<Version>(), Err(VersionError(text.to_owned())));
        }
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert!(Version::new(1, 13, 1) < Version::new(17, 6, 0));
        assert!(Version::new(20, 10, 9) < Version::new(20, 10, 24));
    }
}
