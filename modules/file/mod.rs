//! `file`: files, directories and links, without what files hold.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::arguments::yes;
use crate::contract::{
    Account, Host, HostPath, Module, Ownership, Plan, PlanError, Probe, Touches, WantedMode,
};
use crate::writing::{LEFT_OUT, Wanted, Written};
use found::{Doomed, Found, Kind};
use link::{Ends, Link};
use present::{Present, Wish};

mod absent;
mod found;
mod link;
mod present;

/// Makes a directory, a link or an empty file, sets owner and permissions of what is there, or removes it.
///
/// Registered: `path` (`dest`, too, for links and `touch`), `state`, `mode`, `owner`, `group`, `uid`, `gid`, `size`, `src`.
///
/// Other than Ansible's: a directory is removed with what is below it only as long as that is what the plan has shown, never one
/// that a system needs such as `/etc`, and never across what is mounted in it. Owner and permissions of a link itself are not
/// set; with `recurse` links are passed over. Times are set to `now` or preserved, not to others.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileState {
    /// Where on the host.
    path: HostPath,
    /// What shall be there. Default: what is there already, with `recurse` a directory.
    #[serde(default)]
    state: Option<State>,
    /// Where a link leads: any path, a relative one from the link's directory. Of a hard link the file that gets a second name.
    #[serde(default)]
    src: Option<String>,
    /// Permission bits: octal (`"0644"`) or symbolic (`u=rwX,g=rX`). Default: those that it has, 0755 for a new directory,
    /// 0644 for a new file.
    #[serde(default)]
    mode: Option<WantedMode>,
    /// The owner. Default: the one that it has, the running user for what is new.
    #[serde(default)]
    owner: Option<Account>,
    /// The group. Default: the one that it has, the running user's for what is new.
    #[serde(default)]
    group: Option<Account>,
    /// Whether owner and permissions are set on all that is below a directory, too. Default: false.
    #[serde(default)]
    recurse: bool,
    /// Whether a link that is there is followed. Default: true.
    #[serde(default = "yes")]
    follow: bool,
    /// Whether a link takes the place of a file or an empty directory, and may lead nowhere. Default: false.
    #[serde(default)]
    force: bool,
    /// What becomes of the time of the last access. Default: `preserve`, with `touch` `now`.
    #[serde(default)]
    access_time: Option<Time>,
    /// What becomes of the time of the last modification. Default: `preserve`, with `touch` `now`.
    #[serde(default)]
    modification_time: Option<Time>,
}

/// What shall be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A file that exists already; only owner and permissions are set.
    File,
    /// A directory, made with those above it where it is missing.
    Directory,
    /// Nothing. A directory is removed with all that is below it.
    Absent,
    /// A link to `src`.
    Link,
    /// A second name of the file `src`.
    Hard,
    /// A file, made empty where it is missing; otherwise its times are set to now, in each run anew.
    Touch,
}

/// What becomes of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Time {
    /// It stays.
    Preserve,
    /// It is set to now, in each run anew.
    Now,
}

/// What is found.
pub enum Seen {
    /// What is to be removed.
    Doomed(Doomed),
    /// What a link is made of.
    Link(Box<Ends>, State),
    /// A file or directory.
    Present(Present, State),
}

impl Module for FileState {
    const NAME: &'static str = "file";
    const EXAMPLE: &'static str =
        "- file:\n    path: /etc/docker/certs.d\n    state: directory\n    mode: \"0755\"\n";
    const ALIASES: &'static [(&'static str, &'static str)] = &[("dest", "path"), ("name", "path")];
    const LEFT_OUT: &'static [(&'static str, &'static str)] = &[
        ("access_time_format", TIMES),
        ("modification_time_format", TIMES),
        LEFT_OUT[0],
        LEFT_OUT[1],
        LEFT_OUT[2],
        LEFT_OUT[3],
        LEFT_OUT[4],
        LEFT_OUT[5],
        LEFT_OUT[6],
    ];
    const TOUCHES: Touches = Touches::Paths(&["path"]);
    type State = Seen;

    fn probe(&self, _host: &Host) -> Probe<Seen> {
        let Some(state) = self.state else {
            // What is there says what it is.
            let (path, recurse, follow) = (self.path.clone(), self.recurse, self.follow);
            return found::at(&self.path, false).and_then(move |found| {
                let state = match found.kind {
                    Kind::Directory(_) => State::Directory,
                    Kind::Nothing if recurse => State::Directory,
                    Kind::Link(_) => State::Link,
                    _ => State::File,
                };
                seen(&path, state, None, recurse, follow)
            });
        };
        seen(&self.path, state, self.src.as_deref(), self.recurse, self.follow)
    }

    fn plan(&self, host: &Host, seen: Seen) -> Result<Plan, PlanError> {
        self.check()?;
        match seen {
            Seen::Doomed(doomed) => {
                let mut plan = Plan::new(absent::changes(&self.path, doomed)?);
                plan.set("path", self.path.as_str());
                plan.set("state", "absent");
                Ok(plan)
            }
            Seen::Link(ends, state) => {
                let changes = self.link(state == State::Hard).changes(&ends)?;
                let mut written = Written::default();
                if let Some(own) = ends.at.own.as_ref().filter(|_| changes.is_empty()) {
                    let size = usize::try_from(own.size).unwrap_or(usize::MAX);
                    written.describe(&Ownership::default(), Some(own), host, size, false);
                }
                let mut plan = Plan::new(changes);
                plan.result = written.result;
                plan.set("dest", self.path.as_str());
                plan.set("state", if state == State::Hard { "hard" } else { "link" });
                if let Some(src) = &self.src {
                    plan.set("src", src.as_str());
                }
                Ok(plan)
            }
            Seen::Present(_, State::File) if self.recurse => {
                Err(PlanError::new("`recurse` needs `state: directory`"))
            }
            Seen::Present(present, state) => self.present(host, &present, state),
        }
    }
}

const TIMES: &str = "times are set to `now` or preserved; use `command` with `touch -d` for others";

/// What is asked for a state.
fn seen(path: &HostPath, state: State, src: Option<&str>, recurse: bool, follow: bool) -> Probe<Seen> {
    match state {
        State::Absent => found::doomed(path).map(Seen::Doomed),
        State::Link | State::Hard => {
            link::probe(path, src, state == State::Hard).map(move |ends| Seen::Link(Box::new(ends), state))
        }
        State::File | State::Directory | State::Touch => {
            let above = state != State::File;
            present::probe(path, follow, above, recurse).map(move |present| Seen::Present(present, state))
        }
    }
}

impl FileState {
    fn wanted(&self) -> Wanted {
        Wanted { mode: self.mode.clone(), owner: self.owner.clone(), group: self.group.clone() }
    }

    fn link(&self, hard: bool) -> Link<'_> {
        Link {
            path: &self.path,
            src: self.src.as_deref(),
            hard,
            force: self.force,
            follow: self.follow,
            wanted: self.wanted(),
        }
    }

    /// Whether the arguments go together.
    fn check(&self) -> Result<(), PlanError> {
        if self.recurse && self.state.is_some_and(|state| state != State::Directory) {
            return Err(PlanError::new("`recurse` needs `state: directory`"));
        }
        if self.src.is_some() && !matches!(self.state, Some(State::Link | State::Hard)) {
            return Err(PlanError::new("`src` needs `state: link` or `state: hard`"));
        }
        Ok(())
    }

    fn present(&self, host: &Host, present: &Present, state: State) -> Result<Plan, PlanError> {
        let default = if state == State::Touch { Time::Now } else { Time::Preserve };
        let now = |time: Option<Time>| time.unwrap_or(default) == Time::Now;
        let wish = Wish {
            wanted: self.wanted(),
            access: now(self.access_time),
            modification: now(self.modification_time),
        };
        let changes = match state {
            State::Directory => wish.directory(&self.path, present)?,
            State::Touch => wish.touch(&self.path, present)?,
            _ => wish.existing(&self.path, present)?,
        };
        let mut written = Written::default();
        let directory = state == State::Directory || matches!(present.at.kind, Kind::Directory(_));
        let found: &Found = &present.at;
        let attributes = found.attributes();
        let size = attributes.map_or(0, |now| usize::try_from(now.size).unwrap_or(usize::MAX));
        written.describe(&wish.wanted.over(attributes, directory)?, attributes, host, size, directory);
        let mut plan = Plan::new(changes);
        plan.result = written.result;
        plan.set("path", self.path.as_str());
        if found.state() == "hard" {
            plan.set("state", "hard");
        }
        if state == State::Touch {
            plan.set("dest", self.path.as_str());
        }
        Ok(plan)
    }
}
