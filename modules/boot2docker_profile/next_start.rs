//! What a profile gives dockerd at its next start, for those who edit or judge daemon.json beside it.

use serde_json::Value;

use super::edit::Profile;
use super::flags::is_the_scripts;
use crate::contract::{AskFile, File, FileKind, Host, Probe};
use crate::daemon_config::rules::{self, conflicts, sentence};
use crate::platform::boot2docker;

/// Why dockerd would not start.
#[derive(Debug)]
pub struct Conflict {
    /// What both give, in dockerd's words.
    pub sentence: String,
    pub key: String,
    pub flag: String,
}

/// Asks for the profile where the host has one.
pub fn ask(host: &Host) -> Probe<Option<File>> {
    if boot2docker::is(&host.facts) {
        Probe::ask(AskFile::new(boot2docker::profile())).map(Some)
    } else {
        Probe::ready(None)
    }
}

/// What the profile and this daemon.json both give.
///
/// # Errors
/// Why it is not known what the profile gives.
pub fn conflict(profile: &File, config: &Value) -> Result<Option<Conflict>, String> {
    let text = match &profile.kind {
        FileKind::Absent => return Ok(None),
        FileKind::File(_, Some(text)) => text.as_slice(),
        _ => return Err("it could not be read".to_owned()),
    };
    let read = Profile::read(Some(text)).map_err(|refusal| {
        let line = text[..refusal.at.min(text.len())].split(|&byte| byte == b'\n').count();
        format!("line {line}: {}", refusal.what)
    })?;
    let mut cmdline = vec!["dockerd".to_owned()];
    cmdline.extend(read.words());
    let found = conflicts(&cmdline, config);
    let sentence = sentence(&found);
    Ok(found.into_iter().next().map(|first| Conflict { sentence, key: first.key, flag: first.flag }))
}

/// Whether a restart ends what the running daemon's flags and this daemon.json both give: the profile does not give these
/// flags any more, nor does the start script by itself.
pub fn ends_with_a_restart(profile: Option<&File>, config: &Value, both: &[rules::Conflict]) -> bool {
    let ends = |profile: &File| matches!(conflict(profile, config), Ok(None));
    profile.is_some_and(ends) && !both.iter().any(|both| is_the_scripts(&both.flag))
}
