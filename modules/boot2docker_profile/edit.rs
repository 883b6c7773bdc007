//! Edits of a profile: lines of our own at its end, and words taken out of the assignments of others.

use std::ops::Range;

use super::flags::{Flag, Given, given, in_force};
use super::reader::{Argument, Reading};
use super::words::Refusal;

/// What ends each line of ours.
const MARK: &[u8] = b" # dtrctl";
const BEGIN: &[u8] = b"EXTRA_ARGS=\"$EXTRA_ARGS --";

/// A profile's text with what it means.
#[derive(Debug)]
pub struct Profile {
    pub text: Vec<u8>,
    /// Whether there is a file.
    pub exists: bool,
    reading: Reading,
}

/// What shall be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The daemon gets these flags.
    Present(Vec<Flag>),
    /// It does not get them.
    Absent(Vec<Flag>),
    /// It gets none that dtrctl has added.
    NothingOfOurs,
}

/// A line of ours.
struct Line {
    /// The line with its newline, where it has one.
    at: Range<usize>,
    flags: Vec<Flag>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// What in it is not followed.
    pub fn read(text: Option<&[u8]>) -> Result<Self, Refusal> {
        let bytes = text.unwrap_or_default().to_vec();
        let reading = Reading::of(&bytes)?;
        Ok(Self { text: bytes, exists: text.is_some(), reading })
    }

    /// The words that dockerd gets from it.
    pub fn words(&self) -> Vec<String> {
        let text = |argument: Argument| String::from_utf8_lossy(&argument.text()).into_owned();
        self.reading.arguments().into_iter().map(text).collect()
    }

    /// The flags that dockerd gets from it.
    pub fn given(&self) -> Vec<Given> {
        given(&self.words())
    }

    /// The profile as it shall be; the same text where nothing is to be done.
    ///
    /// # Errors
    /// Where that cannot be reached without a change to something else.
    pub fn edited(&self, wanted: &Wanted) -> Result<Self, Refusal> {
        let (gone, added) = match wanted {
            Wanted::Present(flags) => self.adding(flags),
            Wanted::Absent(flags) => (self.removing(flags)?, Vec::new()),
            Wanted::NothingOfOurs => (self.lines().map(|line| line.at).collect(), Vec::new()),
        };
        let done = self.with(gone, &added)?;
        let given = done.given();
        let reached = match wanted {
            Wanted::Present(flags) => flags.iter().all(|flag| in_force(flag, &given)),
            Wanted::Absent(flags) => !flags.iter().any(|flag| given.iter().any(|given| given.flag == *flag)),
            Wanted::NothingOfOurs => true,
        };
        if reached {
            Ok(done)
        } else {
            Err(self.by_hand("the flags before it take it for a value of theirs"))
        }
    }

    /// The lines that go for these flags to count, and the flags that are added.
    fn adding(&self, flags: &[Flag]) -> (Vec<Range<usize>>, Vec<Flag>) {
        let given = self.given();
        let missing: Vec<Flag> = flags.iter().filter(|flag| !in_force(flag, &given)).cloned().collect();
        // A line of ours that others overrule, or that says otherwise.
        let stale = |line: &Line| {
            let replaced = |flag: &Flag| {
                missing.iter().any(|new| new == flag || (new.name == flag.name && !new.is_repeated()))
            };
            line.flags.iter().any(replaced)
        };
        let gone = self.lines().filter(stale).map(|line| line.at).collect();
        (gone, missing)
    }

    /// The bytes that go for these flags to go.
    fn removing(&self, flags: &[Flag]) -> Result<Vec<Range<usize>>, Refusal> {
        let lines: Vec<Line> = self.lines().collect();
        let ours = lines.iter().filter(|line| line.flags.iter().any(|flag| flags.contains(flag)));
        let mut gone: Vec<Range<usize>> = ours.map(|line| line.at.clone()).collect();
        let arguments = self.reading.arguments();
        for found in self.given().iter().filter(|found| flags.contains(&found.flag)) {
            for argument in &arguments[found.words.clone()] {
                if !gone.iter().any(|range| argument.bytes.iter().all(|byte| range.contains(&byte.start))) {
                    gone.extend(self.cut(argument)?);
                }
            }
        }
        Ok(gone)
    }

    /// The bytes of a word in an assignment of others, with the white space before it.
    fn cut(&self, argument: &Argument) -> Result<Vec<Range<usize>>, Refusal> {
        let home = |start: usize| self.reading.assignments.iter().find(|at| at.contains(&start));
        let Some(first) = argument.bytes.first().and_then(|byte| home(byte.start)) else {
            return Err(self.by_hand("the flag comes from another variable"));
        };
        if argument.bytes.iter().any(|byte| !first.contains(&byte.start)) {
            return Err(self.by_hand("the flag is put together from several places"));
        }
        let inside = |byte: &super::words::Byte| first.contains(&byte.start);
        let blank = argument.before.filter(inside).or(argument.after.filter(inside));
        Ok(argument.bytes.iter().chain(&blank).map(|byte| byte.start..byte.end).collect())
    }

    /// The text without some bytes, and with lines of ours at its end.
    fn with(&self, mut gone: Vec<Range<usize>>, added: &[Flag]) -> Result<Self, Refusal> {
        gone.sort_by_key(|range| range.start);
        let kept = |at: usize| !gone.iter().any(|range| range.contains(&at));
        let mut text: Vec<u8> =
            self.text.iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, byte)| *byte).collect();
        // A last line of ours without its newline was put behind a line that had none.
        if !self.text.ends_with(b"\n") && !text.is_empty() && !kept(self.text.len() - 1) {
            text.truncate(text.len() - usize::from(text.ends_with(b"\n")));
        }
        let ended = !self.exists || self.text.ends_with(b"\n");
        added.iter().for_each(|flag| append(&mut text, ended, flag));
        let end = self.text.len().saturating_sub(1);
        let joined = (!added.is_empty() && self.text.ends_with(b"\\\n")).then(|| {
            let what = "a backslash that joins the last line with what is added";
            Refusal::new(end, what, "take the backslash away")
        });
        let reading =
            Reading::of(&text).map_err(|refusal| joined.clone().unwrap_or(Refusal { at: end, ..refusal }))?;
        let done = Self { text, exists: self.exists, reading };
        let mut expected: Vec<Vec<u8>> = self
            .reading
            .arguments()
            .iter()
            .filter(|argument| argument.bytes.iter().any(|byte| kept(byte.start)))
            .map(Argument::text)
            .collect();
        expected.extend(added.iter().flat_map(Flag::words).map(String::into_bytes));
        let words: Vec<Vec<u8>> = done.reading.arguments().iter().map(Argument::text).collect();
        let first = gone.first().map_or(usize::MAX, |range| range.start);
        if let Some(at) = self.reading.uses.iter().find(|at| **at > first && kept(**at)) {
            let what = "`EXTRA_ARGS` is looked at for something else, which would change as well";
            return Err(Refusal::new(*at, what, "write the value there"));
        }
        if words != expected || !done.reading.agrees(&self.reading) {
            let by_hand = || self.by_hand("the file uses `EXTRA_ARGS` in a way that is not followed");
            return Err(joined.unwrap_or_else(by_hand));
        }
        Ok(done)
    }

    /// Where the assignment in force stands, as the place of what cannot be done.
    fn by_hand(&self, what: &str) -> Refusal {
        let at = self.reading.assignments.last().map_or(0, |at| at.start);
        Refusal::new(at, what, "change the flag there by hand")
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        self.reading.assignments.iter().filter_map(|at| {
            let starts_line = at.start == 0 || self.text[at.start - 1] == b'\n';
            let end = at.end + MARK.len();
            let ends_line = matches!(self.text.get(end), None | Some(b'\n'));
            let line = self.text.get(at.start..end).filter(|_| starts_line && ends_line)?;
            if !line.starts_with(BEGIN) || !line.ends_with(MARK) {
                return None;
            }
            let flags = Self::read(Some(line)).ok()?.given().into_iter().map(|given| given.flag).collect();
            Some(Line { at: at.start..(end + 1).min(self.text.len()), flags })
        })
    }
}

/// Appends a line of ours. A file whose last line is not ended stays so, which tells how it was when the line goes.
fn append(text: &mut Vec<u8>, ended: bool, flag: &Flag) {
    if !ended && !text.is_empty() {
        text.push(b'\n');
    }
    text.extend(b"EXTRA_ARGS=\"$EXTRA_ARGS ");
    for byte in flag.words().join(" ").bytes() {
        if matches!(byte, b'"' | b'$' | b'`' | b'\\') {
            text.push(b'\\');
        }
        text.push(byte);
    }
    text.push(b'"');
    text.extend(MARK);
    if ended {
        text.push(b'\n');
    }
}
