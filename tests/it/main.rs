//! The integration tests: one binary.

mod boot2docker;
mod certificates;
mod command_line;
mod cut;
mod dtr;
mod engine_library;
mod engine_rules;
mod examples;
mod faults;
#[path = "../faults/figure.rs"]
mod figure;
mod file_modules;
mod files;
mod files_library;
#[path = "../faults/form.rs"]
mod form;
mod gates;
mod gates_at_random;
mod guard;
mod harness;
mod hostile;
mod imports;
mod inventories;
mod journal;
mod killed;
mod language;
mod mistakes;
mod outcomes;
mod overview;
mod own_modules;
mod pki;
mod plans;
mod proxy;
#[path = "../faults/readers.rs"]
mod readers;
mod reference;
mod registry_library;
mod registry_tls;
mod requests;
mod resuming;
mod roles;
mod running;
mod running_library;
mod schema;
mod sessions;
mod shards;
mod shipped;
mod sshd;
mod transport;
mod tree;
mod truth;
mod undoing;
mod vars;
mod vault;
mod windows;
