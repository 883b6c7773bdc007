//! How a host is reached: the `ansible_…` variables that say so, checked before any process starts.

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    Inventory, docker_machine, name,
    schema::Takes,
    ssh_args::{self, SshOption},
    vars::{Definition, Sourced},
};
use crate::yaml::{Node, Place, Problem, Problems, Text, Value};

/// What a variable says about the connection. Of several names for the same thing the last one wins, as it does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Host,
    Port,
    User,
    KeyFile,
    Transport,
    Become,
    BecomeMethod,
    BecomeUser,
    BecomePassword,
    SshArgs,
    SshCommonArgs,
    SshExtraArgs,
    SandboxRoot,
    ShellType,
    Password,
    Unsupported,
}

const NAMES: [(&str, Topic); 36] = [
    ("ansible_host", Topic::Host),
    ("ansible_ssh_host", Topic::Host),
    ("ansible_port", Topic::Port),
    ("ansible_ssh_port", Topic::Port),
    ("ansible_user", Topic::User),
    ("ansible_ssh_user", Topic::User),
    ("ansible_private_key_file", Topic::KeyFile),
    ("ansible_ssh_private_key_file", Topic::KeyFile),
    ("ansible_connection", Topic::Transport),
    ("ansible_become", Topic::Become),
    ("ansible_become_method", Topic::BecomeMethod),
    ("ansible_become_user", Topic::BecomeUser),
    ("ansible_sudo_user", Topic::BecomeUser),
    ("ansible_become_password", Topic::BecomePassword),
    ("ansible_become_pass", Topic::BecomePassword),
    ("ansible_sudo_pass", Topic::BecomePassword),
    ("ansible_ssh_args", Topic::SshArgs),
    ("ansible_ssh_common_args", Topic::SshCommonArgs),
    ("ansible_ssh_extra_args", Topic::SshExtraArgs),
    ("ansible_sandbox_root", Topic::SandboxRoot),
    ("ansible_shell_type", Topic::ShellType),
    ("ansible_password", Topic::Password),
    ("ansible_ssh_pass", Topic::Password),
    ("ansible_ssh_password", Topic::Password),
    ("ansible_become_exe", Topic::Unsupported),
    ("ansible_become_flags", Topic::Unsupported),
    ("ansible_sudo_exe", Topic::Unsupported),
    ("ansible_sudo_flags", Topic::Unsupported),
    ("ansible_ssh_executable", Topic::Unsupported),
    ("ansible_ssh_host_key_checking", Topic::Unsupported),
    ("ansible_host_key_checking", Topic::Unsupported),
    ("ansible_ssh_private_key", Topic::Unsupported),
    ("ansible_private_key", Topic::Unsupported),
    ("ansible_ssh_private_key_passphrase", Topic::Unsupported),
    ("ansible_private_key_passphrase", Topic::Unsupported),
    ("ansible_ssh_pkcs11_provider", Topic::Unsupported),
];

impl Topic {
    /// What it says, and what it takes.
    const fn described(self) -> (&'static str, Takes) {
        match self {
            Self::Host => {
                ("The name or address to connect to; the host's own name where it is not set.", Takes::Text)
            }
            Self::Port => ("The port of ssh.", Takes::Port),
            Self::User => ("The user to log in as.", Takes::Text),
            Self::KeyFile => ("The file with the private key to log in with.", Takes::Text),
            Self::Transport => ("How the host is reached.", Takes::Known(&["ssh", "local", "sandbox"])),
            Self::Become => ("Whether tasks run as another user.", Takes::Flag),
            Self::BecomeMethod => (
                "How tasks become another user: `sudo`, and `runas` for a host of Windows.",
                Takes::OneOf(&["sudo", "runas", "ansible.builtin.sudo", "ansible.builtin.runas"]),
            ),
            Self::BecomeUser => ("The user that tasks run as; `root` where it is not set.", Takes::Text),
            Self::BecomePassword => {
                ("The password of sudo; best encrypted with `ansible-vault`.", Takes::Text)
            }
            Self::SshArgs => ("Options of ssh, the weakest of three lists.", Takes::Text),
            Self::SshCommonArgs => ("Options of ssh, such as `-J bastion`.", Takes::Text),
            Self::SshExtraArgs => ("Options of ssh, the strongest of three lists.", Takes::Text),
            Self::SandboxRoot => {
                ("With the connection `sandbox`: the directory that stands for the host's `/`.", Takes::Text)
            }
            Self::ShellType => (
                "The shell that a login gets; the last two mean a host of Windows.",
                Takes::OneOf(&["sh", "csh", "fish", "powershell", "cmd"]),
            ),
            Self::Password => ("Not supported: use a key, or an agent.", Takes::Nothing),
            Self::Unsupported => {
                ("Not supported: put it into `~/.ssh/config`, which is read.", Takes::Nothing)
            }
        }
    }
}

/// All variables that say how a host is reached, with what they say and what they take.
pub(super) fn described() -> impl Iterator<Item = (&'static str, &'static str, Takes)> {
    NAMES.into_iter().map(|(name, topic)| {
        let (about, takes) = topic.described();
        (name, about, takes)
    })
}

/// How a host is reached, checked: every text in it is safe as an argument of ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// By which transport.
    pub transport: Transport,
    /// Whether it is a host of Windows, whose scripts PowerShell runs, whatever shell a login gets.
    pub windows: bool,
    /// The name or address to connect to.
    pub address: String,
    /// The port, if one is set.
    pub port: Option<u16>,
    /// The user, if one is set.
    pub user: Option<String>,
    /// The file with the private key, if one is set.
    pub key_file: Option<String>,
    /// Further options of ssh, the weakest first.
    pub options: Vec<SshOption>,
    /// Becoming another user, where the inventory says so.
    pub r#become: Become,
}

/// The transport of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// The system's ssh.
    Ssh,
    /// This machine.
    Local,
    /// A directory on this machine.
    Sandbox {
        /// The directory that stands for the host's `/`.
        root: String,
    },
    /// One that dtrctl does not have: the host is reported as unsupported.
    Unsupported {
        /// What the inventory asks for.
        name: String,
    },
}

/// What the inventory says about becoming another user.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Become {
    /// Whether to, if it says so.
    pub active: Option<bool>,
    /// Which user, if it says so.
    pub user: Option<String>,
    /// The password of sudo, if it says so. It is a secret.
    pub password: Option<String>,
}

impl fmt::Debug for Become {
    /// Without the password, which a panic or a log line would otherwise show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = self.password.as_ref().map(|_| "***");
        let mut shown = f.debug_struct("Become");
        shown.field("active", &self.active).field("user", &self.user).field("password", &password).finish()
    }
}

/// A variable about the connection, as it was written.
#[derive(Debug, Clone)]
pub struct Setting {
    name: &'static str,
    definition: Arc<Definition>,
}

impl Setting {
    /// The variable's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The value as it was written.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.definition.value
    }

    /// Whether it has to be templated before [`ConnectionVars::resolve`].
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.node().has_template()
    }

    /// Puts a templated value in its place; what it says is never a template again.
    pub fn set(&mut self, value: Value) {
        let value = match value {
            Value::String(text) => Value::String(Text { literal: true, ..text }),
            value => value,
        };
        let node = Node { value, ..self.node().clone() };
        self.definition = Arc::new(Definition { value: node, ..(*self.definition).clone() });
    }
}

/// The variables of a host that say how it is reached: those of them that hold templates are to be [`Setting::set`]
/// before they are [resolved](Self::resolve).
#[derive(Debug, Clone)]
pub struct ConnectionVars {
    host: Arc<str>,
    at: Option<Place>,
    settings: BTreeMap<Topic, Setting>,
}

impl Inventory {
    /// What the variables say about how a host is reached.
    #[must_use]
    pub fn connection_vars(&self, host: &str) -> ConnectionVars {
        self.connection_vars_from(host, &self.vars(host))
    }

    /// The same, from variables that have been merged already.
    #[must_use]
    pub fn connection_vars_from(&self, host: &str, vars: &BTreeMap<Arc<str>, Sourced>) -> ConnectionVars {
        let mut settings = BTreeMap::new();
        for (name, topic) in NAMES {
            if let Some(sourced) = vars.get(name) {
                let mut setting = Setting { name, definition: Arc::clone(&sourced.definition) };
                // One that stays closed is refused when the host is used.
                if let Ok(text) = setting.node().opened() {
                    setting.set(Value::String(text));
                }
                settings.insert(topic, setting);
            }
        }
        ConnectionVars { host: host.into(), at: self.host_place(host).cloned(), settings }
    }

    /// How a host is reached, where nothing about that is a template.
    ///
    /// # Errors
    /// Every variable that cannot be used, or is a template.
    pub fn connection(&self, host: &str) -> Result<Connection, Problems> {
        self.connection_vars(host).resolve()
    }
}

impl ConnectionVars {
    /// The variables that hold templates.
    pub fn templates(&mut self) -> impl Iterator<Item = &mut Setting> {
        self.settings.values_mut().filter(|setting| setting.is_template())
    }

    /// What is wrong where nobody knows the host's address: it cannot be reached, and all others can.
    #[must_use]
    pub fn no_address(&self) -> Option<Problem> {
        docker_machine::no_address(&self.host, self.settings.get(&Topic::Host)?.node())
    }

    /// Checks everything.
    ///
    /// # Errors
    /// Every variable that cannot be used, or still is a template.
    pub fn resolve(&self) -> Result<Connection, Problems> {
        let mut problems = Problems::new();
        for (topic, setting) in &self.settings {
            let unknown = (*topic == Topic::Host).then(|| self.no_address());
            problems.0.extend(unknown.flatten().or_else(|| refuse(setting)));
        }
        problems.or(())?;
        let mut problems = Problems::new();
        let windows = self.is_windows(&mut problems);
        let connection = Connection {
            transport: self.transport(&mut problems),
            windows,
            address: self.text(Topic::Host).unwrap_or_else(|| self.host.to_string()),
            port: self.settings.get(&Topic::Port).and_then(|setting| port(setting.node())),
            user: self.text(Topic::User),
            key_file: self.text(Topic::KeyFile),
            options: self.options(&mut problems),
            r#become: self.r#become(windows, &mut problems),
        };
        if connection.transport == Transport::Ssh
            && let Err(why) = name::check_address(&connection.address)
        {
            problems.push(self.bad_address(&connection.address, &why));
        }
        problems.or(connection)
    }

    fn bad_address(&self, address: &str, why: &str) -> Problem {
        let place =
            self.settings.get(&Topic::Host).map(|setting| setting.node().place()).or_else(|| self.at.clone());
        let place =
            place.unwrap_or_else(|| crate::yaml::Source::new("host", address).place(0..address.len()));
        name::refused("an address", address, why, place)
    }

    fn text(&self, topic: Topic) -> Option<String> {
        self.settings.get(&topic).and_then(|setting| plain_text(setting.node()))
    }

    fn transport(&self, problems: &mut Problems) -> Transport {
        match self.text(Topic::Transport).as_deref() {
            None | Some("ssh" | "smart" | "ansible.builtin.ssh") => Transport::Ssh,
            Some("local" | "ansible.builtin.local") => Transport::Local,
            Some("sandbox") => match self.text(Topic::SandboxRoot) {
                Some(root) if root.starts_with('/') => Transport::Sandbox { root },
                Some(_) => {
                    problems.push(self.problem(Topic::SandboxRoot, "is not an absolute path"));
                    Transport::Local
                }
                None => {
                    let message = format!("the sandbox `{}` has no `ansible_sandbox_root`", self.host);
                    let place = self.settings[&Topic::Transport].node().place();
                    problems.push(
                        Problem::new(message, place).help("set it to the directory that is the host's `/`"),
                    );
                    Transport::Local
                }
            },
            Some(name) => Transport::Unsupported { name: name.to_owned() },
        }
    }

    /// As in Ansible the variable names the shell that a login gets: both of Windows' start PowerShell.
    fn is_windows(&self, problems: &mut Problems) -> bool {
        match self.text(Topic::ShellType).as_deref() {
            Some("powershell" | "cmd" | "ansible.builtin.powershell" | "ansible.builtin.cmd") => true,
            None | Some("sh" | "csh" | "fish" | "ansible.builtin.sh") => false,
            Some(_) => {
                let problem = self.problem(Topic::ShellType, "names a shell that is not known");
                problems.push(problem.help("it is `sh`, `csh` or `fish`; for Windows `powershell` or `cmd`"));
                false
            }
        }
    }

    fn problem(&self, topic: Topic, what: &str) -> Problem {
        let setting = &self.settings[&topic];
        Problem::new(format!("`{}` {what}", setting.name), setting.node().place())
    }

    fn options(&self, problems: &mut Problems) -> Vec<SshOption> {
        let mut options = Vec::new();
        for topic in [Topic::SshArgs, Topic::SshCommonArgs, Topic::SshExtraArgs] {
            let Some(line) = self.text(topic) else { continue };
            match ssh_args::parse(&line) {
                Ok(more) => options.extend(more),
                Err((why, help)) => {
                    let mut problem = self.problem(topic, "cannot be used").label(why);
                    problem.help = help.map(str::to_owned);
                    problems.push(problem);
                }
            }
        }
        options
    }

    fn r#become(&self, windows: bool, problems: &mut Problems) -> Become {
        let active = self.settings.get(&Topic::Become).and_then(|setting| {
            let value = boolean(setting.node());
            if value.is_none() {
                problems.push(self.problem(Topic::Become, "is neither true nor false"));
            }
            value
        });
        let known = |method: String| match &*method {
            "sudo" | "ansible.builtin.sudo" => true,
            // Windows has no sudo, and needs none: an administrator's session has all rights.
            "runas" | "ansible.builtin.runas" => windows,
            _ => false,
        };
        if !self.text(Topic::BecomeMethod).is_none_or(known) {
            let problem = self.problem(Topic::BecomeMethod, "names a method that is not supported");
            problems.push(problem.help("only `sudo` is, and `runas` for a host of Windows"));
        }
        Become { active, user: self.text(Topic::BecomeUser), password: self.text(Topic::BecomePassword) }
    }
}

/// What is wrong with a setting on its own, templates and vault values included.
fn refuse(setting: &Setting) -> Option<Problem> {
    let topic = NAMES.iter().find(|(name, _)| *name == setting.name).map(|(_, topic)| *topic)?;
    let node = setting.node();
    let problem = |what: &str| Some(Problem::new(format!("`{}` {what}", setting.name), node.place()));
    if setting.is_template() {
        return problem("is a template, and has not been templated yet");
    }
    match topic {
        Topic::Password => problem("asks for a login by password, which is not supported")
            .map(|it| it.help("use a key, or an agent")),
        Topic::Unsupported => {
            problem("is not supported").map(|it| it.help("put it into `~/.ssh/config`, which is read"))
        }
        _ if matches!(node.value, Value::Vault(_)) => node.opened().err(),
        _ => fault(topic, setting.name, node),
    }
}

/// What is wrong with a variable where it is set, if it says how to connect: a text that could be an option, a path or a
/// piece of shell text is refused at once. Templates are looked at when they are values, and what only makes one host
/// unusable when that host is used.
pub(super) fn check(name: &str, node: &Node) -> Option<Problem> {
    if node.has_template() || matches!(node.value, Value::Vault(_)) {
        return None;
    }
    let harmless =
        |text: &str| text.chars().all(|next| next.is_ascii_alphanumeric() || ".:-_".contains(next));
    if node.as_str().is_some_and(|text| !text.is_empty() && !text.starts_with('-') && harmless(text)) {
        return None;
    }
    let (name, topic) = NAMES.iter().find(|(known, _)| *known == name)?;
    fault(*topic, name, node)
}

fn fault(topic: Topic, name: &'static str, node: &Node) -> Option<Problem> {
    if node.is_null() {
        return None;
    }
    let text = plain_text(node);
    let check: fn(&str) -> Result<(), String> = match topic {
        Topic::Host => name::check_address,
        Topic::User | Topic::BecomeUser => name::check_user,
        Topic::KeyFile => name::check_key_path,
        Topic::Port => return port(node).is_none().then(|| bad_port(name, node)),
        Topic::Become | Topic::Password | Topic::Unsupported => return None,
        _ => |_| Ok(()),
    };
    let Some(text) = text else {
        let message = format!("`{name}` is a string, and this is {}", node.kind());
        return Some(Problem::new(message, node.place()));
    };
    let why = check(&text).err()?;
    let shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    let problem = Problem::new(format!("`{name}` cannot be `{shown}`: {why}"), node.place());
    Some(match topic {
        Topic::KeyFile => problem.help("move the key to a path of ASCII letters, digits and `-_./+@,=`"),
        Topic::User | Topic::BecomeUser if text.contains('\\') => {
            problem.help("write a user of a domain as `joe@corp.example.com`")
        }
        Topic::User | Topic::BecomeUser => {
            problem.help("allowed are ASCII letters, digits, `-`, `_`, `.`, `+` and `@`")
        }
        _ => {
            problem.help("allowed are ASCII letters, digits, `-`, `_` and `.`, and for hosts IPv6 addresses")
        }
    })
}

fn bad_port(name: &str, node: &Node) -> Problem {
    let message = format!("`{name}` cannot be `{}`: a port is a number between 1 and 65535", node.written());
    Problem::new(message, node.place())
}

fn port(node: &Node) -> Option<u16> {
    let port = match &node.value {
        Value::Int(port) => u16::try_from(*port).ok(),
        Value::String(text) if text.text.bytes().all(|byte| byte.is_ascii_digit()) => text.text.parse().ok(),
        _ => None,
    };
    port.filter(|port| *port > 0)
}

/// A text, or a number that stands for one; none for null, which says nothing.
fn plain_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::String(text) => Some(text.text.to_string()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

fn boolean(node: &Node) -> Option<bool> {
    match &node.value {
        Value::Bool(value) => Some(*value),
        Value::Int(value @ (0 | 1)) => Some(*value == 1),
        Value::String(text) => match text.text.to_lowercase().as_str() {
            "yes" | "true" | "on" | "y" | "t" | "1" => Some(true),
            "no" | "false" | "off" | "n" | "f" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
