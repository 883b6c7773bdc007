//! A file of lines that a module edits: what the editing modules share.

use crate::contract::{
    AskFile, Change, Content, File, FileKind, Host, HostPath, MakeDir, Mode, Ownership, Plan, PlanError,
    Probe,
};
use crate::writing::{Wanted, Writing};

/// The file, and the directory above it.
pub type Edited = (File, Option<File>);

/// What is asked of a file that is edited.
pub fn probe(path: &HostPath) -> Probe<Edited> {
    let parent = match path.parent() {
        Some(parent) => Probe::ask(AskFile::stat(parent)).map(Some),
        None => Probe::ready(None),
    };
    Probe::ask(AskFile::new(path.clone())).zip(parent)
}

/// The file's content; none where there is no file.
///
/// # Errors
/// [`PlanError`] where it is a directory, or cannot be read.
pub fn content(file: &File) -> Result<Option<&[u8]>, PlanError> {
    match &file.kind {
        FileKind::Absent => Ok(None),
        FileKind::File(_, Some(content)) => Ok(Some(content)),
        FileKind::Directory(_) => {
            Err(PlanError::new(format!("path `{}` is a directory", file.path)).help("name a file in it"))
        }
        _ => Err(PlanError::new(format!("`{}` is no file that can be read", file.path))),
    }
}

/// Why a file that is not there is not edited.
pub fn missing(path: &HostPath) -> PlanError {
    PlanError::new(format!("`{path}` does not exist"))
        .help("say `create: true`, or make it first with `copy` or `template`")
}

/// How an edited file is written.
pub struct Edit<'a> {
    /// Where.
    pub path: &'a HostPath,
    /// With which owner and permissions.
    pub wanted: Wanted,
    /// Whether a copy of the old one is kept.
    pub backup: bool,
    /// The command that has to accept it.
    pub validate: Option<&'a str>,
}

impl Edit<'_> {
    /// What makes the file hold what `edit` makes of its content, which also says what that is.
    ///
    /// # Errors
    /// [`PlanError`] where it cannot be written, or `edit` would change it again and again.
    pub fn plan(
        self,
        host: &Host,
        (file, parent): &Edited,
        edit: impl Fn(&[u8]) -> Result<(Vec<u8>, String), PlanError>,
    ) -> Result<Plan, PlanError> {
        let old = content(file)?;
        let (new, message) = edit(old.unwrap_or_default())?;
        let edited = old != Some(new.as_slice());
        if edited && edit(&new)?.0 != new {
            return Err(PlanError::new(
                "each run would change the file again: what is put in is found again",
            )
            .help("write the expression so that it does not match what it leaves behind"));
        }
        let mut changes = Vec::new();
        if old.is_none()
            && let Some(parent) = parent.as_ref().filter(|parent| parent.is_absent())
        {
            let ownership = Ownership::default();
            changes.push(Change::MakeDir(MakeDir { path: parent.path.clone(), ownership }));
        }
        let writing = Writing {
            path: self.path.clone(),
            content: Content::new(new),
            wanted: self.wanted,
            backup: self.backup,
            validate: self.validate.map(str::to_owned),
            follow: true,
        };
        let written = writing.plan(host, file)?;
        let owned = written.changes.iter().any(|change| match change {
            Change::SetMode(_) => true,
            Change::WriteFile(write) => match &write.before {
                Some(before) => !write.ownership.holds(&before.attributes),
                None => write.ownership.mode.is_some_and(|mode| mode != Mode::new(0o644)),
            },
            _ => false,
        });
        let attributes = "ownership, perms or SE linux context changed";
        let text = match (edited, owned) {
            (true, true) => format!("{message} and {attributes}"),
            (false, true) => attributes.to_owned(),
            (true, false) => message,
            (false, false) => String::new(),
        };
        changes.extend(written.changes);
        let mut plan = Plan::new(changes);
        plan.result = written.result;
        plan.set("path", self.path.as_str());
        plan.set("msg", text);
        Ok(plan)
    }
}

/// Lines with their ends; only a line feed ends one.
pub fn by_line_feed(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Lines with their ends; a line feed, a carriage return, or both end one.
pub fn by_any_end(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for at in 0..text.len() {
        let ends = match text[at] {
            b'\n' => true,
            b'\r' => text.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        if ends {
            lines.push(text[start..=at].to_vec());
            start = at + 1;
        }
    }
    if start < text.len() {
        lines.push(text[start..].to_vec());
    }
    lines
}

/// A line without the ends it has.
pub fn stripped(line: &[u8]) -> &[u8] {
    let kept = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    &line[..kept]
}
