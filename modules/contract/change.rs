//! What a module may change. A change carries old and new, and knows what it does to later answers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::answer::Attributes;
use super::declared::ApplyOwn;
use super::dtr::SetDtrTls;
use super::generate::GenerateCertificate;
use super::link::{BackUp, MakeLink, RemoveLink, Touch};
use super::path::HostPath;
use super::registry_tls::ReplaceRegistryTls;
use super::request::{Download, MakeRequest};
use super::run::Run;
use super::service::ChangeService;
use super::syntax::CheckSyntax;
use super::text::{Account, Call, Mode};
use super::tree::{RemoveOther, RemoveTree};
use super::validator::Validator;
use crate::certs::RegistryHost;

/// One typed change. The engine alone applies it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Writes a file whole.
    WriteFile(WriteFile),
    /// Ends the script where the host's shell cannot read a text that is to be written.
    CheckSyntax(CheckSyntax),
    /// Removes a file or link.
    Remove(Remove),
    /// Creates a directory, and those above it.
    MakeDir(MakeDir),
    /// Removes an empty directory.
    RemoveDir(RemoveDir),
    /// Removes a directory with all that is below it.
    RemoveTree(RemoveTree),
    /// Removes a file that is not shown, or what is no file.
    RemoveOther(RemoveOther),
    /// Removes a link.
    RemoveLink(RemoveLink),
    /// Makes a link, or a second name of a file.
    MakeLink(MakeLink),
    /// Keeps a copy of a file.
    BackUp(BackUp),
    /// Sets times to now.
    Touch(Touch),
    /// Sets permission bits and owner.
    SetMode(SetMode),
    /// Has the system rebuild its trust store, and proves the effect.
    RefreshTrustStore(RefreshTrustStore),
    /// Records what the next changes owe to the daemon.
    Owe(OwedRecord),
    /// Has the daemon read its configuration again, and sees that it did.
    ReloadDocker(ReloadDocker),
    /// Restarts the daemon and waits until it answers.
    RestartDocker(RestartDocker),
    /// Sets a DTR's certificate and key.
    SetDtrTls(Box<SetDtrTls>),
    /// Replaces a registry's certificate and key.
    ReplaceRegistryTls(Box<ReplaceRegistryTls>),
    /// Starts, stops or enables a service.
    Service(ChangeService),
    /// Makes a request that may change something at its server.
    Request(Box<MakeRequest>),
    /// Downloads a file.
    Download(Box<Download>),
    /// Runs a user's command.
    Run(Run),
    /// Has a user's own module make its text so.
    Own(Box<ApplyOwn>),
    /// Records, on the controller, which certificate was trusted on first use.
    RecordPin(RecordPin),
    /// Makes a key and a certificate; the engine makes their content while applying.
    GenerateCertificate(Box<GenerateCertificate>),
}

/// The content of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is a secret: shown as its length alone.
    pub secret: bool,
}

impl Content {
    /// Content that may be shown.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, secret: false }
    }

    /// SHA-256 in lower-case hex.
    #[must_use]
    pub fn digest(&self) -> String {
        digest(&self.bytes)
    }

    /// Whether it must not be shown: it is said to be a secret, or holds a private key.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        const KEY: &[u8] = b"PRIVATE KEY-----";
        self.secret || self.bytes.windows(KEY.len()).any(|window| window == KEY)
    }

    /// The content as a reader may see it; none for a secret and for what is no text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if self.is_secret() || self.bytes.contains(&0) {
            return None;
        }
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// SHA-256 in lower-case hex.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|n| char::from_digit(n.into(), 16)).collect()
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl Serialize for Content {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self.text() {
            Some(text) => map.serialize_entry("text", text)?,
            None => map.serialize_entry("bytes", &self.bytes.len())?,
        }
        // A bare digest of a short secret could be guessed.
        if !self.is_secret() {
            map.serialize_entry("sha256", &self.digest())?;
        }
        map.end()
    }
}

/// Owner and permissions that a file shall have; what is `None` stays, or is the running user's for a new file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Ownership {
    /// Permission bits.
    pub mode: Option<Mode>,
    /// The owner.
    pub owner: Option<Account>,
    /// The group.
    pub group: Option<Account>,
}

impl Ownership {
    /// Just permission bits.
    #[must_use]
    pub const fn mode(mode: u16) -> Self {
        Self { mode: Some(Mode::new(mode)), owner: None, group: None }
    }

    /// Whether a file with these attributes is already so.
    #[must_use]
    pub fn holds(&self, now: &Attributes) -> bool {
        let same = |want: &Option<Account>, name: &str, id: u32| {
            want.as_ref().is_none_or(|w| w.as_str() == name || w.as_str() == id.to_string())
        };
        self.mode.is_none_or(|mode| mode == now.mode)
            && same(&self.owner, &now.owner, now.uid)
            && same(&self.group, &now.group, now.gid)
    }

    /// Mode, owner and group as words; `-` for what stays.
    pub(super) fn words(&self) -> [String; 3] {
        let account = |a: &Option<Account>| a.as_ref().map_or("-".to_owned(), |a| a.as_str().to_owned());
        [self.mode.map_or("-".to_owned(), |m| m.to_string()), account(&self.owner), account(&self.group)]
    }

    /// The same for a file that is written anew: what stays is as it was before, or `mode` for a new file.
    pub(super) fn words_over(&self, before: Option<&Before>, mode: &str) -> [String; 3] {
        let mut words = self.words();
        match before {
            Some(before) => {
                let now = &before.attributes;
                let kept = [now.mode.to_string(), now.uid.to_string(), now.gid.to_string()];
                for (word, kept) in words.iter_mut().zip(kept) {
                    if word == "-" {
                        *word = kept;
                    }
                }
            }
            None if words[0] == "-" => mode.clone_into(&mut words[0]),
            None => {}
        }
        words
    }
}

/// A file as it was when it was probed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Before {
    /// Its content.
    pub content: Content,
    /// Its owner and permissions.
    pub attributes: Attributes,
}

/// Writes `content` to `path`, beside it first, then renamed; refused where the file is no longer as `before`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WriteFile {
    /// Where; links are followed.
    pub path: HostPath,
    /// The file that was probed; none where there was none.
    pub before: Option<Before>,
    /// What it shall hold.
    pub content: Content,
    /// Owner and permissions; those of `before` where not given, else 0644.
    pub ownership: Ownership,
    /// The program that has to accept it before it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validate: Option<Validator>,
    /// Where the link leads that the file takes the place of, instead of what it leads to; `before` is then none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_link: Option<String>,
    /// Where the link leads through which it is written; none where the path is no link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
}

/// Removes a file; refused where it is no longer as `before`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remove {
    /// Where; a link itself is removed, not what it leads to.
    pub path: HostPath,
    /// The file that was probed.
    pub before: Before,
}

/// Creates a directory, and those above it (0755).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MakeDir {
    /// Where.
    pub path: HostPath,
    /// Owner and permissions; 0755 where not given.
    pub ownership: Ownership,
}

/// Removes a directory; where it is not empty it stays, and the change fails.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemoveDir {
    /// Where.
    pub path: HostPath,
}

/// Sets owner and permissions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SetMode {
    /// Where.
    pub path: HostPath,
    /// As they were.
    pub before: Attributes,
    /// As they shall be.
    pub ownership: Ownership,
}

/// Runs the distribution's tool, then looks for the certificates where programs read them: its exit status proves
/// nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RefreshTrustStore {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// The bundle that the tool makes.
    pub bundle: HostPath,
    /// The directory that it makes it from, beside what the distribution ships.
    pub drop: HostPath,
    /// Certificates that must be in it afterwards: Base64 of their DER.
    pub present: Vec<String>,
    /// Certificates that must not: Base64 of their DER.
    pub absent: Vec<String>,
}

/// What the daemon needs before a change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// SIGHUP.
    Reload,
    /// Stop and start.
    Restart,
}

/// A record, on the host, of what a change owes to the running daemon. It is void once that daemon is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwedRecord {
    /// What it is about, such as `daemon.json`; a later record of the same name takes its place.
    pub id: String,
    /// What is owed.
    pub need: Need,
    /// Why, in one line.
    pub reason: String,
}

/// Has the daemon read its configuration again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReloadDocker {
    /// Why.
    pub reason: String,
    /// The command that tells it; empty for a signal to its process.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Whether `/info` shows the difference, so that it can be waited for.
    pub visible: bool,
    /// Owed records that it settles.
    pub settles: Vec<String>,
    /// Whether a task asks for it whatever is owed, so that it would ask again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_request: bool,
}

/// Restarts the daemon; refused where a container would stop that is not named.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestartDocker {
    /// Why.
    pub reason: String,
    /// The command that does it.
    pub command: Vec<String>,
    /// The swarm that it is a manager of: of its managers one is restarted at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager_of: Option<String>,
    /// Whether running containers outlive it, by `live-restore`.
    pub kept: bool,
    /// Running containers that stop and are started again by their restart policy.
    pub stops: Vec<String>,
    /// Running containers that stop and stay down.
    pub stays_down: Vec<String>,
    /// Owed records that it settles.
    pub settles: Vec<String>,
    /// Whether a task asks for it whatever is owed, so that it would ask again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_request: bool,
}

/// Records in `dtrctl.lock` which certificate was accepted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecordPin {
    /// The registry.
    pub registry: RegistryHost,
    /// `sha256:` and the certificate's fingerprint.
    pub pin: String,
    /// The certificate's subject, for the reader of the file.
    pub subject: String,
}

impl Change {
    /// The call that makes it so on the host; none for what the controller does.
    #[must_use]
    pub fn call(&self) -> Option<Call> {
        let call = match self {
            Self::WriteFile(write) => write.call(),
            Self::CheckSyntax(check) => check.call(),
            Self::Remove(remove) => {
                Call::new("do_remove").path(&remove.path).word(remove.before.content.digest())
            }
            Self::MakeDir(make) => Call::new("do_make_dir").path(&make.path).words(make.ownership.words()),
            Self::RemoveDir(remove) => Call::new("do_remove_dir").path(&remove.path),
            Self::RemoveTree(remove) => remove.call(),
            Self::RemoveLink(remove) => remove.call(),
            Self::RemoveOther(remove) => remove.call(),
            Self::MakeLink(make) => make.call(),
            Self::BackUp(copy) => copy.call(),
            Self::Touch(touch) => touch.call(),
            Self::SetMode(set) => Call::new("do_set_mode").path(&set.path).words(set.ownership.words()),
            Self::RefreshTrustStore(refresh) => Call::new("do_refresh")
                .path(&refresh.bundle)
                .path(&refresh.drop)
                .word(refresh.present.join(" "))
                .word(refresh.absent.join(" "))
                .words(refresh.command.clone()),
            Self::Owe(owed) => {
                let need = if owed.need == Need::Reload { "reload" } else { "restart" };
                Call::new("do_owe").word(&owed.id).word(need).word(&owed.reason)
            }
            Self::ReloadDocker(reload) => {
                let visible = if reload.visible { "visible" } else { "silent" };
                Call::new("do_reload")
                    .word(visible)
                    .word(reload.settles.join(" "))
                    .words(reload.command.clone())
            }
            Self::RestartDocker(restart) => Call::new("do_restart")
                .word(if restart.kept { "kept" } else { "stopped" })
                .word(restart.stops.join(" "))
                .word(restart.stays_down.join(" "))
                .word(restart.settles.join(" "))
                .words(restart.command.clone()),
            Self::ReplaceRegistryTls(replace) => replace.call(),
            Self::Service(service) => service.call(),
            Self::Request(request) => request.call(),
            Self::Download(download) => download.call(),
            Self::Run(run) => run.call(),
            Self::Own(own) => own.call(),
            Self::GenerateCertificate(generate) => return generate.call(),
            Self::RecordPin(_) | Self::SetDtrTls(_) => return None,
        };
        Some(call)
    }

    /// Whether the controller itself does it, in a place of its own.
    #[must_use]
    pub const fn is_controllers(&self) -> bool {
        matches!(self, Self::RecordPin(_) | Self::SetDtrTls(_))
    }

    /// Whether the controller sees what it does: its own answers of before do not hold any more.
    #[must_use]
    pub const fn is_seen_from_outside(&self) -> bool {
        matches!(self, Self::ReplaceRegistryTls(_)) || self.is_controllers()
    }

    /// The file it is about, where it is about one.
    #[must_use]
    pub const fn path(&self) -> Option<&HostPath> {
        match self {
            Self::WriteFile(WriteFile { path, .. })
            | Self::Remove(Remove { path, .. })
            | Self::MakeDir(MakeDir { path, .. })
            | Self::RemoveDir(RemoveDir { path })
            | Self::RemoveTree(RemoveTree { path, .. })
            | Self::RemoveLink(RemoveLink { path, .. })
            | Self::RemoveOther(RemoveOther { path, .. })
            | Self::MakeLink(MakeLink { path, .. })
            | Self::BackUp(BackUp { path, .. })
            | Self::Touch(Touch { path, .. })
            | Self::SetMode(SetMode { path, .. }) => Some(path),
            Self::GenerateCertificate(generate) => Some(&generate.path),
            Self::Download(download) => Some(&download.path),
            Self::ReplaceRegistryTls(replace) => Some(&replace.certificate.path),
            _ => None,
        }
    }

    /// One line that says what it does.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::WriteFile(w) if w.before.is_some() => format!("change {}", w.path),
            Self::WriteFile(w) if w.over_link.is_some() => {
                format!("create {} in the place of a link", w.path)
            }
            Self::WriteFile(w) => format!("create {}", w.path),
            Self::CheckSyntax(c) => format!("have the host's shell read the new {} (`sh -n`)", c.path),
            Self::Remove(r) => format!("remove {}", r.path),
            Self::MakeDir(m) => format!("create directory {}", m.path),
            Self::RemoveDir(r) => format!("remove directory {}", r.path),
            Self::RemoveTree(r) => r.summary(),
            Self::RemoveLink(r) => format!("remove link {} to {}", r.path, r.target),
            Self::RemoveOther(r) => format!("remove {}", r.path),
            Self::MakeLink(m) => m.summary(),
            Self::BackUp(b) => format!("keep a copy of {} as {}", b.path, b.copy),
            Self::Touch(t) => t.summary(),
            Self::SetMode(s) => s.summary(),
            Self::RefreshTrustStore(r) => {
                format!("run {} and look for the effect in {}", r.command.join(" "), r.bundle)
            }
            Self::Owe(o) if o.need == Need::Reload => format!("owe the daemon a reload: {}", o.reason),
            Self::Owe(o) => format!("owe the daemon a restart: {}", o.reason),
            Self::ReloadDocker(r) => format!("reload the docker daemon: {}", r.reason),
            Self::RestartDocker(r) => r.summary(),
            Self::SetDtrTls(s) => s.summary(),
            Self::ReplaceRegistryTls(r) => r.summary(),
            Self::Service(s) => s.summary(),
            Self::Request(r) => r.request.summary(),
            Self::Download(d) => d.summary(),
            Self::Run(r) => r.summary(),
            Self::Own(o) => o.summary(),
            Self::RecordPin(r) => format!("record {} for {} in dtrctl.lock", r.pin, r.registry),
            Self::GenerateCertificate(g) => g.summary(),
        }
    }

    /// What only one host of a run may do at a time: a name that such hosts share.
    #[must_use]
    pub const fn turn(&self) -> Option<&String> {
        match self {
            Self::RestartDocker(restart) => restart.manager_of.as_ref(),
            _ => None,
        }
    }

    /// Adds variables to the environment of a user's command; what the command has of its own stays.
    pub fn add_environment(&mut self, environment: &[(String, String)]) {
        if let Self::Run(run) = self {
            let new = environment
                .iter()
                .filter(|(name, _)| !run.environment.iter().any(|(known, _)| known == name));
            let new: Vec<_> = new.cloned().collect();
            run.environment.extend(new);
        }
    }

    /// Whether nobody knows what comes of it before it is made: check mode says so.
    #[must_use]
    pub fn is_unforeseen(&self) -> bool {
        match self {
            Self::Run(run) => !run.guarded,
            Self::Request(_) => true,
            Self::Download(download) => download.forced,
            _ => false,
        }
    }

    /// Whether asking again afterwards must find nothing to do.
    #[must_use]
    pub const fn is_provable(&self) -> bool {
        match self {
            Self::Run(_) | Self::Request(_) | Self::Touch(_) => false,
            Self::Download(download) => !download.forced,
            Self::Service(service) => service.is_provable(),
            Self::ReloadDocker(reload) => !reload.on_request,
            Self::RestartDocker(restart) => !restart.on_request,
            _ => true,
        }
    }
}

impl WriteFile {
    /// A file that is written without being judged, through links.
    #[must_use]
    pub const fn new(path: HostPath, before: Option<Before>, content: Content, ownership: Ownership) -> Self {
        Self { path, before, content, ownership, validate: None, over_link: None, through: None }
    }

    fn call(&self) -> Call {
        let before = self.before.as_ref().map_or("absent".to_owned(), |before| before.content.digest());
        let (function, before) = match &self.over_link {
            Some(link) => ("do_write_over_link", link.clone()),
            None => ("do_write", before),
        };
        let validate = self.validate.as_ref().map(Validator::words).unwrap_or_default();
        Call::new(function)
            .path(&self.path)
            .word(before)
            .word(self.content.digest())
            .words(self.ownership.words_over(self.before.as_ref(), "0644"))
            .bytes(&self.content.bytes)
            .words(validate.iter().cloned())
    }
}

impl SetMode {
    fn summary(&self) -> String {
        let [mode, owner, group] = self.ownership.words();
        let now = &self.before;
        let mut parts = Vec::new();
        let mut part = |name: &str, old: String, new: String| {
            if new != "-" && new != old {
                parts.push(format!("{name} {old} → {new}"));
            }
        };
        part("mode", now.mode.to_string(), mode);
        part("owner", now.owner.clone(), owner);
        part("group", now.group.clone(), group);
        format!("set {}: {}", self.path, parts.join(", "))
    }
}

impl RestartDocker {
    fn summary(&self) -> String {
        let mut text = format!("restart the docker daemon by `{}`: {}", self.command.join(" "), self.reason);
        if !self.stops.is_empty() {
            text += &format!("; stops and starts again: {}", self.stops.join(", "));
        }
        if !self.stays_down.is_empty() {
            text += &format!("; stops and stays down: {}", self.stays_down.join(", "));
        }
        text
    }
}
