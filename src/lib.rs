//! dtrctl: everything that touches the world.

pub mod event;
pub mod inventory;
pub mod playbook;
pub mod report;
pub mod yaml;
