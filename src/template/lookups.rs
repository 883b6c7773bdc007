//! What templates ask the world outside for.

use std::path::PathBuf;

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

/// Answers lookups. What it returns is data: templates in it are never evaluated.
pub trait Lookups: Send + Sync {
    /// One value a term, or a sentence that says why not.
    ///
    /// # Errors
    /// The reason why a term has no value, as a lowercase fragment.
    fn lookup(&self, request: &Request<'_>) -> Result<Vec<Json>, String>;
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
