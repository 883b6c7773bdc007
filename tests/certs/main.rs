//! Certificates: the corpus, the matrix of what engines accept, and real handshakes.

mod cases;
mod corpus;
mod go;
mod matrix;
mod pki;
mod server;
mod weak;
