//! The scripts of one session.

use modules::{Frames, Script, Shell};

use super::run::{Shared, random};
use crate::transport::{self, Identity, TransportError};

/// The scripts of one session, one an identity, in the order in which they were begun.
pub struct Scripts {
    shell: Shell,
    boundary: String,
    header: Vec<(&'static str, String)>,
    sections: Vec<(Identity, Script)>,
    /// Seconds that its asks may take beside what any script may.
    pub patience: u64,
}

impl Scripts {
    /// No script yet.
    pub fn new(host: &modules::Host, shell: Shell) -> Self {
        Self { shell, boundary: random(), header: modules::header(host), sections: Vec::new(), patience: 0 }
    }

    /// The script of an identity.
    pub fn of(&mut self, identity: &Identity) -> &mut Script {
        let at = self.sections.iter().position(|(known, _)| known == identity).unwrap_or_else(|| {
            self.sections.push((identity.clone(), Script::of(self.shell, &self.boundary, &self.header)));
            self.sections.len() - 1
        });
        &mut self.sections[at].1
    }

    /// Runs them in one session and reads the frames.
    pub async fn run(
        &self,
        host: &str,
        to: &transport::Transport,
        shared: &Shared,
    ) -> Result<Frames, TransportError> {
        let sections = self.sections.iter().map(|(identity, script)| transport::Section {
            identity: identity.clone(),
            functions: script.functions(),
            text: script.text_beside_functions(),
            is_quick: script.is_quick(),
        });
        let script = transport::Script { sections: sections.collect() };
        let output = to.run(host, &script, &shared.options.limits.extended(self.patience)).await?;
        let mut frames = Frames::default();
        if let Some((_, first)) = self.sections.first() {
            frames = first.read(&output.stdout);
        }
        if frames.ends() < self.sections.len() {
            return Err(TransportError {
                host: host.to_owned(),
                cause: Box::new(transport::Cause::Shell {
                    status: output.status,
                    detail: output.stderr_tail,
                }),
                attempt: None,
                partial: output.stdout,
            });
        }
        Ok(frames)
    }
}
