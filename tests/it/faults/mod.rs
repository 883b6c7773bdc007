//! Faults made on purpose, for what `tests/faults/promises.tsv` promises.

mod bytes;
mod calls;
mod corpus;
mod cuts;
mod ends;
mod errors;
mod hanging;
mod mounts;
mod order;
mod site;
