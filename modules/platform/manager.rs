//! What runs services: the commands that start, stop and enable any of them.

use crate::contract::{ServiceAction, ServiceScope, ServiceState};

/// A manager of services by its commands; `NAME`, `SCRIPT` and `ACTION` stand for what they say.
struct Row {
    /// [`Facts::init`](crate::contract::Facts::init) of its hosts.
    init: &'static str,
    /// Start, stop, restart, reload.
    act: &'static [&'static str],
    /// Makes it start with the host; empty where there is no such command.
    enable: &'static [&'static str],
    /// The opposite.
    disable: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        init: "systemd",
        act: &["systemctl", "ACTION", "NAME"],
        enable: &["systemctl", "enable", "NAME"],
        disable: &["systemctl", "disable", "NAME"],
    },
    Row { init: "upstart", act: &["service", "NAME", "ACTION"], enable: &[], disable: &[] },
    Row {
        init: "openrc",
        act: &["rc-service", "NAME", "ACTION"],
        enable: &["rc-update", "add", "NAME", "RUNLEVEL"],
        disable: &["rc-update", "del", "NAME", "RUNLEVEL"],
    },
    Row {
        init: "sysvinit-redhat",
        act: &["SCRIPT", "ACTION"],
        enable: &["chkconfig", "NAME", "on"],
        disable: &["chkconfig", "NAME", "off"],
    },
    Row {
        init: "sysvinit",
        act: &["SCRIPT", "ACTION"],
        enable: &["update-rc.d", "NAME", "enable"],
        disable: &["update-rc.d", "NAME", "disable"],
    },
    Row { init: "boot2docker", act: &["SCRIPT", "ACTION"], enable: &[], disable: &[] },
    Row { init: "none", act: &["SCRIPT", "ACTION"], enable: &[], disable: &[] },
];

/// What a command is about.
#[derive(Debug, Clone, Copy)]
pub struct ServiceCommand<'a> {
    /// [`Facts::init`](crate::contract::Facts::init) of the host.
    pub init: &'a str,
    /// The service.
    pub name: &'a str,
    /// What is done.
    pub action: ServiceAction,
    /// Whose service it is.
    pub scope: ServiceScope,
    /// Whether systemd is not to wait.
    pub no_block: bool,
    /// The runlevel that `OpenRC` adds a service to.
    pub runlevel: &'a str,
}

impl ServiceCommand<'_> {
    /// Its words; none where nothing on such a host does it.
    #[must_use]
    pub fn words(&self, state: &ServiceState) -> Option<Vec<String>> {
        let row = ROWS.iter().find(|row| row.init == self.init)?;
        let of_systemd = ["systemctl", "ACTION"];
        let template = match self.action {
            ServiceAction::Enable => row.enable,
            ServiceAction::Disable => row.disable,
            ServiceAction::Mask | ServiceAction::Unmask if self.init == "systemd" => row.act,
            ServiceAction::DaemonReload | ServiceAction::DaemonReexec if self.init == "systemd" => {
                &of_systemd
            }
            ServiceAction::Start | ServiceAction::Stop | ServiceAction::Restart | ServiceAction::Reload => {
                row.act
            }
            _ => &[],
        };
        if template.is_empty() {
            return None;
        }
        let mut words = Vec::new();
        for &word in template {
            words.push(match word {
                "ACTION" => self.action.word().to_owned(),
                "NAME" => self.name.to_owned(),
                "RUNLEVEL" => self.runlevel.to_owned(),
                "SCRIPT" => state.script.as_ref()?.to_string(),
                other => other.to_owned(),
            });
        }
        if self.init == "systemd" {
            let flag = match self.scope {
                ServiceScope::System => None,
                ServiceScope::User => Some("--user"),
                ServiceScope::Global => Some("--global"),
            };
            let flags = flag.into_iter().chain(self.no_block.then_some("--no-block"));
            words.splice(1..1, flags.map(str::to_owned));
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::HostPath;

    #[test]
    fn each_manager_has_its_own_words() {
        use ServiceAction::{DaemonReload, Enable, Mask, Restart};
        let words = |init, action| {
            let script = HostPath::new("/etc/init.d/nginx").ok();
            let state = ServiceState { script, ..ServiceState::default() };
            let command = ServiceCommand {
                init,
                name: "nginx",
                action,
                scope: ServiceScope::System,
                no_block: false,
                runlevel: "default",
            };
            command.words(&state).map(|words| words.join(" ")).unwrap_or_default()
        };
        for (init, restart, enable) in [
            ("systemd", "systemctl restart nginx", "systemctl enable nginx"),
            ("upstart", "service nginx restart", ""),
            ("openrc", "rc-service nginx restart", "rc-update add nginx default"),
            ("sysvinit-redhat", "/etc/init.d/nginx restart", "chkconfig nginx on"),
            ("sysvinit", "/etc/init.d/nginx restart", "update-rc.d nginx enable"),
            ("boot2docker", "/etc/init.d/nginx restart", ""),
            ("none", "/etc/init.d/nginx restart", ""),
            ("windows", "", ""),
        ] {
            assert_eq!(
                (words(init, Restart).as_str(), words(init, Enable).as_str()),
                (restart, enable),
                "{init}"
            );
        }
        assert_eq!(words("systemd", Mask), "systemctl mask nginx");
        assert_eq!(words("systemd", DaemonReload), "systemctl daemon-reload");
        assert_eq!(words("openrc", Mask), "");
        let user = ServiceCommand {
            init: "systemd",
            name: "x",
            action: Restart,
            scope: ServiceScope::User,
            no_block: true,
            runlevel: "",
        };
        assert_eq!(
            user.words(&ServiceState::default()).unwrap().join(" "),
            "systemctl --user --no-block restart x"
        );
    }
}
