//! dtrctl: everything that touches the world.

pub mod event;
pub mod playbook;
pub mod yaml;
