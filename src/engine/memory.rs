//! What is remembered of hosts between runs: facts, trust bundles, and the answers of converged tasks.
//!
//! It saves round trips and bytes, never decides anything: a host's first script reads its facts again, and a
//! remembered answer counts only where the host itself gives it again.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use modules::BundleText;
use serde::{Deserialize, Serialize};

/// A directory of the controller, or nothing where none can be had.
#[derive(Debug, Clone)]
pub struct Memory {
    directory: Option<PathBuf>,
    /// The bundles that were read or kept by this run, by their digests; filled with those of the directory when first asked.
    bundles: Arc<Mutex<Option<BTreeMap<String, BundleText>>>>,
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
        Self { directory: made.then(|| directory.to_path_buf()), bundles: Arc::default() }
    }

    /// No memory.
    #[must_use]
    pub fn none() -> Self {
        Self { directory: None, bundles: Arc::default() }
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
        self.with_bundles(|bundles| bundles.keys().cloned().collect())
    }

    /// A bundle by its digest. Many hosts have the same one: it is read once.
    #[must_use]
    pub fn bundle(&self, digest: &str) -> Option<BundleText> {
        self.with_bundles(|bundles| bundles.get(digest).cloned())
    }

    /// Keeps a bundle.
    pub fn keep_bundle(&self, text: &BundleText) {
        let is_new = self.with_bundles(|bundles| match bundles.entry(text.digest().to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(text.clone());
                true
            }
        });
        if let Some(path) = self.path("bundles", text.digest()).filter(|_| is_new) {
            _ = write(&path, text.bytes());
        }
    }

    fn with_bundles<T>(&self, then: impl FnOnce(&mut BTreeMap<String, BundleText>) -> T) -> T {
        let mut bundles = self.bundles.lock().unwrap_or_else(PoisonError::into_inner);
        then(bundles.get_or_insert_with(|| self.read_bundles()))
    }

    /// Those of the directory whose content still has the digest that names it: a host does not send again what is here.
    fn read_bundles(&self) -> BTreeMap<String, BundleText> {
        let Some(directory) = self.path("bundles", "") else { return BTreeMap::new() };
        let files = fs::read_dir(directory).into_iter().flatten().flatten();
        let read = |file: fs::DirEntry| {
            let name = file.file_name().into_string().ok().filter(|name| name.len() == 64)?;
            let text = BundleText::from(fs::read(file.path()).ok()?);
            (text.digest() == name).then_some((name, text))
        };
        files.filter_map(read).collect()
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
