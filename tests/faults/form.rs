//! How often a test tries: in the short form, or, where `DTRCTL_FAULTS` is `long`, in the long one.

/// One of the two counts.
pub fn times(short: usize, long: usize) -> usize {
    match std::env::var("DTRCTL_FAULTS").as_deref() {
        Ok("long") => long,
        Ok("short") | Err(_) => short,
        Ok(other) => panic!("DTRCTL_FAULTS is `{other}`: write `short` or `long`"),
    }
}
