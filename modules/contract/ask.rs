//! What a module may ask: of the host, or of the machine that runs dtrctl.

use serde::Serialize;

use super::answer::{
    Answer, AskError, Containers, DaemonInfo, Dir, Distribution, File, HostCheck, HttpAnswer, LockedPin,
    Process, ServedChain, ShellOutput, TrustStore, Validation,
};
use super::change::OwedRecord;
use super::dtr::{AskDtrSettings, DtrSettings};
use super::entry::{AskStat, Stat};
use super::glob::AskGlob;
use super::local::{AskLocalTree, LocalTree};
use super::path::HostPath;
use super::pause::AskPause;
use super::registry_tls::{AskRegistryTls, RegistryTls};
use super::request::{AskRequest, AskSum, Response, Summed};
use super::resolve::{AskResolve, Resolved};
use super::service::{AskService, ServiceState};
use super::syntax::AskSyntax;
use super::text::Call;
use super::tree::{AskTree, Tree};
use super::undo::{AskUndo, UndoRecord};
use super::wait::{AskWait, Waited};
use crate::certs::RegistryHost;

/// One question. Each has one kind of answer, named by its [`Question`] implementation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// See [`AskFile`].
    File(AskFile),
    /// See [`AskDir`].
    Dir(AskDir),
    /// See [`AskGlob`].
    Glob(AskGlob),
    /// See [`AskStat`].
    Stat(AskStat),
    /// See [`AskTree`].
    Tree(AskTree),
    /// See [`AskUndo`].
    Undo(AskUndo),
    /// See [`AskTrustStore`].
    TrustStore(AskTrustStore),
    /// See [`AskProcess`].
    Process(AskProcess),
    /// See [`AskInfo`].
    Info(AskInfo),
    /// See [`AskContainers`].
    Containers(AskContainers),
    /// See [`AskBuilders`].
    Builders(AskBuilders),
    /// See [`AskOwed`].
    Owed(AskOwed),
    /// See [`AskValidate`].
    Validate(AskValidate),
    /// See [`AskSyntax`].
    Syntax(AskSyntax),
    /// See [`AskHostCheck`].
    HostCheck(AskHostCheck),
    /// See [`AskResolve`].
    Resolve(AskResolve),
    /// See [`AskDistribution`].
    Distribution(AskDistribution),
    /// See [`AskRegistryTls`].
    RegistryTls(AskRegistryTls),
    /// See [`AskWait`].
    Wait(AskWait),
    /// See [`AskRequest`].
    Request(Box<AskRequest>),
    /// See [`AskSum`].
    Sum(AskSum),
    /// See [`AskService`].
    Service(AskService),
    /// See [`AskShell`].
    Shell(AskShell),
    /// See [`AskTls`].
    Tls(AskTls),
    /// See [`AskHttp`].
    Http(AskHttp),
    /// See [`AskDtrSettings`].
    DtrSettings(AskDtrSettings),
    /// See [`AskPause`].
    Pause(AskPause),
    /// See [`AskNow`].
    Now(AskNow),
    /// See [`AskLocalFile`].
    LocalFile(AskLocalFile),
    /// See [`AskLocalTree`].
    LocalTree(AskLocalTree),
    /// See [`AskLockedPin`].
    LockedPin(AskLockedPin),
}

/// Ties an ask to the type of its answer.
pub trait Question: Into<Ask> {
    /// What the answer holds.
    type Answer: Send + 'static;
    /// Takes the answer out of its envelope.
    ///
    /// # Errors
    /// [`AskError`] where the answer is not known.
    fn take(answer: Answer) -> Result<Self::Answer, AskError>;
}

macro_rules! questions {
    ($($ask:ident, $variant:ident, $answer:ty;)*) => {$(
        impl From<$ask> for Ask {
            fn from(ask: $ask) -> Self { Self::$variant(ask) }
        }
        impl Question for $ask {
            type Answer = $answer;
            fn take(answer: Answer) -> Result<$answer, AskError> {
                match answer {
                    Answer::$variant(value) => Ok(value),
                    Answer::Unknown(reason) => Err(AskError::Unknown(reason)),
                    Answer::Failed(error) => Err(error),
                    _ => Err(AskError::Lost),
                }
            }
        }
    )*};
}

questions! {
    AskFile, File, File;
    AskDir, Dir, Dir;
    AskGlob, Glob, Vec<HostPath>;
    AskStat, Stat, Stat;
    AskTree, Tree, Tree;
    AskUndo, Undo, UndoRecord;
    AskTrustStore, TrustStore, TrustStore;
    AskProcess, Process, Process;
    AskInfo, Info, Option<DaemonInfo>;
    AskContainers, Containers, Containers;
    AskBuilders, Builders, Vec<String>;
    AskOwed, Owed, Vec<OwedRecord>;
    AskValidate, Validate, Validation;
    AskSyntax, Syntax, Validation;
    AskHostCheck, HostCheck, HostCheck;
    AskResolve, Resolve, Resolved;
    AskDistribution, Distribution, Distribution;
    AskRegistryTls, RegistryTls, Box<RegistryTls>;
    AskWait, Wait, Waited;
    AskSum, Sum, Summed;
    AskService, Service, ServiceState;
    AskShell, Shell, ShellOutput;
    AskTls, Tls, Result<ServedChain, String>;
    AskHttp, Http, Result<HttpAnswer, String>;
    AskDtrSettings, DtrSettings, Result<DtrSettings, String>;
    AskPause, Pause, ();
    AskNow, Now, time::OffsetDateTime;
    AskLocalFile, LocalFile, Vec<u8>;
    AskLocalTree, LocalTree, LocalTree;
    AskLockedPin, LockedPin, Option<LockedPin>;
}

impl From<AskRequest> for Ask {
    fn from(ask: AskRequest) -> Self {
        Self::Request(Box::new(ask))
    }
}

impl Question for AskRequest {
    type Answer = Box<Response>;
    fn take(answer: Answer) -> Result<Box<Response>, AskError> {
        match answer {
            Answer::Request(response) => Ok(response),
            Answer::Unknown(reason) => Err(AskError::Unknown(reason)),
            Answer::Failed(error) => Err(error),
            _ => Err(AskError::Lost),
        }
    }
}

/// A file with its content, or what stands in its place. Links are followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskFile {
    /// Where.
    pub path: HostPath,
    /// Content longer than this many bytes is not read: the answer is an error. 0 asks for the attributes alone.
    pub limit: u64,
}

impl AskFile {
    /// A file with content of up to 1 MiB.
    #[must_use]
    pub const fn new(path: HostPath) -> Self {
        Self { path, limit: 1 << 20 }
    }

    /// The attributes alone.
    #[must_use]
    pub const fn stat(path: HostPath) -> Self {
        Self { path, limit: 0 }
    }
}

/// The entries of a directory, each file with its content of up to 64 KiB.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskDir {
    /// Where.
    pub path: HostPath,
}

/// The system's trust store as the programs of the host read it: the bundle, and files put beside it by hand.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskTrustStore {
    /// Bundles in the order in which Go's crypto/x509 looks for them; the first readable one is read.
    pub bundles: Vec<HostPath>,
    /// The directory of which Go reads every file besides.
    pub directory: HostPath,
    /// SHA-256 (lower-case hex) of bundles that the controller already holds: their content is not sent again.
    pub known: Vec<String>,
}

/// The Docker daemon's process: pid, start, command line. Never wakes a daemon that is not running.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskProcess;

/// The daemon's `GET /info`, without what changes by itself. None where no daemon runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskInfo;

/// The running containers with their restart policies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskContainers;

/// The names of buildx builders that run in containers of their own: each has its own trust, which dockerd's does not
/// reach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskBuilders;

/// The records of what an earlier change still owes to the daemon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskOwed;

/// `dockerd --validate` (23.0 and later) of a configuration, with the daemon's own flags.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskValidate {
    /// The daemon's program.
    pub program: HostPath,
    /// Its flags, without `--config-file`.
    pub flags: Vec<String>,
    /// The configuration to be judged.
    pub config: Vec<u8>,
}

/// `GET /v2/` by the host's own curl, and whether the host resolves the registry's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskHostCheck {
    /// The registry.
    pub registry: RegistryHost,
    /// Plain HTTP instead of HTTPS.
    pub plain: bool,
}

/// The daemon's `GET /distribution/…` for a registry. It makes the daemon load its root certificates, once for its
/// life, so it never passes a task that may still change something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskDistribution {
    /// The registry.
    pub registry: RegistryHost,
}

/// A user's own shell text: what it does is not known, so it is fenced like [`AskDistribution`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskShell {
    /// The text, given to `sh -c`.
    pub script: String,
    /// Variables of its environment, beside those of the login.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<(String, String)>,
}

impl AskShell {
    /// A text in the login's environment.
    #[must_use]
    pub fn new(script: impl Into<String>) -> Self {
        Self { script: script.into(), environment: Vec::new() }
    }
}

/// A TLS handshake from the controller: the chain as it was sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskTls {
    /// The registry.
    pub registry: RegistryHost,
}

/// `GET /v2/` from the controller.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskHttp {
    /// The registry.
    pub registry: RegistryHost,
    /// What to trust.
    pub trust: HttpTrust,
}

/// What an HTTP request of the controller trusts.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpTrust {
    /// These certificates (PEM), judged by Go's rules.
    Anchors(String),
    /// Anything: HTTPS without verification, then plain HTTP, as dockerd treats an insecure registry.
    Insecure,
}

/// The controller's clock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskNow;

/// A file of the controller.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskLocalFile {
    /// Where; a relative path is looked for where the task's files are.
    pub path: String,
    /// What kind of file it is, which says where it is looked for.
    pub kind: LocalKind,
}

/// A kind of file of the controller: where a relative path is looked for, beside the role's and the playbook's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LocalKind {
    /// Below `files/`.
    File,
    /// Below `templates/`.
    Template,
}

impl AskLocalFile {
    /// A file that is taken as it is.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), kind: LocalKind::File }
    }
}

/// What `dtrctl.lock` holds for a registry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskLockedPin {
    /// The registry.
    pub registry: RegistryHost,
}

impl Ask {
    /// The call that asks the host; none for what the controller answers.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        let call = match self {
            Self::File(ask) => Call::new("ask_file").path(&ask.path).number(ask.limit),
            Self::Dir(ask) => Call::new("ask_dir").path(&ask.path),
            Self::Glob(ask) => Call::new("ask_glob").path(&ask.pattern),
            Self::Stat(ask) => ask.call(),
            Self::Tree(ask) => ask.call(),
            Self::Undo(ask) => ask.call(),
            Self::TrustStore(ask) => {
                let call = Call::new("ask_trust_store").word(ask.known.join(" ")).path(&ask.directory);
                ask.bundles.iter().fold(call, Call::path)
            }
            Self::Process(_) => Call::new("ask_process"),
            Self::Info(_) => Call::new("ask_info"),
            Self::Containers(_) => Call::new("ask_containers"),
            Self::Builders(_) => Call::new("ask_builders"),
            Self::Owed(_) => Call::new("ask_owed"),
            Self::Validate(ask) => {
                Call::new("ask_validate").bytes(&ask.config).path(&ask.program).words(ask.flags.clone())
            }
            Self::Syntax(ask) => ask.call(),
            Self::HostCheck(ask) => {
                let scheme = if ask.plain { "http" } else { "https" };
                Call::new("ask_host_check")
                    .word(scheme)
                    .word(ask.registry.to_string())
                    .word(ask.registry.host())
            }
            Self::Resolve(ask) => Call::new("ask_resolve").word(&ask.host),
            Self::Distribution(ask) => Call::new("ask_distribution").word(ask.registry.to_string()),
            Self::RegistryTls(ask) => ask.call(),
            Self::Wait(ask) => ask.call(),
            Self::Request(ask) => ask.call(),
            Self::Sum(ask) => Call::new("ask_sum").path(&ask.path).word(&ask.algorithm),
            Self::Service(ask) => ask.call(),
            Self::Shell(ask) => {
                let environment = ask.environment.iter().map(|(name, value)| format!("{name}={value}"));
                Call::new("ask_shell").words(environment).word("--").word(&ask.script)
            }
            Self::Tls(_)
            | Self::Http(_)
            | Self::DtrSettings(_)
            | Self::Pause(_)
            | Self::Now(_)
            | Self::LocalFile(_)
            | Self::LocalTree(_)
            | Self::LockedPin(_) => {
                return None;
            }
        };
        Some(call)
    }

    /// Whether the controller answers it, without a trip to the host.
    #[must_use]
    pub fn is_controllers(&self) -> bool {
        self.call().is_none()
    }

    /// Seconds that it may take beside what any script may.
    #[must_use]
    pub fn patience(&self) -> u64 {
        match self {
            Self::Wait(wait) => wait.longest(),
            Self::Request(request) => request.0.timeout,
            _ => 0,
        }
    }

    /// Whether asking has an effect, so that it must not pass a task that may still change something.
    #[must_use]
    pub const fn is_fenced(&self) -> bool {
        matches!(self, Self::Distribution(_) | Self::Shell(_) | Self::Wait(_) | Self::Request(_))
    }
}
