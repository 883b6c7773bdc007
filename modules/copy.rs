//! `copy`: a file with the given content.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{
    Account, AskFile, AskLocalFile, Before, Change, Content, File, FileKind, Host, HostPath, Mode, Module,
    Ownership, Plan, PlanError, Probe, SetMode, WriteFile,
};

/// Writes a file with the given content, or that of a file of the controller. The file is written beside its target,
/// flushed and renamed; it is refused where it has moved on since it was read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// Where on the host. Links are followed. The directory must exist.
    dest: HostPath,
    /// What it shall hold. Give this or `src`.
    #[serde(default)]
    content: Option<String>,
    /// A file of the controller; a relative path begins at the playbook's directory. Give this or `content`.
    #[serde(default)]
    src: Option<String>,
    /// Permission bits. Default: those that the file has, 0644 for a new one. On Windows there are none to set.
    #[serde(default)]
    mode: Option<Mode>,
    /// The owner. Default: the one that the file has, the running user for a new one.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: the one that the file has, the running user's for a new one.
    #[serde(default)]
    group: Option<Account>,
    /// Whether the content is a secret: it is then shown as its length alone. Default: false.
    #[serde(default)]
    secret: bool,
}

impl Module for Copy {
    const NAME: &'static str = "copy";
    const EXAMPLE: &'static str = "- copy:\n    dest: /etc/motd\n    content: \"this host trusts {{ registry }}\\n\"\n    mode: \"0644\"\n";
    type State = ((File, Option<File>), Vec<u8>);

    fn probe(&self, _host: &Host) -> Probe<Self::State> {
        let wanted = match (&self.content, &self.src) {
            (None, Some(path)) => Probe::ask(AskLocalFile::new(path.clone())),
            (content, _) => Probe::ready(content.clone().unwrap_or_default().into_bytes()),
        };
        // Whether there is a directory to write into has to be known before, or check mode would promise too much.
        let directory = match self.dest.parent() {
            Some(parent) => Probe::ask(AskFile::stat(parent)).map(Some),
            None => Probe::ready(None),
        };
        Probe::ask(AskFile::new(self.dest.clone())).zip(directory).zip(wanted)
    }

    fn plan(&self, _host: &Host, ((file, directory), wanted): Self::State) -> Result<Plan, PlanError> {
        if self.content.is_some() == self.src.is_some() {
            return Err(PlanError::new("give either `content` or `src`"));
        }
        if let Some(directory) =
            directory.filter(|directory| !matches!(directory.kind, FileKind::Directory(_)))
        {
            return Err(PlanError::new(format!("`{}` is not a directory on this host", directory.path))
                .help("make it first, with `file` and `state: directory`"));
        }
        let ownership = Ownership { mode: self.mode, owner: self.owner.clone(), group: self.group.clone() };
        let content = Content { bytes: wanted, secret: self.secret };
        let mut plan = Plan::new(write_file(&self.dest, &file, content, ownership)?);
        plan.set("dest", self.dest.as_str());
        Ok(plan)
    }
}

/// The change that makes a file so; none where it is.
///
/// # Errors
/// [`PlanError`] where a directory or a device stands at the path.
pub fn write_file(
    path: &HostPath,
    file: &File,
    content: Content,
    ownership: Ownership,
) -> Result<Vec<Change>, PlanError> {
    let before = match &file.kind {
        FileKind::Absent => None,
        FileKind::File(attributes, Some(old)) => {
            if *old == content.bytes {
                let set = SetMode { path: path.clone(), before: attributes.clone(), ownership };
                return Ok(if set.ownership.holds(attributes) { vec![] } else { vec![Change::SetMode(set)] });
            }
            let content = Content { bytes: old.clone(), secret: content.secret };
            Some(Before { content, attributes: attributes.clone() })
        }
        FileKind::File(_, None) => return Err(PlanError::new(format!("`{path}` could not be read"))),
        FileKind::Directory(_) => return Err(PlanError::new(format!("`{path}` is a directory"))),
        FileKind::Other => return Err(PlanError::new(format!("`{path}` is no regular file"))),
    };
    Ok(vec![Change::WriteFile(WriteFile { path: path.clone(), before, content, ownership })])
}
