//! An argument that the engine has evaluated.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// A condition or an expression as it was written, with its value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Evaluated<T> {
    /// As it was written.
    pub expression: String,
    /// What it is for this host.
    pub value: T,
}

impl<T> JsonSchema for Evaluated<T> {
    fn schema_name() -> Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "boolean"], "description": "an expression, without braces around it"})
    }
}
