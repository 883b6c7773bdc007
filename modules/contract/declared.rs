//! A user's own module: declared arguments, a probe that prints the current text, and shell that makes it the desired one.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::answer::ShellOutput;
use super::ask::AskShell;
use super::change::{Change, Content};
use super::host::Host;
use super::module::{ArgumentError, Task};
use super::plan::{Plan, PlanError};
use super::probe::Probe;
use super::text::Call;

/// What a user's file declares of a module.
#[derive(Debug, Default)]
pub struct DeclaredParts {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// Shell text that prints the current text.
    pub probe: String,
    /// Shell text that makes it so; it reads the desired text.
    pub apply: String,
    /// An example of its use, as tasks of a playbook; empty where there is none.
    pub example: String,
}

/// A declared argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it has to be given.
    pub required: bool,
    /// Its value where it is not given.
    pub default: Option<Value>,
    /// The values that it may have; any where there are none.
    pub choices: Vec<Value>,
    /// What it is for.
    pub description: String,
    /// Whether its value must not be shown.
    pub secret: bool,
}

/// What an argument holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// A mapping.
    Mapping,
}

impl Kind {
    /// Each by the name it has in a declaration.
    pub const ALL: [(&'static str, Self); 5] = [
        ("string", Self::String),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("list", Self::List),
        ("mapping", Self::Mapping),
    ];

    /// Its name in a declaration.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether a value is of this kind.
    #[must_use]
    pub fn holds(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Mapping => value.is_object(),
        }
    }

    const fn in_schema(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::List => "array",
            Self::Mapping => "object",
        }
    }
}

impl Argument {
    fn schema(&self) -> Value {
        let mut description = self.description.trim_end().to_owned();
        if let Some(default) = &self.default {
            description += &format!(" Default: `{default}`.");
        }
        if self.secret {
            description += " A secret: it is not shown.";
        }
        let mut schema = json!({"type": self.kind.in_schema(), "description": description.trim_start()});
        if !self.choices.is_empty() {
            schema["enum"] = self.choices.clone().into();
        }
        schema
    }

    /// Why a value is none for it.
    ///
    /// # Errors
    /// The end of a sentence that begins with its name.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        if !self.kind.holds(value) {
            let shown = if self.secret { "what is given".to_owned() } else { format!("`{value}`") };
            return Err(format!("has to be a {}, which {shown} is not", self.kind.name()));
        }
        if !self.choices.is_empty() && !self.choices.contains(value) {
            let all: Vec<String> = self.choices.iter().map(|choice| format!("`{}`", text(choice))).collect();
            return Err(format!("has to be one of {}", all.join(", ")));
        }
        if text(value).contains('\0') {
            return Err("holds a NUL byte, which no program can be given".to_owned());
        }
        if text(value).len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes, and no program can be given that"));
        }
        Ok(())
    }
}

/// Bytes of one variable of a program's environment, below what Linux allows.
const LONGEST: usize = 128_000;

/// A declared module.
#[derive(Debug)]
pub struct Declared {
    parts: DeclaredParts,
    schema: Value,
}

impl std::ops::Deref for Declared {
    type Target = DeclaredParts;
    fn deref(&self) -> &DeclaredParts {
        &self.parts
    }
}

impl Declared {
    /// The argument under which the engine hands over the desired text.
    pub const DESIRED: &'static str = "_desired";
    /// The argument under which the engine hands over the task's environment.
    pub const ENVIRONMENT: &'static str = "_environment";

    /// A module of these parts.
    #[must_use]
    pub fn new(parts: DeclaredParts) -> Self {
        let properties: Map<String, Value> =
            parts.arguments.iter().map(|one| (one.name.clone(), one.schema())).collect();
        let required: Vec<&str> =
            parts.arguments.iter().filter(|one| one.required).map(|one| one.name.as_str()).collect();
        let schema = json!({
            "title": parts.name,
            "description": parts.description,
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        Self { parts, schema }
    }

    /// Its arguments as a JSON Schema.
    #[must_use]
    pub const fn schema(&self) -> &Value {
        &self.schema
    }

    /// The arguments, each checked, with their defaults; one that is not given and has none is null.
    ///
    /// # Errors
    /// [`ArgumentError`], at the first that is wrong.
    pub fn complete(&self, arguments: &Value) -> Result<Map<String, Value>, ArgumentError> {
        let none = Map::new();
        let given = arguments.as_object().unwrap_or(&none);
        if let Some(name) = given.keys().find(|name| !self.takes(name)) {
            return Err(wrong(name, "is none of its arguments"));
        }
        let mut all = Map::new();
        for argument in &self.arguments {
            let value = given.get(&argument.name).filter(|value| !value.is_null());
            if value.is_none() && argument.required {
                return Err(wrong(&argument.name, "has to be given"));
            }
            if let Some(value) = value {
                argument.check(value).map_err(|message| wrong(&argument.name, &message))?;
            }
            let value = value.or(argument.default.as_ref()).cloned().unwrap_or_default();
            all.insert(argument.name.clone(), value);
        }
        Ok(all)
    }

    /// The values that must not be shown.
    pub fn secrets<'a>(&'a self, arguments: &'a Map<String, Value>) -> impl Iterator<Item = String> + 'a {
        let secret = self.arguments.iter().filter(|argument| argument.secret);
        secret.filter_map(|argument| arguments.get(&argument.name)).map(text).filter(|text| !text.is_empty())
    }

    fn takes(&self, name: &str) -> bool {
        [Self::DESIRED, Self::ENVIRONMENT].contains(&name)
            || self.arguments.iter().any(|argument| argument.name == name)
    }

    /// Reads arguments, with the desired text among them.
    pub(super) fn read(&'static self, arguments: &Value) -> Result<Box<dyn Task>, ArgumentError> {
        let all = self.complete(arguments)?;
        let secret = self.secrets(&all).next().is_some();
        let of_task = arguments[Self::ENVIRONMENT].as_object().cloned().unwrap_or_default();
        let own = all.iter().map(|(name, value)| (format!("ARG_{name}"), text(value)));
        let environment =
            of_task.iter().map(|(name, value)| (name.clone(), text(value))).chain(own).collect();
        let desired = ended(arguments[Self::DESIRED].as_str().unwrap_or_default());
        Ok(Box::new(Own { module: self, environment, desired, secret }))
    }
}

fn wrong(name: &str, message: &str) -> ArgumentError {
    ArgumentError { path: name.to_owned(), message: message.to_owned() }
}

/// A value as a variable of an environment holds it: text as it is, nothing as the empty text, the rest as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A text with one line end after it; the empty text stays so. What a program prints has one or none, and that is no difference.
fn ended(text: &str) -> String {
    let text = text.trim_end_matches('\n');
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

/// A task of a declared module.
struct Own {
    module: &'static Declared,
    environment: Vec<(String, String)>,
    desired: String,
    secret: bool,
}

impl Task for Own {
    fn start(self: Box<Self>, host: &Host) -> Probe<Result<Plan, PlanError>> {
        if host.facts.sandbox {
            return Probe::ready(Err(PlanError::new("a sandbox runs no commands")
                .help("try this playbook on a host that is reached by ssh or `ansible_connection: local`")));
        }
        if self.desired.contains('\0') {
            return Probe::ready(Err(PlanError::new(format!(
                "the desired text of `{}` holds a NUL byte",
                self.module.name
            ))));
        }
        let ask = AskShell { script: self.module.probe.clone(), environment: self.environment.clone() };
        Probe::ask(ask).map(move |output| self.plan(&output))
    }
}

impl Own {
    fn plan(self, output: &ShellOutput) -> Result<Plan, PlanError> {
        let name = &self.module.name;
        if output.status != 0 {
            let said = output.stderr.trim();
            let said = if said.is_empty() { String::new() } else { format!(": {said}") };
            return Err(PlanError::new(format!("the probe of `{name}` ended with {}{said}", output.status))
                .help("a probe prints the current text, nothing where there is none, and ends with 0"));
        }
        let current = ended(&output.stdout);
        let content = |text: &str| Content { bytes: text.as_bytes().to_vec(), secret: self.secret };
        let mut plan = Plan::default();
        if !self.secret {
            plan.set("before", current.as_str());
            plan.set("after", self.desired.as_str());
        }
        if current != self.desired {
            plan.changes.push(Change::Own(Box::new(ApplyOwn {
                module: name.clone(),
                script: self.module.apply.clone(),
                environment: self.environment,
                before: content(&current),
                after: content(&self.desired),
            })));
        }
        Ok(plan)
    }
}

/// Has a user's own module make its text the desired one. Its probe is asked again afterwards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApplyOwn {
    /// The module.
    pub module: String,
    /// The shell text that does it.
    pub script: String,
    /// The arguments, as variables of its environment. They are not shown: the texts show what comes of them.
    #[serde(skip)]
    pub environment: Vec<(String, String)>,
    /// What the probe has printed.
    pub before: Content,
    /// What it shall print; the script reads it.
    pub after: Content,
}

impl ApplyOwn {
    pub(super) fn call(&self) -> Call {
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        let text = String::from_utf8_lossy(&self.after.bytes).into_owned();
        Call::new("do_own").word(text).words(environment).word("--").word(&self.script)
    }

    pub(super) fn summary(&self) -> String {
        format!("apply `{}`", self.module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Answer, Entry, Facts, Step};

    fn entry() -> &'static Entry {
        let argument = |name: &str, kind, required, default| Argument {
            name: name.to_owned(),
            kind,
            required,
            default,
            choices: if name == "level" { vec![json!(1), json!(2)] } else { Vec::new() },
            description: "It.".to_owned(),
            secret: name == "token",
        };
        Entry::of_declared(Declared::new(DeclaredParts {
            name: "mine".to_owned(),
            arguments: vec![
                argument("url", Kind::String, true, None),
                argument("level", Kind::Integer, false, Some(json!(1))),
                argument("tags", Kind::List, false, None),
                argument("token", Kind::String, false, None),
            ],
            probe: "cat x".to_owned(),
            apply: "cat >x".to_owned(),
            ..DeclaredParts::default()
        }))
    }

    fn planned(arguments: Value, output: (i32, &str)) -> Result<Plan, PlanError> {
        let host = Host::new("web1", Facts::default());
        let probe = entry().read(arguments).map_err(|error| PlanError::new(error.to_string()))?.start(&host);
        let output =
            ShellOutput { status: output.0, stdout: output.1.to_owned(), stderr: "it broke\n".to_owned() };
        match probe.resume(vec![Answer::Shell(output)]) {
            Ok(Step::Ready(plan)) => plan,
            _ => panic!("one ask is enough"),
        }
    }

    #[test]
    fn the_two_texts_differ_in_more_than_the_last_line_end_or_nothing_is_done() {
        for (printed, desired, changes) in
            [("a", "a\n", 0), ("a\n\n", "a", 0), ("", "\n", 0), ("a", "b", 1), ("", "a", 1), (" a", "a", 1)]
        {
            let plan = planned(json!({"url": "u", "_desired": desired}), (0, printed)).unwrap();
            assert_eq!(plan.changes.len(), changes, "{printed:?} {desired:?}");
        }
    }

    #[test]
    fn arguments_are_variables_of_the_environment() {
        let arguments =
            json!({"url": "a '$x'\nb", "tags": ["t", 1], "_desired": "d", "_environment": {"E": "1"}});
        let plan = planned(arguments, (0, "")).unwrap();
        let [Change::Own(own)] = &plan.changes[..] else { panic!("{plan:?}") };
        let environment: Vec<String> = own.environment.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            environment,
            ["E=1", "ARG_url=a '$x'\nb", "ARG_level=1", "ARG_tags=[\"t\",1]", "ARG_token="]
        );
        assert_eq!((&plan.result["before"], &plan.result["after"]), (&json!(""), &json!("d\n")));
    }

    #[test]
    fn a_secret_hides_both_texts() {
        let plan =
            planned(json!({"url": "u", "token": "hunter2", "_desired": "hunter2"}), (0, "old")).unwrap();
        let shown = serde_json::to_string(&plan.changes).unwrap() + &format!("{:?}", plan.result);
        assert!(!shown.contains("hunter2") && !shown.contains("old"), "{shown}");
    }

    #[test]
    fn what_is_wrong_is_said_at_its_argument() {
        for (arguments, path) in [
            (json!({}), "url"),
            (json!({"url": 1}), "url"),
            (json!({"url": "a\u{0}"}), "url"),
            (json!({"url": "u", "level": 3}), "level"),
            (json!({"url": "u", "nosuch": 3}), "nosuch"),
            (json!({"url": "u", "tags": {}}), "tags"),
        ] {
            assert_eq!(entry().read(arguments.clone()).err().expect("refused").path, path, "{arguments}");
        }
        let error = planned(json!({"url": "u"}), (3, "")).unwrap_err();
        assert_eq!(error.message, "the probe of `mine` ended with 3: it broke");
    }
}
