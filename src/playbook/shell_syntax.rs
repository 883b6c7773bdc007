//! Whether shell text can be read at all, said by the shell of this machine.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::yaml::{Node, Problem};

/// Has `sh -n` read a text, which runs nothing. Where this machine has no `sh`, the hosts' own will say it.
///
/// # Errors
/// What the shell says.
pub(super) fn check_shell(node: &Node) -> Result<(), Problem> {
    let text = node.as_str().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Problem::new("there is no shell text", node.place()));
    }
    if text.contains('\0') {
        return Err(Problem::new("the shell text holds a NUL byte", node.place()));
    }
    let Some(said) = refused(text) else { return Ok(()) };
    let said = said.lines().next().unwrap_or("it ends too early").trim().to_owned();
    Err(Problem::new("the shell cannot read this text", node.place())
        .label(said)
        .help("try it with `sh -n`; it is POSIX shell text"))
}

/// What the shell says of a text that it cannot read.
fn refused(text: &str) -> Option<String> {
    let mut shell = Command::new("sh");
    shell.arg("-n").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = shell.spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    // A shell that stops at a mistake reads no further.
    _ = stdin.write_all(text.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().ok()?;
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}
