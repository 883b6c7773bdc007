//! Handshakes and requests from the controller to a registry.
//!
//! Absent on purpose: any judgement by webpki. A handshake only captures what is sent and proves
//! that the server has the key; `modules::certs` judges it as dockerd would.

pub mod connect;
pub mod http;
pub mod stand_in;
mod tap;
pub mod tls;
mod verifier;
