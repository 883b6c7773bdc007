//! What a host, or the controller, answers.

use serde::Serialize;
use time::OffsetDateTime;

use super::bundle_text::BundleText;
use super::change::OwedRecord;
use super::dtr::DtrSettings;
use super::entry::Stat;
use super::local::LocalTree;
use super::path::HostPath;
use super::registry_tls::RegistryTls;
use super::request::{Response, Summed};
use super::resolve::Resolved;
use super::service::ServiceState;
use super::text::Mode;
use super::tree::Tree;
use super::undo::UndoRecord;
use super::wait::Waited;

/// The answer to an [`Ask`](super::Ask) of the same name.
#[derive(Debug, Clone)]
pub enum Answer {
    /// To `File`.
    File(File),
    /// To `Dir`.
    Dir(Dir),
    /// To `Glob`: what the pattern finds.
    Glob(Vec<HostPath>),
    /// To `Stat`.
    Stat(Stat),
    /// To `Tree`.
    Tree(Tree),
    /// To `Undo`.
    Undo(UndoRecord),
    /// To `TrustStore`.
    TrustStore(TrustStore),
    /// To `Process`.
    Process(Process),
    /// To `Info`.
    Info(Option<DaemonInfo>),
    /// To `Containers`.
    Containers(Containers),
    /// To `Builders`.
    Builders(Vec<String>),
    /// To `Owed`.
    Owed(Vec<OwedRecord>),
    /// To `Validate`.
    Validate(Validation),
    /// To `Syntax`.
    Syntax(Validation),
    /// To `HostCheck`.
    HostCheck(HostCheck),
    /// To `Resolve`.
    Resolve(Resolved),
    /// To `Distribution`.
    Distribution(Distribution),
    /// To `RegistryTls`.
    RegistryTls(Box<RegistryTls>),
    /// To `Wait`.
    Wait(Waited),
    /// To `Request`.
    Request(Box<Response>),
    /// To `Sum`.
    Sum(Summed),
    /// To `Service`.
    Service(ServiceState),
    /// To `Shell`.
    Shell(ShellOutput),
    /// To `Tls`: the chain, or why there is none.
    Tls(Result<ServedChain, String>),
    /// To `Http`: the answer, or why there is none.
    Http(Result<HttpAnswer, String>),
    /// To `DtrSettings`: the answer, or why there is none.
    DtrSettings(Result<DtrSettings, String>),
    /// To `Pause`: it is over.
    Pause(()),
    /// To `Now`.
    Now(OffsetDateTime),
    /// To `LocalFile`.
    LocalFile(Vec<u8>),
    /// To `LocalTree`.
    LocalTree(LocalTree),
    /// To `LockedPin`.
    LockedPin(Option<LockedPin>),
    /// In check mode, after a planned change: cannot be known before the change is made.
    Unknown(String),
    /// The ask went wrong.
    Failed(AskError),
}

/// Why an ask has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// In check mode: depends on a change that was only planned.
    #[error("depends on apply: {0}")]
    Unknown(String),
    /// The host said no.
    #[error("{0}")]
    Host(String),
    /// A file is larger than is read.
    #[error("`{path}` has {size} bytes, more than the {limit} that are read; look at it by hand")]
    TooLarge {
        /// Which file.
        path: HostPath,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The path leads out of the sandbox.
    #[error("`{0}` leads out of the sandbox through a link; it is not followed")]
    OutsideSandbox(HostPath),
    /// Text of the host that is not in the form that dtrctl's own script prints.
    #[error("the host's answer cannot be read: {0}")]
    Garbled(String),
    /// The answer is missing, or of another kind: a defect of dtrctl.
    #[error("an answer is missing or of another kind than its ask; please report this")]
    Lost,
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The path that was asked.
    pub path: HostPath,
    /// Where links lead, if it is another path.
    pub target: Option<HostPath>,
    /// Where the path's own link leads, as it is written in it; none where it is no link.
    pub link: Option<String>,
    /// What is there.
    pub kind: FileKind,
}

/// The kinds of things at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// Nothing.
    Absent,
    /// A regular file; its content only where it was asked for.
    File(Attributes, Option<Vec<u8>>),
    /// A directory.
    Directory(Attributes),
    /// A device, socket or pipe.
    Other,
}

/// Owner and permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Mode,
    /// The owner's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
    /// The owner's name, or number where it has none.
    pub owner: String,
    /// The group's name, or number where it has none.
    pub group: String,
    /// Size in bytes.
    pub size: u64,
    /// Last modification, in seconds since 1970. It changes by itself, so no plan shows it.
    #[serde(skip)]
    pub mtime: i64,
}

impl File {
    /// The content, where it is a regular file that was read.
    #[must_use]
    pub fn content(&self) -> Option<&[u8]> {
        match &self.kind {
            FileKind::File(_, content) => content.as_deref(),
            _ => None,
        }
    }

    /// The attributes, where it is a regular file or a directory.
    #[must_use]
    pub const fn attributes(&self) -> Option<&Attributes> {
        match &self.kind {
            FileKind::File(attributes, _) | FileKind::Directory(attributes) => Some(attributes),
            _ => None,
        }
    }

    /// Whether nothing is there.
    #[must_use]
    pub const fn is_absent(&self) -> bool {
        matches!(self.kind, FileKind::Absent)
    }
}

/// A directory's entries by name; `present` is false where there is no such directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir {
    /// The path that was asked.
    pub path: HostPath,
    /// Whether the directory exists.
    pub present: bool,
    /// Its entries, sorted by name.
    pub entries: Vec<DirEntry>,
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name.
    pub name: String,
    /// Whether it is a link (its kind is then that of what it leads to; `Absent` where it dangles).
    pub link: bool,
    /// What it is; files of over 64 KiB have no content.
    pub kind: FileKind,
}

/// The trust store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustStore {
    /// The bundle in use, its content and its last modification (seconds since 1970); none where there is no bundle.
    pub bundle: Option<Bundle>,
    /// Regular files beside the bundle's links: trusted by Go, though by nothing else.
    pub strays: Vec<Stray>,
    /// Links beside the bundle that lead nowhere: what they led to was removed, and the tool has not run since.
    pub dangling: Vec<HostPath>,
}

/// A file beside the bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// Where it lies.
    pub path: HostPath,
    /// What it holds.
    pub content: Vec<u8>,
    /// Last modification, in seconds since 1970.
    pub mtime: i64,
}

/// A file with all trusted certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Where it lies.
    pub path: HostPath,
    /// PEM.
    pub content: BundleText,
    /// Last modification, in seconds since 1970.
    pub mtime: i64,
}

/// The daemon's process, as far as there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Whether a docker daemon is installed at all: a program, a unit or a process.
    pub installed: bool,
    /// The running process.
    pub running: Option<Running>,
    /// `systemctl is-active` of docker.service and docker.socket, such as `active` or `failed`; empty elsewhere.
    pub units: Vec<(String, String)>,
}

/// A running daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Its process id.
    pub pid: u32,
    /// Start time: boot id and clock ticks since boot, as one opaque word.
    pub start: String,
    /// Start time in seconds since 1970: what was written in an earlier second, it has found as it is.
    pub started: i64,
    /// Its command line.
    pub cmdline: Vec<String>,
    /// Its program.
    pub program: HostPath,
    /// `SSL_CERT_FILE`, `SSL_CERT_DIR` and proxy variables of its environment.
    pub environ: Vec<(String, String)>,
}

/// `GET /info`.
#[derive(Debug, Clone, PartialEq)]
pub struct DaemonInfo {
    /// The engine's version, such as `20.10.24+dfsg1`.
    pub version: String,
    /// The whole answer.
    pub json: serde_json::Value,
    /// In check mode: a reload or restart is planned before, so that the daemon will have read its configuration.
    pub fresh: bool,
}

/// The running containers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Containers {
    /// Each running container.
    pub running: Vec<Container>,
}

/// A running container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// Its restart policy: `no`, `on-failure`, `always`, `unless-stopped`.
    pub restart: String,
}

/// What `dockerd --validate`, or `sh -n`, said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validation {
    /// Whether it accepts.
    pub accepted: bool,
    /// Its words.
    pub message: String,
}

/// What the host's own curl saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCheck {
    /// Whether the name resolves there; none where the host has no means to tell.
    pub resolves: Option<bool>,
    /// curl's exit status; none where the host has no curl.
    pub curl: Option<i32>,
    /// The HTTP status, 0 where there was none.
    pub status: u16,
    /// The answer's body, or curl's message.
    pub body: String,
}

/// What the daemon said of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The status of the API's answer; 0 where no daemon answered.
    pub status: u16,
    /// Its message.
    pub message: String,
    /// What a pull of an image that does not exist says, where the daemon keeps images in containerd's store: only a pull
    /// goes by that store's reader of certificates, which is stricter than the one that answers here.
    pub pull: Option<String>,
}

/// What a shell text printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellOutput {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A chain as a registry sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedChain {
    /// The certificates in DER, in the order sent.
    pub certificates: Vec<Vec<u8>>,
}

/// An answer to `GET /v2/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// `docker-distribution-api-version`.
    pub api_version: Option<String>,
    /// `www-authenticate`.
    pub authenticate: Option<String>,
    /// The body, up to 64 KiB.
    pub body: String,
    /// Whether it came over plain HTTP.
    pub plain: bool,
}

/// What was trusted on first use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPin {
    /// `sha256:` and the fingerprint of the certificate that was accepted.
    pub pin: String,
    /// The lock file and the line of the entry, for messages.
    pub place: String,
}
