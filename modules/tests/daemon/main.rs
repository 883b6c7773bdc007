//! The modules that look after the Docker daemon, against a host made up here and real daemon.json files.
#![expect(clippy::disallowed_macros, reason = "a test says what it skips and counts")]

mod fake_host;
mod files;
mod payment;
mod settings;
