//! What the controller answers and does itself: handshakes, requests, its clock, its files, the lock file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use modules::{Answer, Ask, AskError, AskLocalFile, Change, LocalKind, RecordPin, Told};
use time::OffsetDateTime;
use tokio::sync::{Mutex, OnceCell};

use super::{local_tree, lock_file, reach};
use crate::issue;
use crate::playbook::Files;

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
}

impl Controller {
    /// A controller with its clock read once.
    #[must_use]
    pub fn new(now: OffsetDateTime, timeout: Duration) -> Self {
        Self { now, timeout, shared: Mutex::default(), locking: Mutex::default() }
    }

    /// Answers an ask. `epoch` tells apart the times between which something may have changed: the answers of one
    /// epoch are shared.
    pub async fn answer(&self, ask: &Ask, files: &Files, epoch: &str) -> Answer {
        match ask {
            Ask::Now(_) => Answer::Now(self.now),
            Ask::LocalFile(file) => local_file(files, file).await,
            Ask::LocalTree(tree) => {
                local_tree::read(&files.find(folder(tree.kind), Path::new(&tree.path)), tree)
            }
            Ask::Pause(pause) => {
                tokio::time::sleep(Duration::from_secs(pause.seconds)).await;
                Answer::Pause(())
            }
            Ask::LockedPin(ask) => {
                let read = lock_file::read(&lock_path(files), &ask.registry);
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
    pub async fn apply(&self, change: &Change, files: &Files) -> Result<Option<Told>, String> {
        match change {
            Change::RecordPin(record) => self.record(record, &lock_path(files)).await.map(|()| None),
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

    async fn record(&self, record: &RecordPin, path: &Path) -> Result<(), String> {
        let _one_at_a_time = self.locking.lock().await;
        lock_file::record(path, record, self.now)
    }
}

/// Beside the playbook.
fn lock_path(files: &Files) -> PathBuf {
    files.directories.last().map_or_else(PathBuf::new, Clone::clone).join("dtrctl.lock")
}

/// Where files of a kind are looked for, beside the directories themselves.
const fn folder(kind: LocalKind) -> &'static str {
    match kind {
        LocalKind::File => "files",
        LocalKind::Template => "templates",
    }
}

async fn local_file(files: &Files, asked: &AskLocalFile) -> Answer {
    const LIMIT: u64 = 1 << 20;
    let file = Path::new(&asked.path);
    let path = files.find(folder(asked.kind), file);
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
        Ok(_) => match crate::vault::read_file(&path) {
            Ok(bytes) => Answer::LocalFile(bytes),
            Err(why) => Answer::Failed(AskError::Host(format!("`{shown}` {why}"))),
        },
        Err(error) => unreadable(error),
    }
}
