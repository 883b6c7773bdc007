//! A run: plays in order, batches in order, hosts side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use modules::{Host, Overlay};
use serde_json::{Map, Value as Json, json};
use tokio::sync::{OnceCell, OwnedMutexGuard, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::connect::{Connections, NoWay};
use super::controller::Controller;
use super::host::{HostRun, Variables};
use super::memory::Memory;
use super::scope::{Renderer, problem_of};
use super::tags::Tags;
use crate::event::{Event, Reason, Recap, State, TaskHead};
use crate::inventory::Inventory;
use crate::playbook::{Play, Playbook, Task};
use crate::template::{Hosts, Scope};
use crate::transport::Limits;
use crate::yaml::Problems;

/// What the operator asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Nothing is applied.
    pub check: bool,
    /// Hosts side by side.
    pub forks: usize,
    /// Which tasks.
    pub tags: Tags,
    /// `-e`, already read.
    pub extra: Vec<(String, Json)>,
    /// Bounds of one script.
    pub limits: Limits,
}

impl Options {
    /// The scope of what belongs to no host.
    #[must_use]
    pub fn extra_scope(&self) -> Scope {
        let mut scope = Scope::new();
        for (name, value) in &self.extra {
            scope.set_source(name.clone(), value);
        }
        scope
    }
}

/// What all hosts of a run share.
pub struct Shared {
    /// What the operator asked for.
    pub options: Options,
    /// The inventory.
    pub inventory: Arc<Inventory>,
    /// Renders templates.
    pub renderer: Renderer,
    /// The controller's own answers.
    pub controller: Controller,
    /// What is known of hosts from earlier runs.
    pub memory: Memory,
    /// Set where the run has to end: hosts stop before their next script.
    pub stop: Arc<AtomicBool>,
    /// How hosts are reached.
    pub connections: Connections,
    /// Each host's variables of the inventory.
    pub inventory_scopes: Arc<HostScopes>,
    /// `groups`: the hosts of each group.
    groups: Json,
    events: mpsc::UnboundedSender<Event>,
    overlays: Mutex<HashMap<String, Overlay>>,
    /// Of what hosts have planned, what all others see too.
    seen: Mutex<BTreeMap<String, Overlay>>,
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Set where a host of a play with `any_errors_fatal` is lost: no host goes on.
    fatal: AtomicBool,
    local: OnceCell<Host>,
    recaps: Mutex<BTreeMap<String, Recap>>,
}

/// The variables of all hosts, for `hostvars` too.
#[derive(Debug)]
pub struct HostScopes {
    names: Vec<String>,
    scopes: HashMap<String, Arc<Scope>>,
}

impl Hosts for HostScopes {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn scope(&self, host: &str) -> Option<Arc<Scope>> {
        self.scopes.get(host).cloned()
    }
}

/// A play with the hosts that its pattern and the limit select.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The play.
    pub play: Arc<Play>,
    /// Its hosts, in order.
    pub hosts: Vec<String>,
}

/// What a run is made of.
pub struct Parts {
    /// What the operator asked for.
    pub options: Options,
    /// The inventory.
    pub inventory: Arc<Inventory>,
    /// Renders templates.
    pub renderer: Renderer,
    /// The controller's own answers.
    pub controller: Controller,
    /// What is known of hosts from earlier runs.
    pub memory: Memory,
    /// Set where the run has to end.
    pub stop: Arc<AtomicBool>,
    /// How hosts are reached.
    pub connections: Connections,
    /// Where events go.
    pub events: mpsc::UnboundedSender<Event>,
}

impl Shared {
    /// A run's shared parts.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let inventory_scopes = Arc::new(HostScopes::of(&parts.inventory));
        let groups = parts.inventory.groups();
        let groups = groups.map(|group| {
            let hosts = parts.inventory.hosts_of(group).unwrap_or_default();
            (group.to_string(), hosts.iter().map(|host| Json::from(&**host)).collect::<Json>())
        });
        let groups = Json::Object(groups.collect());
        Arc::new(Self {
            options: parts.options,
            inventory: parts.inventory,
            renderer: parts.renderer,
            controller: parts.controller,
            memory: parts.memory,
            stop: parts.stop,
            connections: parts.connections,
            inventory_scopes,
            groups,
            events: parts.events,
            overlays: Mutex::default(),
            seen: Mutex::default(),
            turns: Mutex::default(),
            fatal: AtomicBool::new(false),
            local: OnceCell::new(),
            recaps: Mutex::default(),
        })
    }

    /// Says what happened. A report that is gone is no reason to stop.
    pub fn emit(&self, event: Event) {
        _ = self.events.send(event.masked());
    }

    /// 32 random hex digits.
    ///
    /// # Panics
    /// The system has no randomness to give.
    #[must_use]
    pub fn random(&self) -> String {
        let mut bytes = [0; 16];
        // Without randomness a host could forge frames; the system's generator fails only where nothing works at all.
        aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether hosts have to end before their next step.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.fatal.load(Ordering::Relaxed)
    }

    /// The turn of a host among those that may do something one at a time only; it ends when the guard is dropped.
    pub async fn turn(&self, name: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(name.to_owned()).or_default())
        };
        turn.lock_owned().await
    }

    /// The changes that earlier plays have planned for a host.
    #[must_use]
    pub fn overlay_of(&self, host: &str) -> Overlay {
        self.overlays.lock().unwrap_or_else(PoisonError::into_inner).remove(host).unwrap_or_default()
    }

    /// What earlier plays have planned for other hosts, as far as this one sees it.
    #[must_use]
    pub fn elsewhere(&self, host: &str) -> Overlay {
        let mut elsewhere = Overlay::default();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|(name, _)| *name != host).for_each(|(_, overlay)| elsewhere.join(overlay));
        elsewhere
    }

    /// Keeps the changes that a play has planned for a host.
    pub fn keep_overlay(&self, host: &str, overlay: Overlay) {
        let seen = overlay.seen_everywhere();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), seen);
        self.overlays.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), overlay);
    }

    /// The controller as a host: modules that are delegated to it need its facts.
    pub async fn controller_host(&self) -> Host {
        let find = async || {
            let facts = self.connections.local_facts(&self.random(), &self.options.limits).await;
            Host::new("localhost", facts)
        };
        self.local.get_or_init(find).await.clone()
    }

    /// Finds every host whose connection variables cannot be used, before any process is started.
    ///
    /// # Errors
    /// All that is wrong with them, each at its place.
    pub fn preflight(&self, plays: &[Selected]) -> Result<(), Problems> {
        let mut problems = Problems::new();
        let mut seen = BTreeSet::new();
        for Selected { play, hosts } in plays {
            for name in hosts {
                let upper = Arc::new(self.variables(play, name, hosts, hosts).upper);
                if let Err(NoWay::Wrong(more)) =
                    self.connections.to(name, &self.inventory, &self.renderer, &upper)
                    && seen.insert(more.to_string())
                {
                    problems.extend(more);
                }
            }
        }
        problems.or(())
    }

    /// Runs playbooks. Gives what became of every selected host.
    pub async fn run(self: &Arc<Self>, plays: &[Selected]) -> BTreeMap<String, Recap> {
        for selected in plays {
            let mut recaps = self.recaps.lock().unwrap_or_else(PoisonError::into_inner);
            for host in &selected.hosts {
                recaps.entry(host.clone()).or_default();
            }
        }
        for selected in plays {
            if self.stops() {
                break;
            }
            self.play(selected).await;
        }
        self.recaps.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn play(self: &Arc<Self>, selected: &Selected) {
        let play = &selected.play;
        let name = play.name.as_ref().unwrap_or(&play.hosts);
        let scope = Arc::new(self.options.extra_scope());
        let name = self.renderer.text(name, &scope).unwrap_or_else(|_| play.shown_name().to_owned());
        self.emit(Event::PlayStarted { play: name, hosts: selected.hosts.clone() });
        // What a host of an earlier play owes to this one is not there: Ansible would go on without it.
        if play.any_errors_fatal
            && let Some(lost) = selected.hosts.iter().find(|host| !self.goes_on(host))
        {
            self.end_for(lost);
        }
        for batch in play.batches(&selected.hosts) {
            let batch: Vec<String> = batch.into_iter().filter(|host| self.goes_on(host)).collect();
            if batch.is_empty() || self.stops() {
                continue;
            }
            self.emit(Event::BatchStarted { hosts: batch.clone(), tasks: heads(play, &self.options.tags) });
            self.batch(play, &batch, selected).await;
            self.emit(Event::BatchFinished);
            if !batch.iter().any(|host| self.goes_on(host)) {
                // Ansible's rule: a batch that is lost whole ends the play, so that the next one is not lost too.
                break;
            }
        }
    }

    async fn batch(self: &Arc<Self>, play: &Arc<Play>, batch: &[String], selected: &Selected) {
        let forks = Arc::new(Semaphore::new(self.options.forks.max(1)));
        let mut hosts = JoinSet::new();
        for name in batch {
            let (shared, play, forks) = (Arc::clone(self), Arc::clone(play), Arc::clone(&forks));
            let (name, batch, all) = (name.clone(), batch.to_vec(), selected.hosts.clone());
            hosts.spawn(async move {
                let _slot = forks.acquire_owned().await;
                let recap = Box::pin(shared.host(&play, &name, &batch, &all)).await;
                if play.any_errors_fatal && recap.state.is_lost() && recap.state != State::Aborted {
                    shared.end_for(&name);
                }
                (name, recap)
            });
        }
        while let Some(joined) = hosts.join_next().await {
            match joined {
                Ok((name, recap)) => self.keep_recap(&name, recap),
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => {}
            }
        }
    }

    async fn host(self: &Arc<Self>, play: &Play, name: &str, batch: &[String], all: &[String]) -> Recap {
        let earlier =
            self.recaps.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned().unwrap_or_default();
        let variables = self.variables(play, name, batch, all);
        let connection =
            self.connections.to(name, &self.inventory, &self.renderer, &Arc::new(variables.upper.clone()));
        let connection = match connection {
            Ok(connection) => connection,
            Err(no_way) => {
                let (state, reason) = match no_way {
                    NoWay::Unsupported(reason) => (State::Unsupported, reason),
                    NoWay::Unreachable(reason) => {
                        let earlier = Recap { unreachable: 1, ..earlier };
                        return self.lose(name, State::Unreachable, reason, earlier);
                    }
                    NoWay::Wrong(problems) => (State::Failed, wrong_connection(&problems)),
                };
                return self.lose(name, state, reason, earlier);
            }
        };
        let settings = match self.settings(&Arc::new(variables.upper.clone())) {
            Ok(settings) => settings,
            Err(reason) => return self.lose(name, State::Failed, reason, earlier),
        };
        let memory = self.memory.host(&connection.key);
        let mut host = Host::new(name, modules::Facts::default());
        host.settings = settings;
        let run = HostRun {
            shared: self,
            play,
            host,
            transport: connection.transport,
            controller: self.connections.local(),
            facts_read: false,
            facts_body: None,
            memory,
            memory_key: connection.key,
            overlay: Overlay::default(),
            elsewhere: Overlay::default(),
            controller_overlay: Overlay::default(),
            epoch: 0,
            acting: false,
            variables,
            notified: BTreeSet::new(),
            loop_results: Vec::new(),
            loop_failed: false,
            loop_outcome: None,
            loop_unknown: None,
            recap: earlier,
            witnesses: Vec::new(),
        };
        Box::pin(run.run()).await
    }

    /// Ends the run for the sake of a host that is lost, in a play with `any_errors_fatal`.
    fn end_for(&self, host: &str) {
        if self.fatal.swap(true, Ordering::Relaxed) {
            return;
        }
        let text = format!("the run ends here: `{host}` is lost, and the play says `any_errors_fatal`");
        self.emit(Event::Said { text, warning: true });
    }

    /// A host that is lost before anything was sent to it.
    fn lose(&self, name: &str, state: State, reason: Reason, earlier: Recap) -> Recap {
        let (host, why) = (name.to_owned(), reason.clone());
        self.emit(match state {
            State::Unreachable => Event::HostUnreachable { host, reason: why },
            _ => Event::HostFailed { host, reason: why },
        });
        self.emit(Event::HostFinished { host: name.to_owned() });
        Recap { state, reason: Some(reason), ..earlier }
    }

    /// What a host's variables say of it as a whole.
    fn settings(&self, scope: &Arc<Scope>) -> Result<BTreeMap<String, String>, Reason> {
        let mut settings = BTreeMap::new();
        for name in modules::SETTINGS {
            let value = self.renderer.variable(name, scope).map_err(|error| {
                let problem = problem_of(error);
                Reason {
                    kind: "inventory".to_owned(),
                    message: problem.message,
                    help: problem.help,
                    place: None,
                }
            })?;
            match value {
                None | Some(Json::Null) => {}
                Some(Json::String(text)) => _ = settings.insert((*name).to_owned(), text),
                Some(other) => _ = settings.insert((*name).to_owned(), other.to_string()),
            }
        }
        Ok(settings)
    }

    fn variables(&self, play: &Play, name: &str, batch: &[String], all: &[String]) -> Variables {
        let inventory = self.inventory_scopes.scope(name).unwrap_or_default();
        let mut base = Scope::child(inventory);
        for (name, node) in &play.vars {
            if let Ok(value) = node.to_source() {
                base.set_source(name.clone(), &value);
            }
        }
        let base = Arc::new(base);
        let mut variables = Variables {
            upper: Scope::child(Arc::clone(&base)),
            base,
            upper_names: BTreeSet::new(),
            fixed: BTreeSet::new(),
        };
        for (name, value) in &self.options.extra {
            variables.upper.set_source(name.clone(), value);
            variables.upper_names.insert(name.clone());
        }
        for (key, value) in self.magic(play, name, batch, all) {
            variables.set_literal(&key, &value);
        }
        variables.upper.set_hosts("hostvars", Arc::clone(&self.inventory_scopes) as Arc<dyn Hosts>);
        variables.upper_names.insert("hostvars".to_owned());
        variables.fixed.clone_from(&variables.upper_names);
        variables
    }

    fn magic(&self, play: &Play, name: &str, batch: &[String], all: &[String]) -> Map<String, Json> {
        let groups = self.inventory.groups_of(name);
        let value = json!({
            "inventory_hostname": name,
            "inventory_hostname_short": name.split('.').next(),
            "group_names": groups.iter().map(|group| &**group).filter(|group| *group != "all").collect::<Vec<_>>(),
            "groups": self.groups,
            "ansible_check_mode": self.options.check,
            "ansible_play_hosts": all,
            "ansible_play_hosts_all": all,
            "ansible_play_batch": batch,
            "playbook_dir": absolute(&play.directory),
        });
        match value {
            Json::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn goes_on(&self, host: &str) -> bool {
        let recaps = self.recaps.lock().unwrap_or_else(PoisonError::into_inner);
        !recaps.get(host).is_some_and(|recap| recap.state.is_lost())
    }

    fn keep_recap(&self, host: &str, recap: Recap) {
        self.recaps.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), recap);
    }
}

impl HostScopes {
    fn of(inventory: &Inventory) -> Self {
        let names: Vec<String> = inventory.hosts().map(ToString::to_string).collect();
        let scopes = names.iter().map(|name| {
            let mut scope = Scope::new();
            for (variable, sourced) in inventory.vars(name) {
                if let Ok(value) = sourced.node().to_source() {
                    scope.set_source(variable.to_string(), &value);
                }
            }
            (name.clone(), Arc::new(scope))
        });
        Self { scopes: scopes.collect(), names }
    }
}

fn wrong_connection(problems: &Problems) -> Reason {
    let first = problems.0.first();
    Reason {
        kind: "inventory".to_owned(),
        message: problems.to_string(),
        help: first.and_then(|problem| problem.help.clone()),
        place: None,
    }
}

/// The tasks that a batch may run, in order.
fn heads(play: &Play, tags: &Tags) -> Vec<TaskHead> {
    let head = |(index, task): (usize, &Task)| TaskHead {
        index,
        name: task.shown_name().to_owned(),
        module: task.module.name.to_owned(),
        item: None,
        handler: index >= play.tasks.len(),
    };
    let all = play.tasks.iter().chain(&play.handlers).enumerate();
    all.filter(|(index, task)| *index >= play.tasks.len() || tags.select(&task.tags)).map(head).collect()
}

fn absolute(directory: &std::path::Path) -> String {
    let here = if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory.to_path_buf() };
    std::fs::canonicalize(&here).unwrap_or(here).display().to_string()
}

/// The plays of playbooks, in order.
#[must_use]
pub fn plays(playbooks: &[Playbook]) -> Vec<Arc<Play>> {
    playbooks.iter().flat_map(|playbook| playbook.plays.iter().cloned()).collect()
}
