//! The `loop` variable.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::call::Args;
use super::error::{Eval, call_error};
use super::syntax::ForLoop;
use super::value::Val;

/// Where a `for` loop is.
pub(super) struct Loop {
    items: Vec<Val>,
    index: AtomicUsize,
    /// How deep in itself it is, and, if it is `recursive`, what it does and how many names stand before it.
    depth: usize,
    again: Option<(Arc<ForLoop>, usize)>,
    changed: Mutex<Option<Vec<Val>>>,
}

impl Loop {
    pub(super) fn new(items: Vec<Val>, depth: usize, again: Option<(Arc<ForLoop>, usize)>) -> Self {
        Self { items, index: AtomicUsize::new(0), depth, again, changed: Mutex::default() }
    }

    pub(super) fn advance(&self, index: usize) {
        self.index.store(index, Ordering::Relaxed);
    }

    /// What `loop(…)` does again one deeper, and how many frames it sees, if it is `recursive`.
    pub(super) fn again(&self) -> Option<(Arc<ForLoop>, usize, usize)> {
        self.again.as_ref().map(|(repeat, frames)| (repeat.clone(), *frames, self.depth + 1))
    }

    fn index(&self) -> usize {
        self.index.load(Ordering::Relaxed)
    }

    /// The value of one of its attributes, if there is one of that name.
    pub(super) fn attribute(&self, name: &str) -> Eval<Option<Val>> {
        let (index, len) = (self.index(), self.items.len());
        let neighbour = |at: Option<usize>| at.and_then(|at| self.items.get(at)).cloned();
        Ok(Some(match name {
            "index" => Val::int(index + 1),
            "index0" => Val::int(index),
            "revindex" => Val::int(len - index),
            "revindex0" => Val::int(len - index - 1),
            "first" => Val::Bool(index == 0),
            "last" => Val::Bool(index + 1 == len),
            "length" => Val::int(len),
            "depth" => Val::int(self.depth + 1),
            "depth0" => Val::int(self.depth),
            "previtem" => neighbour(index.checked_sub(1)).unwrap_or_else(|| no_neighbour("previous")),
            "nextitem" => neighbour(Some(index + 1)).unwrap_or_else(|| no_neighbour("next")),
            _ => return Ok(None),
        }))
    }

    /// `loop.cycle(…)` and `loop.changed(…)`.
    pub(super) fn call(&self, name: &str, args: &Args, same: impl Fn(&Val, &Val) -> Eval<bool>) -> Eval<Val> {
        if name == "cycle" {
            let choices = &args.plain;
            return choices
                .get(self.index() % choices.len().max(1))
                .cloned()
                .ok_or_else(|| call_error(name, "it needs values to choose from"));
        }
        let Ok(mut last) = self.changed.lock() else { return Ok(Val::Bool(true)) };
        let mut equal = last.as_ref().is_some_and(|last| last.len() == args.plain.len());
        if let Some(last) = last.as_ref().filter(|_| equal) {
            for (a, b) in last.iter().zip(&args.plain) {
                equal = equal && same(a, b)?;
            }
        }
        *last = Some(args.plain.clone());
        Ok(Val::Bool(!equal))
    }
}

fn no_neighbour(which: &str) -> Val {
    let what = format!("there is no {which} item in the loop");
    Val::marker(super::error::ErrorKind::Undefined { name: None, what, closest: None }.into())
}
