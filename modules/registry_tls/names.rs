//! Names of services and containers, which become arguments of the host's programs.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// The name of a service: a unit of systemd, with or without `.service`, or a script of /etc/init.d.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName(String);

/// The name or id of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerName(String);

/// The name of an old pair on the registry's host, such as `20260601T120000Z-0f3a…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedName(String);

/// A letter or digit, then these and others.
fn read(text: String, others: &str, what: &str) -> Result<String, String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || text.len() > 255 || !text.chars().all(fine) {
        return Err(format!(
            "`{text}` is no name of a {what}: letters, digits and `{others}`, beginning with a letter or digit"
        ));
    }
    Ok(text)
}

macro_rules! name {
    ($name:ident, $others:literal, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read(String::deserialize(deserializer)?, $others, $what).map(Self).map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "description": concat!("the name of a ", $what)})
            }
        }
    };
}

name!(ServiceName, "._-@:", "service");
name!(ContainerName, "._-", "container");
name!(SavedName, "-", "kept pair");
