//! `slurp`: what a file of the host holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{AskFile, File, FileKind, Host, HostPath, Module, Plan, PlanError, Probe, Touches};

/// Reads a file of the host, of up to 1 MiB, whatever bytes it holds. It changes nothing.
///
/// Registered: `content` in Base64 (`{{ result.content | b64decode }}` is its text), `encoding` (`base64`), `source`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slurp {
    /// The file. Links are followed.
    src: HostPath,
}

impl Module for Slurp {
    const NAME: &'static str = "slurp";
    const EXAMPLE: &'static str = "- slurp:\n    src: /etc/docker/daemon.json\n  register: daemon\n- debug:\n    msg: \"{{ daemon.content | b64decode }}\"\n";
    const ALIASES: &'static [(&'static str, &'static str)] = &[("path", "src")];
    const TOUCHES: Touches = Touches::Nothing;
    type State = File;

    fn probe(&self, _host: &Host) -> Probe<File> {
        Probe::ask(AskFile::new(self.src.clone()))
    }

    fn plan(&self, _host: &Host, file: File) -> Result<Plan, PlanError> {
        let path = &self.src;
        let content = match file.kind {
            FileKind::File(_, Some(content)) => content,
            FileKind::Absent => return Err(PlanError::new(format!("file not found: `{path}`"))),
            FileKind::Directory(_) => {
                return Err(PlanError::new(format!("source is a directory and must be a file: `{path}`")));
            }
            FileKind::File(_, None) | FileKind::Other => {
                return Err(PlanError::new(format!("file is not readable: `{path}`")));
            }
        };
        let mut plan = Plan::default();
        plan.set("content", STANDARD.encode(content));
        plan.set("encoding", "base64");
        plan.set("source", path.as_str());
        Ok(plan)
    }
}
