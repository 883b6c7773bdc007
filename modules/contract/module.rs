//! The contract of a module.

use std::any::Any;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::declared::Declared;
use super::host::Host;
use super::plan::{Plan, PlanError};
use super::probe::Probe;
use super::touches::Touches;

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
    /// Other names of its arguments, each with the name that the reference lists.
    const ALIASES: &'static [(&'static str, &'static str)] = &[];
    /// Arguments that Ansible's module of this name has and this one does not, each with what to do instead.
    const LEFT_OUT: &'static [(&'static str, &'static str)] = &[];
    /// What its tasks may change, for when it cannot be known whether they do.
    const TOUCHES: Touches = Touches::Anything;
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
    /// Other names of its arguments, each with the argument's own.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Arguments of Ansible's that it does not have, each with what to do instead.
    pub left_out: &'static [(&'static str, &'static str)],
    /// What its tasks may change.
    pub touches: Touches,
    /// Where its arguments are described.
    source: Described,
}

/// Where a module's arguments are described.
#[derive(Debug)]
enum Described {
    /// By a type of this crate.
    Typed {
        /// As a JSON Schema.
        schema: fn() -> Schema,
        /// Reads them.
        read: fn(Value) -> Result<Box<dyn Task>, ArgumentError>,
    },
    /// By a file of the user's.
    Declared(&'static Declared),
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
            aliases: M::ALIASES,
            left_out: M::LEFT_OUT,
            touches: M::TOUCHES,
            source: Described::Typed { schema: schema::<M>, read: read::<M> },
        }
    }

    /// The line of a user's own module. It lives as long as the program, as those of the built-in ones do.
    #[must_use]
    pub fn of_declared(declared: Declared) -> &'static Self {
        let declared: &'static Declared = Box::leak(Box::new(declared));
        Box::leak(Box::new(Self {
            name: &declared.name,
            example: &declared.example,
            evaluated: &[],
            renders: None,
            bare: None,
            aliases: &[],
            left_out: &[],
            // As with `shell`: what other modules look at is theirs.
            touches: Touches::Paths(&[]),
            source: Described::Declared(declared),
        }))
    }

    /// Its arguments as a JSON Schema; the descriptions are the reference.
    #[must_use]
    pub fn schema(&self) -> Value {
        match &self.source {
            Described::Typed { schema, .. } => schema().to_value(),
            Described::Declared(declared) => declared.schema().clone(),
        }
    }

    /// Reads arguments.
    ///
    /// # Errors
    /// [`ArgumentError`], at the argument that cannot be read.
    pub fn read(&self, arguments: Value) -> Result<Box<dyn Task>, ArgumentError> {
        match &self.source {
            Described::Typed { read, .. } => read(arguments),
            Described::Declared(declared) => declared.read(&arguments),
        }
    }

    /// What its file declares, where it is a user's own.
    #[must_use]
    pub const fn declared(&self) -> Option<&'static Declared> {
        match self.source {
            Described::Typed { .. } => None,
            Described::Declared(declared) => Some(declared),
        }
    }

    /// The own name of an argument that may be given by another.
    #[must_use]
    pub fn argument<'n>(&self, name: &'n str) -> &'n str {
        own_name(self.aliases, name)
    }
}

fn own_name<'n>(aliases: &'static [(&'static str, &'static str)], name: &'n str) -> &'n str {
    aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, own)| own)
}

/// The arguments by their own names. Which of them were given by another is told beside.
fn by_own_names<M: Module>(arguments: Value) -> Result<(Value, Vec<(String, String)>), ArgumentError> {
    let Value::Object(given) = arguments else { return Ok((arguments, Vec::new())) };
    let (mut own, mut renamed) = (serde_json::Map::new(), Vec::new());
    for (name, value) in given {
        if let Some((_, instead)) = M::LEFT_OUT.iter().find(|(left_out, _)| *left_out == name) {
            let message = format!("it is left out; {instead}");
            return Err(ArgumentError { path: name, message });
        }
        let argument = own_name(M::ALIASES, &name).to_owned();
        if argument != name {
            renamed.push((argument.clone(), name.clone()));
        }
        if own.insert(argument.clone(), value).is_some() {
            let message = format!("`{argument}` is given twice: it has other names, too");
            return Err(ArgumentError { path: name, message });
        }
    }
    Ok((Value::Object(own), renamed))
}

fn schema<M: Module>() -> Schema {
    SchemaGenerator::default().into_root_schema_for::<M>()
}

fn read<M: Module>(arguments: Value) -> Result<Box<dyn Task>, ArgumentError> {
    let (arguments, renamed) = by_own_names::<M>(arguments)?;
    match serde_path_to_error::deserialize::<_, M>(arguments) {
        Ok(module) => Ok(Box::new(module)),
        Err(error) => {
            let path = error.path().to_string();
            let path = if path == "." { String::new() } else { path };
            // As it stands in the playbook.
            let path = renamed.into_iter().find(|(own, _)| *own == path).map_or(path, |(_, given)| given);
            Err(ArgumentError { path, message: error.into_inner().to_string() })
        }
    }
}
