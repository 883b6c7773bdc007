//! From a host's variables to a way to reach it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use modules::{Call, Facts, Script, Shell, decode_facts};

use super::scope::Renderer;
use crate::event::Reason;
use crate::inventory::{self, Inventory};
use crate::template::Scope;
use crate::transport::{
    self, Destination, HostKeyChecking, Limits, Local, Pool, Sandbox, Secret, Section, Ssh, Transport,
};
use crate::yaml::Problems;

/// What the command line says about reaching hosts; the inventory wins where it says something.
#[derive(Debug, Clone)]
pub struct Access {
    /// `-u`
    pub user: Option<String>,
    /// `--private-key`
    pub key: Option<PathBuf>,
    /// `-K`: asked once, or read from a file.
    pub become_password: Option<Secret>,
    /// `--host-key-checking`
    pub host_key_checking: HostKeyChecking,
    /// `--ssh-persist`
    pub persist: Duration,
    /// `--ssh-config`
    pub ssh_config: Option<PathBuf>,
}

/// The ways to all hosts of a run.
pub struct Connections {
    access: Access,
    pool: Arc<Pool>,
    local: Arc<Transport>,
    /// The ways that are known by now, by their keys: whoever takes one again takes the same connection, even where a key
    /// that was accepted on the way would name another one.
    known: Mutex<HashMap<String, Arc<Transport>>>,
}

/// Why there is no way to a host.
pub enum NoWay {
    /// Its variables cannot be used.
    Wrong(Problems),
    /// dtrctl does not have the connection that it asks for.
    Unsupported(Reason),
    /// Nobody knows its address.
    Unreachable(Reason),
}

/// The way to one host.
pub struct Connection {
    /// How scripts get there.
    pub transport: Arc<Transport>,
    /// A name for it that is the same in the next run.
    pub key: String,
    /// What it is, in words.
    pub shown: String,
}

impl Connections {
    /// Ways that share a pool of masters.
    #[must_use]
    pub fn new(access: Access, pool: Arc<Pool>) -> Self {
        let local = Local { password: access.become_password.clone() };
        Self { access, pool, local: Arc::new(Transport::Local(local)), known: Mutex::default() }
    }

    /// The controller itself.
    #[must_use]
    pub fn local(&self) -> Arc<Transport> {
        Arc::clone(&self.local)
    }

    /// The facts of the controller; empty where it has no POSIX shell.
    pub async fn local_facts(&self, boundary: &str, limits: &Limits) -> Facts {
        let mut script = Script::new(boundary, &[]);
        script.answer(0, &Call::new("ask_facts"));
        let section = Section {
            identity: transport::Identity::Login,
            functions: script.functions(),
            text: script.text_beside_functions(),
            is_quick: script.is_quick(),
        };
        let sent = transport::Script { sections: vec![section] };
        match self.local.run("localhost", &sent, limits).await {
            Ok(output) => {
                let frames = script.read(&output.stdout);
                frames.get(0).and_then(|frame| decode_facts(&frame.body).ok()).unwrap_or_default()
            }
            Err(_) => Facts::default(),
        }
    }

    /// The way to a host.
    ///
    /// # Errors
    /// A connection that dtrctl does not have, or variables that cannot be used.
    pub fn to(
        &self,
        host: &str,
        inventory: &Inventory,
        renderer: &Renderer,
        scope: &Arc<Scope>,
    ) -> Result<Connection, NoWay> {
        let mut variables = inventory.connection_vars(host);
        for setting in variables.templates() {
            let value = renderer
                .value(setting.node(), scope)
                .map_err(|error| NoWay::Wrong(super::scope::problem_of(error).into()))?;
            setting.set(plain(value));
        }
        if let Some(problem) = variables.no_address() {
            return Err(NoWay::Unreachable(Reason {
                kind: "address".to_owned(),
                place: problem.at.as_ref().map(ToString::to_string),
                message: problem.message,
                help: problem.help,
            }));
        }
        let connection = variables.resolve().map_err(NoWay::Wrong)?;
        self.reach(host, connection)
    }

    fn reach(&self, host: &str, connection: inventory::Connection) -> Result<Connection, NoWay> {
        let key = modules::digest(format!("{host}\n{connection:?}\n{:?}", self.access.user).as_bytes());
        let shown = self.shown(&connection);
        let transport = match connection.transport {
            inventory::Transport::Local => Arc::clone(&self.local),
            inventory::Transport::Sandbox { root } => {
                Arc::new(Transport::Sandbox(Sandbox::new(PathBuf::from(root))))
            }
            inventory::Transport::Ssh => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                let made = || Arc::new(Transport::Ssh(self.ssh(host, connection)));
                Arc::clone(known.entry(key.clone()).or_insert_with(made))
            }
            inventory::Transport::Unsupported { name } => return Err(NoWay::Unsupported(unsupported(&name))),
        };
        Ok(Connection { transport, key, shown })
    }

    fn shown(&self, connection: &inventory::Connection) -> String {
        match &connection.transport {
            inventory::Transport::Local => "on this machine".to_owned(),
            inventory::Transport::Sandbox { root } => format!("in the directory `{root}`"),
            inventory::Transport::Unsupported { name } => format!("by `{name}`"),
            inventory::Transport::Ssh => {
                let mut text = format!("by ssh to {}", connection.address);
                let user = connection.user.as_ref().or(self.access.user.as_ref());
                let key = connection
                    .key_file
                    .clone()
                    .or_else(|| Some(self.access.key.as_ref()?.display().to_string()));
                text += &connection.port.map(|port| format!(", port {port}")).unwrap_or_default();
                text += &user.map(|user| format!(", as {user}")).unwrap_or_default();
                text += &key.map(|key| format!(", with the key {key}")).unwrap_or_default();
                let options = connection.options.iter();
                text + &options
                    .map(|option| format!(", {}={}", option.name, option.value))
                    .collect::<String>()
            }
        }
    }

    fn ssh(&self, host: &str, connection: inventory::Connection) -> Ssh {
        let mut destination = Destination::new(host, connection.address);
        destination.port = connection.port;
        destination.user = connection.user.or_else(|| self.access.user.clone());
        destination.key = connection.key_file.map(expand).or_else(|| self.access.key.clone());
        for option in connection.options {
            if option.name == "ProxyJump" {
                destination.jump = Some(option.value);
            } else {
                destination.options.push((option.name.to_owned(), option.value));
            }
        }
        let password = connection.r#become.password.map(Secret::new);
        destination.password = password.or_else(|| self.access.become_password.clone());
        destination.host_key_checking = self.access.host_key_checking;
        destination.persist = self.access.persist;
        destination.ssh_config.clone_from(&self.access.ssh_config);
        if connection.windows {
            destination.shell = Shell::PowerShell;
        }
        Ssh::new(Arc::clone(&self.pool), destination)
    }
}

/// `~` at the front of a key's path is the user's home, as ssh and Ansible have it.
fn expand(path: String) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

fn plain(value: serde_json::Value) -> crate::yaml::Value {
    use crate::yaml::{Style, Text, Value};
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) if number.is_i64() => {
            Value::Int(number.as_i64().unwrap_or_default().into())
        }
        serde_json::Value::String(text) => {
            Value::String(Text { text: text.into(), style: Style::DoubleQuoted, literal: true })
        }
        other => {
            Value::String(Text { text: other.to_string().into(), style: Style::DoubleQuoted, literal: true })
        }
    }
}

fn unsupported(name: &str) -> Reason {
    let windows = name.ends_with("winrm") || name.ends_with("psrp");
    let help = if windows {
        "it reaches Windows through OpenSSH: install the server, and say `ansible_connection: ssh` and `ansible_shell_type: powershell` (or `cmd`)"
    } else {
        "it reaches hosts by `ssh`, `local` and `sandbox`"
    };
    Reason {
        kind: "unsupported".to_owned(),
        message: format!("dtrctl has no connection `{name}`"),
        help: Some(help.to_owned()),
        place: None,
    }
}
