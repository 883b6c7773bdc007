//! What is wrong with a text the user wrote, and where.

use std::fmt;

use granit_parser::ErrorKind;
use miette::{Diagnostic, LabeledSpan, SourceCode};

use super::Place;

/// One mistake: what it is, the text that caused it, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A lowercase fragment in the present tense.
    pub message: String,
    /// The text that caused it; none if there is no text, as for a missing file.
    pub at: Option<Place>,
    /// Said beside the place.
    pub label: Option<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A mistake at a place.
    pub fn new(message: impl Into<String>, at: Place) -> Self {
        Self { message: message.into(), at: Some(at), label: None, help: None }
    }

    /// A mistake that no text can be shown for.
    pub fn bare(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, label: None, help: None }
    }

    /// Adds what is said beside the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds ``did you mean `…`?`` if one of the candidates is close to the word.
    #[must_use]
    pub fn did_you_mean<'a>(self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match suggest(word, candidates) {
            Some(candidate) => self.help(format!("did you mean `{candidate}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.at.as_ref().map(|place| place.source.as_ref() as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.at.as_ref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(self.label.clone(), place.span))))
    }
}

/// More than anyone mends before trying again.
const MAX_PROBLEMS: usize = 100;

/// All mistakes that were found, so that they can be mended in one go; the first hundred if there are more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Nothing wrong so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes one more.
    pub fn push(&mut self, problem: Problem) {
        if !self.is_full() {
            self.0.push(problem);
        }
    }

    /// Notes all of another list.
    pub fn extend(&mut self, problems: Problems) {
        self.0.extend(problems.0);
        self.0.truncate(MAX_PROBLEMS);
    }

    /// Whether so much is wrong that no more is noted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.len() >= MAX_PROBLEMS
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value if nothing is wrong, all problems otherwise.
    ///
    /// # Errors
    /// Any problem was noted.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }

    /// The value of a result, its problems noted if there is none.
    pub fn take<T, E: Into<Problems>>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|problems| self.extend(problems.into())).ok()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            if let Some(place) = &problem.at {
                write!(f, "{place}: ")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Diagnostic for Problems {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(self.0.iter().map(|problem| problem as &dyn Diagnostic)))
    }
}

/// What to do about a mistake of syntax, where the parser's message does not say it.
pub(super) fn syntax_help(kind: &ErrorKind, text: &str, offset: usize) -> Option<&'static str> {
    let next = text[offset..].chars().next();
    Some(match kind {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => "indent with spaces, never with tabs",
        ErrorKind::MappingValueNotAllowed => {
            "a value that holds `: ` needs quotes; if this is a key, check the indentation of its line"
        }
        ErrorKind::UnknownAnchor => {
            "text that begins with `*` needs quotes; an alias needs its anchor above it"
        }
        ErrorKind::UnexpectedCharacter { .. } if matches!(next, Some('%' | '@' | '`')) => {
            "text that begins with this character needs quotes"
        }
        ErrorKind::UnclosedQuotedScalar => "close the quote",
        ErrorKind::UnclosedFlowCollection { .. } => "close the bracket",
        ErrorKind::BlockSequenceEntryNotAllowed => "begin the list on a line of its own",
        ErrorKind::RecursionLimitExceeded => "nest less deeply",
        _ => return None,
    })
}

/// The longest word that is compared, in bytes: nobody mistypes a longer one by hand, and comparing takes the product of both
/// lengths.
const MAX_COMPARED: usize = 100;

/// The candidate nearest to a word that is not one of them, if one is near enough to be meant.
#[must_use]
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > MAX_COMPARED {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_COMPARED)
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Source;

    #[test]
    fn a_problem_shows_the_text_that_caused_it() {
        let place = Source::new("site.yml", "hosts: webb\n").place(7..11);
        let problem = Problem::new("no group is named `webb`", place).did_you_mean("webb", ["db", "web"]);
        let mut shown = String::new();
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor());
        handler.render_report(&mut shown, &problem).unwrap();
        insta::assert_snapshot!(shown, @"
          × no group is named `webb`
           ╭─[site.yml:1:8]
         1 │ hosts: webb
           ·        ────
           ╰────
          help: did you mean `web`?
        ");
    }

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(suggest("regsitry", ["state", "registry"]), Some("registry"));
        assert_eq!(suggest("port", ["state", "registry"]), None);
        let long = "x".repeat(100);
        assert_eq!(suggest(&long[1..], [&*long]), Some(&*long));
        assert_eq!(suggest(&long, [&*format!("{long}x")]), None);
        assert_eq!(suggest(&format!("{long}x"), [&*long]), None);
    }
}
