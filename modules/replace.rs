//! `replace`: all that an expression matches in a file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Account, Host, HostPath, Module, Plan, PlanError, Probe, Touches, WantedMode};
use crate::lines::{self, Edit, Edited};
use crate::pyregex::{Flags, Pattern, RegexError, Replacement, Unmetered};
use crate::text_encoding::Encoding;
use crate::writing::{LEFT_OUT, Wanted};

/// Replaces all that a regular expression matches in a file. What it does not match stays as it is, line ends and bytes that
/// are no text among it.
///
/// `^` and `$` stand at each line; `.` does not match a line end, unless the expression begins with `(?s)`.
///
/// Registered: `path`, `msg` (`2 replacements made`), `rc` (0), `backup_file` where one was kept, `mode`, `owner`, `group`, `uid`,
/// `gid`, `size`, `state`.
///
/// Other than Ansible's: patterns with look-around (`(?=`) or references back (`\1` in `regexp`) are refused, as matching them
/// cannot be bounded in time; where `regexp` matches what it leaves behind, so that each run would change the file
/// again, the task is refused and nothing is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "it is Ansible's name")]
pub struct Replace {
    /// The file. Links are followed.
    path: HostPath,
    /// A regular expression of Python's.
    regexp: String,
    /// What takes the place of each match; `\1` and `\g<name>` are its groups. Default: nothing, which removes it.
    #[serde(default)]
    replace: Option<String>,
    /// Only what follows the first match of this expression is looked at. Default: all.
    #[serde(default)]
    after: Option<String>,
    /// Only what goes before a match of this expression is looked at. Default: all.
    #[serde(default)]
    before: Option<String>,
    /// The encoding of the file: `utf-8`, `latin-1` or `ascii`. Default: `utf-8`.
    #[serde(default)]
    encoding: Encoding,
    /// Whether a copy of the old file is kept beside it. Default: false.
    #[serde(default)]
    backup: bool,
    /// A command that has to accept the new file before it is in force; `%s` stands for it. It runs without a shell.
    #[serde(default)]
    validate: Option<String>,
    /// Permission bits: octal (`"0644"`) or symbolic (`u=rw,g=r,o=`). Default: those that the file has.
    #[serde(default)]
    mode: Option<WantedMode>,
    /// The owner. Default: the one that the file has.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: the one that the file has.
    #[serde(default)]
    group: Option<Account>,
}

impl Module for Replace {
    const NAME: &'static str = "replace";
    const EXAMPLE: &'static str = "- replace:\n    path: /etc/hosts\n    regexp: '\\bdtr\\.old\\.example\\.com\\b'\n    replace: dtr.example.com\n";
    const ALIASES: &'static [(&'static str, &'static str)] =
        &[("dest", "path"), ("destfile", "path"), ("name", "path")];
    const LEFT_OUT: &'static [(&'static str, &'static str)] = LEFT_OUT;
    const TOUCHES: Touches = Touches::Paths(&["path"]);
    type State = Edited;

    fn probe(&self, _host: &Host) -> Probe<Edited> {
        lines::probe(&self.path)
    }

    fn plan(&self, host: &Host, edited: Edited) -> Result<Plan, PlanError> {
        let Some(old) = lines::content(&edited.0)? else {
            return Err(PlanError::new(format!("`{}` does not exist", self.path))
                .help("make it first, with `copy` or `template`"));
        };
        if self.section(&self.encoding.decode(old)?)?.is_none() {
            let mut plan = Plan::default();
            plan.set("msg", "Pattern for before/after params did not match the given file");
            plan.set("rc", 0);
            return Ok(plan);
        }
        let edit = Edit {
            path: &self.path,
            wanted: Wanted { mode: self.mode.clone(), owner: self.owner.clone(), group: self.group.clone() },
            backup: self.backup,
            validate: self.validate.as_deref(),
        };
        let mut plan = edit.plan(host, &edited, |old| self.edited(old))?;
        plan.set("rc", 0);
        Ok(plan)
    }
}

impl Replace {
    fn edited(&self, old: &[u8]) -> Result<(Vec<u8>, String), PlanError> {
        let text = self.encoding.decode(old)?;
        let Some(section) = self.section(&text)? else { return Ok((old.to_vec(), String::new())) };
        let (new, count) = self.replaced(&text[section.clone()])?;
        let new = [&text[..section.start], &new, &text[section.end..]].concat();
        Ok((self.encoding.encode(&new)?, format!("{count} replacements made")))
    }

    /// The part of the text that is looked at; none where `after` and `before` do not match.
    fn section(&self, text: &str) -> Result<Option<std::ops::Range<usize>>, PlanError> {
        let filled = |part: &Option<String>| part.clone().filter(|part| !part.is_empty());
        let source = match (filled(&self.after), filled(&self.before)) {
            (None, None) => return Ok(Some(0..text.len())),
            (Some(after), Some(before)) => format!("{after}(?P<subsection>.*?){before}"),
            (Some(after), None) => format!("{after}(?P<subsection>.*)"),
            (None, Some(before)) => format!("(?P<subsection>.*){before}"),
        };
        let wrong = |error: RegexError| PlanError::new(format!("`after` or `before`: {error}"));
        let flags = Flags { dot_all: true, ..Flags::default() };
        let pattern = Pattern::new(&source, flags).map_err(wrong)?;
        let found = pattern.search(text, &Unmetered).map_err(wrong)?;
        let group = pattern.group("\\g<subsection>").map_err(wrong)?;
        let part = found.and_then(|groups| groups.get(group).copied().flatten());
        Ok(part.map(|part| {
            let start = part.as_ptr() as usize - text.as_ptr() as usize;
            start..start + part.len()
        }))
    }

    /// A section with everything replaced, and how often.
    fn replaced(&self, section: &str) -> Result<(String, usize), PlanError> {
        let wrong =
            |name: &'static str| move |error: RegexError| PlanError::new(format!("`{name}`: {error}"));
        let flags = Flags { multiline: true, ..Flags::default() };
        let pattern = Pattern::new(&self.regexp, flags).map_err(wrong("regexp"))?;
        let text = self.replace.as_deref().unwrap_or_default();
        let replacement = Replacement::new(text, &pattern).map_err(wrong("replace"))?;
        pattern.replace(section, &replacement, 0, &Unmetered).map_err(wrong("regexp"))
    }
}
