//! What a pattern of paths finds on a host.

use serde::Serialize;

use super::change::Change;
use super::path::HostPath;

/// The paths that a pattern with `*`, `?` or `[…]` finds; none where nothing is there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskGlob {
    /// The pattern, from the root.
    pub pattern: HostPath,
}

impl AskGlob {
    /// Whether a path is a pattern.
    #[must_use]
    pub fn is_pattern(path: &str) -> bool {
        path.contains(['*', '?', '['])
    }

    /// Whether a change may bear on what it finds: it is about a path below the part that is no pattern.
    pub(super) fn depends_on(&self, change: &Change) -> bool {
        change.path().is_some_and(|path| self.may_find(path))
    }

    /// Whether a path is below the part that is no pattern.
    pub(super) fn may_find(&self, path: &HostPath) -> bool {
        let pattern = self.pattern.as_str();
        let fixed = pattern
            .find(['*', '?', '['])
            .and_then(|at| pattern[..at].rfind('/'))
            .map_or("/", |at| &pattern[..=at]);
        path.as_str().starts_with(fixed)
    }
}
