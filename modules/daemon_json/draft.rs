//! The texts that lead from the file to what is wanted, and whether the daemon would take them.

use serde_json::{Map, Value};

use super::{Found, Reader};
use crate::boot2docker_profile::{self, next_start};
use crate::contract::{DaemonSite, File, FileKind, Host, HostPath, PlanError};
use crate::daemon_config::Version;
use crate::daemon_config::edit::{Edit, EditError, Edited, Lists, apply, remove_key};
use crate::daemon_config::rules::{
    Effect, Problem, Severity, Why, conflicts, effect, judge, not_on_windows, sentence,
};
use crate::platform::Daemon;

const UNTOUCHED: &str = "nothing was written; correct the file by hand and run again";

/// An edit of the file.
#[derive(Debug)]
pub struct Draft {
    /// Whether anything changes.
    pub changed: bool,
    /// The file as it stands; an absent one counts as `{}`.
    pub before: Value,
    /// The same as far as the daemon heeds it: it has refused what its flags set too.
    pub heeded: Value,
    /// What the daemon has to read before the last text: removed keys with the value that says the same.
    pub between: Option<(Vec<u8>, Value)>,
    /// The last text.
    pub text: Vec<u8>,
    /// Its value.
    pub value: Value,
    /// What the last text needs, if the daemon heeds the file as it stands.
    pub effect: Effect,
}

impl Draft {
    pub fn new(edit: &Edit, file: &File, reader: Option<Reader<'_>>) -> Result<Self, PlanError> {
        let engine = reader.and_then(|reader| reader.engine);
        let (mark, text) = content(file, engine)?;
        let marked = |text: Vec<u8>| [mark, &text].concat();
        let refused = |error: EditError| refusal(&file.path, &error);
        let edited = apply(text, edit).map_err(refused)?;
        let done = without_emptied(&edited, edit).map_err(refused)?;
        let cmdline = reader.map_or(&[][..], |reader| reader.running.cmdline.as_slice());
        let heeded = heeded(cmdline, &edited.before);
        let effect = effect(&heeded, &done.value, engine);
        let between = match reader.map(|_| taken_back(&effect)) {
            Some(explicit) if !explicit.is_empty() => {
                Some(written_out(text, edit, explicit).map_err(refused)?)
            }
            _ => None,
        };
        let between = between.map(|edited| (marked(edited.text), edited.value));
        Ok(Self {
            changed: edited.changed || done.changed,
            before: edited.before,
            heeded,
            between,
            text: marked(done.text),
            value: done.value,
            effect,
        })
    }

    /// The keys at the top that differ.
    pub fn keys(&self) -> Vec<String> {
        let empty = Map::new();
        let old = self.before.as_object().unwrap_or(&empty);
        let new = self.value.as_object().unwrap_or(&empty);
        let all = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
        all.filter(|key| old.get(*key) != new.get(*key)).cloned().collect()
    }

    /// Whether the file goes with its last key. A daemon that is told its file by a flag does not start without it,
    /// and of a link only the link would go.
    pub fn removes_file(&self, file: &File, host: &Host) -> bool {
        let empty = self.value.as_object().is_some_and(Map::is_empty);
        let named = |site: &DaemonSite| site.config.as_ref() == Some(&file.path);
        let needed = host.facts.daemons.iter().any(named) || file.target.is_some();
        self.changed && empty && !needed && !file.is_absent()
    }

    /// The warnings that the edit brings with it.
    pub fn judge(
        &self,
        found: &Found,
        reader: Option<Reader<'_>>,
        host: &Host,
    ) -> Result<Vec<String>, PlanError> {
        let path = &found.file.path;
        let engine = reader.and_then(|reader| reader.engine);
        let judge = |config: &Value| {
            let mut problems = judge(config, engine);
            problems.extend(path.is_windows().then(|| not_on_windows(config)).into_iter().flatten());
            problems
        };
        let old = judge(&self.before);
        let (new, kept): (Vec<Problem>, Vec<Problem>) =
            judge(&self.value).into_iter().partition(|problem| !old.iter().any(|o| same(o, problem)));
        if let Some(listed) = errors(&new) {
            let message = format!("dockerd would not start with the edited {path}: {listed}");
            return Err(PlanError::new(message).help(
                "nothing was written; correct the task's arguments (`remove` takes away what stands in the way)",
            ));
        }
        let mut warnings: Vec<String> = new.iter().map(Problem::to_string).collect();
        if let Some(listed) = errors(&kept) {
            let message = format!("dockerd does not start with {path} as it stands: {listed}");
            if self.changed {
                return Err(PlanError::new(message).help(UNTOUCHED));
            }
            warnings.push(message);
        }
        if let Some(profile) = found.profile.as_ref().filter(|_| found.is_the_daemons(host)) {
            warnings.extend(self.against_profile(profile, path)?);
        }
        if let Some(reader) = reader.filter(|_| self.changed) {
            self.against_flags(reader, found, host)?;
        }
        match &found.verdict {
            Some(verdict) if !verdict.accepted => {
                let message =
                    format!("`dockerd --validate` refuses the edited {path}: {}", verdict.message.trim());
                Err(PlanError::new(message)
                    .help("nothing was written; correct the file or the task's arguments"))
            }
            _ => Ok(warnings),
        }
    }

    /// The flags of a profile that may not be in force yet: the daemon gets them when it starts.
    fn against_profile(&self, profile: &File, path: &HostPath) -> Result<Option<String>, PlanError> {
        let from = &profile.path;
        match next_start::conflict(profile, &self.value) {
            Ok(Some(found)) => {
                let message = format!("dockerd would not start again: {}", found.sentence);
                if !self.changed {
                    return Ok(Some(format!("{message}; the flag is in {from}")));
                }
                Err(PlanError::new(message).help(format!(
                    "nothing was written; leave `{}` out of {path}, or take the flag `--{}` out of {from} first: `boot2docker_profile` does, with `state: absent`",
                    found.key, found.flag
                )))
            }
            Err(why) if self.changed => Ok(Some(format!(
                "which flags {from} gives dockerd is not known ({why}): one that {path} gives too would stop it at its next start"
            ))),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    fn against_flags(&self, reader: Reader<'_>, found: &Found, host: &Host) -> Result<(), PlanError> {
        let both = conflicts(&reader.running.cmdline, &self.value);
        let Some(first) = both.first() else { return Ok(()) };
        if next_start::ends_with_a_restart(found.profile.as_ref(), &self.value, &both) {
            // A restart that is planned before this task has paid for the profile.
            let owed = found.owed.iter().any(|record| record.id == boot2docker_profile::OWED);
            if !owed && reader.info.is_some_and(|info| info.fresh) {
                return Ok(());
            }
            let message = format!("dockerd would not reload: {}", sentence(&both));
            return Err(PlanError::new(message).help(format!(
                "nothing was written; the daemon runs with `--{}` until it is restarted: pay that first, with `restart_docker` before this task",
                first.flag
            )));
        }
        let message = format!("dockerd would neither reload nor start: {}", sentence(&both));
        let places = Daemon::assumed(host).flags;
        let help = format!(
            "nothing was written; leave `{}` out of the file, or take the flag `--{}` away where it is given: see {places}",
            first.key, first.flag
        );
        Err(PlanError::new(message).help(help))
    }
}

/// What an editor may put before the text: engines from 23.0 on skip it, and it stays.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The file's mark and its text; no text where there is no file, or an empty one that the engine takes for `{}`.
fn content(file: &File, engine: Option<Version>) -> Result<(&'static [u8], Option<&[u8]>), PlanError> {
    let path = &file.path;
    match &file.kind {
        FileKind::Absent => Ok((&[], None)),
        FileKind::File(_, Some(text)) => {
            let lenient = engine.is_some_and(|engine| engine >= Version::new(23, 0, 0));
            let (mark, text) = match text.strip_prefix(MARK) {
                Some(rest) if lenient => (MARK, rest),
                _ => (&[][..], text.as_slice()),
            };
            let blank = text.iter().all(u8::is_ascii_whitespace);
            Ok((mark, Some(text).filter(|_| !(blank && lenient))))
        }
        FileKind::File(_, None) => Err(PlanError::new(format!("`{path}` could not be read"))),
        FileKind::Directory(_) => Err(PlanError::new(format!("`{path}` is a directory, not a file"))
            .help("a container's mount of a missing file makes one; remove it, or give another `path`")),
        FileKind::Other => Err(PlanError::new(format!("`{path}` is no regular file"))),
    }
}

fn refusal(path: &HostPath, error: &EditError) -> PlanError {
    let message = format!("{path}: {error}");
    match error {
        EditError::Text { .. } | EditError::CrossCheck(_) => PlanError::new(message).help(UNTOUCHED),
        _ => PlanError::new(error.to_string()).help("nothing was written; correct the task's arguments"),
    }
}

/// The same edit with the keys of the lists that it has emptied taken away, unless `merge` wants them there.
fn without_emptied(edited: &Edited, edit: &Edit) -> Result<Edited, EditError> {
    let mut done = edited.clone();
    for path in &edited.emptied_lists {
        done = remove_key(&done.text, path)?;
    }
    let again = if done.text.is_empty() { None } else { Some(done.text.as_slice()) };
    if apply(again, edit)?.changed { Ok(edited.clone()) } else { Ok(done) }
}

fn heeded(cmdline: &[String], config: &Value) -> Value {
    let refused = conflicts(cmdline, config);
    let mut config = config.clone();
    if let Value::Object(keys) = &mut config {
        keys.retain(|key, _| !refused.iter().any(|conflict| conflict.key == *key));
    }
    config
}

/// The removed keys whose value the daemon can be told by a reload, with the value that says the same.
fn taken_back(effect: &Effect) -> Map<String, Value> {
    let Effect::Restart { keys, .. } = effect else { return Map::new() };
    let explicit = keys.iter().filter_map(|cause| match &cause.why {
        Why::Removed { explicit } => Some((cause.key.clone(), explicit.clone())),
        _ => None,
    });
    explicit.collect()
}

/// The edit with those keys written out instead of removed.
fn written_out(text: Option<&[u8]>, edit: &Edit, explicit: Map<String, Value>) -> Result<Edited, EditError> {
    let mut first = edit.clone();
    first.remove.retain(|key, _| !explicit.contains_key(key));
    let kept = apply(text, &first)?;
    apply(Some(&kept.text), &Edit { merge: explicit, lists: Lists::Exact, remove: Map::new() })
}

/// Whether two problems are one; the number of a list's item may have moved.
fn same(a: &Problem, b: &Problem) -> bool {
    a.severity == b.severity && a.trouble == b.trouble && a.path.first() == b.path.first()
}

fn errors(problems: &[Problem]) -> Option<String> {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let listed: Vec<String> = errors.map(Problem::to_string).collect();
    (!listed.is_empty()).then(|| listed.join("; "))
}
