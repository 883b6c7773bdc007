//! `blockinfile`: lines between two markers of a file.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::{Account, Host, HostPath, Module, Plan, PlanError, Probe, Touches, WantedMode};
use crate::lines::{self, Edit, Edited, by_any_end};
use crate::pyregex::{BytePattern, Numbered, RegexError, Replacement};
use crate::writing::{LEFT_OUT, Wanted};

/// Sees to it that a block of lines stands between two marker lines of a file, or that neither is there. All other lines,
/// their ends and bytes that are no text stay as they are.
///
/// Registered: `path`, `msg` (`File created`, `Block inserted`, `Block removed`), `backup_file` where one was kept, `mode`,
/// `owner`, `group`, `uid`, `gid`, `size`, `state`.
///
/// Other than Ansible's: patterns with look-around (`(?=`) or references back are refused, as matching them cannot be bounded in
/// time; the name of a backup holds a digest, not the time, so that a plan can show it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument of Ansible's")]
pub struct BlockInFile {
    /// The file. Links are followed.
    path: HostPath,
    /// Whether the block shall be there. Default: `present`.
    #[serde(default)]
    state: Presence,
    /// The lines. Default: none, which removes the block.
    #[serde(default)]
    block: Option<String>,
    /// The marker lines; `{mark}` stands for `marker_begin` and `marker_end`. Default: `# {mark} ANSIBLE MANAGED BLOCK`.
    #[serde(default = "marker")]
    marker: String,
    /// What `{mark}` is in the line before the block. Default: `BEGIN`.
    #[serde(default = "begin")]
    marker_begin: String,
    /// What `{mark}` is in the line after the block. Default: `END`.
    #[serde(default = "end")]
    marker_end: String,
    /// After what a new block is inserted: the last line that this regular expression of Python's matches, or `EOF`.
    /// Default: `EOF`.
    #[serde(default)]
    insertafter: Option<String>,
    /// Before what a new block is inserted: the last line that this expression matches, or `BOF`.
    #[serde(default)]
    insertbefore: Option<String>,
    /// Whether an empty line follows the block where another line does. Default: false.
    #[serde(default)]
    append_newline: bool,
    /// Whether an empty line goes before the block where another line does. Default: false.
    #[serde(default)]
    prepend_newline: bool,
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

fn marker() -> String {
    "# {mark} ANSIBLE MANAGED BLOCK".to_owned()
}

fn begin() -> String {
    "BEGIN".to_owned()
}

fn end() -> String {
    "END".to_owned()
}

impl Module for BlockInFile {
    const NAME: &'static str = "blockinfile";
    const EXAMPLE: &'static str = "- blockinfile:\n    path: /etc/hosts\n    marker: \"# {mark} registries\"\n    block: |\n      192.0.2.7 dtr.example.com\n      192.0.2.8 cache.example.com\n";
    const ALIASES: &'static [(&'static str, &'static str)] =
        &[("dest", "path"), ("destfile", "path"), ("name", "path"), ("content", "block")];
    const LEFT_OUT: &'static [(&'static str, &'static str)] = LEFT_OUT;
    const TOUCHES: Touches = Touches::Paths(&["path"]);
    type State = Edited;

    fn probe(&self, _host: &Host) -> Probe<Edited> {
        lines::probe(&self.path)
    }

    fn plan(&self, host: &Host, edited: Edited) -> Result<Plan, PlanError> {
        if self.insertafter.is_some() && self.insertbefore.is_some() {
            return Err(PlanError::new("give one of `insertafter` and `insertbefore`, not both"));
        }
        let old = lines::content(&edited.0)?;
        if old.is_none() && !self.create {
            return Err(lines::missing(&self.path));
        }
        let present = self.state == Presence::Present;
        if old.is_none() && !present {
            let mut plan = Plan::default();
            plan.set("msg", format!("File {} not present", self.path));
            return Ok(plan);
        }
        let block = self.block()?;
        let message = match (old, &block.lines[..]) {
            (None, _) => "File created",
            (_, []) => "Block removed",
            _ => "Block inserted",
        };
        let edit = Edit {
            path: &self.path,
            wanted: Wanted { mode: self.mode.clone(), owner: self.owner.clone(), group: self.group.clone() },
            backup: self.backup,
            validate: self.validate.as_deref(),
        };
        edit.plan(host, &edited, |old| Ok((block.put_into(old), message.to_owned())))
    }
}

/// A pattern without groups.
struct NoGroups;

impl Numbered for NoGroups {
    fn group_number(&self, name: &str) -> Result<usize, RegexError> {
        Err(RegexError(format!("the marker has no group `{name}`")))
    }
}

/// The lines with their markers, and where they go.
struct Block {
    markers: [Vec<u8>; 2],
    /// The markers and what is between them; none for a block that is to go.
    lines: Vec<Vec<u8>>,
    place: Place,
    /// Whether empty lines go before and after it.
    apart: [bool; 2],
}

enum Place {
    Start,
    End,
    After(BytePattern),
    Before(BytePattern),
}

impl BlockInFile {
    fn block(&self) -> Result<Block, PlanError> {
        let marker = |mark: &str| {
            let mark = Replacement::new(mark, &NoGroups)
                .map_err(|error| PlanError::new(format!("`marker_begin` or `marker_end`: {error}")))?;
            Ok((self.marker.replace("{mark}", &mark.plain()) + "\n").into_bytes())
        };
        let markers: [Vec<u8>; 2] = [marker(&self.marker_begin)?, marker(&self.marker_end)?];
        let present = self.state == Presence::Present;
        let mut lines = Vec::new();
        if let Some(block) = self.block.as_ref().filter(|block| present && !block.is_empty()) {
            let end = if block.ends_with('\n') { "" } else { "\n" };
            lines.push(markers[0].clone());
            lines.extend(by_any_end(format!("{block}{end}").as_bytes()));
            lines.push(markers[1].clone());
        }
        let pattern = |name: &str, text: &str| {
            BytePattern::new(text).map_err(|error| PlanError::new(format!("`{name}`: {error}")))
        };
        let place = match (self.insertafter.as_deref(), self.insertbefore.as_deref()) {
            (None, Some("BOF")) => Place::Start,
            (None, Some(before)) => Place::Before(pattern("insertbefore", before)?),
            (None | Some("EOF"), _) => Place::End,
            (Some(after), _) => Place::After(pattern("insertafter", after)?),
        };
        let apart = [self.prepend_newline && present, self.append_newline && present];
        Ok(Block { markers, lines, place, apart })
    }
}

impl Block {
    fn put_into(&self, old: &[u8]) -> Vec<u8> {
        let mut lines = by_any_end(old);
        let last = |marker: &Vec<u8>| lines.iter().rposition(|line| line == marker);
        let mut at = match (last(&self.markers[0]), last(&self.markers[1])) {
            (Some(first), Some(last)) => {
                let (first, last) = (first.min(last), first.max(last));
                lines.drain(first..=last);
                first
            }
            _ => self.place(old, &lines),
        };
        if at > 0 && !lines[at - 1].ends_with(b"\n") {
            lines[at - 1].push(b'\n');
        }
        let empty = b"\n".to_vec();
        if self.apart[0] && at > 0 && lines[at - 1] != empty {
            lines.insert(at, empty.clone());
            at += 1;
        }
        lines.splice(at..at, self.lines.iter().cloned());
        let after = at + self.lines.len();
        if self.apart[1] && after < lines.len() && lines[after] != empty {
            lines.insert(after, empty);
        }
        lines.concat()
    }

    /// Before which line a new block goes.
    fn place(&self, old: &[u8], lines: &[Vec<u8>]) -> usize {
        let (pattern, after) = match &self.place {
            Place::Start => return 0,
            Place::End => return lines.len(),
            Place::After(pattern) => (pattern, 1),
            Place::Before(pattern) => (pattern, 0),
        };
        let found = if pattern.is_multiline() {
            let edge = |range: std::ops::Range<usize>| if after == 1 { range.end } else { range.start };
            let found = pattern.search(old).map(|found| edge(found.range()));
            found.map(|end| old[..end].split(|byte| *byte == b'\n').count() - 1)
        } else {
            lines.iter().rposition(|line| pattern.search(line).is_some())
        };
        found.map_or(lines.len(), |at| (at + after).min(lines.len()))
    }
}
