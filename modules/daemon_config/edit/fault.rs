//! What is wrong with a text, and where.

use std::fmt;

/// A line and a column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1. LF, CRLF and a lone CR each end one.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Place {
    /// The place of a byte offset. Bytes that are not UTF-8 count as a character each.
    pub(crate) fn of(text: &[u8], at: usize) -> Self {
        let before = &text[..at.min(text.len())];
        let mut line = 1;
        let mut start = 0;
        for (i, &byte) in before.iter().enumerate() {
            let ends = byte == b'\n' || (byte == b'\r' && text.get(i + 1) != Some(&b'\n'));
            if ends {
                line += 1;
                start = i + 1;
            }
        }
        Self { line, column: String::from_utf8_lossy(&before[start..]).chars().count() + 1 }
    }
}

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Fault {
    #[error("the file is empty, and dockerd before 23.0 refuses that; write `{{}}` or remove the file")]
    Empty,
    #[error("a UTF-8 byte order mark, which dockerd before 23.0 refuses; save the file as UTF-8 without one")]
    ByteOrderMark,
    #[error("the file is UTF-16; save it as UTF-8 without a byte order mark")]
    Utf16,
    #[error("bytes that are not UTF-8; save the file as UTF-8")]
    InvalidUtf8,
    #[error("a NUL byte; remove it, the file may be damaged")]
    Nul,
    #[error("`U+{:04X}` is no white space to JSON; replace it by a plain space", *.0 as u32)]
    OddSpace(char),
    #[error("JSON has no comments, and dockerd refuses them; remove it")]
    Comment,
    #[error("a comma after the last item, which dockerd refuses; remove it")]
    TrailingComma,
    #[error("a comma is missing before this; add it")]
    MissingComma,
    #[error("`{0}` is no quote to JSON; write `\"`")]
    Quote(char),
    #[error(
        "a second document, which dockerd before 23.0 ignores and later ones refuse; keep one JSON object"
    )]
    SecondDocument,
    #[error("text after the end of the JSON object; remove it")]
    Garbage,
    #[error("the text ends where {0} has to follow; the file may be cut short")]
    End(&'static str),
    #[error("`{found}` where {wanted} has to follow; correct the JSON")]
    Unexpected { found: char, wanted: &'static str },
    #[error("`\\{0}` is no escape of JSON; write `\\\\` for a backslash")]
    Escape(char),
    #[error("a control character in a string; write it as an escape such as `\\n` or `\\u0001`")]
    Control,
    #[error("half of a surrogate pair, which stands for no character; write the whole pair or remove it")]
    LoneSurrogate,
    #[error("this is no number of JSON; write it as `1500` or `-1.5`")]
    Number,
    #[error("the number is too large to be read; write a smaller one")]
    NumberRange,
    #[error("nested more than 127 deep; flatten it")]
    Depth,
    #[error("the key `{key}` stands twice, first at {first}, and dockerd takes the last; remove one of them")]
    DuplicateKey { key: String, first: Place },
    #[error("the file holds {0}, and dockerd wants a mapping; put `{{` and `}}` round its keys")]
    Root(&'static str),
    #[error(
        "the file holds `null` alone, which dockerd takes for `{{}}`; write `{{}}` there, or remove the file"
    )]
    NullRoot,
    #[error("dockerd refuses the key `{key}` because of its case; write `{known}`")]
    WrongCase { key: String, known: String },
    #[error("`{path}` holds {found}, and {wanted} is needed; correct it by hand first")]
    WrongType { path: String, found: &'static str, wanted: &'static str },
}

/// A fault at a byte offset, before the place is worked out.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) at: usize,
    pub(crate) fault: Fault,
}

/// Why an edit is refused. The text is untouched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The text has a fault, or cannot take the edit.
    #[error("{place}: {fault}")]
    Text {
        /// Where it stands.
        place: Place,
        /// What it is.
        fault: Fault,
    },
    /// `merge` holds a null.
    #[error("`{0}` is null in `merge`; name the key in `remove` to remove it")]
    NullInMerge(String),
    /// `remove` holds something else than null, a list or a mapping.
    #[error(
        "`{path}` is {found} in `remove`; write null to remove the key, or a list of the items to remove"
    )]
    BadRemove {
        /// The key, with those above it.
        path: String,
        /// What stands there.
        found: &'static str,
    },
    /// `merge` and `remove` cannot both hold.
    #[error("`{0}` is both wanted by `merge` and unwanted by `remove`; keep one of them")]
    Contradiction(String),
    /// The edited text does not read as the expected value.
    #[error("the edited text does not read as expected ({0}); edit the file by hand, and report this")]
    CrossCheck(String),
}
