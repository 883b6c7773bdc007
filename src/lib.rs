//! dtrctl.

pub mod net;
