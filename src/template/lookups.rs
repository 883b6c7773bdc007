//! What templates ask the world outside for.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

/// The lookups that are passed on.
pub(super) const KNOWN: [&str; 8] =
    ["file", "env", "pipe", "lines", "password", "fileglob", "first_found", "inventory_hostnames"];

/// Lookups that Ansible has and this tool leaves out, with what to do instead.
pub(super) const LEFT_OUT: [(&str, &str); 8] = [
    ("url", "use the module `uri` and its result"),
    ("csvfile", "keep the values in a file of variables, and read it with `include_vars`"),
    ("ini", "keep the values in a file of variables, and read it with `include_vars`"),
    ("config", "pass the value with `-e`"),
    ("unvault", "use `file` on a plain file, or keep the secret in a vaulted variable"),
    ("random_choice", "choose with `random(seed=…)`: a run must plan what it applies"),
    ("flattened", "use `loop` with the filter `flatten`"),
    ("cartesian", "use `nested`"),
];

/// One use of `lookup('plugin', terms…, options…)`.
#[derive(Debug)]
pub struct Request<'r> {
    /// One of the lookups that are passed on, such as `file`.
    pub plugin: &'static str,
    /// The terms, rendered.
    pub terms: &'r [Json],
    /// The options by name; `wantlist` and `errors` have been dealt with.
    pub options: &'r Map<String, Json>,
    /// Where files are looked for, in this order.
    pub directories: &'r [PathBuf],
}

/// A question on a path of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// Whether there is something, behind links.
    Exists,
    /// Whether there is something, a broken link among others.
    LinkExists,
    /// Whether it is a file.
    IsFile,
    /// Whether it is a directory.
    IsDirectory,
    /// Whether it is a link.
    IsLink,
    /// Whether a file system is mounted there.
    IsMount,
    /// The path without links.
    RealPath,
    /// The path with `~` written out.
    ExpandUser,
    /// The text with `$NAME` written out.
    ExpandVars,
    /// The files that a shell pattern matches.
    Glob,
}

impl Local {
    /// The name of the test or filter.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exists => "exists",
            Self::LinkExists => "link_exists",
            Self::IsFile => "file",
            Self::IsDirectory => "directory",
            Self::IsLink => "link",
            Self::IsMount => "mount",
            Self::RealPath => "realpath",
            Self::ExpandUser => "expanduser",
            Self::ExpandVars => "expandvars",
            Self::Glob => "fileglob",
        }
    }
}

/// The text of a template file, and where it lies.
#[derive(Debug, Clone)]
pub struct TemplateFile {
    /// What it holds.
    pub text: String,
    /// Its directory, where what it includes is looked for, too.
    pub directory: Option<PathBuf>,
}

/// Answers lookups. What it returns is data: templates in it are never evaluated.
pub trait Lookups: Send + Sync {
    /// One value a term, or a sentence that says why not.
    ///
    /// # Errors
    /// The reason why a term has no value, as a lowercase fragment.
    fn lookup(&self, request: &Request<'_>) -> Result<Vec<Json>, String>;

    /// What is so on this machine, for tests such as `is file` and filters such as `realpath`.
    ///
    /// # Errors
    /// The reason why there is no answer, as a lowercase fragment.
    fn local(&self, question: Local, _path: &str) -> Result<Json, String> {
        Err(format!("`{}` cannot be used here", question.name()))
    }

    /// The template file of a name, below `templates/` of one of the directories, or beside the file that asks for it; none
    /// if there is none.
    ///
    /// # Errors
    /// The reason why it cannot be read, as a lowercase fragment.
    fn template(
        &self,
        name: &str,
        _directories: &[PathBuf],
        _beside: Option<&Path>,
    ) -> Result<Option<TemplateFile>, String> {
        Err(format!("the template `{name}` cannot be used here"))
    }

    /// The template file that `lookup('template', …)` names: a path, which may be absolute or have `..`; none if there is none.
    ///
    /// # Errors
    /// The reason why it cannot be read, as a lowercase fragment.
    fn template_at(&self, path: &str, directories: &[PathBuf]) -> Result<Option<TemplateFile>, String> {
        self.template(path, directories, None)
    }
}

/// Refuses every lookup: for places where nothing outside may be asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLookups;

impl Lookups for NoLookups {
    fn lookup(&self, request: &Request<'_>) -> Result<Vec<Json>, String> {
        Err(format!("the lookup `{}` cannot be used here", request.plugin))
    }
}

/// Reads YAML text for `from_yaml`; the error is a sentence.
pub type YamlReader = fn(&str) -> Result<Json, String>;
