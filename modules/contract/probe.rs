//! A probe: what a module asks before it plans, as asks and a decoder, combined without running anything.

use super::answer::{Answer, AskError};
use super::ask::{Ask, Question};

/// What is wanted of the answers: the next value, or more asks that depend on them.
type Decode<T> = Box<dyn FnOnce(Vec<Answer>) -> Result<Step<T>, AskError> + Send>;

/// Asks, and what to make of their answers.
pub struct Probe<T> {
    asks: Vec<Ask>,
    decode: Decode<T>,
}

/// What answers lead to.
pub enum Step<T> {
    /// All is known.
    Ready(T),
    /// The answers raise further asks: one more trip.
    More(Probe<T>),
}

impl<T: Send + 'static> Probe<T> {
    /// A probe that asks nothing.
    pub fn ready(value: T) -> Self {
        Self { asks: Vec::new(), decode: Box::new(|_| Ok(Step::Ready(value))) }
    }

    /// A probe that cannot be made: its host or its arguments do not allow it.
    #[must_use]
    pub fn refuse(error: AskError) -> Self {
        Self { asks: Vec::new(), decode: Box::new(|_| Err(error)) }
    }

    /// A probe of one ask.
    pub fn ask<Q: Question<Answer = T>>(question: Q) -> Self {
        let decode = |mut answers: Vec<Answer>| match answers.pop() {
            Some(answer) => Q::take(answer).map(Step::Ready),
            None => Err(AskError::Lost),
        };
        Self { asks: vec![question.into()], decode: Box::new(decode) }
    }

    /// The asks of this step, to be answered in this order.
    #[must_use]
    pub fn asks(&self) -> &[Ask] {
        &self.asks
    }

    /// Makes a value, or more asks, of the answers.
    ///
    /// # Errors
    /// [`AskError`] where an answer is an error or cannot be known.
    pub fn resume(self, answers: Vec<Answer>) -> Result<Step<T>, AskError> {
        (self.decode)(answers)
    }

    /// The same probe with its value turned into another.
    pub fn map<U: Send + 'static>(self, f: impl FnOnce(T) -> U + Send + 'static) -> Probe<U> {
        self.and_then(|value| Probe::ready(f(value)))
    }

    /// This probe, then one that depends on its value.
    pub fn and_then<U: Send + 'static>(self, f: impl FnOnce(T) -> Probe<U> + Send + 'static) -> Probe<U> {
        let decode = self.decode;
        Probe {
            asks: self.asks,
            decode: Box::new(move |answers| match decode(answers)? {
                Step::Ready(value) => f(value).settle(),
                Step::More(probe) => Ok(Step::More(probe.and_then(f))),
            }),
        }
    }

    /// Both probes, their asks side by side.
    #[must_use]
    pub fn zip<U: Send + 'static>(self, other: Probe<U>) -> Probe<(T, U)> {
        let mut asks = self.asks;
        let split = asks.len();
        asks.extend(other.asks);
        let (left, right) = (self.decode, other.decode);
        Probe {
            asks,
            decode: Box::new(move |mut answers| {
                let rest = answers.split_off(split.min(answers.len()));
                match (left(answers)?, right(rest)?) {
                    (Step::Ready(a), Step::Ready(b)) => Ok(Step::Ready((a, b))),
                    (a, b) => Ok(Step::More(a.into_probe().zip(b.into_probe()))),
                }
            }),
        }
    }

    /// All probes of a list, their asks side by side.
    #[must_use]
    pub fn all(probes: Vec<Self>) -> Probe<Vec<T>> {
        probes.into_iter().fold(Probe::ready(Vec::new()), |all, probe| {
            all.zip(probe).map(|(mut values, value)| {
                values.push(value);
                values
            })
        })
    }

    /// A probe without asks is resolved at once, so that it costs no trip.
    fn settle(self) -> Result<Step<T>, AskError> {
        if self.asks.is_empty() { self.resume(Vec::new()) } else { Ok(Step::More(self)) }
    }
}

impl<T: Send + 'static> Step<T> {
    fn into_probe(self) -> Probe<T> {
        match self {
            Self::Ready(value) => Probe::ready(value),
            Self::More(probe) => probe,
        }
    }
}
