//! What the controller answers and does itself: handshakes, requests, its clock, its files, the lock file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use modules::{Answer, Ask, AskError, Change, RecordPin, Told};
use time::OffsetDateTime;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::{local_tree, lock_file, reach};
use crate::issue;

/// One answer to a question that several hosts ask.
type Shared = Arc<OnceCell<Answer>>;

/// The controller's side of a run. A handshake with one registry is made once for all hosts, so that all see the same.
#[derive(Debug)]
pub struct Controller {
    /// When the run began: the one time that all certificates are judged by.
    now: OffsetDateTime,
    timeout: Duration,
    shared: Mutex<HashMap<String, Shared>>,
    /// One writer of a lock file at a time.
    locking: Mutex<()>,
    /// One delegated task at a time changes something here: many hosts have the same one.
    acting: Mutex<()>,
}

impl Controller {
    /// A controller with its clock read once.
    #[must_use]
    pub fn new(now: OffsetDateTime, timeout: Duration) -> Self {
        Self { now, timeout, shared: Mutex::default(), locking: Mutex::default(), acting: Mutex::default() }
    }

    /// Answers an ask. `epoch` tells apart the times between which something may have changed: the answers of one
    /// epoch are shared.
    pub async fn answer(&self, ask: &Ask, directory: &Path, epoch: &str) -> Answer {
        match ask {
            Ask::Now(_) => Answer::Now(self.now),
            Ask::LocalFile(file) => local_file(directory, Path::new(&file.path)).await,
            Ask::LocalTree(tree) => local_tree::read(&directory.join(&tree.path), tree),
            Ask::LockedPin(ask) => {
                let read = lock_file::read(&lock_path(directory), &ask.registry);
                read.map_or_else(|error| Answer::Failed(AskError::Host(error)), Answer::LockedPin)
            }
            Ask::Tls(_) | Ask::Http(_) => {
                let key = format!("{epoch} {}", serde_json::to_string(ask).unwrap_or_default());
                let cell = Arc::clone(self.shared.lock().await.entry(key).or_default());
                cell.get_or_init(|| Box::pin(self.reach(ask))).await.clone()
            }
            Ask::DtrSettings(dtr) => {
                // The ask itself does not show who asks.
                let whole = serde_json::to_string(ask).unwrap_or_default();
                let key = format!("{epoch} {} {whole}", super::dtr::asker(&dtr.api));
                let cell = Arc::clone(self.shared.lock().await.entry(key).or_default());
                let settings = || Box::pin(super::dtr::settings(&dtr.api, self.now, self.timeout));
                cell.get_or_init(|| async { Answer::DtrSettings(settings().await) }).await.clone()
            }
            _ => Answer::Failed(AskError::Lost),
        }
    }

    async fn reach(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::Tls(tls) => Answer::Tls(reach::served_chain(&tls.registry, self.timeout).await),
            Ask::Http(http) => {
                Answer::Http(reach::version_check(&http.registry, &http.trust, self.now, self.timeout).await)
            }
            _ => Answer::Failed(AskError::Lost),
        }
    }

    /// Makes a change of the controller's own.
    ///
    /// # Errors
    /// The sentence that says why it cannot be made.
    pub async fn apply(&self, change: &Change, directory: &Path) -> Result<Option<Told>, String> {
        match change {
            Change::RecordPin(record) => self.record(record, &lock_path(directory)).await.map(|()| None),
            Change::SetDtrTls(set) => Box::pin(super::dtr::set(set, self.now, self.timeout)).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Makes the content of changes that have none yet, and gives the changes whole.
    ///
    /// # Errors
    /// The sentence that says why it cannot be made; nothing has been touched then.
    pub async fn make(&self, changes: &[Change]) -> Result<Vec<Change>, String> {
        let mut whole = Vec::with_capacity(changes.len());
        for change in changes {
            whole.push(match change {
                Change::GenerateCertificate(asked) => {
                    let (mut asked, now) = (asked.clone(), self.now);
                    // An RSA key takes seconds.
                    let made = tokio::task::spawn_blocking(move || {
                        asked.made = Some(issue::make(&asked, now)?);
                        Ok::<_, String>(asked)
                    });
                    Change::GenerateCertificate(made.await.map_err(|error| error.to_string())??)
                }
                other => other.clone(),
            });
        }
        Ok(whole)
    }

    /// Held while a delegated task changes something here.
    pub async fn acting(&self) -> MutexGuard<'_, ()> {
        self.acting.lock().await
    }

    async fn record(&self, record: &RecordPin, path: &Path) -> Result<(), String> {
        let _one_at_a_time = self.locking.lock().await;
        lock_file::record(path, record, self.now)
    }
}

fn lock_path(directory: &Path) -> PathBuf {
    directory.join("dtrctl.lock")
}

async fn local_file(directory: &Path, file: &Path) -> Answer {
    const LIMIT: u64 = 1 << 20;
    let path = directory.join(file);
    let shown = path.display();
    let unreadable = |error| {
        let hint =
            if file.is_relative() { "; a relative path begins at the playbook's directory" } else { "" };
        Answer::Failed(AskError::Host(format!("`{shown}` cannot be read here: {error}{hint}")))
    };
    match tokio::fs::metadata(&path).await {
        Ok(metadata) if metadata.len() > LIMIT => Answer::Failed(AskError::Host(format!(
            "`{shown}` has {} bytes, more than the {LIMIT} that are read",
            metadata.len()
        ))),
        Ok(_) => tokio::fs::read(&path).await.map_or_else(unreadable, Answer::LocalFile),
        Err(error) => unreadable(error),
    }
}
