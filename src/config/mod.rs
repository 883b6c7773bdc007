//! `ansible.cfg` and the environment variables of the same settings: what of them concerns dtrctl.
//!
//! They are defaults, below the flags and the `DTRCTL_…` variables. What would change which hosts there are or what a
//! variable is, and is not done here, is refused; what else is not used is named.

mod file;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::yaml::{Problem, Problems, Source};
use file::Entry;

/// Where settings come from.
pub struct Surroundings<'a> {
    /// The environment.
    pub env: &'a dyn Fn(&str) -> Option<OsString>,
    /// The working directory.
    pub directory: &'a Path,
    /// Whether everyone may write to the working directory: a configuration in it is then passed over.
    pub writable_by_all: bool,
}

/// Defaults for the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The file that was read.
    pub path: Option<PathBuf>,
    /// `inventory`: as `-i`.
    pub inventory: Vec<String>,
    /// `remote_user`: as `-u`.
    pub remote_user: Option<String>,
    /// `private_key_file`: as `--private-key`.
    pub private_key_file: Option<PathBuf>,
    /// `vault_password_file`: as `--vault-password-file`.
    pub vault_password_file: Option<PathBuf>,
    /// `vault_identity_list`: as `--vault-id`, each.
    pub vault_ids: Vec<String>,
    /// `ask_vault_pass`: as `-J`.
    pub ask_vault_pass: bool,
    /// `become`: as `-b`.
    pub r#become: bool,
    /// `become_ask_pass`: as `-K`.
    pub ask_become_pass: bool,
    /// `become_password_file`: as `--become-password-file`.
    pub become_password_file: Option<PathBuf>,
    /// `forks`: as `-f`.
    pub forks: Option<u16>,
    /// `timeout`, in seconds: as `-T`.
    pub timeout: Option<u64>,
    /// `roles_path`: where roles are looked for after the playbook's own directory.
    pub roles_path: Vec<PathBuf>,
    /// What is said once: settings that are not used.
    pub notes: Vec<String>,
}

/// Settings without which hosts or variables would be others than the user expects.
const REFUSED: [(&str, &str, &str); 8] = [
    ("defaults", "precedence", "remove it: variables have Ansible's own order here"),
    ("defaults", "inventory_ignore_extensions", "move the files that are no inventories elsewhere"),
    ("defaults", "inventory_ignore_patterns", "move the files that are no inventories elsewhere"),
    ("inventory", "ignore_extensions", "move the files that are no inventories elsewhere"),
    ("inventory", "ignore_patterns", "move the files that are no inventories elsewhere"),
    ("defaults", "executable", "remove it: scripts run in the host's `sh`"),
    (
        "defaults",
        "vault_id_match",
        "remove it: a text is tried with the password of its label first, then with all",
    ),
    ("defaults", "playbook_vars_root", "remove it: variables beside the playbook are read"),
];

impl Config {
    /// Finds and reads the configuration, and what the environment says.
    ///
    /// # Errors
    /// The file cannot be read, a value is none, or a setting is refused; each at its place.
    pub fn load(surroundings: &Surroundings<'_>) -> Result<Self, Problems> {
        let mut config = Self::default();
        let mut problems = Problems::new();
        if let Some(path) = config.find(surroundings)
            && let Some(source) = problems.take(Source::read(&path))
        {
            config.path = Some(path);
            if let Some(entries) = problems.take(file::entries(&source)) {
                config.read(&entries, surroundings, &mut problems);
            }
        }
        config.environment(surroundings, &mut problems);
        problems.or(config)
    }

    /// The first that exists: of `ANSIBLE_CONFIG`, the working directory, the home directory and the system.
    fn find(&mut self, around: &Surroundings<'_>) -> Option<PathBuf> {
        let named =
            (around.env)("ANSIBLE_CONFIG").map(|path| around.path(&path.to_string_lossy(), around.directory));
        let named = named.map(|path| if path.is_dir() { path.join("ansible.cfg") } else { path });
        let here = around.directory.join("ansible.cfg");
        let home = (around.env)("HOME").map(|home| PathBuf::from(home).join(".ansible.cfg"));
        if let Some(path) = named.filter(|path| path.is_file()) {
            return Some(path);
        }
        if here.is_file() {
            if !around.writable_by_all {
                return Some(here);
            }
            self.notes.push(format!("`{}` is not read: everyone may write to its directory", here.display()));
        }
        home.into_iter().chain([PathBuf::from("/etc/ansible/ansible.cfg")]).find(|path| path.is_file())
    }

    fn read(&mut self, entries: &[Entry], around: &Surroundings<'_>, problems: &mut Problems) {
        let mut unused = Vec::new();
        for entry in entries {
            match self.take(entry, around) {
                Ok(true) => {}
                Ok(false) => unused.push(entry.key.as_str()),
                Err(problem) => problems.push(*problem),
            }
        }
        if let (false, Some(path)) = (unused.is_empty(), &self.path) {
            let names: Vec<String> = unused.iter().map(|name| format!("`{name}`")).collect();
            self.notes.push(format!("`{}`: not used by dtrctl: {}", path.display(), names.join(", ")));
        }
    }

    /// Takes over a setting; whether it is one that is used.
    fn take(&mut self, entry: &Entry, around: &Surroundings<'_>) -> Result<bool, Box<Problem>> {
        let directory = self.path.as_deref().and_then(Path::parent).unwrap_or(around.directory).to_owned();
        let path = || around.path(&entry.value, &directory);
        match (&*entry.section, &*entry.key) {
            ("defaults", "inventory") => {
                self.inventory =
                    split(&entry.value, ',').map(|item| around.inventory(item, &directory)).collect();
            }
            ("defaults", "remote_user") => self.remote_user = Some(entry.value.clone()),
            ("defaults", "private_key_file") => self.private_key_file = Some(path()),
            ("defaults", "vault_password_file") => self.vault_password_file = Some(path()),
            ("defaults", "vault_identity_list") => {
                self.vault_ids = split(&entry.value, ',').map(str::to_owned).collect();
            }
            ("defaults", "ask_vault_pass") => self.ask_vault_pass = entry.boolean()?,
            ("defaults", "roles_path") => {
                self.roles_path =
                    split(&entry.value, ':').map(|item| around.path(item, &directory)).collect();
            }
            ("defaults", "forks") => self.forks = Some(entry.number(u16::MAX)?),
            ("defaults" | "ssh_connection", "timeout") => {
                self.timeout = Some(entry.number(u16::MAX)?.into());
            }
            ("privilege_escalation", "become") => self.r#become = entry.boolean()?,
            ("privilege_escalation", "become_ask_pass") => self.ask_become_pass = entry.boolean()?,
            ("defaults", "become_password_file") => self.become_password_file = Some(path()),
            _ => return entry.refuse(),
        }
        Ok(true)
    }

    fn environment(&mut self, around: &Surroundings<'_>, problems: &mut Problems) {
        // Relative paths of the environment begin where dtrctl does.
        let file = self.path.take();
        for (name, section, key) in [
            ("ANSIBLE_INVENTORY", "defaults", "inventory"),
            ("ANSIBLE_REMOTE_USER", "defaults", "remote_user"),
            ("ANSIBLE_PRIVATE_KEY_FILE", "defaults", "private_key_file"),
            ("ANSIBLE_VAULT_PASSWORD_FILE", "defaults", "vault_password_file"),
            ("ANSIBLE_VAULT_IDENTITY_LIST", "defaults", "vault_identity_list"),
            ("ANSIBLE_ROLES_PATH", "defaults", "roles_path"),
            ("ANSIBLE_FORKS", "defaults", "forks"),
            ("ANSIBLE_TIMEOUT", "defaults", "timeout"),
            ("ANSIBLE_BECOME", "privilege_escalation", "become"),
            ("ANSIBLE_HASH_BEHAVIOUR", "defaults", "hash_behaviour"),
        ] {
            let Some(value) = (around.env)(name).filter(|value| !value.is_empty()) else { continue };
            let source = Source::new(name, value.to_string_lossy().into_owned());
            let at = source.place(0..source.text.len());
            let entry =
                Entry { section: section.into(), key: key.into(), value: source.text.to_string(), at };
            if let Err(problem) = self.take(&entry, around) {
                problems.push(*problem);
            }
        }
        self.path = file;
    }
}

impl Entry {
    fn boolean(&self) -> Result<bool, Box<Problem>> {
        match self.value.to_lowercase().as_str() {
            "yes" | "on" | "1" | "true" | "t" | "y" => Ok(true),
            "no" | "off" | "0" | "false" | "f" | "n" => Ok(false),
            _ => Err(Box::new(self.wrong("is neither true nor false"))),
        }
    }

    fn number(&self, most: u16) -> Result<u16, Box<Problem>> {
        let number = self.value.parse().ok().filter(|number| (1..=most).contains(number));
        number.ok_or_else(|| Box::new(self.wrong("is not a number that it can be")))
    }

    fn wrong(&self, what: &str) -> Problem {
        Problem::new(format!("`{}` {what}", self.key), self.at.clone())
    }

    /// A setting that is not used: refused where that would be dangerous.
    fn refuse(&self) -> Result<bool, Box<Problem>> {
        let refused = |help: &str| {
            let problem = Problem::new(format!("`{}` is not supported here", self.key), self.at.clone());
            Err(Box::new(problem.help(help)))
        };
        let is = |section: &str, key: &str| self.section == section && self.key == key;
        if let Some((_, _, help)) = REFUSED.iter().find(|(section, key, _)| is(section, key)) {
            return refused(help);
        }
        match (&*self.section, &*self.key, &*self.value) {
            ("defaults", "hash_behaviour", "merge") => refused(
                "dictionaries are replaced, not merged: use the filter `combine` where two have to be merged",
            ),
            ("privilege_escalation", "become_method", method) if method != "sudo" => {
                refused("only `sudo` is: remove it")
            }
            ("privilege_escalation", "become_user", user) if user != "root" => {
                refused("set `become_user` in the play, or `ansible_become_user` in the inventory")
            }
            _ => Ok(is("defaults", "hash_behaviour")
                || is("privilege_escalation", "become_method")
                || is("privilege_escalation", "become_user")),
        }
    }
}

impl Surroundings<'_> {
    /// A path as the settings write it: `~`, `$NAME` and `{{CWD}}` stand for what they name.
    fn path(&self, written: &str, below: &Path) -> PathBuf {
        let written = written.replace("{{CWD}}", &self.directory.to_string_lossy());
        let written = self.variables(&written);
        match (written.strip_prefix('~'), (self.env)("HOME")) {
            (Some(""), Some(home)) => PathBuf::from(home),
            (Some(rest), Some(home)) if rest.starts_with('/') => PathBuf::from(home).join(&rest[1..]),
            _ => below.join(written),
        }
    }

    fn variables(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let word = |text: &str| {
                text.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(text.len())
            };
            let (name, rest) = match part.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
                Some(found) => found,
                None => part.split_at(word(part)),
            };
            match (self.env)(name) {
                Some(value) if !name.is_empty() => out += &(value.to_string_lossy() + rest),
                _ => out += &format!("${part}"),
            }
        }
        out
    }

    fn inventory(&self, written: &str, below: &Path) -> String {
        self.path(written, below).to_string_lossy().into_owned()
    }
}

fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    text.split(at).map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests;
