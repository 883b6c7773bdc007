use std::fmt;
use std::io;
use std::path::PathBuf;

/// A run that did not come to its end, on which host, and what to try by hand.
#[derive(Debug)]
pub struct TransportError {
    /// The host's name in the inventory.
    pub host: String,
    /// What went wrong.
    pub cause: Box<Cause>,
    /// The command to try, quoted for a shell; none where no command shows more.
    pub attempt: Option<String>,
    /// What the script had printed by then.
    pub partial: Vec<u8>,
}

impl TransportError {
    /// Whether the host may have begun to execute the script: if not, nothing on it has changed.
    #[must_use]
    pub fn may_have_started(&self) -> bool {
        match &*self.cause {
            Cause::Cut { may_have_started, .. } => *may_have_started,
            Cause::Timeout { phase, .. } => matches!(phase, Phase::Start | Phase::Script),
            Cause::Ended { .. } | Cause::TooMuchOutput { .. } => true,
            Cause::Sudo { section, .. } | Cause::Become { section, .. } => *section > 1,
            Cause::DiskFull { started, .. } => *started,
            _ => false,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.cause, self.cause.advice())?;
        match &self.attempt {
            Some(command) => write!(f, "; to see it by hand: `{command}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.cause)
    }
}

/// What is the matter with a host's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKeyFault {
    /// Another key than the known one.
    Changed,
    /// No key is known for the host.
    Unknown,
    /// The key is marked `@revoked`.
    Revoked,
    /// ssh refused it, without a reason that is known here.
    Refused,
}

/// Why sudo did not run a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SudoFault {
    /// It asks for a password, and none was given.
    NeedsPassword,
    /// The password that was given is not the right one.
    WrongPassword,
    /// The login user may not become that user.
    NotAllowed,
    /// `requiretty` is set for the login user.
    NoTty,
    /// There is no sudo on the host.
    Missing,
    /// The user to become does not exist.
    UnknownUser,
    /// Something else; its own words say what.
    Other,
}

/// Why a host without sudo did not run a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BecomeFault {
    /// Root was asked for, and the login is no administrator.
    Administrator,
    /// Another user was asked for than the one that has logged in.
    User,
}

/// What was under way when the time was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The connection: TCP, handshake, authentication.
    Connect,
    /// The session on a connection that stood.
    Session,
    /// The upload of the script: nothing of it has run.
    Upload,
    /// The first word of the script: it is handed over, whether it has arrived is not known.
    Start,
    /// The script.
    Script,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// A name that is not handed to ssh.
    #[error("`{text}` is not taken as a {what}")]
    Name {
        /// What the name stands for.
        what: &'static str,
        /// The name's start, escaped.
        text: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// An option of ssh that is not taken from an inventory.
    #[error("the ssh option `{option}` is not taken")]
    Option {
        /// The option's name, escaped.
        option: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A script with a byte that shells do not keep.
    #[error("section {section} of the script has the byte {byte:#04x} in line {line}")]
    Script {
        /// The section, from 1.
        section: usize,
        /// The line in it, from 1.
        line: usize,
        /// The byte.
        byte: u8,
    },
    /// A password that cannot be one line of input.
    #[error("the sudo password has a line break or a NUL in it")]
    Password,
    /// The name has no address.
    #[error("the host's name cannot be resolved ({detail})")]
    Dns {
        /// ssh's words.
        detail: String,
    },
    /// Nothing answers at the address.
    #[error("no connection to the host ({detail})")]
    Tcp {
        /// ssh's words.
        detail: String,
    },
    /// The host's key is not the one that is expected.
    #[error("the host's key is {} ({detail})", match .fault {
        HostKeyFault::Changed => "another one than the known one",
        HostKeyFault::Unknown => "not known",
        HostKeyFault::Revoked => "revoked",
        HostKeyFault::Refused => "refused",
    })]
    HostKey {
        /// What is the matter with it.
        fault: HostKeyFault,
        /// ssh's words.
        detail: String,
    },
    /// The host takes none of the keys that were offered.
    #[error("the host accepts no key of ours ({detail})")]
    Authentication {
        /// ssh's words.
        detail: String,
    },
    /// ssh does not start: its configuration, a proxy command, an option.
    #[error("ssh does not connect ({detail})")]
    Master {
        /// ssh's words.
        detail: String,
    },
    /// The host refuses a further session on the connection that stands.
    #[error("the host refuses a session on the open connection ({detail})")]
    Session {
        /// ssh's words.
        detail: String,
    },
    /// sudo did not run a section.
    #[error("sudo does not become `{user}`: {} ({detail})", match .fault {
        SudoFault::NeedsPassword => "it asks for a password",
        SudoFault::WrongPassword => "the password is wrong",
        SudoFault::NotAllowed => "it is not allowed",
        SudoFault::NoTty => "it asks for a terminal",
        SudoFault::Missing => "it is not installed",
        SudoFault::UnknownUser => "there is no such user",
        SudoFault::Other => "it fails",
    })]
    Sudo {
        /// The user to become.
        user: String,
        /// The section, from 1; those before it have run.
        section: usize,
        /// What is the matter.
        fault: SudoFault,
        /// sudo's words.
        detail: String,
    },
    /// A host of Windows, which has no sudo, did not run a section.
    #[error("section {section} is to run as `{user}`, and {}", match .fault {
        BecomeFault::Administrator => "the login is no administrator of this host of Windows",
        BecomeFault::User => "a host of Windows has no sudo",
    })]
    Become {
        /// The user to become.
        user: String,
        /// The section, from 1; those before it have run.
        section: usize,
        /// What is the matter.
        fault: BecomeFault,
    },
    /// What the login gets is not a shell that runs the script.
    #[error("the login's shell does not run the script: status {status} ({detail})")]
    Shell {
        /// Its exit status.
        status: i32,
        /// What it said.
        detail: String,
    },
    /// The script began, and its shell ended without a word.
    #[error("the script's shell ended in the middle of section {section} ({detail})")]
    Ended {
        /// The section, from 1.
        section: usize,
        /// What it said.
        detail: String,
    },
    /// No room is left.
    #[error("no room is left on {} ({detail})", if *.local { "this machine" } else { "the host" })]
    DiskFull {
        /// On this machine rather than on the host.
        local: bool,
        /// Whether the script had begun.
        started: bool,
        /// The words that say so.
        detail: String,
    },
    /// The time is over.
    #[error("not done after {seconds} s: {}", match .phase {
        Phase::Connect => "no connection",
        Phase::Session => "no session on the open connection",
        Phase::Upload => "the script is not uploaded, nothing of it has run",
        Phase::Start => "nothing is heard of the script, it may have run",
        Phase::Script => "the script is ended",
    })]
    Timeout {
        /// What was under way.
        phase: Phase,
        /// The limit.
        seconds: u64,
    },
    /// The connection is lost.
    #[error("the connection is lost: {} ({detail})", if *.may_have_started {
        "the script may have run, in part or whole"
    } else {
        "nothing of the script has run"
    })]
    Cut {
        /// Whether the host may have begun to execute the script.
        may_have_started: bool,
        /// ssh's words.
        detail: String,
    },
    /// The host sends without end.
    #[error("the host sent more than {limit} bytes")]
    TooMuchOutput {
        /// The limit in bytes.
        limit: usize,
    },
    /// The directory for control sockets cannot be trusted.
    #[error("the directory `{}` for connections cannot be used: {why}", .path.display())]
    Sockets {
        /// The directory.
        path: PathBuf,
        /// What is the matter with it.
        why: &'static str,
    },
    /// This machine's own part fails.
    #[error("{what} fails on this machine")]
    Local {
        /// What fails.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Cause {
    /// An error of this machine, told apart where its disk is full.
    pub(super) fn local(what: &'static str, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull {
            return Self::DiskFull { local: true, started: false, detail: format!("{what}: {source}") };
        }
        Self::Local { what, source }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Name { why, .. } | Self::Option { why, .. } => (*why).to_owned(),
            Self::HostKey { fault, .. } => fault.advice().to_owned(),
            Self::Sudo { fault, .. } => fault.advice().to_owned(),
            Self::Become { fault, .. } => fault.advice().to_owned(),
            Self::Local { source, .. } => source.to_string(),
            _ => self.plain_advice().to_owned(),
        }
    }

    fn plain_advice(&self) -> &'static str {
        match self {
            Self::Script { .. } => "only ASCII without NUL is sent; encode what is binary",
            Self::Password => "give the password alone, without a line break",
            Self::Dns { .. } => "check the name, or set `ansible_host` to an address",
            Self::Tcp { .. } => "check that the host is up, its address, `ansible_port` and the firewalls",
            Self::Authentication { .. } => "check the user, `--private-key` and what `ssh-add -l` lists",
            Self::Master { .. } => "check ssh's configuration",
            Self::Session { .. } => "raise `MaxSessions` in the host's sshd_config, or run fewer at a time",
            Self::Shell { .. } => {
                "the login needs a shell that runs `sh`, on Windows `powershell.exe`, and may not be forced to another command; for a \
                 host of Windows the inventory says `ansible_shell_type: powershell`, or `cmd`"
            }
            Self::Ended { .. } => "something on the host killed it; look into the host's log, then run again",
            Self::DiskFull { .. } => "make room, then run again",
            Self::Timeout { phase: Phase::Connect | Phase::Session, .. } => "check the host, or raise `-T`",
            Self::Timeout { .. } => "look what it waits for, or raise `--task-timeout`",
            Self::Cut { .. } => "run again: what is done already is found done",
            Self::TooMuchOutput { .. } => "print less, or write into a file on the host",
            Self::Sockets { .. } => "remove it, or set `XDG_RUNTIME_DIR` to a directory of your own",
            Self::Name { .. }
            | Self::Option { .. }
            | Self::HostKey { .. }
            | Self::Sudo { .. }
            | Self::Become { .. }
            | Self::Local { .. } => "",
        }
    }
}

impl HostKeyFault {
    fn advice(self) -> &'static str {
        match self {
            Self::Changed => {
                "nothing was sent; if the host was installed anew, remove the old key with `ssh-keygen -R`, else somebody may \
                 stand between"
            }
            Self::Unknown => {
                "nothing was sent; compare the fingerprint and add the key to known_hosts, or use `--host-key-checking \
                 accept-new`"
            }
            Self::Revoked => "nothing was sent; the host needs a new key",
            Self::Refused => "nothing was sent; check known_hosts",
        }
    }
}

impl BecomeFault {
    fn advice(self) -> &'static str {
        match self {
            Self::Administrator => {
                "log in as a member of Administrators, whose sessions through OpenSSH have all their rights"
            }
            Self::User => "log in as that user, or leave out `become_user`",
        }
    }
}

impl SudoFault {
    fn advice(self) -> &'static str {
        match self {
            Self::NeedsPassword => {
                "give it with `-K` or `--become-password-file`, or permit it by `NOPASSWD`"
            }
            Self::WrongPassword => "check the password; it was tried once",
            Self::NotAllowed => "permit the login user to run `sh` as that user in the host's sudoers",
            Self::NoTty => "remove `requiretty` for the login user from the host's sudoers",
            Self::Missing => "install sudo, or log in as that user",
            Self::UnknownUser => "check `become_user`",
            Self::Other => "check the host's sudoers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cause, Phase, TransportError};

    #[test]
    fn says_what_and_what_to_do_and_what_to_try() {
        let error = TransportError {
            host: "web1".into(),
            cause: Box::new(Cause::Dns { detail: "Name or service not known".into() }),
            attempt: Some("ssh web1 true".into()),
            partial: vec![],
        };
        insta::assert_snapshot!(error, @"the host's name cannot be resolved (Name or service not known): check the name, or set `ansible_host` to an address; to see it by hand: `ssh web1 true`");
        assert!(!error.may_have_started());
    }

    #[test]
    fn sudo_is_told_of_in_plain_words() {
        let cause = Cause::Sudo {
            user: "root".into(),
            section: 1,
            fault: super::SudoFault::NeedsPassword,
            detail: "sudo: a password is required".into(),
        };
        insta::assert_snapshot!(cause, @"sudo does not become `root`: it asks for a password (sudo: a password is required)");
    }

    #[test]
    fn an_upload_that_timed_out_has_started_nothing() {
        let error = |phase| TransportError {
            host: String::new(),
            cause: Box::new(Cause::Timeout { phase, seconds: 1 }),
            attempt: None,
            partial: vec![],
        };
        assert!(!error(Phase::Upload).may_have_started());
        assert!(error(Phase::Script).may_have_started());
    }
}
