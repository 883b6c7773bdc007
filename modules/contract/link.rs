//! Links, times and copies kept aside: changes about a path itself, not what a file holds.

use serde::Serialize;

use super::change::Before;
use super::path::HostPath;
use super::text::Call;

/// Makes a link, in one step also where something stands in its place; refused where that is no longer as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MakeLink {
    /// Where.
    pub path: HostPath,
    /// Where it leads: any text, or the path of the file that gets a second name.
    pub target: String,
    /// Whether it is a second name of a file instead of a link.
    pub hard: bool,
    /// What stands there.
    pub before: Replaced,
}

/// What a link takes the place of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Replaced {
    /// Nothing.
    Nothing,
    /// A link that leads there.
    Link(String),
    /// An empty directory.
    Directory,
    /// A file.
    File(Before),
}

/// Removes a link; refused where it leads elsewhere than it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RemoveLink {
    /// Where.
    pub path: HostPath,
    /// Where it leads.
    pub target: String,
}

/// Keeps a copy of a file, with its owner and permissions, before it is changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackUp {
    /// The file.
    pub path: HostPath,
    /// The copy.
    pub copy: HostPath,
    /// The file as it is; the write that follows shows it.
    #[serde(skip)]
    pub before: Before,
}

impl BackUp {
    /// The copy of a file stands beside it; the name holds the content's digest, so that it is known before, and no content
    /// is kept twice.
    #[must_use]
    pub fn new(path: &HostPath, before: Before) -> Option<Self> {
        let copy = HostPath::new(&format!("{path}.{}~", &before.content.digest()[..16])).ok()?;
        Some(Self { path: path.clone(), copy, before })
    }

    pub(super) fn call(&self) -> Call {
        Call::new("do_back_up").path(&self.path).word(self.before.content.digest()).path(&self.copy)
    }
}

/// Sets the times of what is there to now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Touch {
    /// Where; links are followed.
    pub path: HostPath,
    /// Whether that of the last access is set.
    pub access: bool,
    /// Whether that of the last modification is set.
    pub modification: bool,
}

impl MakeLink {
    pub(super) fn call(&self) -> Call {
        let (what, led) = match &self.before {
            Replaced::Nothing => ("absent".to_owned(), ""),
            Replaced::Link(target) => ("link".to_owned(), target.as_str()),
            Replaced::Directory => ("dir".to_owned(), ""),
            Replaced::File(before) => (before.content.digest(), ""),
        };
        Call::new("do_make_link")
            .path(&self.path)
            .word(if self.hard { "hard" } else { "soft" })
            .word(&self.target)
            .word(what)
            .word(led)
    }

    pub(super) fn summary(&self) -> String {
        let Self { path, target, .. } = self;
        let place = match &self.before {
            Replaced::Nothing => String::new(),
            Replaced::Link(old) => format!(", instead of a link to {old}"),
            Replaced::Directory => ", in the place of an empty directory".to_owned(),
            Replaced::File(_) => ", in the place of a file".to_owned(),
        };
        if self.hard {
            format!("make {path} a second name of {target}{place}")
        } else {
            format!("make {path} a link to {target}{place}")
        }
    }
}

impl RemoveLink {
    pub(super) fn call(&self) -> Call {
        Call::new("do_remove_link").path(&self.path).word(&self.target)
    }
}

impl Touch {
    pub(super) fn call(&self) -> Call {
        let which = match (self.access, self.modification) {
            (true, false) => "access",
            (false, true) => "modification",
            _ => "both",
        };
        Call::new("do_touch").path(&self.path).word(which)
    }

    pub(super) fn summary(&self) -> String {
        let which = match (self.access, self.modification) {
            (true, false) => "time of access",
            (false, true) => "time of modification",
            _ => "times",
        };
        format!("set the {which} of {} to now", self.path)
    }
}
