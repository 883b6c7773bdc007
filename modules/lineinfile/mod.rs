//! `lineinfile`: one line of a file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Account, Host, HostPath, Module, Plan, PlanError, Probe, Touches, WantedMode};
use crate::lines::{self, Edit, Edited};
use crate::writing::{LEFT_OUT, Wanted};
use edit::{Insert, Lines, Search};

mod edit;

/// Sees to it that a line is in a file, or is not. All other lines, their ends and bytes that are no text stay as they are.
///
/// With `regexp` or `search_string`, the last line that matches is replaced; where none matches, or neither is given, `line`
/// is inserted unless it is there already. A pattern is searched in each line by itself, in bytes, as Ansible does.
///
/// Registered: `path`, `msg` (`line added`, `line replaced`, `2 line(s) removed`), `found` with `state: absent`, `backup`,
/// `mode`, `owner`, `group`, `uid`, `gid`, `size`, `state`.
///
/// Other than Ansible's: a task that would change the file again in each run, as with `backrefs` and an expression that matches
/// what it leaves behind, is refused; a line that is inserted after a last line without an end begins a line of its own; patterns with look-around (`(?=`) or references back (`\1` in `regexp`) are refused, as matching them
/// cannot be bounded in time; the name of a backup holds a digest, not the time, so that a plan can show it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of Ansible's")]
pub struct LineInFile {
    /// The file. Links are followed.
    path: HostPath,
    /// Whether the line shall be there. Default: `present`.
    #[serde(default)]
    state: Presence,
    /// The line, without its end. Needed with `state: present`; with `backrefs` it may name groups of `regexp` (`\1`).
    #[serde(default)]
    line: Option<String>,
    /// A regular expression of Python's: the last line that it matches is replaced, and with `state: absent` all that it
    /// matches are removed.
    #[serde(default)]
    regexp: Option<String>,
    /// The same with a text that the line holds. Give one of them.
    #[serde(default)]
    search_string: Option<String>,
    /// After what a new line is inserted: the last line that this expression matches, `EOF` or `BOF`. Default: `EOF`.
    #[serde(default)]
    insertafter: Option<String>,
    /// Before what a new line is inserted: the last line that this expression matches, or `BOF`.
    #[serde(default)]
    insertbefore: Option<String>,
    /// Whether `line` refers to groups of `regexp`; where nothing matches, the file is then left alone. Default: false.
    #[serde(default)]
    backrefs: bool,
    /// Whether the first line that matches counts instead of the last. Default: false.
    #[serde(default)]
    firstmatch: bool,
    /// Whether a file that is missing is made, with the directories above it. Default: false.
    #[serde(default)]
    create: bool,
    /// Whether a copy of the old file is kept beside it. Default: false.
    #[serde(default)]
    backup: bool,
    /// A command that has to accept the new file before it is in force; `%s` stands for it. It runs without a shell.
    #[serde(default)]
    validate: Option<String>,
    /// Permission bits: octal (`"0644"`) or symbolic (`u=rw,g=r,o=`). Default: those that the file has, 0644 for a new one.
    #[serde(default)]
    mode: Option<WantedMode>,
    /// The owner. Default: the one that the file has, the running user for a new one.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: the one that the file has, the running user's for a new one.
    #[serde(default)]
    group: Option<Account>,
}

/// Whether something shall be there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It is there.
    #[default]
    Present,
    /// It is not there.
    Absent,
}

impl Module for LineInFile {
    const NAME: &'static str = "lineinfile";
    const EXAMPLE: &'static str = "- lineinfile:\n    path: /etc/default/docker\n    regexp: '^DOCKER_OPTS='\n    line: DOCKER_OPTS=\"--debug\"\n    create: true\n";
    const ALIASES: &'static [(&'static str, &'static str)] =
        &[("dest", "path"), ("destfile", "path"), ("name", "path"), ("regex", "regexp"), ("value", "line")];
    const LEFT_OUT: &'static [(&'static str, &'static str)] = LEFT_OUT;
    const TOUCHES: Touches = Touches::Paths(&["path"]);
    type State = Edited;

    fn probe(&self, _host: &Host) -> Probe<Edited> {
        lines::probe(&self.path)
    }

    fn plan(&self, host: &Host, edited: Edited) -> Result<Plan, PlanError> {
        self.check()?;
        let old = lines::content(&edited.0)?;
        if old.is_none() && self.state == Presence::Absent {
            let mut plan = Plan::default();
            plan.set("msg", "file not present");
            return Ok(plan);
        }
        if old.is_none() && !self.create {
            return Err(lines::missing(&self.path));
        }
        // Where nothing matches, a file that is missing is not made.
        if old.is_none() && self.edited(&[])?.0.is_empty() {
            return Ok(Plan::default());
        }
        let edit = Edit {
            path: &self.path,
            wanted: Wanted { mode: self.mode.clone(), owner: self.owner.clone(), group: self.group.clone() },
            backup: self.backup,
            validate: self.validate.as_deref(),
        };
        let mut plan = edit.plan(host, &edited, |old| self.edited(old))?;
        let backup = plan.result.get("backup_file").cloned().unwrap_or_else(|| "".into());
        plan.set("backup", backup);
        if let (Presence::Absent, Some(old)) = (self.state, old) {
            plan.set("found", self.lines(old).map(|(mut lines, search)| self.remove(&mut lines, &search))?);
        }
        if let Some((empty, what)) = self.matches_all() {
            plan.warn(format!("`{empty}` is empty and matches every line of the file; {what}"));
        }
        Ok(plan)
    }
}

impl LineInFile {
    fn lines(&self, old: &[u8]) -> Result<(Lines, Search), PlanError> {
        Ok((Lines::new(old), Search::new(self.regexp.as_deref(), self.search_string.as_deref())?))
    }

    fn edited(&self, old: &[u8]) -> Result<(Vec<u8>, String), PlanError> {
        let (mut lines, search) = self.lines(old)?;
        let message = if self.state == Presence::Absent {
            format!("{} line(s) removed", self.remove(&mut lines, &search))
        } else {
            self.present(&mut lines, &search)?.to_owned()
        };
        Ok((lines.joined(), message))
    }

    fn remove(&self, lines: &mut Lines, search: &Search) -> usize {
        lines.remove(search, self.line.as_deref())
    }

    fn present(&self, lines: &mut Lines, search: &Search) -> Result<&'static str, PlanError> {
        let line = self.line.as_deref().unwrap_or_default();
        let insert = Insert::new(self.insertafter.as_deref(), self.insertbefore.as_deref())?;
        lines.ensure(line, search, &insert, self.backrefs, self.firstmatch)
    }

    /// Whether the arguments go together.
    fn check(&self) -> Result<(), PlanError> {
        let both = |a: bool, b: bool, names: &str| {
            if a && b { Err(PlanError::new(format!("give one of {names}, not both"))) } else { Ok(()) }
        };
        both(self.insertafter.is_some(), self.insertbefore.is_some(), "`insertafter` and `insertbefore`")?;
        both(self.regexp.is_some(), self.search_string.is_some(), "`regexp` and `search_string`")?;
        both(self.backrefs, self.search_string.is_some(), "`backrefs` and `search_string`")?;
        match self.state {
            Presence::Present if self.backrefs && self.regexp.is_none() => {
                Err(PlanError::new("`backrefs` needs `regexp`, whose groups `line` refers to"))
            }
            Presence::Present if self.line.is_none() => {
                Err(PlanError::new("`line` is needed with `state: present`"))
            }
            Presence::Absent if (&self.regexp, &self.search_string, &self.line) == (&None, &None, &None) => {
                Err(PlanError::new(
                    "one of `line`, `search_string` and `regexp` is needed with `state: absent`",
                ))
            }
            _ => Ok(()),
        }
    }

    /// The pattern that is empty.
    fn matches_all(&self) -> Option<(&'static str, &'static str)> {
        if self.regexp.as_deref() == Some("") {
            return Some(("regexp", "write `^` where that is meant"));
        }
        (self.search_string.as_deref() == Some("")).then_some(("search_string", "is that meant?"))
    }
}
