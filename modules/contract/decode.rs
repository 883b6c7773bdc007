//! From the host's key=value lines to typed answers. Nothing that a host says is evaluated.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::answer::{
    Answer, AskError, Attributes, Bundle, Container, Containers, DaemonInfo, Dir, DirEntry, Distribution,
    File, FileKind, HostCheck, Process, Running, ShellOutput, Stray, TrustStore, Validation,
};
use super::ask::Ask;
use super::bundle_text::BundleText;
use super::change::{Need, OwedRecord};
use super::decode_entry::{stat, tree};
use super::decode_more::{response, service, summed};
use super::host::{DaemonKind, DaemonSite, Facts};
use super::path::HostPath;
use super::registry_tls::{LocalView, RegistryTls, SavedPair, TlsFile};
use super::resolve::Resolved;
use super::script::Frame;
use super::text::Mode;

impl Ask {
    /// Reads the host's answer. `bundles` finds the content of a trust bundle by its SHA-256, for one that was not
    /// sent again.
    #[must_use]
    pub fn decode(&self, frame: &Frame, bundles: &dyn Fn(&str) -> Option<BundleText>) -> Answer {
        self.read(frame, bundles).unwrap_or_else(Answer::Failed)
    }

    fn read(&self, frame: &Frame, bundles: &dyn Fn(&str) -> Option<BundleText>) -> Result<Answer, AskError> {
        let body = frame.whole();
        let lines = Lines(&body);
        if frame.status == Frame::OUTSIDE
            && let Self::File(super::AskFile { path, .. })
            | Self::Dir(super::AskDir { path })
            | Self::Stat(super::AskStat { path, .. })
            | Self::Tree(super::AskTree { path, .. }) = self
        {
            return Err(AskError::OutsideSandbox(path.clone()));
        }
        if frame.status != 0 {
            return Err(AskError::Host(format!("the host could not be asked (status {})", frame.status)));
        }
        Ok(match self {
            Self::File(ask) => Answer::File(file(ask, lines)?),
            Self::Dir(ask) => Answer::Dir(dir(&ask.path, lines)?),
            Self::Glob(_) => Answer::Glob(lines.all("match").map(path).collect::<Result<_, _>>()?),
            Self::Stat(ask) => Answer::Stat(stat(&ask.path, lines)?),
            Self::Tree(ask) => Answer::Tree(tree(ask, lines)?),
            Self::Undo(_) => Answer::Undo(super::undo::record(lines)?),
            Self::TrustStore(_) => Answer::TrustStore(trust_store(lines, frame, bundles)?),
            Self::Process(_) => Answer::Process(process(lines)?),
            Self::Info(_) => Answer::Info(info(lines)?),
            Self::Builders(_) => Answer::Builders(lines.all("builder").map(text).collect::<Result<_, _>>()?),
            Self::Containers(_) => Answer::Containers(containers(lines)?),
            Self::Owed(_) => Answer::Owed(owed(lines)?),
            Self::Validate(_) => Answer::Validate(validation(lines)?),
            Self::Syntax(_) => Answer::Syntax(validation(lines)?),
            Self::HostCheck(_) => Answer::HostCheck(host_check(lines)?),
            Self::Resolve(_) => Answer::Resolve(resolved(lines)),
            Self::Distribution(_) => Answer::Distribution(distribution(lines)?),
            Self::RegistryTls(_) => Answer::RegistryTls(Box::new(registry_tls(lines)?)),
            Self::Wait(_) => Answer::Wait(super::Waited {
                met: lines.get("met").is_some(),
                elapsed: lines.number("elapsed")?,
                blind: lines.get("missing").is_some(),
            }),
            Self::Request(_) => Answer::Request(Box::new(response(lines)?)),
            Self::Sum(ask) => Answer::Sum(summed(&ask.path, lines)?),
            Self::Service(ask) => Answer::Service(service(ask, lines)?),
            Self::Shell(_) => Answer::Shell(shell_output(lines)?),
            _ => return Err(AskError::Lost),
        })
    }
}

/// The key=value lines of one answer.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a>(pub(super) &'a str);

impl<'a> Lines<'a> {
    pub(super) fn all(self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
    }

    pub(super) fn get(self, key: &'a str) -> Option<&'a str> {
        self.all(key).next()
    }

    pub(super) fn number<N: std::str::FromStr>(self, key: &'a str) -> Result<N, AskError> {
        self.get(key).and_then(|text| text.parse().ok()).ok_or_else(|| garbled(key))
    }

    pub(super) fn bytes(self, key: &'a str) -> Result<Vec<u8>, AskError> {
        self.get(key).map_or_else(|| Ok(Vec::new()), bytes)
    }

    pub(super) fn text(self, key: &'a str) -> Result<String, AskError> {
        Ok(String::from_utf8_lossy(&self.bytes(key)?).into_owned())
    }
}

pub(super) fn garbled(what: &str) -> AskError {
    AskError::Garbled(format!("`{what}` is missing or malformed"))
}

/// Undoes the host's `enc`.
pub(super) fn decoded(word: &str) -> Result<Vec<u8>, AskError> {
    bytes(word)
}

/// A content that was to be sent beside the lines has not come as its digest says.
fn rewritten() -> AskError {
    AskError::Host("a file was written to while it was read; run again".to_owned())
}

fn bytes(word: &str) -> Result<Vec<u8>, AskError> {
    if word.starts_with('@') {
        return Err(rewritten());
    }
    let decoded = match word.split_once(':') {
        Some(("b", text)) => STANDARD.decode(text).ok(),
        Some(("x", text)) => unhex(text),
        Some(("p", text)) => Some(text.as_bytes().to_vec()),
        _ => None,
    };
    decoded.ok_or_else(|| garbled("encoded text"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

pub(super) fn text(word: &str) -> Result<String, AskError> {
    String::from_utf8(bytes(word)?).map_err(|_| garbled("UTF-8 text"))
}

pub(super) fn path(word: &str) -> Result<HostPath, AskError> {
    let text = text(word)?;
    match HostPath::object(&text) {
        Some(object) => Ok(object),
        None => HostPath::new(&text).map_err(|error| AskError::Garbled(error.to_string())),
    }
}

pub(super) fn attributes(stat: &str) -> Result<Attributes, AskError> {
    let fields: Vec<&str> = stat.split([' ', ',']).collect();
    let [mode, uid, gid, owner, group, size, mtime] = fields[..] else { return Err(garbled("stat")) };
    let number = |text: &str| text.parse::<u32>().map_err(|_| garbled("stat"));
    let name = |name: &str, id: &str| if name == "UNKNOWN" { id.to_owned() } else { name.to_owned() };
    Ok(Attributes {
        mode: Mode::new(u16::from_str_radix(mode, 8).map_err(|_| garbled("stat"))?),
        uid: number(uid)?,
        gid: number(gid)?,
        owner: name(owner, uid),
        group: name(group, gid),
        size: size.parse().map_err(|_| garbled("stat"))?,
        mtime: mtime.parse().map_err(|_| garbled("stat"))?,
    })
}

fn file(ask: &super::AskFile, lines: Lines<'_>) -> Result<File, AskError> {
    let target = lines.get("target").map(path).transpose()?;
    let link = lines.get("link").map(text).transpose()?;
    let attributes = || attributes(lines.get("stat").ok_or_else(|| garbled("stat"))?);
    match lines.get("error") {
        Some("large") => {
            return Err(AskError::TooLarge {
                path: ask.path.clone(),
                size: attributes()?.size,
                limit: ask.limit,
            });
        }
        Some(_) => return Err(unreadable(&ask.path)),
        None => {}
    }
    let kind = match lines.get("kind") {
        Some("absent") => FileKind::Absent,
        Some("dir") => FileKind::Directory(attributes()?),
        Some("file") => FileKind::File(attributes()?, lines.get("content").map(bytes).transpose()?),
        Some("other") => FileKind::Other,
        _ => return Err(garbled("kind")),
    };
    Ok(File { path: ask.path.clone(), target, link, kind })
}

pub(super) fn unreadable(path: &HostPath) -> AskError {
    AskError::Host(format!("`{path}` cannot be read by this user; does the task need `become: true`?"))
}

fn dir(at: &HostPath, lines: Lines<'_>) -> Result<Dir, AskError> {
    if lines.get("error").is_some() {
        return Err(unreadable(at));
    }
    let present = match lines.get("kind") {
        Some("dir") => true,
        Some("absent") => false,
        _ => return Err(AskError::Host(format!("`{at}` is not a directory"))),
    };
    let mut entries = lines.all("entry").map(entry).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Dir { path: at.clone(), present, entries })
}

fn entry(line: &str) -> Result<DirEntry, AskError> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [name, link, kind, stat, content] = fields[..] else { return Err(garbled("entry")) };
    let content = if content == "-" { None } else { Some(bytes(content)?) };
    let kind = match kind {
        "file" => FileKind::File(attributes(stat)?, content),
        "dir" => FileKind::Directory(attributes(stat)?),
        _ if link == "link" => FileKind::Absent,
        _ => FileKind::Other,
    };
    Ok(DirEntry { name: String::from_utf8_lossy(&bytes(name)?).into_owned(), link: link == "link", kind })
}

fn trust_store(
    lines: Lines<'_>,
    frame: &Frame,
    bundles: &dyn Fn(&str) -> Option<BundleText>,
) -> Result<TrustStore, AskError> {
    let bundle = match lines.get("bundle") {
        None => None,
        Some(word) => {
            let digest = lines.get("digest").ok_or_else(|| garbled("digest"))?;
            let content = match lines.get("bulk") {
                Some(word) => bytes(word)?.into(),
                None => bundles(digest)
                    .or_else(|| Some(frame.part(digest)?.to_vec().into()))
                    .ok_or_else(rewritten)?,
            };
            Some(Bundle { path: path(word)?, content, mtime: lines.number("mtime")? })
        }
    };
    let stray = |line: &str| {
        let [name, mtime, content] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(garbled("stray"));
        };
        let mtime = mtime.parse().map_err(|_| garbled("stray"))?;
        Ok(Stray { path: path(name)?, content: bytes(content)?, mtime })
    };
    Ok(TrustStore {
        bundle,
        strays: lines.all("stray").map(stray).collect::<Result<_, AskError>>()?,
        dangling: lines.all("dangling").map(path).collect::<Result<_, AskError>>()?,
    })
}

fn process(lines: Lines<'_>) -> Result<Process, AskError> {
    let unit = |line: &str| line.split_once(' ').map(|(name, state)| (name.to_owned(), state.to_owned()));
    let running = match lines.get("pid") {
        None => None,
        Some(_) => Some(Running {
            pid: lines.number("pid")?,
            start: lines.get("start").unwrap_or_default().to_owned(),
            started: lines.number("started")?,
            cmdline: command_line(lines)?,
            program: program(lines.get("program").ok_or_else(|| garbled("program"))?)?,
            environ: environ(&lines.text("environ")?),
        }),
    };
    Ok(Process {
        installed: lines.get("installed").is_some(),
        running,
        units: lines.all("unit").filter_map(unit).collect(),
    })
}

/// The daemon's program. /proc/PID/exe is shown to root and to the daemon's own user only.
fn program(word: &str) -> Result<HostPath, AskError> {
    if text(word)?.is_empty() {
        return Err(AskError::Host(
            "the docker daemon is not this user's, and is seen by root only; does the task need `become: true`?".to_owned(),
        ));
    }
    path(word)
}

/// The words of the daemon's command line: one text on Windows.
fn command_line(lines: Lines<'_>) -> Result<Vec<String>, AskError> {
    match lines.get("command_line") {
        Some(word) => Ok(super::command_line::daemon(&text(word)?)),
        None => Ok(words(&lines.text("cmdline")?)),
    }
}

/// The words of /proc/PID/cmdline.
fn words(cmdline: &str) -> Vec<String> {
    cmdline.split_terminator('\0').map(str::to_owned).collect()
}

fn environ(text: &str) -> Vec<(String, String)> {
    text.lines().filter_map(|line| line.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

fn info(lines: Lines<'_>) -> Result<Option<DaemonInfo>, AskError> {
    let Some(word) = lines.get("info") else { return Ok(None) };
    let json: serde_json::Value = serde_json::from_str(&text(word)?).map_err(|_| garbled("info"))?;
    let version = json["ServerVersion"].as_str().unwrap_or_default().to_owned();
    Ok(Some(DaemonInfo { version, json, fresh: false }))
}

fn containers(lines: Lines<'_>) -> Result<Containers, AskError> {
    let container = |line: &str| match line.split(' ').collect::<Vec<_>>()[..] {
        [id, restart, name] => {
            Ok(Container { id: id.to_owned(), name: name.to_owned(), restart: restart.to_owned() })
        }
        _ => Err(garbled("container")),
    };
    let mut running = lines.all("container").map(container).collect::<Result<Vec<_>, _>>()?;
    running.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Containers { running })
}

fn owed(lines: Lines<'_>) -> Result<Vec<OwedRecord>, AskError> {
    let record = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [need, id, reason] = fields[..] else { return Err(garbled("owed")) };
        let need = if need == "reload" { Need::Reload } else { Need::Restart };
        Ok(OwedRecord { id: text(id)?, need, reason: text(reason)? })
    };
    let mut records = lines.all("owed").map(record).collect::<Result<Vec<_>, _>>()?;
    records.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(records)
}

/// The body and the status that curl's `-w '\n%{http_code}\n'` ends it with.
fn split_status(answer: &str) -> (String, u16) {
    let answer = answer.trim_end();
    let (body, status) = answer.rsplit_once('\n').unwrap_or(("", answer));
    match status.parse() {
        Ok(status) => (body.to_owned(), status),
        Err(_) => (answer.to_owned(), 0),
    }
}

fn validation(lines: Lines<'_>) -> Result<Validation, AskError> {
    Ok(Validation { accepted: lines.number::<i32>("status")? == 0, message: lines.text("message")? })
}

fn host_check(lines: Lines<'_>) -> Result<HostCheck, AskError> {
    let (body, status) = split_status(&lines.text("answer")?);
    Ok(HostCheck {
        resolves: lines.get("resolves").map(|word| word == "yes"),
        curl: lines.get("curl").and_then(|status| status.parse().ok()),
        status,
        body,
    })
}

fn distribution(lines: Lines<'_>) -> Result<Distribution, AskError> {
    let message = said(&lines.text("message")?);
    let pull = if lines.get("pull").is_some() { Some(said(&lines.text("pull")?)) } else { None };
    Ok(Distribution { status: lines.number("status")?, message, pull })
}

/// The message of an answer of the daemon's API, or a program's words as they are.
fn said(body: &str) -> String {
    let json = serde_json::from_str::<serde_json::Value>(body).ok();
    let message = json.and_then(|json| json["message"].as_str().map(str::to_owned));
    message.unwrap_or_else(|| body.trim().to_owned())
}

fn resolved(lines: Lines<'_>) -> Resolved {
    let known = lines.get("resolves").map(|word| word == "yes");
    let mut addresses: Vec<_> = lines.all("address").filter_map(|word| word.parse().ok()).collect();
    addresses.sort();
    addresses.dedup();
    Resolved { known, addresses }
}

fn registry_tls(lines: Lines<'_>) -> Result<RegistryTls, AskError> {
    let problem = |line: &str| {
        let (word, detail) = line.split_once(' ').ok_or_else(|| garbled("problem"))?;
        Ok((word.to_owned(), text(detail)?))
    };
    let served = match lines.get("served") {
        Some("blind") => LocalView::Blind,
        Some("nobody") => LocalView::Nobody,
        Some(chain) => LocalView::Chain(chain.split(' ').map(str::to_owned).collect()),
        None => return Err(garbled("served")),
    };
    Ok(RegistryTls {
        running: lines.get("running").map(|word| word == "yes"),
        user: lines.get("user").map(text).transpose()?.filter(|user| !user.is_empty() && user != "root"),
        problem: lines.get("problem").map(problem).transpose()?,
        certificate: lines.get("certificate").map(tls_file).transpose()?,
        key: lines.get("key").map(tls_file).transpose()?,
        served,
        saved: lines.get("saved").map(saved_pair).transpose()?,
        kept: lines.all("kept").map(str::to_owned).collect(),
    })
}

fn saved_pair(line: &str) -> Result<SavedPair, AskError> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        [certificate, key, size] => Ok(SavedPair {
            certificate: bytes(certificate)?,
            key_sha256: key.to_owned(),
            key_size: size.parse().map_err(|_| garbled("saved"))?,
        }),
        _ => Err(garbled("saved")),
    }
}

/// Path, kind, attributes, digest, content, whether a key is in it, whether its directory is there.
fn tls_file(line: &str) -> Result<TlsFile, AskError> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [name, kind, stat, sum, content, holds_key, directory] = fields[..] else {
        return Err(garbled("a file of the registry"));
    };
    let kind = match kind {
        "absent" => FileKind::Absent,
        "file" => {
            let content = if content == "-" { None } else { Some(bytes(content)?) };
            FileKind::File(attributes(stat)?, content)
        }
        "dir" => FileKind::Directory(attributes(stat)?),
        _ => FileKind::Other,
    };
    Ok(TlsFile {
        path: path(name)?,
        kind,
        sha256: (sum != "-").then(|| sum.to_owned()),
        holds_key: holds_key == "yes",
        has_directory: directory == "yes",
    })
}

fn shell_output(lines: Lines<'_>) -> Result<ShellOutput, AskError> {
    Ok(ShellOutput {
        status: lines.number("status")?,
        stdout: lines.text("stdout")?,
        stderr: lines.text("stderr")?,
    })
}

/// What a command printed, and when it ran by the host's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutput {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub start: Option<PrimitiveDateTime>,
    pub end: Option<PrimitiveDateTime>,
}

/// Reads what a [`Run`](super::Run) change printed.
pub fn run_output(body: &str) -> Result<RunOutput, AskError> {
    let text = act_output(body);
    let lines = Lines(&text);
    let ShellOutput { status, stdout, stderr } = shell_output(lines)?;
    let moment = |key| lines.get(key).and_then(moment);
    Ok(RunOutput { status, stdout, stderr, start: moment("start"), end: moment("end") })
}

/// `2026-01-31 12:00:00.123456789`; where `date` knows no fractions the rest is no number.
fn moment(text: &str) -> Option<PrimitiveDateTime> {
    const FORMAT: &[BorrowedFormatItem<'_>] =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let micros = fraction.get(..6).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    PrimitiveDateTime::parse(whole, FORMAT).ok()?.replace_microsecond(micros).ok()
}

/// The output of an acting call: one encoded line.
#[must_use]
pub fn act_output(body: &str) -> String {
    bytes(body.trim()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Reads the facts' frame.
///
/// # Errors
/// [`AskError::Garbled`] where it is not in the script's form.
pub fn decode_facts(body: &str) -> Result<Facts, AskError> {
    let lines = Lines(body);
    // Windows gives it as one text.
    let release = match lines.get("os_release") {
        Some(word) => text(word)?,
        None => lines.all("os").collect::<Vec<_>>().join("\n"),
    };
    let os = |key: &str| os_release(&release, key).unwrap_or_default();
    let plain = |key| lines.get(key).unwrap_or_default().to_owned();
    Ok(Facts {
        id: os("ID"),
        id_like: os("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
        version_id: os("VERSION_ID"),
        codename: os("VERSION_CODENAME"),
        pretty_name: os("PRETTY_NAME"),
        kernel_name: plain("kernel_name"),
        kernel: plain("kernel"),
        machine: plain("machine"),
        hostname: lines.text("hostname")?,
        uid: lines.number("uid")?,
        user: lines.text("user")?,
        home: lines.text("home")?,
        init: plain("init"),
        selinux: lines.get("selinux").is_some(),
        daemons: lines.all("daemon").map(site).collect::<Result<_, _>>()?,
        sandbox: lines.get("sandbox").is_some(),
        version: os("VERSION"),
        release_file: lines.text("release_file")?,
        debian_version: lines.text("debian_version")?,
        gid: lines.number("gid").unwrap_or_default(),
        login_shell: lines.text("login_shell")?,
        gecos: lines.text("gecos")?,
        fqdn: plain("fqdn"),
        machine_id: plain("machine_id"),
        package_manager: plain("package_manager"),
        virtualization: plain("virtualization"),
        selinux_mode: plain("selinux_mode"),
        memory_kb: lines.number("memory_kb").unwrap_or_default(),
        swap_kb: lines.number("swap_kb").unwrap_or_default(),
        processors: lines.number("processors").unwrap_or_default(),
        nameservers: lines.all("nameserver").map(str::to_owned).collect(),
        environment: lines.all("env").filter_map(|line| line.split_once('=')).map(owned).collect(),
        default_route: lines.get("default_route").and_then(|line| line.split_once(' ')).map(owned),
        addresses: lines.all("address").filter_map(|line| line.split_once(' ')).map(owned).collect(),
    })
}

/// A daemon: kind, user's number and name, socket, directory of its user's settings, command line.
fn site(line: &str) -> Result<DaemonSite, AskError> {
    let fields: Vec<&str> = line.split(' ').collect();
    let [kind, uid, user, socket, config_home, config] = fields[..] else { return Err(garbled("daemon")) };
    let kind = match kind {
        // On Windows the command line is one text.
        "system" | "windows" => DaemonKind::System,
        "snap" => DaemonKind::Snap,
        "rootless" => DaemonKind::Rootless,
        _ => return Err(garbled("daemon")),
    };
    // On Windows it is the command line as one text.
    let config = match line.split(' ').next() {
        Some("windows") => config_file(&super::command_line::daemon(&text(config)?)),
        _ => HostPath::new(&text(config)?).ok(),
    };
    Ok(DaemonSite {
        kind,
        user: text(user)?,
        uid: uid.parse().map_err(|_| garbled("daemon"))?,
        socket: path(socket)?,
        config,
        config_home: HostPath::new(&text(config_home)?).ok(),
    })
}

/// `--config-file` of a daemon's command line.
fn config_file(cmdline: &[String]) -> Option<HostPath> {
    cmdline.iter().enumerate().find_map(|(i, word)| {
        let flag = word.strip_prefix("--config-file").or_else(|| word.strip_prefix("-config-file"))?;
        let value = flag.strip_prefix('=').map(str::to_owned).or_else(|| cmdline.get(i + 1).cloned())?;
        HostPath::new(&value).ok()
    })
}

pub(super) fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// A value of /etc/os-release, unquoted.
fn os_release(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix('=')?.trim();
        let unquoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        let unquoted = unquoted.or_else(|| value.strip_prefix('\'').and_then(|v| v.strip_suffix('\'')));
        Some(unquoted.unwrap_or(value).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::{AskError, program};

    #[test]
    fn a_daemon_whose_program_is_hidden_is_anothers() {
        for hidden in ["b:", "x:"] {
            let Err(AskError::Host(why)) = program(hidden) else { panic!("it is no path") };
            assert!(why.ends_with("does the task need `become: true`?"), "{why}");
        }
        assert_eq!(program("x:2f62").unwrap().as_str(), "/b");
        assert!(matches!(program("x:62"), Err(AskError::Garbled(_))));
    }
}
