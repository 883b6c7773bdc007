//! `raw`: a user's shell text, without any frills.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Host, HostPath, Module, Plan, PlanError, Probe, Run, Touches};
use crate::guards::{self, Guards, Settled};

/// Runs a text by the host's shell, as `shell` does, and registers what it printed as it is, with the line ends at its end. In
/// Ansible it is for hosts without Python; no host needs Python here, and `shell` can do more. In check mode it is unknown.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    /// The text: what stands behind `raw:`.
    #[serde(rename = "_raw_params")]
    text: String,
    /// The shell, by its path. Default: `/bin/sh`.
    #[serde(default)]
    executable: Option<HostPath>,
    /// Shell text; where it exits with 0, the other does not run. Ansible has no such argument.
    #[serde(default)]
    unless: Option<String>,
}

impl Module for Raw {
    const NAME: &'static str = "raw";
    const EXAMPLE: &'static str = "- raw: uname -a\n";
    const BARE: Option<&'static str> = Some("_raw_params");
    const TOUCHES: Touches = Touches::Paths(&[]);
    type State = Settled;

    fn probe(&self, _host: &Host) -> Probe<Settled> {
        self.guards().probe()
    }

    fn plan(&self, host: &Host, settled: Settled) -> Result<Plan, PlanError> {
        guards::without_nul(&self.text)?;
        let shell = self.executable.as_ref().map_or("/bin/sh", HostPath::as_str);
        let run = Run {
            argv: vec![shell.to_owned(), "-c".to_owned(), self.text.clone()],
            guarded: self.guards().given(),
            keep_ends: true,
            ..Run::default()
        };
        guards::plan(host, run, settled)
    }
}

impl Raw {
    fn guards(&self) -> Guards<'_> {
        Guards { unless: self.unless.as_deref(), ..Guards::default() }
    }
}
