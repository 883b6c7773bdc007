//! The modules of dtrctl.

pub mod daemon_config;
