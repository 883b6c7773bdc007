//! Certificates: the corpus, the matrix of what engines accept, and real handshakes.

mod against_go;
mod cases;
mod choices;
mod corpus;
#[path = "../faults/figure.rs"]
mod figure;
mod forge;
mod go;
mod handshakes;
mod issued;
mod keys;
mod matrix;
mod pki;
mod proofs;
mod random_chains;
mod server;
mod tangled;
mod texts;
mod weak;
