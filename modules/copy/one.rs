//! One file, which goes to a path or into a directory.

use crate::contract::{
    AskFile, Change, Content, File, FileKind, Host, HostPath, MakeDir, Plan, PlanError, Probe,
};
use crate::copy::content::Destination;
use crate::writing::{Wanted, Writing, missing_above};

/// What is found where a file is to stand.
pub struct Target {
    /// At the path that was given, links followed.
    given: File,
    /// The directory above it.
    parent: Option<File>,
    /// At the file's own name in it, where it is a directory.
    inside: Option<File>,
    /// The directories above it that are missing, where it is one that is made.
    missing: Vec<HostPath>,
}

/// What is asked of the place of one file; `name` is the one that it has where it comes from.
pub fn probe(dest: &Destination, name: Option<&str>) -> Probe<Target> {
    let is_directory = dest.is_directory;
    let maybe = |ask: Option<AskFile>| match ask {
        Some(ask) => Probe::ask(ask).map(Some),
        None => Probe::ready(None),
    };
    // Whether there is a directory to write into has to be known before, or check mode would promise too much.
    let parent = maybe(dest.path.parent().map(AskFile::stat));
    let inside = maybe(name.and_then(|name| dest.path.join(name).ok()).map(AskFile::new));
    Probe::ask(AskFile::new(dest.path.clone())).zip(parent).zip(inside).and_then(
        move |((given, parent), inside)| {
            let missing = if is_directory && given.is_absent() {
                missing_above(&given.path)
            } else {
                Probe::ready(Vec::new())
            };
            missing.map(move |missing| Target { given, parent, inside, missing })
        },
    )
}

/// How one file is written.
pub struct One<'a> {
    /// Where to.
    pub dest: &'a Destination,
    /// What.
    pub content: Content,
    /// With which owner and permissions.
    pub wanted: Wanted,
    /// With which permissions a directory is made.
    pub directory: Wanted,
    /// Whether a copy of the old one is kept.
    pub backup: bool,
    /// Whether one that is there is replaced.
    pub force: bool,
    /// Whether a link that is there is followed.
    pub follow: bool,
    /// The command that has to accept it.
    pub validate: Option<String>,
}

impl One<'_> {
    /// What makes it so.
    ///
    /// # Errors
    /// [`PlanError`] where there is no directory to write into, or something else than a file stands there.
    pub fn plan(self, host: &Host, target: &Target) -> Result<Plan, PlanError> {
        let mut changes = Vec::new();
        let file = self.place(target, &mut changes)?;
        let path = file.path.clone();
        if !self.force && (!file.is_absent() || file.link.is_some()) {
            let mut plan = Plan::default();
            plan.set("dest", path.as_str());
            plan.set("msg", "file already exists");
            return Ok(plan);
        }
        let content = self.content.clone();
        let writing = Writing {
            path: path.clone(),
            content: self.content,
            wanted: self.wanted,
            backup: self.backup,
            validate: self.validate,
            follow: self.follow,
        };
        let mut written = writing.plan(host, file)?;
        written.sum(&content);
        changes.extend(written.changes);
        let mut plan = Plan::new(changes);
        plan.set("dest", path.as_str());
        plan.result.extend(written.result);
        Ok(plan)
    }

    /// The file that is written, after the change that makes its directory.
    fn place<'t>(&self, target: &'t Target, changes: &mut Vec<Change>) -> Result<&'t File, PlanError> {
        let given = &target.given;
        let is_directory = matches!(given.kind, FileKind::Directory(_));
        if self.dest.is_directory || is_directory {
            let Some(inside) = &target.inside else {
                return Err(PlanError::new(format!("`{}` is a directory", given.path))
                    .help("`content` has no name of its own: write the file's whole path"));
            };
            if given.is_absent() {
                let ownership = self.directory.over(None, true)?;
                for path in target.missing.iter().chain([&given.path]) {
                    let (path, ownership) = (path.clone(), ownership.clone());
                    changes.push(Change::MakeDir(MakeDir { path, ownership }));
                }
            } else if !is_directory {
                return Err(PlanError::new(format!("`{}` is a file, not a directory", given.path))
                    .help("leave out the slash at the end of `dest`"));
            }
            return Ok(inside);
        }
        let missing = |parent: &&File| !matches!(parent.kind, FileKind::Directory(_));
        if let Some(parent) = target.parent.as_ref().filter(missing) {
            return Err(PlanError::new(format!("`{}` is not a directory on this host", parent.path))
                .help("make it first, with `file` and `state: directory`"));
        }
        Ok(given)
    }
}
