//! `file`: a directory, an absence, or permissions.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{
    Account, AskFile, Before, Change, Content, File, FileKind, Host, HostPath, MakeDir, Mode, Module,
    Ownership, Plan, PlanError, Probe, Remove, RemoveDir, SetMode,
};

/// Makes a directory, removes a file or an empty directory, or sets owner and permissions of what is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Where on the host. Links are followed.
    path: HostPath,
    /// What shall be there. Default: `file`.
    #[serde(default)]
    state: State,
    /// Permission bits. Default: those that it has, 0755 for a new directory.
    #[serde(default)]
    mode: Option<Mode>,
    /// The owner. Default: the one that it has, the running user for a new directory.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: the one that it has, the running user's for a new directory.
    #[serde(default)]
    group: Option<Account>,
}

/// What shall be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A file or directory that exists already; only owner and permissions are set.
    #[default]
    File,
    /// A directory, made with those above it where it is missing.
    Directory,
    /// Nothing. A directory is removed only where it is empty.
    Absent,
}

impl Module for FileState {
    const NAME: &'static str = "file";
    const EXAMPLE: &'static str =
        "- file:\n    path: /etc/docker/certs.d\n    state: directory\n    mode: \"0755\"\n";
    type State = File;

    fn probe(&self, _host: &Host) -> Probe<File> {
        // The content is what tells later whether the file has moved on before it is removed.
        Probe::ask(match self.state {
            State::Absent => AskFile::new(self.path.clone()),
            _ => AskFile::stat(self.path.clone()),
        })
    }

    fn plan(&self, _host: &Host, file: File) -> Result<Plan, PlanError> {
        let ownership = Ownership { mode: self.mode, owner: self.owner.clone(), group: self.group.clone() };
        let path = self.path.clone();
        let changes = match (self.state, &file.kind) {
            (State::Absent, FileKind::Absent) => vec![],
            (State::Absent, FileKind::Directory(_)) => vec![Change::RemoveDir(RemoveDir { path })],
            (State::Absent, FileKind::File(attributes, Some(content))) => {
                let before =
                    Before { content: Content::new(content.clone()), attributes: attributes.clone() };
                vec![Change::Remove(Remove { path, before })]
            }
            (State::Directory, FileKind::Absent) => vec![Change::MakeDir(MakeDir { path, ownership })],
            (State::Directory, FileKind::Directory(now))
            | (State::File, FileKind::File(now, _) | FileKind::Directory(now)) => {
                if ownership.holds(now) {
                    vec![]
                } else {
                    vec![Change::SetMode(SetMode { path, before: now.clone(), ownership })]
                }
            }
            (State::File, FileKind::Absent) => {
                return Err(PlanError::new(format!("`{path}` is not there"))
                    .help("write it with `copy`, or say `state: directory`"));
            }
            (_, FileKind::File(..)) => {
                return Err(PlanError::new(format!("`{path}` is a file, not a directory")));
            }
            (_, FileKind::Other) => {
                return Err(PlanError::new(format!("`{path}` is neither file nor directory")));
            }
        };
        let mut plan = Plan::new(changes);
        plan.set("path", self.path.as_str());
        Ok(plan)
    }
}
