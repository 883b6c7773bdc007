//! An absolute path on a host: of a POSIX system, or of Windows.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

/// An absolute path on a host: no `.`, `..`, empty component or NUL.
///
/// One of Windows begins with a drive (`C:\ProgramData`), is kept with backslashes, and is the same as one that differs
/// by case alone. What Windows would read as something else than the file of that name is refused: devices such as
/// `NUL`, names that end in a dot or a space, streams (`file:stream`), wildcards, shares.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct HostPath(String);

/// Why a text is no [`HostPath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostPathError {
    /// The path begins neither with `/` nor with a drive.
    #[error("`{0}` is not an absolute path; write it from `/` or `C:\\`")]
    Relative(String),
    /// A component is `.`, `..` or empty.
    #[error("`{0}` has a `.`, `..` or empty component; write the path without it")]
    Component(String),
    /// The path holds a NUL byte, which no file name can.
    #[error("a path holds a NUL byte")]
    Nul,
    /// The path is longer than Linux takes (4,095 bytes, 255 a component), or Windows (259 characters).
    #[error("the path is longer than a host accepts (4095 bytes, 255 a component; 259 on Windows)")]
    Long,
    /// A share or a device of Windows.
    #[error("`{0}` is a share or a device of Windows; write a path that begins with a drive (`C:\\`)")]
    Share(String),
    /// A component that Windows reads as something else than a file of that name.
    #[error("`{name}` in `{path}` is no file name of Windows: {why}")]
    Name {
        /// The whole path.
        path: String,
        /// The component.
        name: String,
        /// The rule that it breaks.
        why: &'static str,
    },
}

/// Names that Windows gives to devices, in every directory and with every extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// What is no file, and yet has a name by which messages and answers know it; no playbook can name one.
const OBJECTS: &[&str] = &[r"\\.\pipe\", r"Cert:\LocalMachine\"];

impl HostPath {
    /// Reads a path; one trailing slash is dropped.
    ///
    /// # Errors
    /// [`HostPathError`] where the text is relative, holds NUL, or `.`/`..`/empty components, or is no name of a file on
    /// Windows.
    pub fn new(text: &str) -> Result<Self, HostPathError> {
        if text.contains('\0') {
            return Err(HostPathError::Nul);
        }
        if let Some((drive, rest)) = drive(text) {
            return windows(text, drive, rest);
        }
        if text.starts_with(r"\\") {
            return Err(HostPathError::Share(text.to_owned()));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(HostPathError::Relative(text.to_owned()));
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.split('/').any(is_no_name) {
            return Err(HostPathError::Component(text.to_owned()));
        }
        if text.len() > 4095 || rest.split('/').any(|part| part.len() > 255) {
            return Err(HostPathError::Long);
        }
        Ok(Self(format!("/{rest}")))
    }

    /// The name of something on Windows that is no file: a named pipe, a store of certificates.
    #[must_use]
    pub fn object(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let name = OBJECTS.iter().find_map(|prefix| text.strip_prefix(prefix))?;
        (!name.is_empty() && name.chars().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a path of Windows.
    #[must_use]
    pub fn is_windows(&self) -> bool {
        !self.0.starts_with('/')
    }

    const fn separator(windows: bool) -> char {
        if windows { '\\' } else { '/' }
    }

    /// The path of an entry in this directory.
    ///
    /// # Errors
    /// [`HostPathError`] where `name` is no single file name.
    pub fn join(&self, name: &str) -> Result<Self, HostPathError> {
        let windows = self.is_windows();
        if name.is_empty() || name.contains('/') || (windows && name.contains('\\')) {
            return Err(HostPathError::Component(name.to_owned()));
        }
        Self::new(&format!("{}{}{name}", self.0, Self::separator(windows)))
    }

    /// The directory that holds this path; none for an entry of `/` or of a drive itself.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (dir, _) = self.0.rsplit_once(Self::separator(self.is_windows()))?;
        (!dir.is_empty() && !dir.ends_with(':')).then(|| Self(dir.to_owned()))
    }

    /// The last component.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit(Self::separator(self.is_windows())).next().unwrap_or_default()
    }

    /// Whether `directory` is this path, or above it.
    #[must_use]
    pub fn is_within(&self, directory: &Self) -> bool {
        let (path, directory) = (self.folded(), directory.folded());
        path.strip_prefix(&*directory)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(Self::separator(self.is_windows())))
    }

    /// What two texts of one path have in common.
    fn folded(&self) -> Cow<'_, str> {
        if self.is_windows() { self.0.to_lowercase().into() } else { self.0.as_str().into() }
    }
}

fn is_no_name(part: &str) -> bool {
    part.is_empty() || part == "." || part == ".."
}

/// The drive's letter, and what follows its first slash.
fn drive(text: &str) -> Option<(char, &str)> {
    let letter = text.chars().next().filter(char::is_ascii_alphabetic)?;
    let rest = text[1..].strip_prefix(':')?.strip_prefix(['\\', '/'])?;
    Some((letter.to_ascii_uppercase(), rest))
}

fn windows(text: &str, drive: char, rest: &str) -> Result<HostPath, HostPathError> {
    let rest = rest.strip_suffix(['\\', '/']).unwrap_or(rest);
    let parts: Vec<&str> = rest.split(['\\', '/']).collect();
    if parts.iter().any(|part| is_no_name(part)) {
        return Err(HostPathError::Component(text.to_owned()));
    }
    for part in &parts {
        if let Some(why) = no_name_of_windows(part) {
            let (path, name) = (text.to_owned(), (*part).to_owned());
            return Err(HostPathError::Name { path, name, why });
        }
    }
    let path = format!("{drive}:\\{}", parts.join("\\"));
    if path.encode_utf16().count() > 259 {
        return Err(HostPathError::Long);
    }
    Ok(HostPath(path))
}

/// Why Windows would not take a name as it reads.
fn no_name_of_windows(name: &str) -> Option<&'static str> {
    if name.contains(':') {
        return Some("what follows a colon is a stream of the file");
    }
    if name.chars().any(|c| c.is_control() || r#"<>"|?*"#.contains(c)) {
        return Some("none of `<>\"|?*` and no control character can be in it");
    }
    if name.ends_with(['.', ' ']) {
        return Some("Windows drops a dot or a space at its end");
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let port = |kind: &str| {
        let number = stem.strip_prefix(kind).map(|rest| rest.chars().collect::<Vec<_>>());
        matches!(number.as_deref(), Some(['0'..='9' | '¹' | '²' | '³']))
    };
    (DEVICES.contains(&&*stem) || port("com") || port("lpt")).then_some("it is the name of a device")
}

impl PartialEq for HostPath {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || (self.is_windows() && self.folded() == other.folded())
    }
}

impl Eq for HostPath {}

impl Hash for HostPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl PartialOrd for HostPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HostPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl FromStr for HostPath {
    type Err = HostPathError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for HostPath {
    fn schema_name() -> Cow<'static, str> {
        "HostPath".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "an absolute path on the host"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> HostPath {
        HostPath::new(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn paths_of_windows_take_both_slashes_and_any_case() {
        let config = path(r"C:\ProgramData\docker\config\daemon.json");
        assert_eq!(config, path("c:/programdata/docker/config/daemon.json"));
        assert_eq!(path("c:/a/").as_str(), r"C:\a");
        assert_eq!(config.name(), "daemon.json");
        let directory = config.parent().unwrap();
        assert_eq!(directory.as_str(), r"C:\ProgramData\docker\config");
        assert_eq!(directory.join("daemon.json").unwrap(), config);
        assert!(config.is_within(&path(r"c:\PROGRAMDATA")) && !config.is_within(&path(r"C:\Program")));
        assert_eq!(path(r"C:\x").parent(), None);
        let mut set = std::collections::HashSet::from([config]);
        assert!(!set.insert(path(r"c:\programdata\Docker\config\DAEMON.json")));
        assert_ne!(path("/a/B"), path("/a/b"), "POSIX heeds case");
        assert!(path("/a/b").is_within(&path("/a")) && !path("/ab").is_within(&path("/a")));
    }

    #[test]
    fn what_windows_would_read_as_something_else_is_refused() {
        for text in [
            r"\\server\share\x",
            r"\\.\pipe\docker_engine",
            r"\\?\C:\x",
            "C:x",
            "C:",
            r"C:\",
            r"CC:\x",
            r"C:\a\..\b",
            r"C:\a\\b",
            r"C:\NUL",
            r"C:\a\con.txt",
            r"C:\a\Com1",
            r"C:\a\LPT¹.log",
            r"C:\a\aux .json",
            r"C:\a\b.",
            r"C:\a\b ",
            r"C:\a\b:stream",
            r"C:\a\b?",
            "C:\\a\\b\nc",
            "C:\\a\0b",
        ] {
            assert!(HostPath::new(text).is_err(), "{text:?}");
        }
        assert!(HostPath::new(&format!(r"C:\{}", "x".repeat(257))).is_err());
        for text in [r"C:\a\con1.txt", r"C:\com", r"C:\com10", r"C:\a b\c.d.e", r"C:\a\é"] {
            assert_eq!(path(text).as_str(), text);
        }
    }

    #[test]
    fn no_entry_leaves_its_directory() {
        for name in [r"a\b", "a/b", "..", "", "x:y", "nul"] {
            assert!(path(r"C:\d").join(name).is_err(), "{name}");
        }
        // A backslash is a letter like others on POSIX.
        assert_eq!(path("/d").join(r"a\b").unwrap().as_str(), r"/d/a\b");
    }

    #[test]
    fn objects_are_named_but_not_by_playbooks() {
        for text in [r"\\.\pipe\docker_engine", r"Cert:\LocalMachine\Root"] {
            assert!(HostPath::new(text).is_err());
            let object = HostPath::object(text).unwrap();
            assert!(object.is_windows() && object.as_str() == text);
        }
        for text in [r"\\.\pipe\", r"\\.\pipe\a\..\b", r"\\.\C:", r"C:\x", "/x"] {
            assert_eq!(HostPath::object(text), None, "{text}");
        }
    }
}
