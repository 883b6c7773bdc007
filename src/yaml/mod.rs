//! Text that the user wrote, as a tree in which every node knows its place.
//!
//! This is the only module that knows the YAML crate. Plain scalars are resolved as Ansible's loader does (`PyYAML`'s
//! YAML 1.1), not as the crate would: see [`scalar`].

mod build;
mod convert;
#[cfg(test)]
mod corpus;
mod marks;
mod merge;
mod node;
mod problem;
mod readable;
mod scalar;
mod source;
#[cfg(test)]
mod tests;

pub use build::{parse, parse_yaml};
pub use node::{Key, Node, Style, Text, Value};
pub use problem::{Problem, Problems, suggest};
pub use source::{Place, Source, Span};
