//! The text that goes to a host, and the frames that come back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::change::digest;
use super::library::{self, Used};
use super::shell::{self, Shell};
use super::text::{Arg, Call};

/// The text of the library with what a guard needs of it, to be run by itself.
pub(super) fn guard_library<'a>(
    header: &[(&'static str, String)],
    words: impl IntoIterator<Item = &'a str>,
) -> String {
    variables(header) + &library::of_guard(words)
}

fn variables(header: &[(&'static str, String)]) -> String {
    header.iter().map(|(name, value)| format!("{name}={}\n", Arg::Word(value.clone()))).collect()
}

/// The asks that look at files and change nothing of the shell that makes them: they need none of their own.
const PLAIN: [&str; 8] = [
    "ask_facts",
    "ask_process",
    "ask_owed",
    "ask_builders",
    "ask_dir",
    "ask_trust_store",
    "ask_file",
    "ask_info",
];

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
    /// Where the asks begin among the calls: changes come before them.
    asked_from: Option<usize>,
    /// What all of them will look at, as arguments of `survey`, and how many looks that are.
    survey: String,
    surveyed: usize,
    may_survey: bool,
    /// Whether it consists of [`PLAIN`] asks.
    is_quick: bool,
    /// Whether a call goes by what was answered before it.
    recalls: bool,
}

/// What one call printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Its exit status.
    pub status: i32,
    /// Its lines.
    pub body: String,
    /// The contents that its lines name by their digests.
    parts: Arc<HashMap<String, Vec<u8>>>,
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

    /// What a call printed.
    #[must_use]
    pub fn new(status: i32, body: String) -> Self {
        Self { status, body, ..Self::default() }
    }

    /// A content that was sent beside the lines, by its SHA-256.
    #[must_use]
    pub fn part(&self, digest: &str) -> Option<&[u8]> {
        self.parts.get(digest).map(Vec::as_slice)
    }

    /// The body with the contents themselves in the place of their digests, encoded as the host encodes them.
    #[must_use]
    pub fn whole(&self) -> Cow<'_, str> {
        if self.parts.is_empty() || !self.body.contains('@') {
            return Cow::Borrowed(&self.body);
        }
        let mut whole = String::with_capacity(self.body.len());
        for (at, word) in self.body.split('@').enumerate() {
            let part = (at > 0 && whole.ends_with(['=', ' '])).then(|| word.get(..64)).flatten();
            match part.and_then(|digest| self.parts.get(digest)) {
                Some(content) => {
                    whole += "b:";
                    STANDARD.encode_string(content, &mut whole);
                    whole += &word[64..];
                }
                None if at > 0 => {
                    whole.push('@');
                    whole += word;
                }
                None => whole += word,
            }
        }
        Cow::Owned(whole)
    }

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
        Self {
            shell,
            boundary: boundary.to_owned(),
            head,
            text: String::new(),
            calls: 0,
            used,
            asked_from: None,
            survey: String::new(),
            surveyed: 0,
            may_survey: true,
            is_quick: true,
            recalls: false,
        }
    }

    /// Adds an ask.
    pub fn answer(&mut self, id: usize, call: &Call) {
        let is_plain = PLAIN.contains(&call.function);
        self.is_quick &= is_plain;
        let verb = if is_plain { "plainly" } else { "answer" };
        self.count(verb, call);
        match self.shell {
            Shell::Posix => {
                self.look_ahead(call);
                _ = writeln!(self.text, "{verb} {id} {call}");
                // A user's command may write whatever was looked at before.
                if call.function == "ask_shell" {
                    self.text += "survey\n";
                    self.used.add("survey");
                    self.may_survey = false;
                }
            }
            Shell::PowerShell => self.text += &shell::line("answer", id, &[], call),
        }
    }

    /// Adds an ask that is made only where the answers to earlier ones (by id) have the given digests.
    pub fn guarded(&mut self, id: usize, expected: &[(usize, String)], call: &Call) {
        self.count("guarded", call);
        self.is_quick &= PLAIN.contains(&call.function);
        self.recalls = true;
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
        self.is_quick = false;
        _ = writeln!(self.text, "guarding {id} {call}");
    }

    /// Adds a change. The first that fails ends the script.
    pub fn act(&mut self, id: usize, call: &Call) {
        self.count("act", call);
        self.is_quick = false;
        match self.shell {
            Shell::Posix => _ = writeln!(self.text, "act {id} {call}"),
            Shell::PowerShell => self.text += &shell::line("act", id, &[], call),
        }
    }

    /// Notes what a call will look at, so that the host looks at all of it at once.
    fn look_ahead(&mut self, call: &Call) {
        self.asked_from.get_or_insert(self.text.len());
        if !self.may_survey {
            return;
        }
        let mut see = |kind: &str, path: Option<&Arg>| {
            if let Some(path @ Arg::Path(_)) = path {
                _ = write!(self.survey, " {kind} {path}");
                self.surveyed += 1;
            }
        };
        match call.function {
            "ask_file" => {
                let reads = !matches!(call.args.get(1), Some(Arg::Word(limit)) if limit == "0");
                see(if reads { "file" } else { "stat" }, call.args.first());
            }
            "ask_dir" => see("dir", call.args.first()),
            "ask_trust_store" => {
                call.args.iter().skip(2).for_each(|path| see("bundle", Some(path)));
                if let Some(known) = call.args.first() {
                    _ = write!(self.survey, " known {known}");
                }
            }
            _ => {}
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

    /// Whether it only looks at files, and calls `deadline` of the frame before it starts what may hang.
    #[must_use]
    pub fn is_quick(&self) -> bool {
        self.shell == Shell::Posix && self.is_quick
    }

    /// Whether it holds no call.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.calls == 0
    }

    /// The text, all that it uses of the library included.
    #[must_use]
    pub fn text(&self) -> String {
        self.with_library(Used::text)
    }

    /// The text without the functions that it uses of the library.
    #[must_use]
    pub fn text_beside_functions(&self) -> String {
        self.with_library(Used::beside_functions)
    }

    /// The functions that it uses of the library, by their names: pure definitions, the same in every script.
    #[must_use]
    pub fn functions(&self) -> Vec<(&'static str, &'static str)> {
        match self.shell {
            Shell::Posix => self.uses().functions().collect(),
            Shell::PowerShell => Vec::new(),
        }
    }

    fn with_library(&self, library: fn(&Used) -> String) -> String {
        if self.shell == Shell::PowerShell {
            return format!("{}{}", self.head, self.text);
        }
        let (acts, asks) = self.text.split_at(self.asked_from.unwrap_or(self.text.len()));
        let survey = if self.surveys() { format!("survey{}\n", self.survey) } else { String::new() };
        let flag = |is: bool| if is { "1" } else { "" };
        format!(
            "{}recalls={}\nlooks={}\n{}{acts}{survey}{asks}finish\n",
            self.head,
            flag(self.recalls),
            flag(self.is_quick),
            library(&self.uses())
        )
    }

    fn uses(&self) -> Used {
        let mut used = self.used.clone();
        if self.surveys() {
            used.add("survey");
        }
        used
    }

    /// One look alone costs no more by itself.
    const fn surveys(&self) -> bool {
        self.surveyed > 1
    }

    /// Parts the text from the contents that were sent between its lines.
    fn split(&self, stdout: &[u8]) -> (String, Arc<HashMap<String, Vec<u8>>>) {
        let (begin, end) = (format!("\n{} bulk ", self.boundary), format!("\n{} bulk-end ", self.boundary));
        let find = |text: &[u8], what: &str| text.windows(what.len()).position(|at| at == what.as_bytes());
        let line = |text: &[u8]| text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
        let words = |text: &[u8]| -> Vec<String> {
            String::from_utf8_lossy(text).split_whitespace().map(str::to_owned).collect()
        };
        let (mut text, mut parts, mut rest) = (String::new(), HashMap::new(), stdout);
        while let Some(at) = find(rest, &begin) {
            text += &String::from_utf8_lossy(&rest[..at]);
            text.push('\n');
            rest = &rest[at + begin.len()..];
            let (digests, content) = rest.split_at(line(rest));
            let Some(at) = find(content, &end) else { break };
            let after = &content[at + end.len()..];
            let (sizes, next) = after.split_at(line(after));
            let mut content = content.get(1..at).unwrap_or_default();
            let sizes: Vec<usize> = words(sizes).iter().filter_map(|size| size.parse().ok()).collect();
            // A file that was written to meanwhile is longer or shorter, and what it would be is not its digest's.
            if sizes.iter().sum::<usize>() == content.len() {
                for (name, size) in words(digests).into_iter().zip(sizes) {
                    let (part, more) = content.split_at(size.min(content.len()));
                    if digest(part) == name {
                        parts.insert(name, part.to_vec());
                    }
                    content = more;
                }
            }
            rest = next;
        }
        text += &String::from_utf8_lossy(rest);
        (text, Arc::new(parts))
    }

    /// Reads what the script printed.
    #[must_use]
    pub fn read(&self, stdout: impl AsRef<[u8]>) -> Frames {
        let mut frames = Frames::default();
        let mut current = None;
        let (stdout, parts) = self.split(stdout.as_ref());
        for line in stdout.lines() {
            if let Some(head) = line.strip_prefix(&self.boundary) {
                frames.ends += usize::from(head == " end");
                current = head.trim().split_once(' ').and_then(|(id, status)| {
                    let (id, status) = (id.parse::<usize>().ok()?, status.parse().ok()?);
                    // One that says its status first says it again where it has failed.
                    frames.frames.entry(id).or_default().status = status;
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
            frame.parts = Arc::clone(&parts);
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
