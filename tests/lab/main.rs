//! The lab: real hosts with systemd, sshd and dockerd, and a real registry.
//!
//! Each test has the hosts that it names to itself. Without `DTRCTL_LAB`, which `tests/run` sets when the lab is up,
//! each says that it is skipped.

mod ansible;
mod boot2docker;
#[path = "../faults/figure.rs"]
mod figure;
#[path = "../faults/form.rs"]
mod form;
mod guard;
mod hosts;
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
