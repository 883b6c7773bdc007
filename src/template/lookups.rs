//! What templates ask the world outside for.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

/// The lookups that are passed on.
pub(super) const KNOWN: [&str; 4] = ["file", "env", "pipe", "password"];

/// One use of `lookup('plugin', terms…, options…)`.
#[derive(Debug)]
pub struct Request<'r> {
    /// `file`, `env`, `pipe` or `password`.
    pub plugin: &'static str,
    /// The terms, rendered.
    pub terms: &'r [Json],
    /// The options by name; `wantlist` and `errors` have been dealt with.
    pub options: &'r Map<String, Json>,
    /// Where files are looked for, in this order.
    pub directories: &'r [PathBuf],
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
