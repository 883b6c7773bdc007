//! dtrctl: everything that touches the world.

pub mod cli;
pub mod config;
pub mod engine;
pub mod error;
pub mod event;
pub mod inventory;
pub mod issue;
pub mod journal;
pub mod keys;
pub mod net;
pub mod plan;
pub mod playbook;
pub mod reference;
pub mod report;
pub mod template;
pub mod transport;
pub mod vault;
pub mod yaml;
