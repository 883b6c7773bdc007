//! The lines of a file, and Ansible's rules for which of them a line takes the place of.

use crate::contract::PlanError;
use crate::lines::{by_line_feed, stripped};
use crate::pyregex::{ByteMatch, BytePattern, Replacement};

/// A line's place among the lines, and the message that says what has become of it.
type Message = &'static str;

const ADDED: Message = "line added";
const REPLACED: Message = "line replaced";
const NOTHING: Message = "";

/// What a line has to match.
pub enum Search {
    /// Anything: no pattern was given.
    Nothing,
    /// An expression.
    Pattern(BytePattern),
    /// A text that it holds.
    Text(Vec<u8>),
}

/// Where a line is inserted that is not there.
pub enum Insert {
    /// At the end.
    End,
    /// At the start.
    Start,
    /// After a line.
    After(BytePattern),
    /// Before a line.
    Before(BytePattern),
}

/// What of a line was found.
enum Found<'t> {
    Match(ByteMatch<'t>),
    Text,
}

pub fn pattern(argument: &str, text: &str) -> Result<BytePattern, PlanError> {
    BytePattern::new(text).map_err(|error| PlanError::new(format!("`{argument}`: {error}")))
}

impl Search {
    /// Reads `regexp` or `search_string`.
    ///
    /// # Errors
    /// [`PlanError`] where the expression is not understood.
    pub fn new(regexp: Option<&str>, text: Option<&str>) -> Result<Self, PlanError> {
        Ok(match (regexp, text) {
            (Some(regexp), _) => Self::Pattern(pattern("regexp", regexp)?),
            (None, Some(text)) => Self::Text(text.as_bytes().to_vec()),
            (None, None) => Self::Nothing,
        })
    }

    fn find<'t>(&self, line: &'t [u8]) -> Option<Found<'t>> {
        match self {
            Self::Nothing => None,
            Self::Pattern(pattern) => pattern.search(line).map(Found::Match),
            Self::Text(text) => contains(line, text).then_some(Found::Text),
        }
    }
}

fn contains(line: &[u8], text: &[u8]) -> bool {
    text.is_empty() || line.windows(text.len()).any(|window| window == text)
}

impl Insert {
    /// Reads `insertafter` or `insertbefore`.
    ///
    /// # Errors
    /// [`PlanError`] where the expression is not understood.
    pub fn new(after: Option<&str>, before: Option<&str>) -> Result<Self, PlanError> {
        Ok(match (after, before) {
            (None | Some("EOF" | ""), None) | (None, Some("")) => Self::End,
            (Some("BOF"), _) | (None, Some("BOF")) => Self::Start,
            (Some(after), _) => Self::After(pattern("insertafter", after)?),
            (None, Some(before)) => Self::Before(pattern("insertbefore", before)?),
        })
    }

    fn matches(&self, line: &[u8]) -> bool {
        match self {
            Self::End | Self::Start => false,
            Self::After(pattern) | Self::Before(pattern) => pattern.search(line).is_some(),
        }
    }
}

/// The lines of a file, each with its end.
pub struct Lines(Vec<Vec<u8>>);

impl Lines {
    /// Of a file's content.
    pub fn new(content: &[u8]) -> Self {
        Self(by_line_feed(content))
    }

    /// The content.
    pub fn joined(self) -> Vec<u8> {
        self.0.concat()
    }

    /// Removes what matches, or what is the line where nothing is searched; how many they were.
    pub fn remove(&mut self, search: &Search, line: Option<&str>) -> usize {
        let before = self.0.len();
        let line = line.unwrap_or_default().as_bytes();
        self.0.retain(|current| match search {
            Search::Nothing => stripped(current) != line,
            search => search.find(current).is_none(),
        });
        before - self.0.len()
    }

    /// Sees to it that the line is there.
    ///
    /// # Errors
    /// [`PlanError`] where it refers to groups that the pattern does not have.
    pub fn ensure(
        &mut self,
        line: &str,
        search: &Search,
        insert: &Insert,
        backrefs: bool,
        first: bool,
    ) -> Result<Message, PlanError> {
        let mut matches =
            self.0.iter().enumerate().filter_map(|(at, current)| Some((at, search.find(current)?)));
        let found = if first { matches.next() } else { matches.next_back() };
        if let Some((at, found)) = found {
            let new = expanded(line, search, &found, backrefs)?;
            return Ok(self.replace(at, new));
        }
        let (exact, place) = self.places(line.as_bytes(), insert, first);
        if let Some(at) = exact {
            return Ok(self.replace(at, line.as_bytes().to_vec()));
        }
        if backrefs {
            return Ok(NOTHING);
        }
        Ok(self.insert(line.as_bytes(), insert, place))
    }

    /// Where the line itself stands, and the line that it is inserted after or before.
    fn places(&self, line: &[u8], insert: &Insert, first: bool) -> (Option<usize>, Option<usize>) {
        let (mut exact, mut place) = (None, None);
        for (at, current) in self.0.iter().enumerate() {
            if stripped(current) == line {
                exact = Some(at);
            } else if insert.matches(current) {
                place = Some(if matches!(insert, Insert::After(_)) { at + 1 } else { at });
                if first {
                    break;
                }
            }
        }
        (exact, place)
    }

    fn replace(&mut self, at: usize, mut new: Vec<u8>) -> Message {
        if !new.ends_with(b"\n") {
            new.push(b'\n');
        }
        if self.0[at] == new {
            return NOTHING;
        }
        self.0[at] = new;
        REPLACED
    }

    fn insert(&mut self, line: &[u8], insert: &Insert, place: Option<usize>) -> Message {
        let new = [line, b"\n"].concat();
        match (insert, place) {
            (Insert::Start, _) => self.0.insert(0, new),
            (Insert::End, _) | (_, None) => {
                if self.0.last().is_some_and(|last| !last.ends_with(b"\n") && !last.ends_with(b"\r")) {
                    self.0.push(b"\n".to_vec());
                }
                self.0.push(new);
            }
            (Insert::After(_), Some(at)) => {
                let next = if at == self.0.len() { at - 1 } else { at };
                if stripped(&self.0[next]) == line {
                    return NOTHING;
                }
                // Ansible appends to a last line that has no end.
                if at == self.0.len() && !self.0[next].ends_with(b"\n") {
                    self.0[next].push(b'\n');
                }
                self.0.insert(at, new);
            }
            (Insert::Before(_), Some(at)) => self.0.insert(at, new),
        }
        ADDED
    }
}

fn expanded(line: &str, search: &Search, found: &Found<'_>, backrefs: bool) -> Result<Vec<u8>, PlanError> {
    match (search, found) {
        (Search::Pattern(pattern), Found::Match(found)) if backrefs => {
            let replacement = Replacement::new(line, pattern)
                .map_err(|error| PlanError::new(format!("`line`: {error}")))?;
            Ok(found.expand(&replacement))
        }
        _ => Ok(line.as_bytes().to_vec()),
    }
}
