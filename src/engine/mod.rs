//! The run: hosts side by side, tasks in order, batches, handlers.
//!
//! Absent on purpose: any word of a module's own. The engine knows asks, changes and plans, and nothing of
//! certificates, daemons or distributions. Whether this is check mode is asked in one place, after the plan has been
//! shown.

mod batch;
mod connect;
mod controller;
mod done;
mod doubt;
mod dtr;
mod expression;
mod facts;
mod finish;
mod foresee;
mod gates;
mod given;
mod guard;
mod host;
mod local_paths;
mod local_tree;
mod lock_file;
mod lookups;
mod magic;
mod meeting;
mod memory;
mod origins;
mod own;
mod prepare;
mod program;
mod reach;
mod reaching;
mod reading;
mod resume;
mod review;
mod run;
mod scope;
mod scripts;
mod settle;
mod site;
mod step;
mod tags;
mod there;
mod timings;
mod validate;
mod variables;
mod vars_files;
mod view;
mod window;

pub use connect::{Access, Connections};
pub use controller::Controller;
pub use expression::Asked;
pub use gates::{Question, Questions};
pub use given::check_given;
pub use memory::Memory;
pub use origins::{Later, Origins, Set, Traced};
pub use run::{Options, Parts, RunName, Selected, Shared, plays, random};
pub use scope::{Renderer, problem_of};
pub use tags::Tags;
pub use validate::check_templates;
