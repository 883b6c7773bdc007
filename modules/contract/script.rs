//! The text that goes to a host, and the frames that come back.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::change::digest;
use super::library::{self, Used};
use super::shell::{self, Shell};
use super::text::{Arg, Call};

/// The text of the library with what a guard needs of it, to be run by itself.
pub(super) fn guard_library(header: &[(&'static str, String)]) -> String {
    variables(header) + &library::of_guard()
}

fn variables(header: &[(&'static str, String)]) -> String {
    header.iter().map(|(name, value)| format!("{name}={}\n", Arg::Word(value.clone()))).collect()
}

/// One script: what its calls use of the library, then the calls, each of which prints one frame.
#[derive(Debug)]
pub struct Script {
    shell: Shell,
    boundary: String,
    /// What stands before the library.
    head: String,
    /// The calls.
    text: String,
    calls: usize,
    used: Used,
}

/// What one call printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its exit status.
    pub status: i32,
    /// Its lines.
    pub body: String,
}

impl Frame {
    /// Status of a call that was not made, as an earlier answer was not the expected one.
    pub const FENCED: i32 = 95;
    /// Status of a change that was refused, as the file has moved on since it was probed.
    pub const MOVED: i32 = 96;
    /// Status where links lead in a circle.
    pub const LOOP: i32 = 97;
    /// Status where a link leads out of the sandbox.
    pub const OUTSIDE: i32 = 98;
    /// Status where the guard of a host is not to be had.
    pub const UNGUARDED: i32 = 87;
    /// Status where a host is this run's now, after another run was waited for.
    pub const WAITED: i32 = 88;
    /// Status where what this run has changed was put back.
    pub const REVERTED: i32 = 89;
    /// Status where another run has the host.
    pub const BUSY: i32 = 90;
    /// Status of a change that did not come to its end and was undone.
    pub const PUT_BACK: i32 = 92;
    /// Status of a write that came out short.
    pub const SHORT: i32 = 94;

    /// SHA-256 of the body, by which a later run recognises the same answer on the host itself. What is sent only where
    /// the controller does not hold it yet is left out.
    #[must_use]
    pub fn digest(&self) -> String {
        let kept: Vec<&str> = self.body.lines().filter(|line| !line.starts_with("bulk=")).collect();
        digest(kept.join("\n").as_bytes())
    }
}

/// The frames of a script's output.
#[derive(Debug, Default)]
pub struct Frames {
    frames: HashMap<usize, Frame>,
    ends: usize,
}

impl Script {
    /// A script whose frames begin with `boundary`: random letters and digits that no host can guess. `header` sets
    /// variables of the library: [`Daemon::header`](crate::platform::Daemon::header).
    #[must_use]
    pub fn new(boundary: &str, header: &[(&'static str, String)]) -> Self {
        Self::of(Shell::Posix, boundary, header)
    }

    /// The same for what runs scripts on a host.
    #[must_use]
    pub fn of(shell: Shell, boundary: &str, header: &[(&'static str, String)]) -> Self {
        let token = &boundary[..boundary.len().min(12)];
        let head = match shell {
            Shell::Posix => format!("B='{boundary}'\nT='{token}'\n{}", variables(header)),
            Shell::PowerShell => shell::begin(boundary, token, header),
        };
        let mut used = Used::default();
        used.add("finish");
        Self { shell, boundary: boundary.to_owned(), head, text: String::new(), calls: 0, used }
    }

    /// Adds an ask.
    pub fn answer(&mut self, id: usize, call: &Call) {
        self.count("answer", call);
        match self.shell {
            Shell::Posix => _ = writeln!(self.text, "answer {id} {call}"),
            Shell::PowerShell => self.text += &shell::line("answer", id, &[], call),
        }
    }

    /// Adds an ask that is made only where the answers to earlier ones (by id) have the given digests.
    pub fn guarded(&mut self, id: usize, expected: &[(usize, String)], call: &Call) {
        self.count("guarded", call);
        if self.shell == Shell::PowerShell {
            self.text += &shell::line("guarded", id, expected, call);
            return;
        }
        let pairs = expected.iter().map(|(id, digest)| format!("{id}={digest} ")).collect::<String>();
        _ = writeln!(self.text, "guarded {id} {pairs}-- {call}");
    }

    /// Adds what is asked of the host's guard. Where it is refused, nothing that follows in the script is done.
    pub fn guarding(&mut self, id: usize, call: &Call) {
        self.count("guarding", call);
        _ = writeln!(self.text, "guarding {id} {call}");
    }

    /// Adds a change. The first that fails ends the script.
    pub fn act(&mut self, id: usize, call: &Call) {
        self.count("act", call);
        match self.shell {
            Shell::Posix => _ = writeln!(self.text, "act {id} {call}"),
            Shell::PowerShell => self.text += &shell::line("act", id, &[], call),
        }
    }

    /// Counts a call, and sends along what it uses; a word may name a function, too.
    fn count(&mut self, verb: &str, call: &Call) {
        self.calls += 1;
        self.used.add(verb);
        self.used.add(call.function);
        for arg in &call.args {
            if let Arg::Word(word) = arg {
                self.used.add(word);
            }
        }
    }

    /// Whether it holds no call.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.calls == 0
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        match self.shell {
            Shell::Posix => format!("{}{}{}finish\n", self.head, self.used.text(), self.text),
            Shell::PowerShell => format!("{}{}", self.head, self.text),
        }
    }

    /// Reads what the script printed.
    #[must_use]
    pub fn read(&self, stdout: &str) -> Frames {
        let mut frames = Frames::default();
        let mut current = None;
        for line in stdout.lines() {
            if let Some(head) = line.strip_prefix(&self.boundary) {
                frames.ends += usize::from(head == " end");
                current = head.trim().split_once(' ').and_then(|(id, status)| {
                    let (id, status) = (id.parse::<usize>().ok()?, status.parse().ok()?);
                    frames.frames.insert(id, Frame { status, body: String::new() });
                    Some(id)
                });
            } else if let Some(frame) = current.and_then(|id| frames.frames.get_mut(&id)) {
                if !frame.body.is_empty() {
                    frame.body.push('\n');
                }
                frame.body.push_str(line);
            }
        }
        for frame in frames.frames.values_mut() {
            // `$(…)` on the host drops trailing newlines, and the digest has to be that of what it keeps.
            frame.body.truncate(frame.body.trim_end_matches('\n').len());
        }
        frames
    }
}

impl Frames {
    /// How many scripts reached their end.
    #[must_use]
    pub const fn ends(&self) -> usize {
        self.ends
    }

    /// The frame of a call.
    #[must_use]
    pub fn get(&self, id: usize) -> Option<&Frame> {
        self.frames.get(&id)
    }
}
