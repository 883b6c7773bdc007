//! Runs on disk: what each was, and all that it said.
//!
//! A directory a run, named by its id: `run.json` says what was asked, `events.jsonl` what happened. Absent on purpose:
//! printing, and any word on what a run is to do. Whoever runs something says what is to be kept; whoever reads it gets it
//! back as events.

mod again;
mod checkout;
mod family;
mod history;
mod reading;
mod record;
mod recorder;
mod seal;
mod store;
#[cfg(test)]
mod tests;

pub use checkout::{Checkout, checkout};
pub use family::Left;
pub use history::{Finished, History, StepName};
pub use reading::{Ending, Kept, Told};
pub use record::{Asked, Play, Playbook, Record, VERSION};
pub use recorder::Recorder;
pub use store::{Begun, KEPT, Store};
