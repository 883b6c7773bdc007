//! What is remembered of hosts between runs: facts, trust bundles, and the answers of converged tasks.
//!
//! It saves round trips and bytes, never decides anything: a host's first script reads its facts again, and a
//! remembered answer counts only where the host itself gives it again.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// A directory of the controller, or nothing where none can be had.
#[derive(Debug, Clone)]
pub struct Memory {
    directory: Option<PathBuf>,
}

/// What is remembered of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostMemory {
    /// The facts' frame as the host printed it, by identity.
    pub facts: HashMap<String, String>,
    /// For each task that had nothing to do: the digests of its answers.
    pub settled: HashMap<String, Vec<String>>,
}

impl Memory {
    /// A memory in a directory, which is made where it is missing.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let made = ["hosts", "bundles"].iter().all(|name| {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(directory.join(name)).is_ok()
        });
        Self { directory: made.then(|| directory.to_path_buf()) }
    }

    /// No memory.
    #[must_use]
    pub const fn none() -> Self {
        Self { directory: None }
    }

    fn path(&self, kind: &str, name: &str) -> Option<PathBuf> {
        Some(self.directory.as_ref()?.join(kind).join(name))
    }

    /// What is remembered of the host of this key.
    #[must_use]
    pub fn host(&self, key: &str) -> HostMemory {
        self.path("hosts", key)
            .and_then(|path| fs::read(path).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Remembers a host. What cannot be written is not remembered.
    pub fn keep_host(&self, key: &str, memory: &HostMemory) {
        if let (Some(path), Ok(json)) = (self.path("hosts", key), serde_json::to_vec(memory)) {
            _ = write(&path, &json);
        }
    }

    /// The digests of all bundles at hand.
    #[must_use]
    pub fn bundles(&self) -> Vec<String> {
        let Some(directory) = self.path("bundles", "") else { return Vec::new() };
        let names = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        // A host does not send again what is listed here, so it has to be whole.
        names.retain(|name| name.len() == 64 && self.bundle(name).is_some());
        names.sort();
        names
    }

    /// A bundle, if its content still has the digest that names it.
    #[must_use]
    pub fn bundle(&self, digest: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path("bundles", digest)?).ok()?;
        (modules::digest(&bytes) == digest).then_some(bytes)
    }

    /// Keeps a bundle.
    pub fn keep_bundle(&self, bytes: &[u8]) {
        if let Some(path) = self
            .path("bundles", &modules::digest(bytes))
            .filter(|_| self.bundle(&modules::digest(bytes)).is_none())
        {
            _ = write(&path, bytes);
        }
    }
}

/// Writes beside the file, then renames, so that two runs side by side never read half a file.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Hosts run side by side, and many of them have the same bundle.
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        _ = fs::remove_file(&beside);
    }
    written
}
