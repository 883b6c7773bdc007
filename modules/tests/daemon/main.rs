//! The modules that look after the Docker daemon, against a host made up here and real daemon.json files.
mod fake_host;
mod files;
mod payment;
mod settings;
