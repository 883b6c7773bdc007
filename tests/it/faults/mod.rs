//! Faults made on purpose, for what `tests/faults/promises.tsv` promises.

mod bombs;
mod bytes;
mod calls;
mod connection;
mod corpus;
mod cuts;
mod ends;
mod errors;
mod hanging;
mod mounts;
mod order;
mod secrets;
mod site;
