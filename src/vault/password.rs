//! Where a vault's password comes from: a file, or a program that prints it.

use std::fmt;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::envelope::is_encrypted;

/// A vault's password: it can be used, but not printed.
#[derive(Clone)]
pub struct Password(Box<[u8]>);

/// Why a password cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// There is no such file, or it cannot be read.
    #[error("the vault password file `{file}` cannot be read: {why}")]
    File {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The program did not run, or not to a good end.
    #[error("the vault password program `{file}` {why}")]
    Program {
        /// The program.
        file: String,
        /// What it did.
        why: String,
    },
    /// Nothing but line ends.
    #[error("the vault password is empty")]
    Empty,
}

impl Password {
    /// Takes a password over, without the line ends around it.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn new(bytes: &[u8]) -> Result<Self, Unreadable> {
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let start = bytes.iter().position(|byte| !is_end(byte)).ok_or(Unreadable::Empty)?;
        let end = bytes.iter().rposition(|byte| !is_end(byte)).map_or(start, |last| last + 1);
        Ok(Self(bytes[start..end].into()))
    }

    /// The password itself, for the one place that derives keys from it.
    pub(super) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The password in a file; of one that may be executed, what it prints. `label` goes to a program whose name ends in
/// `-client`, before its ending.
///
/// # Errors
/// See [`Unreadable`].
pub fn file(path: &Path, label: Option<&str>) -> Result<Password, Unreadable> {
    let shown = || path.display().to_string();
    let failed = |why: String| Unreadable::File { file: shown(), why };
    let metadata = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if metadata.is_dir() {
        return Err(failed("it is a directory".to_owned()));
    }
    if metadata.permissions().mode() & 0o111 != 0 {
        return program(path, label);
    }
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let bytes = bytes.trim_ascii();
    if is_encrypted(bytes) {
        return Err(failed("it is encrypted itself; decrypt it first".to_owned()));
    }
    Password::new(bytes)
}

/// Whether a program is told the label.
#[must_use]
pub fn client(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client"))
}

fn program(path: &Path, label: Option<&str>) -> Result<Password, Unreadable> {
    let failed = |why: String| Unreadable::Program { file: path.display().to_string(), why };
    // A name without a slash would be looked for elsewhere.
    let absolute = std::path::absolute(path).map_err(|error| failed(format!("cannot be run: {error}")))?;
    let mut command = Command::new(absolute);
    if client(path) {
        command.args(label.map(|label| ["--vault-id", label]).into_iter().flatten());
    }
    let output = command.stdin(Stdio::inherit()).stderr(Stdio::inherit()).output().map_err(|error| {
        failed(format!("cannot be run: {error}; if it is no program, take its executable bit away"))
    })?;
    if !output.status.success() {
        return Err(failed(format!("failed: {}", output.status)));
    }
    Password::new(&output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_a_program_is_run() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let of = |path: &Path| {
            let password = file(path, Some("prod")).map(|password| password.reveal().to_vec());
            password.map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(of(&write("plain", "pass word\r\n", 0o600)).unwrap(), "pass word");
        assert_eq!(of(&write("run", "#!/bin/sh\necho \"$#\"\n", 0o700)).unwrap(), "0");
        assert_eq!(
            of(&write("get-client.sh", "#!/bin/sh\necho \"$*\"\n", 0o700)).unwrap(),
            "--vault-id prod"
        );
        assert!(
            of(&write("bad", "#!/bin/sh\nexit 3\n", 0o700)).unwrap_err().contains("failed: exit status: 3")
        );
        assert!(of(&write("empty", "\n", 0o600)).unwrap_err().contains("is empty"));
        assert!(
            of(&write("vault", "$ANSIBLE_VAULT;1.1;AES256\n", 0o600))
                .unwrap_err()
                .contains("encrypted itself")
        );
        assert!(of(folder.path()).unwrap_err().contains("is a directory"));
        assert!(of(&folder.path().join("none")).unwrap_err().contains("cannot be read"));
    }
}
