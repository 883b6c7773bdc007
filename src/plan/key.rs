//! The key by which digests of secrets are made: without it nobody can try out what a short one is.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;

const LENGTH: usize = 32;

/// Where the key lies, and whether it may be made there.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// The file.
    pub path: PathBuf,
}

/// A key that was read.
pub struct Key(hmac::Key);

impl KeyFile {
    /// Reads the key; makes it where there is none yet.
    ///
    /// # Errors
    /// The sentence that says why there is none.
    pub fn read_or_make(&self) -> Result<Key, String> {
        if let Some(key) = self.read()? {
            return Ok(key);
        }
        self.make().map_err(|error| format!("`{}` cannot be written: {error}", self.path.display()))?;
        self.read()?.ok_or_else(|| format!("`{}` has gone as soon as it was written", self.path.display()))
    }

    /// Reads the key; none where there is no file.
    ///
    /// # Errors
    /// The sentence that says what is wrong with the file.
    pub fn read(&self) -> Result<Option<Key>, String> {
        let shown = self.path.display();
        let metadata = match std::fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("`{shown}` cannot be read: {error}")),
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(format!("`{shown}` is a key that others may read: `chmod 600 {shown}`"));
        }
        let bytes =
            std::fs::read(&self.path).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
        if bytes.len() != LENGTH {
            return Err(format!(
                "`{shown}` is no key of a plan: it holds {} bytes, not {LENGTH}",
                bytes.len()
            ));
        }
        Ok(Some(Key(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }

    /// Of two runs that make it at once, one is first, and the other takes what it has made.
    fn make(&self) -> std::io::Result<()> {
        let mut bytes = [0; LENGTH];
        getrandom::fill(&mut bytes).map_err(|_| std::io::Error::other("no random bytes"))?;
        let directory = self.path.parent().unwrap_or(Path::new("/"));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&bytes)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&self.path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    }
}

impl Key {
    /// The keyed digest of bytes, in lower-case hex.
    #[must_use]
    pub fn digest(&self, bytes: &[u8]) -> String {
        let tag = hmac::sign(&self.0, bytes);
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A name for the key that says nothing of it.
    #[must_use]
    pub fn name(&self) -> String {
        self.digest(b"the name of a dtrctl plan key")[..16].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &tempfile::TempDir) -> KeyFile {
        KeyFile { path: folder.path().join("state/dtrctl/plan.key") }
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        assert!(file.read().unwrap().is_none());
        let made = file.read_or_make().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file.path), mode(file.path.parent().unwrap())), (0o600, 0o700));
        let again = file.read_or_make().unwrap();
        assert_eq!((made.name(), made.digest(b"x")), (again.name(), again.digest(b"x")));
        assert_ne!(made.digest(b"x"), made.digest(b"y"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder);
        _ = file.read_or_make().unwrap();
        std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(file.read().is_err_and(|error| error.contains("others may read")));
        std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&file.path, "short").unwrap();
        assert!(file.read_or_make().is_err_and(|error| error.contains("holds 5 bytes")));
    }
}
