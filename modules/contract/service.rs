//! A service of a host: its state, and what is done to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::change::Change;
use super::path::HostPath;
use super::text::Call;

/// Whose services systemd is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServiceScope {
    /// The host's.
    #[default]
    System,
    /// Those of the user that the task runs as.
    User,
    /// Those of all users.
    Global,
}

/// The state of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskService {
    /// Its name, without `.service`.
    pub name: String,
    /// What runs services: [`Facts::init`](super::Facts::init).
    pub manager: String,
    /// Whose.
    pub scope: ServiceScope,
    /// Where a script has no `status`: text that the list of processes shows while it runs.
    pub pattern: Option<String>,
}

/// What is known of a service.
#[expect(clippy::struct_excessive_bools, reason = "each is what one question about it answers")]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceState {
    /// Whether there is one of that name.
    pub found: bool,
    /// Whether it runs, or is just starting.
    pub running: bool,
    /// Whether it starts with the host; none where the host has no means to tell.
    pub enabled: Option<bool>,
    /// Whether it is masked.
    pub masked: bool,
    /// Whether its files have changed since systemd read them.
    pub stale: bool,
    /// Whether it ends by itself once it has done its work, so that it never is seen running.
    pub transient: bool,
    /// The script that starts it, where it is one.
    pub script: Option<HostPath>,
    /// What systemd shows of it: `ActiveState` and a few others.
    pub status: Vec<(String, String)>,
}

/// What is done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceAction {
    /// It starts.
    Start,
    /// It stops.
    Stop,
    /// It stops and starts.
    Restart,
    /// It reads its settings again.
    Reload,
    /// It starts with the host from now on.
    Enable,
    /// It does not start with the host any more.
    Disable,
    /// It cannot be started any more.
    Mask,
    /// It can be started again.
    Unmask,
    /// systemd reads its units again.
    DaemonReload,
    /// systemd starts itself anew.
    DaemonReexec,
}

impl ServiceAction {
    /// The word by which managers know it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Mask => "mask",
            Self::Unmask => "unmask",
            Self::DaemonReload => "daemon-reload",
            Self::DaemonReexec => "daemon-reexec",
        }
    }
}

/// Does something to a service by its manager's own command, and waits for the effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeService {
    /// The service; its name is empty for what is about systemd itself.
    pub service: AskService,
    /// What is done.
    pub action: ServiceAction,
    /// By which command.
    pub command: Vec<String>,
    /// Whether the effect is not waited for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_block: bool,
    /// Whether it ends by itself, so that nothing shows afterwards that it has run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub transient: bool,
}

impl AskService {
    fn words(&self, call: Call) -> Call {
        let scope = match self.scope {
            ServiceScope::System => "",
            ServiceScope::User => "--user",
            ServiceScope::Global => "--global",
        };
        call.word(&self.manager).word(scope).word(&self.name).word(self.pattern.clone().unwrap_or_default())
    }

    pub(super) fn call(&self) -> Call {
        self.words(Call::new("ask_service"))
    }

    /// The state as it will be once a change is made.
    pub(super) fn lay(&self, change: &Change, mut state: ServiceState) -> ServiceState {
        match change {
            Change::Service(done) if done.is_about(self) => done.lay(&mut state),
            Change::RestartDocker(_) if self.name == "docker" => state.set_running(true),
            Change::WriteFile(write) if self.name.is_empty() => {
                // What systemd has not read yet it reads when it is asked for it; what it has read it does not read again.
                let known = write.before.is_some() || is_drop_in(&write.path);
                state.stale |= known && write.path.as_str().contains("/systemd/system/");
            }
            Change::WriteFile(write) if self.reads(&write.path) => {
                state.found = true;
                state.enabled = state.enabled.or(Some(false));
                state.stale |= state.running;
            }
            Change::Remove(remove) if self.reads(&remove.path) => state.stale |= state.running,
            _ => {}
        }
        state
    }

    /// Whether systemd reads a file for this service.
    fn reads(&self, path: &HostPath) -> bool {
        let unit = |name: &str| name == format!("{}.service", self.name) || name == self.name;
        let directory = path.parent();
        let drop_in = directory.as_ref().and_then(|above| above.name().strip_suffix(".d")).is_some_and(unit);
        path.as_str().contains("/systemd/") && (unit(path.name()) || drop_in)
    }
}

fn is_drop_in(path: &HostPath) -> bool {
    let ends = |name: &str, ending: &str| name.rsplit_once('.').is_some_and(|(_, end)| end == ending);
    ends(path.name(), "conf") && path.parent().is_some_and(|above| ends(above.name(), "d"))
}

impl ServiceState {
    fn set_running(&mut self, running: bool) {
        self.running = running;
        self.set_status("ActiveState", if running { "active" } else { "inactive" });
        self.set_status("SubState", if running { "running" } else { "dead" });
    }

    fn set_status(&mut self, name: &str, value: &str) {
        if let Some((_, known)) = self.status.iter_mut().find(|(known, _)| known == name) {
            value.clone_into(known);
        }
    }
}

impl ChangeService {
    fn is_about(&self, ask: &AskService) -> bool {
        let about_all = matches!(self.action, ServiceAction::DaemonReload | ServiceAction::DaemonReexec);
        self.service.scope == ask.scope && (about_all || self.service.name == ask.name)
    }

    /// Whether the Docker daemon starts or stops by it.
    pub(super) fn moves_docker(&self) -> bool {
        use ServiceAction::{Restart, Start, Stop};
        self.service.name == "docker" && matches!(self.action, Start | Stop | Restart)
    }

    fn lay(&self, state: &mut ServiceState) {
        match self.action {
            ServiceAction::Start | ServiceAction::Restart => state.set_running(!self.transient),
            ServiceAction::Stop => state.set_running(false),
            ServiceAction::Enable | ServiceAction::Disable => {
                let enabled = self.action == ServiceAction::Enable;
                state.enabled = Some(enabled);
                state.set_status("UnitFileState", if enabled { "enabled" } else { "disabled" });
            }
            ServiceAction::Mask | ServiceAction::Unmask => {
                state.masked = self.action == ServiceAction::Mask;
            }
            ServiceAction::DaemonReload | ServiceAction::DaemonReexec => state.stale = false,
            ServiceAction::Reload => {}
        }
    }

    pub(super) fn call(&self) -> Call {
        let wait = if self.no_block || self.transient { "asked" } else { "seen" };
        let call = self.service.words(Call::new("do_service"));
        call.word(self.action.word()).word(wait).words(self.command.clone())
    }

    pub(super) fn summary(&self) -> String {
        let command = self.command.join(" ");
        match self.action {
            ServiceAction::DaemonReload => format!("have systemd read its units again by `{command}`"),
            ServiceAction::DaemonReexec => format!("have systemd start itself anew by `{command}`"),
            action => format!("{} the service {} by `{command}`", action.word(), self.service.name),
        }
    }

    /// Whether asking again shows that it was done.
    pub(super) const fn is_provable(&self) -> bool {
        use ServiceAction::{DaemonReexec, Reload, Restart};
        !(self.no_block || self.transient || matches!(self.action, Restart | Reload | DaemonReexec))
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::{Before, WriteFile};
    use super::super::{Attributes, Content, Mode, Ownership};
    use super::*;

    #[test]
    fn a_written_unit_has_to_be_read_again_where_systemd_can_have_read_it() {
        let ask = |name: &str| AskService {
            name: name.to_owned(),
            manager: "systemd".to_owned(),
            scope: ServiceScope::System,
            pattern: None,
        };
        let content = || Content::new(b"x".to_vec());
        for (path, old, stale) in [
            ("/etc/systemd/system/docker.service.d/proxy.conf", false, true),
            ("/etc/systemd/system/x.service", true, true),
            ("/etc/systemd/system/x.service", false, false),
            ("/etc/motd", true, false),
        ] {
            let attributes = Attributes {
                mode: Mode::new(0o644),
                uid: 0,
                gid: 0,
                owner: "root".to_owned(),
                group: "root".to_owned(),
                size: 1,
                mtime: 0,
            };
            let before = Before { content: content(), attributes };
            let write = Change::WriteFile(WriteFile {
                path: HostPath::new(path).unwrap(),
                before: old.then_some(before),
                content: content(),
                ownership: Ownership::default(),
                validate: None,
                over_link: None,
                through: None,
            });
            assert_eq!(ask("").lay(&write, ServiceState::default()).stale, stale, "{path} {old}");
        }
    }
}
