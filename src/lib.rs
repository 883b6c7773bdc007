//! dtrctl.
