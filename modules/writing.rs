//! How a file gets its content, whichever module wants it: owner and permissions, a copy kept aside, a program that judges
//! it first, and what is registered of it.

use serde_json::{Map, Value};

use crate::contract::{
    Account, AskFile, Attributes, BackUp, Before, Change, Checksum, Content, File, FileKind, Host, HostPath,
    Mode, Ownership, PlanError, Probe, SetMode, Validator, WantedMode, WriteFile,
};

/// Arguments that Ansible's modules about files have and these do not.
pub const LEFT_OUT: &[(&str, &str)] = &[
    (
        "unsafe_writes",
        "every file is written beside its target and renamed; one that cannot be replaced is an error",
    ),
    ("attributes", "flags of the file system are not set; use `command` with `chattr`"),
    ("attr", "flags of the file system are not set; use `command` with `chattr`"),
    ("selevel", SELINUX),
    ("serole", SELINUX),
    ("setype", SELINUX),
    ("seuser", SELINUX),
];

const SELINUX: &str = "a file keeps its SELinux label, and a new one gets that of the host's policy; use `command` with `semanage`";

/// Owner and permissions as a task asks for them.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Permission bits.
    pub mode: Option<WantedMode>,
    /// The owner.
    pub owner: Option<Account>,
    /// The group.
    pub group: Option<Account>,
}

impl Wanted {
    /// What it comes to for something that has `now`, or that is made.
    ///
    /// # Errors
    /// [`PlanError`] where the mode is to be that of a source, and there is none.
    pub fn over(&self, now: Option<&Attributes>, directory: bool) -> Result<Ownership, PlanError> {
        let new = Mode::new(if directory { 0o755 } else { 0o644 });
        let mode = match &self.mode {
            None => None,
            Some(mode) => Some(mode.over(now.map_or(new, |now| now.mode), directory).ok_or_else(|| {
                PlanError::new("`mode: preserve` needs a `src` whose mode it is")
                    .help("write octal digits in quotes, such as \"0644\"")
            })?),
        };
        Ok(Ownership { mode, owner: self.owner.clone(), group: self.group.clone() })
    }

    /// The same with the mode of a source where it is to be preserved.
    #[must_use]
    pub fn of_source(&self, mode: Option<u16>) -> Self {
        match (&self.mode, mode) {
            (Some(WantedMode::Preserve), Some(bits)) => {
                Self { mode: Some(WantedMode::Bits(Mode::new(bits))), ..self.clone() }
            }
            _ => self.clone(),
        }
    }
}

/// A file as a task wants it.
#[derive(Debug)]
pub struct Writing {
    /// Where.
    pub path: HostPath,
    /// What it shall hold.
    pub content: Content,
    /// Owner and permissions.
    pub wanted: Wanted,
    /// Whether a copy of the old file is kept.
    pub backup: bool,
    /// The command that has to accept the new one.
    pub validate: Option<String>,
    /// Whether a link that stands there is followed, instead of replaced.
    pub follow: bool,
}

/// What is to be done for a file, and what is registered of it.
#[derive(Debug, Default)]
pub struct Written {
    /// The changes.
    pub changes: Vec<Change>,
    /// Fields of the registered result.
    pub result: Map<String, Value>,
}

impl Writing {
    /// What makes it so.
    ///
    /// # Errors
    /// [`PlanError`] where a directory or a device stands at the path, it cannot be read, or `validate` is wrong.
    pub fn plan(&self, host: &Host, file: &File) -> Result<Written, PlanError> {
        let validate = self.validate.as_deref().map(Validator::new).transpose()?;
        let over_link = file.link.clone().filter(|_| !self.follow);
        let (before, now) = match &file.kind {
            _ if over_link.is_some() => (None, None),
            FileKind::Absent => (None, None),
            FileKind::File(now, Some(old)) => {
                let content = Content { bytes: old.clone(), secret: self.content.secret };
                (Some(Before { content, attributes: now.clone() }), Some(now))
            }
            FileKind::File(_, None) => {
                return Err(PlanError::new(format!("`{}` could not be read", self.path)));
            }
            FileKind::Directory(_) => {
                return Err(PlanError::new(format!("`{}` is a directory", self.path)));
            }
            FileKind::Other => return Err(PlanError::new(format!("`{}` is no regular file", self.path))),
        };
        let ownership = self.wanted.over(now, false)?;
        let mut written = Written::default();
        written.describe(&ownership, now, host, self.content.bytes.len(), false);
        if let Some((now, old)) = now.zip(before.as_ref())
            && old.content.bytes == self.content.bytes
        {
            if !ownership.holds(now) {
                let set = SetMode { path: self.path.clone(), before: now.clone(), ownership };
                written.changes.push(Change::SetMode(set));
            }
            return Ok(written);
        }
        if validate.is_some() && host.facts.sandbox {
            return Err(PlanError::new("a sandbox runs no commands, and `validate` is one")
                .help("try this playbook on a host that is reached by ssh or `ansible_connection: local`"));
        }
        if self.backup
            && let Some(copy) = before.clone().and_then(|before| BackUp::new(&self.path, before))
        {
            written.result.insert("backup_file".to_owned(), copy.copy.as_str().into());
            written.changes.push(Change::BackUp(copy));
        }
        let (path, content) = (self.path.clone(), self.content.clone());
        let through = file.link.clone().filter(|_| self.follow);
        let write = WriteFile { path, before, content, ownership, validate, over_link, through };
        written.changes.push(Change::WriteFile(write));
        Ok(written)
    }
}

impl Written {
    /// Adds what is known of owner and permissions as they will be. What only the host knows, such as the number of a user,
    /// is added once it is there.
    pub fn describe(
        &mut self,
        ownership: &Ownership,
        now: Option<&Attributes>,
        host: &Host,
        size: usize,
        directory: bool,
    ) {
        let new = if directory { 0o755 } else { 0o644 };
        let mode = ownership.mode.or(now.map(|now| now.mode)).unwrap_or(Mode::new(new));
        let mut set = |name: &str, value: Value| self.result.insert(name.to_owned(), value);
        set("mode", mode.to_string().into());
        set("state", if directory { "directory" } else { "file" }.into());
        if let Some(size) = if directory { now.map(|now| now.size) } else { Some(size as u64) } {
            set("size", size.into());
        }
        let owner = now.map(|now| (now.owner.as_str(), Some(now.uid)));
        let user = host.facts.user.as_str();
        let owner = owner.unwrap_or((user, (user == "root").then_some(0)));
        let group = now.map(|now| (now.group.as_str(), Some(now.gid)));
        for (name, number, wanted, found) in
            [("owner", "uid", &ownership.owner, Some(owner)), ("group", "gid", &ownership.group, group)]
        {
            let (text, id) = account(wanted.as_ref(), found);
            if let Some(text) = text {
                set(name, text.into());
            }
            if let Some(id) = id {
                set(number, id.into());
            }
        }
    }

    /// Adds the checksums of a file's content.
    pub fn sum(&mut self, content: &Content) {
        if content.is_secret() {
            return;
        }
        let sum = |kind: Checksum| Value::from(kind.of(&content.bytes));
        self.result.insert("checksum".to_owned(), sum(Checksum::Sha1));
        self.result.insert("md5sum".to_owned(), sum(Checksum::Md5));
    }
}

/// The name and the number of an account as far as they are known.
fn account<'a>(
    wanted: Option<&'a Account>,
    found: Option<(&'a str, Option<u32>)>,
) -> (Option<&'a str>, Option<u32>) {
    let Some(wanted) = wanted.map(Account::as_str) else {
        return (found.map(|f| f.0), found.and_then(|f| f.1));
    };
    match found {
        Some((name, id)) if name == wanted || id.is_some_and(|id| id.to_string() == wanted) => {
            (Some(name), id)
        }
        _ => match wanted.parse() {
            Ok(id) => (None, Some(id)),
            Err(_) => (Some(wanted), None),
        },
    }
}

/// The path of `name` in a directory.
///
/// # Errors
/// [`PlanError`] where it is no path.
pub fn inside(directory: &HostPath, name: &str) -> Result<HostPath, PlanError> {
    HostPath::new(&format!("{directory}/{name}")).map_err(|error| PlanError::new(error.to_string()))
}

/// The directories above a path that are missing, the uppermost first.
pub fn missing_above(path: &HostPath) -> Probe<Vec<HostPath>> {
    let mut above = Vec::new();
    let mut at = path.parent();
    while let Some(directory) = at {
        at = directory.parent();
        above.push(Probe::ask(AskFile::stat(directory)));
    }
    Probe::all(above).map(|all| {
        let missing = all.into_iter().take_while(File::is_absent);
        let mut paths: Vec<_> = missing.map(|file| file.path).collect();
        paths.reverse();
        paths
    })
}
