//! dtrctl.

pub mod template;
