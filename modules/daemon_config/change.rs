//! An edit of daemon.json that dockerd will take.

use super::edit::{Edit, EditError, Edited, apply};
use super::rules::{Problem, Severity, judge};
use super::version::Version;

/// Why a daemon.json is not changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChangeError {
    /// The text cannot take the edit.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// dockerd would not start with the result.
    #[error("dockerd does not start with the edited file: {}", listed(.0))]
    Refused(Vec<Problem>),
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join(" · ")
}

/// Applies an edit, if dockerd starts with the result as far as can be told without it: a file that it refuses
/// may be edited only into one that it takes.
///
/// # Errors
/// When the text cannot take the edit, or dockerd would refuse the result.
pub fn change(text: Option<&[u8]>, edit: &Edit, engine: Option<Version>) -> Result<Edited, ChangeError> {
    let edited = apply(text, edit)?;
    let mut problems = judge(&edited.value, engine);
    problems.retain(|problem| problem.severity == Severity::Error);
    if problems.is_empty() { Ok(edited) } else { Err(ChangeError::Refused(problems)) }
}
