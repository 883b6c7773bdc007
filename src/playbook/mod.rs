//! Playbooks: plays and tasks as their author wrote them, each part with its place.
//!
//! Reading finds every mistake that can be found without a host, all at once.

mod arguments;
mod bare;
mod keywords;
mod play;
mod task;

pub use arguments::{argument_place, read_arguments};
pub use play::{Batch, Play, Playbook, Serial};
pub use task::{Become, Section, Task, is_about_the_connection};
