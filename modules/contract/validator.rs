//! A program that judges a file before it is in force.

use serde::Serialize;

use super::plan::PlanError;

/// A command in which one `%s` stands for the file that is to be judged. It runs without a shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Validator(Vec<String>);

impl Validator {
    /// Reads a line, split at spaces with quotes as a shell reads them.
    ///
    /// # Errors
    /// [`PlanError`] where `%s` is missing or there are several, or a quote is not closed.
    pub fn new(line: &str) -> Result<Self, PlanError> {
        let words = crate::words::split(line)?;
        match words.iter().map(|word| word.matches("%s").count()).sum() {
            1 if !words[0].contains("%s") => Ok(Self(words)),
            1 => {
                Err(PlanError::new("`validate` runs the new file itself").help("name a program before `%s`"))
            }
            0 => Err(PlanError::new(format!("validate must contain %s: {line}"))
                .help("write `%s` where the program takes the path of the new file")),
            _ => Err(PlanError::new("`validate` has several `%s`").help("write it once")),
        }
    }

    /// The program and its arguments.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}
