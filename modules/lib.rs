//! The modules of dtrctl.
