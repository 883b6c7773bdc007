//! A step: one task, or one item of its loop, made ready for one host as far as is known by now.

use std::sync::Arc;

use modules::{Ask, Frame, Host, Plan, PlanError, Probe};
use serde_json::{Value as Json, json};

use super::scope::{NoValue, Renderer};
use crate::event::TaskHead;
use crate::playbook::{Task, read_arguments};
use crate::template::Scope;
use crate::transport::Identity;
use crate::yaml::{Node, Problem};

/// What a step's probe leads to.
pub type Planned = Result<Plan, PlanError>;

/// A step and what is known of it.
pub struct Ready<'a> {
    /// The task.
    pub task: &'a Task,
    /// Its place among the play's tasks.
    pub index: usize,
    /// The item of its loop, and whether it is the last.
    pub item: Option<Item>,
    /// Its name and item, for events.
    pub head: TaskHead,
    /// As whom it asks and acts.
    pub identity: Identity,
    /// Whether the controller does it in the host's place.
    pub delegated: bool,
    /// Whether its changes are only planned.
    pub check: bool,
    /// Its variables.
    pub scope: Arc<Scope>,
    /// Its module's arguments, templated.
    pub arguments: Json,
    /// How far it is.
    pub stage: Stage,
    /// The key and the digests of the answers that led to its plan, for a later run to know them again.
    pub answered: Option<(String, Vec<String>)>,
}

/// What it takes to ask a step once more.
#[derive(Debug, Clone)]
pub struct Witness<'a> {
    task: &'a Task,
    index: usize,
    item: Option<Item>,
    scope: Arc<Scope>,
    identity: Identity,
    delegated: bool,
    arguments: Json,
    key: String,
}

impl<'a> Witness<'a> {
    /// Of a step that has been asked.
    pub fn of(step: &Ready<'a>) -> Self {
        Self {
            task: step.task,
            index: step.index,
            item: step.item.clone(),
            scope: Arc::clone(&step.scope),
            identity: step.identity.clone(),
            delegated: step.delegated,
            arguments: step.arguments.clone(),
            key: step.answered.as_ref().map(|(key, _)| key.clone()).unwrap_or_default(),
        }
    }

    /// The step, to be asked again with the arguments that it had.
    pub fn ask(&self, host: &Host) -> Option<Ready<'a>> {
        let host = &seen_as(host, &self.identity);
        let module = (self.task.module.read)(self.arguments.clone()).ok()?;
        let mut step = Ready::new(self.task, self.index, self.item.clone(), Arc::clone(&self.scope));
        step.identity = self.identity.clone();
        step.delegated = self.delegated;
        step.arguments = self.arguments.clone();
        let probe = module.start(host);
        step.stage =
            Stage::Asking(Asking { probe, frames: None, digests: Vec::new(), key: self.key.clone() });
        Some(step)
    }
}

/// A host as the user sees it that a step runs as.
#[must_use]
pub fn seen_as(host: &Host, identity: &Identity) -> Host {
    let mut host = host.clone();
    if let Identity::User(user) = identity {
        host.facts.user.clone_from(user);
    }
    host
}

/// An item of a loop.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its place, from 0.
    pub index: usize,
    /// Its value.
    pub value: Json,
    /// Whether no other follows.
    pub last: bool,
}

/// How far a step is.
pub enum Stage {
    /// A condition does not hold: which.
    Skipped(String),
    /// Check mode cannot know: why.
    Unknown(String),
    /// A mistake in a template or an argument.
    Wrong(Box<Problem>),
    /// What has to change is known.
    Known(Box<Planned>),
    /// The host has to be asked first.
    Asking(Asking),
}

/// Asks under way.
pub struct Asking {
    /// The probe that waits for answers.
    pub probe: Probe<Planned>,
    /// The frames that answer it, once they have come.
    pub frames: Option<Vec<Frame>>,
    /// The digests of the answers so far, by which a later run knows them again.
    pub digests: Vec<String>,
    /// The key under which they are remembered.
    pub key: String,
}

impl Asking {
    /// Whether an ask has an effect of its own.
    pub fn is_fenced(&self) -> bool {
        self.probe.asks().iter().any(Ask::is_fenced)
    }
}

/// Why a step cannot be made ready yet.
pub enum NotReady {
    /// It needs the result of an earlier step.
    Pending,
}

impl<'a> Ready<'a> {
    /// A step whose templates are still to be rendered.
    pub fn new(task: &'a Task, index: usize, item: Option<Item>, scope: Arc<Scope>) -> Self {
        Self {
            task,
            index,
            head: head(task, index, item.as_ref()),
            item,
            identity: Identity::Login,
            delegated: false,
            check: false,
            scope,
            arguments: Json::Null,
            stage: Stage::Skipped(String::new()),
            answered: None,
        }
    }

    /// As whom it runs, as far as that is known before facts are.
    pub fn identity_of(&mut self, renderer: &Renderer) -> Identity {
        self.identity(renderer).unwrap_or(Identity::Login)
    }

    /// Renders its keywords and arguments. The stage stays `Skipped`, `Unknown` or `Wrong` where they end it; otherwise
    /// the arguments are there and the module is given back.
    pub fn render(
        &mut self,
        renderer: &Renderer,
        check: bool,
    ) -> Result<Option<Box<dyn modules::Task>>, NotReady> {
        match self.try_render(renderer, check) {
            Ok(module) => Ok(module),
            Err(NoValue::Pending) => Err(NotReady::Pending),
            Err(NoValue::Unknown(reason)) => {
                self.stage = Stage::Unknown(reason);
                Ok(None)
            }
            Err(NoValue::Wrong(problem)) => {
                self.stage = Stage::Wrong(problem);
                Ok(None)
            }
        }
    }

    fn try_render(
        &mut self,
        renderer: &Renderer,
        check: bool,
    ) -> Result<Option<Box<dyn modules::Task>>, NoValue> {
        if let Err(condition) = renderer.all(&self.task.when, &self.scope)? {
            self.stage = Stage::Skipped(format!("`{condition}` does not hold"));
            return Ok(None);
        }
        if let Some(name) = &self.task.name {
            // A name is for reading: one that cannot be rendered is shown as it was written.
            if let Ok(name) = renderer.text(name, &self.scope) {
                self.head.name = name;
            }
        }
        self.check = match &self.task.check_mode {
            Some(node) => renderer.flag(node, &self.scope)?,
            None => check,
        };
        self.delegated = self.delegation(renderer)?;
        self.identity = self.identity(renderer)?;
        self.arguments = self.arguments(renderer)?;
        let place = self.task.arguments.as_ref().unwrap_or(&self.task.module_key);
        read_arguments(self.task.module, place, self.arguments.clone()).map(Some).map_err(NoValue::Wrong)
    }

    fn delegation(&self, renderer: &Renderer) -> Result<bool, NoValue> {
        let Some(node) = &self.task.delegate_to else { return Ok(false) };
        match renderer.text(node, &self.scope)?.as_str() {
            "localhost" | "127.0.0.1" => Ok(true),
            other => Err(NoValue::Wrong(Box::new(
                Problem::new(format!("a task cannot be delegated to `{other}` yet"), node.place())
                    .help("`localhost`, the controller, is the one host that tasks can be delegated to"),
            ))),
        }
    }

    fn identity(&self, renderer: &Renderer) -> Result<Identity, NoValue> {
        // A connection variable wins over the keyword, as in Ansible.
        let wanted = match (renderer.variable("ansible_become", &self.scope)?, &self.task.identity.wanted) {
            (Some(value), _) => renderer.truth(&value, None)?,
            (None, Some(node)) => renderer.flag(node, &self.scope)?,
            (None, None) => renderer.become_default(),
        };
        if !wanted || self.delegated {
            return Ok(Identity::Login);
        }
        match (renderer.variable("ansible_become_user", &self.scope)?, &self.task.identity.user) {
            (Some(Json::String(user)), _) => Ok(Identity::User(user)),
            (_, Some(node)) => Ok(Identity::User(renderer.text(node, &self.scope)?)),
            _ => Ok(Identity::User("root".to_owned())),
        }
    }

    fn condition(&self, renderer: &Renderer, node: &Node) -> Result<Json, NoValue> {
        Ok(as_evaluated(node, &renderer.holds(node, &self.scope)?.into()))
    }

    fn arguments(&self, renderer: &Renderer) -> Result<Json, NoValue> {
        let Some(node) = &self.task.arguments else { return Ok(Json::Object(serde_json::Map::new())) };
        let evaluated = self.task.module.evaluated;
        if evaluated.is_empty() {
            return renderer.value(node, &self.scope);
        }
        let mut arguments = serde_json::Map::new();
        for (key, value) in node.as_map().unwrap_or_default() {
            let name = key.as_str().unwrap_or_default();
            let rendered = match (evaluated.contains(&name), value.as_seq()) {
                (true, Some(items)) => {
                    let held = items.iter().map(|item| self.condition(renderer, item));
                    held.collect::<Result<Vec<_>, _>>().map(Json::Array)?
                }
                (true, None) if name == "that" => Json::Array(vec![self.condition(renderer, value)?]),
                (true, None) => as_evaluated(value, &renderer.expression(value, &self.scope)?),
                (false, _) => renderer.value(value, &self.scope)?,
            };
            arguments.insert(name.to_owned(), rendered);
        }
        Ok(Json::Object(arguments))
    }
}

/// What was written, with its value.
fn as_evaluated(node: &Node, value: &Json) -> Json {
    let expression = node.as_str().unwrap_or_else(|| node.written()).trim();
    json!({"expression": expression, "value": value})
}

fn head(task: &Task, index: usize, item: Option<&Item>) -> TaskHead {
    TaskHead {
        index,
        name: task.shown_name().to_owned(),
        module: task.module.name.to_owned(),
        item: item.map(|item| {
            if task.no_log { format!("{} (hidden)", item.index + 1) } else { shorten(&item.value) }
        }),
        handler: task.section == crate::playbook::Section::Handler,
    }
}

/// An item as one short line.
fn shorten(value: &Json) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if text.chars().count() > 60 { line + "…" } else { line }
}
