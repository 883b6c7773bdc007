//! A text that the user wrote, and places in it.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::Problem;
use crate::vault;

/// More than any inventory or playbook has; a larger file was named by mistake.
const MAX_BYTES: usize = 32 << 20;

/// A text with the name by which the user knows it: a file's path, or `--limit` for an argument.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's path, or the name of the argument.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
    /// Whether the file is encrypted: no line of it may be shown.
    pub encrypted: bool,
}

impl Source {
    /// A text that is already in memory.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { path: path.into(), text: text.into(), encrypted: false })
    }

    /// Reads a file; one that `ansible-vault` encrypted is decrypted.
    ///
    /// # Errors
    /// The file cannot be read, is too large, is not UTF-8, or no vault password opens it.
    pub fn read(path: &Path) -> Result<Arc<Self>, Problem> {
        let bytes = std::fs::read(path)
            .map_err(|error| Problem::bare(format!("cannot read `{}`: {error}", path.display())))?;
        if bytes.len() > MAX_BYTES {
            let message = format!("`{}` has {} bytes, the limit is {MAX_BYTES}", path.display(), bytes.len());
            return Err(Problem::bare(message));
        }
        if vault::is_encrypted(&bytes) {
            return decrypted(path, &bytes);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self::new(path, text)),
            Err(error) => Err(not_utf8(path, error.as_bytes(), error.utf8_error().valid_up_to())),
        }
    }

    /// Whether the text is JSON as well.
    #[must_use]
    pub fn is_json(&self) -> bool {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.text).is_ok()
    }

    /// The place of the byte range in this text.
    #[must_use]
    pub fn place(self: &Arc<Self>, range: Range<usize>) -> Place {
        Place { source: Arc::clone(self), span: Span { start: range.start, end: range.end } }
    }

    /// The line and column, both from 1, of the byte offset; the column counts characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

fn decrypted(path: &Path, bytes: &[u8]) -> Result<Arc<Source>, Problem> {
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let header = Source::new(path, String::from_utf8_lossy(header));
    let place = || header.place(0..header.text.len());
    let opened = vault::keyring().open(bytes).map_err(|why| {
        Problem::new(format!("the file is encrypted with ansible-vault, and {why}"), place())
            .label("this header says so")
            .help(why.help())
    })?;
    let text = String::from_utf8(opened.to_vec())
        .map_err(|_| Problem::new("what is encrypted in this file is not UTF-8", place()))?;
    Ok(Arc::new(Source { path: path.to_owned(), text: text.into(), encrypted: true }))
}

fn not_utf8(path: &Path, bytes: &[u8], valid: usize) -> Problem {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let place = Source::new(path, text).place(valid..valid + '\u{fffd}'.len_utf8());
    Problem::new("the file is not UTF-8", place).label("this byte").help("save the file as UTF-8")
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.text.as_ref().read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.path.display().to_string(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}

/// Byte offsets into a [`Source`], the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl From<Span> for SourceSpan {
    fn from(span: Span) -> Self {
        (span.start, span.end.saturating_sub(span.start)).into()
    }
}

/// A span with the text it lies in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// Where in the text.
    pub span: Span,
}

impl Place {
    /// The text at this place.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.text.get(self.span.start..self.span.end).unwrap_or_default()
    }

    /// Whether another place lies within this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.source == other.source && self.span.start <= other.span.start && other.span.end <= self.span.end
    }

    /// The line and column, both from 1.
    #[must_use]
    pub fn line_column(&self) -> (usize, usize) {
        self.source.line_column(self.span.start)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}", self.source.path.display())
    }
}
