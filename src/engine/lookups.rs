//! The lookups of templates: `file` and `env`. What they give is data, never a template.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::template::{Lookups, Request};

/// Lookups on the controller.
pub struct ControllerLookups {
    /// Where relative paths begin.
    pub directory: PathBuf,
}

impl Lookups for ControllerLookups {
    fn lookup(&self, request: &Request<'_>) -> Result<Vec<Json>, String> {
        let text = |term: &Json| term.as_str().map_or_else(|| term.to_string(), str::to_owned);
        let one = |term: &Json| match request.plugin {
            "file" => self.file(&text(term)),
            "env" => Ok(std::env::var(text(term)).unwrap_or_default()),
            other => Err(format!("the lookup `{other}` is not supported yet; read a file with `file`")),
        };
        request.terms.iter().map(|term| one(term).map(Json::from)).collect()
    }
}

impl ControllerLookups {
    fn file(&self, path: &str) -> Result<String, String> {
        const LIMIT: u64 = 1 << 20;
        let path = self.directory.join(path);
        let error = |error: std::io::Error| format!("`{}` cannot be read: {error}", path.display());
        if std::fs::metadata(&path).map_err(error)?.len() > LIMIT {
            return Err(format!("`{}` has more than the {LIMIT} bytes that are read", path.display()));
        }
        let bytes = crate::vault::read_file(&path).map_err(|why| format!("`{}` {why}", path.display()))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("`{}` is not UTF-8", path.display()))?;
        Ok(text.trim_end_matches('\n').to_owned())
    }
}
