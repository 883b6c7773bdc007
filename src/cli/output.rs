//! The process's two streams, as far as no run is under way.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Failure, render};
use crate::yaml::Problems;

/// Whether colour is wanted on standard error or output.
pub fn colour(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The width of the terminal behind a stream, or a good width for a file. Shells seldom hand `COLUMNS` on.
pub fn width(stream: impl AsFd) -> usize {
    let terminal = || rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col.into());
    columns(std::env::var("COLUMNS").ok().as_deref(), terminal)
}

fn columns(said: Option<&str>, terminal: impl FnOnce() -> Option<usize>) -> usize {
    let wide = |width: &usize| *width >= 40;
    let said = said.and_then(|text| text.parse().ok()).filter(wide);
    said.or_else(|| terminal().filter(wide)).unwrap_or(100)
}

/// Says why a command could not begin.
pub fn fail(failure: &Failure) {
    let stderr = std::io::stderr();
    let text = failure.render(colour(stderr.is_terminal()), width(&stderr));
    _ = stderr.lock().write_all(text.as_bytes());
}

/// Says what is odd and no reason to stop.
pub fn warn(problems: &Problems) {
    let stderr = std::io::stderr();
    for problem in &problems.0 {
        let text = render(problem, colour(stderr.is_terminal()), width(&stderr));
        _ = write!(stderr.lock(), "warning:\n{text}");
    }
}

/// A result did not reach its reader.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints a result. A reader that has gone is no error; a full disk is, and the process ends with it.
pub fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            LOST.store(true, Ordering::Relaxed);
            fail(&Failure::said(format!("standard output cannot be written: {error}")));
        }
        _ => {}
    }
}

/// The exit code, which is never 0 where a result was not written whole.
pub fn code(code: u8) -> u8 {
    if code == 0 && LOST.load(Ordering::Relaxed) { 1 } else { code }
}

/// Says a line beside a result.
pub fn note(text: &str) {
    _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Asks for an answer on the same line.
pub fn ask(text: &str) {
    let mut stderr = std::io::stderr().lock();
    _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn lines_are_broken_for_the_terminal_that_is_there() {
        assert_eq!(columns(None, || Some(80)), 80);
        assert_eq!(columns(Some("72"), || Some(80)), 72);
        assert_eq!(columns(Some("wide"), || Some(80)), 80);
        assert_eq!(columns(None, || Some(0)), 100);
        assert_eq!(columns(Some("10"), || None), 100);
    }
}
