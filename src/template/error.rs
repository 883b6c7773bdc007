//! What can go wrong in a template, each with the place that caused it.

use std::ops::Range;
use std::sync::Arc;

/// Why a template has no value.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ErrorKind {
    /// A name, attribute or item that does not exist was used.
    #[error("{what}{}", closest.as_ref().map_or_else(String::new, |c| format!("; did you mean `{c}`?")))]
    Undefined {
        /// The variable's name, where it is a whole variable that is missing.
        name: Option<String>,
        /// The sentence that says what is missing.
        what: String,
        /// The defined name that is nearest to the missing one.
        closest: Option<String>,
    },
    /// The text is no template.
    #[error("the template cannot be read: {message}")]
    Syntax {
        /// What is wrong with it.
        message: String,
    },
    /// Something Jinja knows that is left out on purpose.
    #[error("{what} is not supported; {instead}")]
    Unsupported {
        /// The construct.
        what: String,
        /// What to write in its place.
        instead: String,
    },
    /// A registered result was used before its task has run.
    #[error("`{name}` is not known yet: its task has not run")]
    Pending {
        /// The registered variable.
        name: String,
    },
    /// A registered result was used that cannot be known in check mode.
    #[error("`{name}` depends on apply: {reason}")]
    Unknown {
        /// The registered variable.
        name: String,
        /// Why it cannot be known.
        reason: String,
    },
    /// The template takes too much time, memory or depth.
    #[error("the template is stopped: {what}")]
    Limit {
        /// The limit that was hit.
        what: String,
    },
    /// An operation does not fit the values it was given.
    #[error("{message}")]
    Type {
        /// What does not fit.
        message: String,
    },
    /// A filter, test, function or method refused its input.
    #[error("`{name}` fails: {message}")]
    Call {
        /// The filter, test, function or method.
        name: String,
        /// Its complaint.
        message: String,
    },
    /// A filter, test, function or lookup that does not exist here.
    #[error("there is no {what} `{name}`{}", closest.as_ref().map_or_else(String::new, |c| format!("; did you mean `{c}`?")))]
    NoSuch {
        /// Filter, test, function or lookup.
        what: &'static str,
        /// Its name.
        name: String,
        /// The known name that is nearest.
        closest: Option<String>,
    },
    /// A condition whose value is neither true nor false.
    #[error(
        "the condition is {value}, of type `{found}`, not true or false; write a comparison, or `| bool`"
    )]
    NotBoolean {
        /// The Python name of the type found.
        found: &'static str,
        /// The value, shortened.
        value: String,
    },
    /// A condition without text.
    #[error("the condition is empty; write an expression, or leave the key out")]
    EmptyCondition,
    /// The whole value is `omit`, which only an entry of a mapping or list can be.
    #[error("the whole value is `omit`; only an entry can be left out")]
    Omitted,
}

/// The stretch of text that an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The template's text as it was written.
    pub template: Arc<str>,
    /// Byte range inside that text.
    pub range: Range<usize>,
}

/// A template that has no value, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{kind}{}", through(via))]
pub struct TemplateError {
    /// Why.
    pub kind: Box<ErrorKind>,
    /// Where in which text; none only for values that are no text at all.
    pub place: Option<Box<Place>>,
    /// The variables that led to that text, outermost first; empty when the text is the one that was given.
    pub via: Vec<String>,
    /// The JSON pointer of the text inside the tree that was given.
    pub pointer: String,
}

fn through(via: &[String]) -> String {
    via.last().map_or_else(String::new, |name| format!(" (in the value of `{name}`)"))
}

impl From<ErrorKind> for TemplateError {
    fn from(kind: ErrorKind) -> Self {
        Self { kind: Box::new(kind), place: None, via: Vec::new(), pointer: String::new() }
    }
}

impl From<modules::pyregex::RegexError> for TemplateError {
    fn from(error: modules::pyregex::RegexError) -> Self {
        call_error("regex", error.0)
    }
}

impl TemplateError {
    /// Gives the error its place, unless something nearer has done so.
    pub(super) fn at(mut self, template: &Arc<str>, range: Range<usize>) -> Self {
        if self.place.is_none() {
            self.place = Some(Box::new(Place { template: template.clone(), range }));
        }
        self
    }

    /// Gives the error the whole of a text as its place.
    pub(super) fn at_whole(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.at(&Arc::from(text), 0..text.len()),
            None => self,
        }
    }

    /// Tells which filter, test or function complains, for complaints that do not say so themselves.
    pub(super) fn called(mut self, name: &str) -> Self {
        if let ErrorKind::Type { message } = &mut *self.kind {
            let message = std::mem::take(message);
            *self.kind = ErrorKind::Call { name: name.to_owned(), message };
        }
        self
    }

    /// Whether an undefined value may stand in for it (`default`, `is defined`).
    pub(super) fn is_undefined(&self) -> bool {
        matches!(*self.kind, ErrorKind::Undefined { .. })
    }

    /// Whether it has to end the rendering, whatever the template makes of it.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(*self.kind, ErrorKind::Limit { .. } | ErrorKind::Unsupported { .. })
    }
}

/// The result of evaluating a part of a template.
pub(super) type Eval<T> = Result<T, TemplateError>;

pub(super) fn type_error(message: impl Into<String>) -> TemplateError {
    ErrorKind::Type { message: message.into() }.into()
}

pub(super) fn call_error(name: &str, message: impl Into<String>) -> TemplateError {
    ErrorKind::Call { name: name.to_owned(), message: message.into() }.into()
}

pub(super) fn limit(what: impl Into<String>) -> TemplateError {
    ErrorKind::Limit { what: what.into() }.into()
}

pub(super) fn unsupported(what: impl Into<String>, instead: impl Into<String>) -> TemplateError {
    ErrorKind::Unsupported { what: what.into(), instead: instead.into() }.into()
}

/// The known name nearest to `name`, if one is near enough to be a slip.
pub(super) fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    known
        .filter(|candidate| *candidate != name)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance * 3 <= name.len().max(candidate.len()))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
