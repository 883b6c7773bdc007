//! What a task may touch whose changes nobody knows yet: what later tasks are told of it is then not known either.

use super::answer::Answer;
use super::ask::Ask;
use super::path::HostPath;

/// What the tasks of a module may change on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touches {
    /// Nothing.
    Nothing,
    /// The paths that these arguments name, and what is below them.
    Paths(&'static [&'static str]),
    /// Nobody can say what.
    Anything,
}

/// What may no longer be as the host says.
#[derive(Debug, Clone)]
pub struct Doubt {
    /// What of it.
    pub about: DoubtAbout,
    /// Why.
    pub reason: String,
}

/// What is in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DoubtAbout {
    /// The whole host.
    Host,
    /// A path, with all that is below it.
    Path(HostPath),
    /// What a user's commands find out.
    Commands,
}

impl Doubt {
    /// The answer to an ask; unknown where it may be another by then.
    #[must_use]
    pub fn lay(&self, ask: &Ask, answer: Answer) -> Answer {
        if self.bears_on(ask) { Answer::Unknown(self.reason.clone()) } else { answer }
    }

    fn bears_on(&self, ask: &Ask) -> bool {
        match (&self.about, ask) {
            _ if ask.is_controllers() => false,
            (DoubtAbout::Host, _) | (_, Ask::Shell(_) | Ask::Wait(_) | Ask::Request(_)) => true,
            (DoubtAbout::Path(path), Ask::File(ask)) => ask.path.is_within(path),
            (DoubtAbout::Path(path), Ask::Stat(ask)) => ask.path.is_within(path),
            (DoubtAbout::Path(path), Ask::Sum(ask)) => ask.path.is_within(path),
            (DoubtAbout::Path(path), Ask::Dir(ask)) => meet(&ask.path, path),
            (DoubtAbout::Path(path), Ask::Tree(ask)) => meet(&ask.path, path),
            (DoubtAbout::Path(path), Ask::Glob(ask)) => meet(&ask.pattern, path) || ask.may_find(path),
            _ => false,
        }
    }
}

fn meet(one: &HostPath, other: &HostPath) -> bool {
    one.is_within(other) || other.is_within(one)
}
