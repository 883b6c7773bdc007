//! Which commit a file stands in, by the `git` that is there.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The commit that a file stands in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// The commit's hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the repository held anything that was not committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dirty: Option<bool>,
    /// Why there is no commit to name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_commit: Option<String>,
}

/// The commit that the files of a directory stand in.
#[must_use]
pub fn checkout(directory: &Path) -> Checkout {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    // A run waits for both: they run side by side.
    let (commit, status) = std::thread::scope(|scope| {
        let status = scope.spawn(|| git(directory, &["status", "--porcelain"]));
        (git(directory, &["rev-parse", "HEAD"]), status.join())
    });
    match commit {
        Ok(commit) => Checkout {
            commit: Some(commit.trim().to_owned()),
            dirty: status.ok().and_then(Result::ok).map(|lines| !lines.is_empty()),
            no_commit: None,
        },
        Err(why) => Checkout { no_commit: Some(why), ..Checkout::default() },
    }
}

fn git(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        // A program that a repository's configuration names is none of ours.
        .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
        .arg(directory)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "git is not there to ask".to_owned(),
            _ => format!("git cannot be asked: {error}"),
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let line = said.lines().last().unwrap_or_default().trim();
        return Err(line.strip_prefix("fatal: ").unwrap_or(line).to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
