//! What is owed, why, and the least that pays it.

use serde_json::Value;

use super::Found;
use crate::boot2docker_profile::{self, next_start};
use crate::contract::{DaemonInfo, File, FileKind, HostPath, Need, OwedRecord, PlanError};
use crate::daemon_config::Version;
use crate::daemon_config::edit::strict_json;
use crate::daemon_config::rules::{
    Drift, Severity, conflicts, drift, judge, not_on_windows, sentence, with_flags,
};

/// What is owed to the running daemon.
#[derive(Debug)]
pub struct Decision {
    path: HostPath,
    records: Vec<OwedRecord>,
    drift: Vec<Drift>,
    /// Why dockerd would neither reload nor start with its file as it stands.
    pub broken: Option<String>,
    /// Whether `/info` will show a reload.
    pub visible: bool,
    /// Whether file or flags say that containers outlive the daemon.
    pub live_restore: bool,
    /// Whether a reload before the restart makes the running daemon heed that.
    pub live_restore_first: bool,
}

/// Whether the host is part of a swarm.
pub fn in_swarm(info: &DaemonInfo) -> bool {
    let state = info.json["Swarm"]["LocalNodeState"].as_str();
    !matches!(state, None | Some("" | "inactive"))
}

impl Decision {
    pub fn new(found: &Found, info: &DaemonInfo) -> Self {
        let engine = found.engine();
        let cmdline = found.process.running.as_ref().map_or(&[][..], |running| &running.cmdline);
        let (config, broken, next_start) = match read(&found.file, engine) {
            Ok(config) => {
                let broken = broken(&config, cmdline, engine, found, info);
                let next_start = at_the_next_start(found, &config);
                (Some(with_flags(cmdline, &config)), broken, next_start)
            }
            Err(error) => (None, Some(error), None),
        };
        let drift = match &config {
            // What it shows is not yet what it will have read.
            Some(config) if !info.fresh => drift(config, &info.json, engine),
            _ => Vec::new(),
        };
        let path = &found.file.path;
        let wanted = |key: &Drift| key.mismatch.key == "live-restore" && key.reload;
        let live_restore = config.is_some_and(|config| config["live-restore"] == true);
        Self {
            path: path.clone(),
            records: found.owed.clone(),
            broken: broken
                .map(|fault| format!("dockerd would neither reload nor start with {path}: {fault}"))
                .or(next_start),
            visible: drift.iter().any(|key| key.reload),
            live_restore,
            live_restore_first: live_restore && drift.iter().any(wanted),
            drift,
        }
    }

    /// The least that pays all.
    pub fn need(&self) -> Option<Need> {
        let records = self.records.iter().map(|record| record.need);
        let drift = self.drift.iter().map(|key| if key.reload { Need::Reload } else { Need::Restart });
        records.chain(drift).max()
    }

    /// # Errors
    /// [`PlanError`] where the daemon would not survive what it needs.
    pub fn check(&self, need: Need, info: &DaemonInfo) -> Result<(), PlanError> {
        if let Some(broken) = &self.broken {
            return Err(self.refused(broken));
        }
        if need == Need::Restart && self.live_restore && in_swarm(info) {
            return Err(self.refused("dockerd does not start with `live-restore` on a node of a swarm"));
        }
        Ok(())
    }

    /// What is owed is not done, because the daemon would not be there afterwards.
    pub fn refused(&self, why: &str) -> PlanError {
        let verb = if self.need() == Some(Need::Restart) { "restart" } else { "reload" };
        let message =
            format!("a {verb} of the docker daemon is owed because {}; not done: {why}", self.reason());
        PlanError::new(message)
            .help(format!("correct {}; the daemon runs on as before", self.path))
            .blames_run()
    }

    /// Whether there is something that a reload pays.
    pub fn has_reload(&self) -> bool {
        self.of(Need::Reload).next().is_some() || self.visible
    }

    fn of(&self, need: Need) -> impl Iterator<Item = &OwedRecord> {
        self.records.iter().filter(move |record| record.need == need)
    }

    /// The records that a reload settles.
    pub fn settled_by_reload(&self) -> Vec<String> {
        self.of(Need::Reload).map(|record| record.id.clone()).collect()
    }

    /// The records that a restart settles: all.
    pub fn settled_by_restart(&self) -> Vec<String> {
        self.records.iter().map(|record| record.id.clone()).collect()
    }

    /// Why something is owed.
    pub fn reason(&self) -> String {
        self.reasons(|_| true)
    }

    /// Why a reload is owed.
    pub fn reload_reason(&self) -> String {
        self.reasons(|need| need == Need::Reload)
    }

    /// Why a restart is owed.
    pub fn restart_reason(&self) -> String {
        self.reasons(|need| need == Need::Restart)
    }

    fn reasons(&self, which: impl Fn(Need) -> bool) -> String {
        let mut reasons: Vec<String> =
            self.records.iter().filter(|record| which(record.need)).map(|r| r.reason.clone()).collect();
        for key in &self.drift {
            let need = if key.reload { Need::Reload } else { Need::Restart };
            let told = reasons.iter().any(|reason| reason.contains(&format!("`{}`", key.mismatch.key)));
            if which(need) && !told {
                reasons.push(self.seen(key));
            }
        }
        reasons.join("; ")
    }

    /// What the running daemon shows, beside what its file says.
    fn seen(&self, drift: &Drift) -> String {
        let key = drift.mismatch.key;
        let list = |items: &[String]| items.iter().map(|i| format!("`{i}`")).collect::<Vec<_>>().join(", ");
        let running = match (&drift.mismatch.missing[..], &drift.mismatch.extra[..]) {
            (missing, []) => format!("the daemon lacks {} in `{key}`", list(missing)),
            ([], extra) => format!("the daemon still has {} in `{key}`", list(extra)),
            (missing, extra) => format!("the daemon has {} for {} in `{key}`", list(extra), list(missing)),
        };
        if drift.reload {
            format!("{running}, unlike {}", self.path)
        } else {
            format!("{running}, and a key that is gone from {} keeps its value on a reload", self.path)
        }
    }
}

/// The file's value, as this engine reads it.
fn read(file: &File, engine: Option<Version>) -> Result<Value, String> {
    let empty = Value::Object(serde_json::Map::new());
    let text = match &file.kind {
        FileKind::Absent => return Ok(empty),
        FileKind::File(_, Some(text)) => text.as_slice(),
        _ => return Err("it is no file".to_owned()),
    };
    let lenient = engine.is_some_and(|engine| engine >= Version::new(23, 0, 0));
    let text = if lenient { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text };
    if lenient && text.iter().all(u8::is_ascii_whitespace) {
        return Ok(empty);
    }
    strict_json(text).map_err(|error| error.to_string())
}

/// What stops a daemon that runs as yet at its next start.
fn at_the_next_start(found: &Found, config: &Value) -> Option<String> {
    let profile = found.profile.as_ref()?;
    let both = next_start::conflict(profile, config).ok()??;
    Some(format!("dockerd would not start again: {}; the flag is in {}", both.sentence, profile.path))
}

/// What dockerd refuses in it.
fn broken(
    config: &Value,
    cmdline: &[String],
    engine: Option<Version>,
    found: &Found,
    info: &DaemonInfo,
) -> Option<String> {
    let both = conflicts(cmdline, config);
    let profile = found.profile.as_ref();
    let restarted = info.fresh || found.owed.iter().any(|record| record.id == boot2docker_profile::OWED);
    if !(both.is_empty() || restarted && next_start::ends_with_a_restart(profile, config, &both)) {
        return Some(sentence(&both));
    }
    let windows = found.file.path.is_windows();
    let mut problems = judge(config, engine);
    problems.extend(windows.then(|| not_on_windows(config)).into_iter().flatten());
    let errors = problems.into_iter().filter(|problem| problem.severity == Severity::Error);
    let errors: Vec<String> = errors.map(|problem| problem.to_string()).collect();
    (!errors.is_empty()).then(|| errors.join("; "))
}
