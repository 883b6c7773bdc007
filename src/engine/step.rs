//! A step: one task, or one item of its loop, made ready for one host as far as is known by now.

use std::sync::Arc;

use modules::{Ask, Frame, Host, Plan, PlanError, Probe};
use serde_json::{Map, Value as Json, json};

use super::program::{LoopItem, Mark, TaskWork};
use super::scope::{NoValue, Renderer};
use super::site::Site;
use crate::event::TaskHead;
use crate::keys;
use crate::playbook::{Action, Task, completed, read_again, read_arguments};
use crate::template::{Layer, Scope};
use crate::transport::Identity;
use crate::vault;
use crate::yaml::{Node, Problem, Value};

/// What a step's probe leads to.
pub type Planned = Result<Plan, PlanError>;

/// A step and what is known of it.
#[expect(clippy::struct_excessive_bools, reason = "each is a keyword of its own")]
pub struct Ready {
    /// The task.
    pub work: TaskWork,
    /// What is passed before it.
    pub before: Vec<Mark>,
    /// Its name and item, for events.
    pub head: TaskHead,
    /// As whom it asks and acts.
    pub identity: Identity,
    /// Where it is done in the host's place.
    pub site: Option<Arc<Site>>,
    /// Whether its changes are only planned.
    pub check: bool,
    /// Whether they are only planned in a run that applies, too.
    pub is_trial: bool,
    /// Whether its values are secrets.
    pub no_log: bool,
    /// Whether its differences are shown.
    pub shows_diff: bool,
    /// The environment of its commands.
    pub environment: Vec<(String, String)>,
    /// Its variables.
    pub scope: Arc<Scope>,
    /// Its module's arguments, templated.
    pub arguments: Json,
    /// Variables from files that it brings.
    pub included: Vec<(String, Json)>,
    /// How far it is.
    pub stage: Stage,
    /// The key of its answers before any was given.
    pub key: String,
    /// Whether its answers were read before the steps before it were settled.
    pub is_early: bool,
    /// Whether it is not even asked about before the steps before it are settled.
    pub has_turn: bool,
    /// The key and the digests of the answers that led to its plan, for a later run to know them again.
    pub answered: Option<(String, Vec<String>)>,
}

/// What it takes to ask a step once more.
#[derive(Clone)]
pub struct Witness {
    work: TaskWork,
    scope: Arc<Scope>,
    identity: Identity,
    site: Option<Arc<Site>>,
    arguments: Json,
    key: String,
}

impl Witness {
    /// Of a step that has been asked.
    pub fn of(step: &Ready) -> Self {
        Self {
            work: step.work.clone(),
            scope: Arc::clone(&step.scope),
            identity: step.identity.clone(),
            site: step.site.clone(),
            arguments: step.arguments.clone(),
            key: step.key.clone(),
        }
    }

    /// As whom it acts.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The step, to be asked again with the arguments that it had.
    pub fn ask(&self, host: &Host) -> Option<Ready> {
        let host = &seen_as(host, &self.identity);
        let module = read_again(self.work.task.module()?, self.arguments.clone())?;
        let mut step = Ready::new(self.work.clone(), Arc::clone(&self.scope));
        step.identity = self.identity.clone();
        step.site.clone_from(&self.site);
        step.arguments = self.arguments.clone();
        step.key.clone_from(&self.key);
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

/// How far a step is.
pub enum Stage {
    /// It is left out.
    Skipped(Skip),
    /// Check mode cannot know: why.
    Unknown(String),
    /// A mistake in a template or an argument.
    Wrong(Box<Problem>),
    /// What has to change is known.
    Known(Box<Planned>),
    /// The host has to be asked first.
    Asking(Asking),
    /// Another host has done it for all: how it ended.
    Told(Box<super::meeting::Told>),
    /// It needs the result of a step before it.
    Pending,
}

impl Stage {
    /// What stands in the place of a stage that is being worked on.
    #[must_use]
    pub const fn taken() -> Self {
        Self::Skipped(Skip::NoItems)
    }
}

/// Why a step is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// A condition does not hold: which.
    Condition(String),
    /// Its loop has no items.
    NoItems,
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
    /// Whether all that it asks of the host is how a registry looks from there.
    pub fn only_looks_at_registries(&self) -> bool {
        self.probe.asks().iter().all(|ask| matches!(ask, Ask::Distribution(_)) || ask.is_controllers())
    }

    /// Whether an ask has an effect of its own.
    pub fn is_fenced(&self) -> bool {
        self.probe.asks().iter().any(Ask::is_fenced)
    }
}

/// Why a step cannot be made ready yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReady {
    /// It needs the result of an earlier step.
    Pending,
    /// It needs what other hosts find out before it.
    Others,
    /// It waits, or its answers hang on what is done before it.
    Turn,
}

/// What a step does, its arguments rendered.
pub enum Doing {
    /// A module.
    Module(Box<dyn modules::Task>),
    /// Something of the engine's own.
    Own,
}

impl Ready {
    /// A step whose templates are still to be rendered.
    pub fn new(work: TaskWork, scope: Arc<Scope>) -> Self {
        Self {
            head: head(&work),
            work,
            before: Vec::new(),
            identity: Identity::Login,
            site: None,
            check: false,
            is_trial: false,
            no_log: false,
            shows_diff: true,
            environment: Vec::new(),
            scope,
            arguments: Json::Null,
            included: Vec::new(),
            stage: Stage::taken(),
            key: String::new(),
            is_early: false,
            has_turn: false,
            answered: None,
        }
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.work.task
    }

    /// Whether what stands behind it can be asked about before it is ready: it brings no tasks, and is done for this host alone.
    pub fn may_stand_open(&self) -> bool {
        let task = self.task();
        let own = &task.keywords;
        matches!(task.action, Action::Module(_) | Action::SetFact)
            && !task.action.is_for_all()
            && own.run_once.is_none()
            && own.delegate_to.is_none()
            && own.delegate_facts.is_none()
    }

    /// As whom it runs, as far as that is known before facts are.
    pub fn identity_of(&mut self, renderer: &Renderer) -> Identity {
        self.identity(renderer).unwrap_or(Identity::Login)
    }

    /// Whether its conditions hold; where one does not, the stage says which.
    ///
    /// # Errors
    /// [`NoValue`] of a condition.
    pub fn applies(&mut self, renderer: &Renderer) -> Result<bool, NoValue> {
        self.no_log = self.hides(renderer);
        self.render_head(renderer);
        match renderer.all(&self.work.task.keywords.when, &self.scope)? {
            Ok(()) => Ok(true),
            Err(condition) => {
                self.stage = Stage::Skipped(Skip::Condition(condition));
                Ok(false)
            }
        }
    }

    /// The name and the label of the item, which a step that is left out has, too.
    fn render_head(&mut self, renderer: &Renderer) {
        let task = Arc::clone(&self.work.task);
        // A name is for reading: one that cannot be rendered is shown as it was written.
        if let Some(name) = &task.name
            && let Ok(name) = renderer.text(name, &self.scope)
        {
            self.head.name = name;
        }
        if let Some(label) = task.loop_control.label.as_ref().filter(|_| self.work.item.is_some())
            && !self.no_log
            && let Ok(label) = renderer.value(label, &self.scope)
        {
            self.head.item = Some(shorten(&label));
        }
    }

    /// What cannot be read is hidden: it was meant to be.
    fn hides(&self, renderer: &Renderer) -> bool {
        let node = self.work.task.keywords.no_log.as_ref();
        node.is_some_and(|node| renderer.flag(node, &self.scope).unwrap_or(true))
    }

    /// Renders its keywords and arguments.
    ///
    /// # Errors
    /// [`NoValue`] of the first that has none.
    pub fn render(&mut self, renderer: &Renderer, check: bool) -> Result<Doing, NoValue> {
        let task = Arc::clone(&self.work.task);
        let keywords = &task.keywords;
        let flag = |node: &Option<Node>, default: bool| match node {
            Some(node) => renderer.flag(node, &self.scope),
            None => Ok(default),
        };
        self.check = flag(&keywords.check_mode, check)?;
        self.is_trial = self.check && self.is_trial(renderer)?;
        self.shows_diff = flag(&keywords.diff, true)?;
        self.environment = environment(&keywords.environment, renderer, &self.scope)?;
        self.identity = self.identity(renderer)?;
        match task.action {
            Action::Module(module) => {
                self.arguments = self.module_arguments(module, renderer)?;
                let place = task.arguments.as_ref().unwrap_or(&task.action_key);
                read_arguments(module, place, self.arguments.clone())
                    .map(Doing::Module)
                    .map_err(|(_, problem)| NoValue::Wrong(problem))
            }
            Action::Meta(_) | Action::IncludeTasks | Action::IncludeRole => Ok(Doing::Own),
            Action::SetFact | Action::IncludeVars => {
                let none = Json::Object(Map::new());
                let arguments = task.arguments.as_ref();
                self.arguments = arguments.map_or(Ok(none), |node| renderer.data(node, &self.scope))?;
                Ok(Doing::Own)
            }
        }
    }

    fn is_trial(&self, renderer: &Renderer) -> Result<bool, NoValue> {
        let Some(node) = &self.work.task.keywords.check_mode else { return Ok(false) };
        let mut applying = Scope::child(&self.scope);
        applying.set_literal("ansible_check_mode", &false.into());
        renderer.flag(node, &Arc::new(applying))
    }

    fn identity(&self, renderer: &Renderer) -> Result<Identity, NoValue> {
        let keyword = &self.work.task.keywords.identity;
        let at_controller = self.site.as_ref().is_some_and(|site| site.is_controller);
        let wanted = keyword.wanted.as_ref();
        if at_controller {
            // On this machine only a task that says so itself becomes somebody else: what holds for the fleet is not meant for it.
            let own = wanted.filter(|node| self.work.task.place.contains(&node.place()));
            if !own.map_or(Ok(false), |node| renderer.flag(node, &self.scope))? {
                return Ok(Identity::Login);
            }
            return self.user(None, renderer);
        }
        // A connection variable wins over the keyword, as in Ansible.
        let variable = |name: &str| match &self.site {
            None => renderer.variable(name, &self.scope),
            Some(site) => renderer.variable(name, &site.scope),
        };
        let become_it = match (variable("ansible_become")?, wanted) {
            (Some(value), _) => renderer.truth(&value, None)?,
            (None, Some(node)) => renderer.flag(node, &self.scope)?,
            (None, None) => renderer.become_default(),
        };
        if !become_it {
            return Ok(Identity::Login);
        }
        self.user(variable("ansible_become_user")?, renderer)
    }

    fn user(&self, variable: Option<Json>, renderer: &Renderer) -> Result<Identity, NoValue> {
        match (variable, &self.work.task.keywords.identity.user) {
            (Some(Json::String(user)), _) => Ok(Identity::User(user)),
            (_, Some(node)) => Ok(Identity::User(renderer.text(node, &self.scope)?)),
            _ => Ok(Identity::User("root".to_owned())),
        }
    }

    fn module_arguments(&self, module: &modules::Entry, renderer: &Renderer) -> Result<Json, NoValue> {
        if let (Some(declared), Some(desired)) = (module.declared(), &self.work.task.desired) {
            return self.arguments_of_declared(module, declared, desired, renderer);
        }
        let Some(node) = &self.work.task.arguments else { return Ok(Json::Object(Map::new())) };
        let mut arguments = if module.evaluated.is_empty() {
            renderer.value(node, &self.scope)?
        } else {
            self.evaluated(module.evaluated, node, renderer)?
        };
        if let Some(name) = module.renders {
            let content =
                renderer.template_file(name, &arguments, node, &self.work.task.around.files, &self.scope)?;
            if let Some(arguments) = arguments.as_object_mut() {
                arguments.insert("content".to_owned(), content.into());
            }
        }
        Ok(arguments)
    }

    /// The arguments of a user's own module, with the text that it is to make so: its template sees them as variables.
    fn arguments_of_declared(
        &self,
        module: &modules::Entry,
        declared: &modules::Declared,
        desired: &Node,
        renderer: &Renderer,
    ) -> Result<Json, NoValue> {
        let task = &self.work.task;
        let given = match &task.arguments {
            Some(node) => renderer.value(node, &self.scope)?,
            None => Json::Object(Map::new()),
        };
        let at = task.arguments.as_ref().unwrap_or(&task.action_key);
        let mut all = completed(module, declared, at, given).map_err(NoValue::Wrong)?;
        declared.secrets(&all).for_each(|secret| vault::hide(&secret));
        let mut scope = Scope::child(&self.scope);
        all.iter().for_each(|(name, value)| scope.set_literal(name.clone(), value));
        let text = renderer.text(desired, &Arc::new(scope))?;
        let environment = self.environment.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        all.insert(modules::Declared::ENVIRONMENT.to_owned(), Json::Object(environment.collect()));
        all.insert(modules::Declared::DESIRED.to_owned(), text.into());
        Ok(Json::Object(all))
    }

    fn condition(&self, renderer: &Renderer, node: &Node) -> Result<Json, NoValue> {
        Ok(as_evaluated(node, &renderer.holds(node, &self.scope)?.into()))
    }

    fn evaluated(&self, evaluated: &[&str], node: &Node, renderer: &Renderer) -> Result<Json, NoValue> {
        let mut arguments = Map::new();
        for (key, value) in node.as_map().unwrap_or_default() {
            let name = key.as_str().unwrap_or_default();
            let rendered = match (evaluated.contains(&name), value.as_seq()) {
                (true, Some(items)) => {
                    let held = items.iter().map(|item| self.condition(renderer, item));
                    held.collect::<Result<Vec<_>, _>>().map(Json::Array)?
                }
                (true, None) if name == "that" => Json::Array(vec![self.condition(renderer, value)?]),
                // `debug` says that a variable is not there, which is no failure.
                (true, None) => match renderer.expression(value, &self.scope) {
                    Err(NoValue::Wrong(problem)) if name == "var" => {
                        as_evaluated(value, &format!("<< error: {} >>", problem.message).into())
                    }
                    value_of => as_evaluated(value, &value_of?),
                },
                (false, _) => {
                    // With its name, so that `omit` can leave it out.
                    let entry = Value::Map(vec![(key.clone(), value.clone())]);
                    let entry = renderer.value(&Node { value: entry, ..node.clone() }, &self.scope)?;
                    arguments.extend(entry.as_object().cloned().unwrap_or_default());
                    continue;
                }
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

/// `environment`: mappings, of which a later one overrules an earlier one.
fn environment(
    nodes: &[Node],
    renderer: &Renderer,
    scope: &Arc<Scope>,
) -> Result<Vec<(String, String)>, NoValue> {
    let mut all: Vec<(String, String)> = Vec::new();
    for node in nodes {
        let value = renderer.value(node, scope)?;
        let Json::Object(map) = value else {
            // An empty text or list is what a template gives that has nothing to say.
            if value.as_str().is_some_and(str::is_empty)
                || value.is_null()
                || value == Json::Array(Vec::new())
            {
                continue;
            }
            let problem = Problem::new("`environment` is no mapping of names to values", node.place());
            return Err(NoValue::Wrong(Box::new(problem)));
        };
        for (name, value) in map {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            all.retain(|(known, _)| *known != name);
            all.push((name, value));
        }
    }
    Ok(all)
}

/// The variables of an item.
#[must_use]
pub fn item_layer(task: &Task, item: &LoopItem) -> Arc<Layer> {
    let control = &task.loop_control;
    let mut layer = Layer::new();
    layer.set_literal(control.loop_var.clone(), &item.value);
    layer.set_literal("ansible_loop_var", &control.loop_var.clone().into());
    if let Some(name) = &control.index_var {
        layer.set_literal(name.clone(), &item.index.into());
        layer.set_literal("ansible_index_var", &name.clone().into());
    }
    if let Some(all) = &item.all {
        layer.set_literal("ansible_loop", &extended(item, all, control.extended_allitems));
    }
    Arc::new(layer)
}

/// `ansible_loop`.
fn extended(item: &LoopItem, all: &[Json], with_all: bool) -> Json {
    let (index, length) = (item.index, all.len());
    let mut map = Map::new();
    if with_all {
        map.insert("allitems".to_owned(), all.to_vec().into());
    }
    for (name, value) in [
        ("index", index + 1),
        ("index0", index),
        ("revindex", length - index),
        ("revindex0", length - index - 1),
        ("length", length),
    ] {
        map.insert(name.to_owned(), value.into());
    }
    map.insert("first".to_owned(), (index == 0).into());
    map.insert("last".to_owned(), (index + 1 == length).into());
    if let Some(previous) = index.checked_sub(1).and_then(|index| all.get(index)) {
        map.insert("previtem".to_owned(), previous.clone());
    }
    if let Some(next) = all.get(index + 1) {
        map.insert("nextitem".to_owned(), next.clone());
    }
    Json::Object(map)
}

fn head(work: &TaskWork) -> TaskHead {
    let hidden = work.task.keywords.no_log.as_ref().is_some_and(|node| node.value != Value::Bool(false));
    TaskHead {
        place: work.place.clone(),
        name: work.task.shown_name().to_owned(),
        module: work.task.action.name().to_owned(),
        item: work
            .item
            .as_ref()
            .map(|item| if hidden { format!("{} (hidden)", item.index + 1) } else { shorten(&item.value) }),
        handler: work.task.around.handler,
    }
}

/// An item as one short line.
fn shorten(value: &Json) -> String {
    let text = value.as_str().map_or_else(|| keys::shown(value.clone()).to_string(), str::to_owned);
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if text.chars().count() > 60 { line + "…" } else { line }
}
