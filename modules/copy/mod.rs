//! `copy`: a file, or a directory with all that is below it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::yes;
use crate::contract::{
    Account, AskFile, AskLocalTree, AskTree, Checksum, Content, FileKind, Host, HostPath, LocalEntry,
    LocalEntryKind, LocalFile, LocalKind, LocalTree, Module, Plan, PlanError, Probe, Touches, Tree,
    WantedMode,
};
use crate::writing::{LEFT_OUT, Wanted, inside};
use content::{Destination, GivenContent};
use many::{Many, Places};
use one::{One, Target};

pub mod content;
mod many;
pub mod one;

/// Writes a file with the given content, or copies a file or directory of the controller or of the host itself.
///
/// A file is written beside its target, flushed and renamed; it is refused where it has moved on since it was read. What is
/// there already, byte for byte, is left alone. Files of up to 1 MiB are copied.
///
/// Registered: `dest`, `src`, `checksum` (SHA-1), `md5sum`, `mode`, `owner`, `group`, `uid`, `gid`, `size`, `state`, and
/// `backup_file` where one was kept; of a directory `dest` and `src` alone.
///
/// Other than Ansible's: the name of a backup holds a digest of what it keeps, not the time, so that a plan can show it; a copy
/// of a directory of the host (`remote_src`) is compared file by file, and asks the host several times.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of Ansible's")]
pub struct Copy {
    /// Where on the host. A directory, or a path with a slash at its end, takes the file by its own name; such a directory
    /// is made where it is missing. Otherwise the directory must exist.
    dest: Destination,
    /// What it shall hold; a mapping or list becomes JSON. Give this or `src`.
    #[serde(default)]
    content: Option<GivenContent>,
    /// A file or directory of the controller; a relative path begins where the task's files are. Of a directory itself is
    /// copied, or with a slash at the end what is in it. Give this or `content`.
    #[serde(default)]
    src: Option<String>,
    /// Whether `src` is on the host already. Default: false.
    #[serde(default)]
    remote_src: bool,
    /// Permission bits: octal (`"0644"`), symbolic (`u=rw,g=r,o=`), or `preserve` for those of `src`. Default: those that
    /// the file has, 0644 for a new one. On Windows there are none to set.
    #[serde(default)]
    mode: Option<WantedMode>,
    /// Permission bits of directories that are made, and of those of a directory that is copied. Default: 0755.
    #[serde(default)]
    directory_mode: Option<WantedMode>,
    /// The owner. Default: the one that the file has, the running user for a new one.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: the one that the file has, the running user's for a new one.
    #[serde(default)]
    group: Option<Account>,
    /// Whether a copy of the old file is kept beside it. Default: false.
    #[serde(default)]
    backup: bool,
    /// Whether a file that is there is replaced where it differs. Default: true.
    #[serde(default = "yes")]
    force: bool,
    /// Whether a link at `dest` is followed; otherwise the file takes its place. Default: false.
    #[serde(default)]
    follow: bool,
    /// Whether links in a directory that is copied are followed; otherwise they are made as links. Default: true.
    #[serde(default = "yes")]
    local_follow: bool,
    /// A command that has to accept the new file before it is in force; `%s` stands for it. It runs without a shell.
    #[serde(default)]
    validate: Option<String>,
    /// The SHA-1 that the file must have. Default: not checked.
    #[serde(default)]
    checksum: Option<String>,
    /// Whether a `src` that ansible-vault has encrypted is refused; false copies it as it is. Default: true.
    #[serde(default = "yes")]
    decrypt: bool,
    /// Whether the content is a secret: it is then shown as its length alone. Default: false.
    #[serde(default)]
    secret: bool,
}

/// What is copied, and what is found in its place.
pub enum Found {
    /// The arguments do not go together, or the source is not there.
    Wrong(PlanError),
    /// A file.
    One(LocalFile, Box<Target>),
    /// A directory: what is in it, and what is found where it goes.
    Many(Vec<LocalEntry>, Box<Places>),
}

impl Module for Copy {
    const NAME: &'static str = "copy";
    const EXAMPLE: &'static str = "- copy:\n    dest: /etc/motd\n    content: \"this host trusts {{ registry }}\\n\"\n    mode: \"0644\"\n";
    const LEFT_OUT: &'static [(&'static str, &'static str)] = LEFT_OUT;
    const TOUCHES: Touches = Touches::Paths(&["dest"]);
    type State = Found;

    fn probe(&self, _host: &Host) -> Probe<Found> {
        let dest = self.dest.clone();
        match (&self.content, &self.src) {
            (Some(content), None) => {
                let source = LocalFile { content: content.0.clone(), mode: 0o644 };
                one::probe(&dest, None).map(move |target| Found::One(source, Box::new(target)))
            }
            (None, Some(src)) if self.remote_src => match HostPath::new(src) {
                Ok(path) => remote(path, src.clone(), dest),
                Err(error) => Probe::ready(Found::Wrong(PlanError::new(error.to_string()))),
            },
            (None, Some(src)) => {
                let src = src.clone();
                let ask = AskLocalTree {
                    path: src.clone(),
                    kind: LocalKind::File,
                    follow: self.local_follow,
                    decrypt: self.decrypt,
                };
                Probe::ask(ask).and_then(move |tree| source(tree, &src, &dest))
            }
            _ => Probe::ready(Found::Wrong(PlanError::new("give either `content` or `src`"))),
        }
    }

    fn plan(&self, host: &Host, found: Found) -> Result<Plan, PlanError> {
        let mut plan = match found {
            Found::Wrong(error) => return Err(error),
            Found::One(source, target) => self.one(source, host, &target)?,
            Found::Many(entries, places) => self.many(entries).plan(host, &places)?,
        };
        if let Some(src) = &self.src {
            plan.set("src", src.as_str());
        }
        Ok(plan)
    }
}

/// The last component of a path, whatever slashes it ends in.
fn name(src: &str) -> Option<&str> {
    src.trim_end_matches('/').rsplit('/').next().filter(|name| !matches!(*name, "" | "." | ".."))
}

/// What is asked of the places of a file or directory.
fn source(tree: LocalTree, src: &str, dest: &Destination) -> Probe<Found> {
    match tree {
        LocalTree::File(file) => {
            one::probe(dest, name(src)).map(move |target| Found::One(file, Box::new(target)))
        }
        LocalTree::Directory(entries) => {
            let root = match name(src).filter(|_| !src.ends_with('/')) {
                Some(name) => inside(&dest.path, name),
                None => Ok(dest.path.clone()),
            };
            match root {
                Ok(root) => many::probe(&root, &entries).map(move |found| match found {
                    Ok(places) => Found::Many(entries, Box::new(places)),
                    Err(error) => Found::Wrong(error),
                }),
                Err(error) => Probe::ready(Found::Wrong(error)),
            }
        }
    }
}

/// The same for what is on the host.
fn remote(path: HostPath, src: String, dest: Destination) -> Probe<Found> {
    Probe::ask(AskFile::new(path.clone())).and_then(move |file| match file.kind {
        FileKind::File(attributes, Some(content)) => {
            source(LocalTree::File(LocalFile { content, mode: attributes.mode.bits() }), &src, &dest)
        }
        FileKind::Directory(_) => Probe::ask(AskTree::new(path.clone())).and_then(move |tree| {
            entries(&path, &tree).and_then(move |entries| match entries {
                Ok(entries) => source(LocalTree::Directory(entries), &src, &dest),
                Err(error) => Probe::ready(Found::Wrong(error)),
            })
        }),
        FileKind::Absent => Probe::ready(Found::Wrong(PlanError::new(format!("source `{path}` not found")))),
        _ => Probe::ready(Found::Wrong(PlanError::new(format!("source `{path}` is no file or directory")))),
    })
}

/// The entries of a directory of the host, each with its content.
fn entries(path: &HostPath, tree: &Tree) -> Probe<Result<Vec<LocalEntry>, PlanError>> {
    let mut probes = Vec::new();
    for entry in &tree.entries {
        let Some(at) = entry.path(path) else {
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            return Probe::ready(Err(PlanError::new(format!("`{path}/{name}` has a name that is no text"))));
        };
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        probes.push(Probe::ask(AskFile::new(at)).map(move |file| {
            let kind = match (file.link, file.kind) {
                (Some(target), _) => LocalEntryKind::Link(target),
                (None, FileKind::File(now, Some(content))) => {
                    LocalEntryKind::File(LocalFile { content, mode: now.mode.bits() })
                }
                (None, FileKind::Directory(now)) => LocalEntryKind::Directory(Some(now.mode.bits())),
                _ => return Err(PlanError::new(format!("`{}` is no file", file.path))),
            };
            Ok(LocalEntry { name, kind })
        }));
    }
    Probe::all(probes).map(|entries| entries.into_iter().collect())
}

impl Copy {
    fn wanted(&self) -> Wanted {
        Wanted { mode: self.mode.clone(), owner: self.owner.clone(), group: self.group.clone() }
    }

    fn directory(&self) -> Wanted {
        Wanted { mode: self.directory_mode.clone(), ..self.wanted() }
    }

    fn one(&self, source: LocalFile, host: &Host, target: &Target) -> Result<Plan, PlanError> {
        self.check(&source)?;
        let from_file = self.src.is_some().then_some(source.mode);
        let one = One {
            dest: &self.dest,
            content: Content { bytes: source.content, secret: self.secret },
            wanted: self.wanted().of_source(from_file),
            directory: self.directory(),
            backup: self.backup,
            force: self.force,
            follow: self.follow,
            validate: self.validate.clone(),
        };
        one.plan(host, target)
    }

    /// Whether a source is what it has to be.
    fn check(&self, source: &LocalFile) -> Result<(), PlanError> {
        let sum = Checksum::Sha1.of(&source.content);
        match self.checksum.as_deref().filter(|wanted| !wanted.eq_ignore_ascii_case(&sum)) {
            Some(wanted) => Err(PlanError::new(format!(
                "copied file does not match the expected checksum: it is {sum}, not {wanted}"
            ))),
            None => Ok(()),
        }
    }

    fn many(&self, entries: Vec<LocalEntry>) -> Many<'_> {
        Many {
            dest: &self.dest.path,
            keeps_modes: self.remote_src && self.mode.is_none(),
            entries,
            wanted: self.wanted(),
            directory: self.directory(),
            backup: self.backup,
            force: self.force,
            follow: self.follow,
            validate: self.validate.as_deref(),
            secret: self.secret,
        }
    }
}
