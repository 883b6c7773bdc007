//! Certificates: the corpus, the matrix of what engines accept, and real handshakes.

mod corpus;
mod go;
