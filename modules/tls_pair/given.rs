//! What an operator gives: text in the playbook, or a file of the controller.

use std::fmt;

use crate::certs::{self, Certificate};
use crate::contract::{AskLocalFile, PlanError, Probe};

/// A text and what it is called in messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The file's path or the argument's name, in backticks.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

impl Given {
    /// The bytes with a newline at their end.
    #[must_use]
    pub fn ended(mut self) -> Vec<u8> {
        if self.bytes.last() != Some(&b'\n') {
            self.bytes.push(b'\n');
        }
        self.bytes
    }
}

/// Asks for what is given as `argument` or, in a file, as `argument_file`.
pub fn given(
    argument: &'static str,
    text: Option<&str>,
    file: Option<&String>,
) -> Probe<Result<Given, PlanError>> {
    match (text, file) {
        (Some(text), None) => {
            Probe::ready(Ok(Given { name: format!("`{argument}`"), bytes: text.as_bytes().to_vec() }))
        }
        (None, Some(path)) => {
            let name = format!("`{path}`");
            Probe::ask(AskLocalFile::new(path.clone())).map(move |bytes| Ok(Given { name, bytes }))
        }
        (None, None) => Probe::ready(Err(PlanError::new(format!("there is no {argument}"))
            .help(format!("give `{argument}_file`, a file beside the playbook, or `{argument}`, its text")))),
        (Some(_), Some(_)) => {
            Probe::ready(Err(PlanError::new(format!("both `{argument}` and `{argument}_file` are given"))
                .help("give one of the two")))
        }
    }
}

/// The roots that clients trust.
///
/// # Errors
/// Where the file holds no certificates.
pub fn read_ca(path: Option<&String>, bytes: Option<&Vec<u8>>) -> Result<Vec<Certificate>, PlanError> {
    let (Some(path), Some(bytes)) = (path, bytes) else { return Ok(Vec::new()) };
    certs::read(bytes).map_err(|error| {
        PlanError::new(format!("`{path}`: {error}"))
            .help("give a PEM file with the root's certificate as `ca`")
    })
}
