//! Failures and exit codes: the only place that joins them.

use std::collections::BTreeMap;

use miette::Diagnostic as _;

use crate::event::overview::{Overview, Standing};
use crate::event::visible::without_keys;
use crate::event::{Recap, State};
use crate::vault;
use crate::yaml::{Problem, Problems};

/// What ends a command before its work is done.
#[derive(Debug)]
pub enum Failure {
    /// Mistakes in what the user wrote, each at its place.
    Input(Problems),
    /// Anything else: what is wrong, and what to do.
    Said {
        /// What is wrong.
        message: String,
        /// What to do.
        help: Option<String>,
    },
}

impl Failure {
    /// A failure in words.
    pub fn said(message: impl Into<String>) -> Self {
        Self::Said { message: message.into(), help: None }
    }

    /// The same with what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Said { message, .. } => Self::Said { message, help: Some(help.into()) },
            input @ Self::Input(_) => input,
        }
    }

    /// The text for a person.
    #[must_use]
    pub fn render(&self, colour: bool, width: usize) -> String {
        match self {
            Self::Input(problems) => {
                // The text that caused it is shown with it, and may hold a key that was written in the wrong place.
                let each = problems.0.iter().map(|problem| without_keys(&render(problem, colour, width)));
                each.collect()
            }
            Self::Said { message, help } => {
                let help = help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
                vault::masked(&format!("error: {message}\n{help}")).into_owned()
            }
        }
    }

    /// The exit code: bad input, refused before any host was touched.
    #[must_use]
    pub const fn code(&self) -> u8 {
        1
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Input(problems)
    }
}

impl From<Box<Problem>> for Failure {
    fn from(problem: Box<Problem>) -> Self {
        Self::Input((*problem).into())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Input(problem.into())
    }
}

/// A problem as it is printed, with the line that caused it.
#[must_use]
pub fn render(problem: &Problem, colour: bool, width: usize) -> String {
    let problem = &masked(problem);
    let hidden = problem.at.as_ref().filter(|place| place.source.encrypted);
    if problem.at.is_none() || hidden.is_some() {
        let help = problem.help().map(|help| format!("  help: {help}\n")).unwrap_or_default();
        let place = hidden.map(|place| format!("{place}: ")).unwrap_or_default();
        return format!("error: {place}{}\n{help}", problem.message);
    }
    let theme =
        if colour { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(width).with_context_lines(1);
    let mut text = String::new();
    match handler.render_report(&mut text, problem) {
        Ok(()) => vault::masked(&text).into_owned(),
        Err(_) => format!("error: {}\n", problem.message),
    }
}

/// The same problem without what was encrypted. It is masked before its lines are broken, which could tear a secret apart.
fn masked(problem: &Problem) -> Problem {
    let mask = |text: &String| vault::masked(text).into_owned();
    Problem {
        message: mask(&problem.message),
        at: problem.at.clone(),
        label: problem.label.as_ref().map(mask),
        help: problem.help.as_ref().map(mask),
    }
}

/// What has ended a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was through.
    Through,
    /// A gate: a budget, the canary, or nobody who said to go on.
    Gate,
    /// The operator.
    Interrupt,
}

/// The exit code of a run. When several hold: interrupted, gate, rolled back, failed, unreachable, pending, done.
#[must_use]
pub fn exit_code(hosts: &BTreeMap<String, Recap>, end: End, check: bool, detailed: bool) -> u8 {
    let any = |states: &[State]| hosts.values().any(|recap| states.contains(&recap.state));
    let pending = check && hosts.values().any(|recap| recap.changed > 0);
    let open = hosts.values().any(|recap| recap.unknown > 0 || !recap.owed.is_empty());
    if end == End::Interrupt {
        130
    } else if end == End::Gate {
        5
    } else if any(&[State::RolledBack]) {
        6
    } else if any(&[State::Failed, State::Stale, State::Unsupported]) {
        3
    } else if any(&[State::Unreachable]) {
        4
    } else if any(&[State::Aborted]) {
        // Stopped for the sake of a host that is itself well, such as one whose failure was rescued.
        5
    } else if detailed && (pending || open) {
        2
    } else {
        0
    }
}

/// The exit code of `trust` and `cert check`, for CI. `run` is the run's own: an interrupted one stays one. When several
/// hold: failed, unreachable, not trusted. Where no host has a daemon, nothing is trusted either.
#[must_use]
pub fn overview_exit_code(overview: &Overview, run: u8) -> u8 {
    let any = |standings: &[Standing]| overview.answers.values().any(|a| standings.contains(&a.standing));
    if run == 130 {
        130
    } else if any(&[Standing::Failed]) {
        3
    } else if any(&[Standing::Unreachable]) {
        4
    } else if any(&[
        Standing::Expiring,
        Standing::Insecure,
        Standing::Unknown,
        Standing::Untrusted,
        Standing::NotAttempted,
    ]) || !any(&[Standing::Trusted])
    {
        2
    } else {
        0
    }
}
