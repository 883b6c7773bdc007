//! How much one rendering may cost: counted in steps and bytes, not in time, so that the same
//! template stops at the same place on every machine.

use std::cell::Cell;

use modules::pyregex::Meter;

use super::error::{Eval, TemplateError, limit};

const STEPS: u64 = 1_000_000;
const BYTES: u64 = 32 << 20;
/// Expressions inside expressions, through variables and macros; a thread's 2 MiB of stack hold them.
const NESTING: u32 = 160;
/// Lists inside lists.
pub(super) const DEPTH: u16 = 120;

/// What is left to one rendering.
#[derive(Debug)]
pub(super) struct Budget {
    steps: Cell<u64>,
    bytes: Cell<u64>,
    nesting: Cell<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { steps: Cell::new(STEPS), bytes: Cell::new(BYTES), nesting: Cell::new(0) }
    }
}

impl Budget {
    /// Pays for work in proportion to `count`.
    pub(super) fn work(&self, count: usize) -> Eval<()> {
        let left = self.steps.get().checked_sub(count as u64);
        self.steps.set(left.ok_or_else(|| limit("it takes more than a million steps; loop over less"))?);
        Ok(())
    }

    /// Pays for `count` bytes of new text.
    pub(super) fn text(&self, count: usize) -> Eval<()> {
        let left = self.bytes.get().checked_sub(count as u64);
        self.bytes.set(left.ok_or_else(|| limit("it makes more than 32 MiB of values; make less"))?);
        Ok(())
    }

    /// Pays for `count` new items in a list or mapping.
    pub(super) fn items(&self, count: usize) -> Eval<()> {
        self.work(count)?;
        self.text(count.saturating_mul(48))
    }

    /// Goes one expression deeper; the guard comes back up when it is dropped.
    pub(super) fn descend(&self) -> Eval<Deeper<'_>> {
        self.work(1)?;
        let nesting = self.nesting.get() + 1;
        if nesting > NESTING {
            return Err(limit(format!(
                "it is nested more than {NESTING} deep; does a variable refer to itself?"
            )));
        }
        self.nesting.set(nesting);
        Ok(Deeper(self))
    }
}

impl Meter for Budget {
    type Stop = TemplateError;

    fn work(&self, count: usize) -> Eval<()> {
        Self::work(self, count)
    }

    fn items(&self, count: usize) -> Eval<()> {
        Self::items(self, count)
    }

    fn text(&self, bytes: usize) -> Eval<()> {
        Self::text(self, bytes)
    }
}

/// One level of nesting.
pub(super) struct Deeper<'a>(&'a Budget);

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        self.0.nesting.set(self.0.nesting.get() - 1);
    }
}

/// Text that is being made, paid for as it grows.
pub(super) struct Text<'a> {
    budget: &'a Budget,
    text: String,
}

impl<'a> Text<'a> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Self { budget, text: String::new() }
    }

    pub(super) fn budget(&self) -> &'a Budget {
        self.budget
    }

    pub(super) fn push(&mut self, part: &str) -> Eval<()> {
        self.budget.text(part.len())?;
        self.text.push_str(part);
        Ok(())
    }

    pub(super) fn repeat(&mut self, part: &str, count: usize) -> Eval<()> {
        self.budget.text(part.len().saturating_mul(count))?;
        self.text.push_str(&part.repeat(count));
        Ok(())
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
