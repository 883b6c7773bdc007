//! dtrctl.

pub mod inventory;
pub mod yaml;
