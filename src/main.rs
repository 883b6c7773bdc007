//! dtrctl.
fn main() {}
