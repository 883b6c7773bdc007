//! `state: link` and `state: hard`.

use super::found::{self, Found, Kind, Names};
use crate::contract::{
    AskFile, AskTree, Before, Change, Content, File, FileKind, HostPath, MakeLink, PlanError, Probe,
    Replaced, SetMode, Tree,
};
use crate::writing::Wanted;

/// What is found where a link is to stand, and where it is to lead.
pub struct Ends {
    /// At the link's path.
    pub at: Found,
    /// Where it is to lead; none where that is no path that can be asked.
    source: Option<Found>,
    /// What a directory in its place holds.
    tree: Option<Tree>,
    /// A file in its place.
    file: Option<File>,
    /// The directory that it is to stand in; none for the root.
    directory: Option<File>,
}

/// What a task wants of a link.
pub struct Link<'a> {
    /// Where it stands.
    pub path: &'a HostPath,
    /// Where it leads; none keeps it.
    pub src: Option<&'a str>,
    /// Whether it is a second name of a file.
    pub hard: bool,
    /// Whether it takes the place of something else, and may lead nowhere.
    pub force: bool,
    /// Whether owner and permissions are those of what it leads to.
    pub follow: bool,
    /// Owner and permissions.
    pub wanted: Wanted,
}

/// What is asked.
pub fn probe(path: &HostPath, src: Option<&str>, hard: bool) -> Probe<Ends> {
    let source = match src.map(|src| led(path, src)) {
        Some(Some(source)) => found::at(&source, !hard).map(Some),
        Some(None) => Probe::ready(None),
        // What the link that is there leads to.
        None => found::at(path, true).map(Some),
    };
    let at = path.clone();
    let directory = match path.parent() {
        Some(parent) => Probe::ask(AskFile::stat(parent)).map(Some),
        None => Probe::ready(None),
    };
    found::at(path, false).zip(source).zip(directory).and_then(move |((found, source), directory)| {
        let ends = |tree, file| Ends {
            at: found.clone(),
            source: source.clone(),
            tree,
            file,
            directory: directory.clone(),
        };
        match &found.kind {
            Kind::Directory(_) => {
                let empty = ends(None, None);
                Probe::ask(AskTree::new(at)).map(|tree| Ends { tree: Some(tree), ..empty })
            }
            Kind::File(..) => {
                let unread = ends(None, None);
                Probe::ask(AskFile::new(at)).map(|file| Ends { file: Some(file), ..unread })
            }
            _ => Probe::ready(ends(None, None)),
        }
    })
}

/// The path that a link leads to, `..` taken by the text.
fn led(path: &HostPath, target: &str) -> Option<HostPath> {
    let whole = if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("{}/{target}", path.parent().map(|parent| parent.to_string()).unwrap_or_default())
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    HostPath::new(&format!("/{}", parts.join("/"))).ok()
}

impl Link<'_> {
    /// What makes it so.
    ///
    /// # Errors
    /// [`PlanError`] where it would lead nowhere, or something else stands in its place, and it is not forced.
    pub fn changes(&self, ends: &Ends) -> Result<Vec<Change>, PlanError> {
        let Some(src) = self.src else { return self.kept(ends) };
        let source = ends.source.as_ref();
        let absent = source.is_none_or(|source| matches!(source.kind, Kind::Nothing));
        if absent && (self.hard || !self.force) {
            return Err(PlanError::new(format!("`src` does not exist: `{src}`")).help(if self.hard {
                "a second name needs a file"
            } else {
                "say `force: true` for a link that leads nowhere yet"
            }));
        }
        let mut changes = Vec::new();
        if !self.holds(ends, src) {
            if let Some(above) =
                ends.directory.as_ref().filter(|above| !matches!(above.kind, FileKind::Directory(_)))
            {
                return Err(PlanError::new(format!("`{}` is not a directory on this host", above.path))
                    .help("make it first, with `file` and `state: directory`"));
            }
            let before = self.replaced(ends)?;
            let (path, target) = (self.path.clone(), src.to_owned());
            changes.push(Change::MakeLink(MakeLink { path, target, hard: self.hard, before }));
        }
        if self.follow || self.hard {
            changes.extend(self.attributes(source)?);
        }
        Ok(changes)
    }

    /// Without `src`, what is there stays.
    fn kept(&self, ends: &Ends) -> Result<Vec<Change>, PlanError> {
        match &ends.at.kind {
            Kind::Link(_) if !self.hard && self.follow => {
                Ok(self.attributes(ends.source.as_ref())?.into_iter().collect())
            }
            Kind::Link(_) if !self.hard => Ok(Vec::new()),
            Kind::File(_, names) if self.hard && names.count > 1 => {
                Ok(self.attributes(Some(&ends.at))?.into_iter().collect())
            }
            _ => Err(PlanError::new("`src` is needed for a new link")),
        }
    }

    fn holds(&self, ends: &Ends, src: &str) -> bool {
        match (&ends.at.kind, &ends.source) {
            (Kind::Link(now), _) if !self.hard => now == src,
            (Kind::File(_, now), Some(Found { kind: Kind::File(_, wanted), .. })) if self.hard => {
                same(*now, *wanted)
            }
            _ => false,
        }
    }

    /// What it takes the place of.
    fn replaced(&self, ends: &Ends) -> Result<Replaced, PlanError> {
        let path = self.path;
        let what = ends.at.state();
        let refusal = || {
            PlanError::new(format!("`{path}` is a {what}; it is not made a link"))
                .help("say `force: true` to have the link take its place")
        };
        match &ends.at.kind {
            Kind::Nothing => Ok(Replaced::Nothing),
            Kind::Link(now) => Ok(Replaced::Link(now.clone())),
            _ if !self.force => Err(refusal()),
            Kind::Directory(_) if ends.tree.as_ref().is_some_and(|tree| tree.entries.is_empty()) => {
                Ok(Replaced::Directory)
            }
            Kind::Directory(_) => {
                Err(PlanError::new(format!("the directory `{path}` is not empty; it is not made a link"))
                    .help("remove it first, with `state: absent`"))
            }
            Kind::File(..) => match ends.file.as_ref().map(|file| &file.kind) {
                Some(FileKind::File(attributes, Some(content))) => {
                    let content = Content::new(content.clone());
                    Ok(Replaced::File(Before { content, attributes: attributes.clone() }))
                }
                _ => Err(PlanError::new(format!("`{path}` could not be read"))),
            },
            Kind::Other => Err(refusal()),
        }
    }

    /// Owner and permissions are those of what it leads to.
    fn attributes(&self, source: Option<&Found>) -> Result<Option<Change>, PlanError> {
        let Some(source) = source else { return Ok(None) };
        let Some(now) = source.attributes() else { return Ok(None) };
        let directory = matches!(source.kind, Kind::Directory(_));
        let ownership = self.wanted.over(Some(now), directory)?;
        if ownership.holds(now) {
            return Ok(None);
        }
        let path = source.path.clone();
        Ok(Some(Change::SetMode(SetMode { path, before: now.clone(), ownership })))
    }
}

fn same(a: Names, b: Names) -> bool {
    a.id.is_some() && a.id == b.id
}
