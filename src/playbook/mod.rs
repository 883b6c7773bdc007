//! Playbooks: plays and tasks as their author wrote them, each part with its place.
//!
//! Reading finds every mistake that can be found without a host, all at once.

mod action;
mod argument_specs;
mod arguments;
mod call;
mod foreign;
mod gates;
mod import;
mod keys;
mod keywords;
pub mod one_task;
mod own;
mod part;
mod play;
mod read;
mod role;
mod role_files;
mod role_use;
mod schema;
mod shard;
mod shell_syntax;
mod task;
#[cfg(test)]
mod tests;
mod user_modules;
mod vocabulary;
mod words;

pub use action::{Action, Meta};
pub use arguments::{argument_place, completed, read_again, read_arguments};
pub use gates::{Budget, Canary, Confirm, Gates, Share};
pub use keywords::{Become, Keywords};
pub use part::{Around, Block, Files, Part, Role};
pub use play::{Batch, Play, Playbook, Serial};
pub use read::{IncludedRole, IncludedTasks, Library, Reader};
pub use role::WantedRole;
pub use schema::{schema, schema_with};
pub use shard::Shard;
pub use task::{LoopControl, Repeated, Task, is_about_the_connection, is_variable_name};
pub use user_modules::{UserModule, UserModules};
pub use words::variables as variables_of_line;
