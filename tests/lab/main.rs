//! The lab: real hosts with systemd, sshd and dockerd, and a real registry.
//!
//! The tests share the hosts, so they run one at a time. Without `DTRCTL_LAB`, which `tests/run` sets when the lab is up,
//! each says that it is skipped.

mod ansible;
mod boot2docker;
#[path = "../faults/figure.rs"]
mod figure;
#[path = "../faults/form.rs"]
mod form;
mod guard;
mod insecure;
mod killed;
mod lab;
mod login;
mod overview;
mod platforms;
mod refusals;
mod registry_tls;
mod rotation;
mod running;
mod swarm;
mod trust;
