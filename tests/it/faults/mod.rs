//! Faults made on purpose, for what `tests/faults/promises.tsv` promises.

mod calls;
mod ends;
mod errors;
mod mounts;
mod order;
mod site;
