//! A directory with all that is below it.

use std::collections::BTreeSet;

use crate::contract::{
    AskFile, Change, Content, File, FileKind, Host, HostPath, LocalEntry, LocalEntryKind, LocalFile, MakeDir,
    MakeLink, Mode, Plan, PlanError, Probe, Replaced, SetMode, WantedMode,
};
use crate::writing::{Wanted, Writing, inside, missing_above};

/// How a directory is copied.
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of Ansible's")]
pub struct Many<'a> {
    /// Where it is copied to, as the task says it.
    pub dest: &'a HostPath,
    /// Whether a file that is written has the mode of the one that is copied.
    pub keeps_modes: bool,
    /// Its entries, a directory before what it holds.
    pub entries: Vec<LocalEntry>,
    /// With which owner and permissions files are written.
    pub wanted: Wanted,
    /// With which owner and permissions directories are made.
    pub directory: Wanted,
    /// Whether copies of old files are kept.
    pub backup: bool,
    /// Whether files that are there are replaced.
    pub force: bool,
    /// Whether links that are there are followed.
    pub follow: bool,
    /// The command that has to accept each file.
    pub validate: Option<&'a str>,
    /// Whether the content is secret.
    pub secret: bool,
}

/// What is found where a directory goes.
pub struct Places {
    /// The directory itself.
    root: File,
    /// The directories above it that are missing.
    missing: Vec<HostPath>,
    /// Its entries.
    entries: Vec<File>,
}

/// What is asked: the root, then each entry.
pub fn probe(root: &HostPath, entries: &[LocalEntry]) -> Probe<Result<Places, PlanError>> {
    let ask = |entry: &LocalEntry| {
        let path = inside(root, &entry.name)?;
        Ok(Probe::ask(match entry.kind {
            LocalEntryKind::Directory(_) => AskFile::stat(path),
            LocalEntryKind::File(_) | LocalEntryKind::Link(_) => AskFile::new(path),
        }))
    };
    let probes: Result<Vec<_>, PlanError> = entries.iter().map(ask).collect();
    match probes {
        Ok(probes) => {
            Probe::ask(AskFile::stat(root.clone())).zip(Probe::all(probes)).and_then(|(root, entries)| {
                let missing =
                    if root.is_absent() { missing_above(&root.path) } else { Probe::ready(Vec::new()) };
                missing.map(|missing| Ok(Places { root, missing, entries }))
            })
        }
        Err(error) => Probe::ready(Err(error)),
    }
}

impl Many<'_> {
    /// What makes it so.
    ///
    /// # Errors
    /// [`PlanError`] where something else stands in the place of an entry.
    pub fn plan(&self, host: &Host, places: &Places) -> Result<Plan, PlanError> {
        let mut changes = Vec::new();
        let mut made = BTreeSet::new();
        if !self.entries.is_empty() {
            for path in &places.missing {
                let ownership = self.directory.over(None, true)?;
                changes.push(Change::MakeDir(MakeDir { path: path.clone(), ownership }));
            }
            self.directory(&places.root, None, &mut changes, &mut made)?;
        }
        let has_directories =
            self.entries.iter().any(|entry| matches!(entry.kind, LocalEntryKind::Directory(_)));
        for (entry, file) in self.entries.iter().zip(&places.entries) {
            match &entry.kind {
                LocalEntryKind::Directory(_) => {
                    self.directory(file, Some(&entry.kind), &mut changes, &mut made)?;
                }
                LocalEntryKind::File(source) => {
                    let exists = !file.is_absent() || file.link.is_some();
                    if self.force || !exists {
                        let follow = self.follow && !has_directories;
                        changes.extend(self.file(source, file, follow, host)?);
                    }
                }
                LocalEntryKind::Link(target) => changes.extend(link(file, target)?),
            }
        }
        let mut plan = Plan::new(changes);
        plan.set("dest", format!("{}/", self.dest));
        Ok(plan)
    }

    /// One that is there keeps its mode, unless it is an entry of what is copied.
    fn directory(
        &self,
        file: &File,
        entry: Option<&LocalEntryKind>,
        changes: &mut Vec<Change>,
        made: &mut BTreeSet<HostPath>,
    ) -> Result<(), PlanError> {
        let path = file.path.clone();
        match &file.kind {
            FileKind::Absent if made.insert(path.clone()) => {
                let mut ownership = self.directory.over(None, true)?;
                ownership.mode = ownership.mode.or_else(|| mode_of(entry).map(Mode::new));
                changes.push(Change::MakeDir(MakeDir { path, ownership }));
            }
            FileKind::Absent => {}
            FileKind::Directory(now) => {
                let ownership = self.directory.over(Some(now), true)?;
                if entry.is_some() && !ownership.holds(now) {
                    changes.push(Change::SetMode(SetMode { path, before: now.clone(), ownership }));
                }
            }
            _ => return Err(PlanError::new(format!("`{path}` is a file, not a directory"))),
        }
        Ok(())
    }

    fn file(
        &self,
        source: &LocalFile,
        file: &File,
        follow: bool,
        host: &Host,
    ) -> Result<Vec<Change>, PlanError> {
        let differs = file.content() != Some(source.content.as_slice());
        let mut wanted = self.wanted.of_source(Some(source.mode));
        if self.keeps_modes && differs {
            wanted.mode = Some(WantedMode::Bits(Mode::new(source.mode)));
        }
        let writing = Writing {
            path: file.path.clone(),
            content: Content { bytes: source.content.clone(), secret: self.secret },
            wanted,
            backup: self.backup,
            validate: self.validate.map(str::to_owned),
            follow,
        };
        Ok(writing.plan(host, file)?.changes)
    }
}

fn mode_of(entry: Option<&LocalEntryKind>) -> Option<u16> {
    match entry {
        Some(LocalEntryKind::Directory(mode)) => *mode,
        _ => None,
    }
}

fn link(file: &File, target: &str) -> Result<Option<Change>, PlanError> {
    let before = match (&file.link, &file.kind) {
        (Some(now), _) if now == target => return Ok(None),
        (Some(now), _) => Replaced::Link(now.clone()),
        (None, FileKind::Absent) => Replaced::Nothing,
        (None, FileKind::File(attributes, Some(content))) => {
            let content = Content::new(content.clone());
            Replaced::File(crate::contract::Before { content, attributes: attributes.clone() })
        }
        _ => return Err(PlanError::new(format!("`{}` is in the way of a link", file.path))),
    };
    let (path, target) = (file.path.clone(), target.to_owned());
    Ok(Some(Change::MakeLink(MakeLink { path, target, hard: false, before })))
}
