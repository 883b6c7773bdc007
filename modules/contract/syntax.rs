//! Shell text that a host's own shell shall be able to read, asked and checked without running it.

use serde::{Serialize, Serializer};

use super::path::HostPath;
use super::text::Call;

/// Whether the host's `sh -n` takes a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AskSyntax {
    /// The text.
    pub text: Vec<u8>,
}

impl AskSyntax {
    pub(super) fn call(&self) -> Call {
        Call::new("ask_syntax").bytes(&self.text)
    }
}

/// Ends the script where the host's `sh -n` does not take a text that is about to be written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckSyntax {
    /// The file that is to hold it.
    pub path: HostPath,
    /// The text; the write that follows shows it.
    #[serde(serialize_with = "length")]
    pub text: Vec<u8>,
}

impl CheckSyntax {
    pub(super) fn call(&self) -> Call {
        Call::new("do_check_syntax").bytes(&self.text)
    }
}

fn length<S: Serializer>(text: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{} bytes", text.len()))
}
