//! `state: file`, `directory` and `touch`.

use super::found::{self, Found, Kind};
use crate::contract::{
    AskTree, Change, Content, EntityKind, HostPath, MakeDir, Ownership, PlanError, Probe, SetMode, Touch,
    Tree, WriteFile,
};
use crate::writing::{Wanted, missing_above};

/// What is found of a path.
pub struct Present {
    /// There, links followed where the task says so.
    pub at: Found,
    /// The directories above it that are missing, the uppermost first.
    missing: Vec<HostPath>,
    /// What is below it, where that is asked for.
    tree: Option<Tree>,
}

/// What a task wants of a path.
pub struct Wish {
    /// Owner and permissions.
    pub wanted: Wanted,
    /// Whether the time of the last access is set.
    pub access: bool,
    /// Whether the time of the last modification is set.
    pub modification: bool,
}

/// What is asked: the path, and where it is missing, the directories above it.
pub fn probe(path: &HostPath, follow: bool, above: bool, recurse: bool) -> Probe<Present> {
    let path = path.clone();
    found::at(&path, follow).and_then(move |at| {
        let missing = match at.kind {
            Kind::Nothing if above => missing_above(&path),
            _ => Probe::ready(Vec::new()),
        };
        let tree = match at.kind {
            Kind::Directory(_) if recurse => Probe::ask(AskTree::new(path)).map(Some),
            _ => Probe::ready(None),
        };
        missing.zip(tree).map(|(missing, tree)| Present { at, missing, tree })
    })
}

impl Wish {
    /// What a file or directory that has to exist needs.
    ///
    /// # Errors
    /// [`PlanError`] where it does not, or is something else.
    pub fn existing(&self, path: &HostPath, present: &Present) -> Result<Vec<Change>, PlanError> {
        match &present.at.kind {
            Kind::File(..) => self.settled(path, &present.at),
            Kind::Nothing => Err(PlanError::new(format!("`{path}` is not there"))
                .help("write it with `copy`, or say `state: directory`, or `state: touch`")),
            _ => Err(PlanError::new(format!("`{path}` is a {}, not a file", present.at.state()))
                .help("leave out `state` to set owner and permissions of whatever is there")),
        }
    }

    /// What a directory needs.
    ///
    /// # Errors
    /// [`PlanError`] where something else is there.
    pub fn directory(&self, path: &HostPath, present: &Present) -> Result<Vec<Change>, PlanError> {
        match &present.at.kind {
            Kind::Nothing => {
                let ownership = self.wanted.over(None, true)?;
                let all = present.missing.iter().chain([path]);
                Ok(all
                    .map(|path| Change::MakeDir(MakeDir { path: path.clone(), ownership: ownership.clone() }))
                    .collect())
            }
            Kind::Directory(_) => {
                let mut changes = self.settled(path, &present.at)?;
                if let Some(tree) = &present.tree {
                    self.below(path, tree, &mut changes)?;
                }
                Ok(changes)
            }
            _ => Err(PlanError::new(format!("`{path}` is a {}, not a directory", present.at.state()))),
        }
    }

    /// What is touched; a file that is missing is made.
    ///
    /// # Errors
    /// [`PlanError`] where there is no directory to make it in.
    pub fn touch(&self, path: &HostPath, present: &Present) -> Result<Vec<Change>, PlanError> {
        if !matches!(present.at.kind, Kind::Nothing) {
            return self.settled(path, &present.at);
        }
        if let Some(above) = present.missing.last() {
            return Err(PlanError::new(format!("`{above}` is not a directory on this host"))
                .help("make it first, with `file` and `state: directory`"));
        }
        let ownership = self.wanted.over(None, false)?;
        let write = WriteFile::new(path.clone(), None, Content::new(Vec::new()), ownership);
        let mut changes = vec![Change::WriteFile(write)];
        changes.extend(self.times(path));
        Ok(changes)
    }

    fn settled(&self, path: &HostPath, found: &Found) -> Result<Vec<Change>, PlanError> {
        let mut changes = Vec::new();
        if let Some(now) = found.attributes() {
            let ownership = self.wanted.over(Some(now), matches!(found.kind, Kind::Directory(_)))?;
            changes.extend(set(path.clone(), now, ownership));
        }
        changes.extend(self.times(path));
        Ok(changes)
    }

    fn times(&self, path: &HostPath) -> Option<Change> {
        let Self { access, modification, .. } = *self;
        (access || modification).then(|| Change::Touch(Touch { path: path.clone(), access, modification }))
    }

    fn below(&self, path: &HostPath, tree: &Tree, changes: &mut Vec<Change>) -> Result<(), PlanError> {
        for entry in &tree.entries {
            let directory = match entry.kind {
                EntityKind::Directory => true,
                EntityKind::Link => continue,
                _ => false,
            };
            let ownership = self.wanted.over(Some(&entry.attributes), directory)?;
            if ownership.holds(&entry.attributes) {
                continue;
            }
            let Some(at) = entry.path(path) else {
                let name = String::from_utf8_lossy(&entry.name);
                return Err(PlanError::new(format!("`{path}/{name}` has a name that is no text"))
                    .help("rename it, or set what is below by `command` with `chmod -R`"));
            };
            changes.extend(set(at, &entry.attributes, ownership));
        }
        Ok(())
    }
}

fn set(path: HostPath, now: &crate::contract::Attributes, ownership: Ownership) -> Option<Change> {
    (!ownership.holds(now)).then(|| Change::SetMode(SetMode { path, before: now.clone(), ownership }))
}
