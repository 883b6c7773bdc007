//! dtrctl: everything that touches the world.

pub mod event;
