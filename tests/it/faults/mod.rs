//! Faults made on purpose, for what `tests/faults/promises.tsv` promises.

mod calls;
mod errors;
mod mounts;
mod order;
mod site;
