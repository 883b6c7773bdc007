//! The contract of a module.

use std::any::Any;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::host::Host;
use super::plan::{Plan, PlanError};
use super::probe::Probe;

/// A module: its arguments are the struct it is implemented on.
///
/// It never applies anything, and is never told whether this is check mode: it says what it needs to know, then what
/// has to change.
pub trait Module: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Its name in a playbook.
    const NAME: &'static str;
    /// An example of its use, as tasks of a playbook; a test reads each.
    const EXAMPLE: &'static str;
    /// Arguments that are conditions or expressions: the engine evaluates them, as it does `when`.
    const EVALUATED: &'static [&'static str] = &[];
    /// The argument that names a template: a file of the controller whose text the engine renders with the task's variables, and
    /// gives to the module as its argument `content`.
    const RENDERS: Option<&'static str> = None;
    /// The argument that a task may give as bare text, as in `command: echo hello`.
    const BARE: Option<&'static str> = None;
    /// What its probe finds out.
    type State: Send + 'static;

    /// What must be known before anything can be planned.
    fn probe(&self, host: &Host) -> Probe<Self::State>;

    /// What has to change, given what was found.
    ///
    /// # Errors
    /// [`PlanError`] where the arguments and the host do not go together. Nothing has been touched then.
    fn plan(&self, host: &Host, state: Self::State) -> Result<Plan, PlanError>;
}

/// A task's module with its arguments, whatever its type.
pub trait Task: Any + Send + Sync {
    /// The probe, followed by the plan.
    fn start(self: Box<Self>, host: &Host) -> Probe<Result<Plan, PlanError>>;
}

impl<M: Module> Task for M {
    fn start(self: Box<Self>, host: &Host) -> Probe<Result<Plan, PlanError>> {
        let host = host.clone();
        let probe = self.probe(&host);
        probe.map(move |state| self.plan(&host, state))
    }
}

/// A module's line in the list of modules.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// An example of its use.
    pub example: &'static str,
    /// Arguments that are conditions or expressions.
    pub evaluated: &'static [&'static str],
    /// The argument that names a template, whose rendered text it takes as `content`.
    pub renders: Option<&'static str>,
    /// The argument that a task may give as bare text.
    pub bare: Option<&'static str>,
    /// Its arguments as a JSON Schema; the descriptions are the reference.
    pub schema: fn() -> Schema,
    /// Reads arguments.
    pub read: fn(serde_json::Value) -> Result<Box<dyn Task>, ArgumentError>,
}

/// Arguments that cannot be read: where in them, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArgumentError {
    /// The path into the arguments, such as `merge.log-opts` or `stores[1]`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Entry {
    /// The line of module `M`.
    #[must_use]
    pub const fn of<M: Module>() -> Self {
        Self {
            name: M::NAME,
            example: M::EXAMPLE,
            evaluated: M::EVALUATED,
            renders: M::RENDERS,
            bare: M::BARE,
            schema: schema::<M>,
            read: read::<M>,
        }
    }
}

fn schema<M: Module>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<M>()
}

fn read<M: Module>(arguments: serde_json::Value) -> Result<Box<dyn Task>, ArgumentError> {
    match serde_path_to_error::deserialize::<_, M>(arguments) {
        Ok(module) => Ok(Box::new(module)),
        Err(error) => {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            Err(ArgumentError { path, message: error.into_inner().to_string() })
        }
    }
}
